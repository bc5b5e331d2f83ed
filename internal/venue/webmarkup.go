package venue

import (
	"html"
	"slices"
	"strings"
)

// A pair is a form field's name and value, or an option's value and text.
type pair [2]string

// A control is one control of a form, in its present state.
type control struct {
	kind  string // the type of an input, "button" for a <button>, or select, textarea
	name  string
	label string // of its row; the text on a button
	value string
	note  string // behind the control
	opts  []pair
	on    bool   // a checkbox is
	off   bool   // disabled
	role  string // peak, energy, or free: what a browser's user may change without a complaint
}

func (c control) isButton() bool { return c.kind == "submit" || c.kind == "button" }

// sets reports whether a posted value sets a reset.
func (c control) sets(value string, has bool) bool {
	return has && (c.kind == "checkbox" || len(c.opts) > 1 && value == c.opts[1][0])
}

func lookup(form []pair, name string) (string, bool) {
	i := slices.IndexFunc(form, func(p pair) bool { return p[0] == name })
	if i < 0 {
		return "", false
	}
	return form[i][1], true
}

// A tagStyle is how tags are written.
type tagStyle struct {
	upper bool   // in upper case
	bare  bool   // values of letters and digits without quotes
	xhtml bool   // closed by a slash, and flags with values
	quote string // instead of double ones
}

// tag writes a start tag with attributes and their values in turn; one without
// a value comes last, as a flag. Empty names are left out.
func (s tagStyle) tag(name string, attrs ...string) string {
	var b strings.Builder
	write := func(word string) {
		if s.upper {
			word = strings.ToUpper(word)
		}
		b.WriteString(word)
	}
	write("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i] != "" {
			write(" " + attrs[i])
			b.WriteString("=" + s.value(attrs[i+1], name == "option"))
		}
	}
	if len(attrs)%2 == 1 && attrs[len(attrs)-1] != "" {
		write(" " + attrs[len(attrs)-1])
		if s.xhtml {
			b.WriteString(`="true"`)
		}
	}
	if s.xhtml && name == "input" {
		b.WriteString(" /")
	}
	return b.String() + ">"
}

func (s tagStyle) value(v string, bare bool) string {
	isWord := v != "" && strings.Trim(v, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
	if isWord && (bare || s.bare) {
		return v
	}
	quote := s.quote
	if quote == "" {
		quote = `"`
	}
	return quote + html.EscapeString(v) + quote
}

func when(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

package venue

import (
	"errors"
	"html"
	"net/url"
	"slices"
	"strings"
)

// A pair is a form field's name and value, an attribute's name and value, or an
// option's value and text.
type pair [2]string

func lookup(form []pair, name string) (value string, ok bool) {
	i := slices.IndexFunc(form, func(p pair) bool { return p[0] == name })
	if i < 0 {
		return "", false
	}
	return form[i][1], true
}

// A control is one control of a form, in its present state.
type control struct {
	kind    string // the type of an input, "button" for a <button>, or select, textarea
	name    string
	label   string // of its row; the text on a button
	value   string
	note    string // after the control
	options []pair
	checked bool
	off     bool   // disabled
	role    string // peak, energy, or free: users may change these
}

func (c control) isButton() bool { return c.kind == "submit" || c.kind == "button" }

// resets reports whether a posted value of the control asks for a reset.
func (c control) resets(value string, posted bool) bool {
	return posted && (c.kind == "checkbox" || len(c.options) > 1 && value == c.options[1][0])
}

// A tagStyle is how tags are written.
type tagStyle struct {
	upper bool   // in upper case
	bare  bool   // values of letters and digits without quotes
	xhtml bool   // closed by a slash, and flags with values
	quote string // instead of double ones
}

// tag writes a start tag.
func (s tagStyle) tag(name string, attributes ...pair) string {
	word := func(w string) string {
		if s.upper {
			return strings.ToUpper(w)
		}
		return w
	}
	t := "<" + word(name)
	for _, a := range attributes {
		t += " " + word(a[0])
		switch isFlag := slices.Contains([]string{"checked", "selected", "disabled"}, a[0]); {
		case isFlag && s.xhtml:
			t += `="true"`
		case !isFlag:
			t += "=" + s.value(a[1], name == "option")
		}
	}
	if s.xhtml && name == "input" {
		t += " /"
	}
	return t + ">"
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

// input writes a control without its label; id is "" if it has none.
func (s tagStyle) input(c control, id string) string {
	var common []pair
	if c.name != "" {
		common = append(common, pair{"name", c.name})
	}
	if id != "" {
		common = append(common, pair{"id", id})
	}
	flag := func(is bool, name string) []pair {
		if is {
			return []pair{{name}}
		}
		return nil
	}

	switch c.kind {
	case "textarea":
		return s.tag("textarea", append(common, pair{"rows", "2"}, pair{"cols", "30"})...) +
			html.EscapeString(c.value) + "</textarea>"
	case "select":
		t := s.tag("select", common...)
		for _, o := range c.options {
			var value []pair
			if o[0] != o[1] {
				value = []pair{{"value", o[0]}}
			}
			t += s.tag("option", append(value, flag(o[0] == c.value, "selected")...)...) + o[1]
		}
		return t + "</select>"
	case "radio":
		t := ""
		for _, o := range c.options {
			button := []pair{{"type", "radio"}, {"name", c.name}, {"id", c.name + o[0]}, {"value", o[0]}}
			t += s.tag("input", append(button, flag(o[0] == c.value, "checked")...)...) +
				s.tag("label", pair{"for", c.name + o[0]}) + o[1] + "</label> "
		}
		return t
	case "button":
		return s.tag("button", append(common, pair{"type", "submit"}, pair{"value", c.value})...) + c.label + "</button>"
	}

	attributes := append([]pair{{"type", c.kind}}, common...)
	if c.kind != "checkbox" || c.value != "on" { // the default value
		attributes = append(attributes, pair{"value", c.value})
	}
	attributes = append(attributes, flag(c.checked, "checked")...)
	return s.tag("input", append(attributes, flag(c.off, "disabled")...)...)
}

// browserSends returns what a browser sends of a form when its main button is
// pressed, after the user has changed what users may change to what was posted.
func browserSends(form []control, posted []pair) (sent []pair) {
	for _, c := range form {
		value, has := lookup(posted, c.name)
		isReset := c.role == "peak" || c.role == "energy"
		switch {
		case isReset && c.kind == "checkbox":
			c.checked = has
		case isReset && c.resets(value, has), c.role == "free":
			c.value = value
		}
		isOtherButton := c.kind == "reset" || c.isButton() && c.label == "Cancel"
		switch {
		case c.off, isOtherButton, c.kind == "checkbox" && !c.checked:
			continue
		case c.kind == "textarea":
			c.value = strings.ReplaceAll(c.value, "\n", "\r\n")
		}
		sent = append(sent, pair{c.name, c.value})
	}
	return sent
}

// decodeForm returns the fields of a posted form in their order.
func decodeForm(body string, latin1 bool) (form []pair, err error) {
	for field := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(field, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if err := errors.Join(nameErr, valueErr); err != nil {
			return nil, err
		}
		if latin1 {
			name, value = fromLatin1(name), fromLatin1(value)
		}
		form = append(form, pair{name, value})
	}
	return form, nil
}

func fromLatin1(s string) string {
	var runes []rune
	for _, b := range []byte(s) {
		runes = append(runes, rune(b))
	}
	return string(runes)
}

func toLatin1(s string) string {
	var b []byte
	for _, r := range s {
		if r > 255 {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return string(b)
}

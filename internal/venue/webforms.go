package venue

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// A pair is a form field's name and value, or an option's value and text.
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
	kind     string // the type of an input, "button" for a <button>, or select, textarea
	name     string
	label    string // of its row; the text on a button
	value    string
	note     string // after the control
	options  []pair
	checked  bool
	disabled bool
	role     string // peak, energy, or free: users may change these
}

// id is the ID that labels refer to.
func (c control) id() string { return "i" + c.name }

func (c control) isButton() bool { return c.kind == "submit" || c.kind == "button" }

// resets reports whether a posted value of the control requests a reset.
func (c control) resets(value string, posted bool) bool {
	return posted && (c.kind == "checkbox" || len(c.options) > 1 && value == c.options[1][0])
}

// A tagStyle is how tags are written.
type tagStyle struct {
	upper bool   // in upper case
	bare  bool   // values of letters and digits without quotes
	xhtml bool   // inputs closed by a slash, and flags with values
	quote string // around other values

	labels bool // <label for>, and IDs for that
}

// tag writes a start tag with attributes.
func (s tagStyle) tag(name string, attributes ...string) string {
	parts := strings.Split("<"+name+strings.Join(attributes, "")+">", `"`)
	for i, part := range parts {
		isValue := i%2 == 1
		switch {
		case isValue && s.bare && isWord(part):
		case isValue:
			parts[i] = s.quote + part + s.quote
		case s.upper:
			parts[i] = strings.ToUpper(part)
		}
	}
	return strings.Join(parts, "")
}

func isWord(s string) bool {
	return strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// attribute returns an attribute for tag, or none without a value.
func attribute(name, value string) string {
	if value == "" {
		return ""
	}
	return " " + name + `="` + escapeHTML(value) + `"`
}

// flag returns an attribute that has no value in HTML, if it is on.
func (s tagStyle) flag(name string, on bool) string {
	switch {
	case !on:
		return ""
	case s.xhtml:
		return attribute(name, "true")
	}
	return " " + name
}

// input writes a control without its label.
func (s tagStyle) input(c control) string {
	name, id, value, end := attribute("name", c.name), "", attribute("value", c.value), ""
	if s.labels {
		id = attribute("id", c.id())
	}
	if s.xhtml {
		end = " /"
	}

	text := ""
	switch c.kind {
	case "textarea":
		return s.tag("textarea", name, id, ` rows="2" cols="30"`) + escapeHTML(c.value) + "</textarea>"
	case "button":
		return s.tag("button", ` type="submit"`, name, value) + c.label + "</button>"
	case "select":
		for _, o := range c.options {
			value := " value=" + o[0] // never in quotes
			if o[0] == o[1] {
				value = ""
			}
			text += s.tag("option", value, s.flag("selected", o[0] == c.value)) + o[1]
		}
		return s.tag("select", name, id) + text + "</select>"
	case "radio":
		for _, o := range c.options {
			id := c.id() + o[0]
			text += s.tag("input", ` type="radio"`, name, attribute("id", id), attribute("value", o[0]),
				s.flag("checked", o[0] == c.value), end) + s.tag("label", attribute("for", id)) + o[1] + "</label> "
		}
		return text
	case "checkbox":
		if c.value == "on" { // the default
			value = ""
		}
	}
	return s.tag("input", attribute("type", c.kind), name, id, value,
		s.flag("checked", c.checked), s.flag("disabled", c.disabled), end)
}

// browserSends returns what a browser sends if the user presses the main button of
// a form. Controls that users may change have the values that were posted.
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
		case c.disabled, isOtherButton, c.kind == "checkbox" && !c.checked:
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

var htmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

func escapeHTML(text string) string { return htmlEscaper.Replace(text) }

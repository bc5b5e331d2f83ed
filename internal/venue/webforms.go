package venue

import (
	"errors"
	"fmt"
	"html"
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
}

// tag writes a start tag in the style. The format has %s for the values.
func (s tagStyle) tag(format string, values ...string) string {
	var escaped []any
	for _, v := range values {
		escaped = append(escaped, html.EscapeString(v))
	}
	isBare := s.bare || strings.HasPrefix(format, "<option")
	parts := strings.Split(fmt.Sprintf(format, escaped...), `"`)
	for i, part := range parts {
		isValue := i%2 == 1
		switch {
		case isValue && isBare && isWord(part):
		case isValue:
			parts[i] = s.quote + part + s.quote
		case s.upper:
			parts[i] = strings.ToUpper(part)
		}
	}
	return strings.Join(parts, "")
}

func isWord(s string) bool {
	return s != "" && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// flag writes an attribute that has no value in HTML.
func (s tagStyle) flag(name string, on bool) string {
	switch {
	case !on:
		return ""
	case s.xhtml:
		return " " + name + `="true"`
	}
	return " " + name
}

// input writes a control without its label.
func (s tagStyle) input(c control) string {
	text, end := "", ">"
	if s.xhtml {
		end = " />"
	}
	switch c.kind {
	case "textarea":
		return s.tag(`<textarea name="%s" id="%s" rows="2" cols="30">`, c.name, c.id()) +
			html.EscapeString(c.value) + "</textarea>"
	case "button":
		return s.tag(`<button type="submit" name="%s" value="%s">`, c.name, c.value) + c.label + "</button>"
	case "select":
		for _, o := range c.options {
			flag := s.flag("selected", o[0] == c.value)
			if o[0] == o[1] { // the text is the value
				text += s.tag("<option"+flag+">") + o[1]
			} else {
				text += s.tag(`<option value="%s"`+flag+">", o[0]) + o[1]
			}
		}
		return s.tag(`<select name="%s" id="%s">`, c.name, c.id()) + text + "</select>"
	case "radio":
		for _, o := range c.options {
			id := c.id() + o[0]
			text += s.tag(`<input type="radio" name="%s" id="%s" value="%s"`+s.flag("checked", o[0] == c.value)+end,
				c.name, id, o[0]) + s.tag(`<label for="%s">`, id) + o[1] + "</label> "
		}
		return text
	case "checkbox":
		flag := s.flag("checked", c.checked)
		if c.value == "on" { // the default
			return s.tag(`<input type="checkbox" name="%s" id="%s"`+flag+end, c.name, c.id())
		}
		return s.tag(`<input type="checkbox" name="%s" id="%s" value="%s"`+flag+end, c.name, c.id(), c.value)
	}
	return s.tag(`<input type="%s" name="%s" id="%s" value="%s"`+s.flag("disabled", c.off)+end,
		c.kind, c.name, c.id(), c.value)
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

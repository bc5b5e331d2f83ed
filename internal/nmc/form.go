package nmc

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A form has its controls in page order, with the values that a browser would
// show.
type form struct {
	name, id       string
	action, method string
	encoding       string // as its enctype says: "" is application/x-www-form-urlencoded
	latin1         bool   // it is sent in ISO-8859-1, not in UTF-8
	controls       []control
}

// A control is an <input>, <select>, <textarea> or <button>.
type control struct {
	kind        string // the type of an input or button, "select" or "textarea"
	name, value string
	caption     string // the text on a button
	options     []option
	overrides   bool // a button that overrides the form's action, method or encoding
	labels      labels

	checked, disabled, multiple bool
}

type option struct {
	value, text        string
	hasValue           bool // it has a value attribute
	selected, disabled bool
}

func (c control) isButton() bool {
	switch c.kind {
	case "submit", "reset", "button", "image":
		return true
	}
	return false
}

// labels are the texts about a control. They are found by the layout alone, not
// by the meaning of words.
type labels struct {
	own      string    // its <label>s
	after    string    // the text that follows it directly
	rows     []row     // the text around it, from the inside out
	beside   string    // the cells without controls in its table row
	column   string    // the heading of its column
	columns  string    // the headings of all columns
	headings []caption // the headings of its sections, from the inside out
}

// A row is the text of an element that contains no other control.
type row struct {
	text string
	// certain is set for rows of tables and definition lists with several rows:
	// nothing around them says more about the control. A block may be a row or
	// not.
	certain bool
}

// A caption is the heading of a section.
type caption struct {
	text    string
	between string // the text from the heading to the control
	far     bool   // it is too long to be sure that the heading still applies
}

// sameRadio reports whether two controls of a form exclude each other.
func sameRadio(a, b *control) bool {
	return a.kind == "radio" && b.kind == "radio" && a.name == b.name
}

// isPost reports whether a form is sent by POST in the encoding that submit
// writes.
func (f form) isPost() bool {
	return f.method == "post" && (f.encoding == "" || f.encoding == "application/x-www-form-urlencoded")
}

// find returns the index of the first control with the name, or -1.
func (f form) find(name string) int {
	return slices.IndexFunc(f.controls, func(c control) bool { return c.name == name })
}

// firstButton returns the index of the button that the Enter key presses, or
// -1.
func (f form) firstButton() int {
	return slices.IndexFunc(f.controls, func(c control) bool { return c.kind == "submit" && !c.disabled })
}

// count returns how many controls of the given kinds a form has.
func (f form) count(kinds ...string) int {
	n := 0
	for _, c := range f.controls {
		if slices.Contains(kinds, c.kind) {
			n++
		}
	}
	return n
}

// edit copies the form's controls so that they can be changed, and returns
// control i.
func (f *form) edit(i int) *control {
	f.controls = slices.Clone(f.controls)
	return &f.controls[i]
}

// fill returns the form with another value in control i.
func (f form) fill(i int, value string) form {
	f.edit(i).value = value
	return f
}

// check returns the form with control i, a checkbox or radio button, checked.
func (f form) check(i int) form {
	c := f.edit(i)
	for k := range f.controls {
		if other := &f.controls[k]; k == i || sameRadio(c, other) {
			other.checked = k == i
		}
	}
	return f
}

// choose returns the form with option k selected in control i, a select.
func (f form) choose(i, k int) form {
	c := f.edit(i)
	c.options = slices.Clone(c.options)
	for n := range c.options {
		c.options[n].selected = n == k || c.multiple && c.options[n].selected
	}
	return f
}

// submit returns what a browser sends if the button at an index is pressed; -1
// means no button.
func (f form) submit(button int) string {
	var fields []string
	add := func(name, value string) {
		fields = append(fields, f.escape(name)+"="+f.escape(value))
	}
	for i, c := range f.controls {
		switch {
		case c.disabled, c.name == "", c.isButton() && (c.kind != "submit" || i != button):
		case (c.kind == "checkbox" || c.kind == "radio") && !c.checked:
		case c.kind == "select":
			for _, o := range c.options {
				if o.selected && !o.disabled {
					add(c.name, o.value)
				}
			}
		default:
			add(c.name, c.value)
		}
	}
	return strings.Join(fields, "&")
}

// escape encodes s as browsers do in application/x-www-form-urlencoded.
func (f form) escape(s string) string {
	s = strings.ReplaceAll(unixLines(s), "\n", "\r\n")
	if f.latin1 {
		s = toLatin1(s)
	}
	return browserEscapes.Replace(url.QueryEscape(s))
}

// browserEscapes corrects the characters that browsers escape differently from
// url.QueryEscape.
var browserEscapes = strings.NewReplacer("~", "%7E", "%2A", "*")

// toLatin1 encodes a string in ISO-8859-1. As in browsers, other characters
// become character references.
func toLatin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r <= 0xff {
			b = append(b, byte(r))
		} else {
			b = fmt.Appendf(b, "&#%d;", r)
		}
	}
	return string(b)
}

// unixLines returns s with \n as the only line break.
func unixLines(s string) string { return lineBreaks.Replace(s) }

var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

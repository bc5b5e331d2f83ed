package nmc

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A form has its controls in the order of the page, with the values that a
// browser would show.
type form struct {
	name, id       string
	action, method string
	encoding       string // as its enctype says: "" is application/x-www-form-urlencoded
	latin1         bool   // it is sent in ISO-8859-1, otherwise in UTF-8
	controls       []control
}

// A control is an <input>, <select>, <textarea> or <button>.
type control struct {
	kind        string // the type of an input or button, "select" or "textarea"
	name, value string
	caption     string // the text on a button
	options     []option
	overrides   bool // a button with an action or method other than the form's
	labels      labels

	checked, disabled, multiple bool
}

type option struct {
	value, text        string
	hasValue           bool // by an attribute
	selected, disabled bool
}

func (c control) isButton() bool {
	switch c.kind {
	case "submit", "reset", "button", "image":
		return true
	}
	return false
}

// labels are what a page says of a control. They were found by
// the layout alone, not by what the words mean.
type labels struct {
	own     string    // its <label>s
	after   string    // the text that follows it directly
	rows    []row     // the text around it, from the inside out
	beside  string    // in its row of a table: the cells without controls
	column  string    // the head of its column
	columns string    // the heads of all columns
	heads   []caption // of its sections, from the inside out
}

// A row is the text of an element that has no other control in it.
type row struct {
	text string
	// certain rows are those of tables and definition lists that have several:
	// nothing around them says more of the control than they do. Of a block
	// nobody knows whether it is a row.
	certain bool
}

// A caption is the heading of a section.
type caption struct {
	text    string
	between string // the text from the heading to the control
	far     bool   // that is too long to be sure that the heading still holds
}

// sameRadio reports whether two controls of a form exclude each other.
func sameRadio(a, b *control) bool {
	return a.kind == "radio" && b.kind == "radio" && a.name == b.name
}

// isPost reports whether a form is sent as submit writes it.
func (f form) isPost() bool {
	return f.method == "post" && (f.encoding == "" || f.encoding == "application/x-www-form-urlencoded")
}

// find returns the index of the first control with a name, or -1.
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

// edit makes the form's controls its own, and returns control i.
func (f *form) edit(i int) *control {
	f.controls = slices.Clone(f.controls)
	return &f.controls[i]
}

// fill returns the form with another value in control i.
func (f form) fill(i int, value string) form {
	f.edit(i).value = value
	return f
}

// check returns the form with control i checked, a checkbox or radio button.
func (f form) check(i int) form {
	c := f.edit(i)
	for k := range f.controls {
		if other := &f.controls[k]; k == i || sameRadio(c, other) {
			other.checked = k == i
		}
	}
	return f
}

// choose returns the form with option k chosen in control i, a select.
func (f form) choose(i, k int) form {
	c := f.edit(i)
	c.options = slices.Clone(c.options)
	for n := range c.options {
		c.options[n].selected = n == k || c.multiple && c.options[n].selected
	}
	return f
}

// submit returns what a browser sends when the button with that index is
// pressed; -1 stands for none.
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

// escape writes application/x-www-form-urlencoded as browsers do.
func (f form) escape(s string) string {
	s = strings.ReplaceAll(unixLines(s), "\n", "\r\n")
	if f.latin1 {
		s = toLatin1(s)
	}
	return browserEscapes.Replace(url.QueryEscape(s))
}

// browserEscapes are the characters in which browsers differ from
// url.QueryEscape.
var browserEscapes = strings.NewReplacer("~", "%7E", "%2A", "*")

// toLatin1 encodes a string in ISO-8859-1. What has no place in that becomes
// a character reference, as in a browser.
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

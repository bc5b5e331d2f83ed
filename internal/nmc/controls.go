package nmc

import (
	"cmp"
	"slices"
	"strings"
)

// A controlReader collects the controls of a page.
type controlReader struct {
	fields   []*field
	ids      map[string]int        // the number of controls by id
	radios   map[radioGroup]*field // the first of each group
	tooLarge bool                  // there are more than maxFields

	textarea  *field // the open <textarea>
	button    *field // the open <button>
	selecting *field // the open <select>
	inOption  bool
	inner     []byte // the text in the open option or button
}

// maxFields limits the controls of a page. Real pages have a few dozen.
const maxFields = 2000

// A radioGroup identifies radio buttons of a form that exclude each other.
type radioGroup struct {
	form int
	name string
}

// add adds a control at the place that f has. The next tokens have what is
// inside it.
func (r *controlReader) add(t token, f *field) {
	if len(r.fields) == maxFields {
		r.tooLarge = true
		return
	}
	f.control = control{
		kind:      cmp.Or(strings.ToLower(t.attr("type")), "text"),
		name:      t.attr("name"),
		value:     t.attr("value"),
		overrides: t.has("formaction") || t.has("formmethod") || t.has("formenctype"),
		checked:   t.has("checked"),
		disabled:  t.has("disabled") || f.line.disabled,
		multiple:  t.has("multiple"),
	}
	f.id, f.formID = t.attr("id"), t.attr("form")
	r.fields = append(r.fields, f)
	r.ids[f.id]++
	f.group = r.groupOf(f)

	switch t.name {
	case "select":
		f.kind, f.value = t.name, ""
		r.selecting = f
	case "textarea":
		f.kind, f.value = t.name, ""
		r.textarea = f
	case "button":
		if f.kind != "reset" && f.kind != "button" {
			f.kind = "submit"
		}
		r.button = f
	case "input":
		f.value = inputValue(f.kind, f.value, t.has("value"))
		if f.isButton() {
			f.caption = fold(cmp.Or(f.value, t.attr("alt")))
		}
	}
	if f.kind != "hidden" {
		f.line.addControl(f)
	}
}

// groupOf returns the first radio button of a field's group, or the field.
func (r *controlReader) groupOf(f *field) *field {
	if f.kind != "radio" {
		return f
	}
	g := radioGroup{f.form, f.name}
	if r.radios[g] == nil {
		r.radios[g] = f
	}
	return r.radios[g]
}

// inputValue returns the value of an <input> as a browser sends it.
func inputValue(kind, value string, has bool) string {
	switch kind {
	case "checkbox", "radio":
		if !has {
			return "on"
		}
	case "submit":
		if !has {
			return "Submit"
		}
	case "text", "password":
		return strings.ReplaceAll(unixLines(value), "\n", "")
	}
	return value
}

// takeInSelect takes a token within a <select>, in which only options count. It
// reports whether the token belongs there; any other token ends the <select>.
func (r *controlReader) takeInSelect(t token) bool {
	switch {
	case t.kind == textToken:
		if r.inOption {
			r.inner = append(r.inner, t.text...)
		}
	case t.name == "option":
		r.endOption()
		r.inOption = t.kind == startTag
		if r.inOption {
			r.selecting.options = append(r.selecting.options, option{
				value:    t.attr("value"),
				hasValue: t.has("value"),
				selected: t.has("selected"),
				disabled: t.has("disabled"),
			})
		}
	case t.name == "select":
		r.endSelect()
	case endsControl(t):
		r.endSelect()
		return false
	}
	return true
}

// endOption finishes the open option. Without a value attribute, its text is
// its value.
func (r *controlReader) endOption() {
	if !r.inOption {
		return
	}
	o := &r.selecting.options[len(r.selecting.options)-1]
	text := string(r.inner)
	o.text = fold(text)
	if !o.hasValue {
		o.value = foldASCII(text)
	}
	r.inner, r.inOption = r.inner[:0], false
}

// endSelect finishes the open <select>. Unless it is multiple, one option is
// selected: the last one marked as selected, or else the first that can be.
func (r *controlReader) endSelect() {
	r.endOption()
	f := r.selecting
	r.selecting = nil
	chosen := -1
	for i, o := range f.options {
		if o.selected || chosen < 0 && !o.disabled {
			chosen = i
		}
	}
	for i := range f.options {
		f.options[i].selected = f.multiple && f.options[i].selected || !f.multiple && i == chosen
	}
}

// takeInButton takes a token within a <button>, whose text is its caption. It
// reports whether the token belongs there.
func (r *controlReader) takeInButton(t token) bool {
	switch {
	case t.kind == textToken:
		r.inner = append(r.inner, t.text...)
	case t.name == "button":
		r.endButton()
		return t.kind == endTag
	case endsControl(t):
		r.endButton()
		return false
	}
	return true
}

func (r *controlReader) endButton() {
	f := r.button
	r.button = nil
	f.caption = cmp.Or(fold(string(r.inner)), f.value)
	r.inner = r.inner[:0]
}

// endsControl reports whether a tag ends a <select> or <button> that has no
// end tag.
func endsControl(t token) bool {
	switch t.name {
	case "form", "table", "tr", "td", "th", "input", "textarea", "select", "button":
		return t.kind != textToken
	}
	return false
}

// finish ends what the page left open, and unchecks radio buttons: if several
// of a group are checked, the last one wins.
func (r *controlReader) finish() {
	if r.selecting != nil {
		r.endSelect()
	}
	if r.button != nil {
		r.endButton()
	}
	checked := make(map[*field]bool) // by group
	for _, f := range slices.Backward(r.fields) {
		if f.kind == "radio" && f.checked {
			f.checked = !checked[f.group]
			checked[f.group] = true
		}
	}
}

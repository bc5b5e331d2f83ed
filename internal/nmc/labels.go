package nmc

import (
	"slices"
	"strings"
)

const (
	maxLabel  = 500  // bytes; longer texts label nothing
	maxReach  = 2000 // bytes between a heading and what it labels
	maxLevels = 8    // labels, rows or headings considered
)

// A layout has what is needed of a page to find the labels of a control. Its
// methods are the rules, named after the fields that they fill.
type layout struct {
	text      string
	labelsFor map[string][]*element // <label for>, by their control's id
	ids       map[string]int        // the number of controls by id
	formOrder []int                 // the order of each form, among the elements
}

// label applies all rules to a control; next is the position of the next
// control.
func (p *layout) label(f *field, next int) labels {
	l := labels{
		own:      p.ownLabels(f),
		after:    p.textAfter(f, next),
		rows:     p.rowsAround(f),
		beside:   p.besideInRow(f),
		headings: p.sectionHeadings(f),
	}
	l.column, l.columns = p.columnHeading(f)
	return l
}

// brief returns part of the page's text, or "" if it is too long to be a label.
func (p *layout) brief(start, end int) string {
	if end-start > maxLabel {
		return ""
	}
	return strings.TrimSpace(p.text[start:end])
}

// ownLabels returns the text of the labels of a control: those for its id, in
// page order, or else the one around it.
func (p *layout) ownLabels(f *field) string {
	var texts []string
	if f.id != "" && p.ids[f.id] == 1 {
		for _, l := range p.labelsFor[f.id][:min(len(p.labelsFor[f.id]), maxLevels)] {
			if l.holdsOnly(f) {
				texts = append(texts, p.brief(l.start, l.end))
			}
		}
	}
	if around := f.line.within("label"); around != nil && len(texts) == 0 {
		if around.holdsOnly(f.group) {
			texts = append(texts, p.brief(around.start, around.end))
		}
	}
	return strings.TrimSpace(strings.Join(texts, " "))
}

// textAfter returns the text from a control to the next one or the end of the
// line.
func (p *layout) textAfter(f *field, next int) string {
	return p.brief(f.at, max(f.at, min(next, f.line.end)))
}

// rowsAround returns the rows of a control: its line, and the blocks and table
// rows around it that contain no other control. It stops at a section and at
// the form.
func (p *layout) rowsAround(f *field) []row {
	var rows []row
	for e := f.line; e.parent != nil && e.holdsOnly(f) && !e.isSection() && len(rows) < maxLevels; e = e.parent {
		if p.isAround(f, e) && e.isCell() {
			continue
		}
		text, ok := p.rowText(e)
		if !ok || p.isAround(f, e) && !isFormRow(e) {
			break
		}
		rows = addRow(rows, row{text, e.isCertainRow()})
	}
	return rows
}

// addRow adds a row around others, unless it says nothing new.
func addRow(rows []row, r row) []row {
	if n := len(rows); n > 0 && rows[n-1].text == r.text {
		rows[n-1].certain = rows[n-1].certain || r.certain
		return rows
	}
	if r.text == "" {
		return rows
	}
	return append(rows, r)
}

// isAround reports whether an element began before the form of a control.
func (p *layout) isAround(f *field, e *element) bool {
	return f.form >= 0 && e.order < p.formOrder[f.form]
}

// isFormRow reports whether an element around a form is a row that contains it.
// A row with links may be the layout of the whole page.
func isFormRow(e *element) bool {
	return e.name == "tr" && e.parent.rows > 1 && !e.linked
}

// rowText returns the text of an element, with the cells above that span into
// it if it is a table row. ok is false if the text is too long for a row.
func (p *layout) rowText(e *element) (text string, ok bool) {
	if e.end-e.start > maxLabel {
		return "", false
	}
	text = strings.TrimSpace(p.text[e.start:e.end])
	for _, c := range e.carried {
		if c.end-c.start > maxLabel {
			return "", false
		}
		text = strings.TrimSpace(p.brief(c.start, c.end) + " " + text)
	}
	return text, true
}

// besideInRow returns the text of the cells without controls in the table row
// of a control, and of all cells above that span into the row.
func (p *layout) besideInRow(f *field) string {
	tr := f.line.within("tr")
	if tr == nil || p.isAround(f, tr) { // the row may be the layout of the whole page
		return ""
	}
	var text strings.Builder
	for i, c := range slices.Concat(tr.carried, tr.cells) {
		isShared := i < len(tr.carried) || c.controls.first == nil
		if isShared && text.Len() < maxLabel {
			text.WriteString(p.brief(c.start, c.end) + " ")
		}
	}
	return strings.TrimSpace(text.String())
}

// columnHeading returns the heading of the column of a control that is alone in
// its cell, and the headings of all columns. Where cells span several rows, it
// does not count columns.
func (p *layout) columnHeading(f *field) (heading, all string) {
	cell := f.line.within("td", "th")
	if cell == nil || !cell.holdsOnly(f) {
		return "", ""
	}
	tr := cell.parent
	if tr.name != "tr" || len(tr.carried) > 0 || tr.parent.name != "table" {
		return "", ""
	}
	headings := tr.columnHeadings
	if len(headings) == 0 {
		return "", ""
	}
	for _, h := range headings {
		if h.column <= cell.column && cell.column < h.column+h.colspan {
			heading = p.brief(h.start, h.end)
		}
	}
	return heading, p.brief(headings[0].start, headings[len(headings)-1].end)
}

// sectionHeadings returns the headings of the sections that contain a control.
func (p *layout) sectionHeadings(f *field) []caption {
	var headings []caption
	for h := f.headings; h != nil && len(headings) < maxLevels; h = h.outer {
		c := caption{text: p.brief(h.start, h.end), far: f.at-h.end > maxReach}
		if !c.far {
			c.between = p.text[h.end:f.at]
		}
		headings = append(headings, c)
	}
	return headings
}

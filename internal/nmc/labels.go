package nmc

import (
	"slices"
	"strings"
)

const (
	maxLabel  = 500  // bytes; longer texts label nothing
	maxReach  = 2000 // bytes from a heading to what it labels
	maxLevels = 8    // of labels, rows and headings that are looked at
)

// A layout is a page as it is needed to tell what labels a control. Its methods
// are the rules, by the names of the fields that they fill.
type layout struct {
	text      string
	labelsFor map[string][]*element // <label for>, by the id of their control
	ids       map[string]int        // how many controls have an id
	formOrder []int                 // when each form began, among the elements
}

// label applies all rules to a control; next is where the next one stands in
// the text.
func (p *layout) label(f *field, next int) labels {
	l := labels{
		own:    p.ownLabels(f),
		after:  p.textAfter(f, next),
		rows:   p.rowsAround(f),
		beside: p.besideInRow(f),
		heads:  p.sectionHeads(f),
	}
	l.column, l.columns = p.columnHead(f)
	return l
}

// brief returns a stretch of the page's text, or "" if it is too long to be a
// label.
func (p *layout) brief(start, end int) string {
	if end-start > maxLabel {
		return ""
	}
	return strings.TrimSpace(p.text[start:end])
}

// ownLabels returns the text of the labels of a control: those for its id,
// in the order of the page, and the one around it.
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

// textAfter returns the text between a control and the next one, or the end of
// the line.
func (p *layout) textAfter(f *field, next int) string {
	return p.brief(f.at, max(f.at, min(next, f.line.end)))
}

// rowsAround returns the rows of a control: its line, the blocks and the
// table's rows around it, as long as no other control is in them. It ends at a
// section, and at the form.
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

// addRow adds a row around others, unless it says nothing more.
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

// isFormRow reports whether an element around a form is a row of which that is
// a part. A row with links may be the layout of the whole page.
func isFormRow(e *element) bool {
	return e.name == "tr" && e.parent.rows > 1 && !e.linked
}

// rowText returns the text of an element and, of a table's row, of the cells
// above that reach into it; ok is false where that is too long to be a row.
func (p *layout) rowText(e *element) (text string, ok bool) {
	if e.end-e.start > maxLabel {
		return "", false
	}
	text = strings.TrimSpace(p.text[e.start:e.end])
	for _, c := range e.carried {
		text = strings.TrimSpace(p.brief(c.start, c.end) + " " + text)
		ok := c.end-c.start <= maxLabel
		if !ok {
			return "", false
		}
	}
	return text, true
}

// besideInRow returns the text of the cells without controls in the row of a
// table, which a control may share with others, and of all cells above that
// reach into it.
func (p *layout) besideInRow(f *field) string {
	tr := f.line.within("tr")
	if tr == nil || p.isAround(f, tr) { // that may be the layout of the whole page
		return ""
	}
	var text strings.Builder
	for i, c := range slices.Concat(tr.carried, tr.cells) {
		isOfAll := i < len(tr.carried) || c.controls.first == nil
		if isOfAll && text.Len() < maxLabel {
			text.WriteString(p.brief(c.start, c.end) + " ")
		}
	}
	return strings.TrimSpace(text.String())
}

// columnHead returns the head of the column in which a control stands alone in
// its cell, and the heads of all columns. Where cells span several rows nobody
// counts columns.
func (p *layout) columnHead(f *field) (head, all string) {
	cell := f.line.within("td", "th")
	if cell == nil || !cell.holdsOnly(f) {
		return "", ""
	}
	tr := cell.parent
	if tr.name != "tr" || len(tr.carried) > 0 || tr.parent.name != "table" {
		return "", ""
	}
	heads := tr.columnHeads
	if len(heads) == 0 {
		return "", ""
	}
	for _, h := range heads {
		if h.column <= cell.column && cell.column < h.column+h.colspan {
			head = p.brief(h.start, h.end)
		}
	}
	return head, p.brief(heads[0].start, heads[len(heads)-1].end)
}

// sectionHeads returns the headings of the sections in which a control stands.
func (p *layout) sectionHeads(f *field) []caption {
	var heads []caption
	for h := f.heads; h != nil && len(heads) < maxLevels; h = h.outer {
		c := caption{text: p.brief(h.start, h.end), far: f.at-h.end > maxReach}
		if !c.far {
			c.between = p.text[h.end:f.at]
		}
		heads = append(heads, c)
	}
	return heads
}

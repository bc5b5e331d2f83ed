package nmc

import (
	"bytes"
	"strings"
)

// A tree is the layout of a page that is being read: the text so far, and the
// open elements.
type tree struct {
	text     []byte
	at       *element // the open line
	elements int      // so far, forms included
	headings *heading
	tooDeep  bool // the layout is unknown
}

func newTree() tree {
	return tree{at: &element{name: "line", parent: &element{}}}
}

// write appends to the text, folding white space.
func (l *tree) write(s string) { l.text = appendFolded(l.text, s) }

// isBlock reports whether an element's text stands apart from the text around
// it.
func isBlock(name string) bool {
	switch name {
	case "div", "p", "pre", "blockquote", "address", "center", "fieldset", "legend", "label",
		"section", "article", "main", "nav", "header", "footer", "aside",
		"table", "caption", "tr", "td", "th",
		"dl", "dt", "dd", "ul", "ol", "li",
		"h1", "h2", "h3", "h4", "h5", "h6":
		return true
	}
	return false
}

// headingRank returns the rank of a heading, or 0 for any other element.
func headingRank(name string) int {
	switch name {
	case "legend":
		return legendRank
	case "caption":
		return captionRank
	case "h1", "h2", "h3", "h4", "h5", "h6":
		return int(name[1] - '0')
	}
	return 0
}

// closeParagraph ends an open paragraph, which cannot contain a block. Before a
// heading, it also ends an open heading.
func (l *tree) closeParagraph(heading bool) {
	inside := l.at.parent
	for inside.name == "label" || inside.name == "label for" {
		inside = inside.parent
	}
	if inside.name == "p" || heading && headingRank(inside.name) > 0 {
		l.close(inside.name, "")
	}
}

// closeItem ends the open item of the innermost list.
func (l *tree) closeItem() {
	for e := l.at; e != nil; e = e.parent {
		switch e.name {
		case "li":
			l.leave(e.parent)
			return
		case "ul", "ol", "table":
			return
		}
	}
}

// breakLine begins a new line.
func (l *tree) breakLine() {
	l.write(" ")
	l.leave(l.at.parent)
}

// open begins an element and a line in it. It returns the element, or nil if
// the page nests too deeply.
func (l *tree) open(t token) *element {
	l.write(" ")
	parent := l.at.parent
	l.leave(parent)
	if parent.depth == maxDepth {
		l.tooDeep = true
		return nil
	}

	e := l.newElement(t.name, parent)
	e.disabled = parent.disabled || t.name == "fieldset" && t.has("disabled")
	switch t.name {
	case "tr":
		startRow(e)
	case "dt":
		parent.rows++
	case "td", "th":
		startCell(e, t)
	}
	l.at = l.newElement("line", e)
	return e
}

func (l *tree) newElement(name string, parent *element) *element {
	l.elements++
	return &element{name: name, parent: parent, depth: parent.depth + 1, order: l.elements,
		start: len(l.text), disabled: parent.disabled, outer: l.headings}
}

// startRow begins a row of a table. Cells above may span into it.
func startRow(tr *element) {
	table := tr.parent
	table.rows++
	tr.columnHeadings = table.columnHeadings
	spanning := table.spanning
	table.spanning = nil
	for _, c := range spanning {
		if c.rowspan > 0 && len(tr.carried) < maxSpans {
			c.rowspan--
			tr.carried = append(tr.carried, c)
			table.spanning = append(table.spanning, c)
		}
	}
}

// startCell begins a cell of a table.
func startCell(cell *element, t token) {
	tr := cell.parent
	cell.colspan = max(1, min(spanOf(t.attr("colspan")), maxCells))
	if n := len(tr.cells); n > 0 {
		cell.column = tr.cells[n-1].column + tr.cells[n-1].colspan
	}
	if len(tr.cells) < maxCells {
		tr.cells = append(tr.cells, cell)
	}
	cell.rowspan = spanOf(t.attr("rowspan")) - 1
	if table := tr.parent; tr.name == "tr" && cell.rowspan > 0 {
		table.spanning = append(table.spanning, cell)
	}
}

// spanOf parses the number of rows or columns that a cell spans. 0 means all.
func spanOf(s string) int {
	n := 0
	s = strings.TrimSpace(s)
	for i := 0; i < len(s) && isDigit(s[i]); i++ {
		n = min(n*10+int(s[i]-'0'), maxLabel)
	}
	if s != "" && n == 0 {
		return maxLabel
	}
	return max(n, 1)
}

// close ends the innermost element with one of two names, and those within it.
// Only the end of a table leads out of it, and no <dt> leads out of a
// definition list.
func (l *tree) close(name, other string) {
	for e := l.at; e != nil; e = e.parent {
		isIt := e.name == name || e.name == other && other != "" || name == "label" && e.name == "label for"
		if isIt {
			l.leave(e.parent)
			return
		}
		if e.name == "table" || e.name == "dl" && name == "dt" {
			return
		}
	}
}

// leave ends the open elements within to, and begins a line in to.
func (l *tree) leave(to *element) {
	for e := l.at; e != to; e = e.parent {
		e.end = len(l.text)
		l.endHeadings(e)
	}
	l.at = l.newElement("line", to)
}

// finish ends all elements.
func (l *tree) finish() {
	for e := l.at; e != nil; e = e.parent {
		e.end = len(l.text)
	}
}

// endHeadings ends the headings that were in force only within an element. If
// the element is a heading itself, it is in force from now on.
func (l *tree) endHeadings(e *element) {
	if e.name == "line" {
		return
	}
	inner := l.headings
	l.headings = e.outer
	switch rank := headingRank(e.name); {
	case rank > 0:
		l.addHeading(heading{rank: rank, start: e.start, end: e.end}, e.parent)
	case e.isSectionRow():
		l.addHeading(heading{rank: rowRank, start: e.start, end: e.end}, e.parent)
	case e.isHeadingRow():
		e.parent.columnHeadings = e.cells
	case inner != e.outer && !e.isCell() && e.name != "table" && len(bytes.TrimSpace(l.text[inner.end:])) == 0:
		l.addHeading(*inner, e.parent) // a block with nothing but a heading
	}
}

// addHeading puts a heading into force, and makes the elements around it
// sections.
func (l *tree) addHeading(h heading, in *element) {
	for l.headings != nil && l.headings.rank >= h.rank {
		l.headings = l.headings.outer
	}
	h.outer = l.headings
	l.headings = &h
	for e := in; e != nil; e = e.parent {
		e.headed = true
	}
}

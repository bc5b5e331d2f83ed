package nmc

import (
	"bytes"
	"strings"
)

// A tree is the layout of a page while that is read: the text so far, and the
// elements that are open.
type tree struct {
	text     []byte
	at       *element // the open line
	elements int      // so far, forms included
	heads    *heading
	tooDeep  bool // the layout is not known
}

func newTree() tree {
	return tree{at: &element{name: "line", parent: &element{}}}
}

// write appends to the text, with white space folded.
func (l *tree) write(s string) { l.text = appendFolded(l.text, s) }

// isBlock reports whether the text in an element stands by itself.
func isBlock(name string) bool {
	switch name {
	case "div", "p", "fieldset", "legend", "section", "article", "main", "nav", "header", "footer", "aside", "center",
		"table", "caption", "tr", "td", "th", "dl", "dt", "dd", "ul", "ol", "li", "label", "pre", "blockquote", "address",
		"h1", "h2", "h3", "h4", "h5", "h6":
		return true
	}
	return false
}

// headingRank returns the rank of a heading, or 0 for other elements.
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

// closeParagraph ends an open paragraph, in which no block can stand. Before a
// heading it ends an open heading too.
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

// open begins an element, and a line in it. It returns the element, or nil if
// the page nests too deep.
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
		start: len(l.text), disabled: parent.disabled, outer: l.heads}
}

// startRow begins a row of a table, into which cells above may reach.
func startRow(tr *element) {
	table := tr.parent
	table.rows++
	tr.columnHeads = table.columnHeads
	reach := table.spanning
	table.spanning = nil
	for _, c := range reach {
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

// spanOf returns how many rows or columns a cell spans. 0 stands for all.
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

// close ends the innermost element of one of two names, and those within. Out
// of a table only the end of that leads, and out of a list of definitions no
// <dt>.
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

// leave ends elements up to one that stays, and begins a line in that.
func (l *tree) leave(to *element) {
	for e := l.at; e != to; e = e.parent {
		e.end = len(l.text)
		l.endHeads(e)
	}
	l.at = l.newElement("line", to)
}

// finish ends all elements.
func (l *tree) finish() {
	for e := l.at; e != nil; e = e.parent {
		e.end = len(l.text)
	}
}

// endHeads ends the headings that were in force only within an element, and
// puts those into force that it is.
func (l *tree) endHeads(e *element) {
	if e.name == "line" {
		return
	}
	inner := l.heads
	l.heads = e.outer
	switch rank := headingRank(e.name); {
	case rank > 0:
		l.addHead(heading{rank: rank, start: e.start, end: e.end}, e.parent)
	case e.isSectionRow():
		l.addHead(heading{rank: rowRank, start: e.start, end: e.end}, e.parent)
	case e.isHeadRow():
		e.parent.columnHeads = e.cells
	case inner != e.outer && !e.isCell() && e.name != "table" && len(bytes.TrimSpace(l.text[inner.end:])) == 0:
		l.addHead(*inner, e.parent) // a block that is only there for its heading
	}
}

// addHead puts a heading into force, in a section that is an element.
func (l *tree) addHead(h heading, in *element) {
	for l.heads != nil && l.heads.rank >= h.rank {
		l.heads = l.heads.outer
	}
	h.outer = l.heads
	l.heads = &h
	for e := in; e != nil; e = e.parent {
		e.headed = true
	}
}

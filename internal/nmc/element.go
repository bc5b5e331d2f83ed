package nmc

import "slices"

// An element is a part of a page with text of its own: a block, a table, a row,
// a cell, a label, or a line of one of those. Elements nest by the layout, even
// without end tags.
type element struct {
	name       string // of its tag, or "line"
	parent     *element
	depth      int
	order      int // of its start, among elements and forms
	start, end int // of its text
	disabled   bool

	outer  *heading // the innermost heading at its start
	headed bool     // it contains a heading, and so is a section
	linked bool     // it contains a link

	controls controlGroups // without buttons and hidden controls
	buttons  controlGroups

	rows           int        // of a table or a definition list
	columnHeadings []*element // of a table and its rows: the cells of the last heading row
	spanning       []*element // of a table: cells that span into the next row
	cells          []*element // of a table's row
	carried        []*element // of a table's row: cells above that span into it
	column         int        // of a cell
	colspan        int        // of a cell
	rowspan        int        // of a cell: how many more rows it spans
}

const (
	maxDepth = 100 // of elements; limits the cost of a tag
	maxCells = 100 // of a row
	maxSpans = 8   // cells that span into one row
)

// A heading labels what follows it in its section. The headings in force form a
// list, from the innermost outwards.
type heading struct {
	rank       int // 1 for <h1>
	start, end int // of its text
	outer      *heading
}

// The ranks of headings other than <h1> to <h6>.
const (
	legendRank  = 7
	captionRank = 8
	rowRank     = 9 // a table's row that is one <th>
)

// A field is a control while its page is read.
type field struct {
	control
	id       string
	form     int    // the index of its form, or -1
	formID   string // of its form attribute, which overrides form
	at       int    // its position in the text
	line     *element
	headings *heading
	group    *field // itself, or the first radio button with its name
}

// controlGroups records whether an element contains only one control, or one
// group of radio buttons.
type controlGroups struct {
	first *field // nil if there is none
	many  bool
}

func (o *controlGroups) add(group *field) {
	if o.first == nil {
		o.first = group
	}
	o.many = o.many || o.first != group
}

// hasOnly reports whether a group is the only one.
func (o *controlGroups) hasOnly(group *field) bool { return o.first == group && !o.many }

// holdsOnly reports whether an element contains no control but f, or its group
// of radio buttons. For a button, it must not contain another button either.
func (e *element) holdsOnly(f *field) bool {
	if f.isButton() {
		return e.controls.first == nil && e.buttons.hasOnly(f)
	}
	return e.controls.hasOnly(f.group)
}

// addControl records a control in its element and in all elements around that.
func (e *element) addControl(f *field) {
	for ; e != nil; e = e.parent {
		if f.isButton() {
			e.buttons.add(f)
		} else {
			e.controls.add(f.group)
		}
	}
}

// within returns the innermost element around e with one of the names, or nil.
// It does not look beyond a table.
func (e *element) within(names ...string) *element {
	for ; e != nil; e = e.parent {
		if slices.Contains(names, e.name) {
			return e
		}
		if e.name == "table" {
			return nil
		}
	}
	return nil
}

// isCell reports whether an element is a cell of a table.
func (e *element) isCell() bool { return e.name == "td" || e.name == "th" }

// isRow reports whether an element is a row by its tag.
func (e *element) isRow() bool { return e.name == "tr" || e.name == "dt" }

// isCertainRow reports whether an element is one of several rows.
func (e *element) isCertainRow() bool {
	return e.isRow() && e.parent.rows > 1 && (e.parent.name == "table" || e.parent.name == "dl")
}

// isSection reports whether an element has a heading of its own, and so is more
// than a row. In a row or a cell, the heading is its label.
func (e *element) isSection() bool { return e.headed && !e.isRow() && !e.isCell() }

// isHeadingRow reports whether an element is a row of headings for the columns.
func (e *element) isHeadingRow() bool {
	for _, c := range e.cells {
		if c.name != "th" {
			return false
		}
	}
	return e.name == "tr" && len(e.cells) > 1 && e.hasNoFields()
}

// isSectionRow reports whether an element is a row that is the heading of those
// below: it has one cell, which is a <th> or spans several columns.
func (e *element) isSectionRow() bool {
	if e.name != "tr" || len(e.cells) != 1 {
		return false
	}
	isHeading := e.cells[0].name == "th" || e.cells[0].colspan > 1
	return isHeading && e.hasNoFields()
}

func (e *element) hasNoFields() bool { return e.controls.first == nil && e.buttons.first == nil }

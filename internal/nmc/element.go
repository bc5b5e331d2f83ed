package nmc

import "slices"

// An element is a part of a page that stands by itself: a block, a table, a
// row, a cell, a label, or a line of one of those. Elements nest as the layout
// says, whether their end tags are there or not.
type element struct {
	name       string // of its tag, or "line"
	parent     *element
	depth      int
	order      int // in which it began, among elements and forms
	start, end int // of its text
	disabled   bool

	outer  *heading // the innermost heading where it began
	headed bool     // a heading stands in it, and so it is a section
	linked bool     // a link does

	controls occupants // without buttons and what is hidden
	buttons  occupants

	rows        int        // of a table or a definition list
	columnHeads []*element // of a table and its rows: the cells of the last row of heads
	spanning    []*element // of a table: cells that reach into the next row
	cells       []*element // of a table's row
	carried     []*element // of a table's row: cells of rows above that reach into it
	column      int        // of a cell
	colspan     int        // of a cell
	rowspan     int        // of a cell: the rows that it still reaches into
}

const (
	maxDepth = 100 // of elements; bounds what one tag can cost
	maxCells = 100 // of a row
	maxSpans = 8   // cells that reach into one row
)

// A heading labels what follows it in its section. Headings in force are a
// list, from the innermost outwards.
type heading struct {
	rank       int // 1 for <h1>
	start, end int // of its text
	outer      *heading
}

// The ranks of what is not <h1> to <h6>.
const (
	legendRank  = 7
	captionRank = 8
	rowRank     = 9 // a table's row that is one <th>
)

// A field is a control while its page is read.
type field struct {
	control
	id     string
	form   int    // the index of its form, or -1
	formID string // of a form attribute, which overrides that
	at     int    // where it stands in the text
	line   *element
	heads  *heading
	group  *field // itself, or the first radio button with its name
}

// occupants tells whether one control, or one group of radio buttons, is alone
// in an element.
type occupants struct {
	first *field // nil while there is none
	many  bool
}

func (o *occupants) add(group *field) {
	if o.first == nil {
		o.first = group
	}
	o.many = o.many || o.first != group
}

// isOnly reports whether nobody but a group is there.
func (o *occupants) isOnly(group *field) bool { return o.first == group && !o.many }

// holdsOnly reports whether an element has no control beside one, or its group
// of radio buttons. Beside a button no other button may be either.
func (e *element) holdsOnly(f *field) bool {
	if f.isButton() {
		return e.controls.first == nil && e.buttons.isOnly(f)
	}
	return e.controls.isOnly(f.group)
}

// occupy notes a control in the element where it stands, and in all around.
func (e *element) occupy(f *field) {
	for ; e != nil; e = e.parent {
		if f.isButton() {
			e.buttons.add(f)
		} else {
			e.controls.add(f.group)
		}
	}
}

// within returns the innermost element of some names around e, or nil. Out of
// a table it does not look.
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

// isRow reports whether an element is a row by its name.
func (e *element) isRow() bool { return e.name == "tr" || e.name == "dt" }

// isCertainRow reports whether an element is one of several rows.
func (e *element) isCertainRow() bool {
	return e.isRow() && e.parent.rows > 1 && (e.parent.name == "table" || e.parent.name == "dl")
}

// isSection reports whether an element has a heading of its own, and so is
// more than a row. In a row or a cell that is the label.
func (e *element) isSection() bool { return e.headed && !e.isRow() && !e.isCell() }

// isHeadRow reports whether an element is a row of heads for the columns.
func (e *element) isHeadRow() bool {
	for _, c := range e.cells {
		if c.name != "th" {
			return false
		}
	}
	return e.name == "tr" && len(e.cells) > 1 && e.hasNoFields()
}

// isSectionRow reports whether an element is a row that is the heading of
// those below: one cell, which is a head or as wide as several.
func (e *element) isSectionRow() bool {
	return e.name == "tr" && len(e.cells) == 1 && (e.cells[0].name == "th" || e.cells[0].colspan > 1) && e.hasNoFields()
}

func (e *element) hasNoFields() bool { return e.controls.first == nil && e.buttons.first == nil }

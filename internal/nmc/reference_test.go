package nmc

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A simpleNode is an element, or a control in one.
type simpleNode struct {
	tag      string
	attrs    map[string]string
	parent   *simpleNode
	from, to int // of its text in the page
	form     *simpleNode
	options  []string // values of a select
	texts    []string // of its options
}

// A simplePage has its text without tags, and everything else in page order.
type simplePage struct {
	text   string
	nodes  []*simpleNode
	breaks []int // of lines, in the text
	nested bool  // properly
}

var (
	simpleTag  = regexp.MustCompile(`<(/?)([a-z][a-z0-9]*)((?: [a-z]+(?:=[A-Za-z0-9]+)?)*)>`)
	simpleAttr = regexp.MustCompile(` ([a-z]+)(?:=([A-Za-z0-9]+))?`)
	naming     = regexp.MustCompile(`(?i)peak|energy|kwh|kilowatt|outlet`)
)

// simpleAttrs has, for each tag, the attributes that it may have.
var simpleAttrs = map[string]string{
	"form": "method action", "input": "type name value id checked", "select": "name id", "option": "value",
	"label": "for", "td": "rowspan colspan", "th": "rowspan colspan",
}

// optionalEnd has, for each tag, the open elements that it ends.
var optionalEnd = map[string]string{
	"tr": "tr td th", "td": "td th", "th": "td th", "li": "li p", "p": "p", "dt": "dt dd p", "dd": "dt dd p",
	"div": "p", "table": "p", "ul": "p", "dl": "p", "h3": "p", "fieldset": "p", "form": "p",
}

// readSimply reads a page that consists of simple tags and words only.
func readSimply(src string) (*simplePage, bool) {
	d := &simplePage{nested: true}
	at := &simpleNode{tag: "page"}
	var form, sel *simpleNode
	for src != "" {
		m := simpleTag.FindStringSubmatchIndex(src)
		if m == nil || m[0] > 0 {
			text := src
			if m != nil {
				text = src[:m[0]]
			}
			if !isPlain(text) {
				return nil, false
			}
			if sel != nil {
				if n := len(sel.texts); n > 0 {
					sel.texts[n-1] += text
				}
			} else {
				d.text += text
			}
			src = src[len(text):]
			continue
		}
		end, tag := src[m[2]:m[3]] == "/", src[m[4]:m[5]]
		attrs := map[string]string{}
		for _, a := range simpleAttr.FindAllStringSubmatch(src[m[6]:m[7]], -1) {
			if _, ok := attrs[a[1]]; ok {
				return nil, false
			}
			attrs[a[1]] = a[2]
		}
		if !end && !isSimpleTag(tag, attrs) {
			return nil, false
		}
		src = src[m[1]:]
		if sel != nil && tag != "option" && (tag != "select" || !end) {
			return nil, false
		}
		switch {
		case tag == "select" && end:
			sel = nil
		case tag == "option" && !end && sel != nil:
			sel.options = append(sel.options, attrs["value"])
			sel.texts = append(sel.texts, "")
			if _, ok := attrs["value"]; !ok || len(attrs) > 1 {
				return nil, false
			}
		case tag == "option":
		case tag == "input" || tag == "select":
			n := &simpleNode{tag: tag, attrs: attrs, parent: at, from: len(d.text), to: len(d.text), form: form}
			d.nodes = append(d.nodes, n)
			if tag == "select" {
				sel = n
			}
		case tag == "form":
			if end == (form == nil) {
				d.nested = false
				continue
			}
			at, form = d.nest(at, tag, attrs, end), nil
			if !end {
				form = at
			}
		case strings.Contains(" table tr td th div p ul li dl dt dd h3 fieldset legend label br ", " "+tag+" "):
			at = d.nest(at, tag, attrs, end)
		default:
			return nil, false
		}
	}
	for ; at != nil; at = at.parent {
		at.to = len(d.text)
	}
	return d, sel == nil
}

// isSimpleTag reports whether a start tag has no attributes but those that the
// simple reader knows, and a value if a browser would otherwise make one up.
func isSimpleTag(tag string, attrs map[string]string) bool {
	for name := range attrs {
		if !slices.Contains(strings.Fields(simpleAttrs[tag]), name) {
			return false
		}
	}
	if tag != "input" {
		return true
	}
	_, hasValue := attrs["value"]
	switch attrs["type"] {
	case "checkbox", "radio", "submit":
		return hasValue
	case "text", "hidden":
		return true
	}
	return false
}

// isPlain reports whether a text has nothing that could be markup.
func isPlain(text string) bool {
	return strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .:()/-\n") == ""
}

// nest begins or ends an element, and returns the element that is open then.
func (d *simplePage) nest(at *simpleNode, tag string, attrs map[string]string, end bool) *simpleNode {
	d.text += " "
	d.breaks = append(d.breaks, len(d.text))
	if tag == "br" {
		return at
	}
	if end {
		for at.tag != tag && strings.Contains(" tr td th li p dt dd ", " "+at.tag+" ") {
			at.to = len(d.text)
			at = at.parent
		}
		if at.tag != tag {
			d.nested = false
			return at
		}
		at.to = len(d.text)
		return at.parent
	}
	for slices.Contains(strings.Fields(optionalEnd[tag]), at.tag) {
		at.to = len(d.text)
		at = at.parent
	}
	wants := map[string]string{"tr": "table", "td": "tr", "th": "tr", "li": "ul", "dt": "dl", "dd": "dl"}[tag]
	isOutside := wants != "" && at.tag != wants
	isBetween := strings.Contains(" table tr ul dl ", " "+at.tag+" ") && wants != at.tag
	isInLine := (at.tag == "label" || at.tag == "h3" || at.tag == "legend" || at.tag == "p") && tag != "label"
	if isOutside || isBetween || isInLine {
		d.nested = false
	}
	n := &simpleNode{tag: tag, attrs: attrs, parent: at, from: len(d.text)}
	d.nodes = append(d.nodes, n)
	return n
}

func (n *simpleNode) kind() string {
	if n.tag == "select" {
		return n.tag
	}
	return n.attrs["type"]
}

func (n *simpleNode) isControl() bool {
	return n.tag == "select" || n.tag == "input" && n.kind() != "hidden" && n.kind() != "submit"
}

// changedBy returns the controls whose change alone turns the submission of a
// form into what was sent.
func (d *simplePage) changedBy(sent string) []*simpleNode {
	var changed []*simpleNode
	for _, c := range d.nodes {
		if c.form == nil || c.tag != "input" && c.tag != "select" {
			continue
		}
		values := []string{c.attrs["value"]}
		if c.tag == "select" {
			values = c.options
		}
		for _, v := range values {
			for _, button := range d.nodes {
				isPressed := button.form == c.form && button.kind() == "submit" && (c.kind() != "submit" || c == button)
				if isPressed && d.send(c, v, button) == sent {
					changed = append(changed, c)
				}
			}
		}
	}
	return changed
}

// send returns what a browser sends for a form with control c set to a value.
func (d *simplePage) send(c *simpleNode, value string, button *simpleNode) string {
	var pairs []string
	for _, n := range d.nodes {
		if n.form != c.form || n.tag != "input" && n.tag != "select" || n.attrs["name"] == "" {
			continue
		}
		v := n.attrs["value"]
		_, on := n.attrs["checked"]
		switch n.kind() {
		case "checkbox":
			if !on && n != c {
				continue
			}
		case "radio":
			isRival := c.kind() == "radio" && c.attrs["name"] == n.attrs["name"]
			if n != c && (!on || isRival) {
				continue
			}
		case "select":
			if len(n.options) == 0 {
				continue
			}
			v = n.options[0]
			if n == c {
				v = value
			}
		case "submit":
			if n != button {
				continue
			}
		}
		pairs = append(pairs, url.QueryEscape(n.attrs["name"])+"="+url.QueryEscape(v))
	}
	return strings.Join(pairs, "&")
}

// judgeRow returns what is wrong with the texts about a control, or "".
func (d *simplePage) judgeRow(c *simpleNode) string {
	if why := d.judgeNeighbors(c); why != "" || !d.nested {
		return why
	}
	if row := c.around("tr"); row != nil && row.parent == c.around("table") && namesOther(d.carriedInto(row)) {
		return "a cell of the row above names something else"
	}
	for e := d.lineOf(c); e.tag != "page" && d.isAlone(c, e) && !d.isSection(e); e = e.parent {
		text := d.textOf(e)
		switch e.tag {
		case "dd":
			text = d.definition(e)
		case "tr":
			text = d.carriedInto(e) + text
		}
		if namesOther(text) {
			return fmt.Sprintf("its row %q names something else", text)
		}
		if naming.MatchString(text) {
			return ""
		}
	}
	if naming.MatchString(d.labelsOf(c)) {
		return ""
	}
	return d.judgeHeading(c)
}

// judgeNeighbors judges without rows: the word must be somewhere nearby.
func (d *simplePage) judgeNeighbors(c *simpleNode) string {
	if namesOther(d.labelsOf(c) + " " + c.attrs["value"]) {
		return "its label names something else"
	}
	for _, near := range []string{d.labelsOf(c), c.attrs["value"], d.text} {
		if namesPeak(near) {
			return ""
		}
	}
	return "the peak is not named anywhere"
}

// judgeHeading judges a control whose row names nothing: a heading must, either
// that of its column or one after which nothing else is named.
func (d *simplePage) judgeHeading(c *simpleNode) string {
	why := "neither its row nor a heading names the peak"
	for _, n := range d.nodes {
		isHeading := n.tag == "h3" || n.tag == "legend" || n.tag == "th" || n.tag == "td" && n.attrs["colspan"] != ""
		if !isHeading || n.to > c.from || !namesPeak(d.textOf(n)) || namesOther(d.textOf(n)) {
			continue
		}
		isOfColumn := n.tag == "th" && c.around("table") == n.around("table")
		if isOfColumn || !namesOther(d.text[n.to:c.from]) {
			return ""
		}
		why = "something else is named between the heading and the control"
	}
	return why
}

// isSection reports whether an element has a heading of its own, so that it is
// more than a row. Rows of tables and lists are not sections.
func (d *simplePage) isSection(e *simpleNode) bool {
	isRow := strings.Contains(" tr td th dt dd ", " "+e.tag+" ")
	return !isRow && slices.ContainsFunc(d.nodes, func(n *simpleNode) bool {
		isHeading := n.tag == "h3" || n.tag == "legend" || e.tag == "table" && d.isHeadingRow(n)
		return isHeading && n.isIn(e)
	})
}

// isHeadingRow reports whether a node is a row of one cell that is a heading.
func (d *simplePage) isHeadingRow(tr *simpleNode) bool {
	cells, headings := 0, 0
	for _, n := range d.nodes {
		if n.tag != "label" && n.attrs["name"] != "" && n.kind() != "hidden" && n.isIn(tr) {
			return false
		}
		if n.parent != tr {
			continue
		}
		cells++
		if n.tag == "th" || n.attrs["colspan"] != "" {
			headings++
		}
	}
	return tr.tag == "tr" && cells == 1 && headings == 1
}

// carriedInto returns the text of the cells in the row above that span two
// rows.
func (d *simplePage) carriedInto(row *simpleNode) string {
	var above *simpleNode
	for _, n := range d.nodes {
		if n == row {
			break
		}
		if n.tag == "tr" && n.parent == row.parent {
			above = n
		}
	}
	text := ""
	for _, n := range d.nodes {
		if above != nil && n.parent == above && n.attrs["rowspan"] == "2" {
			text += d.textOf(n) + " "
		}
	}
	return text
}

// around returns the innermost element with a tag around a node, or nil.
func (n *simpleNode) around(tag string) *simpleNode {
	e := n.parent
	for e != nil && e.tag != tag {
		e = e.parent
	}
	return e
}

func (d *simplePage) textOf(n *simpleNode) string {
	return strings.TrimSpace(d.text[n.from:min(n.to, len(d.text))])
}

// definition returns the text from the <dt> before a <dd> to its end.
func (d *simplePage) definition(dd *simpleNode) string {
	from := dd.from
	for _, n := range d.nodes {
		if n.tag == "dt" && n.parent == dd.parent && n.from <= dd.from {
			from = n.from
		}
	}
	return d.text[from:dd.to]
}

// labelsOf returns the text of the labels for a control.
func (d *simplePage) labelsOf(c *simpleNode) string {
	var texts []string
	for _, n := range d.nodes {
		if id := c.attrs["id"]; n.tag == "label" && id != "" && n.attrs["for"] == id {
			texts = append(texts, d.textOf(n))
		}
	}
	return strings.Join(texts, " ")
}

// isAlone reports whether no other control is in an element, radio buttons of
// one name being one. Beside a button no other button may be either.
func (d *simplePage) isAlone(c, e *simpleNode) bool {
	for _, n := range d.nodes {
		isRival := n.isControl() || c.kind() == "submit" && n.kind() == "submit" || n.tag == "label" &&
			d.isOfOther(n, c)
		if isRival && !n.isOfGroup(c) && n.isIn(e) {
			return false
		}
	}
	return true
}

// isOfOther reports whether a label is for another control.
func (d *simplePage) isOfOther(label, c *simpleNode) bool {
	id := label.attrs["for"]
	return id != "" && slices.ContainsFunc(d.nodes, func(n *simpleNode) bool {
		return n.attrs["id"] == id &&
			!n.isOfGroup(c)
	})
}

// isOfGroup reports whether a node is a control, or a radio button of its
// group.
func (n *simpleNode) isOfGroup(c *simpleNode) bool {
	return n == c || n.kind() == "radio" && c.kind() == "radio" && n.attrs["name"] == c.attrs["name"] &&
		n.form == c.form
}

func (n *simpleNode) isIn(e *simpleNode) bool {
	for p := n.parent; p != nil; p = p.parent {
		if p == e || e.tag == "line" && p == e.parent {
			return e.tag != "line" || e.from <= n.from && n.from < e.to
		}
	}
	return false
}

// lineOf returns the line of a control, as an element.
func (d *simplePage) lineOf(c *simpleNode) *simpleNode {
	line := &simpleNode{tag: "line", parent: c.parent, to: len(d.text) + 1}
	for _, at := range d.breaks {
		if at <= c.from {
			line.from = at
		} else {
			line.to = at
			break
		}
	}
	return line
}

func namesPeak(text string) bool { return strings.Contains(strings.ToLower(text), "peak") }

func namesOther(text string) bool {
	return slices.ContainsFunc(naming.FindAllString(text, -1), func(w string) bool {
		return !strings.EqualFold(w,
			"peak")
	})
}

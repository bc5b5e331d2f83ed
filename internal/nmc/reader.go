package nmc

import (
	"cmp"
	"slices"
	"strings"
)

// parsePage parses a page with the given Content-Type.
func parsePage(body []byte, contentType string) page {
	text, latin1 := decodePage(body, contentType)
	b := newBuilder(latin1)
	s := scanner{src: unixLines(text)}
	for t, ok := s.next(); ok; t, ok = s.next() {
		b.take(t)
	}
	return b.finish()
}

// maxLinks limits the links of a page. Real pages have a few dozen.
const maxLinks = 2000

// A span is a part of the text.
type span struct{ start, end int }

// A builder makes a page from tokens. The labels of a control are known only at
// the end of the page.
type builder struct {
	page     page
	latin1   bool
	tree     tree
	controls controlReader
	layout   layout
	form     int // the index of the open form, or -1

	linkSpans []span
	href      string // of the open link
	linkAt    int
	inTitle   bool
}

func newBuilder(latin1 bool) *builder {
	ids := make(map[string]int)
	return &builder{
		latin1:   latin1,
		tree:     newTree(),
		controls: controlReader{ids: ids, radios: make(map[radioGroup]*field)},
		layout:   layout{labelsFor: make(map[string][]*element), ids: ids},
		form:     -1,
	}
}

// take takes the next token of the page.
func (b *builder) take(t token) {
	switch {
	case b.controls.selecting != nil && b.controls.takeInSelect(t):
	case b.controls.button != nil && b.controls.takeInButton(t):
	case t.kind == textToken:
		b.takeText(t.text)
	case t.kind == startTag:
		b.takeStart(t)
	default:
		b.takeEnd(t.name)
	}
}

func (b *builder) takeText(text string) {
	switch {
	case b.inTitle:
		b.page.title = cmp.Or(b.page.title, fold(text))
	case b.controls.textarea != nil:
		b.controls.textarea.value = strings.TrimPrefix(text, "\n")
	default:
		b.tree.write(text)
	}
}

func (b *builder) takeStart(t token) {
	switch t.name {
	case "html":
		b.page.language = cmp.Or(b.page.language, t.attr("lang"), t.attr("xml:lang"))
	case "title":
		b.inTitle = true
	case "base":
		b.page.base = cmp.Or(b.page.base, strings.TrimSpace(t.attr("href")))
	case "meta":
		if strings.EqualFold(t.attr("http-equiv"), "refresh") {
			b.page.refresh = cmp.Or(quickRefresh(t.attr("content")), b.page.refresh)
		}
	case "a":
		b.endLink()
		b.startLink(strings.TrimSpace(t.attr("href")))
	case "input", "textarea", "select", "button":
		b.addField(t)
	case "br", "hr":
		b.tree.breakLine()
	case "form":
		b.startForm(t)
	default:
		if isBlock(t.name) {
			b.startBlock(t)
		}
	}
}

func (b *builder) takeEnd(name string) {
	switch name {
	case "title":
		b.inTitle = false
	case "textarea":
		b.controls.textarea = nil
	case "a":
		b.endLink()
	case "br":
		b.tree.breakLine()
	case "form":
		b.form = -1
		b.tree.close(name, "")
		b.tree.breakLine()
	case "dt", "dd": // they end where the next one begins
		b.tree.breakLine()
	default:
		if isBlock(name) {
			b.tree.close(name, "")
			b.tree.breakLine()
		}
	}
}

// startForm begins a form. As in browsers, a form within a form is ignored.
func (b *builder) startForm(t token) {
	b.tree.breakLine()
	if b.form >= 0 {
		return
	}
	b.form = len(b.page.forms)
	b.page.forms = append(b.page.forms, form{
		name:     t.attr("name"),
		id:       t.attr("id"),
		action:   strings.TrimSpace(t.attr("action")),
		method:   cmp.Or(strings.ToLower(t.attr("method")), "get"),
		encoding: strings.ToLower(t.attr("enctype")),
		latin1:   b.latin1,
	})
	b.tree.elements++
	b.layout.formOrder = append(b.layout.formOrder, b.tree.elements)
	if inside := b.tree.at.parent.name; inside != "table" && inside != "tr" { // an element cannot go there
		b.tree.open(token{name: "form"})
	}
}

// startBlock begins a block, and ends those that cannot contain it.
func (b *builder) startBlock(t token) {
	switch t.name {
	case "tr":
		b.tree.close("tr", "caption")
	case "td", "th":
		b.tree.close("td", "th")
	case "dt":
		b.tree.close("dt", "")
	case "li":
		b.tree.closeItem()
	case "label":
		b.tree.close("label", "")
	case "dd":
		b.tree.closeParagraph(false)
		b.tree.breakLine()
		return
	default:
		b.tree.closeParagraph(headingRank(t.name) > 0)
	}
	e := b.tree.open(t)
	if id := t.attr("for"); e != nil && t.name == "label" && id != "" {
		e.name = "label for"
		b.layout.labelsFor[id] = append(b.layout.labelsFor[id], e)
	}
}

func (b *builder) addField(t token) {
	b.tree.write(" ")
	b.controls.add(t, &field{form: b.form, at: len(b.tree.text), line: b.tree.at, headings: b.tree.headings})
}

func (b *builder) startLink(href string) {
	b.href, b.linkAt = href, len(b.tree.text)
	if href == "" {
		return
	}
	for e := b.tree.at; e != nil; e = e.parent {
		e.linked = true
	}
}

// endLink ends the open link.
func (b *builder) endLink() {
	if b.href == "" {
		return
	}
	if len(b.page.links) < maxLinks {
		b.page.links = append(b.page.links, link{href: b.href})
		b.linkSpans = append(b.linkSpans, span{b.linkAt, len(b.tree.text)})
	} else {
		b.page.tooLarge = true
	}
	b.href = ""
}

// finish returns the page after its last token.
func (b *builder) finish() page {
	b.endLink()
	b.tree.finish()
	b.controls.finish()
	b.page.tooLarge = b.page.tooLarge || b.controls.tooLarge
	b.page.text = string(b.tree.text)
	b.layout.text = b.page.text
	b.finishLinks()
	b.finishLabels()
	b.label()

	for _, f := range b.controls.fields {
		i := f.form
		if f.formID != "" {
			i = slices.IndexFunc(b.page.forms, func(g form) bool { return g.id == f.formID })
		}
		if i >= 0 {
			b.page.forms[i].controls = append(b.page.forms[i].controls, f.control)
		}
	}
	b.page.text = strings.TrimSpace(b.page.text)
	return b.page
}

// finishLinks sets the texts of the links, and the prose of the page.
func (b *builder) finishLinks() {
	var prose strings.Builder
	at := 0
	for i, s := range b.linkSpans {
		b.page.links[i].text = b.layout.brief(s.start, s.end)
		prose.WriteString(b.page.text[at:s.start])
		at = s.end
	}
	prose.WriteString(b.page.text[at:])
	b.page.prose = strings.TrimSpace(prose.String())
}

// finishLabels counts the label for a control as a control, so that it labels
// no other.
func (b *builder) finishLabels() {
	byID := make(map[string]*field)
	for _, f := range b.controls.fields {
		byID[f.id] = f
	}
	for id, all := range b.layout.labelsFor {
		f := byID[id]
		if f == nil || f.kind == "hidden" {
			continue
		}
		if b.layout.ids[id] > 1 {
			f = newOtherField() // it is unknown which one
		}
		for _, l := range all {
			l.addControl(f)
		}
	}
}

// newOtherField returns a field that is not on the page.
func newOtherField() *field {
	f := &field{}
	f.group = f
	return f
}

// label applies the rules that tie labels to controls.
func (b *builder) label() {
	if b.tree.tooDeep {
		return
	}
	unlabeled := make(map[*field]bool) // groups with a radio button without text after it
	next := len(b.page.text)
	for _, f := range slices.Backward(b.controls.fields) {
		if f.kind == "hidden" {
			continue
		}
		f.labels = b.layout.label(f, next)
		if f.kind == "radio" && f.labels.after == "" {
			unlabeled[f.group] = true
		}
		next = f.at
	}
	for _, f := range b.controls.fields {
		if unlabeled[f.group] {
			f.labels.after = "" // the text after one radio button may belong to the next
		}
	}
}

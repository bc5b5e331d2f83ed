package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A page is what the bot needs of an HTML page. The cards' pages are tag soup, so they are read by the rules of browsers
// (the HTML standard of WHATWG), and in linear time whatever they hold.
type page struct {
	title   string
	base    string // <base href>, against which the page's URLs are resolved instead of the page's own
	refresh string // where the page sends the browser within ten seconds: slower ones are there to end idle sessions
	charset string // utf8Charset or winCharset
	text    string // all visible text, white space folded
	forms   []form
	links   []link
}

// A link is an <a>, <area>, <frame> or <iframe>.
type link struct{ href, text string }

// A form holds its controls in the order of the page, with the values that a browser would show.
type form struct {
	name, action, method string
	encoded              bool   // its fields are sent as submit writes them, not as multipart/form-data or text/plain
	charset              string // in which they are sent
	controls             []control
}

// A control is an <input>, <select>, <textarea> or <button>.
type control struct {
	kind        string // type of an input or button, "select" or "textarea"
	name, value string
	label       string // all text that a reader takes as belonging to it: its row's, its <label>, its title
	own         string // text of it alone, as "Yes" beside one of two radio buttons, or a button's caption
	checked     bool
	disabled    bool
	multiple    bool
	options     []option
}

type option struct {
	value, text        string
	selected, disabled bool
}

// clone returns a copy that shares nothing with f.
func (f form) clone() form {
	f.controls = slices.Clone(f.controls)
	for i := range f.controls {
		f.controls[i].options = slices.Clone(f.controls[i].options)
	}
	return f
}

// fill returns the form with another value in control i.
func (f form) fill(i int, value string) form {
	f = f.clone()
	f.controls[i].value = value
	return f
}

// check returns the form with control i, a checkbox or radio button, checked.
func (f form) check(i int) form {
	f = f.clone()
	c := &f.controls[i]
	for k, other := range f.controls {
		if sameRadio(*c, other) {
			f.controls[k].checked = false
		}
	}
	c.checked = true
	return f
}

// choose returns the form with option k chosen in control i, a select.
func (f form) choose(i, k int) form {
	f = f.clone()
	c := &f.controls[i]
	for n := range c.options {
		c.options[n].selected = n == k || c.multiple && c.options[n].selected
	}
	return f
}

func sameRadio(a, b control) bool {
	return a.kind == "radio" && b.kind == "radio" && a.name == b.name && a.name != ""
}

// submit returns what a browser sends when the button, an index into controls, is pressed; -1 is for none. It is written as
// application/x-www-form-urlencoded, in the bytes of the form's charset.
func (f form) submit(button int) string {
	var b strings.Builder
	for i, p := range f.pairs(button) {
		if i > 0 {
			b.WriteByte('&')
		}
		escapeForm(&b, encodeCharset(crlf.Replace(p.name), f.charset))
		b.WriteByte('=')
		escapeForm(&b, encodeCharset(crlf.Replace(p.value), f.charset))
	}
	return b.String()
}

// A pair is a field that is sent.
type pair struct{ name, value string }

// pairs returns the fields that a browser sends, in the order of the page.
func (f form) pairs(button int) []pair {
	var pairs []pair
	for i, c := range f.controls {
		switch {
		case c.disabled:
		case c.kind == "image" && i == button:
			prefix := ""
			if c.name != "" {
				prefix = c.name + "."
			}
			pairs = append(pairs, pair{prefix + "x", "0"}, pair{prefix + "y", "0"})
		case c.name == "", c.kind == "reset", c.kind == "button", c.kind == "image":
		case c.kind == "submit" && i != button:
		case (c.kind == "checkbox" || c.kind == "radio") && !c.checked:
		case c.kind == "select":
			for _, o := range c.options {
				if o.selected && !o.disabled {
					pairs = append(pairs, pair{c.name, o.value})
				}
			}
		case c.kind == "file": // none was chosen
			pairs = append(pairs, pair{c.name, ""})
		case c.kind == "hidden" && strings.EqualFold(c.name, "_charset_"):
			pairs = append(pairs, pair{c.name, f.charset})
		default:
			pairs = append(pairs, pair{c.name, c.value})
		}
	}
	return pairs
}

var (
	lf      = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	oneLine = strings.NewReplacer("\n", "", "\r", "")
	crlf    = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n")
)

// escapeForm leaves fewer bytes as they are than url.QueryEscape: ~ is escaped, * is not.
func escapeForm(b *strings.Builder, s string) {
	for _, c := range []byte(s) {
		switch {
		case c == ' ':
			b.WriteByte('+')
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', strings.IndexByte("*-._", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(b, "%%%02X", c)
		}
	}
}

// summary tells what the page has, without values of fields and, as paths bear the session's token, without paths.
func (p page) summary() string {
	const most = 60
	lines := []string{fmt.Sprintf("page %q", cut(p.title, 60))}
	for _, f := range p.forms {
		lines = append(lines, fmt.Sprintf("form %q %s %s", cut(f.name, 60), f.method, lastElement(f.action)))
		for _, c := range f.controls {
			lines = append(lines, fmt.Sprintf("  %s %q: %s", c.kind, cut(c.name, 60), cut(cmp.Or(c.label, c.own), 60)))
		}
	}
	for _, l := range p.links {
		lines = append(lines, fmt.Sprintf("link %q %s", cut(l.text, 60), lastElement(l.href)))
	}
	if n := len(lines); n > most {
		lines = append(lines[:most-1], fmt.Sprintf("and %d lines more", n-most+1))
	}
	return strings.Join(lines, "\n")
}

func lastElement(url string) string {
	if end := strings.IndexAny(url, "?#;"); end >= 0 {
		url = url[:end]
	}
	return cut(url[strings.LastIndexByte(url, '/')+1:], 60)
}

// parsePage reads a page. The content type is that of the HTTP header.
func parsePage(body []byte, contentType string) page {
	b := &builder{form: -1, block: &block{}, ids: map[string]int{}, labels: map[string][]*words{}}
	b.charset = findCharset(body, contentType)
	s := scanner{src: lf.Replace(decodeCharset(body, b.charset))}
	for t, ok := s.next(); ok; t, ok = s.next() {
		b.take(t)
	}
	return b.finish()
}

// A builder makes a page of tokens. Its words are what takes the text that is read, nil where nothing does.
type builder struct {
	page
	all    strings.Builder // becomes the page's text
	hidden int             // depth in elements that a browser does not show
	block  *block          // the innermost
	form   int             // index of the open form; -1 for none
	ids    map[string]int  // of forms
	fields []*field

	link    *words // of the last link, while it is open
	caption *words // of the open button
	after   *words // follows the last control
	label   *words // of the open label
	wraps   bool   // it is for the first control within
	labels  map[string][]*words

	choice  *field // the open select
	option  *strings.Builder
	noValue bool // the open option's value is its text
	noGroup bool // the open optgroup is disabled
}

// A field is a control with what is put together at the end of the page.
type field struct {
	control
	id             string
	form           int
	owner          *string // id of another form that it says it belongs to
	block          *block
	caption, after words
	labels         []*words
	hints          []string // attributes for people
	listbox        bool     // a select that shows nothing chosen by itself
}

func (b *builder) take(t token) {
	if t.name == "template" || t.name == "datalist" {
		if !t.end {
			b.hidden++
		} else if b.hidden > 0 {
			b.hidden--
		}
		return
	}
	switch {
	case b.hidden > 0:
	case t.name == "":
		b.write(html.UnescapeString(strings.ReplaceAll(t.text, "\x00", "")))
	case b.choice != nil && b.takeOption(t):
	case !t.end:
		b.start(t)
	case t.name == "a":
		b.endLink()
	case t.name == "label":
		b.label = nil
	case t.name == "button":
		b.write(" ")
		b.caption = nil
	default:
		if t.name == "form" {
			b.form = -1
		}
		b.layout(t)
	}
}

func (b *builder) write(s string) {
	if b.choice != nil {
		if b.option != nil {
			b.option.WriteString(s)
		}
		return
	}
	if s = spaces.ReplaceAllString(s, " "); s != " " {
		b.line()
	}
	b.all.WriteString(s)
	for _, w := range []*words{&b.block.words, b.link, b.caption, b.after, b.label} {
		w.add(s)
	}
}

func (b *builder) start(t token) {
	switch t.name {
	case "title":
		b.title = cmp.Or(b.title, fold(html.UnescapeString(t.text)))
	case "base":
		b.base = cmp.Or(b.base, strings.TrimSpace(t.attrs["href"]))
	case "meta":
		if m := refresh.FindStringSubmatch(t.attrs["content"]); m != nil && strings.EqualFold(t.attrs["http-equiv"], "refresh") {
			b.refresh = cmp.Or(b.refresh, strings.TrimSpace(m[1]))
		}
	case "a", "area", "frame", "iframe":
		b.endLink()
		href, ok := t.attrs["href"]
		if strings.HasSuffix(t.name, "frame") {
			href, ok = t.attrs["src"]
		}
		if ok {
			text := cmp.Or(t.attrs["alt"], t.attrs["title"], t.attrs["name"])
			b.links = append(b.links, link{strings.TrimSpace(href), fold(text)})
		}
		if ok && t.name == "a" {
			b.link = new(words)
		}
	case "img":
		b.write(" " + t.attrs["alt"] + " ")
	case "label":
		b.label = new(words)
		id, ok := t.attrs["for"]
		if b.wraps = !ok; ok {
			b.labels[id] = append(b.labels[id], b.label)
		}
	case "form":
		if b.form < 0 { // as browsers do, a form within a form is not seen
			b.startForm(t.attrs)
			b.layout(t)
		}
	case "input", "select", "textarea", "button":
		b.control(t)
	default:
		b.layout(t)
	}
}

func (b *builder) endLink() {
	if b.link != nil {
		l := &b.links[len(b.links)-1]
		l.text = cmp.Or(b.link.String(), l.text)
		b.link = nil
	}
}

func (b *builder) startForm(attrs map[string]string) {
	f := form{name: cmp.Or(attrs["name"], attrs["id"]), action: strings.TrimSpace(attrs["action"]), method: "get",
		charset: cmp.Or(charsetNamed(attrs["accept-charset"]), b.charset)}
	if m := strings.ToLower(attrs["method"]); m == "post" || m == "dialog" {
		f.method = m
	}
	enctype := strings.ToLower(attrs["enctype"])
	f.encoded = enctype != "multipart/form-data" && enctype != "text/plain"
	b.form = len(b.forms)
	if id := attrs["id"]; id != "" && !has(b.ids, id) {
		b.ids[id] = b.form
	}
	b.forms = append(b.forms, f)
}

// inputTypes are those of fields; others are taken as text.
var inputTypes = strings.Fields("search tel url email password date month week time datetime-local number range color file")

func (b *builder) control(t token) {
	f := &field{form: b.form, id: t.attrs["id"], hints: []string{t.attrs["title"], t.attrs["aria-label"]}}
	if id, ok := t.attrs["form"]; ok {
		f.owner = &id
	}
	f.control = control{kind: strings.ToLower(t.attrs["type"]), name: t.attrs["name"], value: t.attrs["value"],
		checked: has(t.attrs, "checked"), multiple: has(t.attrs, "multiple"), disabled: has(t.attrs, "disabled") || b.block.disabled}
	b.fields = append(b.fields, f)
	if t.name == "input" && f.kind == "hidden" {
		return
	}
	b.line()
	b.write(" ")
	f.block = b.block
	f.block.count(&f.control)
	b.after = &f.after
	if b.label != nil && b.wraps {
		f.labels = append(f.labels, b.label)
		b.wraps = false
	}
	switch {
	case t.name == "select":
		f.kind, f.value, f.listbox = t.name, "", f.multiple || cmp.Or(strings.TrimLeft(t.attrs["size"], " 0"), "1") != "1"
		b.choice, b.noGroup = f, false
	case t.name == "textarea":
		f.kind, f.value = t.name, strings.TrimPrefix(html.UnescapeString(noNUL(t.text)), "\n")
	case t.name == "button":
		if f.kind != "reset" && f.kind != "button" {
			f.kind = "submit"
		}
		b.after, b.caption = nil, &f.caption
	case f.kind == "image", f.kind == "submit", f.kind == "reset", f.kind == "button":
		if f.kind == "submit" && !has(t.attrs, "value") {
			f.value = "Submit" // what browsers write on such a button they send too
		}
		b.after = nil
		f.caption.add(cmp.Or(t.attrs["alt"], f.value))
	case f.kind == "checkbox", f.kind == "radio":
		if !has(t.attrs, "value") {
			f.value = "on"
		}
	default:
		if !slices.Contains(inputTypes, f.kind) {
			f.kind = "text"
		}
		f.value = oneLine.Replace(f.value)
	}
}

// takeOption takes a token within a select. It reports false where the token ends the select and is to be taken as usual.
func (b *builder) takeOption(t token) bool {
	switch t.name {
	case "option":
		b.endOption()
		if !t.end {
			b.option, b.noValue = new(strings.Builder), !has(t.attrs, "value")
			b.choice.options = append(b.choice.options, option{value: t.attrs["value"], text: t.attrs["label"],
				selected: has(t.attrs, "selected"), disabled: has(t.attrs, "disabled") || b.noGroup})
		}
	case "optgroup":
		b.endOption()
		b.noGroup = !t.end && has(t.attrs, "disabled")
	case "select": // its start tag ends it too
		b.endSelect()
	case "input", "textarea", "form", "fieldset", "table", "tbody", "tr", "td", "th":
		b.endSelect()
		return false
	}
	return true
}

func (b *builder) endOption() {
	if b.option == nil {
		return
	}
	o := &b.choice.options[len(b.choice.options)-1]
	text := b.option.String()
	if b.noValue { // a no-break space is no white space here
		o.value = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(blank, r) }), " ")
	}
	o.text = cmp.Or(fold(o.text), fold(text))
	b.option = nil
}

// endSelect leaves at most one option of a select chosen, as a browser shows it.
func (b *builder) endSelect() {
	if b.choice == nil {
		return
	}
	b.endOption()
	options, chosen := b.choice.options, -1
	for i, o := range options {
		if o.selected {
			chosen = i
		}
	}
	if chosen < 0 {
		chosen = slices.IndexFunc(options, func(o option) bool { return !o.disabled })
	}
	for i := range options {
		if !b.choice.multiple && !(b.choice.listbox && !options[i].selected) {
			options[i].selected = i == chosen
		}
	}
	b.choice = nil
}

// A block is a part of the page that is laid out as one: a table, its rows and cells; a list of terms (dl) with a term and
// what is said of it for a row; what holds lines (div, form and such; "" is the page); a line. It ends where the layout
// says so, with an end tag or without.
type block struct {
	words
	tag      string
	parent   *block
	depth    int
	disabled bool     // in a disabled fieldset
	controls int      // in it and the blocks within, radio buttons of one name counted as one
	last     *control // of those
	rows     int      // of a table or list
}

// maxDepth bounds what one tag can cost; browsers have such a bound too. What is nested deeper joins the block around it.
const maxDepth = 100

func (c *block) is(tags ...string) bool { return slices.Contains(tags, c.tag) }

func (c *block) count(n *control) {
	for ; c != nil; c = c.parent {
		if c.last == nil || !sameRadio(*c.last, *n) {
			c.controls++
		}
		c.last = n
	}
}

// says returns the text that tells what the controls in c are: in a table the row's, elsewhere that of the widest block
// without other controls, as a name and its control often stand in two <div> within a third. A table of one row in the cell
// of another is there to align what stands in the cell: both rows speak.
func (c *block) says() string {
	inner, own := "", true
	for p := c.parent; p != nil && p.parent != nil && p.rows < 2; p = p.parent {
		if p.controls != c.controls && !(c.is("td") && own) {
			break
		}
		if c.is("table", "dl") {
			if !p.is("td", "dt") {
				break
			}
			inner, own = c.String()+" "+inner, false // p is without the text of c
		}
		c = p
	}
	return fold(c.String() + " " + inner)
}

// layout begins and ends blocks. In rows only forms and fieldsets hold lines: else a row is a line, however it is broken.
func (b *builder) layout(t token) {
	tag := t.name
	if tag == "th" {
		tag = "td"
	}
	switch tag {
	case "tr", "td", "dt":
		b.close(tag)
		if tag == "td" && !t.end && b.block.is("table") {
			b.open("tr", false)
		}
		if !t.end {
			b.open(tag, false)
		}
	case "caption", "thead", "tbody", "tfoot":
		b.close("tr")
	case "table", "dl", "form", "fieldset", "div", "section", "article", "ul", "ol", "center":
		switch b.endLine(); {
		case t.end:
			b.close(tag)
		case b.block.is("table", "tr") && tag != "table", b.block.is("td", "dl", "dt") && !slices.Contains(holders, tag):
		default:
			b.open(tag, has(t.attrs, "disabled") && tag == "fieldset")
		}
	case "br", "p", "li", "hr", "dd", "legend", "pre", "h1", "h2", "h3", "h4", "h5", "h6":
		b.endLine()
	default:
		return
	}
	b.after = nil
	b.write(" ")
}

var holders = []string{"table", "dl", "form", "fieldset"}

func (b *builder) open(tag string, disabled bool) {
	b.endLine()
	if p := b.block; p.depth < maxDepth {
		if tag == "tr" || tag == "dt" {
			p.rows++
		}
		b.block = &block{tag: tag, parent: p, depth: p.depth + 1, disabled: disabled || p.disabled}
	}
}

// line begins a line where the block holds lines.
func (b *builder) line() {
	if !b.block.is("line", "table", "tr", "td", "dl", "dt") {
		b.open("line", false)
	}
}

func (b *builder) endLine() {
	if b.block.is("line") {
		b.pop()
	}
}

// close ends the innermost block of that tag and the blocks within, if it is in the same table.
func (b *builder) close(tag string) {
	b.endLine()
	far := slices.Contains([]string{"table", "tr", "td", "dl"}, tag)
	for c := b.block; c != nil; c = c.parent {
		if c.tag == tag {
			for stop := c.parent; b.block != stop; {
				b.pop()
			}
			return
		}
		if c.is("table") || c.is("dl", "td", "dt") && !far {
			return
		}
	}
}

// pop ends a block. Its text is also that of the block around, unless it is a table that holds the rows of other controls.
func (b *builder) pop() {
	c := b.block
	b.block = c.parent
	if !c.is("table", "dl") || c.controls == 0 {
		b.block.add(string(c.b))
	}
	if c.is("td", "tr", "dt") {
		b.label = nil
	}
}

// finish puts forms and controls together.
func (b *builder) finish() page {
	b.endLink()
	b.endSelect()
	for b.block.parent != nil {
		b.pop()
	}
	for _, f := range b.fields {
		f.labels = append(f.labels, b.labels[f.id]...)
		delete(b.labels, f.id) // of several controls with one id the first has the label
		if f.owner != nil {
			n, ok := b.ids[*f.owner]
			if f.form = n; !ok {
				f.form = -1
			}
		}
		if f.form >= 0 {
			to := &b.forms[f.form].controls
			*to = append(*to, f.finish())
		}
	}
	for _, f := range b.forms {
		checked := map[string]bool{}
		for i := range slices.Backward(f.controls) {
			if c := &f.controls[i]; c.kind == "radio" && c.name != "" {
				c.checked = c.checked && !checked[c.name]
				checked[c.name] = checked[c.name] || c.checked
			}
		}
	}
	b.text = fold(b.all.String())
	return b.page
}

func (f *field) finish() control {
	c := f.control
	if f.block == nil {
		return c
	}
	var labels []string
	for _, w := range f.labels {
		labels = append(labels, w.String())
	}
	c.own = cmp.Or(f.caption.String(), fold(strings.Join(labels, " ")), f.after.String())
	row, more := f.block.says(), words{}
	for _, s := range append(labels, f.hints...) {
		if s = fold(s); !strings.Contains(row, s) {
			more.add(" " + s)
		}
	}
	c.label = fold(row + " " + more.String())
	return c
}

// maxWords is a length beyond which a text is no label.
const maxWords = 1000

// words are a text that grows, up to maxWords.
type words struct{ b []byte }

func (w *words) add(s string) {
	if w != nil {
		w.b = append(w.b, s[:min(len(s), maxWords-len(w.b))]...)
	}
}

func (w *words) String() string { return fold(string(w.b)) }

func fold(s string) string { return strings.Join(strings.Fields(s), " ") }

func has[V any](m map[string]V, key string) bool {
	_, ok := m[key]
	return ok
}

// A token is a tag or, without a name, a text, whose entities are not decoded. The text within elements that hold nothing
// else comes with their start tags.
type token struct {
	name  string
	end   bool
	attrs map[string]string
	text  string
}

// A scanner splits a page into tokens. It never goes back, and what has no end ends with the page.
type scanner struct {
	src string
	pos int
}

const blank = " \t\n\f\r"

var (
	spaces    = regexp.MustCompile(`[\s\x{a0}]+`)
	comment   = regexp.MustCompile(`^<!--(?:-?>|(?s:.*?)--!?>)`)
	tagStart  = regexp.MustCompile(`^</?[a-zA-Z]`)
	reference = regexp.MustCompile(`&#?[0-9A-Za-z]+[;=]?`)
	refresh   = regexp.MustCompile(`(?i)^\s*0*\d?(?:\.[\d.]*)?[\s;,]+(?:url\s*=\s*)?["']?([^"']*)`)
)

func (s *scanner) next() (token, bool) {
	for s.pos < len(s.src) {
		rest := s.src[s.pos:]
		switch {
		case rest[0] != '<':
			return token{text: s.until("<")}, true
		case tagStart.MatchString(rest):
			return s.tag()
		case strings.HasPrefix(rest, "<!--"):
			if end := comment.FindString(rest); end != "" {
				s.pos += len(end)
			} else {
				s.pos = len(s.src)
			}
		case len(rest) > 1 && strings.IndexByte("!?/", rest[1]) >= 0:
			s.until(">")
			s.skip()
		default:
			s.skip()
			return token{text: "<"}, true
		}
	}
	return token{}, false
}

func (s *scanner) tag() (token, bool) {
	t := token{end: s.src[s.pos+1] == '/', attrs: map[string]string{}}
	s.skip()
	if t.end {
		s.skip()
	}
	t.name = strings.ToLower(s.until(blank + "/>"))
	for {
		s.while(blank + "/")
		if s.pos == len(s.src) {
			return token{}, false
		}
		if s.src[s.pos] == '>' {
			break
		}
		start := s.pos
		s.skip() // even a = here is the first letter of a name
		s.until(blank + "/>=")
		name := strings.ToLower(s.src[start:s.pos])
		value := s.value()
		if !has(t.attrs, name) {
			t.attrs[name] = unescapeAttr(noNUL(value))
		}
	}
	s.skip()
	switch t.name {
	case "script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes":
		if !t.end {
			t.text = s.raw(t.name)
		}
	}
	return t, true
}

// value reads the value of an attribute, if there is one.
func (s *scanner) value() string {
	s.while(blank)
	if !strings.HasPrefix(s.src[s.pos:], "=") {
		return ""
	}
	s.skip()
	s.while(blank)
	if s.pos == len(s.src) {
		return ""
	}
	if quote := s.src[s.pos]; quote == '"' || quote == '\'' {
		s.skip()
		value := s.until(string(quote))
		s.skip()
		return value
	}
	return s.until(blank + ">")
}

// raw reads up to an element's end tag. In a script a comment hides the end tags of scripts that begin in the comment.
func (s *scanner) raw(tag string) string {
	rest := s.src[s.pos:]
	comment, inner := false, false
	for i := range len(rest) {
		switch at := rest[i:]; {
		case at[0] != '<' && at[0] != '-':
		case tag == "script" && strings.HasPrefix(at, "<!--"):
			comment = true
		case strings.HasPrefix(at, "-->"):
			comment, inner = false, false
		case comment && hasTag(at, "<", tag):
			inner = true
		case hasTag(at, "</", tag):
			if !inner {
				s.pos += i
				return rest[:i]
			}
			inner = false
		}
	}
	s.pos = len(s.src)
	return rest
}

func hasTag(s, open, name string) bool {
	n := len(open) + len(name)
	return len(s) > n && s[:len(open)] == open && strings.EqualFold(s[len(open):n], name) && strings.IndexByte(blank+"/>", s[n]) >= 0
}

func (s *scanner) skip() { s.pos = min(s.pos+1, len(s.src)) }

// until reads up to the first of the characters, or to the end.
func (s *scanner) until(chars string) string {
	rest := s.src[s.pos:]
	if n := strings.IndexAny(rest, chars); n >= 0 {
		rest = rest[:n]
	}
	s.pos += len(rest)
	return rest
}

func (s *scanner) while(chars string) {
	s.pos = len(s.src) - len(strings.TrimLeft(s.src[s.pos:], chars))
}

func noNUL(s string) string { return strings.ReplaceAll(s, "\x00", "\uFFFD") }

// unescapeAttr decodes entities as in attributes, where a name without a semicolon that goes on is none: ?a=1&copy=2.
func unescapeAttr(s string) string {
	return reference.ReplaceAllStringFunc(s, func(ref string) string {
		text := html.UnescapeString(ref)
		n := utf8.RuneCountInString(text) // a known name gives one or two, any other leaves more
		if ref[1] == '#' || n == 1 || n == 2 && strings.HasSuffix(ref, ";") {
			return text
		}
		return ref
	})
}

const (
	utf8Charset = "UTF-8"
	winCharset  = "windows-1252"
)

// high holds what windows-1252 has at 0x80 to 0x9f; the rest of it is Latin-1.
var high = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")

var charsetParam = regexp.MustCompile(`(?i)charset\s*=\s*["']?\s*([^\s"';]+)`)

func findCharset(body []byte, contentType string) string {
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		return utf8Charset
	}
	if m := charsetParam.FindStringSubmatch(contentType); m != nil && charsetNamed(m[1]) != "" {
		return charsetNamed(m[1])
	}
	s := scanner{src: string(body)}
	for t, ok := s.next(); ok; t, ok = s.next() {
		if t.name != "meta" {
			continue
		}
		name := t.attrs["charset"]
		if m := charsetParam.FindStringSubmatch(t.attrs["content"]); m != nil && strings.EqualFold(t.attrs["http-equiv"], "content-type") {
			name = cmp.Or(name, m[1])
		}
		if c := charsetNamed(name); c != "" {
			return c
		}
	}
	if utf8.Valid(body) {
		return utf8Charset
	}
	return winCharset
}

// charsetNamed returns "" for those that no card uses.
func charsetNamed(name string) string {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "utf-8", "utf8":
		return utf8Charset
	case "windows-1252", "cp1252", "x-cp1252", "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "l1", "us-ascii", "ascii":
		return winCharset
	}
	return ""
}

// decodeCharset keeps bytes that are not UTF-8 although they should be: they go back as they came.
func decodeCharset(body []byte, charset string) string {
	if charset == utf8Charset {
		return string(bytes.TrimPrefix(body, []byte("\ufeff")))
	}
	runes := make([]rune, len(body))
	for i, c := range body {
		runes[i] = rune(c)
		if 0x80 <= c && c < 0xa0 {
			runes[i] = high[c-0x80]
		}
	}
	return string(runes)
}

// encodeCharset writes what the charset lacks as browsers do, as an entity.
func encodeCharset(s, charset string) string {
	if charset == utf8Charset {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if i := slices.Index(high, r); i >= 0 {
			b.WriteByte(byte(0x80 + i))
		} else if r < 0x80 || 0xa0 <= r && r <= 0xff {
			b.WriteByte(byte(r))
		} else {
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A page is what is needed of a card's page, tag soup that is read much as browsers do, and in linear time whatever it holds.
type page struct {
	title   string
	text    string // what a reader sees, white space folded, without buttons and <label for>
	refresh string // where the page sends the browser within seconds; slower ones are there to end idle sessions
	forms   []form
	links   []link
}

type link struct{ href, text string }

// A form holds its controls in the order of the page, with the values that a browser would show.
type form struct {
	name, action, method string
	encoded              bool // it is sent as submit writes it, not as multipart/form-data or text/plain
	latin                bool // in ISO-8859-1, otherwise in UTF-8
	controls             []control
}

// A control is an <input>, <select>, <textarea> or <button>.
type control struct {
	kind        string // type of an input or button, "select" or "textarea"
	name, value string
	label       string // what the page says of it and of no other control: its row, its <label>
	own         string // its <label> or what follows it, as "Yes" after one of two radio buttons; a button's caption
	options     []option

	checked, disabled, multiple bool
}

type option struct {
	value, text        string
	selected, disabled bool
}

// edit returns control i to be changed, apart from copies of the form.
func (f *form) edit(i int) *control {
	f.controls = slices.Clone(f.controls)
	return &f.controls[i]
}

// fill returns the form with another value in control i.
func (f form) fill(i int, value string) form {
	f.edit(i).value = value
	return f
}

// check returns the form with control i, a checkbox or radio button, checked.
func (f form) check(i int) form {
	c := f.edit(i)
	for k := range f.controls {
		if other := &f.controls[k]; k == i || sameRadio(c, other) {
			other.checked = k == i
		}
	}
	return f
}

// choose returns the form with option k chosen in control i, a select.
func (f form) choose(i, k int) form {
	c := f.edit(i)
	c.options = slices.Clone(c.options)
	for n := range c.options {
		c.options[n].selected = n == k || c.multiple && c.options[n].selected
	}
	return f
}

// submit returns what a browser sends when the button with that index is pressed; -1 is for none.
func (f form) submit(button int) string {
	var fields []string
	add := func(name, value string) { fields = append(fields, f.escape(name)+"="+f.escape(value)) }
	for i, c := range f.controls {
		switch {
		case c.disabled, c.name == "", c.kind == "reset", c.kind == "button", c.kind == "image", c.kind == "submit" && i != button:
		case (c.kind == "checkbox" || c.kind == "radio") && !c.checked:
		case c.kind == "select":
			for _, o := range c.options {
				if o.selected && !o.disabled {
					add(c.name, o.value)
				}
			}
		default:
			add(c.name, c.value)
		}
	}
	return strings.Join(fields, "&")
}

// escape writes application/x-www-form-urlencoded.
func (f form) escape(s string) string {
	s = strings.ReplaceAll(lf.Replace(s), "\n", "\r\n")
	if f.latin {
		var b []byte
		for _, r := range s {
			if r <= 0xff {
				b = append(b, byte(r))
			} else { // browsers too write an entity then
				b = fmt.Appendf(b, "&#%d;", r)
			}
		}
		s = string(b)
	}
	return asForm.Replace(url.QueryEscape(s))
}

// summary tells in 60 lines what the page has, without values of fields and, as paths bear the session's token, with only their ends.
func (p page) summary() string {
	lines := []string{fmt.Sprintf("page %.60q", p.title)}
	for _, f := range p.forms {
		lines = append(lines, fmt.Sprintf("form %.60q %.60s %.60s", f.name, f.method, notEnd.ReplaceAllString(f.action, "")))
		for _, c := range f.controls {
			lines = append(lines, fmt.Sprintf("  %.60s %.60q: %.60s", c.kind, c.name, cmp.Or(c.label, c.own)))
		}
	}
	for _, l := range p.links {
		lines = append(lines, fmt.Sprintf("link %.60q %.60s", l.text, notEnd.ReplaceAllString(l.href, "")))
	}
	return strings.Join(lines[:min(len(lines), 60)], "\n")
}

// parsePage reads a page of that Content-Type. All that is not UTF-8 is taken as ISO-8859-1: its bytes go back as they came.
func parsePage(body []byte, contentType string) page {
	text, latin := string(body), !utf8.Valid(body)
	if m := charset.FindStringSubmatch("<meta " + contentType + ">" + text[:min(len(text), 1024)]); m != nil {
		latin = !strings.EqualFold(m[1], "utf-8")
	}
	if latin {
		runes := make([]rune, len(body))
		for i, c := range body {
			runes[i] = rune(c)
		}
		text = string(runes)
	}
	r := &reader{latin: latin, in: &element{name: "line", parent: &element{}}, form: -1, ids: map[string]int{}, labels: map[string]string{}}
	scan(lf.Replace(text), r.take)
	return r.finish()
}

// A reader makes a page of tokens.
type reader struct {
	page
	latin           bool
	all             []byte   // the text so far; what is zeroed in it is the label of a control that may stand elsewhere
	in              *element // a line
	form            int      // index of the open form, or -1
	fields          []*field
	ids             map[string]int    // how many controls have an id
	labels          map[string]string // by the id that they are for
	href, labelFor  string            // of the open link and label
	linkAt, labelAt int               // where their texts begin
}

// A field is a control that is not finished before the page is.
type field struct {
	control
	id    string
	form  int
	start int      // of what follows it in the text
	line  *element // nil for buttons and what is hidden
}

// An element is a part of the page that stands by itself. It ends where the layout says so, with an end tag or without.
type element struct {
	name       string // of its tag, or "line"
	parent     *element
	depth      int
	start, end int    // of its text
	disabled   bool   // a fieldset, or in one
	rows       int    // of a table or list
	controls   int    // in it, without buttons, and radio buttons of one name counted as one
	last       *field // of those
	named      bool   // text stands before the first
}

func (r *reader) take(t token) {
	name, end := strings.CutPrefix(t.name, "/")
	switch {
	case name == "":
		r.all = append(r.all, html.UnescapeString(t.text)...)
	case name == "title":
		r.title = cmp.Or(r.title, fold(html.UnescapeString(t.text)))
	case name == "meta" && strings.EqualFold(t.attrs["http-equiv"], "refresh"):
		if m := refresh.FindStringSubmatch(t.attrs["content"]); m != nil {
			r.refresh = strings.TrimSpace(m[1])
		}
	case name == "a":
		if r.href != "" {
			r.links = append(r.links, link{r.href, r.said(r.linkAt, len(r.all))})
		}
		r.href, r.linkAt = strings.TrimSpace(t.attrs["href"]), len(r.all)
	case name == "label":
		if end && r.labelFor != "" {
			r.labels[r.labelFor] = r.said(r.labelAt, len(r.all))
			clear(r.all[r.labelAt:])
		}
		if r.labelFor, r.labelAt = t.attrs["for"], len(r.all); r.labelFor == "" && !end {
			r.open("line")
		}
	case t.name == "input", t.name == "textarea", t.name == "button", t.name == "select":
		r.control(t)
	case slices.Contains(blocks, name), slices.Contains(breaks, name):
		r.all = append(r.all, ' ')
		if end || slices.Contains(rows, name) {
			r.close(name)
		}
		if !end && !slices.Contains(breaks, name) {
			r.open(name)
			r.in.disabled = r.in.disabled || name == "fieldset" && t.has("disabled")
		}
		r.open("line")
	}
	switch {
	case t.name == "/form":
		r.form = -1
	case t.name == "form" && r.form < 0: // as for browsers, a form within a form is none
		r.form = len(r.forms)
		r.forms = append(r.forms, form{name: cmp.Or(t.attrs["name"], t.attrs["id"]), action: strings.TrimSpace(t.attrs["action"]),
			method: cmp.Or(strings.ToLower(t.attrs["method"]), "get"), latin: r.latin,
			encoded: !slices.Contains([]string{"multipart/form-data", "text/plain"}, strings.ToLower(t.attrs["enctype"]))})
	}
}

// said returns a stretch of the text. What is long is no label.
func (r *reader) said(start, end int) string {
	if end-start > 1000 {
		return ""
	}
	return fold(strings.ReplaceAll(string(r.all[start:end]), "\x00", " "))
}

func (r *reader) open(name string) {
	if r.in.is("line") {
		r.leave(r.in.parent)
	}
	if r.in.depth == 100 { // bounds what one tag can cost
		r.leave(nil)
	}
	if name == "tr" || name == "dt" {
		r.in.rows++
	}
	r.in = &element{name: name, parent: r.in, depth: r.in.depth + 1, start: len(r.all), disabled: r.in.disabled}
}

// close ends the innermost element of that name and those within. Out of a table only the end of that leads.
func (r *reader) close(name string) {
	e := r.in
	for ; e.parent != nil && e.name != name && !e.is("table") && !(e.is("dl") && name == "dt"); e = e.parent {
	}
	if e.name == name {
		r.leave(e.parent)
	}
}

// leave ends elements up to one that stays, or with nil all but the outermost.
func (r *reader) leave(to *element) {
	for ; r.in != to && r.in.parent != nil; r.in = r.in.parent {
		r.in.end = len(r.all)
	}
}

func (r *reader) control(t token) {
	r.all = append(r.all, ' ')
	f := &field{id: t.attrs["id"], form: r.form, start: len(r.all), control: control{name: t.attrs["name"], value: t.attrs["value"],
		kind: cmp.Or(strings.ToLower(t.attrs["type"]), "text"), checked: t.has("checked"), multiple: t.has("multiple"),
		disabled: t.has("disabled") || r.in.disabled}}
	r.fields = append(r.fields, f)
	r.ids[f.id]++
	switch {
	case t.name == "select":
		f.kind, f.options = t.name, readOptions(t.text, f.multiple)
	case t.name == "textarea":
		f.kind, f.value = t.name, strings.TrimPrefix(html.UnescapeString(t.text), "\n")
	case t.name == "button" && f.kind != "reset" && f.kind != "button":
		f.kind = "submit"
	case t.name == "input" && !t.has("value"): // what browsers write on a button they send too
		f.value = map[string]string{"checkbox": "on", "radio": "on", "submit": "Submit"}[f.kind]
	case f.kind == "text", f.kind == "password":
		f.value = strings.ReplaceAll(lf.Replace(f.value), "\n", "")
	}
	switch f.kind {
	case "submit", "reset", "button", "image":
		f.own = cmp.Or(fold(html.UnescapeString(anyTag.ReplaceAllString(t.text, ""))), f.value)
		fallthrough
	case "hidden":
		return
	}
	f.line = r.in
	for e := r.in; e != nil; e = e.parent {
		if e.controls == 0 {
			e.named = len(bytes.TrimSpace(r.all[e.start:])) > 0
		}
		if e.last == nil || e.last.form != f.form || !sameRadio(&e.last.control, &f.control) {
			e.controls++
		}
		e.last = f
	}
}

// readOptions reads a <select>. Unless it is multiple one is selected: the last that says so, or else the first that can be.
func readOptions(src string, multiple bool) []option {
	var options []option
	chosen := -1
	scan(src, func(t token) {
		if t.name != "option" {
			return
		}
		o := option{t.attrs["value"], html.UnescapeString(t.text), t.has("selected"), t.has("disabled")}
		if !t.has("value") { // a no-break space is no white space in it
			o.value = strings.Trim(blank.ReplaceAllString(o.text, " "), " ")
		}
		if o.text = fold(o.text); o.selected || chosen < 0 && !o.disabled {
			chosen = len(options)
		}
		options = append(options, o)
	})
	for i := range options {
		options[i].selected = multiple && options[i].selected || !multiple && i == chosen
	}
	return options
}

// row returns the element whose text labels the only control in e: the first around that begins with text, but from a cell
// always on to its row, and from a table of one row to the cell that it fills. What stands beside several controls could be
// another's, and labels none; so does what stands in several rows, and around the form.
func (e *element) row() *element {
	for row := e; ; e = e.parent {
		p := e.parent
		if e.named || e.is("tr", "dt") {
			row = e
		}
		if p.parent == nil || p.controls > 1 || p.rows > 1 || e.is("form") ||
			e.named && !e.is("td", "th") && !p.is("td", "th", "dt") && !(e.is("tr", "dt") && p.parent.is("td", "th")) {
			return row
		}
	}
}

// finish tells what the page says of the controls, and puts them into their forms.
func (r *reader) finish() page {
	r.take(token{name: "/a"})
	r.leave(nil)
	r.text = fold(strings.ReplaceAll(string(r.all), "\x00", " "))
	checked, bare, next := map[string]bool{}, map[string]bool{}, len(r.all)
	for _, f := range slices.Backward(r.fields) {
		if f.line != nil {
			if r.ids[f.id] == 1 {
				f.own = r.labels[f.id]
			}
			if row := f.line.row(); f.line.controls == 1 {
				f.label = r.said(row.start, row.end)
			}
			f.label = strings.TrimSpace(f.label + " " + f.own)
			f.own = cmp.Or(f.own, r.said(f.start, min(next, f.line.end)))
		}
		next = f.start
		if g := fmt.Sprint(f.form, " ", f.name); f.kind == "radio" {
			f.checked = f.checked && !checked[g] // the last wins
			checked[g] = checked[g] || f.checked
			if bare[g] = bare[g] || f.own == ""; bare[g] {
				f.own = "" // where nothing follows the last, what follows the others is said of the next
			}
		}
		if f.form >= 0 {
			r.forms[f.form].controls = append(r.forms[f.form].controls, f.control)
		}
	}
	for _, f := range r.forms {
		slices.Reverse(f.controls)
	}
	return r.page
}

func fold(s string) string                 { return strings.Join(strings.Fields(s), " ") }
func (e *element) is(names ...string) bool { return slices.Contains(names, e.name) }
func sameRadio(a, b *control) bool         { return a.kind == "radio" && b.kind == "radio" && a.name == b.name }

// A token is a tag, with a slash if an end tag, or without a name text. The text of a script, title and such is its start tag's.
type token struct {
	name, text string
	attrs      map[string]string
}

func (t token) has(attr string) bool { _, ok := t.attrs[attr]; return ok }

var (
	breaks = strings.Fields("br p li hr dd legend pre h1 h2 h3 h4 h5 h6 caption header nav main footer")
	rows   = strings.Fields("tr td th dt") // dt with its dd
	blocks = append(strings.Fields("table dl ul ol div form fieldset section center"), rows...)
	lf     = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	asForm = strings.NewReplacer("~", "%7E", "%2A", "*") // where browsers differ from url.QueryEscape

	tagOrText = regexp.MustCompile(`^(?:<(/?[a-zA-Z][^\s/>]*|[!?/])((?:=\s*"[^"]*"|=\s*'[^']*'|[^>])*)(>?)|<?[^<]*)`)
	attribute = regexp.MustCompile(`([^\s/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|(\S*)))?`)
	reference = regexp.MustCompile(`&#?\w+;`) // of which ?a=1&copy=2 has none
	anyTag    = regexp.MustCompile(`<[^>]*>`)
	blank     = regexp.MustCompile(`\s+`)
	refresh   = regexp.MustCompile(`(?i)^\s*\d?\s*[;,]\s*(?:url\s*=\s*)?["']?([^"']+)`)
	charset   = regexp.MustCompile(`(?i)<meta\s[^>]*charset\s*=\s*["']?\s*([\w-]+)`)
	notEnd    = regexp.MustCompile(`^[^?#;]*/|(?s:[?#;].*)`) // of a path
	// raw has what stands in elements in which a tag is none; a button or select without an end goes no further than its form.
	raw = map[string]*regexp.Regexp{
		"script": regexp.MustCompile(`(?is)^(.*?)(?:</script[\s/>]|\z)`), "style": regexp.MustCompile(`(?is)^(.*?)(?:</style[\s/>]|\z)`),
		"title": regexp.MustCompile(`(?is)^(.*?)(?:</title[\s/>]|\z)`), "textarea": regexp.MustCompile(`(?is)^(.*?)(?:</textarea[\s/>]|\z)`),
		"template": regexp.MustCompile(`(?is)^(.*?)(?:</template[\s/>]|\z)`), "option": regexp.MustCompile(`^([^<]*)`),
		"button": toControl, "select": toControl,
	}
	toControl = regexp.MustCompile(`(?is)^((?:<!--.*?(?:-->|\z)|.)*?)(?:<(?:/?button|/?select|/?form|/?t[adrh]|input|textarea)|\z)`)
)

// scan splits a page into tokens. What has no end ends with the page.
func scan(src string, take func(token)) {
	for src != "" {
		if strings.HasPrefix(src, "<!--") {
			_, src, _ = strings.Cut(src[2:], "-->") // <!--> is one
			continue
		}
		m := tagOrText.FindStringSubmatch(src)
		src = src[len(m[0]):]
		t := token{name: strings.ToLower(m[1]), attrs: map[string]string{}}
		for _, a := range attribute.FindAllStringSubmatch(m[2], -1) {
			if name := strings.ToLower(a[1]); !t.has(name) {
				t.attrs[name] = reference.ReplaceAllStringFunc(a[2]+a[3]+a[4], html.UnescapeString)
			}
		}
		if t.name == "" {
			t.text = m[0]
		} else if m[3] == "" {
			return // cut off
		} else if raw[t.name] != nil {
			t.text = raw[t.name].FindStringSubmatch(src)[1]
			src = src[len(t.text):]
		}
		take(t)
	}
}

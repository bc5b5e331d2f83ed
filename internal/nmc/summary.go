package nmc

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// A summary describes a page to a person who wants to find out why it was not
// understood: its forms, controls with labels, and links. Field values are left
// out, and addresses are cut to their last part, because the rest has the
// session's token.
type summary []summaryLine

// A summaryLine has what the page shows to readers in text, and what it tells
// browsers before and after.
type summaryLine struct{ before, text, after string }

// summary returns the summary of a page. name returns a name or an address, or
// "..." if it has a secret.
func (p page) summary(name func(string) string) summary {
	const maxLines = 60
	s := summary{{before: "page ", text: p.title}}
	for _, f := range p.forms {
		s = append(s, summaryLine{before: strings.TrimSpace(fmt.Sprintf("form %q %s %s",
			maskToken(name(f.name)), shorten(name(f.method), 10), lastPart(name(f.action))))})
		for _, c := range f.controls {
			l := summaryLine{before: fmt.Sprintf("  %s %q", shorten(name(c.kind), 12), maskToken(name(c.name)))}
			if len(c.options) > 0 {
				l.before += fmt.Sprintf(" (%d options)", len(c.options))
			}
			if l.text = c.labels.mostInformative(c.caption); l.text != "" {
				l.before += ": "
			}
			s = append(s, l)
		}
	}
	for _, l := range p.links {
		s = append(s, summaryLine{"link ", l.text, " -> " + lastPart(name(l.href))})
	}
	return s[:min(len(s), maxLines)]
}

// lastPart returns the last part of the path in an address.
func lastPart(ref string) string {
	if end := strings.IndexAny(ref, "?#;"); end >= 0 {
		ref = ref[:end]
	}
	return maskToken(ref[strings.LastIndexByte(ref, '/')+1:])
}

// maskToken returns a name, or "..." if it looks like a session's token.
func maskToken(name string) string {
	const maxName = 20
	if len(name) > maxName || strings.ContainsAny(name, "+@") {
		return "..."
	}
	return name
}

// minHidden is the length in bytes of the shortest value that is hidden.
const minHidden = 3

// A redactor removes from the texts of pages what belongs to the owner of the
// card: secrets, field values, names and addresses.
type redactor struct {
	values          []string // the longest first
	password, token string   // of the session
}

// name returns a name or an address on a page, or "..." if it has the password,
// or the token in a part that is not cut off later.
func (r *redactor) name(s string) string {
	inPath, _ := url.PathUnescape(s) // "" if it is not escaped
	inQuery, _ := url.QueryUnescape(s)
	all := strings.ToLower(s + "\n" + inPath + "\n" + inQuery)
	hasPassword := len(r.password) >= minHidden && strings.Contains(all, strings.ToLower(r.password))
	hasToken := r.token != "" && strings.Contains(lastPart(s), r.token)
	if hasPassword || hasToken {
		return "..."
	}
	return s
}

// hide keeps a value out of all summaries. Short values are ignored, because
// they could be ordinary words.
func (r *redactor) hide(value string) {
	value = fold(value)
	if len(value) < minHidden || slices.Contains(r.values, value) {
		return
	}
	at := slices.IndexFunc(r.values, func(v string) bool { return len(v) < len(value) })
	if at < 0 {
		at = len(r.values)
	}
	r.values = slices.Insert(r.values, at, value)
}

// hidePage keeps the values of a page's fields out of all summaries.
func (r *redactor) hidePage(p page) {
	for _, f := range p.forms {
		for _, c := range f.controls {
			switch c.kind {
			case "checkbox", "radio", "select", "submit", "reset", "button", "image":
			default:
				r.hide(c.value)
			}
		}
	}
}

// redact returns the text of a summary.
func (r *redactor) redact(s summary) string {
	var lines []string
	for _, l := range s {
		lines = append(lines, l.before+shorten(r.mask(l.text), 100)+l.after)
	}
	return strings.Join(lines, "\n")
}

// mask returns a text of a page without the hidden values, and without words
// that look like numbers, names or addresses.
func (r *redactor) mask(text string) string {
	for _, v := range r.values {
		text = strings.ReplaceAll(text, v, "...")
	}
	return maskWords(text)
}

// maskWords masks words with digits, underscores or "@".
func maskWords(text string) string {
	fields := strings.Fields(text)
	for i, w := range fields {
		if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsDigit(r) || r == '_' || r == '@' }) {
			fields[i] = "..."
		}
	}
	return strings.Join(fields, " ")
}

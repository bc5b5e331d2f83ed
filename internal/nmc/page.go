package nmc

import (
	"cmp"
	"strings"
	"unicode/utf8"
)

// A page has what a visit needs of a card's page. It is read from tag soup much
// as browsers do, in linear time whatever the input.
type page struct {
	title    string
	language string // the lang attribute of the page
	base     string // what its links are relative to, if not itself
	refresh  string // where it redirects to within seconds
	text     string // what a reader sees, with white space folded, without buttons and options
	prose    string // the text without the links
	forms    []form
	links    []link
	tooLarge bool // parts were left out, as no real page is so large
}

type link struct{ href, text string }

// decodePage returns a page in UTF-8. It decodes anything else as ISO-8859-1,
// so that the bytes go back as they came.
func decodePage(body []byte, contentType string) (text string, latin1 bool) {
	charset := charsetIn(contentType)
	if charset == "" {
		charset = declaredCharset(string(body[:min(len(body), 1024)]))
	}
	if strings.EqualFold(charset, "utf-8") || charset == "" && utf8.Valid(body) {
		return string(body), false
	}
	runes := make([]rune, len(body))
	for i, c := range body {
		runes[i] = rune(c)
	}
	return string(runes), true
}

// declaredCharset returns the character set that a page's <meta> declares.
func declaredCharset(head string) string {
	s := scanner{src: head}
	for t, ok := s.next(); ok; t, ok = s.next() {
		if t.kind == startTag && t.name == "meta" {
			if charset := cmp.Or(strings.TrimSpace(t.attr("charset")), charsetIn(t.attr("content"))); charset != "" {
				return charset
			}
		}
	}
	return ""
}

// charsetIn returns the charset parameter of a Content-Type.
func charsetIn(contentType string) string {
	for parameter := range strings.SplitSeq(contentType, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if strings.EqualFold(strings.TrimSpace(name), "charset") {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// quickRefresh returns where the content of a <meta http-equiv=refresh>
// redirects to within nine seconds. Slower refreshes end idle sessions.
func quickRefresh(content string) string {
	at := strings.IndexAny(content, ";,")
	if at < 0 {
		return ""
	}
	seconds, _, _ := strings.Cut(strings.TrimSpace(content[:at]), ".")
	if len(seconds) > 1 || seconds != "" && !isDigit(seconds[0]) {
		return ""
	}
	ref := strings.TrimSpace(content[at+1:])
	if name, value, ok := strings.Cut(ref, "="); ok && strings.EqualFold(strings.TrimSpace(name), "url") {
		ref = strings.TrimSpace(value)
	}
	return strings.TrimSpace(strings.Trim(ref, `"'`))
}

package nmc

import (
	"strings"
)

// A tokenKind is the kind of a token.
type tokenKind int

const (
	textToken tokenKind = iota
	startTag
	endTag
)

// A token is a stretch of text, a start tag or an end tag. Comments,
// declarations and the contents of scripts are left out.
type token struct {
	kind  tokenKind
	name  string // of a tag, in lower case
	attrs []attribute
	text  string // of a textToken, with character references decoded
}

type attribute struct{ name, value string }

// attr returns the value of an attribute, or "".
func (t token) attr(name string) string {
	for _, a := range t.attrs {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// has reports whether a tag has an attribute.
func (t token) has(name string) bool {
	for _, a := range t.attrs {
		if a.name == name {
			return true
		}
	}
	return false
}

// A scanner splits a page into tokens. Its methods are the states of the
// tokenizer in the HTML standard, named alike; each returns at the end of what
// it reads. It looks at every byte a bounded number of times. The end of the
// page ends whatever is open; a tag that is cut off is dropped.
type scanner struct {
	src string // with \n as the only line break
	pos int
	raw string // the element whose text, raw text or RCDATA, comes next
}

// next returns the next token; ok is false at the end of the page.
func (s *scanner) next() (t token, ok bool) {
	for s.pos < len(s.src) {
		switch {
		case s.raw != "":
			t, ok = s.rawText()
		case s.src[s.pos] == '<':
			t, ok = s.tagOpen()
		default:
			t, ok = s.data(s.pos)
		}
		if ok {
			return t, true
		}
	}
	return token{}, false
}

// data reads text that begins at start, up to the first "<" at or after s.pos.
func (s *scanner) data(start int) (token, bool) {
	end := strings.IndexByte(s.src[s.pos:], '<')
	if end < 0 {
		s.pos = len(s.src)
	} else {
		s.pos += end
	}
	return token{kind: textToken, text: decodeText(s.src[start:s.pos])}, true
}

// tagOpen reads what begins with "<": a tag, a comment, a declaration, or else
// text.
func (s *scanner) tagOpen() (token, bool) {
	start := s.pos
	s.pos++
	switch c := s.peek(); {
	case isLetter(c):
		return s.tag(startTag)
	case c == '/':
		s.pos++
		return s.endTagOpen()
	case c == '!':
		s.pos++
		s.markupDeclarationOpen()
		return token{}, false
	case c == '?':
		s.bogusComment()
		return token{}, false
	}
	return s.data(start)
}

func (s *scanner) endTagOpen() (token, bool) {
	if isLetter(s.peek()) {
		return s.tag(endTag)
	}
	s.bogusComment()
	return token{}, false
}

func (s *scanner) markupDeclarationOpen() {
	if strings.HasPrefix(s.src[s.pos:], "--") {
		s.pos += len("--")
		s.comment()
		return
	}
	s.bogusComment() // a DOCTYPE is skipped like one
}

// comment reads up to the end of a comment, which may be as short as <!-->.
func (s *scanner) comment() {
	for _, short := range []string{">", "->"} {
		if strings.HasPrefix(s.src[s.pos:], short) {
			s.pos += len(short)
			return
		}
	}
	for {
		dashes := strings.Index(s.src[s.pos:], "--")
		if dashes < 0 {
			s.pos = len(s.src)
			return
		}
		s.pos += dashes + len("--")
		for s.peek() == '-' {
			s.pos++
		}
		for _, end := range []string{">", "!>"} {
			if strings.HasPrefix(s.src[s.pos:], end) {
				s.pos += len(end)
				return
			}
		}
	}
}

func (s *scanner) bogusComment() {
	end := strings.IndexByte(s.src[s.pos:], '>')
	if end < 0 {
		s.pos = len(s.src)
		return
	}
	s.pos += end + 1
}

// tag reads a tag from its name to its ">".
func (s *scanner) tag(kind tokenKind) (token, bool) {
	t := token{kind: kind, name: s.tagName()}
	for {
		s.beforeAttributeName()
		if s.pos == len(s.src) {
			return token{}, false
		}
		if s.src[s.pos] == '>' {
			s.pos++
			break
		}
		name := s.attributeName()
		value := s.afterAttributeName()
		if len(t.attrs) < maxAttributes && !t.has(name) { // the first of a name counts
			t.attrs = append(t.attrs, attribute{name, decodeValue(value)})
		}
	}

	if kind == startTag && hasRawText(t.name) {
		s.raw = t.name
	}
	return t, true
}

// maxAttributes limits the cost of a tag. Real tags have about ten attributes
// at most.
const maxAttributes = 64

func (s *scanner) tagName() string {
	return s.lowerUntil(func(c byte) bool { return isSpace(c) || c == '/' || c == '>' })
}

func (s *scanner) beforeAttributeName() {
	for s.pos < len(s.src) && (isSpace(s.src[s.pos]) || s.src[s.pos] == '/') {
		s.pos++
	}
}

// attributeName reads a name of at least one byte, which may begin with "=".
func (s *scanner) attributeName() string {
	first := s.pos
	return s.lowerUntil(func(c byte) bool {
		return isSpace(c) || c == '/' || c == '>' || c == '=' && s.pos > first
	})
}

// afterAttributeName returns the value that follows a name, or "".
func (s *scanner) afterAttributeName() string {
	s.skipSpace()
	if s.peek() != '=' {
		return ""
	}
	s.pos++
	return s.beforeAttributeValue()
}

func (s *scanner) beforeAttributeValue() string {
	s.skipSpace()
	switch c := s.peek(); c {
	case '"', '\'':
		s.pos++
		return s.attributeValueQuoted(c)
	case '>':
		return ""
	}
	return s.attributeValueUnquoted()
}

func (s *scanner) attributeValueQuoted(quote byte) string {
	value, _, closed := strings.Cut(s.src[s.pos:], string(quote))
	s.pos += len(value)
	if closed {
		s.pos++
	}
	return value
}

func (s *scanner) attributeValueUnquoted() string {
	start := s.pos
	for s.pos < len(s.src) && !isSpace(s.src[s.pos]) && s.src[s.pos] != '>' {
		s.pos++
	}
	return s.src[start:s.pos]
}

// rawText reads the text of an element that contains no tags, up to its end
// tag. In RCDATA, the text of a title or text area, character references are
// decoded; the text of scripts and the like is dropped.
func (s *scanner) rawText() (token, bool) {
	name, start := s.raw, s.pos
	s.raw = ""
	s.pos = len(s.src)
	for at := start; at < len(s.src); {
		next := strings.Index(s.src[at:], "</")
		if next < 0 {
			break
		}
		at += next
		if isEndTagOf(name, s.src[at:]) {
			s.pos = at
			break
		}
		at += len("</")
	}

	if name != "title" && name != "textarea" || s.pos == start {
		return token{}, false
	}
	return token{kind: textToken, text: decodeText(s.src[start:s.pos])}, true
}

// isEndTagOf reports whether src begins with the end tag of an element.
func isEndTagOf(name, src string) bool {
	end := len("</") + len(name)
	if len(src) <= end || !strings.EqualFold(src[len("</"):end], name) {
		return false
	}
	return isSpace(src[end]) || src[end] == '/' || src[end] == '>'
}

// hasRawText reports whether the text of an element is raw text or RCDATA. That
// of a template is neither, but is not part of the page.
func hasRawText(name string) bool {
	switch name {
	case "title", "textarea", "script", "style", "template", "xmp", "iframe", "noembed", "noframes":
		return true
	}
	return false
}

func (s *scanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.src) && isSpace(s.src[s.pos]) {
		s.pos++
	}
}

func (s *scanner) lowerUntil(end func(byte) bool) string {
	start := s.pos
	for s.pos < len(s.src) && !end(s.src[s.pos]) {
		s.pos++
	}
	return strings.ToLower(s.src[start:s.pos])
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }

package nmc

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fold returns s with its white space folded.
func fold(s string) string { return strings.TrimSpace(string(appendFolded(nil, s))) }

// appendFolded appends s to a text, folding white space, also where they meet.
func appendFolded(text []byte, s string) []byte {
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case !unicode.IsSpace(r):
			text = append(text, s[:size]...)
		case len(text) > 0 && text[len(text)-1] != ' ':
			text = append(text, ' ')
		}
		s = s[size:]
	}
	return text
}

// foldASCII folds white space as browsers do in the value of an option: a
// no-break space does not count.
func foldASCII(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < utf8.RuneSelf && isSpace(byte(r)) }), " ")
}

// words returns the words of a text, which consist of letters and digits, in
// lower case.
func words(text string) []string {
	text = strings.ReplaceAll(strings.ToLower(text), "’", "'")
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '\''
	})
}

// has reports whether a list has one of several words.
func has(list []string, words ...string) bool {
	return slices.ContainsFunc(list, func(w string) bool { return slices.Contains(words, w) })
}

// hasPart reports whether a word in a list contains one of several parts.
func hasPart(list []string, parts ...string) bool {
	return slices.ContainsFunc(list, func(w string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(w, p) })
	})
}

// isMadeOf reports whether a list has no words but the given ones.
func isMadeOf(list []string, some ...string) bool {
	return !slices.ContainsFunc(list, func(w string) bool { return !slices.Contains(some, w) })
}

// shorten returns s or, if it has more than n characters, the first n and "...".
func shorten(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "..."
		}
	}
	return s
}

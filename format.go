package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// seconds formats a duration as exceedings.log does.
func seconds(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds())) }

// durationText formats a duration for people.
func durationText(d time.Duration) string {
	d = d.Round(time.Second)
	hours, minutes, secs := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case hours >= 48:
		return fmt.Sprintf("%d days", (hours+12)/24)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, secs)
	}
	return fmt.Sprintf("%d s", secs)
}

// clockTime formats a time, with its date unless that is today's.
func clockTime(t, now time.Time) string {
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// shorten returns s, or its first n characters followed by "..." if it is
// longer.
func shorten(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "..."
		}
	}
	return s
}

// shortenMiddle returns s, or, if it has more than n characters, its first and
// last ones with an ellipsis between them.
func shortenMiddle(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	tail := (n - 1) / 2
	return string(runes[:n-1-tail]) + "…" + string(runes[len(runes)-tail:])
}

// count formats a number of things, such as "1 reading" or "2 readings".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// cutMiddle shortens a text to n columns by replacing its middle with an
// ellipsis.
func cutMiddle(s string, n int) string {
	if width(s) <= n {
		return s
	}
	var glyphs []string
	for rest := s; rest != ""; {
		size, _ := firstGlyph(rest)
		glyphs, rest = append(glyphs, rest[:size]), rest[size:]
	}

	head, tail := 0, len(glyphs)
	room := n - 1 // for the ellipsis
	for front := true; ; front = !front {
		next := glyphs[head]
		if !front {
			next = glyphs[tail-1]
		}
		if room -= width(next); room < 0 {
			return strings.Join(glyphs[:head], "") + "…" + strings.Join(glyphs[tail:], "")
		}
		if front {
			head++
		} else {
			tail--
		}
	}
}

// width returns how many columns a text takes up in a chat.
func width(s string) (n int) {
	for s != "" {
		size, columns := firstGlyph(s)
		n += columns
		s = s[size:]
	}
	return n
}

// firstGlyph returns the size of a text's first glyph, in bytes and in columns.
// A glyph is what a chat shows as one character: a letter with its accents, or
// an emoji, which may be made of several.
func firstGlyph(s string) (size, columns int) {
	const (
		joiner        = '\u200d' // joins two emoji to one
		emojiSelector = '\ufe0f' // makes a symbol an emoji
	)
	afterJoiner := false
	for i, r := range s {
		n := runeWidth(r)
		isSkinTone := r >= '🏻' && r <= '🏿'
		isJoined := afterJoiner && (n == 2 || columns == 2)
		if i > 0 && n > 0 && !isSkinTone && !isJoined {
			return i, columns
		}

		if r == emojiSelector {
			n = 2
		}
		columns = max(columns, n)
		afterJoiner = r == joiner
	}
	return len(s), columns
}

// runeWidth returns how many columns a rune takes up by itself.
func runeWidth(r rune) int {
	isHangulPart := r >= '\u1160' && r <= '\u11ff' || r >= '\ud7b0' && r <= '\ud7ff' // not the first of a syllable
	switch {
	case isHangulPart || unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// wide has the runes of two columns: those that Unicode's EastAsianWidth.txt
// calls Wide or Fullwidth, unassigned ones between them, and the pictographs
// that phones show as emoji without a selector too.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1},
		{0x231a, 0x231b, 1}, {0x2329, 0x232a, 1}, {0x23e9, 0x23ec, 1}, {0x23f0, 0x23f3, 3}, {0x25fd, 0x25fe, 1},
		{0x2614, 0x2615, 1}, {0x2630, 0x2637, 1}, {0x2648, 0x2653, 1}, {0x267f, 0x267f, 1}, {0x268a, 0x268f, 1},
		{0x2693, 0x26a1, 14}, {0x26aa, 0x26ab, 1}, {0x26bd, 0x26be, 1}, {0x26c4, 0x26c5, 1}, {0x26ce, 0x26d4, 6},
		{0x26ea, 0x26ea, 1}, {0x26f2, 0x26f3, 1}, {0x26f5, 0x26fa, 5}, {0x26fd, 0x26fd, 1}, {0x2705, 0x2705, 1},
		{0x270a, 0x270b, 1}, {0x2728, 0x2728, 1}, {0x274c, 0x274e, 2}, {0x2753, 0x2755, 1}, {0x2757, 0x2757, 1},
		{0x2795, 0x2797, 1}, {0x27b0, 0x27bf, 15}, {0x2b1b, 0x2b1c, 1}, {0x2b50, 0x2b55, 5},
		// Punctuation, kana, Bopomofo, Han, Yi, Hangul, full width forms:
		{0x2e80, 0x303e, 1}, {0x3041, 0xa4cf, 1}, {0xa960, 0xa97f, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1},
		{0xfe10, 0xfe19, 1}, {0xfe30, 0xfe6b, 1}, {0xff01, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x1b2ff, 1}, {0x1f004, 0x1f004, 1}, {0x1f0cf, 0x1f0cf, 1}, {0x1f18e, 0x1f18e, 1},
		{0x1f191, 0x1f19a, 1}, {0x1f200, 0x1f265, 1}, {0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1},
		{0x1f7e0, 0x1f7f0, 1}, {0x1f90c, 0x1f9ff, 1}, {0x1fa70, 0x1faff, 1}, {0x20000, 0x3fffd, 1},
	},
}

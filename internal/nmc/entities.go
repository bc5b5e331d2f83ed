package nmc

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The named character references that pages of cards may have. Package html knows
// all two thousand, in tables that are larger than the rest of this package.
var (
	// latin1Names are the names of U+00A0 to U+00FF. They may lack the semicolon.
	latin1Names = strings.Fields("nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr " +
		"deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest " +
		"Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml " +
		"ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig " +
		"agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml " +
		"eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml")
	// markupNames may lack it as well.
	markupNames      = strings.Fields("amp lt gt quot AMP LT GT QUOT")
	markupCharacters = `&<>"&<>"`
	// otherNames may not.
	otherNames      = strings.Fields("apos ndash mdash lsquo rsquo sbquo ldquo rdquo bdquo bull hellip euro trade")
	otherCharacters = []rune("'–—‘’‚“”„•…€™")

	// windows1252 are the characters that numbers from 128 on stand for.
	windows1252 = []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")
)

// maxBareName is the length of the longest name that may lack the semicolon.
const maxBareName = len("frac14")

// namedCharacter returns the character of a named reference. bare says that the
// reference may lack the semicolon.
func namedCharacter(name string) (c rune, bare, ok bool) {
	if i := slices.Index(latin1Names, name); i >= 0 {
		return rune(0xa0 + i), true, true
	}
	if i := slices.Index(markupNames, name); i >= 0 {
		return rune(markupCharacters[i]), true, true
	}
	if i := slices.Index(otherNames, name); i >= 0 {
		return otherCharacters[i], false, true
	}
	return 0, false, false
}

// numberedCharacter returns the character of a reference such as #65 or #x41. If
// there is none with that number, it is U+FFFD.
func numberedCharacter(reference string) (c rune, ok bool) {
	digits, base := reference[len("#"):], 10
	if hex := strings.TrimLeft(digits, "xX"); len(digits)-len(hex) == 1 {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	switch {
	case err != nil && strings.Trim(digits, "0123456789abcdefABCDEF") != "", digits == "":
		return 0, false
	case 0x80 <= n && n < 0xa0:
		return windows1252[n-0x80], true
	case n == 0 || n > utf8.MaxRune || !utf8.ValidRune(rune(n)):
		return utf8.RuneError, true
	}
	return rune(n), true
}

// referenceLength returns the length of the name or number at the start of a text
// that follows an ampersand.
func referenceLength(text string) (n int) {
	if strings.HasPrefix(text, "#") {
		n = len("#")
		for n < len(text) && isInNumber(text, n) {
			n++
		}
		return n
	}
	for n < len(text) && (isLetter(text[n]) || isDigit(text[n])) {
		n++
	}
	return n
}

// isInNumber reports whether byte n of a reference that begins with # belongs to
// its number, which is decimal, or hexadecimal after an x.
func isInNumber(reference string, n int) bool {
	c := reference[n] | 0x20 // in lower case
	isHex := reference[1]|0x20 == 'x'
	isPrefix := n == 1 && isHex
	isHexLetter := n > 1 && isHex && 'a' <= c && c <= 'f'
	return isDigit(reference[n]) || isPrefix || isHexLetter
}

// decodeText decodes the character references in text.
func decodeText(s string) string { return decodeReferences(s, referenceAt) }

// decodeValue decodes the character references in the value of an attribute.
// Unlike in text, "&copy=2" and "&copy2" are not references there: links
// contain them.
func decodeValue(s string) string {
	return decodeReferences(s, func(text string) (rune, int) {
		c, n := referenceAt(text)
		end := referenceLength(text)
		closed := n == end+1
		whole := n == end && !strings.HasPrefix(text[n:], "=")
		if !closed && !whole {
			return 0, 0
		}
		return c, n
	})
}

// decodeReferences replaces the character references in a text. find returns the
// character of the reference that follows an ampersand, and its length, 0 for none.
func decodeReferences(s string, find func(text string) (c rune, length int)) string {
	if !strings.Contains(s, "&") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "&")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		c, n := find(rest)
		if n == 0 {
			c = '&'
		}
		b.WriteRune(c)
		s = rest[n:]
	}
}

// referenceAt returns the character of the reference at the start of a text that
// follows an ampersand, and its length with the semicolon; 0 if there is none.
func referenceAt(text string) (c rune, length int) {
	n := referenceLength(text)
	closed := strings.HasPrefix(text[n:], ";")
	if strings.HasPrefix(text, "#") {
		c, ok := numberedCharacter(text[:n])
		switch {
		case !ok:
			return 0, 0
		case closed:
			return c, n + 1
		}
		return c, n
	}
	if c, _, ok := namedCharacter(text[:n]); ok && closed {
		return c, n + 1
	}
	for n = min(n, maxBareName); n > 0; n-- { // a name without a semicolon may be followed by letters
		if c, bare, _ := namedCharacter(text[:n]); bare {
			return c, n
		}
	}
	return 0, 0
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

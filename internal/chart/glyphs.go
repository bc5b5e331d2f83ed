package chart

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// unknown is drawn for characters that the font does not have.
const unknown = '\ufffd'

// strokes defines how each character is drawn: lines through points, separated
// by blanks. A point is two hexadecimal digits, x to the right and y downward.
// Capitals reach from y = 0 to the baseline at y = c.
var strokes = map[rune]string{
	' ':     "",
	'0':     "2040626a4c2c0a0220",
	'1':     "03303c 0c6c",
	'2':     "02204062640b0c6c",
	'3':     "022040626446 2646686a4c2c0a",
	'4':     "4c400868",
	'5':     "60000545676a4c2c0a",
	'6':     "624020020a2c4c6a67452507",
	'7':     "00602c",
	'8':     "204062644626040220 2646686a4c2c0a0826",
	'9':     "0a2c4c6a624020020527 4765",
	'A':     "0c306c 1858",
	'B':     "00406264460600 46686a4c0c06",
	'C':     "624020020a2c4c6a",
	'D':     "0040626a4c0c00",
	'E':     "60000c6c 0656",
	'F':     "60000c 0656",
	'G':     "624020020a2c4c6a6737",
	'H':     "000c 606c 0666",
	'I':     "000c",
	'J':     "606a4c2c0a",
	'K':     "000c 6007 256c",
	'L':     "000c6c",
	'M':     "0c0048808c",
	'N':     "0c006c60",
	'O':     "305083895c3c090330",
	'P':     "0c004062654707",
	'Q':     "2040626a4c2c0a0220 396c",
	'R':     "0c004062654707 376c",
	'S':     "62402002042646686a4c2c0a",
	'T':     "0060 303c",
	'U':     "000a2c4c6a60",
	'V':     "003c60",
	'W':     "002c436c80",
	'X':     "006c 600c",
	'Y':     "003660 363c",
	'Z':     "00600c6c",
	'.':     "0c0c",
	',':     "1b0e",
	':':     "0404 0b0b",
	';':     "1414 1b0e",
	'!':     "0008 0c0c",
	'?':     "02204062643638 3c3c",
	'\'':    "0003",
	'"':     "0003 2023",
	'-':     "0747",
	'+':     "0767 343a",
	'=':     "0565 0969",
	'_':     "0c6c",
	'/':     "0c50",
	'\\':    "005c",
	'|':     "000e",
	'(':     "20020a2c",
	')':     "00222a0c",
	'[':     "20000c2c",
	']':     "00202c0c",
	'*':     "3238 0468 6408",
	'#':     "202c 505c 0474 0878",
	'&':     "6c141220304244080a2c3c67",
	'%':     "1c70 0202 8a8a",
	unknown: "00606c0c00",
	'…':     "0c0c 3c3c 6c6c",
}

// accented has letters with accents, and plain their replacements in the same
// order.
const (
	accented = "ÀÁÂÃÄÅĀĂĄÇĆČĎĐÈÉÊËĒĖĘĚĞÌÍÎÏĪĮİŁÑŃŇÒÓÔÕÖØŌŐŔŘŚŞŠȘŤȚÙÚÛÜŪŮŰŲÝŸŹŻŽßẞÆŒ’‘“”–—"
	plain    = "AAAAAAAAACCCDDEEEEEEEEGIIIIIIILNNNOOOOOOOORRSSSSTTUUUUUUUUYYZZZSSAO''\"\"--"
)

// fold replaces the characters of s with those that the font has.
func fold(s string) string {
	return strings.Map(foldRune, s)
}

func foldRune(r rune) rune {
	r = unicode.ToUpper(r)
	if i := strings.IndexRune(accented, r); i >= 0 {
		return rune(plain[utf8.RuneCountInString(accented[:i])])
	}

	switch _, known := strokes[r]; {
	case known:
		return r
	case unicode.IsSpace(r):
		return ' '
	case unicode.Is(unicode.Mn, r): // an accent
		return -1
	default:
		return unknown
	}
}

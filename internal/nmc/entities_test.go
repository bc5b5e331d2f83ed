package nmc

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"testing"
)

// TestDecodeText compares all known references, and how they end, with package
// html.
func TestDecodeText(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, name := range slices.Concat(latin1Names, markupNames, otherNames) {
		for _, end := range []string{";", "", " ", "=", "x", "2;", "&"} {
			texts = append(texts, "a&"+name+end+"z")
		}
	}
	for n := range 300 {
		texts = append(texts, fmt.Sprintf("&#%d;", n), fmt.Sprintf("&#x%x;", n), fmt.Sprintf("&#X%X ", n))
	}
	texts = append(texts, "&#55296;", "&#x110000;", "&#99999999999999999999;", "&#;", "&#-1;",
		"&;", "&", "&&amp;", "& amp;", "&unknown;", "&notit;", "&amp;lt;", "&ampamp;", "&#65", "&#x41z")
	for _, text := range texts {
		if got, want := decodeText(text), html.UnescapeString(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestDecodeHugeNumbers checks numbers that are a character's modulo 2^32, which
// package html decodes as that character.
func TestDecodeHugeNumbers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"&#x100000041;", "&#4294967361;", "&#x10000000000000041;", "&#18446744073709551681;"} {
		if got, want := decodeText(text), "\ufffd"; got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// FuzzDecodeText compares decodeText with package html, in texts without other
// names.
func FuzzDecodeText(f *testing.F) {
	f.Add("&nbsp;&#65&#x80;&lt")
	f.Fuzz(func(t *testing.T, text string) {
		for rest := text; ; {
			_, after, found := strings.Cut(rest, "&")
			if !found {
				break
			}
			rest = after
			name := after[:referenceLength(after)]
			if strings.HasPrefix(name, "#") && len(name) < 4 {
				return // of "&#1x" and "&#x;" html makes something else
			}
			if strings.HasPrefix(name, "#") && len(name) > len("#x1234567") {
				return // the number may overflow in html
			}
			if _, n := referenceAt(after); n == 0 && name != "" && name[0] != '#' {
				return // html may know it
			}
			if strings.HasPrefix(after[len(name):], ";") && !strings.HasPrefix(name, "#") {
				if _, _, ok := namedCharacter(name); !ok {
					return
				}
			}
		}
		if got, want := decodeText(text), html.UnescapeString(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}

// TestBareNames checks that no name that may lack the semicolon is longer than
// maxBareName, by which a long word after an ampersand takes no time.
func TestBareNames(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Concat(latin1Names, markupNames) {
		if len(name) > maxBareName {
			t.Errorf("%q is longer than %d", name, maxBareName)
		}
	}
}

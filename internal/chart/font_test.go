package chart

import (
	"image"
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	tests := map[string]string{
		"Team 101":            "TEAM 101",
		"Zürich, Łódź":        "ZURICH, LODZ",
		"e\u0301cole":         "ECOLE",
		"it’s – “so”":         `IT'S - "SO"`,
		"a\tb\u00a0c":         "A B C",
		"清华":                  "\ufffd\ufffd",
		"\xff":                "\ufffd",
		"straße":              "STRASE",
		"(A&B) [1/2] 50 % #3": "(A&B) [1/2] 50 % #3",
	}
	for s, want := range tests {
		if got := fold(s); got != want {
			t.Errorf("fold(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestAccentedLettersHavePlainOnes(t *testing.T) {
	if a, p := len([]rune(accented)), len(plain); a != p {
		t.Errorf("%d accented letters, %d plain ones", a, p)
	}
}

func TestCharactersDiffer(t *testing.T) {
	for _, unit := range []int{2, 3, 4} {
		f := newFace(unit)
		seen := make(map[string]rune)
		for r := range strokes {
			picture := string(f.glyph(r).halves)
			if other, ok := seen[picture]; ok {
				t.Errorf("unit %d: %q looks like %q", unit, r, other)
			}
			seen[picture] = r
		}
	}
}

func TestCapitalsFillTheirHeight(t *testing.T) {
	for _, unit := range []int{2, 3, 4} {
		f := newFace(unit)
		for _, r := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" {
			c := canvas{image.NewPaletted(image.Rect(0, 0, 64, 64), palette)}
			f.draw(c, 10, 10, string(r), inkTone)
			for name, inside := range map[string]image.Rectangle{
				"top":    image.Rect(10, 10, 10+f.width(string(r)), 11),
				"bottom": image.Rect(10, 9+f.height(), 10+f.width(string(r)), 10+f.height()),
			} {
				if count(c.Paletted, inside, ink, inkEdge) == 0 {
					t.Errorf("unit %d: %q does not reach its %s", unit, r, name)
				}
			}
			all := image.Rect(10, 10, 10+f.width(string(r)), 10+f.height())
			if count(c.Paletted, all, ink, inkEdge) != count(c.Paletted, c.Rect, ink, inkEdge) {
				t.Errorf("unit %d: %q leaves its place", unit, r)
			}
		}
	}
}

func TestShorten(t *testing.T) {
	f := newFace(2)
	tests := []struct {
		s, fits, want string
	}{
		{"TEAM 101", "TEAM 101", "TEAM 101"},
		{"TEAM 101", "TEAM 10", "TEA…01"},
		{"TEAM ONE HUNDRED", "TEA…HUND", "TEA…RED"},
		{"TEAM 101", "", ""},
		{"", "", ""},
		{strings.Repeat("M", 1e5), "MM…MM", "MM…MM"},
	}
	for _, tt := range tests {
		got := f.shorten(tt.s, f.width(tt.fits))
		if got != tt.want {
			t.Errorf("shorten(%.20q) = %q, want %q", tt.s, got, tt.want)
		}
		if f.width(got) > f.width(tt.fits) {
			t.Errorf("%q is too wide", got)
		}
	}
}

func TestWrap(t *testing.T) {
	f := newFace(2)
	got := f.wrap("THE BOT WAS NOT UNINTERRUPTEDLY RUNNING", f.width("THE BOT WAS NOT"))
	if want := "THE BOT WAS NOT/UNINTERRUPTEDLY/RUNNING"; strings.Join(got, "/") != want {
		t.Errorf("wrap = %q, want %q", got, want)
	}
	if got := f.wrap(" ", 100); got != nil {
		t.Errorf("wrap of a blank = %q, want nothing", got)
	}
}

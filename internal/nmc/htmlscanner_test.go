package nmc

import (
	"fmt"
	"strings"
	"testing"
)

// tokensOf formats the tokens of a page: text as it is, tags in brackets.
func tokensOf(src string) string {
	var b strings.Builder
	s := scanner{src: src}
	for t, ok := s.next(); ok; t, ok = s.next() {
		switch t.kind {
		case textToken:
			b.WriteString(t.text)
		case startTag:
			b.WriteString("[" + t.name)
			for _, a := range t.attrs {
				fmt.Fprintf(&b, " %s=%q", a.name, a.value)
			}
			b.WriteString("]")
		case endTag:
			b.WriteString("[/" + t.name + "]")
		}
	}
	return b.String()
}

func TestScanner(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"text", "a &lt; b", "a < b"},
		{"tags", "<A>b</A >c<br/>", "[a]b[/a]c[br]"},
		{"attributes", `<a B=1 c d = 'x>"' e="" f=g/h b=2>`, `[a b="1" c="" d="x>\"" e="" f="g/h"]`},
		{"equals sign begins a name", `<a =b=c>`, `[a =b="c"]`},
		{"no value", `<a b=>`, `[a b=""]`},
		{"less-than signs", "1 < 2 <3 <= <a>", "1 < 2 <3 <= [a]"},
		{"comments", "<!-- > <a> -->1<!-->2<!--->3<!-- -- --!>4<!x>5<?y>6</>7</ z>8<!-- <b>", "12345678"},
		{"scripts", `<script>"<a>"</scriptx></SCRIPT >1<style><a></style><template><a></template>2`,
			"[script][/script]1[style][/style][template][/template]2"},
		{"title", "<title>a<b>&amp;</title>", "[title]a<b>&[/title]"},
		{"text area", "<textarea><b></textarea/>", "[textarea]<b>[/textarea]"},
		{"title without an end", "<title>a<b>", "[title]a<b>"},
		{"tag that is cut off", `a<b c="`, "a"},
		{"name that is cut off", `a<b`, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tokensOf(tt.src); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// FuzzScanner checks that the scanner reaches the end, and that text outside
// tags is unchanged.
func FuzzScanner(f *testing.F) {
	for _, src := range []string{checkboxPage, "a<b c='d", "<!--x--!>y", "<textarea></textarea", "a&amp;<"} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if !strings.ContainsAny(src, "<&") && tokensOf(src) != src {
			t.Errorf("text %q became %q", src, tokensOf(src))
		}
		s := scanner{src: src}
		last := -1
		for _, ok := s.next(); ok; _, ok = s.next() {
			if s.pos <= last {
				t.Fatalf("no progress at %d", s.pos)
			}
			last = s.pos
		}
		if s.pos != len(src) {
			t.Errorf("ended at %d of %d", s.pos, len(src))
		}
	})
}

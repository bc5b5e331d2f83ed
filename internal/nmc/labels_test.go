package nmc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// labelsIn returns the labels of each control that is not hidden: its own
// labels, the text after it, and the rows from the inside out, the certain ones
// with an exclamation mark.
func labelsIn(src string) []string {
	var all []string
	for _, f := range parsePage([]byte("<form>"+src), "").forms {
		for _, c := range f.controls {
			if c.kind == "hidden" {
				continue
			}
			var rows []string
			for _, r := range c.labels.rows {
				text := r.text
				if r.certain {
					text += "!"
				}
				rows = append(rows, text)
			}
			all = append(all, fmt.Sprintf("%s|%s|%s", c.labels.own, c.labels.after, strings.Join(rows, " < ")))
		}
	}
	return all
}

func TestLabels(t *testing.T) {
	for _, tt := range []struct {
		name, page string
		want       []string
	}{
		{"line", `A<input>B<br>C`, []string{"|B|A B < A B C"}},
		{"lines", `A<input>B<br>C<input><hr>D`, []string{"|B|A B", "||C"}},
		{"table", `<table><tr><td>A<td><input> B<tr><td>C`, []string{"|B|B < A B! < A B C"}},
		{"table of one row", `<table><tr><td>A<td><input>`, []string{"||A"}},
		{"two in a row", `<table><tr><td>A<td><input>B<input>C<td>D<input>`, []string{"|B|", "|C|", "||D"}},
		{"name in the row before", `<table><tr><td>A<tr><td><input> B<tr><td><input>`, []string{"|B|B!", "||"}},
		{"cell of two rows", `<table><tr><td rowspan=2>A<td><input><tr><td>B<input><tr><td>C<input></table>`,
			[]string{"||A!", "||B < A B!", "||C!"}},
		{"inner table", `<table><tr><td>A<td><table><tr><td>B<td><input></table>C<tr><td>D<input>`,
			[]string{"||B < B C < A B C!", "||D!"}},
		{"select without an end", `<table><tr><td>A<select><option>x<tr><td>B<input>`, []string{"||A!", "||B!"}},
		{"breaks in a row", `<table><tr><td>A</><br>B<p>C<div>D</div><td><input><br>E<tr><td><input>`,
			[]string{"||E < A B C D E!", "||"}},
		{"form in a layout table", `<table><tr><td>Z<td></form><form>A<input><br>B<input></form>`, []string{"||A",
			"||B"}},
		{"form in a row", `<table><tr><td>Z<td></form><form>A<input></form><tr><td>Y`, []string{"||A < Z A!"}},
		{"form in a row with links", `<table><tr><td><a href=x>Z</a><td></form><form>A<input></form><tr><td>Y`,
			[]string{"||A"}},
		{"around the form", `</form>Z<div>Y<form><input>A</form></div>`, []string{"|A|A"}},
		{"blocks", `<div><div>A</div><div><input>B</div></div><div>C<div><input></div></div>`,
			[]string{"|B|B < A B", "||C"}},
		{"paragraphs", `<div><p>A<p>B<input></div><input>`, []string{"||B < A B", "||"}},
		{"list", `<ul><li>A<input><li>B<div><input></div></ul>`, []string{"||A", "||B"}},
		{"section", `<div><h2>A</h2><p>B<input></div><input>`, []string{"||B", "||"}},
		{"definitions", `<dl><dt>A<dd><p><input><dd>B<dt>C<dd><div><input></div>D</dl>E`, []string{"||A B!", "||C D!"}},
		{"radio buttons", `<div>A<div><input type=radio name=r>B</div><div><input type=radio name=r>C</div></div>D` +
			`<input>`,
			[]string{"|B|B < A B C", "|C|C < A B C", "||D"}},
		{"names before radio buttons", `<p>A: B<input type=radio name=r>C<input type=radio name=r>`,
			[]string{"||A: B C", "||A: B C"}},
		{"radio buttons of two forms", `<table><tr><td>A<td><input type=radio name=r></form><form>` +
			`<input type=radio name=r>C</form>`,
			[]string{"||", "|C|C"}},
		{"label for", `<label for=x>A</label><p>B<input id=x>C<p><label for=y>D</label><input>`,
			[]string{"A|C|B C", "||D"}},
		{"label for two", `<label for=x>A</label><p>B<input id=x><p>C<input id=x>`, []string{"||B", "||C"}},
		{"two labels", `<label for=x>A</label><input id=x><label for=x>B</label><input>`, []string{"A B||", "||"}},
		{"label for another one", `<div><label for=x>A</label> B <input></div><input id=x>`, []string{"||B", "A||"}},
		{"labels around", `<label>A <input> B</label><label>C<input></label>`, []string{"A B|B|A B", "C||C"}},
		{"label without an end", `<p><label>A <input><p>B<input>`, []string{"A||A", "||B"}},
		{"options and captions are no text", `<p>A<select><option>B</select>C<button type=button>D</button>`,
			[]string{"|C|A C", "||"}},
		{"buttons", `<table><tr><td>A<td><input type=submit><tr><td>B<td><input type=submit><input type=submit>`,
			[]string{"||A!", "||", "||"}},
		{"long", `<p>A<input>` + strings.Repeat("x", maxLabel+1), []string{"||"}},
		{"too deep", `<p>A<div>` + strings.Repeat("<div>", maxDepth) + `<input>`, []string{"||"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := labelsIn(tt.page); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestColumnsAndHeadings covers the rules for headings:
// column|columns|beside|headings.
func TestColumnsAndHeadings(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"columns", `<table><tr><th>A<th colspan=2>B<th>C<tr><td>D<td><td>E<td><input>`, "C|A B C|D  E|"},
		{"wide heading", `<table><tr><th>A<th colspan=2>B<th>C<tr><td>D<td><td><input><td>E`, "B|A B C|D  E|"},
		{"headings of a later part", `<table><tr><td>A<td><input><tr><th>B<th>C<tr><td>D<td>E`, "||A|"},
		{"cell of two rows hides the columns", `<table><tr><th>A<th>B<tr><td rowspan=2>C<td>D<tr><td><input>`, "||C|"},
		{"cells beside", `<table><tr><td>A<td><input name=x><td>B<td>C<input><td>D`, "||A B D|"},
		{"headings", `<h1>A</h1><h2>B</h2><h3>C</h3><h2>D</h2><input>`, "|||D A"},
		{"heading in a closed part", `<div><h1>A</h1>x</div><input>`, "|||"},
		{"block with nothing but a heading", `<div><h1>A</h1></div><input>`, "|||A"},
		{"legend", `<fieldset><legend>A</legend></fieldset><fieldset><legend>B</legend><input></fieldset>`, "|||B"},
		{"caption", `<table><caption>A<tr><td><input></table>`, "|||A"},
		{"row that is a heading", `<table><tr><th>A<tr><td>x<td>y<tr><th>B<tr><td>x<td><input></table>`, "||x|B"},
		{"row as wide as the table", `<table><tr><td colspan=2>A<tr><td>x<td><input></table>`, "||x|A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := formOf(t, tt.page)
			l := f.controls[len(f.controls)-1].labels
			var headings []string
			for _, h := range l.headings {
				headings = append(headings, h.text)
			}
			if got := strings.Join([]string{l.column, l.columns, l.beside, strings.Join(headings, " ")},
				"|"); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestLabelsApart checks that no text labels two controls, on pages of any
// structure: each page has w1, w2 and so on only once.
func TestLabelsApart(t *testing.T) {
	parts := strings.Split(`<table>,<tr>,<td>,<td>,<tr>,</table>,</td>,</tr>,<div>,</div>,<br>,<p>,<dl>,<dt>,`+
		`<dd>,</dl>,<form>,</form>,<label>,</label>,`+
		`<label for=i1>,<label for=i2>,<input id=i1 name=n%d>,<input id=i2 name=n%d>,<input type=hidden name=n%d>,`+
		`<select name=n%d><option>w%d</select>,`+
		`<input type=checkbox name=n%d>,<button>w%d</button>,<input name=n%d>,<h2>,</h2>,<li>,`+
		`<ul>,</ul>,w%d ,w%d ,w%d ,w%d ,w%d `, ",")
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 0))
		src := "<form>"
		for n := range 5 + r.IntN(40) {
			src += strings.ReplaceAll(parts[r.IntN(len(parts))], "%d", fmt.Sprint(n))
		}
		owner := map[string]string{}
		for _, f := range parsePage([]byte(src), "").forms {
			for _, c := range f.controls {
				if c.isButton() {
					continue // it may have a row with the control beside it
				}
				said := c.labels.own
				for _, r := range c.labels.rows {
					said += " " + r.text
				}
				for _, w := range strings.Fields(said) {
					if other, ok := owner[w]; ok && other != c.name {
						t.Fatalf("%s is in the labels of %s and %s: %s", w, other, c.name, src)
					}
					owner[w] = c.name
				}
			}
		}
	}
}

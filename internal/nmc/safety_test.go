package nmc

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// The safety property: whatever the page, the submission differs from what a
// browser would submit unchanged in one control only, and the row of this
// control names the peak and neither energy nor outlets.
//
// It is checked with a second, much simpler page reader, which shares no code
// with the one under test. It judges only what it is sure to read correctly:
// plain ASCII pages, and rows only if all tags are nested properly.

// violation returns what is wrong with a submission of a page, or "".
func violation(src, sent string) string {
	d, judged := readSimply(src)
	if !judged {
		return ""
	}
	changed := d.changedBy(sent)
	if len(changed) == 0 {
		return "it differs from the page's forms in more than one control"
	}
	var why []string
	for _, c := range changed { // more than one if some already have that value
		w := d.judgeRow(c)
		if w == "" {
			return ""
		}
		why = append(why, c.attrs["name"]+": "+w)
	}
	return strings.Join(why, "; ")
}

// A pageMaker makes random pages, most of them nested properly.
type pageMaker struct {
	*rand.Rand
	controls int
	soup     bool
}

func (m *pageMaker) pick(all ...string) string { return all[m.IntN(len(all))] }

func (m *pageMaker) words() string {
	return m.pick("Peak Power", "Peak Power", "Peak", "Energy", "kWh", "Outlets", "Reset",
		"Reset (last reset 05/18/2018)", "2.81 kW", "Name", "Device", "")
}

func (m *pageMaker) control() string {
	m.controls++
	n := m.controls
	id := ""
	if m.IntN(3) == 0 {
		id = fmt.Sprintf(" id=i%d", n)
	}
	switch m.IntN(8) {
	case 0:
		return fmt.Sprintf("<input type=radio name=c%d value=0%s checked>No "+
			"<input type=radio name=c%d value=1>Yes", n, id, n)
	case 1:
		return fmt.Sprintf("<select name=c%d%s><option value=0>No<option value=1>Reset</select>", n, id)
	case 2:
		return fmt.Sprintf("<input type=text name=c%d value=x%s>", n, id)
	case 3:
		return fmt.Sprintf("<input type=submit name=c%d value=Reset>", n)
	case 4:
		return fmt.Sprintf("<input type=hidden name=c%d value=x>", n)
	}
	return fmt.Sprintf("<input type=checkbox name=c%d value=1%s>", n, id)
}

func (m *pageMaker) line() string {
	switch m.IntN(9) {
	case 0, 1, 2:
		return m.words() + " " + m.control() + " " + m.pick("Reset", "Reset", "", m.words())
	case 3:
		return m.words() + "<br>" + m.control() + " Reset"
	case 4:
		return fmt.Sprintf("<label for=i%d>%s</label> ", m.controls+m.IntN(2), m.words()) + m.control()
	case 5:
		return "<label>" + m.words() + " " + m.control() + " " + m.words() + "</label>"
	}
	return m.words()
}

// block makes a part of a page of at most a depth.
func (m *pageMaker) block(depth int) string {
	if m.soup && m.IntN(4) == 0 {
		return m.pick("</div>", "<div>", "</td>", "<td>", "<tr>", "</table>", "<p>", "</form>", "<form>", "<li>",
			"<dt>", "<label>", "</label>", "<table>", "<h3>")
	}
	if depth == 0 {
		return m.line()
	}
	inner := func() string {
		s := ""
		for range 1 + m.IntN(3) {
			s += m.block(depth - 1)
		}
		return s
	}
	switch m.IntN(9) {
	case 0, 1:
		return "<div>" + inner() + "</div>"
	case 2, 3, 4:
		return m.table(depth)
	case 5:
		return "<h3>" + m.words() + "</h3>" + inner()
	case 6:
		return "<fieldset><legend>" + m.words() + "</legend>" + inner() + "</fieldset>"
	case 7:
		return "<p>" + m.line() + m.pick("</p>", "<p>"+m.line()+"</p>")
	}
	return m.pick("<ul><li>"+m.line()+"<li>"+m.line()+"</ul>", "<dl>"+
		"<dt>"+m.words()+"<dd>"+m.line()+"<dt>"+m.words()+"<dd>"+m.line()+"</dl>")
}

func (m *pageMaker) table(depth int) string {
	s := "<table>"
	if m.IntN(4) == 0 {
		s += "<tr><th>" + m.words() + "<th>" + m.words()
	}
	for range 1 + m.IntN(3) {
		s += "<tr>"
		for range 1 + m.IntN(3) {
			s += m.pick("<td>", "<td>", "<td>", "<th>", "<td rowspan=2>", "<td colspan=2>")
			if m.IntN(4) == 0 {
				s += m.block(depth - 1)
			} else {
				s += m.line()
			}
		}
	}
	return s + "</table>"
}

// page makes a page from a seed.
func makePage(seed uint64) string {
	m := &pageMaker{Rand: rand.New(rand.NewPCG(seed, 1))}
	m.soup = seed%4 == 0
	s := ""
	for range 1 + m.IntN(4) {
		s += m.block(2)
	}
	return "<form method=post action=a>" + s + "<input type=submit name=go value=Apply></form>"
}

// TestSafety checks the property on many random pages.
func TestSafety(t *testing.T) {
	accepted, judged := 0, 0
	for seed := range uint64(6_000) {
		src := makePage(seed)
		r, err := findReset(parsePage([]byte(src), ""), 1, fold)
		if err != nil {
			continue
		}
		accepted++
		if d, ok := readSimply(src); ok && d.nested {
			judged++
		}
		if why := violation(src, r.form.submit(r.button)); why != "" {
			t.Fatalf("%s\npage %d: %s\nsends %s", why, seed, src, r.form.submit(r.button))
		}
	}
	if accepted < 150 || judged < accepted/2 {
		t.Errorf("only %d of %d accepted pages were judged", judged, accepted)
	}
}

// TestViolation checks that the property can fail.
func TestViolation(t *testing.T) {
	page := func(rows string) string {
		return "<form method=post action=a>" + rows + "<input type=submit name=go value=Apply></form>"
	}
	const row = "<tr><td>%s<td><input type=checkbox name=%s value=1>"
	peak, energy := fmt.Sprintf(row, "Peak", "pk"), fmt.Sprintf(row, "Energy", "en")
	for _, tt := range []struct {
		name, page, sent string
		ok               bool
	}{
		{"right", "<table>" + peak + energy + "</table>", "pk=1&go=Apply", true},
		{"energy", "<table>" + peak + energy + "</table>", "en=1&go=Apply", false},
		{"both", "<table>" + peak + energy + "</table>", "pk=1&en=1&go=Apply", false},
		{"lost field", "<table>" + peak + "</table><input type=text name=n value=x>", "pk=1&go=Apply", false},
		{"cell of two rows", "<table><tr><td rowspan=2>Peak and Energy<td>x<tr><td>" +
			"<input type=checkbox name=pk value=1></table>", "pk=1&go=Apply", false},
		{"row of both", "<div><div>Peak kWh</div><div><input type=checkbox name=pk value=1></div></div>",
			"pk=1&go=Apply", false},
		{"nothing named", "<div>Reset <input type=checkbox name=pk value=1></div>", "pk=1&go=Apply", false},
		{"energy after the heading", "<h3>Peak</h3><p>Energy</p><p><input type=checkbox name=pk value=1></p>" +
			"<input type=text name=n>", "pk=1&n=&go=Apply", false},
		{"heading", "<h3>Peak</h3><p><input type=checkbox name=pk value=1></p><input type=text name=n>",
			"pk=1&n=&go=Apply", true},
	} {
		if why := violation(page(tt.page), tt.sent); (why == "") != tt.ok {
			t.Errorf("%s: %q", tt.name, why)
		}
	}
}

// FuzzSafety checks the property on arbitrary bytes as a page, and on the
// random page that they seed.
func FuzzSafety(f *testing.F) {
	for _, src := range []string{checkboxPage, selectPage, radioPage, divPage, makePage(1), makePage(2), makePage(3)} {
		f.Add(uint64(0), src)
	}
	f.Fuzz(func(t *testing.T, seed uint64, src string) {
		for _, src := range []string{src, makePage(seed)} {
			r, err := findReset(parsePage([]byte(src), ""), 1, fold)
			if err != nil {
				continue
			}
			if why := violation(src, r.form.submit(r.button)); why != "" {
				t.Fatalf("%s\npage: %s\nsends %s", why, src, r.form.submit(r.button))
			}
		}
	})
}

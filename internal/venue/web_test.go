package venue

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// These tests check what the tests of internal/nmc do not: a good client gives a
// card no reason to complain.

// eachGeneration runs a test with a card with two units to which somebody is
// logged in.
func eachGeneration(t *testing.T, test func(t *testing.T, w *Web)) {
	for _, g := range Generations {
		t.Run(g.String(), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			p := NewPDU(101, "First", 1500)
			p.Chain(NewPDU(102, "Second", 1500))
			w := ServeWeb(p, g, l)
			t.Cleanup(w.Close)
			w.session = &webSession{form: "F", used: time.Now()}
			if g.tokens {
				w.session.token = "T"
			}
			test(t, w)
		})
	}
}

// visit asks a card for a page of the session, or posts a form there.
func visit(w *Web, file string, form []pair) *httptest.ResponseRecorder {
	path, r := "/"+file, (*http.Request)(nil)
	if w.session != nil && !strings.HasPrefix(file, "/") {
		path = w.session.folder() + file
	}
	if form == nil {
		r = httptest.NewRequest(http.MethodGet, path, nil)
	} else {
		var fields []string
		for _, p := range form {
			if w.generation.latin1 {
				p[0], p[1] = toLatin1(p[0]), toLatin1(p[1])
			}
			fields = append(fields, url.QueryEscape(p[0])+"="+url.QueryEscape(p[1]))
		}
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(strings.Join(fields, "&")))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	rec := httptest.NewRecorder()
	w.serve(rec, r)
	return rec
}

// applySettings posts the form of the second unit, and confirms that.
func applySettings(w *Web, settings []pair) {
	visit(w, w.generation.action("cfgdev"), settings)
	if w.generation.confirm {
		visit(w, "Forms/confirm1", browserSends(w.pages().confirmForm(), nil))
	}
}

// settings returns what a browser sends if the user chose the reset of a meter,
// if any.
func settings(w *Web, meter string) []pair {
	form := w.pages().settingsForm(2)
	var chosen []pair
	for _, c := range form {
		switch {
		case meter == "" || c.role != meter:
		case c.options != nil:
			chosen = append(chosen, pair{c.name, c.options[1][0]})
		default:
			chosen = append(chosen, pair{c.name, c.value})
		}
	}
	return browserSends(form, chosen)
}

func TestWebApply(t *testing.T) {
	remove := func(form []pair) []pair { return slices.Delete(form, 3, 4) }
	add := func(form []pair) []pair { return slices.Insert(form, 3, pair{"x", "y"}) }
	swap := func(form []pair) []pair { form[2], form[3] = form[3], form[2]; return form }
	for name, tt := range map[string]struct {
		meter          string
		change         func(form []pair) []pair // nil for none
		resets, energy int
		complaint      string
	}{
		"nothing": {"", nil, 0, 35128, ""},
		"peak":    {"peak", nil, 1, 35128, ""},
		"energy":  {"energy", nil, 0, 0, "energy meter was reset"},
		"missing": {"", remove, 0, 35128, "is missing"},
		"added":   {"", add, 0, 35128, "does not belong"},
		"swapped": {"", swap, 0, 35128, "out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			eachGeneration(t, func(t *testing.T, w *Web) {
				form := settings(w, tt.meter)
				if tt.change != nil {
					form = tt.change(form)
				}
				applySettings(w, form)
				first, second := w.units[0].State(), w.units[1].State()
				if first.Resets != 0 || second.Resets != tt.resets || second.Energy != tt.energy || w.Applies() != 1 {
					t.Errorf("%+v, %+v", first, second)
				}
				c := strings.Join(w.Complaints(), "\n")
				if (c != "") != (tt.complaint != "") || !strings.Contains(c, tt.complaint) {
					t.Errorf("complaints %q, want %q", c, tt.complaint)
				}
			})
		})
	}
}

func TestWebSession(t *testing.T) {
	eachGeneration(t, func(t *testing.T, w *Web) {
		visit(w, w.generation.fileOf("ctlboot"), nil)
		visit(w, "Forms/lang1", []pair{})
		if c := w.Complaints(); len(c) != 2 || !strings.Contains(c[0], "dangerous") || !strings.Contains(c[1], "posted") {
			t.Errorf("complaints %q", c)
		}
		if r := visit(w, "favicon.ico", nil); r.Code != http.StatusNotFound {
			t.Errorf("status %d for no page", r.Code)
		}
		w.refuse(&webRequest{}, "apc\nwrong")
		w.refuse(&webRequest{}, "apc\nwrong")
		if c := w.Complaints(); len(c) != 3 || !strings.Contains(c[2], "refused was tried again") {
			t.Errorf("complaints %q", c)
		}
		w.session.used = time.Now().Add(-sessionTime)
		if visit(w, "home.htm", nil); w.Open() != 0 {
			t.Error("the session does not end")
		}
	})
}

// TestWebInELinks lets the text browser ELinks, by which people reset peaks
// before, show the forms.
func TestWebInELinks(t *testing.T) {
	elinks, err := exec.LookPath("elinks")
	if err != nil {
		if os.Getenv("ISCBOT_TEST_ALL") != "" {
			t.Fatal("elinks is missing, and ISCBOT_TEST_ALL is set")
		}
		t.Skip("elinks is missing")
	}
	t.Setenv("HOME", t.TempDir())
	eachGeneration(t, func(t *testing.T, w *Web) {
		for page, want := range map[string]string{
			w.pages().loginPage("/", ""):    `(?is)user name.*password.*log on`,
			w.pages().menuPage("cfgdev", 2): `(?is)(peak[^\n]*reset|peak.{0,80}last reset).*apply`,
		} {
			file := filepath.Join(t.TempDir(), "page.html")
			if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(elinks, "-dump", "-no-references", file).CombinedOutput()
			if err != nil || !regexp.MustCompile(want).Match(out) {
				t.Errorf("%v, no %s in\n%s", err, want, out)
			}
		}
	})
}

package venue

import (
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
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

// A visitor knows what the forms of a card are, and posts them as a browser does
// or with a change.
type visitor struct {
	*http.Client
	t    *testing.T
	w    *Web
	pdus []*PDU
	at   *url.URL // of the last page
	page string
	code int
}

func eachGeneration(t *testing.T, test func(t *testing.T, v *visitor)) {
	for _, g := range Generations {
		t.Run(g.String(), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			pdus := []*PDU{NewPDU(101, "First", 1500), NewPDU(102, "Second", 1500)}
			w := ServeWebChain(pdus, g, l)
			t.Cleanup(w.Close)
			test(t, newVisitor(t, w, pdus))
		})
	}
}

func newVisitor(t *testing.T, w *Web, pdus []*PDU) *visitor {
	jar, _ := cookiejar.New(nil)
	v := &visitor{Client: &http.Client{Jar: jar, Transport: &http.Transport{}}, t: t, w: w, pdus: pdus}
	t.Cleanup(v.CloseIdleConnections)
	v.at, _ = url.Parse(w.URL())
	return v
}

// get opens a page, from the last one.
func (v *visitor) get(ref string) {
	v.t.Helper()
	to, _ := v.at.Parse(ref)
	v.take(v.Get(to.String()))
}

func (v *visitor) post(action string, form []pair) {
	v.t.Helper()
	var fields []string
	for _, p := range form {
		if v.w.generation.latin1 {
			p[0], p[1] = toLatin1(p[0]), toLatin1(p[1])
		}
		fields = append(fields, url.QueryEscape(p[0])+"="+url.QueryEscape(p[1]))
	}
	to, _ := v.at.Parse(action)
	v.take(v.Post(to.String(), "application/x-www-form-urlencoded", strings.NewReader(strings.Join(fields, "&"))))
}

func (v *visitor) take(resp *http.Response, err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, _ := io.ReadAll(resp.Body)
	v.at, v.page, v.code = resp.Request.URL, string(page), resp.StatusCode
}

func (v *visitor) login(password string) {
	v.t.Helper()
	v.get("/")
	if strings.Contains(v.page, "login_password") {
		form := browserSends(v.w.pages().loginForm(), []pair{{"login_username", "apc"},
			{"login_password", password}, {"prefLanguage", webLanguages[0][0]}})
		v.post("Forms/login1", form)
	}
}

// apply posts settings of the second unit, and confirms that.
func (v *visitor) apply(settings []pair) {
	v.t.Helper()
	file := v.w.generation.fileOf("cfgdev")
	name, _, _ := strings.Cut(file, ".")
	v.get(file + "?pdu=2")
	v.post("Forms/"+name+"1", settings)
	if strings.Contains(v.page, "Continue?") {
		form := browserSends(v.w.pages().confirmForm(), nil)
		v.post("confirm1", form)
	}
}

// settings returns what a browser sends if the user chose the reset of a meter,
// if any.
func (v *visitor) settings(meter string) []pair {
	form := v.w.pages().settingsForm(2)
	var chosen []pair
	for _, c := range form {
		switch {
		case meter != "" && c.role == meter && c.options == nil:
			chosen = append(chosen, pair{c.name, c.value})
		case meter != "" && c.role == meter:
			chosen = append(chosen, pair{c.name, c.options[1][0]})
		}
	}
	return browserSends(form, chosen)
}

// TestWebApply holds that the card takes what a browser sends, and complains of
// everything else.
func TestWebApply(t *testing.T) {
	keep := func(form []pair) []pair { return form }
	remove := func(form []pair) []pair { return slices.Delete(form, 3, 4) }
	add := func(form []pair) []pair { return slices.Insert(form, 3, pair{"x", "y"}) }
	swap := func(form []pair) []pair { form[2], form[3] = form[3], form[2]; return form }
	for name, tt := range map[string]struct {
		meter          string
		change         func(form []pair) []pair
		resets, energy int
		complaint      string
	}{
		"nothing": {"", keep, 0, 35128, ""},
		"peak":    {"peak", keep, 1, 35128, ""},
		"energy":  {"energy", keep, 0, 0, "energy meter was reset"},
		"missing": {"", remove, 0, 35128, "is missing"},
		"added":   {"", add, 0, 35128, "does not belong"},
		"swapped": {"", swap, 0, 35128, "out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			eachGeneration(t, func(t *testing.T, v *visitor) {
				v.login("apc")
				v.apply(tt.change(v.settings(tt.meter)))
				first, second := v.pdus[0].State(), v.pdus[1].State()
				if first.Resets != 0 || second.Resets != tt.resets || second.Energy != tt.energy || v.w.Applies() != 1 {
					t.Errorf("%+v, %+v, page:\n%s", first, second, v.page)
				}
				c := strings.Join(v.w.Complaints(), "\n")
				if (c != "") != (tt.complaint != "") || !strings.Contains(c, tt.complaint) {
					t.Errorf("complaints %q, want %q", c, tt.complaint)
				}
			})
		})
	}
}

// TestWebSession holds that one person can be logged in, until the session ends,
// and that pages which do harm are complained of.
func TestWebSession(t *testing.T) {
	eachGeneration(t, func(t *testing.T, v *visitor) {
		g := v.w.generation
		for range 2 {
			v.login("wrong")
		}
		if c := v.w.Complaints(); len(c) != 1 || !strings.Contains(c[0], "refused was tried again") {
			t.Errorf("complaints %q", c)
		}
		v.login("apc")
		other := newVisitor(t, v.w, v.pdus)
		other.login("apc")
		if other.code != g.busyStatus || !strings.Contains(other.page, "Someone is currently logged into") {
			t.Errorf("busy: status %d\n%s", other.code, other.page)
		}
		v.get(g.fileOf("ctlboot"))
		v.post("Forms/lang1", nil)
		v.get("favicon.ico")
		if c := strings.Join(v.w.Complaints(), "\n"); !strings.Contains(c, "dangerous") || v.code != http.StatusNotFound {
			t.Errorf("status %d, complaints %q", v.code, c)
		}

		v.w.locked(func() { v.w.session.used = time.Now().Add(-sessionTime) })
		v.login("apc")
		if g.cookie != "" && !g.early {
			if v.code != http.StatusBadRequest {
				t.Errorf("log-in with an ended session's cookie: status %d", v.code)
			}
			v = newVisitor(t, v.w, v.pdus)
			v.login("apc")
		}
		if v.get("logout.htm"); v.w.Open() != 0 {
			t.Error("not logged off")
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
	eachGeneration(t, func(t *testing.T, v *visitor) {
		shows := func(words ...string) {
			file := filepath.Join(t.TempDir(), "page.html")
			if err := os.WriteFile(file, []byte(v.page), 0o600); err != nil {
				t.Fatal(err)
			}
			out, _ := exec.Command(elinks, "-dump", "-no-references", file).CombinedOutput()
			for _, w := range words {
				if !regexp.MustCompile(`(?is)` + w).Match(out) {
					t.Errorf("%q does not show in:\n%s", w, out)
				}
			}
		}
		v.get("/")
		shows(`user name`, `password`, `log on`)
		v.login("apc")
		v.get(v.w.generation.fileOf("cfgdev"))
		shows(`peak[^\n]*reset|peak.{0,80}last reset`, `energy|kwh`, `apply`)
	})
}

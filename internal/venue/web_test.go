package venue

import (
	"crypto/tls"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// A browser is as much of one as it takes to walk through the pages.
type browser struct {
	t    *testing.T
	c    *http.Client
	w    *Web
	at   *url.URL // address of the page
	page string
	code int
	hops int // redirects on the way to the page
}

func newWeb(t *testing.T, g Generation) (*PDU, *Web) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := NewPDU(102, "Second_PDU", 1500)
	p.Spike(2800)
	w := ServeWeb(p, g, l)
	t.Cleanup(w.Close)
	return p, w
}

func browse(t *testing.T, w *Web) *browser {
	jar, _ := cookiejar.New(nil)
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	b := &browser{t: t, w: w, c: &http.Client{Jar: jar, Transport: tr}}
	b.c.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		if b.hops = len(via); len(via) > 9 {
			return errors.New("too many redirects")
		}
		return nil
	}
	b.at, _ = url.Parse(w.URL())
	return b
}

func (b *browser) take(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	b.page, b.code, b.at = string(page), resp.StatusCode, resp.Request.URL
	if strings.Contains(resp.Header.Get("Content-Type"), "8859") {
		runes := make([]rune, len(page))
		for i, c := range page {
			runes[i] = rune(c)
		}
		b.page = string(runes)
	}
	b.page = regexp.MustCompile(`(?s)<!--.*?-->|<script.*?</script>`).ReplaceAllString(b.page, "")
	return err
}

func (b *browser) get(ref string) error {
	u, err := b.at.Parse(ref)
	if err != nil {
		return err
	}
	b.hops = 0
	return b.take(b.c.Get(u.String()))
}

// follow follows the last link that has the text.
func (b *browser) follow(text string) bool {
	links := regexp.MustCompile(`(?i)<a [^>]*href=["']?([^"' >]+)[^>]*>(?:<span>)?`+text+`<`).FindAllStringSubmatch(b.page, -1)
	if links == nil {
		return false
	}
	if err := b.get(html.UnescapeString(links[len(links)-1][1])); err != nil {
		b.t.Fatalf("link %s: %v", text, err)
	}
	return true
}

var (
	tags  = regexp.MustCompile(`(?i)<(form|/form|input|select|option|textarea|button)\b([^>]*)>([^<]*)`)
	attrs = regexp.MustCompile(`(?i)\b(\w+)=("[^"]*"|'[^']*'|[^\s>]+)`)
)

// submit sends the page's form that has a button of that text, with the values in set.
func (b *browser) submit(button string, set map[string]string) error {
	var action, name string
	var sent []pair
	pressed := false
	for _, m := range tags.FindAllStringSubmatch(b.page, -1) {
		a := map[string]string{}
		for _, kv := range attrs.FindAllStringSubmatch(m[2], -1) {
			a[strings.ToLower(kv[1])] = html.UnescapeString(strings.Trim(kv[2], `"'`))
		}
		flags := strings.ToLower(m[2])
		value, has := a["value"]
		switch tag := strings.ToLower(m[1]); {
		case tag == "form":
			action, sent = a["action"], nil
		case tag == "/form":
			if pressed {
				return b.post(action, sent)
			}
		case strings.Contains(flags, "disabled"), a["type"] == "reset":
		case a["type"] == "submit":
			if text := strings.TrimSpace(m[3]); value == button || text == button {
				pressed, sent = true, append(sent, pair{a["name"], value})
			}
		case tag == "select":
			name = a["name"]
			sent = append(sent, pair{name, ""})
		case tag == "option":
			if !has {
				value = m[3]
			}
			if want, ok := set[name]; ok && value == want || !ok && (strings.Contains(flags, "selected") || sent[len(sent)-1][1] == "") {
				sent[len(sent)-1][1] = value
			}
		case tag == "textarea":
			sent = append(sent, pair{a["name"], strings.ReplaceAll(html.UnescapeString(m[3]), "\n", "\r\n")})
		default:
			if a["type"] == "checkbox" && !has {
				value = "on"
			}
			want, ok := set[a["name"]]
			if a["type"] == "checkbox" || a["type"] == "radio" {
				if ok && value != want || !ok && !strings.Contains(flags, "checked") {
					continue
				}
			} else if ok {
				value = want
			}
			sent = append(sent, pair{a["name"], value})
		}
	}
	b.t.Fatalf("no form with %q in\n%s", button, b.page)
	return nil
}

func (b *browser) post(action string, form []pair) error {
	u, err := b.at.Parse(action)
	if err != nil {
		return err
	}
	var fields []string
	for _, f := range form {
		if b.w.g == TokenPath { // ISO-8859-1
			var latin []byte
			for _, r := range f[1] {
				latin = append(latin, byte(r))
			}
			f[1] = string(latin)
		}
		fields = append(fields, url.QueryEscape(f[0])+"="+url.QueryEscape(f[1]))
	}
	b.hops = 0
	return b.take(b.c.Post(u.String(), "application/x-www-form-urlencoded", strings.NewReader(strings.Join(fields, "&"))))
}

func (b *browser) login(password string) error {
	if err := b.get("/"); err != nil {
		return err
	}
	if !strings.Contains(b.page, "login_password") {
		return nil
	}
	return b.submit("Log On", map[string]string{"login_username": "apc", "login_password": password})
}

// config walks to the configuration page.
func (b *browser) config() bool {
	for _, text := range []string{"Configuration", "RPDU"} {
		b.follow(text)
	}
	return b.follow("Device(?: Manager)?")
}

// control returns the name of the control with that role and the value that sets it.
func (w *Web) control(role string) (string, string) {
	for _, c := range w.settings {
		if c.role == role && c.opts != nil {
			return c.name, c.opts[1][0]
		} else if c.role == role {
			return c.name, c.value
		}
	}
	return "", ""
}

func each(t *testing.T, f func(t *testing.T, g Generation)) {
	for _, g := range Generations {
		t.Run(g.String(), func(t *testing.T) { f(t, g) })
	}
}

func TestWebReset(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		p, w := newWeb(t, g)
		b := browse(t, w)
		before := p.State()
		w.Credentials("apc", "p&s w+ü")
		if err := b.login("p&s w+ü"); err != nil || b.code != 200 || w.Open() != 1 {
			t.Fatalf("log-in: %v, status %d, %d sessions open\n%s", err, b.code, w.Open(), b.page)
		}
		token := strings.HasPrefix(b.at.EscapedPath(), "/NMC/")
		if token != (g != CookieAlone) {
			t.Errorf("home page at %s", b.at)
		}
		if !b.config() || !strings.Contains(b.page, "Reset (last reset "+before.ResetAt.Format("01/02/2006 15:04:05")+")") ||
			strings.Count(b.page, "Z\u00fcrich &amp; &quot;Halle 3&quot; &lt;Nord&gt;")+strings.Count(b.page, "Z\u00fcrich &amp; &#34;Halle 3&#34; &lt;Nord&gt;") != 1 {
			t.Fatalf("configuration page at %s:\n%s", b.at, b.page)
		}
		name, value := w.control("peak")
		if err := b.submit("Apply", map[string]string{name: value}); err != nil {
			t.Fatal(err)
		}
		if g == CookieAndToken {
			if p.State().Resets != 0 || w.Applies() != 0 {
				t.Error("reset before it was confirmed")
			}
			if err := b.submit("Apply", nil); err != nil {
				t.Fatal(err)
			}
		}
		if s := p.State(); b.code != 200 || s.Peak != 1500 || s.Resets != 1 || s.Energy == 0 || !s.ResetAt.After(before.ResetAt) || w.Applies() != 1 {
			t.Errorf("after Apply: status %d, %+v", b.code, s)
		}
		if !b.follow("Log Off") || w.Open() != 0 {
			t.Errorf("after the log-off %d sessions are open", w.Open())
		}
		if c := w.Complaints(); c != nil {
			t.Errorf("complaints: %q", c)
		}
	})
}

func TestWebCancelAndUnchanged(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		p, w := newWeb(t, g)
		b := browse(t, w)
		b.login("apc")
		name, value := w.control("peak")
		for _, button := range []string{"Cancel", "Apply"} {
			b.config()
			set := map[string]string{name: value}
			if button == "Apply" {
				set = nil
			}
			if err := b.submit(button, set); err != nil {
				t.Fatal(err)
			}
			if g == CookieAndToken && button == "Apply" {
				b.submit("Cancel", nil)
			}
		}
		if s := p.State(); s.Resets != 0 || s.Energy == 0 || w.Complaints() != nil {
			t.Errorf("%+v, complaints: %q", s, w.Complaints())
		}
	})
}

func TestWebComplaints(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		location := nameOf(g, "Location")
		for _, test := range []struct {
			name string
			do   func(b *browser)
			want string
		}{
			{"energy", func(b *browser) {
				name, value := b.w.control("energy")
				b.submit("Apply", map[string]string{name: value})
			}, "energy meter was reset"},
			{"changed", func(b *browser) { b.submit("Apply", map[string]string{location: "Zürich"}) }, "changed from"},
			{"missing", func(b *browser) {
				b.page = regexp.MustCompile(`<[^>]*Halle[^>]*>`).ReplaceAllString(b.page, "")
				b.submit("Apply", nil)
			}, "is missing"},
			{"added", func(b *browser) {
				b.page = regexp.MustCompile(`(?i)<textarea`).ReplaceAllString(b.page, "<input name=x value=y>$0")
				b.submit("Apply", nil)
			}, "does not belong"},
			{"second button", func(b *browser) {
				b.page = regexp.MustCompile(`(?i)<textarea`).ReplaceAllString(b.page, "<input type=submit name=x value=Apply>$0")
				b.submit("Apply", nil)
			}, "does not belong"},
			{"content type", func(b *browser) {
				b.c.Post(b.w.URL()+"Forms/login1", "text/plain", strings.NewReader("a=b"))
			}, "content type"},
			{"get of an action", func(b *browser) { b.get("/Forms/login1") }, "method"},
			{"reboot", func(b *browser) {
				b.follow("Home")
				b.follow("Control")
				b.follow("Network")
				b.get(b.w.g.file("ctlboot"))
			}, "dangerous"},
			{"security", func(b *browser) { b.get(b.w.g.file("ctlsec")) }, "dangerous"},
			{"another form", func(b *browser) { b.get(b.w.g.file("cfgout")); b.submit("Next >>", nil) }, "form posted"},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, w := newWeb(t, g)
				b := browse(t, w)
				b.login("apc")
				b.config()
				test.do(b)
				if strings.Contains(b.page, `value="Cancel"`) && strings.Contains(b.page, "Continue?") {
					b.submit("Apply", nil)
				}
				if c := strings.Join(w.Complaints(), "\n"); !strings.Contains(c, test.want) {
					t.Errorf("complaints %q, want %q", c, test.want)
				}
				if g == TokenPath && test.name == "missing" {
					if c := w.settings[2]; c.value != "" {
						t.Errorf("a lost field left %q", c.value)
					}
				}
			})
		}
	})
}

// nameOf is the name of the control with that label.
func nameOf(g Generation, label string) string {
	list := g.settings("")
	return list[slices.IndexFunc(list, func(c control) bool { return c.label == label })].name
}

func TestWebRefusedAndBusy(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		_, w := newWeb(t, g)
		b := browse(t, w)
		b.login("wrong & long")
		switch form := strings.Contains(b.page, "login_password"); g {
		case TokenPath:
			if !form || strings.Contains(b.page, invalid) || b.hops != 1 {
				t.Errorf("refused: status %d\n%s", b.code, b.page)
			}
		case CookieAndToken:
			if !form || !strings.Contains(b.page, invalid) || b.code != 200 {
				t.Errorf("refused: status %d\n%s", b.code, b.page)
			}
		default:
			if b.code != 403 {
				t.Errorf("refused: status %d", b.code)
			}
		}
		if ok, refused := w.Logins(); ok != 0 || refused != 1 || w.Open() != 0 || w.Complaints() != nil {
			t.Errorf("%d log-ins, %d refused, complaints %q", ok, refused, w.Complaints())
		}
		b.login("wrong & long")
		if c := w.Complaints(); len(c) != 1 {
			t.Errorf("refused twice: %q", c)
		}
		busy := func(why string) {
			t.Helper()
			b := browse(t, w)
			b.login("apc")
			if want := map[bool]int{true: 200, false: 403}[g == CookieAndToken]; b.code != want || !strings.Contains(b.page, "Someone is currently logged into") {
				t.Errorf("%s: status %d\n%s", why, b.code, b.page)
			}
		}
		w.Occupy(time.Hour)
		busy("occupied")
		w.Occupy(0)
		w.Behave(WebManners{Busy: true})
		busy("busy")
		w.Behave(WebManners{})
		b = browse(t, w)
		b.login("apc")
		busy("another browser")
		w.Expire()
		b.config()
		if !strings.Contains(b.page, "login_password") {
			t.Errorf("a session that is over shows\n%s", b.page)
		}
		w.SetTimeout(0)
		if b.login("apc"); g != CookieAlone && w.Open() != 0 {
			t.Error("a session outlived its time")
		}
		if g == CookieAlone && b.code != 400 {
			t.Errorf("log-in with an ended session's cookie: status %d", b.code)
		}
	})
}

func TestWebUnknown(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		_, w := newWeb(t, g)
		b := browse(t, w)
		b.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for path, want := range map[string]int{"favicon.ico": 404, "NMC/abc/" + g.file("cfgdev"): 303, g.file("cfgdev"): 303, "NMC/abc/": 303} {
			if err := b.get("/" + path); err != nil || b.code != want {
				t.Errorf("GET /%s: %v, status %d, want %d", path, err, b.code, want)
			}
		}
	})
}

func TestWebManners(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		for _, test := range []struct {
			name   string
			m      WebManners
			err    bool // the posts end with a lost connection
			resets int
			shows  string // a page on the way
		}{
			{"good", WebManners{}, false, 1, ""},
			{"delay", WebManners{Delay: time.Millisecond}, false, 1, ""},
			{"drip", WebManners{Drip: time.Microsecond}, false, 1, ""},
			{"cut before", WebManners{CutBeforeApply: true}, true, 0, ""},
			{"cut after", WebManners{CutAfterApply: true}, true, 1, ""},
			{"cut at the confirm page", WebManners{CutConfirm: true}, g == CookieAndToken, map[bool]int{true: 0, false: 1}[g == CookieAndToken], ""},
			{"no effect", WebManners{NoEffect: true}, false, 0, ""},
			{"no peak", WebManners{NoPeak: true}, false, 0, ""},
			{"two peaks", WebManners{TwoPeaks: true}, false, 1, "Peak Power, Unit 2"},
			{"big page", WebManners{BigPage: true}, false, 1, "Power &lt; limit"},
		} {
			t.Run(test.name, func(t *testing.T) {
				p, w := newWeb(t, g)
				w.Behave(test.m)
				b := browse(t, w)
				b.login("apc")
				b.config()
				name, value := w.control("peak")
				if strings.Contains(b.page, "name=\""+name+"\"") == test.m.NoPeak && g == CookieAndToken {
					t.Errorf("page with the peak's control: %v", !test.m.NoPeak)
				}
				if !strings.Contains(b.page, test.shows) || test.m.BigPage != (len(b.page) > 1<<20) {
					t.Errorf("page of %d bytes without %q", len(b.page), test.shows)
				}
				err := b.submit("Apply", map[string]string{name: value})
				if err == nil && g == CookieAndToken {
					err = b.submit("Apply", nil)
				}
				if (err != nil) != test.err || p.State().Resets != test.resets || w.Complaints() != nil {
					t.Errorf("%v, %d resets, complaints %q", err, p.State().Resets, w.Complaints())
				}
			})
		}
	})
}

func TestWebStrange(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		_, w := newWeb(t, g)
		for _, test := range []struct {
			m     WebManners
			shows string
			err   string
		}{
			{WebManners{Stranger: true}, "LaserWriter", ""},
			{WebManners{Garbage: true}, "='", ""},
			{WebManners{Redirect: "endless"}, "", "too many redirects"},
			{WebManners{At: "root", Redirect: "http://127.0.0.2:9/"}, "", "127.0.0.2:9"},
			{WebManners{At: "logout", Hang: true}, "login_password", ""},
		} {
			w.Behave(test.m)
			b := browse(t, w)
			if err := b.get("/"); (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%+v: %v", test.m, err)
			} else if err == nil && !strings.Contains(b.page, test.shows) {
				t.Errorf("%+v: no %q in\n%s", test.m, test.shows, b.page)
			}
		}
		w.Behave(WebManners{ForcedPasswordChange: true})
		b := browse(t, w)
		b.login("apc")
		if b.config(); !strings.Contains(b.page, "new_password") {
			t.Errorf("no new password demanded in\n%s", b.page)
		}
		for _, fault := range []string{"500", "cut"} {
			w.Behave(WebManners{NoLogout: fault})
			if err := b.get("logout.htm"); (err != nil) != (fault == "cut") || w.Open() != 1 {
				t.Errorf("log-off %s: %v, %d sessions open", fault, err, w.Open())
			}
		}
		w.Behave(WebManners{})
		if b.get("logout.htm"); w.Open() != 0 || w.Complaints() != nil {
			t.Errorf("%d sessions open, complaints %q", w.Open(), w.Complaints())
		}
	})
}

func TestWebHang(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		_, w := newWeb(t, g)
		w.Behave(WebManners{At: "logon", Hang: true})
		b := browse(t, w)
		b.get("/")
		lost := make(chan error)
		go func() {
			lost <- b.submit("Log On", map[string]string{"login_username": "apc", "login_password": "apc"})
		}()
		for w.Asked("logon") == 0 {
			runtime.Gosched()
		}
		w.Close()
		if err := <-lost; err == nil {
			t.Error("answered at the end")
		}
	})
}

func TestWebTLS(t *testing.T) {
	cert := SelfSigned("127.0.0.1")
	for name, cfg := range map[string]*tls.Config{"new": {Certificates: []tls.Certificate{cert}}, "old": OldTLS(cert)} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			w := ServeWebTLS(NewPDU(101, "First", 1000), TokenPath, l, cfg)
			defer w.Close()
			b := browse(t, w)
			if name == "old" {
				if err := b.login("apc"); err == nil {
					t.Error("a new client speaks with the old card")
				}
				c := b.c.Transport.(*http.Transport).TLSClientConfig
				c.MinVersion, c.CipherSuites = tls.VersionTLS10, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
			}
			if err := b.login("apc"); err != nil || w.Open() != 1 || b.at.Scheme != "https" {
				t.Errorf("%v, %d sessions open at %s", err, w.Open(), b.at)
			}
		})
	}
}

// TestELinks lets the text browser ELinks, by which people reset peaks before, show the log-in form and the configuration form.
func TestELinks(t *testing.T) {
	elinks, err := exec.LookPath("elinks")
	if err != nil {
		if os.Getenv("ISCBOT_TEST_ALL") != "" {
			t.Fatal("elinks is missing, and ISCBOT_TEST_ALL is set")
		}
		t.Skip("elinks is missing")
	}
	t.Setenv("HOME", t.TempDir())
	dump := func(t *testing.T, page string, words ...string) {
		file := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(elinks, "-dump", "-no-references", file).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, w := range words {
			if !regexp.MustCompile(`(?is)` + w).Match(out) {
				t.Errorf("%s does not show in:\n%s", w, out)
			}
		}
	}
	each(t, func(t *testing.T, g Generation) {
		_, w := newWeb(t, g)
		b := browse(t, w)
		if err := b.get("/"); err != nil {
			t.Fatal(err)
		}
		dump(t, b.page, `user name`, `password`, `log on`)
		if err := b.login("apc"); err != nil || !b.config() {
			t.Fatal(err)
		}
		dump(t, b.page, `peak[^\n]*reset|peak.{0,80}last reset`, `energy|kwh`, `apply`)
	})
}

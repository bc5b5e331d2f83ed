package venue

import (
	"crypto/tls"
	"errors"
	"fmt"
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
}

// newWeb starts a card with units, and a browser for it.
func newWeb(t *testing.T, g Generation, units int) ([]*PDU, *Web, *browser) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var pdus []*PDU
	for n := range units {
		p := NewPDU(101+n, "Second_PDU", 1500)
		p.Spike(2800)
		pdus = append(pdus, p)
	}
	w := ServeWebChain(pdus, g, l)
	t.Cleanup(w.Close)
	return pdus, w, browse(t, w)
}

func browse(t *testing.T, w *Web) *browser {
	jar, _ := cookiejar.New(nil)
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	b := &browser{t: t, w: w, c: &http.Client{Jar: jar, Transport: tr}}
	b.at, _ = url.Parse(w.URL())
	return b
}

var markupToSkip = regexp.MustCompile(`(?s)<!--.*?-->|<script.*?</script>`)

func (b *browser) take(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	b.page, b.code, b.at = string(page), resp.StatusCode, resp.Request.URL
	if b.w.g.latin1 {
		runes := make([]rune, len(page))
		for i, c := range page {
			runes[i] = rune(c)
		}
		b.page = string(runes)
	}
	b.page = markupToSkip.ReplaceAllString(b.page, "")
	return err
}

func (b *browser) get(ref string) error {
	u, err := b.at.Parse(ref)
	if err != nil {
		return err
	}
	return b.take(b.c.Get(u.String()))
}

// follow follows the last link that has the text.
func (b *browser) follow(text string) bool {
	links := regexp.MustCompile(`(?i)<a [^>]*href=["']?([^"' >#]+)[^>]*>(?:`+
		`<span>)?`+text+`<`).FindAllStringSubmatch(b.page, -1)
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

// submit sends the page's form that has a button of that text, with the values
// in set.
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
		want, isSet := set[a["name"]]
		switch tag := strings.ToLower(m[1]); {
		case tag == "form":
			action, sent = a["action"], nil
		case tag == "/form":
			if pressed {
				return b.post(action, sent)
			}
		case strings.Contains(flags, "disabled"), a["type"] == "reset", a["type"] == "image":
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
			if want, isSet := set[name]; isSet && value == want || !isSet && (strings.Contains(flags,
				"selected") || sent[len(sent)-1][1] == "") {
				sent[len(sent)-1][1] = value
			}
		case tag == "textarea":
			sent = append(sent, pair{a["name"], strings.ReplaceAll(html.UnescapeString(m[3]), "\n", "\r\n")})
		case a["type"] == "checkbox" || a["type"] == "radio":
			if !has {
				value = "on"
			}
			if isSet && value == want || !isSet && strings.Contains(flags, "checked") {
				sent = append(sent, pair{a["name"], value})
			}
		default:
			if isSet {
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
		fields = append(fields, url.QueryEscape(b.w.g.encode(f[0]))+"="+url.QueryEscape(b.w.g.encode(f[1])))
	}
	return b.take(b.c.Post(u.String(), "application/x-www-form-urlencoded", strings.NewReader(strings.Join(fields,
		"&"))))
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

// apply presses Apply, and again on a page that asks for confirmation.
func (b *browser) apply(set map[string]string) error {
	err := b.submit("Apply", set)
	if err == nil && strings.Contains(b.page, "Continue?") {
		err = b.submit("Apply", nil)
	}
	return err
}

// setting returns the field that sets the control with a role.
func (w *Web) setting(role string) map[string]string {
	for _, c := range w.settings[0] {
		if c.role != role {
			continue
		}
		if c.opts != nil {
			return map[string]string{c.name: c.opts[1][0]}
		}
		return map[string]string{c.name: c.value}
	}
	return nil
}

func each(t *testing.T, f func(t *testing.T, g Generation)) {
	for _, g := range Generations {
		t.Run(g.String(), func(t *testing.T) { f(t, g) })
	}
}

func TestWebReset(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		pdus, w, b := newWeb(t, g, 1)
		w.Credentials("apc", "p&s w+ü")
		if err := b.login("p&s w+ü"); err != nil || b.code != 200 || w.Open() != 1 {
			t.Fatalf("log-in: %v, status %d, %d sessions open\n%s", err, b.code, w.Open(), b.page)
		}
		before := pdus[0].State()
		if !b.config() || !strings.Contains(b.page, "Reset (last reset "+before.ResetAt.Format(dateTime)+")") {
			t.Fatalf("configuration page at %s:\n%s", b.at, b.page)
		}
		if err := b.apply(w.setting("peak")); err != nil {
			t.Fatal(err)
		}
		if s := pdus[0].State(); s.Peak != 1500 || s.Resets != 1 || s.Energy == 0 || w.Applies() != 1 ||
			len(w.Posts()) != 1 {
			t.Errorf("after Apply: status %d, %+v", b.code, s)
		}
		if !b.follow("Log Off") || w.Open() != 0 || w.Complaints() != nil {
			t.Errorf("after the log-off %d sessions are open, complaints: %q", w.Open(), w.Complaints())
		}
	})
}

func TestWebUnchanged(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		pdus, w, b := newWeb(t, g, 1)
		b.login("apc")
		b.config()
		b.apply(nil)
		if s := pdus[0].State(); s.Resets != 0 || s.Energy == 0 || w.Applies() != 1 || w.Complaints() != nil {
			t.Errorf("%+v, complaints: %q", s, w.Complaints())
		}
	})
}

func TestWebUnits(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		pdus, w, b := newWeb(t, g, 2)
		b.login("apc")
		b.config()
		b.get("?pdu=2")
		b.apply(w.setting("peak"))
		if pdus[0].State().Resets != 0 || pdus[1].State().Resets != 1 || w.Complaints() != nil {
			t.Errorf("%+v, %+v, complaints: %q", pdus[0].State(), pdus[1].State(), w.Complaints())
		}
	})
}

func TestWebComplaints(t *testing.T) {
	textarea := regexp.MustCompile(`(?i)<textarea`)
	for _, tt := range []struct {
		name string
		do   func(b *browser)
		want string
	}{
		{"energy", func(b *browser) { b.apply(b.w.setting("energy")) }, "energy meter was reset"},
		{"changed", func(b *browser) { b.apply(map[string]string{b.w.settings[0][2].name: "Zürich"}) }, "changed from"},
		{"missing", func(b *browser) {
			b.page = regexp.MustCompile(`<[^>]*Halle[^>]*>`).ReplaceAllString(b.page, "")
			b.apply(nil)
		}, "is missing"},
		{"added", func(b *browser) {
			b.page = textarea.ReplaceAllString(b.page, "<input name=x value=y>$0")
			b.apply(nil)
		}, "does not belong"},
		{"content type", func(b *browser) {
			b.c.Post(b.w.URL()+"Forms/login1", "text/plain",
				strings.NewReader("a=b"))
		}, "content type"},
		{"get of an action", func(b *browser) { b.get("/Forms/login1") }, "method"},
		{"reboot", func(b *browser) { b.get(b.w.g.fileOf("ctlboot")) }, "dangerous"},
		{"security", func(b *browser) { b.get(b.w.g.fileOf("ctlsec")) }, "dangerous"},
		{"another form", func(b *browser) { b.get(b.w.g.fileOf("ctlout")); b.submit("Apply", nil) }, "form posted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, g Generation) {
				_, w, b := newWeb(t, g, 1)
				b.login("apc")
				b.config()
				tt.do(b)
				if c := strings.Join(w.Complaints(), "\n"); !strings.Contains(c, tt.want) {
					t.Errorf("complaints %q, want %q", c, tt.want)
				}
			})
		})
	}
}

func TestWebRefused(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		_, w, b := newWeb(t, g, 1)
		b.login("wrong & long")
		if hasForm := strings.Contains(b.page, "login_password"); hasForm != (b.code == 200) ||
			hasForm == (g.refusal == refuseByStatus) {
			t.Errorf("refused: status %d\n%s", b.code, b.page)
		}
		if ok, refused := w.Logins(); ok != 0 || refused != 1 || w.Open() != 0 || w.Complaints() != nil {
			t.Errorf("%d log-ins, %d refused, complaints %q", ok, refused, w.Complaints())
		}
		if b.login("wrong & long"); len(w.Complaints()) != 1 {
			t.Errorf("refused twice: %q", w.Complaints())
		}
	})
}

func TestWebBusy(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		_, w, b := newWeb(t, g, 1)
		b.login("apc")
		other := browse(t, w)
		other.login("apc")
		if other.code != g.busyStatus || !strings.Contains(other.page, "Someone is currently logged into") {
			t.Errorf("status %d\n%s", other.code, other.page)
		}
		w.locked(func() { w.session.used = time.Now().Add(-sessionTime) })
		if b.config(); !strings.Contains(b.page, "login_password") || w.Open() != 0 {
			t.Errorf("a session that is over shows\n%s", b.page)
		}
		if b.login("apc"); g.cookie != "" && !g.early && b.code != 400 {
			t.Errorf("log-in with an ended session's cookie: status %d", b.code)
		}
	})
}

func TestWebUnknown(t *testing.T) {
	each(t, func(t *testing.T, g Generation) {
		_, _, b := newWeb(t, g, 1)
		b.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for path, want := range map[string]int{"favicon.ico": 404, "NMC/abc/" + g.fileOf("cfgdev"): 303,
			g.fileOf("cfgdev"): 303} {
			if err := b.get("/" + path); err != nil || b.code != want {
				t.Errorf("GET /%s: %v, status %d, want %d", path, err, b.code, want)
			}
		}
	})
}

func TestWebManners(t *testing.T) {
	for _, tt := range []struct {
		name   string
		m      WebFaults
		isLost bool // the answer to Apply is
		resets int
		shows  string // on the configuration page
	}{
		{"good", WebFaults{}, false, 1, "Peak"},
		{"delay", WebFaults{Delay: time.Millisecond}, false, 1, "Peak"},
		{"cut before Apply", WebFaults{CutBeforeApply: true}, true, 0, "Peak"},
		{"cut after Apply", WebFaults{CutAfterApply: true}, true, 1, "Peak"},
		{"no effect", WebFaults{NoEffect: true}, false, 0, "Peak"},
		{"no peak", WebFaults{NoPeak: true}, false, 0, "Energy"},
		{"two peaks", WebFaults{TwoPeaks: true}, false, 1, "Peak Current"},
		{"big page", WebFaults{BigPage: true}, false, 1, "Power &lt; limit"},
		{"German", WebFaults{Language: "01000000"}, false, 1, "Abmelden"},
		{"new password", WebFaults{ForcedPasswordChange: true}, false, 0, "new_password2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pdus, w, b := newWeb(t, Bootstrap, 1)
			w.SetFaults(tt.m)
			b.login("apc")
			if !b.config() {
				b.get(w.g.fileOf("cfgdev"))
			}
			if !strings.Contains(b.page, tt.shows) {
				t.Errorf("page without %q:\n%s", tt.shows, b.page[max(0, len(b.page)-2000):])
			}
			if tt.m.ForcedPasswordChange {
				return
			}
			err := b.apply(w.setting("peak"))
			if (err != nil) != tt.isLost || pdus[0].State().Resets != tt.resets || w.Complaints() != nil {
				t.Errorf("%v, %d resets, complaints %q", err, pdus[0].State().Resets, w.Complaints())
			}
		})
	}
}

func TestWebRoot(t *testing.T) {
	for _, tt := range []struct {
		m     WebFaults
		code  int
		shows string
		err   string
	}{
		{WebFaults{OtherDevice: true}, 200, "LaserWriter", ""},
		{WebFaults{Garbage: true}, 200, "='", ""},
		{WebFaults{BasicAuth: true}, 401, "Authorization", ""},
		{WebFaults{NeedsHTTPS: true}, 403, "requires a secure socket connection", ""},
		{WebFaults{Busy: true}, 403, "Someone", ""},
		{WebFaults{At: "logout", Hang: true}, 200, "login_password", ""},
		{WebFaults{Redirect: "endless"}, 0, "", "stopped after 10 redirects"},
		{WebFaults{At: "root", Redirect: "http://127.0.0.2:9/"}, 0, "", "127.0.0.2:9"},
	} {
		t.Run(fmt.Sprintf("%+v", tt.m), func(t *testing.T) {
			_, w, b := newWeb(t, CookieAlone, 1)
			if tt.m.Busy {
				w.SetFaults(WebFaults{Busy: true})
			}
			w.SetFaults(tt.m)
			switch err := b.get("/"); {
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("got %v, want %q", err, tt.err)
			case tt.err == "" && (err != nil || b.code != tt.code || !strings.Contains(b.page, tt.shows)):
				t.Errorf("%v, status %d, page:\n%s", err, b.code, b.page)
			}
		})
	}
}

// TestWebClose holds that the end of a card ends what hangs.
func TestWebClose(t *testing.T) {
	_, w, b := newWeb(t, CookieAndToken, 1)
	w.SetFaults(WebFaults{At: "logon", Hang: true})
	b.get("/")
	lost := make(chan error)
	go func() {
		lost <- b.submit("Log On", map[string]string{"login_username": "apc", "login_password": "apc"})
	}()
	for w.Asked("logon") == 0 {
		time.Sleep(time.Millisecond)
	}
	w.Close()
	if err := <-lost; err == nil {
		t.Error("answered at the end")
	}
}

func TestWebTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := ServeWebTLS(NewPDU(101, "First", 1000), TokenPath, l, OldTLS(SelfSigned("127.0.0.1")))
	defer w.Close()
	b := browse(t, w)
	if err := b.login("apc"); err == nil {
		t.Error("a new client speaks with the old card")
	}
	c := b.c.Transport.(*http.Transport).TLSClientConfig
	c.MinVersion, c.CipherSuites = tls.VersionTLS10, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
	if err := b.login("apc"); err != nil || w.Open() != 1 || b.at.Scheme != "https" {
		t.Errorf("%v, %d sessions open at %s", err, w.Open(), b.at)
	}
}

// TestELinks lets the text browser ELinks, by which people reset peaks before,
// show the log-in form and the configuration form.
func TestELinks(t *testing.T) {
	elinks, err := exec.LookPath("elinks")
	if err != nil {
		if os.Getenv("ISCBOT_TEST_ALL") != "" {
			t.Fatal("elinks is missing, and ISCBOT_TEST_ALL is set")
		}
		t.Skip("elinks is missing")
	}
	t.Setenv("HOME", t.TempDir())
	each(t, func(t *testing.T, g Generation) {
		_, _, b := newWeb(t, g, 1)
		shows := func(words ...string) {
			file := filepath.Join(t.TempDir(), "page.html")
			if err := errors.Join(b.get(b.at.String()), os.WriteFile(file, []byte(b.page), 0o600)); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(elinks, "-dump", "-no-references", file).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			missing := slices.DeleteFunc(words, func(w string) bool {
				return regexp.MustCompile(`(?is)` +
					w).Match(out)
			})
			if len(missing) > 0 {
				t.Errorf("%q does not show in:\n%s", missing, out)
			}
		}
		shows(`user name`, `password`, `log on`)
		if err := b.login("apc"); err != nil || !b.config() {
			t.Fatal(err)
		}
		shows(`peak[^\n]*reset|peak.{0,80}last reset`, `energy|kwh`, `apply`)
	})
}

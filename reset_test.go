package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// A rack is a simulated PDU with both its faces, and a bot that watches it.
type rack struct {
	*venue.PDU
	web *venue.Web
	bot *bot
}

// newRack starts a PDU with a peak of 2800 W that draws 1500 W, and a bot for it. A certificate makes its web interface one
// over TLS.
func newRack(t testing.TB, g venue.Generation, cfg *tls.Config) rack {
	t.Helper()
	sim, p := simulate(t, 102, "Second_PDU", 1500)
	sim.SetPeak(2800, time.Now(), time.Now().Add(-time.Hour).Truncate(time.Second))
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := rack{PDU: sim}
	if cfg != nil {
		r.web = venue.ServeWebTLS(sim, g, l, cfg)
	} else {
		r.web = venue.ServeWeb(sim, g, l)
	}
	t.Cleanup(r.web.Close)
	r.web.Credentials("apc", testPassword)
	p.web = strings.TrimRight(r.web.URL(), "/")
	r.bot = newBot(config{access: &access{}, pdus: []pdu{p}, limit: 3000, interval: 250 * time.Millisecond, log: t.TempDir() + "/log",
		user: "apc", password: testPassword, snmp: snmpConfig{community: "public", interval: 250 * time.Millisecond}})
	r.bot.patience = patience{20 * time.Second, 10 * time.Second, 2 * time.Second, 2 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	r.bot.ctx = ctx
	watched := make(chan struct{})
	go func() { r.bot.watch.run(ctx); close(watched) }()
	t.Cleanup(func() { cancel(); <-watched })
	<-r.bot.watch.swept
	return r
}

// A resetResult has the peak before and after, in W.
type resetResult struct{ before, after int }

// reset resets the peak and returns the steps.
func (r rack) reset(t testing.TB) (resetResult, []string, error) {
	var steps []string
	before, after, err := r.bot.resetAndVerify(t.Context(), 0, func(s string) { steps = append(steps, s) })
	if n := r.web.Open(); n != 0 {
		t.Errorf("%d sessions are open", n)
	}
	if c := r.web.Complaints(); len(c) != 0 {
		t.Errorf("the card's owner complains: %q", c)
	}
	if err != nil && strings.Contains(err.Error(), testPassword) {
		t.Errorf("it told a secret: %v", err)
	}
	return resetResult{before, after}, steps, err
}

func TestResetPeak(t *testing.T) {
	t.Parallel()
	for _, g := range venue.Generations {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			r := newRack(t, g, nil)
			for n := 1; n <= 2; n++ {
				r.Draw(2800)
				r.Draw(1500)
				<-r.seen(t, 2800)
				result, steps, err := r.reset(t)
				if err != nil || result != (resetResult{2800, 1500}) {
					t.Fatalf("got %v, %v", result, err)
				}
				if got := fmt.Sprint(steps); got != "[logging in looking for the page resetting reading back]" {
					t.Errorf("steps: %s", got)
				}
				if got := r.State().Resets; got != n {
					t.Errorf("%d resets, not %d", got, n)
				}
			}
		})
	}
}

// seen waits until the watch has read a peak.
func (r rack) seen(t testing.TB, peak int) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.bot.watch.await(t.Context(), 0, 10*time.Second, func(r reading) bool { return r.peak == peak })
	}()
	return done
}

// TestResetFails holds that failures say what failed and why, reset at most once, and log off.
func TestResetFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		g       venue.Generation
		manners venue.WebManners
		want    string // in the error, or "" for success
		resets  int
	}{
		"busy":                    {g: venue.TokenPath, manners: venue.WebManners{Busy: true}, want: "logging in: somebody else is logged in"},
		"new password demanded":   {g: venue.CookieAndToken, manners: venue.WebManners{ForcedPasswordChange: true}, want: "demands a new password"},
		"no effect":               {g: venue.CookieAlone, manners: venue.WebManners{NoEffect: true}, want: "the peak did not change"},
		"no control":              {g: venue.CookieAndToken, manners: venue.WebManners{NoPeak: true}, want: "no control for the peak's reset"},
		"two controls":            {g: venue.Redirects, manners: venue.WebManners{TwoPeaks: true}, want: "2 controls"},
		"a stranger":              {g: venue.TokenPath, manners: venue.WebManners{Stranger: true}, want: "no log-in form"},
		"a large page":            {g: venue.TokenPath, manners: venue.WebManners{BigPage: true}, want: "no control"},
		"to another host":         {g: venue.Redirects, manners: venue.WebManners{At: "root", Redirect: "http://192.0.2.7/"}, want: `another host, "192.0.2.7"`},
		"round and round":         {g: venue.TokenPath, manners: venue.WebManners{At: "root", Redirect: "endless"}, want: "without an end"},
		"garbage":                 {g: venue.CookieAlone, manners: venue.WebManners{At: "root", Garbage: true}, want: "no log-in form"},
		"cut before apply":        {g: venue.TokenPath, manners: venue.WebManners{CutBeforeApply: true}, want: "after Apply: the connection broke"},
		"cut at the confirmation": {g: venue.CookieAndToken, manners: venue.WebManners{CutConfirm: true}, want: "after Apply: the connection broke"},
		"cut after apply":         {g: venue.Redirects, manners: venue.WebManners{CutAfterApply: true}, resets: 1},
		"slow":                    {g: venue.CookieAndToken, manners: venue.WebManners{Delay: 20 * time.Millisecond}, resets: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRack(t, tt.g, nil)
			r.web.Behave(tt.manners)
			_, _, err := r.reset(t)
			if (err != nil) != (tt.want != "") || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("got %v", err)
			}
			if n := r.State().Resets; n != tt.resets {
				t.Errorf("%d resets, not %d", n, tt.resets)
			}
		})
	}
}

func TestResetWrongPassword(t *testing.T) {
	t.Parallel()
	for _, g := range venue.Generations {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			r := newRack(t, g, nil)
			r.web.Credentials("apc", "another")
			_, _, err := r.reset(t)
			wants(t, fmt.Sprint(err), "logging in: the user name or password is wrong")
			if ok, refused := r.web.Logins(); ok != 0 || refused != 1 {
				t.Errorf("%d log-ins, %d refused", ok, refused)
			}
		})
	}
}

// TestResetBusy waits until somebody else has logged off.
func TestResetBusy(t *testing.T) {
	t.Parallel()
	for _, g := range venue.Generations {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			r := newRack(t, g, nil)
			r.web.Occupy(500 * time.Millisecond)
			if result, _, err := r.reset(t); err != nil || result.after != 1500 {
				t.Errorf("got %v, %v", result, err)
			}
		})
	}
}

// TestResetInterrupted holds that a session is not left behind where the bot is ended meanwhile.
func TestResetInterrupted(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"menu", "config", "apply"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			r := newRack(t, venue.TokenPath, nil)
			r.web.Behave(venue.WebManners{At: stage, Hang: true})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, _, err := r.bot.resetAndVerify(ctx, 0, func(string) {})
				ended <- err
			}()
			for r.web.Asked(stage) == 0 && t.Context().Err() == nil && len(ended) == 0 {
				pause(t.Context(), time.Millisecond)
			}
			cancel()
			if err := <-ended; err == nil {
				t.Error("no error")
			}
			if n := r.web.Open(); n != 0 {
				t.Errorf("%d sessions are open", n)
			}
		})
	}
}

func TestResetTLS(t *testing.T) {
	t.Parallel()
	cert := venue.SelfSigned("pdu")
	for name, cfg := range map[string]*tls.Config{
		"new":              {Certificates: []tls.Certificate{cert}},
		"TLS 1.0 and 3DES": venue.OldTLS(cert),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRack(t, venue.CookieAndToken, cfg)
			if result, _, err := r.reset(t); err != nil || result.after != 1500 {
				t.Fatalf("got %v, %v", result, err)
			}
			addr := strings.TrimPrefix(strings.TrimRight(r.web.URL(), "/"), "https://")
			if _, ok := r.bot.pins.pins[addr]; !ok {
				t.Fatalf("%s is not in %v", addr, r.bot.pins.pins)
			}
			r.bot.pins.pins[addr] = sha256.Sum256([]byte("another"))
			_, _, err := r.reset(t)
			wants(t, fmt.Sprint(err), "the certificate has changed")
		})
	}
}

// TestResetForeign: while the bot tries in vain, somebody else's reset is told as his, and what the log has as the peak before
// is that right before.
func TestResetForeign(t *testing.T) {
	t.Parallel()
	r := newRack(t, venue.TokenPath, nil)
	r.web.Credentials("apc", "another")
	told := make(chan event, 10)
	r.bot.watch.tell = func(e event) { told <- e }
	r.reset(t)
	r.ResetPeak()
	if e := <-told; !strings.Contains(e.text, "reset by somebody else, 2800 W -> 1500 W") {
		t.Errorf("told %+v", e)
	}
	r = newRack(t, venue.TokenPath, nil)
	r.web.Occupy(500 * time.Millisecond)
	time.AfterFunc(100*time.Millisecond, func() { r.Spike(2900) })
	if result, _, err := r.reset(t); err != nil || result != (resetResult{2900, 1500}) {
		t.Errorf("got %v, %v", result, err)
	}
}

// TestResetUnknown: where the PDU cannot be read after Apply, nobody is told that the peak did not change.
func TestResetUnknown(t *testing.T) {
	t.Parallel()
	r := newRack(t, venue.TokenPath, nil)
	_, _, err := r.bot.resetAndVerify(t.Context(), 0, func(step string) {
		if step == "reading back" {
			r.Behave(venue.Manners{Mute: true})
		}
	})
	wants(t, fmt.Sprint(err), "whether it was reset is not known", "/peakdates")
	if strings.Contains(err.Error(), "again") {
		t.Error(err)
	}
}

// visitOdd visits a card of which only the pages at these paths are known, and returns what it posted and asked for.
func visitOdd(t *testing.T, pages map[string]string) (asked []string, err error) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards asked
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
		mu.Unlock()
		page, ok := pages[r.URL.Path]
		if to, found := strings.CutPrefix(page, "-> "); found {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		if conn, buf, err := http.NewResponseController(w).Hijack(); err == nil { // as HTTP/1.0 does: the end is that of the connection
			fmt.Fprintf(buf, "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n%s", page)
			buf.Flush()
			conn.Close()
		}
	})}
	go srv.Serve(l)
	defer srv.Close()
	c, err := newCard("http://"+l.Addr().String(), "apc", "pw", &pinboard{pins: make(map[string][sha256.Size]byte)}, usualPatience)
	if err != nil {
		t.Fatal(err)
	}
	err = c.resetPeak(t.Context(), func(string) {}, func() {})
	mu.Lock()
	defer mu.Unlock()
	return asked, err
}

func TestResetOddPages(t *testing.T) {
	t.Parallel()
	login := "<form method=post action=/Forms/login1><input name=login_username><input type=password name=login_password><input type=submit value='Log On'></form></html>"
	off := "<a href=/off>Log Off</a>"
	form := "<form method=post action=/apply><input name=name value=Rack><table><tr><td>Peak Power<td><input type=checkbox name=pk>Reset<tr><td>Energy<td><input type=checkbox name=kwh>Reset</table><input type=submit name=go value=Apply></form>"
	for name, tt := range map[string]struct {
		pages map[string]string
		want  string // in the error, or "" for none
		asked string // the last that was asked for
	}{
		"plain":                            {map[string]string{"/": login, "/Forms/login1": "-> /home", "/home": off + form + "</html>", "/apply": off + "done</html>", "/off": "bye"}, "", "GET /off"},
		"somebody's name on the home page": {map[string]string{"/": login, "/Forms/login1": "-> /home", "/home": off + "Users currently logged in: apc" + form + "</html>", "/apply": off, "/off": "bye"}, "", "GET /off"},
		"broken off":                       {map[string]string{"/": login, "/Forms/login1": "-> /home", "/home": off + strings.ReplaceAll(form, "</form>", ""), "/off": "bye"}, "not the expected page: it broke off", "GET /off"},
		"no way":                           {map[string]string{"/": login, "/Forms/login1": "-> /home", "/home": off + "<a href=/x>Reboot Device</a><a href=/y>Device</a></html>", "/y": "nothing</html>", "/off": "bye"}, "no control", "GET /off"},
		"the log-in leads to nothing":      {map[string]string{"/": login, "/Forms/login1": "-> /NMC/t+k-n/home.htm"}, "status 404", "GET /NMC/t+k-n/logout.htm"},
		"both in one row":                  {map[string]string{"/": login, "/Forms/login1": "-> /home", "/home": off + "<form method=post action=/apply><table><tr><td>Peak Power and Energy<td><input type=checkbox name=a>Reset<input type=checkbox name=b>Reset</table><input type=submit value=Apply></form></html>", "/off": "bye"}, "no control", "GET /off"},
	} {
		t.Run(name, func(t *testing.T) {
			asked, err := visitOdd(t, tt.pages)
			if (err != nil) != (tt.want != "") || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("got %v", err)
			}
			if asked[len(asked)-1] != tt.asked {
				t.Errorf("asked for %q", asked)
			}
			for _, a := range asked {
				if strings.HasPrefix(a, "POST /apply") && a != "POST /apply name=Rack&pk=on&go=Apply" || a == "GET /x" {
					t.Errorf("asked for %q", a)
				}
			}
		})
	}
}

func TestResetUnreadable(t *testing.T) {
	r := newRack(t, venue.TokenPath, nil)
	for name, tt := range map[string]struct {
		manners venue.Manners
		want    string
	}{
		"silent":   {venue.Manners{Mute: true}, "it cannot be read"},
		"no meter": {venue.Manners{Twist: venue.NoMeter}, "no power meter"},
	} {
		r.Behave(tt.manners)
		for r.bot.watch.status(0).err == nil || name == "no meter" != strings.Contains(fmt.Sprint(r.bot.watch.status(0).err), "meter") {
			pause(t.Context(), time.Millisecond)
		}
		_, _, err := r.reset(t)
		wants(t, fmt.Sprint(err), tt.want)
	}
	if r.web.Applies() != 0 {
		t.Error("it was reset all the same")
	}
}

// one returns the index of the only element for which ok holds.
func one[T any](all []T, ok func(T) bool) (int, bool) {
	found, n := -1, 0
	for i, x := range all {
		if ok(x) {
			found = i
			n++
		}
	}
	return found, n == 1
}

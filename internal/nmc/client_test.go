package nmc

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"iscbot/internal/venue"
)

const testPassword = "p&s w+rd"

// A card is a simulated card and its client.
type card struct {
	*venue.Web
	units  []*venue.PDU
	client Client
}

// newCard starts a card with units that draw 1500 W and have a peak of 2800 W.
// With a certificate it speaks TLS.
func newCard(t *testing.T, g venue.Generation, units int, cfg *tls.Config) *card {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &card{}
	for n := range units {
		p := venue.NewPDU(101+n, fmt.Sprintf("PDU_%d", n+1), 1500)
		p.Spike(2800)
		c.units = append(c.units, p)
	}
	c.units[0].Chain(c.units[1:]...)
	if cfg != nil {
		c.Web = venue.ServeWebTLS(c.units[0], g, l, cfg)
	} else {
		c.Web = venue.ServeWeb(c.units[0], g, l)
	}
	t.Cleanup(c.Close)
	c.Credentials("apc", testPassword)
	c.client = Client{URL: strings.TrimRight(c.URL(), "/"), User: "apc", Password: testPassword, Pins: new(Pins),
		Timeouts: Timeouts{Request: 20 * time.Second, Busy: 10 * time.Second}}
	return c
}

// reset resets a peak and checks what must hold after every visit: no session
// is open, the card's owner has no complaints, and no error has a secret.
func (c *card) reset(t *testing.T, ctx context.Context, unit int) (steps []string, err error) {
	t.Helper()
	err = c.client.ResetPeak(ctx, unit, func(s string) { steps = append(steps, s) }, func() {
		steps = append(steps,
			"applying")
	})
	c.checkLeft(t, err)
	return steps, err
}

func (c *card) checkLeft(t *testing.T, err error) {
	t.Helper()
	if n := c.Open(); n != 0 {
		t.Errorf("%d sessions are open", n)
	}
	if all := c.Complaints(); len(all) != 0 {
		t.Errorf("the card's owner complains: %q", all)
	}
	if err == nil {
		return
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error of type %T: %v", err, err)
	}
	for _, secret := range []string{testPassword, "NMC", "Zürich", "Jörg"} {
		if text := err.Error() + strings.Join(e.Pages, "\n"); strings.Contains(text, secret) {
			t.Errorf("%q is in the error: %s", secret, text)
		}
	}
}

func eachGeneration(t *testing.T, test func(t *testing.T, g venue.Generation)) {
	t.Parallel()
	for _, g := range venue.Generations {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			test(t, g)
		})
	}
}

func TestResetPeak(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g venue.Generation) {
		c := newCard(t, g, 1, nil)
		for n := 1; n <= 2; n++ {
			c.units[0].Spike(2800)
			steps, err := c.reset(t, t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if want := []string{"logging in", "looking for the page", "applying"}; !slices.Equal(steps, want) {
				t.Errorf("steps %q, want %q", steps, want)
			}
			if s := c.units[0].State(); s.Peak != 1500 || s.Resets != n {
				t.Errorf("peak %d W after %d resets, want 1500 W after %d", s.Peak, s.Resets, n)
			}
		}
	})
}

func TestFindPeak(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g venue.Generation) {
		c := newCard(t, g, 1, nil)
		err := c.client.FindPeak(t.Context(), 1)
		c.checkLeft(t, err)
		if err != nil || c.Applies() != 0 || len(c.Posts()) != 0 {
			t.Errorf("%v, %d forms applied", err, c.Applies())
		}
	})
}

// TestUnits resets each of three chained units, and no other one.
func TestUnits(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g venue.Generation) {
		c := newCard(t, g, 3, nil)
		for _, unit := range []int{2, 3, 1} {
			if _, err := c.reset(t, t.Context(), unit); err != nil {
				t.Fatalf("unit %d: %v", unit, err)
			}
			for n, p := range c.units {
				want := 2800
				if n+1 == unit {
					want = 1500
				}
				if got := p.State().Peak; got != want {
					t.Errorf("reset of unit %d: the peak of unit %d is %d W, want %d W", unit, n+1, got, want)
				}
				p.Spike(2800)
			}
		}
		if _, err := c.reset(t, t.Context(), 4); !errors.Is(err, ErrUnit) {
			t.Errorf("unit 4: %v", err)
		}
	})
}

func TestUnitOfSinglePDU(t *testing.T) {
	c := newCard(t, venue.NestedLists, 1, nil)
	if _, err := c.reset(t, t.Context(), 2); !errors.Is(err, ErrUnit) || c.Applies() != 0 {
		t.Errorf("got %v", err)
	}
}

// TestResetPeakFails checks that failures say what failed and why, reset at
// most once, and log off.
func TestResetPeakFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		g      venue.Generation
		faults venue.WebFaults
		is     error  // nil for success
		want   string // in the error
		resets int
	}{
		{"new password demanded", venue.CookieAndToken, venue.WebFaults{ForcedPasswordChange: true},
			ErrPasswordChange, "logging in", 0},
		{"no effect", venue.CookieAlone, venue.WebFaults{NoEffect: true}, nil, "", 0},
		{"no control", venue.CookieAndToken, venue.WebFaults{NoPeak: true}, ErrNoControl,
			"looking for the peak's reset", 0},
		{"two controls", venue.Redirects, venue.WebFaults{TwoPeaks: true}, ErrSeveralControls, "2 controls", 0},
		{"two controls in blocks", venue.Bootstrap, venue.WebFaults{TwoPeaks: true}, ErrSeveralControls,
			`"Peak Load`, 0},
		{"another device", venue.TokenPath, venue.WebFaults{OtherDevice: true}, ErrPage, "no log-in form", 0},
		{"large page", venue.TokenPath, venue.WebFaults{BigPage: true}, ErrNoControl, "", 0},
		{"to another host", venue.Redirects, venue.WebFaults{At: "root", Redirect: "http://192.0.2.7/"}, ErrPage,
			`another host, "192.0.2.7"`, 0},
		{"redirect loop", venue.TokenPath, venue.WebFaults{At: "root", Redirect: "endless"}, ErrPage,
			"redirect loop", 0},
		{"garbage", venue.CookieAlone, venue.WebFaults{At: "root", Garbage: true}, ErrPage, "no log-in form", 0},
		{"garbage for the page", venue.NestedLists, venue.WebFaults{At: "config", Garbage: true}, ErrNoControl, "", 0},
		{"cut before Apply", venue.TokenPath, venue.WebFaults{CutBeforeApply: true}, ErrInterrupted,
			"dropped the connection", 0},
		{"cut at the confirmation", venue.CookieAndToken, venue.WebFaults{CutConfirm: true}, ErrInterrupted,
			"resetting", 0},
		{"cut after Apply", venue.Redirects, venue.WebFaults{CutAfterApply: true}, ErrInterrupted, "", 1},
		{"slow", venue.NestedLists, venue.WebFaults{Delay: time.Millisecond}, nil, "", 1},
		{"https by a redirect", venue.TokenPath, venue.WebFaults{At: "root", Redirect: "https://127.0.0.1/"},
			ErrNeedsHTTPS, "", 0},
		{"https by a message", venue.TokenPath, venue.WebFaults{NeedsHTTPS: true}, ErrNeedsHTTPS, "", 0},
		{"basic authentication", venue.TokenPath, venue.WebFaults{BasicAuth: true}, ErrBasicAuth,
			"neither a log-in form nor a peak register", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCard(t, tt.g, 1, nil)
			c.SetFaults(tt.faults)
			_, err := c.reset(t, t.Context(), 1)
			if !errors.Is(err, tt.is) || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("got %v, want %v with %q", err, tt.is, tt.want)
			}
			if n := c.units[0].State().Resets; n != tt.resets {
				t.Errorf("%d resets, want %d", n, tt.resets)
			}
		})
	}
}

// TestPages checks that the error for a page without the control has what a
// technician needs.
func TestPages(t *testing.T) {
	t.Parallel()
	c := newCard(t, venue.NestedLists, 1, nil)
	c.SetFaults(venue.WebFaults{NoPeak: true})
	_, err := c.reset(t, t.Context(), 1)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	all := strings.Join(e.Pages, "\n\n")
	for _, want := range []string{`form "HashForm1" post cfgdev1`, `checkbox "f13": Energy Reset (last reset`,
		`link Device -> cfgdev.htm`} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g venue.Generation) {
		c := newCard(t, g, 1, nil)
		c.Credentials("apc", "another")
		want := ErrPassword
		if g.String() == venue.TokenPath.String() || g.String() == venue.NestedLists.String() {
			want = ErrRefused // it leads back to the log-in page without a word
		}
		if _, err := c.reset(t, t.Context(), 1); !errors.Is(err, want) {
			t.Errorf("got %v", err)
		}
		if ok, refused := c.Logins(); ok != 0 || refused != 1 {
			t.Errorf("%d log-ins, %d refused, want one refused", ok, refused)
		}
	})
}

// TestRefusedOnce checks that no client tries a refused password again, as the
// card may lock the account, and that a page with a form for it says nothing.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	c := newCard(t, venue.Generations[1], 1, nil)
	c.client.Memory = new(Memory)
	c.Credentials("apc", "another")
	for range 2 {
		another := c.client
		err := another.FindPeak(t.Context(), 1)
		if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, ErrPassword) || len(e.Pages) > 0 {
			t.Errorf("got %#v", err)
		}
	}
	if ok, refused := c.Logins(); ok != 0 || refused != 1 {
		t.Errorf("%d log-ins, %d refused, want one refused", ok, refused)
	}

	c.client.Password = "another"
	if err := c.client.FindPeak(t.Context(), 1); err != nil {
		t.Errorf("with another password: %v", err)
	}
}

// TestBusy waits until somebody else has logged off.
func TestBusy(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g venue.Generation) {
		c := newCard(t, g, 1, nil)
		c.SetFaults(venue.WebFaults{Busy: true})
		c.client.Timeouts.Busy = 0
		if _, err := c.reset(t, t.Context(), 1); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v", err)
		}

		c.client.Timeouts.Busy = time.Second
		waited := false
		err := c.client.ResetPeak(t.Context(), 1, func(step string) {
			if strings.HasPrefix(step, "waiting") {
				waited = true
				c.SetFaults(venue.WebFaults{})
			}
		}, func() {})
		c.checkLeft(t, err)
		if err != nil || !waited {
			t.Errorf("got %v, waited %t", err, waited)
		}
	})
}

// TestCanceled checks that a session is not left behind when the context ends.
func TestCanceled(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"menu", "config", "apply"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			c := newCard(t, venue.TokenPath, 1, nil)
			c.SetFaults(venue.WebFaults{At: stage, Hang: true})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := c.reset(t, ctx, 1)
				ended <- err
			}()
			for c.Asked(stage) == 0 && len(ended) == 0 {
				sleep(t.Context(), time.Millisecond)
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) || errors.Is(err,
				ErrInterrupted) != (stage == "apply") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestTimeouts checks that a card has enough time after Apply, but not forever.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	if DefaultTimeouts.Request != 20*time.Second {
		t.Errorf("a request may take %s, want 20s", DefaultTimeouts.Request)
	}
	c := newCard(t, venue.Bootstrap, 1, nil)
	c.SetFaults(venue.WebFaults{At: "apply", Hang: true})
	c.client.Timeouts.Request = 3 * time.Second
	_, err := c.reset(t, t.Context(), 1)
	if !errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "timed out after 3s") {
		t.Errorf("got %v", err)
	}
}

// TestEndlessHeader checks that the header of an answer takes little memory.
func TestEndlessHeader(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, err = conn.Read(make([]byte, 4096)) // what comes before a request is not an answer
		for text := "HTTP/1.1 200 OK\r\n"; err == nil; text = "X: x\r\n" {
			_, err = conn.Write([]byte(text))
		}
	}()
	c := Client{URL: "http://" + listener.Addr().String(), User: "apc", Password: testPassword}
	want := fmt.Sprintf("exceeded %d bytes", maxHeader)
	if err := c.FindPeak(t.Context(), 1); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert := venue.SelfSigned("pdu")
	for name, cfg := range map[string]*tls.Config{
		"new":              {Certificates: []tls.Certificate{cert}},
		"TLS 1.0 and 3DES": venue.OldTLS(cert),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCard(t, venue.CookieAndToken, 1, cfg)
			if _, err := c.reset(t, t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			host := strings.TrimPrefix(c.client.URL, "https://")
			if _, ok := c.client.Pins.cards[host]; !ok {
				t.Fatalf("%s is not pinned", host)
			}
			c.client.Pins.cards[host] = sha256.Sum256([]byte("another"))
			if _, err := c.reset(t, t.Context(), 1); !errors.Is(err, ErrCertificate) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestLanguage checks that English is chosen if the log-in offers it, and that
// otherwise the error names the language.
func TestLanguage(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g venue.Generation) {
		c := newCard(t, g, 1, nil)
		c.SetFaults(venue.WebFaults{Language: "01000000"})
		_, err := c.reset(t, t.Context(), 1)
		isHidden := g.String() == venue.TokenPath.String() || g.String() == venue.Redirects.String()
		switch {
		case !isHidden && err != nil:
			t.Errorf("English was not chosen: %v", err)
		case isHidden && (!errors.Is(err, ErrLanguage) || !strings.Contains(err.Error(), "German")):
			t.Errorf("got %v", err)
		}
	})
}

func TestClientIsNotPrinted(t *testing.T) {
	c := Client{URL: "http://10.0.0.101", User: "apc", Password: testPassword}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{c, &c} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, testPassword) || !strings.Contains(s, "10.0.0.101") {
				t.Errorf("%s prints %s", verb, s)
			}
		}
	}
}

// TestUnreachable checks that the reason is told without the address, which the
// caller knows, and the words of package net.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := Client{URL: "http://" + l.Addr().String(), Timeouts: DefaultTimeouts}
	err = c.FindPeak(t.Context(), 1)
	const want = "logging in: no answer: connection refused"
	if !errors.Is(err, ErrUnreachable) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestTLSRefused checks that an error says that it was the card which refused.
func TestTLSRefused(t *testing.T) {
	cfg := &tls.Config{
		Certificates: []tls.Certificate{venue.SelfSigned("pdu")},
		ClientAuth:   tls.RequireAnyClientCert,
		MaxVersion:   tls.VersionTLS12,
	}
	c := newCard(t, venue.CookieAndToken, 1, cfg)
	err := c.client.FindPeak(t.Context(), 1)
	const want = "logging in: no answer: remote error: tls: "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s...", err, want)
	}
}

func TestBadURL(t *testing.T) {
	for _, u := range []string{"", "10.0.0.101", "http://", "http://%zz"} {
		c := Client{URL: u, User: "apc", Password: testPassword, Timeouts: DefaultTimeouts}
		if err := c.FindPeak(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "want a URL") {
			t.Errorf("%q: %v", u, err)
		}
	}
}

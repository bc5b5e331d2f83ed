package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iscbot/internal/nmc"
	"iscbot/internal/venue"
)

// A resetFixture is a simulated PDU with both its interfaces, a watch and a
// resetter.
type resetFixture struct {
	*venue.PDU
	web      *venue.Web
	snoop    *snoop
	resetter *resetter
	log      string // the path of exceedings.log
	events   chan event
}

// newResetFixture starts a PDU with a peak of 2800 W that draws 1500 W.
func newResetFixture(t testing.TB, g venue.Generation) *resetFixture {
	t.Helper()
	sim, p := simulate(t, 102, "Second_PDU", 1500)
	sim.SetPeak(2800, time.Now(), time.Now().Add(-time.Hour).Truncate(time.Second))
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &resetFixture{PDU: sim, web: venue.ServeWeb(sim, g, l), events: make(chan event, 100)}
	t.Cleanup(b.web.Close)
	b.web.Credentials("apc", testPassword)
	p.web = strings.TrimRight(b.web.URL(), "/")

	const interval = 2 * time.Second
	b.snoop = newSnoop([]pdu{p}, 3000, interval, snmpConfig{community: "public", interval: interval})
	b.snoop.report = func(e event) { b.events <- e }
	b.log = filepath.Join(t.TempDir(), "exceedings.log")
	log := newJournal(b.log)
	go log.run()
	t.Cleanup(log.close)
	b.resetter = newResetter(b.snoop, log, false, func(p pdu) *nmc.Client {
		return &nmc.Client{URL: p.web, User: "apc", Password: testPassword, Timeouts: nmc.Timeouts{Request: 10 * time.Second, Busy: time.Second}}
	})

	ctx, cancel := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		b.snoop.run(ctx)
		close(watched)
	}()
	t.Cleanup(func() {
		cancel()
		<-watched
	})
	<-b.snoop.allPolled
	return b
}

// reset resets the peak and returns the result and the steps.
func (b *resetFixture) reset(t testing.TB) (from, to int, steps []string, err error) {
	t.Helper()
	from, to, err = b.resetter.reset(t.Context(), 0, "Ann (1)", func(s string) { steps = append(steps, s) })
	if n := b.web.Open(); n != 0 {
		t.Errorf("%d sessions are open", n)
	}
	if c := b.web.Complaints(); len(c) != 0 {
		t.Errorf("complaints of the card: %q", c)
	}
	if err != nil && strings.Contains(err.Error(), testPassword) {
		t.Errorf("a secret in an error: %v", err)
	}
	return from, to, steps, err
}

func TestReset(t *testing.T) {
	t.Parallel()
	for _, g := range venue.Generations {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			b := newResetFixture(t, g)
			for n := 1; n <= 2; n++ {
				b.Draw(2800)
				b.Draw(1500)
				b.snoop.await(t.Context(), 0, 10*time.Second, func(s status) bool { return s.peak == 2800 })
				from, to, steps, err := b.reset(t)
				if err != nil || from != 2800 || to != 1500 {
					t.Fatalf("got %d W -> %d W, %v", from, to, err)
				}
				if got := fmt.Sprint(steps); got != "[logging in looking for the page resetting reading back]" {
					t.Errorf("steps: %s", got)
				}
				if got := b.State().Resets; got != n {
					t.Errorf("%d resets, want %d", got, n)
				}
			}
			if len(b.events) > 0 {
				t.Errorf("event about an own reset: %+v", <-b.events)
			}
		})
	}
}

// TestResetFails checks that failures say what failed and what to do, that a
// peak is reset at most once, and that the bot logs off.
func TestResetFails(t *testing.T) {
	t.Parallel()
	g := venue.Generations[0]
	for name, tt := range map[string]struct {
		faults venue.WebFaults
		want   string // in the error, or "" for success
		resets int
	}{
		"no effect":         {faults: venue.WebFaults{NoEffect: true}, want: "the peak did not change"},
		"no control":        {faults: venue.WebFaults{NoPeak: true}, want: "iscbot -check -report FILE saves"},
		"several controls":  {faults: venue.WebFaults{TwoPeaks: true}, want: "several controls"},
		"password change":   {faults: venue.WebFaults{ForcedPasswordChange: true}, want: "set one in a browser"},
		"busy":              {faults: venue.WebFaults{Busy: true}, want: "log off there, or wait three minutes"},
		"cut before apply":  {faults: venue.WebFaults{CutBeforeApply: true}, want: "the peak did not change"},
		"cut after apply":   {faults: venue.WebFaults{CutAfterApply: true}, resets: 1},
		"hangs at the menu": {faults: venue.WebFaults{At: "menu", Delay: 10 * time.Millisecond}, resets: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newResetFixture(t, g)
			b.web.SetFaults(tt.faults)
			from, to, _, err := b.reset(t)
			switch {
			case tt.want == "" && (err != nil || from != 2800 || to != 1500):
				t.Errorf("got %d W -> %d W, %v", from, to, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if n := b.State().Resets; n != tt.resets {
				t.Errorf("%d resets, want %d", n, tt.resets)
			}
		})
	}
}

// awaitLog waits for a line of exceedings.log with a text.
func (b *resetFixture) awaitLog(t testing.TB, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	for ctx.Err() == nil {
		if text, _ := os.ReadFile(b.log); strings.Contains(string(text), want) {
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
	text, _ := os.ReadFile(b.log)
	t.Errorf("no %q in the log:\n%s", want, text)
}

// TestResetStopped checks what is logged about a reset during which the bot is
// stopped.
func TestResetStopped(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		at   string // the step at which it is stopped
		want string // in the log
	}{
		"before Apply": {"looking for the page",
			"Reset by Ann (1) failed: looking for the peak's reset: no answer: the bot was stopped"},
		"after Apply": {"reading back", "Reset by Ann (1), outcome unknown, peak was 2800 W: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newResetFixture(t, venue.TokenPath)
			if tt.at != "reading back" {
				b.web.SetFaults(venue.WebFaults{At: "config", Hang: true})
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			_, _, err := b.resetter.reset(ctx, 0, "Ann (1)", func(step string) {
				if step == tt.at {
					cancel(errors.New("terminated signal received"))
				}
			})
			b.awaitLog(t, tt.want)
			if err == nil || strings.Contains(err.Error(), "signal") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestResetWaits checks that the time of a reset begins after the resets of
// other units behind the same card.
func TestResetWaits(t *testing.T) {
	t.Parallel()
	b := newResetFixture(t, venue.TokenPath)
	b.resetter.within = 6 * time.Second
	leave, err := b.resetter.visit(t.Context(), b.snoop.status(0).pdu, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan bool)
	go func() {
		<-waiting
		pause(t.Context(), b.resetter.within)
		leave()
	}()
	first := true
	_, to, err := b.resetter.reset(t.Context(), 0, "Ann (1)", func(step string) {
		if first && step != "waiting for another unit of the card" {
			t.Errorf("the first step is %q", step)
		}
		if first {
			close(waiting)
		}
		first = false
	})
	if err != nil || to != 1500 {
		t.Errorf("got %d W, %v", to, err)
	}
}

// TestResetLate checks that a reset that shows only after the bot has given up
// waiting for it is logged as the bot's own.
func TestResetLate(t *testing.T) {
	t.Parallel()
	b := newResetFixture(t, venue.TokenPath)
	b.web.SetFaults(venue.WebFaults{NoEffect: true})
	if _, _, _, err := b.reset(t); err == nil || !strings.Contains(err.Error(), "the peak did not change") {
		t.Errorf("got %v", err)
	}
	b.awaitLog(t, "Second_PDU(.102): Reset by Ann (1) failed: ")
	b.ResetPeak()
	b.awaitLog(t, "Second_PDU(.102): Reset by Ann (1) took effect late, or somebody else reset it; peak was 2800 W")
	if len(b.events) > 0 {
		t.Errorf("event about an own reset: %+v", <-b.events)
	}
}

// TestResetExpected checks that a reset is taken for the bot's own as long as the
// bot may still submit it, and as long as it awaits a late effect, whenever that
// begins.
func TestResetExpected(t *testing.T) {
	t.Parallel()
	b := newResetFixture(t, venue.TokenPath)
	expectedFor := func() time.Duration {
		b.snoop.mu.Lock()
		defer b.snoop.mu.Unlock()
		return time.Until(b.snoop.ownReset[0]).Round(time.Minute)
	}
	b.resetter.within, b.resetter.late = time.Hour, 2*time.Hour

	before := b.resetter.expect(0)
	if got := expectedFor(); got != b.resetter.within+b.resetter.late {
		t.Errorf("a reset is the bot's own for %s", got)
	}
	b.snoop.expectReset(0, 0) // as if it took until then
	b.resetter.awaitLate(t.Context(), 0, "Ann", before)
	if got := expectedFor(); got != b.resetter.late {
		t.Errorf("a late effect is the bot's own for %s", got)
	}
}

// TestResetTooLate checks that a reset that shows after a late effect was
// awaited is reported as somebody else's.
func TestResetTooLate(t *testing.T) {
	t.Parallel()
	b := newResetFixture(t, venue.TokenPath)
	b.resetter.late = time.Nanosecond
	b.web.SetFaults(venue.WebFaults{NoEffect: true})
	if _, _, _, err := b.reset(t); !errors.Is(err, errUnchanged) {
		t.Errorf("got %v", err)
	}
	b.resetter.awaiting.Wait()
	b.ResetPeak()
	select {
	case e := <-b.events:
		if got := eventText(e); !strings.Contains(got, "reset by somebody else") {
			t.Errorf("got %q", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("a reset by somebody else was not reported")
	}
}

func TestResetWrongPassword(t *testing.T) {
	t.Parallel()
	b := newResetFixture(t, venue.Generations[1])
	b.web.Credentials("apc", "another")
	_, _, _, err := b.reset(t)
	const hint = "correct ISCBOT_PASSWORD or -user and start iscbot again"
	if !errors.Is(err, nmc.ErrPassword) || !strings.Contains(err.Error(), hint) {
		t.Errorf("got %v", err)
	}
	if _, refused := b.web.Logins(); refused != 1 {
		t.Errorf("%d attempts with a wrong password, want 1", refused)
	}
}

// TestResetLanguage checks that the answer says once what to do about a card that
// is not in English.
func TestResetLanguage(t *testing.T) {
	t.Parallel()
	b := newResetFixture(t, venue.TokenPath)
	b.web.SetFaults(venue.WebFaults{Language: "01000000"})
	_, _, _, err := b.reset(t)
	const want = "looking for the peak's reset: the card's pages are not in English but seem to be in German " +
		"(no control for the peak's reset on the only page found): set English for this user on the card"
	if !errors.Is(err, nmc.ErrLanguage) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestResetUnreadable checks that nothing is reset if a reset could not be
// verified.
func TestResetUnreadable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		faults venue.AgentFaults
		want   string
	}{
		"silent":   {venue.AgentFaults{Mute: true}, "the PDU cannot be read (no answer)"},
		"no meter": {venue.AgentFaults{Falsify: venue.NoMeter}, "the PDU cannot be read (no power meter)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newResetFixture(t, venue.Generations[0])
			b.SetFaults(tt.faults)
			for b.snoop.status(0).err == nil {
				pause(t.Context(), 10*time.Millisecond)
			}
			if _, _, _, err := b.reset(t); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if n, _ := b.web.Logins(); n != 0 || b.State().Resets != 0 {
				t.Errorf("%d log-ins, %d resets", n, b.State().Resets)
			}
		})
	}
}

// TestHintUnreachable checks that the flags are blamed for a card that cannot be
// reached, but not if it could be reached before.
func TestHintUnreachable(t *testing.T) {
	if hint := hintFor(nmc.ErrUnreachable); !strings.Contains(hint, "-web right?") {
		t.Errorf("got %q", hint)
	}
	if hint := hintFor(fmt.Errorf("%w: %w", nmc.ErrInterrupted, nmc.ErrUnreachable)); hint != "" {
		t.Errorf("got %q for an interrupted reset", hint)
	}
}

// TestHintReport checks that every error that only the pages can explain has a
// hint.
func TestHintReport(t *testing.T) {
	for _, err := range reportable {
		if hintFor(err) == "" {
			t.Errorf("no hint for %q", err)
		}
	}
}

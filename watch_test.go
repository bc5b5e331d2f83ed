package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iscbot/internal/venue"
)

// startWatch starts the watch of PDUs, which ends with the test. The events
// come on the channel.
func startWatch(t *testing.T, pdus []pdu, interval time.Duration) (*snoop, <-chan event) {
	t.Helper()
	events := make(chan event, 1000)
	cfg := snmpConfig{community: "public", write: newSecret(venue.WriteCommunity), interval: interval}
	watch := newSnoop(pdus, 3000, interval, cfg)
	watch.report = func(e event) { events <- e }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		watch.run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	<-watch.swept
	return watch, events
}

// simulateChain starts a card with so many units of one team, each drawing
// 1900 W.
func simulateChain(t *testing.T, units int) (sims []*venue.PDU, pdus []pdu) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for i := range units {
		name := fmt.Sprint("unit ", i+1)
		sims = append(sims, venue.NewPDU(101, name, 1900))
		pdus = append(pdus, pdu{num: 101, unit: i + 1, name: name, team: "A", snmp: conn.LocalAddr().String()})
	}
	sims[0].Chain(sims[1:]...)
	t.Cleanup(venue.ServeSNMP(sims[0], "public", conn).Close)
	return sims, pdus
}

// TestWatchUnits covers chained units: they count together, one request at a
// time is in flight, and a reset is of its row.
func TestWatchUnits(t *testing.T) {
	t.Parallel()
	sims, pdus := simulateChain(t, 3)
	sims[0].Behave(venue.Manners{Delay: 2 * time.Millisecond})
	watch, events := startWatch(t, pdus, 8*time.Second)
	if e := <-events; e.kind != eventAbove || e.watts < 3800 || len(e.pdus) != 3 {
		t.Errorf("got %+v, want the team above the limit", e)
	}
	if sum := watch.snapshot()[0].sum(); sum != 5700 {
		t.Errorf("the team draws %d W, want 5700 W", sum)
	}

	sims[1].Draw(2500)
	sims[1].Draw(1900)
	watch.expectReset(1, true)
	err := watch.do(t.Context(), 1, func(s *session) error { return s.resetPeak(t.Context(), 2) })
	if err != nil {
		t.Errorf("reset: %v", err)
	}
	s, ok := watch.await(t.Context(), 1, 30*time.Second, func(s status) bool { return s.resets > 0 })
	if !ok || s.peak != 1900 {
		t.Errorf("after the reset: %+v", s)
	}
	if n := sims[0].MaxInFlight(); n != 1 {
		t.Errorf("%d requests were in flight at once", n)
	}
	for i, want := range []int{0, 1, 0} {
		if n := sims[i].State().Resets; n != want {
			t.Errorf("unit %d was reset %d times, want %d", i+1, n, want)
		}
	}
}

// TestWatchSettles covers own resets by cards that show them in two steps: none
// is reported as somebody else's.
func TestWatchSettles(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]venue.Manners{
		"together": {}, "the start time first": {StartFirst: true}, "the peak first": {PeakFirst: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, watts := range []int{1500, 2800} { // below the peak, and at it
				sim, p := simulate(t, 101, "A", 2800)
				sim.SetPeak(2800, time.Now(), time.Now().Add(-time.Hour))
				sim.Draw(watts)
				sim.Behave(m)
				watch, events := startWatch(t, []pdu{p}, time.Second)
				watch.expectReset(0, true)
				err := watch.do(t.Context(), 0, func(s *session) error { return s.resetPeak(t.Context(), 1) })
				if err != nil {
					t.Errorf("%d W: %v", watts, err)
				}
				s, ok := watch.await(t.Context(), 0, 30*time.Second, func(s status) bool { return s.resets > 0 })
				if !ok || s.resetFrom != 2800 || s.register != watts || s.resets != 1 {
					t.Errorf("%d W: got %+v", watts, s)
				}
				watch.expectReset(0, false)
				watch.await(t.Context(), 0, 30*time.Second, func(now status) bool { return now.at.After(s.at) })
				if len(events) > 0 {
					t.Errorf("%d W: reported %s", watts, eventLines(<-events))
				}
			}
		})
	}
}

// TestResetOverSNMP covers a reset by a SET, with and without the right to
// write.
func TestResetOverSNMP(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 1500)
	sim.SetPeak(2800, time.Now(), time.Now().Add(-time.Hour))
	watch, events := startWatch(t, []pdu{p}, 500*time.Millisecond)
	log := newJournal(filepath.Join(t.TempDir(), "log"))
	log.closed = true // it is not what this is about
	resetter := newResetter(watch, log, true, nil)
	var steps []string
	step := func(s string) { steps = append(steps, s) }

	from, to, err := resetter.resetAndReadBack(t.Context(), 0, step)
	if err != nil || from != 2800 || to != 1500 || fmt.Sprint(steps) != "[resetting reading back]" {
		t.Errorf("got %d W -> %d W, %q, %v", from, to, steps, err)
	}
	if s := sim.State(); s.Resets != 1 || s.Energy == 0 {
		t.Errorf("got %+v, want one reset of the peak and none of the energy", s)
	}

	watch.do(t.Context(), 0, func(s *session) error {
		s.write = newSecret("public")
		return nil
	})
	err = resetter.submit(t.Context(), 0, step, func() {})
	if err == nil || !strings.Contains(err.Error(), "SNMP SET: no answer") {
		t.Errorf("got %v", err)
	}
	if n := sim.State().Resets; n != 1 {
		t.Errorf("%d resets with a community that may not write", n)
	}
	if len(events) > 0 {
		t.Errorf("reported %s", eventLines(<-events))
	}
}

// TestWatchPlaces covers the order of a list: teams and cards are found by it.
func TestWatchPlaces(t *testing.T) {
	watch := newSnoop([]pdu{
		{num: 1, unit: 1, name: "left", team: "A", snmp: "127.0.0.1:161"},
		{num: 2, unit: 1, name: "B", team: "B", snmp: "127.0.0.2:161"},
		{num: 2, unit: 2, name: "right", team: "A", snmp: "127.0.0.2:161"},
	}, 3000, time.Second, snmpConfig{interval: time.Second})
	var teams []string
	for _, team := range watch.snapshot() {
		for _, s := range team.pdus {
			teams = append(teams, team.name+" "+s.number())
		}
	}
	if want := []string{"A 1", "A 2/2", "B 2"}; !slices.Equal(teams, want) {
		t.Errorf("teams %q, want %q", teams, want)
	}
	sharesCard := func(i, k int) bool { return watch.places[i].card == watch.places[k].card }
	if len(watch.cards) != 2 || !sharesCard(1, 2) || sharesCard(0, 1) {
		t.Errorf("%d cards, want two", len(watch.cards))
	}
	for i, want := range []string{"1", "2", "2/2"} {
		if got := watch.status(i).number(); got != want {
			t.Errorf("PDU %d is %s, want %s", i, got, want)
		}
	}
}

// idleWatch returns the watch of one PDU, which does not run.
func idleWatch() *snoop {
	list := []pdu{{num: 1, unit: 1, name: "A", team: "A"}}
	return newSnoop(list, 3000, time.Second, snmpConfig{interval: time.Second})
}

// notedWatch returns the watch of so many PDUs, each of which was polled, and
// another poll.
func notedWatch(n int) (*snoop, poll) {
	var pdus []pdu
	for i := range n {
		name := fmt.Sprint("Team", i)
		pdus = append(pdus, pdu{num: i%254 + 1, unit: 1, name: name, team: name, snmp: fmt.Sprint("127.0.0.1:", i+1)})
	}
	watch := newSnoop(pdus, 3000, time.Second, snmpConfig{interval: time.Second})
	for i := range pdus {
		watch.note(i, beat{watts: 1500, peak: 2000}.poll())
	}
	return watch, beat{second: 2, watts: 1510, peak: 2000}.poll()
}

// TestNoteAllocations covers that a poll costs the same with 250 PDUs as with
// one: the statuses of its team, and a channel.
func TestNoteAllocations(t *testing.T) {
	for _, n := range []int{1, 250} {
		watch, p := notedWatch(n)
		if allocs := testing.AllocsPerRun(100, func() { watch.note(0, p) }); allocs > 4 {
			t.Errorf("with %d PDUs: %v allocations", n, allocs)
		}
		if len(watch.events) != 0 {
			t.Errorf("with %d PDUs: %d events", n, len(watch.events))
		}
	}
}

// TestWatchAlive covers the watchdog's question: a PDU that is not polled any more
// is noticed, one that does not answer is no fault.
func TestWatchAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := idleWatch()
		if watch.alive() {
			t.Error("alive before the first poll")
		}
		for range 10 {
			watch.note(0, poll{err: errNoAnswer, at: time.Now()})
			time.Sleep(time.Second)
			if !watch.alive() {
				t.Error("not alive while it polls")
			}
		}
		time.Sleep(10 * time.Second)
		if watch.alive() {
			t.Error("alive without polls")
		}
	})
}

// TestDoEnds covers a job for a card whose goroutine has ended.
func TestDoEnds(t *testing.T) {
	watch := idleWatch()
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	if err := watch.do(ctx, 0, func(*session) error { return nil }); !errors.Is(err, ended) {
		t.Errorf("got %v", err)
	}
}

package main

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestScheduleNext(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	const far, near = false, true
	tests := map[string]struct {
		interval, near         time.Duration
		isNear                 bool
		asked, answered, wants time.Duration // since the start
	}{
		"at the start":                  {2000 * ms, 500 * ms, far, 0, 1 * ms, 2000 * ms},
		"far from the limit":            {2000 * ms, 500 * ms, far, 6001 * ms, 6050 * ms, 8000 * ms},
		"near the limit":                {2000 * ms, 500 * ms, near, 6001 * ms, 6050 * ms, 6500 * ms},
		"in the last step":              {2000 * ms, 500 * ms, near, 7501 * ms, 7550 * ms, 8000 * ms},
		"at a moment":                   {2000 * ms, 500 * ms, near, 6000 * ms, 6000 * ms, 6500 * ms},
		"near is off":                   {2000 * ms, 0, near, 6001 * ms, 6050 * ms, 8000 * ms},
		"near is the interval":          {2000 * ms, 2000 * ms, near, 6001 * ms, 6050 * ms, 8000 * ms},
		"steps do not fit":              {2000 * ms, 700 * ms, near, 6001 * ms, 6005 * ms, 6000*ms + 2000*ms/3},
		"the last step does not fit":    {2000 * ms, 700 * ms, near, 7400 * ms, 7401 * ms, 8000 * ms},
		"after another job":             {2000 * ms, 500 * ms, far, 7000 * ms, 7050 * ms, 8000 * ms},
		"far, and slow":                 {2000 * ms, 500 * ms, far, 6000 * ms, 7600 * ms, 8000 * ms},
		"far, and late":                 {2000 * ms, 500 * ms, far, 6000 * ms, 8100 * ms, 10000 * ms},
		"near, and a fourth of a step":  {2000 * ms, 500 * ms, near, 6000 * ms, 6124 * ms, 6500 * ms},
		"near, and more than a fourth":  {2000 * ms, 500 * ms, near, 6000 * ms, 6126 * ms, 7000 * ms},
		"near, and slow at the end":     {2000 * ms, 500 * ms, near, 7000 * ms, 7200 * ms, 8000 * ms},
		"near, and too slow":            {2000 * ms, 500 * ms, near, 6000 * ms, 6500 * ms, 8000 * ms},
		"near, and without an answer":   {2000 * ms, 500 * ms, near, 6000 * ms, 7600 * ms, 8000 * ms},
		"near, and slow between points": {2000 * ms, 500 * ms, near, 6501 * ms, 6701 * ms, 8000 * ms},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Date(2026, 6, 15, 10, 0, 0, 123, time.UTC)
			s := schedule{start: start, interval: tt.interval, near: tt.near}
			before := tt.answered - tt.asked
			got := s.next(tt.isNear, start.Add(tt.asked), start.Add(tt.answered), before).Sub(start)
			if got != tt.wants {
				t.Errorf("got %s, want %s", got, tt.wants)
			}
		})
	}
}

// TestScheduleSlowOnce covers an answer that took longer than the one before it.
func TestScheduleSlowOnce(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	s := schedule{start: noon, interval: 2000 * ms, near: 500 * ms}
	for _, tt := range []struct{ took, before, wants time.Duration }{
		{20 * ms, 20 * ms, 500 * ms},
		{300 * ms, 20 * ms, 500 * ms},
		{600 * ms, 20 * ms, 1000 * ms},
		{1600 * ms, 20 * ms, 2000 * ms},
		{20 * ms, 300 * ms, 500 * ms},
		{300 * ms, 200 * ms, 1000 * ms},
		{300 * ms, 1600 * ms, 2000 * ms},
	} {
		if got := s.next(true, noon, noon.Add(tt.took), tt.before).Sub(noon); got != tt.wants {
			t.Errorf("took %s, before that %s: next after %s, want %s", tt.took, tt.before, got, tt.wants)
		}
	}
}

// TestScheduleAligned checks that cards which are read more often are also read
// at each moment at which the others are.
func TestScheduleAligned(t *testing.T) {
	t.Parallel()
	for _, near := range []time.Duration{10, 30, 499, 500, 667, 999, 1000, 1999, 2000} {
		s := schedule{start: time.Now(), interval: 2 * time.Second, near: near * time.Millisecond}
		asked, shared := s.start, 0
		for last := s.start.Add(time.Minute); asked.Before(last); {
			next := s.next(true, asked, asked, 0)
			if step := next.Sub(asked); step <= 0 || step > s.near {
				t.Fatalf("near %s: a step of %s", s.near, step)
			}
			if next.Sub(s.start)%s.interval == 0 {
				shared++
			}
			asked = next
		}
		if shared != 30 {
			t.Errorf("near %s: %d moments in common, want 30", s.near, shared)
		}
	}
}

// TestScheduleSlow checks that a slow card is read only at moments at which faster
// ones are read too, and at each interval.
func TestScheduleSlow(t *testing.T) {
	t.Parallel()
	s := schedule{start: noon, interval: 2 * time.Second, near: 500 * time.Millisecond}
	momentsOf := func(took time.Duration) map[time.Duration]bool {
		moments := map[time.Duration]bool{}
		for asked := noon; asked.Before(noon.Add(time.Minute)); {
			moments[asked.Sub(noon)] = true
			asked = s.next(true, asked, asked.Add(took), took)
		}
		return moments
	}

	fast := momentsOf(0)
	for took, want := range map[time.Duration]int{0: 120, 130: 60, 200: 60, 300: 30, 450: 30, 600: 30, 1600: 30} {
		moments := momentsOf(took * time.Millisecond)
		for at := range moments {
			if !fast[at] {
				t.Errorf("a card that takes %d ms is read at %s", took, at)
			}
		}
		if len(moments) != want || !moments[30*time.Second] {
			t.Errorf("a card that takes %d ms is read %d times, want %d", took, len(moments), want)
		}
	}

	for most := 1; most <= 60; most++ {
		s.near = s.interval / time.Duration(most)
		last := s.stepsFor(0)
		for rest := time.Duration(0); rest <= s.interval; rest += 10 * time.Millisecond {
			steps := s.stepsFor(rest)
			if last%steps != 0 || steps > 1 && s.interval/time.Duration(steps) < rest {
				t.Fatalf("near %s: %d steps for a rest of %s, after %d", s.near, steps, rest, last)
			}
			last = steps
		}
	}
}

func TestProximity(t *testing.T) {
	t.Parallel()
	const limit = 3000
	type at struct {
		second, watts int
	}
	tests := map[string]struct {
		readings []at
		near     bool
	}{
		"far":                        {[]at{{0, 2690}}, false},
		"near":                       {[]at{{0, 2690}, {2, 2700}}, true},
		"above":                      {[]at{{0, 3500}}, true},
		"a bit less":                 {[]at{{0, 2700}, {1, 2640}, {100, 2640}}, true},
		"not calm from above":        {[]at{{0, 2640}, {2, 2660}}, false},
		"calm for a while":           {[]at{{0, 2700}, {1, 1000}, {30, 1000}}, true},
		"calm":                       {[]at{{0, 2700}, {1, 1000}, {31, 1000}}, false},
		"calm with an interruption":  {[]at{{0, 2700}, {1, 1000}, {20, 2640}, {21, 1000}, {31, 1000}}, true},
		"calm after an interruption": {[]at{{0, 2700}, {1, 1000}, {20, 2700}, {21, 1000}, {51, 1000}}, false},
		"near again":                 {[]at{{0, 2700}, {1, 1000}, {31, 1000}, {33, 2700}}, true},
		"near again for a moment":    {[]at{{0, 2700}, {1, 1000}, {31, 1000}, {33, 2700}, {34, 1000}}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p proximity
			for _, r := range tt.readings {
				p.note(r.watts, limit, noon.Add(time.Duration(r.second)*time.Second))
			}
			if p.near != tt.near {
				t.Errorf("got %v", p)
			}
		})
	}
}

// TestWatchNear covers a crossing by a team that was near the limit: it is seen
// long before the interval is over, and other PDUs are asked no more often.
func TestWatchNear(t *testing.T) {
	t.Parallel()
	high, first := simulate(t, 101, "A", 2900)
	low, second := simulate(t, 102, "B", 1500)
	_, events := startNearWatch(t, []pdu{first, second}, unhurried, 20*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), unhurried/2)
	defer cancel()

	high.Draw(3100)
	select {
	case e := <-events:
		if e.kind != eventAbove || e.team != "A" {
			t.Errorf("got %+v, want A above the limit", e)
		}
	case <-ctx.Done():
		t.Error("the crossing was not seen")
	}
	if n := low.Asked(); n != 1 {
		t.Errorf("the other PDU was asked %d times", n)
	}
}

// TestWatchNearTeammate covers a card with PDUs of two teams, of which one has been
// near the limit: when the other comes near too, that team's other card is read more
// often at once.
func TestWatchNearTeammate(t *testing.T) {
	t.Parallel()
	sims, pdus := simulateChain(t, 2)
	_, teammate := simulate(t, 102, "teammate", 1200)
	pdus[0].team, pdus[1].team, teammate.team = "A", "B", "B"
	sims[0].Draw(2900)
	sims[1].Draw(1000)
	watch, _ := startNearWatch(t, append(pdus, teammate), unhurried, 50*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), unhurried/2)
	defer cancel()

	sims[1].Draw(1600)
	for {
		changed := watch.nextChange()
		if watch.status(2).polls.ok >= 3 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("the teammate was read %d times", watch.status(2).polls.ok)
		}
	}
}

// TestResetSettles covers a reset of which a card shows the start time alone:
// it is reported after some readings, and not before some time, however often
// the card is read.
func TestResetSettles(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, time.Minute} {
		team := newTeam("P")
		first := testPoll{watts: 2000, peak: 2000}.poll()
		judgePoll(&team, 0, first)
		p := testPoll{watts: 2000, peak: 2000, reset: 1}.poll()
		for readings := 1; team.pdus[0].resets == 0; readings++ {
			p.at = first.at.Add(time.Duration(readings) * step)
			judgePoll(&team, 0, p)
			passed := time.Duration(readings-1) * step
			settled := readings >= settleReadings && passed >= settleTime
			if got := team.pdus[0].resets > 0; got != settled {
				t.Fatalf("a reading every %s: settled %v after %d readings and %s", step, got, readings, passed)
			}
		}
	}
}

func TestNearFlag(t *testing.T) {
	t.Parallel()
	const refused = -1
	tests := map[string]struct {
		args []string
		want time.Duration
	}{
		"default":                    {nil, 500 * time.Millisecond},
		"default of a long interval": {[]string{"-interval", "10s"}, 500 * time.Millisecond},
		"default of a short one":     {[]string{"-interval", "200ms"}, 200 * time.Millisecond},
		"off":                        {[]string{"-near", "0"}, 0},
		"shortest":                   {[]string{"-near", "10ms"}, 10 * time.Millisecond},
		"the interval":               {[]string{"-near", "1s", "-interval", "1s"}, time.Second},
		"too short":                  {[]string{"-near", "9ms"}, refused},
		"longer than the interval":   {[]string{"-near", "3s"}, 2 * time.Second},
		"negative":                   {[]string{"-near", "-1s"}, refused},
		"without a unit":             {[]string{"-near", "1"}, refused},
		"no time":                    {[]string{"-near", "soon"}, refused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, parseErr := parseFlags(tt.args)
			cfg, err := checkFlags(f)
			if err = errors.Join(parseErr, err); err != nil {
				cfg.near = refused
			}
			if cfg.near != tt.want {
				t.Errorf("got %s, %v; want %s", cfg.near, err, tt.want)
			}
		})
	}
}

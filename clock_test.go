package main

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestClockCompare checks that a wrong clock is reported once, and once more
// when it is right again.
func TestClockCompare(t *testing.T) {
	const right = "The clock of the bot's host is right again."
	wrong := func(by string) string {
		return "The clock of the bot's host is " + by + ": the times in the log are wrong until it is set."
	}
	for name, tt := range map[string]struct {
		off  []time.Duration // by each answer in turn
		want []string
	}{
		"right":           {[]time.Duration{0, time.Second, -29 * time.Second, 30 * time.Second}, nil},
		"slow":            {[]time.Duration{-31 * time.Second}, []string{wrong("31 s slow")}},
		"fast":            {[]time.Duration{90 * time.Second}, []string{wrong("1 min 30 s fast")}},
		"wrong and wrong": {[]time.Duration{time.Hour, time.Hour, -time.Hour}, []string{wrong("1 h 0 min fast")}},
		"set": {
			[]time.Duration{-56 * 24 * time.Hour, -56 * 24 * time.Hour, 0, 0},
			[]string{wrong("56 days slow"), right},
		},
		"at the edge": {
			[]time.Duration{
				31 * time.Second, 29 * time.Second, 31 * time.Second, 16 * time.Second,
				15 * time.Second, 29 * time.Second,
			},
			[]string{wrong("31 s fast"), right},
		},
		"again wrong": {
			[]time.Duration{time.Minute, 0, time.Minute},
			[]string{wrong("1 min 0 s fast"), right, wrong("1 min 0 s fast")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			c := &clockWatch{notify: func(text string) { got = append(got, text) }}
			server := time.Date(2026, 6, 25, 10, 0, 0, 0, time.UTC)
			for _, off := range tt.off {
				c.compare(server, server.Add(off).In(time.FixedZone("", 7200)))
				server = server.AddDate(0, 0, 1)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("reported %q, want %q", got, tt.want)
			}
		})
	}
}

// TestClockOvertaken checks that an answer that arrives out of order is
// ignored: the clock may have been set in between.
func TestClockOvertaken(t *testing.T) {
	var got []string
	c := &clockWatch{notify: func(text string) { got = append(got, text) }}
	older := time.Now()
	newer := older.Add(time.Millisecond)
	c.compare(newer, newer)
	c.compare(older.Add(time.Hour), older)
	if got != nil {
		t.Errorf("reported %q", got)
	}
}

// TestClockJump checks that a jump of the wall clock is logged with the new
// time.
func TestClockJump(t *testing.T) {
	expected := time.Date(2026, 6, 25, 10, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		jump time.Duration
		want string
	}{
		"none":      {0, ""},
		"slewed":    {1900 * time.Millisecond, ""},
		"forward":   {2 * time.Second, "Set from 2026-06-25 10:00:00 to 2026-06-25 10:00:02 (+2 s)"},
		"back":      {-90 * time.Second, "Set from 2026-06-25 10:00:00 to 2026-06-25 09:58:30 (-90 s)"},
		"by months": {-56 * 24 * time.Hour, "Set from 2026-06-25 10:00:00 to 2026-04-30 10:00:00 (-4838400 s)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			shown := expected.Add(tt.jump)
			c := &clockWatch{log: func(at time.Time, text string) {
				got += text
				if !at.Equal(shown) {
					t.Errorf("logged at %v, want %v", at, shown)
				}
			}}
			c.logJump(expected, shown)
			if got != tt.want {
				t.Errorf("logged %q, want %q", got, tt.want)
			}
		})
	}
}

// TestClockRun checks that the mere passing of time is not a jump.
func TestClockRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		c := &clockWatch{log: func(_ time.Time, text string) { t.Error("logged", text) }}
		begin := time.Now()
		c.run(ctx)
		if d := time.Since(begin); d != time.Hour {
			t.Errorf("it ended after %v", d)
		}
	})
}

func TestOffBy(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"31 s fast":        31 * time.Second,
		"31 s slow":        -31 * time.Second,
		"1 min 1 s fast":   61*time.Second + 400*time.Millisecond,
		"2 h 3 min slow":   -2*time.Hour - 3*time.Minute - 4*time.Second,
		"47 h 59 min slow": -47*time.Hour - 59*time.Minute,
		"2 days fast":      48 * time.Hour,
		"20629 days slow":  -20629 * 24 * time.Hour, // since 1970, as a Pi without a battery may show
	} {
		if got := offBy(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

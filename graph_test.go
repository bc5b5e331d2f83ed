package main

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
	"time"
)

// newTestGrapher returns a grapher of two teams that was started an hour
// before noon, with a reading of every PDU every two seconds since.
func newTestGrapher(t *testing.T) *grapher {
	t.Helper()
	pdus := []pdu{
		{num: 101, unit: 1, name: "First Team", team: "First Team", snmp: "10.0.0.101:161"},
		{num: 102, unit: 1, name: "left", team: "Double 90m", snmp: "10.0.0.102:161"},
		{num: 103, unit: 1, name: "right", team: "Double 90m", snmp: "10.0.0.103:161"},
	}
	watch := newSnoop(pdus, 3000, 2*time.Second, snmpConfig{interval: 2 * time.Second})
	started := noon.Add(-time.Hour)
	watch.history = newHistory(len(pdus), 2*time.Second, started)
	for at := started; !at.After(noon); at = at.Add(2 * time.Second) {
		watts := 2000
		if at.Minute() == 50 { // a minute above the limit
			watts = 3120
		}
		watch.history.add(0, at, watts)
		watch.history.add(1, at, 1000)
		watch.history.add(2, at, 1200)
	}
	crossing := noon.Add(-10 * time.Minute)
	watch.history.noteEvent(event{kind: eventAbove, team: "First Team", at: crossing, watts: 3100})
	watch.history.noteEvent(event{kind: eventBack, team: "First Team", at: crossing.Add(time.Minute), watts: 3120})
	return newGrapher(nil, watch, 3000, started)
}

func TestGraphParse(t *testing.T) {
	g := newTestGrapher(t)
	minutes := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	for arg, tt := range map[string]struct {
		teams    []int
		from, to time.Time
		err      string
	}{
		"":                       {[]int{0, 1}, minutes(-15), noon, ""},
		"101":                    {[]int{0}, minutes(-15), noon, ""},
		".103":                   {[]int{1}, minutes(-15), noon, ""},
		"first team":             {[]int{0}, minutes(-15), noon, ""},
		"  First   Team  ":       {[]int{0}, minutes(-15), noon, ""},
		"Double 90m":             {[]int{1}, minutes(-15), noon, ""}, // the team's name
		"Double 90m 90m":         {[]int{1}, minutes(-90), noon, ""},
		"101 45m":                {[]int{0}, minutes(-45), noon, ""},
		"45m":                    {[]int{0, 1}, minutes(-45), noon, ""},
		"101 11:05-11:35":        {[]int{0}, minutes(-55), minutes(-25), ""},
		"101 11:05–11:35":        {[]int{0}, minutes(-55), minutes(-25), ""},
		"101 11:05:30-11:06":     {[]int{0}, minutes(-55).Add(30 * time.Second), minutes(-54), ""},
		"101 23:30-11:30":        {[]int{0}, minutes(-750), minutes(-30), ""},
		"104":                    {err: `"104" is not a team or PDU`},
		"Nobody 45m":             {err: `"Nobody" is not a team or PDU`},
		"101 1s":                 {err: "want a length from 30 s to 24 h"},
		"101 99h":                {err: "want a length from 30 s to 24 h"},
		"101 13:00-14:00":        {err: "in the future"},
		"101 10:00-10:30":        {err: "the bot was not running"},
		"101 25:00-26:00":        {err: "is not a team or PDU"},
		strings.Repeat("x", 500): {err: "is not a team or PDU"},
	} {
		t.Run(arg, func(t *testing.T) {
			r, err := g.parse(arg, noon)
			if tt.err != "" {
				wants(t, errorText(err), tt.err)
				return
			}
			same := err == nil && r.from.Equal(tt.from) && r.to.Equal(tt.to) && len(r.teams) == len(tt.teams) && r.teams[0] == tt.teams[0]
			if !same {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func TestGraphEvidence(t *testing.T) {
	g := newTestGrapher(t)
	for arg, want := range map[string][]string{
		"101": {"11:45:00 to 12:00:00, limit 3000 W\nFirst Team\nHighest 3120 W at 11:50:00\nMean 2074 W\nAbove the limit for 60 s\n451 readings, longest gap 0 s",
			"Crossing from 11:50:00 to 11:51:00, 60 s, at most 3120 W"},
		"":        {"First Team: highest 3120 W at 11:50:00, mean 2074 W, above 60 s", "Double 90m: highest 2200 W", "mean 2200 W, above 0 s"},
		"101 90m": {"The bot was not running before 11:00:00."},
	} {
		t.Run(arg, func(t *testing.T) {
			r, err := g.parse(arg, noon)
			if err != nil {
				t.Fatal(err)
			}
			picture, caption, err := g.draw(t.Context(), r, noon)
			if err != nil {
				t.Fatal(err)
			}
			wants(t, caption, want...)
			if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGraphCaptionFits checks that a caption is not longer than Telegram
// takes, and says what it leaves out.
func TestGraphCaptionFits(t *testing.T) {
	var lines []string
	for range 50 {
		lines = append(lines, strings.Repeat("Ü", 60))
	}
	caption := fitCaption("head", lines)
	wants(t, caption, "head\nÜ", " more lines")
	if n := textLen(caption); n > maxCaption {
		t.Errorf("%d characters", n)
	}
	if caption := fitCaption("head", lines[:2]); strings.Contains(caption, "more lines") {
		t.Errorf("got %q", caption)
	}
}

func FuzzGraphParse(f *testing.F) {
	f.Add("101 10:05-10:35")
	f.Add("First Team 90m")
	pdus := []pdu{{num: 101, unit: 1, name: "A", team: "A", snmp: "10.0.0.101:161"}}
	watch := newSnoop(pdus, 3000, time.Second, snmpConfig{interval: time.Second})
	g := newGrapher(nil, watch, 3000, noon.Add(-time.Hour))
	f.Fuzz(func(t *testing.T, arg string) {
		r, err := g.parse(arg, noon)
		if err == nil && (!r.to.After(r.from) || r.from.After(noon) || len(r.teams) != 1) {
			t.Errorf("%q: got %+v", arg, r)
		}
	})
}

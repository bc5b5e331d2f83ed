package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A beat is one poll in a table: of which PDU, how many seconds after noon, and what came.
type beat struct {
	pdu         int
	second      int
	watts, peak int
	cleared     int // minute in which the peak was last reset
	err         error
	ours        bool
	uptime      int64
}

func (b beat) poll() poll {
	at := noon.Add(time.Duration(b.second) * time.Second)
	p := poll{err: b.err, at: at, ours: b.ours}
	if b.err == nil {
		p.reading = reading{watts: b.watts, peak: b.peak, peakAt: at.Add(-time.Second), uptime: b.uptime + int64(b.second*100), at: at,
			resetAt: time.Date(2026, 6, 15, 8, b.cleared, 0, 0, time.UTC)}
	}
	return p
}

// newTeam is a team before its first poll, at noon.
func newTeam(names ...string) team {
	team := "Team"
	if len(names) == 1 {
		team = names[0]
	}
	t := teamOf(team)
	for i, name := range names {
		t.pdus = append(t.pdus, status{pdu: pdu{num: 102 + i, name: name, team: team}, since: noon, register: -1})
	}
	return t
}

func teamOf(name string) team { return team{name: name} }

// write is how a table has an event: second, text, and s for silent, q for quiet.
func (e event) write() string {
	text := fmt.Sprintf("%d %s: %s", int(e.at.Sub(noon).Seconds()), e.who, e.text)
	if e.more != "" {
		text += " | " + e.more
	}
	if e.quiet {
		return text + " (quiet)"
	}
	if e.silent {
		return text + " (silent)"
	}
	return text
}

func TestJudge(t *testing.T) {
	gone := errNoAnswer
	for name, tt := range map[string]struct {
		pdus  []string
		beats []beat
		want  []string
	}{
		"under the limit": {beats: []beat{{watts: 1000, peak: 1200}, {second: 2, watts: 3000, peak: 3000}}},
		"a crossing": {beats: []beat{
			{watts: 2900, peak: 2900}, {second: 2, watts: 3120, peak: 3120}, {second: 4, watts: 3200, peak: 3240}, {second: 8, watts: 3010, peak: 3240}, {second: 14, watts: 3000, peak: 3240}},
			want: []string{"2 P(.102): Above power limit (3120 W)!", "14 P(.102): Back under power limit after 12 s, at most 3240 W (silent)"}},
		"a second one, lower": {beats: []beat{
			{watts: 2900, peak: 2900}, {second: 2, watts: 3500, peak: 3500}, {second: 4, watts: 2000, peak: 3500}, {second: 90, watts: 3100, peak: 3500}, {second: 92, watts: 2000, peak: 3500}},
			want: []string{"2 P(.102): Above power limit (3500 W)!", "4 P(.102): Back under power limit after 2 s, at most 3500 W (silent)",
				"90 P(.102): Above power limit (3100 W)!", "92 P(.102): Back under power limit after 2 s, at most 3100 W (silent)"}},
		"a spike": {beats: []beat{{watts: 2900, peak: 2900}, {second: 2, watts: 2900, peak: 3360}, {second: 4, watts: 2900, peak: 3360}},
			want: []string{"2 P(.102): Above power limit (3360 W)! | a spike, over when it was seen; by the PDU's own clock at 2026-06-15 12:00:01",
				"2 P(.102): Back under power limit after 0 s, at most 3360 W (quiet)"}},
		"a spike, and now just at the limit": {beats: []beat{{watts: 2900, peak: 2900}, {second: 2, watts: 3000, peak: 3010}, {second: 4, watts: 3000, peak: 3010}},
			want: []string{"2 P(.102): Above power limit (3010 W)! | a spike, over when it was seen; by the PDU's own clock at 2026-06-15 12:00:01",
				"2 P(.102): Back under power limit after 0 s, at most 3010 W (quiet)"}},
		"another within a minute, and after it": {beats: []beat{
			{watts: 2900, peak: 2900}, {second: 2, watts: 3100, peak: 3100}, {second: 4, watts: 2900, peak: 3100}, {second: 6, watts: 3100, peak: 3100}, {second: 8, watts: 2900, peak: 3100}, {second: 66, watts: 3100, peak: 3100}},
			want: []string{"2 P(.102): Above power limit (3100 W)!", "4 P(.102): Back under power limit after 2 s, at most 3100 W (silent)",
				"6 P(.102): Above power limit (3100 W)! (silent)", "8 P(.102): Back under power limit after 2 s, at most 3100 W (silent)", "66 P(.102): Above power limit (3100 W)!"}},
		"a spike at the end of a crossing is part of it": {beats: []beat{{watts: 3100, peak: 3100}, {second: 2, watts: 2000, peak: 3700}},
			want: []string{"0 P(.102): Above power limit (3100 W)!", "2 P(.102): Back under power limit after 2 s, at most 3700 W (silent)"}},
		"a register that stood at the start": {beats: []beat{{watts: 2000, peak: 3660}, {second: 2, watts: 2000, peak: 3660}},
			want: []string{"0 P(.102): Peak stood at 3660 W at the start | by the PDU's own clock at 2026-06-15 11:59:59"}},
		"above at the start": {beats: []beat{{watts: 3100, peak: 3100}}, want: []string{"0 P(.102): Above power limit (3100 W)!"}},
		"both at the start": {beats: []beat{{watts: 3100, peak: 3660}, {second: 2, watts: 2900, peak: 3660}},
			want: []string{"0 P(.102): Peak stood at 3660 W at the start | by the PDU's own clock at 2026-06-15 11:59:59",
				"0 P(.102): Above power limit (3100 W)!", "2 P(.102): Back under power limit after 2 s, at most 3100 W (silent)"}},
		"two lost answers": {beats: []beat{{watts: 2000, peak: 2000}, {second: 2, err: gone}, {second: 4, err: gone}, {second: 6, watts: 2000, peak: 2000}}},
		"two, for long, then a third": {beats: []beat{{watts: 2000, peak: 2000}, {second: 4, err: gone}, {second: 8, err: gone}, {second: 12, err: gone}},
			want: []string{"12 P(.102): Out of reach since 12:00:00 | no answer (silent)"}},
		"three, soon": {beats: []beat{{watts: 2000, peak: 2000}, {second: 1, err: gone}, {second: 2, err: gone}, {second: 3, err: gone}}},
		"a spike behind a lost answer": {beats: []beat{{watts: 2000, peak: 2000}, {second: 2, err: gone}, {second: 4, watts: 2000, peak: 3100}},
			want: []string{"4 P(.102): Above power limit (3100 W)! | a spike, over when it was seen; by the PDU's own clock at 2026-06-15 12:00:03",
				"4 P(.102): Back under power limit after 0 s, at most 3100 W (quiet)"}},
		"out of reach, and under the limit": {beats: []beat{{watts: 2000, peak: 2500}, {second: 2, err: gone}, {second: 4, err: gone}, {second: 6, err: gone}, {second: 8, err: gone}, {second: 80, watts: 2000, peak: 2600}},
			want: []string{"6 P(.102): Out of reach since 12:00:00 | no answer (silent)",
				"80 P(.102): Answers again after 80 s; it stayed under the limit, its peak is 2600 W (silent)"}},
		"out of reach, and above": {beats: []beat{{watts: 2000, peak: 2500}, {second: 2, err: gone}, {second: 4, err: gone}, {second: 6, err: gone}, {second: 80, watts: 2000, peak: 3660}},
			want: []string{"6 P(.102): Out of reach since 12:00:00 | no answer (silent)",
				"80 P(.102): Answers again after 80 s; its peak rose to 3660 W (silent)",
				"80 P(.102): Above power limit (3660 W)! | a spike, over when it was seen; by the PDU's own clock at 2026-06-15 12:01:19",
				"80 P(.102): Back under power limit after 0 s, at most 3660 W (quiet)"}},
		"out of reach, and cleared": {beats: []beat{{watts: 2000, peak: 2500}, {second: 2, err: gone}, {second: 4, err: gone}, {second: 6, err: gone}, {second: 80, watts: 2000, peak: 2100, cleared: 5}},
			want: []string{"6 P(.102): Out of reach since 12:00:00 | no answer (silent)",
				"80 P(.102): Answers again after 80 s; its peak was reset meanwhile, so that nothing can be said (silent)"}},
		"out of reach under a high register": {beats: []beat{{watts: 3500, peak: 3500}, {second: 2, watts: 2000, peak: 3500}, {second: 4, err: gone}, {second: 6, err: gone}, {second: 8, err: gone}, {second: 80, watts: 2000, peak: 3500}},
			want: []string{"0 P(.102): Above power limit (3500 W)!", "2 P(.102): Back under power limit after 2 s, at most 3500 W (silent)",
				"8 P(.102): Out of reach since 12:00:02 | no answer (silent)",
				"80 P(.102): Answers again after 78 s; its peak stayed at 3500 W, what was below that is not known (silent)"}},
		"out of reach while above": {beats: []beat{{watts: 3100, peak: 3100}, {second: 2, err: gone}, {second: 4, err: gone}, {second: 6, err: gone}, {second: 20, watts: 2000, peak: 3400}},
			want: []string{"0 P(.102): Above power limit (3100 W)!", "6 P(.102): Out of reach since 12:00:00 | no answer (silent)",
				"20 P(.102): Answers again after 20 s; its peak rose to 3400 W (silent)",
				"20 P(.102): Back under power limit after 20 s, at most 3400 W (silent)"}},
		"dead from the start": {beats: []beat{{err: gone}, {second: 2, err: gone}, {second: 4, err: gone}, {second: 6, err: gone}, {second: 80, watts: 2000, peak: 2000}},
			want: []string{"6 P(.102): Out of reach since 12:00:00 | no answer (silent)", "80 P(.102): Answers again after 80 s; its peak tells nothing of that time (silent)"}},
		"no power meter": {beats: []beat{{err: errNoMeter}, {second: 2, err: errNoMeter}, {second: 4, err: errNoMeter}, {second: 60, err: errNoMeter}}},
		"reset by somebody": {beats: []beat{{watts: 2000, peak: 2500}, {second: 2, watts: 2000, peak: 2000, cleared: 9}, {second: 4, watts: 2000, peak: 2000, cleared: 9}},
			want: []string{"2 P(.102): Peak reset by somebody else, 2500 W -> 2000 W (silent)"}},
		"reset and risen at once": {beats: []beat{{watts: 2000, peak: 2500}, {second: 2, watts: 2600, peak: 2600, cleared: 9}},
			want: []string{"2 P(.102): Peak reset by somebody else, 2500 W -> 2600 W (silent)"}},
		"reset while above": {beats: []beat{{watts: 3500, peak: 3500}, {second: 2, watts: 3100, peak: 3100, cleared: 9}, {second: 4, watts: 2000, peak: 3100, cleared: 9}},
			want: []string{"0 P(.102): Above power limit (3500 W)!", "2 P(.102): Peak reset by somebody else, 3500 W -> 3100 W (silent)",
				"4 P(.102): Back under power limit after 4 s, at most 3500 W (silent)"}},
		"reset by the bot": {beats: []beat{{watts: 2000, peak: 2500}, {second: 2, watts: 2000, peak: 2000, cleared: 9, ours: true}}},
		"reset between two values of an answer": {beats: []beat{{watts: 3500, peak: 3500}, {second: 2, watts: 2000, peak: 3500}, {second: 4, watts: 2000, peak: 3500, cleared: 9, ours: true}, {second: 6, watts: 2000, peak: 2000, cleared: 9, ours: true}},
			want: []string{"0 P(.102): Above power limit (3500 W)!", "2 P(.102): Back under power limit after 2 s, at most 3500 W (silent)"}},
		"reset, then a spike": {beats: []beat{{watts: 2000, peak: 3700}, {second: 2, watts: 2000, peak: 3100, cleared: 9, ours: true}},
			want: []string{"0 P(.102): Peak stood at 3700 W at the start | by the PDU's own clock at 2026-06-15 11:59:59",
				"2 P(.102): Above power limit (3100 W)! | a spike, over when it was seen; by the PDU's own clock at 2026-06-15 12:00:01",
				"2 P(.102): Back under power limit after 0 s, at most 3100 W (quiet)"}},
		"the card restarted": {beats: []beat{{watts: 2000, peak: 2500, uptime: 9999}, {second: 2, watts: 2000, peak: 2500}},
			want: []string{"2 P(.102): The PDU's card was restarted (silent)"}},
		"no register": {beats: []beat{{watts: 2000, peak: -1}, {second: 2, watts: 3100, peak: -1}, {second: 4, watts: 2000, peak: 3200}, {second: 6, watts: 2000, peak: -1}, {second: 8, watts: 2000, peak: 3300}},
			want: []string{"2 P(.102): Above power limit (3100 W)!", "4 P(.102): Peak stood at 3200 W at the start | by the PDU's own clock at 2026-06-15 12:00:03",
				"4 P(.102): Back under power limit after 2 s, at most 3100 W (silent)",
				"8 P(.102): Above power limit (3300 W)! | a spike, over when it was seen; by the PDU's own clock at 2026-06-15 12:00:07 (silent)",
				"8 P(.102): Back under power limit after 0 s, at most 3300 W (quiet)"}},

		"two PDUs together": {pdus: []string{"l", "r"}, beats: []beat{
			{watts: 1000, peak: 1000}, {pdu: 1, watts: 1000, peak: 1000}, {second: 2, watts: 2100, peak: 2100}, {pdu: 1, second: 2, watts: 1000, peak: 1000}, {pdu: 1, second: 4, watts: 950, peak: 1000}, {pdu: 1, second: 6, watts: 900, peak: 1000}},
			want: []string{"2 Team(.102+.103): Above power limit (3100 W)!", "6 Team(.102+.103): Back under power limit after 4 s, at most 3100 W (silent)"}},
		"possibly": {pdus: []string{"l", "r"}, beats: []beat{
			{watts: 1000, peak: 1000}, {pdu: 1, watts: 1000, peak: 1000}, {second: 2, watts: 1000, peak: 1600}, {pdu: 1, second: 2, watts: 1000, peak: 1600}, {second: 4, watts: 1000, peak: 1700}},
			want: []string{"2 Team(.102+.103): Possibly above power limit (3200 W) | that is the sum of its PDUs' peaks, which need not have been at the same time"}},
		"one PDU's spike is the team's": {pdus: []string{"l", "r"}, beats: []beat{
			{watts: 1000, peak: 1000}, {pdu: 1, watts: 1000, peak: 1000}, {second: 2, watts: 1000, peak: 3100}},
			want: []string{"2 Team(.102+.103): Above power limit (3100 W)! | a spike, over when it was seen; by the PDU's own clock at 2026-06-15 12:00:01",
				"2 Team(.102+.103): Back under power limit after 0 s, at most 3100 W (quiet)"}},
		"the others are a lower bound": {pdus: []string{"l", "r"}, beats: []beat{
			{watts: 2000, peak: 2000}, {pdu: 1, err: gone}, {pdu: 1, second: 3, err: gone}, {pdu: 1, second: 6, err: gone}, {second: 8, watts: 3100, peak: 3100}, {second: 10, watts: 2000, peak: 3100}},
			want: []string{"6 Team r(.103): Out of reach since 12:00:00 | no answer (silent)", "8 Team(.102+.103): Above power limit (3100 W)!",
				"10 Team(.102+.103): Back under power limit after 2 s, at most 3100 W (silent)"}},
		"a PDU lost while above counts no more after that": {pdus: []string{"l", "r"}, beats: []beat{
			{watts: 2000, peak: 2000}, {pdu: 1, watts: 1500, peak: 1500}, {second: 2, err: gone}, {second: 4, err: gone}, {second: 6, err: gone}, {pdu: 1, second: 8, watts: 900, peak: 1500}, {pdu: 1, second: 900, watts: 1100, peak: 1500}},
			want: []string{"0 Team(.102+.103): Above power limit (3500 W)!", "6 Team l(.102): Out of reach since 12:00:00 | no answer (silent)",
				"8 Team(.102+.103): Back under power limit after 8 s, at most 3500 W (silent)"}},
		"possibly, and more so": {pdus: []string{"l", "r"}, beats: []beat{
			{watts: 1000, peak: 1000}, {pdu: 1, watts: 1000, peak: 1000}, {second: 2, watts: 1000, peak: 2100}, {second: 4, watts: 1000, peak: 2110}, {second: 6, watts: 1000, peak: 2600}},
			want: []string{"2 Team(.102+.103): Possibly above power limit (3100 W) | that is the sum of its PDUs' peaks, which need not have been at the same time",
				"6 Team(.102+.103): Possibly above power limit (3600 W) | that is the sum of its PDUs' peaks, which need not have been at the same time"}},
		"out of reach, then without a meter": {beats: []beat{{err: gone}, {second: 3, err: gone}, {second: 6, err: gone}, {second: 8, err: errNoMeter}, {second: 10, err: gone}, {second: 12, err: gone}, {second: 14, err: gone}},
			want: []string{"6 P(.102): Out of reach since 12:00:00 | no answer (silent)", "14 P(.102): Out of reach since 12:00:08 | no answer (silent)"}},
		"a PDU lost while above ends nothing": {pdus: []string{"l", "r"}, beats: []beat{
			{watts: 2000, peak: 2000}, {pdu: 1, watts: 1500, peak: 1500}, {pdu: 1, second: 2, err: gone}, {pdu: 1, second: 4, err: gone}, {pdu: 1, second: 6, err: gone}, {second: 8, watts: 2000, peak: 2000}, {second: 10, watts: 1500, peak: 2000}},
			want: []string{"0 Team(.102+.103): Above power limit (3500 W)!", "6 Team r(.103): Out of reach since 12:00:00 | no answer (silent)",
				"10 Team(.102+.103): Back under power limit after 10 s, at most 3500 W (silent)"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.pdus == nil {
				tt.pdus = []string{"P"}
			}
			team := newTeam(tt.pdus...)
			var got []string
			for _, b := range tt.beats {
				before := slices.Clone(team.pdus)
				next, events := judge(team, b.pdu, b.poll(), 3000)
				if !slices.Equal(team.pdus, before) {
					t.Fatal("the state before was changed")
				}
				for _, e := range events {
					got = append(got, e.write())
				}
				team = next
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got:\n%s\nwanted:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// FuzzJudge holds judge, which keeps a little state, against a model that looks at the whole history.
func FuzzJudge(f *testing.F) {
	f.Add([]byte("\x10\x10\x30\x40\x20\x10\x00\x00\x20\x60"))
	f.Add([]byte("\x40\x10\x00\x00\x00\x00\x00\x00\x10\x70"))
	f.Fuzz(func(t *testing.T, data []byte) {
		team := newTeam("P")
		var history []beat
		var crossings, ends, spikes int
		peak, cleared := 0, 0
		for i := 0; i+1 < len(data) && i < 400; i += 2 {
			b := beat{second: i, err: errNoAnswer}
			if data[i] != 0 { // else the answer is lost
				b.watts, b.err = int(data[i])*50, nil
				if data[i+1]&15 == 7 {
					peak, cleared = 0, cleared+1
				}
				peak = max(peak, b.watts, int(data[i+1])*30)
				b.peak, b.cleared = peak, cleared
				history = append(history, b)
			}
			next, events := judge(team, 0, b.poll(), 3000)
			for _, e := range events {
				switch {
				case strings.HasPrefix(e.more, "a spike"):
					spikes++
				case strings.HasPrefix(e.text, "Above power limit"):
					crossings++
				case strings.HasPrefix(e.text, "Back under power limit") && !e.quiet:
					ends++
				}
			}
			team = next
		}
		var want struct{ crossings, ends, spikes, highest, seconds int }
		began := 0
		for i, b := range history {
			wasAbove := i > 0 && history[i-1].watts > 3000
			wasReset := i > 0 && history[i-1].cleared != b.cleared
			proof := i > 0 && b.peak > 3000 && (b.peak > history[i-1].peak || wasReset && b.peak < history[i-1].peak)
			switch {
			case b.watts > 3000 && !wasAbove:
				want.crossings++
				began = b.second
			case b.watts <= 3000 && wasAbove:
				want.ends++
				want.seconds += b.second - began
			case b.watts <= 3000 && proof:
				want.spikes++
			}
			if b.watts > 3000 {
				want.highest = max(want.highest, b.watts)
			}
			if proof {
				want.highest = max(want.highest, b.peak)
			}
		}
		if crossings != want.crossings || ends != want.ends || spikes != want.spikes || team.crossings != crossings+spikes ||
			team.highest != want.highest || team.total != time.Duration(want.seconds)*time.Second {
			t.Errorf("%d crossings, %d ends, %d spikes, at most %d W, %v; wanted %+v", crossings, ends, spikes, team.highest, team.total, want)
		}
	})
}

package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// A testPoll is one poll in a table: the PDU, the seconds after noon and the
// result.
type testPoll struct {
	pdu, second int
	watts, peak int
	reset       int  // the minute after 8:00 when the peak was last reset
	undated     bool // the PDU does not report it
	peaked      int  // the second after noon of the peak, if not the one before the reading
	uptime      int64
	err         error
	own         bool
}

func (b testPoll) poll() poll {
	at := noon.Add(time.Duration(b.second) * time.Second)
	p := poll{err: b.err, at: at, ownReset: b.own}
	if b.err != nil {
		return p
	}
	p.reading = reading{watts: b.watts, peak: b.peak, peakAt: at.Add(-time.Second), uptime: b.uptime, asked: at, at: at}
	if b.peaked != 0 {
		p.peakAt = noon.Add(time.Duration(b.peaked) * time.Second)
	}
	if !b.undated {
		p.resetAt = time.Date(2026, 6, 15, 8, b.reset, 0, 0, time.UTC)
	}
	return p
}

// parsePoll parses a line of a table: the second, the PDU if there are several,
// the power and the peak or why they are missing, and options.
func parsePoll(line string, pdus []string) (b testPoll, err error) {
	words := strings.Fields(line)
	fmt.Sscan(words[0], &b.second)
	words = words[1:]
	b.uptime = int64(b.second) * 100
	if i := slices.Index(pdus, words[0]); i >= 0 {
		b.pdu, words = i, words[1:]
	}
	for i, w := range words {
		switch {
		case w == "lost":
			b.err = errNoAnswer
		case w == "nometer":
			b.err = errNoMeter
		case w == "own":
			b.own = true
		case w == "undated":
			b.undated = true
		case w == "-":
			b.peak = -1
		case strings.HasPrefix(w, "reset="):
			_, err = fmt.Sscanf(w, "reset=%d", &b.reset)
		case strings.HasPrefix(w, "peaked="):
			_, err = fmt.Sscanf(w, "peaked=%d", &b.peaked)
		case strings.HasPrefix(w, "uptime="):
			_, err = fmt.Sscanf(w, "uptime=%d", &b.uptime)
		case i == 0:
			_, err = fmt.Sscan(w, &b.watts)
		default:
			_, err = fmt.Sscan(w, &b.peak)
		}
		if err != nil {
			return b, fmt.Errorf("%q: %w", line, err)
		}
	}
	return b, nil
}

// newTeam returns a team before its first poll, at noon.
func newTeam(pdus ...string) team {
	t := team{name: "Team"}
	if len(pdus) == 1 {
		t.name = pdus[0]
	}
	for i, name := range pdus {
		p := pdu{num: 102 + i, unit: 1, name: name, team: t.name}
		t.pdus = append(t.pdus, status{pdu: p, err: errNoAnswer, since: noon, register: -1})
	}
	return t
}

// judgePoll judges a poll of PDU i of a team whose limit is 3000 W, and keeps the
// result in t. It uses memory in which another team was judged before, as the watch
// does, and panics if judge changes t itself.
func judgePoll(t *team, i int, p poll) []event {
	next := newTeam("A", "B", "C", "D", "E")
	next.above, next.highest, next.crossings = true, 9000, 7
	before := *t
	before.pdus = slices.Clone(t.pdus)

	events := judge(&next, t, i, &p, 3000)
	if !reflect.DeepEqual(*t, before) {
		panic("judge changed its argument")
	}
	*t = next
	return events
}

// TestRecentReadings checks that the recent readings of a PDU go back at least an
// interval, however often it is read, and that the usual ones are all kept.
func TestRecentReadings(t *testing.T) {
	const interval = 2 * time.Second
	for step, want := range map[time.Duration]time.Duration{
		interval:               7 * interval,
		500 * time.Millisecond: 3500 * time.Millisecond,
		490 * time.Millisecond: 3430 * time.Millisecond,
		50 * time.Millisecond:  interval,
		10 * time.Millisecond:  interval,
	} {
		team := newTeam("P")
		p := testPoll{watts: 2000, peak: 2000}.poll()
		p.interval = interval
		for n := range 1000 {
			p.at = noon.Add(time.Duration(n) * step)
			p.reading.at = p.at
			judgePoll(&team, 0, p)
			recent := team.pdus[0].recent
			if back := recent[0].at.Sub(recent[len(recent)-1].at); n >= 1000/2 && back < want {
				t.Fatalf("read every %s: the recent readings go back %s, want %s", step, back, want)
			}
			if !recent[0].at.Equal(p.at) {
				t.Fatalf("read every %s: the newest reading is missing", step)
			}
		}
	}
}

// TestLoadMoves checks that load which moves between two PDUs, whose sum stays below
// the limit, is not taken for a crossing, however often they are read.
func TestLoadMoves(t *testing.T) {
	for _, tt := range []struct{ interval, near time.Duration }{
		{2 * time.Second, 500 * time.Millisecond},
		{2 * time.Second, 400 * time.Millisecond},
		{2 * time.Second, 250 * time.Millisecond},
		{2 * time.Second, 100 * time.Millisecond},
		{3 * time.Second, 500 * time.Millisecond},
		{5 * time.Second, 500 * time.Millisecond},
	} {
		team := newTeam("P", "Q")
		for n := range 200 {
			watts := [2]int{2000, 500}
			if n%2 == 1 {
				watts = [2]int{1000, 1500}
			}
			for i := range 2 {
				p := testPoll{watts: watts[i], peak: 2000}.poll()
				p.interval = tt.interval
				p.at = noon.Add(time.Duration(n)*tt.near + time.Duration(i)*5*time.Millisecond)
				p.reading.at = p.at
				for _, e := range judgePoll(&team, i, p) {
					if e.kind == eventAbove {
						t.Fatalf("interval %s, near %s, reading %d: %s", tt.interval, tt.near, n, eventText(e))
					}
				}
			}
		}
	}
}

// eventLines formats an event for a table: the second, the text in the log and
// how it is reported, then the remark in the chat on separate lines.
func eventLines(e event) string {
	text := fmt.Sprintf("%d %s: %s", int(e.at.Sub(noon).Seconds()), eventSubject(e), eventText(e))
	text = strings.ReplaceAll(text, ": a spike", ":\n| a spike") // as it would be too long
	switch {
	case e.logOnly:
		text += " (log only)"
	case e.silent:
		text += " (silent)"
	}
	if more := eventRemark(e); more != "" {
		text += "\n| " + strings.ReplaceAll(more, "; ", ";\n| ")
	}
	return text
}

// tableLines returns the lines of a table without their indentation.
func tableLines(text string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

func TestJudge(t *testing.T) {
	tests := map[string]struct {
		pdus        []string // nil for a single PDU, P
		polls, want string
	}{
		"under the limit": {
			polls: `
				0 1000 1200
				2 3000 3000`,
		},
		"a crossing": {
			polls: `
				0 2900 2900
				2 3120 3120
				4 3200 3240
				8 3010 3240
				14 3000 3240`,
			want: `
				2 P(.102): Above power limit (3120 W)!
				14 P(.102): Back under power limit after 12 s, at most 3240 W (silent)`,
		},
		"a second one, lower": {
			polls: `
				0 2900 2900
				2 3500 3500
				4 2000 3500
				90 3100 3500
				92 2000 3500`,
			want: `
				2 P(.102): Above power limit (3500 W)!
				4 P(.102): Back under power limit after 2 s, at most 3500 W (silent)
				90 P(.102): Above power limit (3100 W)!
				92 P(.102): Back under power limit after 2 s, at most 3100 W (silent)`,
		},
		"a spike": {
			polls: `
				0 2900 2900
				2 2900 3360
				4 2900 3360`,
			want: `
				2 P(.102): Above power limit (3360 W)!
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:00:01
				2 P(.102): Back under power limit after 0 s, at most 3360 W:
				| a spike, by the PDU's own clock at 2026-06-15 12:00:01 (log only)`,
		},
		"a spike, and now just at the limit": {
			polls: `
				0 2900 2900
				2 3000 3010
				4 3000 3010`,
			want: `
				2 P(.102): Above power limit (3010 W)!
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:00:01
				2 P(.102): Back under power limit after 0 s, at most 3010 W:
				| a spike, by the PDU's own clock at 2026-06-15 12:00:01 (log only)`,
		},
		"another within a minute, and after it": {
			polls: `
				0 2900 2900
				2 3100 3100
				4 2900 3100
				6 3100 3100
				8 2900 3100
				66 3100 3100`,
			want: `
				2 P(.102): Above power limit (3100 W)!
				4 P(.102): Back under power limit after 2 s, at most 3100 W (silent)
				6 P(.102): Above power limit (3100 W)! (silent)
				8 P(.102): Back under power limit after 2 s, at most 3100 W (silent)
				66 P(.102): Above power limit (3100 W)!`,
		},
		"a spike at the end of a crossing is part of it": {
			polls: `
				0 3100 3100
				2 2000 3700`,
			want: `
				0 P(.102): Above power limit (3100 W)!
				2 P(.102): Back under power limit after 2 s, at most 3700 W (silent)`,
		},
		"a register that stood at the start": {
			polls: `
				0 2000 3660
				2 2000 3660`,
			want: `
				0 P(.102): Peak stood at 3660 W at the start
				| by the PDU's own clock at 2026-06-15 11:59:59`,
		},
		"above at the start": {
			polls: `
				0 3100 3100`,
			want: `
				0 P(.102): Above power limit (3100 W)!`,
		},
		"both at the start": {
			polls: `
				0 3100 3660
				2 2900 3660`,
			want: `
				0 P(.102): Peak stood at 3660 W at the start
				| by the PDU's own clock at 2026-06-15 11:59:59
				0 P(.102): Above power limit (3100 W)!
				2 P(.102): Back under power limit after 2 s, at most 3100 W (silent)`,
		},
		"two lost answers": {
			polls: `
				0 2000 2000
				2 lost
				4 lost
				6 2000 2000`,
		},
		"two, for long, then a third": {
			polls: `
				0 2000 2000
				4 lost
				8 lost
				12 lost`,
			want: `
				12 P(.102): Out of reach since 12:00:00 (silent)
				| no answer`,
		},
		"three, soon": {
			polls: `
				0 2000 2000
				1 lost
				2 lost
				3 lost`,
		},
		"a spike behind a lost answer": {
			polls: `
				0 2000 2000
				2 lost
				4 2000 3100`,
			want: `
				4 P(.102): Above power limit (3100 W)!
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:00:03
				4 P(.102): Back under power limit after 0 s, at most 3100 W:
				| a spike, by the PDU's own clock at 2026-06-15 12:00:03 (log only)`,
		},
		"out of reach, and under the limit": {
			polls: `
				0 2000 2500
				2 lost
				4 lost
				6 lost
				8 lost
				80 2000 2600`,
			want: `
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no answer
				80 P(.102): Answers again after 80 s; it stayed under the limit, its peak is 2600 W (silent)`,
		},
		"out of reach, and above": {
			polls: `
				0 2000 2500
				2 lost
				4 lost
				6 lost
				80 2000 3660`,
			want: `
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no answer
				80 P(.102): Answers again after 80 s; its peak rose to 3660 W (silent)
				80 P(.102): Above power limit (3660 W)!
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:01:19
				80 P(.102): Back under power limit after 0 s, at most 3660 W:
				| a spike, by the PDU's own clock at 2026-06-15 12:01:19 (log only)`,
		},
		"out of reach, and cleared": {
			polls: `
				0 2000 2500
				2 lost
				4 lost
				6 lost
				80 2000 2100 reset=5`,
			want: `
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no answer
				80 P(.102): Answers again after 80 s; its peak was reset meanwhile, so that nothing can be said (silent)`,
		},
		"out of reach under a high register": {
			polls: `
				0 3500 3500
				2 2000 3500
				4 lost
				6 lost
				8 lost
				80 2000 3500`,
			want: `
				0 P(.102): Above power limit (3500 W)!
				2 P(.102): Back under power limit after 2 s, at most 3500 W (silent)
				8 P(.102): Out of reach since 12:00:02 (silent)
				| no answer
				80 P(.102): Answers again after 78 s; its peak stayed at 3500 W, what was below that is not known (silent)`,
		},
		"out of reach while above": {
			polls: `
				0 3100 3100
				2 lost
				4 lost
				6 lost
				20 2000 3400`,
			want: `
				0 P(.102): Above power limit (3100 W)!
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no answer
				20 P(.102): Answers again after 20 s; its peak rose to 3400 W (silent)
				20 P(.102): Back under power limit after 20 s, at most 3400 W, 20 s of it without readings (silent)`,
		},
		"dead from the start": {
			polls: `
				0 lost
				2 lost
				4 lost
				6 lost
				80 2000 2000`,
			want: `
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no answer
				80 P(.102): Answers again after 80 s; its peak tells nothing of that time (silent)`,
		},
		"no power meter": {
			polls: `
				0 nometer
				2 nometer
				4 nometer
				60 nometer`,
		},
		"reset by somebody": {
			polls: `
				0 2000 2500
				2 2000 2000 reset=9
				4 2000 2000 reset=9`,
			want: `
				2 P(.102): Peak reset by somebody else, 2500 W -> 2000 W (silent)`,
		},
		"reset and risen at once": {
			polls: `
				0 2000 2500
				2 2600 2600 reset=9
				4 2600 2600 reset=9
				6 2600 2600 reset=9
				8 2600 2600 reset=9`,
			want: `
				6 P(.102): Peak reset by somebody else, 2500 W -> 2600 W (silent)`,
		},
		"reset, the start time one poll before the peak": {
			polls: `
				0 1500 2800
				2 1500 2800 reset=9
				4 1500 1500 reset=9
				6 1500 1500 reset=9`,
			want: `
				4 P(.102): Peak reset by somebody else, 2800 W -> 1500 W (silent)`,
		},
		"reset, the peak one poll before the start time": {
			polls: `
				0 1500 2800
				2 1500 1500
				4 1500 1500 reset=9
				6 1500 1500 reset=9`,
			want: `
				4 P(.102): Peak reset by somebody else, 2800 W -> 1500 W (silent)`,
		},
		"reset, a lost answer in between": {
			polls: `
				0 1500 2800
				2 1500 2800 reset=9
				4 lost
				6 1500 1500 reset=9`,
			want: `
				6 P(.102): Peak reset by somebody else, 2800 W -> 1500 W (silent)`,
		},
		"reset with the load at the peak: only the start time moves": {
			polls: `
				0 2800 2800
				2 2800 2800 reset=9
				4 2800 2800 reset=9
				6 2800 2800 reset=9
				8 2800 2800 reset=9`,
			want: `
				6 P(.102): Peak reset by somebody else, 2800 W -> 2800 W (silent)`,
		},
		"reset twice": {
			polls: `
				0 1500 2800
				2 1500 1500 reset=9
				4 1600 1600 reset=9
				6 1500 1500 reset=10
				8 1500 1500 reset=10`,
			want: `
				2 P(.102): Peak reset by somebody else, 2800 W -> 1500 W (silent)
				6 P(.102): Peak reset by somebody else, 1600 W -> 1500 W (silent)`,
		},
		"reset, without a start time": {
			polls: `
				0 1500 2800 undated
				2 1500 1500 undated
				4 1500 1500 undated`,
			want: `
				2 P(.102): Peak reset by somebody else, 2800 W -> 1500 W (silent)`,
		},
		"reset by the bot, the start time first": {polls: `
				0 1500 2800
				2 1500 2800 reset=9 own
				4 1500 1500 reset=9
				6 1500 1500 reset=9`},
		"reset by the bot, the peak first": {polls: `
				0 1500 2800
				2 1500 1500
				4 1500 1500 reset=9 own
				6 1500 1500 reset=9`},
		"reset by the bot with the load at the peak": {polls: `
				0 2800 2800
				2 2800 2800 reset=9 own
				4 2800 2800 reset=9
				6 2800 2800 reset=9
				8 2800 2800 reset=9`},
		"reset by the bot, then by somebody": {
			polls: `
				0 1500 2800
				2 1500 1500 reset=9 own
				4 1600 1600 reset=9
				6 1500 1500 reset=10`,
			want: `
				6 P(.102): Peak reset by somebody else, 1600 W -> 1500 W (silent)`,
		},
		"reset while out of reach, the start time first": {
			polls: `
				0 1500 2800
				2 lost
				4 lost
				6 lost
				8 1500 2800 reset=9
				10 1500 1500 reset=9
				12 1500 1500 reset=9`,
			want: `
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no answer
				8 P(.102): Answers again after 8 s; its peak was reset meanwhile, so that nothing can be said (silent)`,
		},
		"out of reach, without a start time": {
			polls: `
				0 1500 1500 undated
				2 lost
				4 lost
				6 lost
				8 1500 1600 undated`,
			want: `
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no answer
				8 P(.102): Answers again after 8 s; its peak tells nothing of that time (silent)`,
		},
		"out of reach, without a register": {
			polls: `
				0 1500 -
				2 lost
				4 lost
				6 lost
				8 1500 -`,
			want: `
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no answer
				8 P(.102): Answers again after 8 s; its peak tells nothing of that time (silent)`,
		},
		"out of reach, one of two": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1000 1000
				0 r 1000 1000
				2 r lost
				4 r lost
				6 r lost
				8 r 1000 1100`,
			want: `
				6 Team r(.103): Out of reach since 12:00:00 (silent)
				| no answer
				8 Team r(.103): Answers again after 8 s; its peak is 1100 W (silent)`,
		},
		"sysUpTime wraps": {polls: `
				0 1500 1500 uptime=4294967200
				2 1500 1500 uptime=104`},
		"sysUpTime wraps during lost answers": {polls: `
				0 1500 1500 uptime=4294967200
				4 lost
				8 lost
				30 1500 1500 uptime=2904`},
		"the card restarted long before sysUpTime wraps": {
			polls: `
				0 1500 1500 uptime=2294967200
				2 1500 1500 uptime=104`,
			want: `
				2 P(.102): The PDU's card was restarted (silent)`,
		},
		"the card restarted after an hour": {
			polls: `
				0 1500 1500 uptime=360000
				60 1500 1500 uptime=1000
				62 1500 1500 uptime=1200`,
			want: `
				60 P(.102): The PDU's card was restarted (silent)`,
		},
		"no uptime": {polls: `
				0 1500 1500 uptime=5000
				2 1500 1500 uptime=-1
				4 1500 1500 uptime=400`},
		"reset while above": {
			polls: `
				0 3500 3500
				2 3100 3100 reset=9
				4 2000 3100 reset=9`,
			want: `
				0 P(.102): Above power limit (3500 W)!
				2 P(.102): Peak reset by somebody else, 3500 W -> 3100 W (silent)
				4 P(.102): Back under power limit after 4 s, at most 3500 W (silent)`,
		},
		"reset by the bot": {
			polls: `
				0 2000 2500
				2 2000 2000 reset=9 own`,
		},
		"reset between two values of an answer": {
			polls: `
				0 3500 3500
				2 2000 3500
				4 2000 3500 reset=9 own
				6 2000 2000 reset=9 own`,
			want: `
				0 P(.102): Above power limit (3500 W)!
				2 P(.102): Back under power limit after 2 s, at most 3500 W (silent)`,
		},
		"reset, then a spike": {
			polls: `
				0 2000 3700
				2 2000 3100 reset=9 own`,
			want: `
				0 P(.102): Peak stood at 3700 W at the start
				| by the PDU's own clock at 2026-06-15 11:59:59
				2 P(.102): Above power limit (3100 W)!
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:00:01
				2 P(.102): Back under power limit after 0 s, at most 3100 W:
				| a spike, by the PDU's own clock at 2026-06-15 12:00:01 (log only)`,
		},
		"the card restarted": {
			polls: `
				0 2000 2500 uptime=9999
				2 2000 2500`,
			want: `
				2 P(.102): The PDU's card was restarted (silent)`,
		},
		"no register": {
			polls: `
				0 2000 -
				2 3100 -
				4 2000 3200
				6 2000 -
				8 2000 3300`,
			want: `
				2 P(.102): Above power limit (3100 W)!
				4 P(.102): Peak stood at 3200 W at the start
				| by the PDU's own clock at 2026-06-15 12:00:03
				4 P(.102): Back under power limit after 2 s, at most 3100 W (silent)
				8 P(.102): Above power limit (3300 W)! (silent)
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:00:07
				8 P(.102): Back under power limit after 0 s, at most 3300 W:
				| a spike, by the PDU's own clock at 2026-06-15 12:00:07 (log only)`,
		},
		"two PDUs together": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1000 1000
				0 r 1000 1000
				2 l 2100 2100
				2 r 1000 1000
				4 l 2100 2100
				4 r 950 1000
				6 l 2100 2100
				6 r 900 1000`,
			want: `
				2 Team(.102+.103): Above power limit (3100 W)!
				6 Team(.102+.103): Back under power limit after 4 s, at most 3100 W (silent)`,
		},
		"possibly": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1000 1000
				0 r 1000 1000
				2 l 1000 1600
				2 r 1000 1600
				4 l 1000 1700`,
			want: `
				2 Team(.102+.103): Possibly above power limit (3200 W)
				| that is the sum of its PDUs' peaks, which need not have been at the same time`,
		},
		"one PDU's spike is the team's": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1000 1000
				0 r 1000 1000
				2 l 1000 3100`,
			want: `
				2 Team(.102+.103): Above power limit (3100 W)!
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:00:01
				2 Team(.102+.103): Back under power limit after 0 s, at most 3100 W:
				| a spike, by the PDU's own clock at 2026-06-15 12:00:01 (log only)`,
		},
		"the others are a lower bound": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 2000 2000
				0 r lost
				3 r lost
				6 r lost
				8 l 3100 3100
				10 l 2000 3100`,
			want: `
				6 Team r(.103): Out of reach since 12:00:00 (silent)
				| no answer
				8 Team(.102+.103): Above power limit (3100 W)!
				10 Team(.102+.103): Back under power limit after 2 s, at most 3100 W (silent)`,
		},
		"a PDU lost while above counts no more after that": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 2000 2000
				0 r 1500 1500
				2 l lost
				4 l lost
				6 l lost
				8 r 900 1500
				900 r 1100 1500`,
			want: `
				0 Team(.102+.103): Above power limit (3500 W)!
				6 Team l(.102): Out of reach since 12:00:00 (silent)
				| no answer
				8 Team(.102+.103): Back under power limit after 8 s, at most 3500 W, 8 s of it without readings (silent)`,
		},
		"possibly, and more so": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1000 1000
				0 r 1000 1000
				2 l 1000 2100
				2 r 1000 1000
				4 l 1000 2110
				4 r 1000 1000
				6 l 1000 2600
				6 r 1000 1000`,
			want: `
				2 Team(.102+.103): Possibly above power limit (3100 W)
				| that is the sum of its PDUs' peaks, which need not have been at the same time
				6 Team(.102+.103): Possibly above power limit (3600 W)
				| that is the sum of its PDUs' peaks, which need not have been at the same time`,
		},
		"out of reach, then without a meter": {
			polls: `
				0 lost
				3 lost
				6 lost
				8 nometer
				10 lost
				12 lost
				14 lost`,
			want: `
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no answer
				14 P(.102): Out of reach since 12:00:08 (silent)
				| no answer`,
		},
		"load that moves from one PDU to another": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1500 2900
				0 r 1400 2900
				2 l 2900 2900
				2 r 0 2900
				4 r 2900 2900
				4 l 0 2900`,
			want: `
				0 Team(.102+.103): Possibly above power limit (5800 W)
				| that is the sum of its PDUs' peaks, which need not have been at the same time`,
		},
		"load that moves while above": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1800 3300
				0 r 1500 3300
				2 l 3300 3300
				2 r 0 3300
				4 r 3300 3300
				4 l 0 3300
				6 l 1000 3300
				6 r 1000 3300`,
			want: `
				0 Team l(.102): Peak stood at 3300 W at the start
				| by the PDU's own clock at 2026-06-15 11:59:59
				0 Team r(.103): Peak stood at 3300 W at the start
				| by the PDU's own clock at 2026-06-15 11:59:59
				0 Team(.102+.103): Above power limit (3300 W)!
				6 Team(.102+.103): Back under power limit after 6 s, at most 3300 W (silent)`,
		},
		"load that moves to a PDU when the other one dies": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1400 1400
				0 r 1400 1400
				2 l 2800 2800
				2 r lost
				4 l 2800 2800
				4 r lost
				6 l 2800 2800
				6 r lost
				8 l 2800 2800`,
			want: `
				6 Team r(.103): Out of reach since 12:00:00 (silent)
				| no answer
				8 Team(.102+.103): Possibly above power limit (4200 W)
				| that is the sum of its PDUs' peaks, which need not have been at the same time`,
		},
		"readings a second apart prove a crossing that lasts": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1400 1400
				1 r 1400 1400
				2 l 1700 1700
				3 r 1700 1700
				4 l 1700 1700
				5 r 1200 1700
				6 l 1700 1700
				7 r 1200 1700`,
			want: `
				3 Team(.102+.103): Above power limit (3100 W)!
				6 Team(.102+.103): Back under power limit after 3 s, at most 3400 W (silent)`,
		},
		"a register that catches up with a crossing": {
			polls: `
				0 2000 2000
				2 3200 -
				4 2000 -
				6 2000 3200
				8 3300 3200
				10 2000 3200
				12 2000 3300`,
			want: `
				2 P(.102): Above power limit (3200 W)!
				4 P(.102): Back under power limit after 2 s, at most 3200 W (silent)
				8 P(.102): Above power limit (3300 W)! (silent)
				10 P(.102): Back under power limit after 2 s, at most 3300 W (silent)`,
		},
		"a register that is first read after a crossing": {
			polls: `
				0 3200 -
				2 2000 3200`,
			want: `
				0 P(.102): Above power limit (3200 W)!
				2 P(.102): Back under power limit after 2 s, at most 3200 W (silent)`,
		},
		"reset, and as high again": {
			polls: `
				0 2000 3200
				2 2000 3200 reset=9
				4 2000 3200 reset=9
				6 2000 3200 reset=9
				8 2000 3200 reset=9`,
			want: `
				0 P(.102): Peak stood at 3200 W at the start
				| by the PDU's own clock at 2026-06-15 11:59:59
				6 P(.102): Peak reset by somebody else, 3200 W -> 3200 W (silent)
				6 P(.102): Above power limit (3200 W)!
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:00:05
				6 P(.102): Back under power limit after 0 s, at most 3200 W:
				| a spike, by the PDU's own clock at 2026-06-15 12:00:05 (log only)`,
		},
		"one PDU alone is above when the other's answer is lost": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 500 500
				0 r 1000 1000
				2 l lost
				2 r 3200 3200
				4 r 1000 3200
				4 l 500 500`,
			want: `
				2 Team(.102+.103): Above power limit (3200 W)!
				4 Team(.102+.103): Back under power limit after 2 s, at most 3200 W (silent)`,
		},
		"a spike of the first of two PDUs": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1000 1000
				0 r 1000 1000
				2 l 1000 3200
				2 r 1000 1000
				4 l 1000 3200
				4 r 1000 1000`,
			want: `
				2 Team(.102+.103): Above power limit (3200 W)!
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:00:01
				2 Team(.102+.103): Back under power limit after 0 s, at most 3200 W:
				| a spike, by the PDU's own clock at 2026-06-15 12:00:01 (log only)`,
		},
		"possibly, and again after a reset": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1000 1900
				0 r 1000 2000
				2 l 1000 1900
				2 r 1000 1200 reset=9 own
				4 l 1000 1900
				4 r 1000 2100 reset=9`,
			want: `
				0 Team(.102+.103): Possibly above power limit (3900 W)
				| that is the sum of its PDUs' peaks, which need not have been at the same time
				4 Team(.102+.103): Possibly above power limit (4000 W)
				| that is the sum of its PDUs' peaks, which need not have been at the same time`,
		},
		"a PDU that died before the crossing": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 1000 1000
				0 r 1000 1000
				2 r lost
				4 r lost
				6 r lost
				40 l 3100 3100
				42 l 3100 3100
				44 r 1000 1000
				44 l 1000 3100`,
			want: `
				6 Team r(.103): Out of reach since 12:00:00 (silent)
				| no answer
				40 Team(.102+.103): Above power limit (3100 W)!
				44 Team r(.103): Answers again after 44 s; its peak is 1000 W (silent)
				44 Team(.102+.103): Back under power limit after 4 s, at most 3100 W (silent)`,
		},
		"a PDU that dies while the other one alone is above": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 3100 3100
				0 r 1000 1000
				2 l 3100 3100
				2 r lost
				4 l 3100 3100
				4 r lost
				6 l 3100 3100
				6 r lost
				8 l 3100 3100
				10 l 1000 3100`,
			want: `
				0 Team(.102+.103): Above power limit (3100 W)!
				6 Team r(.103): Out of reach since 12:00:00 (silent)
				| no answer
				10 Team(.102+.103): Back under power limit after 10 s, at most 4100 W (silent)`,
		},
		"reset during a crossing that ends soon": {
			polls: `
				0 3200 3200
				2 3200 3200 reset=9
				4 2000 3200 reset=9
				6 2000 3200 reset=9`,
			want: `
				0 P(.102): Above power limit (3200 W)!
				4 P(.102): Back under power limit after 4 s, at most 3200 W (silent)
				6 P(.102): Peak reset by somebody else, 3200 W -> 3200 W (silent)`,
		},
		"the PDU's clock is set": {
			polls: `
				0 2000 3200
				2 2000 3200 reset=9 peaked=539
				4 2000 3200 reset=9 peaked=539
				6 2000 3200 reset=9 peaked=539`,
			want: `
				0 P(.102): Peak stood at 3200 W at the start
				| by the PDU's own clock at 2026-06-15 11:59:59
				6 P(.102): Peak reset by somebody else, 3200 W -> 3200 W (silent)`,
		},
		"a meter that fails while above": {
			polls: `
				0 3100 3100
				2 nometer
				4 nometer
				6 nometer
				30 2000 3100`,
			want: `
				0 P(.102): Above power limit (3100 W)!
				6 P(.102): Out of reach since 12:00:00 (silent)
				| no power meter
				30 P(.102): Answers again after 30 s; its peak stayed at 3100 W, what was below that is not known (silent)
				30 P(.102): Back under power limit after 30 s, at most 3100 W, 30 s of it without readings (silent)`,
		},
		"silent after the bot's own reset": {
			polls: `
				0 2000 2500
				3 lost own
				6 lost own
				9 lost own
				10 2000 2000 reset=9 own
				12 2000 2000 reset=9`,
		},
		"silent for long after the bot's own reset": {
			polls: `
				0 2000 2500
				10 lost own
				20 lost own
				30 lost own`,
			want: `
				30 P(.102): Out of reach since 12:00:00 (silent)
				| no answer`,
		},
		"first read long after the start": {
			polls: `
				0 lost
				3 lost
				20 2000 3300`,
			want: `
				20 P(.102): Peak stood at 3300 W at the first reading, 20 s after the start
				| by the PDU's own clock at 2026-06-15 12:00:19`,
		},
		"a PDU lost while above ends nothing": {
			pdus: []string{"l", "r"},
			polls: `
				0 l 2000 2000
				0 r 1500 1500
				2 r lost
				4 r lost
				6 r lost
				8 l 2000 2000
				10 l 1500 2000`,
			want: `
				0 Team(.102+.103): Above power limit (3500 W)!
				6 Team r(.103): Out of reach since 12:00:00 (silent)
				| no answer
				10 Team(.102+.103): Back under power limit after 10 s, at most 3500 W, 10 s of it without readings (silent)`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.pdus == nil {
				tt.pdus = []string{"P"}
			}
			got := judgeTable(t, tt.pdus, tt.polls)
			if want := strings.Join(tableLines(tt.want), "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// judgeTable judges the polls in a table and returns the events as lines. It
// fails the test if judge changes the state that is passed to it.
func judgeTable(t *testing.T, pdus []string, polls string) string {
	t.Helper()
	team := newTeam(pdus...)
	var lines []string
	for _, line := range tableLines(polls) {
		p, err := parsePoll(line, pdus)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range judgePoll(&team, p.pdu, p.poll()) {
			lines = append(lines, eventLines(e))
		}
	}
	return strings.Join(lines, "\n")
}

// TestSound covers alerts for a team that keeps crossing: they have a sound if
// the last one with a sound is at least a minute ago.
func TestSound(t *testing.T) {
	tests := map[string]struct {
		every     int // seconds between the crossings in an hour
		crossings int
		sounds    int
	}{
		"every 50 s":  {50, 72, 36},
		"every 10 s":  {10, 360, 60},
		"every 60 s":  {60, 60, 60},
		"every 5 min": {300, 12, 12},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			team := newTeam("P")
			var alerts []event
			for second := 0; second < 3600; second += tt.every {
				above := testPoll{second: second, watts: 3100, peak: 3100}.poll()
				alerts = append(alerts, judgePoll(&team, 0, above)...)
				judgePoll(&team, 0, testPoll{second: second + 2, watts: 2000, peak: 3100}.poll())
			}
			crossings, sounds := 0, 0
			for _, e := range alerts {
				if e.kind != eventAbove {
					continue
				}
				crossings++
				if !e.silent {
					sounds++
				}
			}
			if crossings != tt.crossings || sounds != tt.sounds {
				t.Errorf("%d crossings, %d with a sound; want %d and %d", crossings, sounds, tt.crossings, tt.sounds)
			}
		})
	}
}

// A simulatedRegister turns bytes into polls for FuzzJudge.
type simulatedRegister struct {
	peak, reset int
	late        bool // the peak shows its reset only in the next reading
}

// next returns the poll that two bytes stand for.
func (r *simulatedRegister) next(second int, a, b byte) testPoll {
	if a == 0 {
		return testPoll{second: second, err: errNoAnswer}
	}
	watts := int(a) * 50
	if r.late {
		r.peak, r.late = 0, false
	}
	switch b & 15 {
	case 7:
		r.peak, r.reset = 0, r.reset+1
	case 8:
		r.reset, r.late = r.reset+1, true
	}
	r.peak = max(r.peak, watts)
	if !r.late {
		r.peak = max(r.peak, int(b)*30)
	}
	return testPoll{second: second, watts: watts, peak: r.peak, reset: r.reset}
}

// fuzzedStep is the time between two fuzzed polls, in seconds.
const fuzzedStep = 2

// fuzzedPolls returns the polls that bytes stand for, followed by some until
// the last reset has settled.
func fuzzedPolls(data []byte) (polls []testPoll) {
	var register simulatedRegister
	for i := 0; i+1 < len(data) && i < 400; i += 2 {
		polls = append(polls, register.next(len(polls)*fuzzedStep, data[i], data[i+1]))
	}
	for range settleReadings + 1 {
		polls = append(polls, register.next(len(polls)*fuzzedStep, 20, 0))
	}
	return polls
}

// A verdict sums up a history of polls.
type verdict struct {
	crossings, spikes, ends int
	highest                 int
	total                   time.Duration
}

// count counts an event.
func (v *verdict) count(e event) {
	switch {
	case e.kind == eventAbove && e.spike:
		v.spikes++
	case e.kind == eventAbove:
		v.crossings++
	case e.kind == eventBack && !e.logOnly:
		v.ends++
	}
}

// reportsReset reports whether an event is about a reset of the peak.
func reportsReset(e event) bool {
	return e.kind == eventReset || e.kind == eventReachable && e.evidence == provesReset
}

// countResetSigns counts the readings that show a reset: one or two for each
// reset.
func countResetSigns(readings []testPoll) (signs int) {
	for i := 1; i < len(readings); i++ {
		if readings[i].reset != readings[i-1].reset || readings[i].peak < readings[i-1].peak {
			signs++
		}
	}
	return signs
}

// countRenewals counts the resets after which the peak is as high as before, and
// above the limit: that may be another spike.
func countRenewals(readings []testPoll, limit int) (n int) {
	for i := 1; i < len(readings); i++ {
		b, before := readings[i], readings[i-1]
		if b.reset != before.reset && b.peak == before.peak && b.peak > limit {
			n++
		}
	}
	return n
}

// judgeHistory judges all readings of a PDU at once.
func judgeHistory(readings []testPoll, limit int) (v verdict) {
	opened := 0
	for i, b := range readings {
		if gap := b.second - readings[max(i-1, 0)].second; gap > unreachableAfter*fuzzedStep {
			opened += gap // without readings
		}
		wasAbove := i > 0 && readings[i-1].watts > limit
		rose := i > 0 && b.peak > limit && b.peak != readings[i-1].peak
		switch {
		case b.watts > limit && !wasAbove:
			v.crossings++
			opened = b.second
		case b.watts <= limit && wasAbove:
			v.ends++
			v.total += time.Duration(b.second-opened) * time.Second
		case b.watts <= limit && rose:
			v.spikes++
		}
		if b.watts > limit {
			v.highest = max(v.highest, b.watts)
		}
		if rose {
			v.highest = max(v.highest, b.peak)
		}
	}
	return v
}

// judgeFuzzed judges polls of a single PDU one by one. It returns the team
// afterwards, the verdict and the number of resets reported.
func judgeFuzzed(t *testing.T, polls []testPoll) (after team, got verdict, resets int) {
	t.Helper()
	after = newTeam("P")
	for _, p := range polls {
		for _, e := range judgePoll(&after, 0, p.poll()) {
			got.count(e)
			if reportsReset(e) {
				resets++
			}
		}
		if after.total < 0 {
			t.Fatalf("a total of %v", after.total)
		}
	}
	got.highest, got.total = after.highest, after.total
	return after, got, resets
}

// FuzzJudge compares judge, which keeps a little state, with a model that looks
// at the whole history. A reset of the peak must be reported once.
func FuzzJudge(f *testing.F) {
	f.Add([]byte("\x10\x10\x30\x40\x20\x10\x00\x00\x20\x60"))
	f.Add([]byte("\x40\x10\x00\x00\x00\x00\x00\x00\x10\x70"))
	f.Add([]byte("\x40\x10\x20\x18\x20\x10\x20\x10\x20\x17\x20\x10"))
	f.Add([]byte("\x40\x10\x00\x00\x00\x00\x00\x00\x10\x78\x10\x10\x10\x10"))
	f.Fuzz(func(t *testing.T, data []byte) {
		polls := fuzzedPolls(data)
		team, got, resets := judgeFuzzed(t, polls)
		readings := slices.DeleteFunc(polls, func(p testPoll) bool { return p.err != nil })
		want := judgeHistory(readings, 3000)
		renewals, again := countRenewals(readings, 3000), got.spikes-want.spikes
		if renewals > 0 && 0 <= again && again <= renewals {
			want.spikes, want.highest = got.spikes, max(want.highest, got.highest)
		}
		if got != want || team.crossings != want.crossings+want.spikes {
			t.Errorf("got %+v, %d crossings counted; want %+v", got, team.crossings, want)
		}
		// A reset that shows half before and half after an outage counts once.
		counted, signs := team.pdus[0].resets, countResetSigns(readings)
		inOrder := counted <= resets && resets <= signs
		if !inOrder || (counted > 0) != (signs > 0) {
			t.Errorf("%d resets reported, %d counted, %d signs of them", resets, counted, signs)
		}
	})
}

// FuzzJudgeTeam judges polls of a team with three PDUs, at any times: crossings
// begin and end in turns, are never longer than they can be, and the time above
// the limit never decreases.
func FuzzJudgeTeam(f *testing.F) {
	f.Add([]byte("\x00\x40\x01\x40\x02\x40\x30\x10\x31\x10\x32\x10"))
	f.Add([]byte("\x00\x80\x11\x00\x11\x00\x11\x00\x11\x00\x10\x10\x11\x10"))
	f.Fuzz(func(t *testing.T, data []byte) {
		team, now, above, total := newTeam("a", "b", "c"), noon, false, time.Duration(0)
		for i := 0; i+1 < len(data) && i < 400; i += 2 {
			what, watts := data[i], 20*int(data[i+1])
			now = now.Add([]time.Duration{20 * time.Millisecond, 500 * time.Millisecond, 3 * time.Second}[what/16%3])
			p := poll{at: now, reading: reading{watts: watts, peak: -1, uptime: -1, asked: now, at: now}}
			if watts == 0 {
				p = poll{at: now, err: errNoAnswer}
			}
			for _, e := range judgePoll(&team, int(what%3), p) {
				begins, ends := e.kind == eventAbove, e.kind == eventBack
				if begins && above || ends && !above || ends && (e.unseen < 0 || e.unseen > e.duration || e.watts <= 3000) {
					t.Fatalf("got %+v, above before: %t", e, above)
				}
				above = begins || above && !ends
			}
			if team.above != above || team.timeAbove() < total {
				t.Fatalf("above %t, %v above, before %v", team.above, team.timeAbove(), total)
			}
			total = team.timeAbove()
		}
	})
}

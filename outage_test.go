package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// An outageFixture passes polls of several teams to judge and outage, as the
// watch does.
type outageFixture struct {
	teams    []team
	interval time.Duration // of the polls; may be 0
	outage   outage
	lines    []string // of events in the chat
	logged   []string // of events in the log only
}

// newOutageFixture returns a fixture with teams of the given sizes. The teams
// are called A, B and so on; so are their PDUs, or A1 and A2 if a team has
// several.
func newOutageFixture(sizes ...int) *outageFixture {
	b := new(outageFixture)
	num := 1
	for i, size := range sizes {
		t := team{name: string(rune('A' + i))}
		for k := range size {
			name := t.name
			if size > 1 {
				name = fmt.Sprint(t.name, k+1)
			}
			p := pdu{num: num, unit: 1, name: name, team: t.name}
			t.pdus = append(t.pdus, status{pdu: p, err: errNoAnswer, since: noon, register: -1})
			num++
		}
		b.teams = append(b.teams, t)
	}
	return b
}

func (b *outageFixture) all(yield func(*status) bool) {
	for _, t := range b.teams {
		for i := range t.pdus {
			if !yield(&t.pdus[i]) {
				return
			}
		}
	}
}

// poll judges a poll of the PDU with a name.
func (b *outageFixture) poll(name, line string) error {
	for i, t := range b.teams {
		k := slices.IndexFunc(t.pdus, func(s status) bool { return s.name == name })
		if k < 0 {
			continue
		}
		testPoll, err := parsePoll(line, nil)
		if err != nil {
			return err
		}
		p := testPoll.poll()
		p.interval = b.interval
		events := judgePoll(&b.teams[i], k, p)
		for _, e := range b.outage.filter(events, b.all, &p) {
			if e.logOnly {
				b.logged = append(b.logged, eventLines(e))
			} else {
				b.lines = append(b.lines, eventLines(e))
			}
		}
		return nil
	}
	return fmt.Errorf("no PDU %q", name)
}

// polls judges a table of polls: the second, then the polls of the PDUs. A name
// that ends in * stands for all PDUs whose names begin with the rest.
func (b *outageFixture) polls(t *testing.T, table string) {
	t.Helper()
	for _, line := range tableLines(table) {
		second, rest, _ := strings.Cut(line, " ")
		for what := range strings.SplitSeq(rest, ",") {
			pattern, came, _ := strings.Cut(strings.TrimSpace(what), " ")
			prefix, many := strings.CutSuffix(pattern, "*")
			for s := range b.all {
				if s.name != pattern && !(many && strings.HasPrefix(s.name, prefix)) {
					continue
				}
				if err := b.poll(s.name, second+" "+came); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestOutage(t *testing.T) {
	tests := map[string]struct {
		teams    []int // how many PDUs each has
		interval time.Duration
		polls    string
		want     string // in the chat
	}{
		"one message for all": {
			teams: []int{1, 1, 1},
			polls: `
				0 * 1500 1500
				2 * lost
				4 * lost
				6 * lost
				8 * lost
				60 A 1500 1500, B 1500 1500, C 1500 1500`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				60 All PDUs: Answer again after 60 s (silent)
				| unless reported otherwise they stayed under the limit, as their peak registers prove`,
		},
		"a PDU near the limit shows it first": {
			teams:    []int{1, 1, 1},
			interval: 5 * time.Second,
			polls: `
				10 * 2900 2900
				11 A lost
				12 A lost
				15 * lost
				17 A lost
				20 * lost
				23 A lost
				25 * lost`,
			want: `
				23 All PDUs: Out of reach since 12:00:10 (silent)
				| check the bot's own network`,
		},
		"one of several": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 1500
				2 A lost, B 1500 1500
				4 A lost, B 1500 1500
				6 A lost, B 1500 1500`,
			want: `
				6 A(.1): Out of reach since 12:00:00 (silent)
				| no answer`,
		},
		"the only one": {
			teams: []int{1},
			polls: `
				0 A 1500 1500
				2 A lost
				4 A lost
				6 A lost`,
			want: `
				6 A(.1): Out of reach since 12:00:00 (silent)
				| no answer`,
		},
		"a crossing meanwhile": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 1500
				2 * lost
				4 * lost
				6 * lost
				60 A 1500 1500, B 1500 3300`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				60 B(.2): Answers again after 60 s; its peak rose to 3300 W (silent)
				60 B(.2): Above power limit (3300 W)!
				| a spike, over before it was seen;
				| by the PDU's own clock at 2026-06-15 12:00:59
				60 All PDUs: Answer again after 60 s (silent)
				| unless reported otherwise they stayed under the limit, as their peak registers prove`,
		},
		"one stray answer": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 1500
				2 * lost
				4 * lost
				6 * lost
				8 A 1500 1500, B lost
				10 * lost
				12 * lost
				14 * lost
				16 * lost
				18 * lost
				60 A 1500 1500, B 1500 1500`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				60 All PDUs: Answer again after 60 s (silent)
				| unless reported otherwise they stayed under the limit, as their peak registers prove`,
		},
		"stray answers of each": {
			teams: []int{1, 1, 1},
			polls: `
				0 * 1500 1500
				2 * lost
				4 * lost
				6 * lost
				8 A 1500 1500, B lost, C lost
				10 A lost, B 1500 1500, C lost
				12 A lost, B lost, C 1500 1500
				14 * lost
				16 * lost
				18 * lost
				20 * lost`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network`,
		},
		"a stray answer before all have been given up": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 1500
				2 * lost
				4 * lost
				6 A lost
				6 A 1500 1500
				6 B lost
				8 * lost
				10 * lost
				12 * lost`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network`,
		},
		"some are back": {
			teams: []int{1, 1, 1},
			polls: `
				0 * 1500 1500
				2 * lost
				4 * lost
				6 * lost
				60 A 1500 1500, B lost, C lost
				62 A 1500 1500, B lost, C lost
				64 A 1500 1500, B lost, C lost
				66 A 1500 1500, B lost, C lost`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				66 PDUs: Answer again after 60 s (silent)
				| unless reported otherwise they stayed under the limit, as their peak registers prove;
				| still out of reach (2): B(.2), C(.3)`,
		},
		"some are back, at a long interval": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 1500
				20 * lost
				40 * lost
				60 * lost
				80 A 1500 1500, B lost
				100 B lost, A 1500 1500
				120 B lost`,
			want: `
				60 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				100 PDUs: Answer again after 80 s (silent)
				| unless reported otherwise they stayed under the limit, as their peak registers prove;
				| still out of reach (1): B(.2)`,
		},
		"one stray answer at a long interval": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 1500
				20 * lost
				40 * lost
				60 * lost
				80 A 1500 1500, B lost
				90 B lost
				100 * lost`,
			want: `
				60 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network`,
		},
		"teams with several PDUs": {
			teams: []int{2, 1},
			polls: `
				0 * 1000 1000
				2 * lost
				4 * lost
				6 * lost
				60 * 1000 1000`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				60 All PDUs: Answer again after 60 s (silent)
				| under the limit all the time, as their peak registers prove: B(.3);
				| not known whether they stayed under the limit: A A1(.1), A A2(.2)`,
		},
		"without a register": {
			teams: []int{1, 1},
			polls: `
				0 A 1500 -, B 1500 1500
				2 * lost
				4 * lost
				6 * lost
				60 A 1500 -, B 1500 1500`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				60 All PDUs: Answer again after 60 s (silent)
				| under the limit all the time, as their peak registers prove: B(.2);
				| not known whether they stayed under the limit: A(.1)`,
		},
		"without a start time": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 1500 undated
				2 * lost
				4 * lost
				6 * lost
				60 * 1500 1500 undated`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				60 All PDUs: Answer again after 60 s (silent)
				| not known whether they stayed under the limit: A(.1), B(.2)`,
		},
		"proven at first, and not in the end": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 1500
				2 * lost
				4 * lost
				6 * lost
				8 A 1500 1500, B lost
				10 * lost
				12 * lost
				14 * lost
				16 * lost
				60 A 1500 1500 undated, B 1500 1500`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				60 All PDUs: Answer again after 60 s (silent)
				| under the limit all the time, as their peak registers prove: B(.2);
				| not known whether they stayed under the limit: A(.1)`,
		},
		"reset meanwhile": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 2500
				2 * lost
				4 * lost
				6 * lost
				60 A 1500 1500 reset=9, B 1500 2500`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				60 A(.1): Answers again after 60 s; its peak was reset meanwhile, so that nothing can be said (silent)
				60 All PDUs: Answer again after 60 s (silent)
				| unless reported otherwise they stayed under the limit, as their peak registers prove`,
		},
		"one without a power meter": {
			teams: []int{1, 1},
			polls: `
				0 A 1500 1500, B nometer
				2 A lost, B lost
				4 A lost, B lost
				6 A lost, B lost
				8 A lost, B nometer
				10 A lost, B nometer
				12 A lost, B nometer
				14 A lost, B nometer`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				14 PDUs: Answer again after 8 s (silent)
				| still out of reach (1): A(.1)`,
		},
		"twice": {
			teams: []int{1, 1},
			polls: `
				0 * 1500 1500
				2 * lost
				4 * lost
				6 * lost
				8 * 1500 1500
				10 * lost
				12 * lost
				14 * lost
				16 * 1500 1500`,
			want: `
				6 All PDUs: Out of reach since 12:00:00 (silent)
				| check the bot's own network
				8 All PDUs: Answer again after 8 s (silent)
				| unless reported otherwise they stayed under the limit, as their peak registers prove
				14 All PDUs: Out of reach since 12:00:08 (silent)
				| check the bot's own network
				16 All PDUs: Answer again after 8 s (silent)
				| unless reported otherwise they stayed under the limit, as their peak registers prove`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newOutageFixture(tt.teams...)
			b.interval = tt.interval
			b.polls(t, tt.polls)
			got, want := strings.Join(b.lines, "\n"), strings.Join(tableLines(tt.want), "\n")
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestOutageLog checks that the log has lines for each PDU during an outage.
func TestOutageLog(t *testing.T) {
	b := newOutageFixture(1, 1)
	b.polls(t, `
		0 * 1500 1500
		2 * lost
		4 * lost
		6 * lost
		60 * 1500 1500`)
	want := []string{
		"6 A(.1): Out of reach since 12:00:00 (log only)\n| no answer",
		"6 B(.2): Out of reach since 12:00:00 (log only)\n| no answer",
		"60 A(.1): Answers again after 60 s; it stayed under the limit, its peak is 1500 W (log only)",
		"60 B(.2): Answers again after 60 s; it stayed under the limit, its peak is 1500 W (log only)",
	}
	if !slices.Equal(b.logged, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(b.logged, "\n"), strings.Join(want, "\n"))
	}
}

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestEvents checks what is logged and said of every kind of event. Other
// programs read the log: its words must not change.
func TestEvents(t *testing.T) {
	var (
		at     = time.Date(2026, 6, 15, 10, 32, 7, 0, time.Local)
		since  = at.Add(-80 * time.Second)
		single = []pdu{{num: 101, unit: 1, name: "First", team: "First"}}
		rack   = []pdu{
			{num: 102, unit: 1, name: "left", team: "Second"},
			{num: 103, unit: 2, name: "right", team: "Second"},
		}
	)
	back := func(proof evidence, watts int) event {
		return event{kind: eventReachable, pdus: single, duration: 80 * time.Second, evidence: proof, watts: watts}
	}
	for name, tt := range map[string]struct {
		e                  event
		mark, line, remark string
	}{
		"above": {
			event{kind: eventAbove, team: "Second", pdus: rack, watts: 3120}, "🔴",
			"Second(.102+.103/2): Above power limit (3120 W)!", "",
		},
		"spike": {
			event{kind: eventAbove, team: "First", pdus: single, watts: 3500, spike: true, peakAt: at.Add(-time.Hour)},
			"🔴", "First(.101): Above power limit (3500 W)!",
			"a spike, over before it was seen; by the PDU's own clock at 2026-06-15 09:32:07",
		},
		"spike without a time": {
			event{kind: eventAbove, team: "First", pdus: single, watts: 3500, spike: true}, "🔴",
			"First(.101): Above power limit (3500 W)!", "a spike, over before it was seen; the PDU does not tell when",
		},
		"back": {
			event{kind: eventBack, team: "First", pdus: single, watts: 3500, duration: 61500 * time.Millisecond},
			"🟢", "First(.101): Back under power limit after 62 s, at most 3500 W", "",
		},
		"possibly": {
			event{kind: eventPossiblyAbove, team: "Second", pdus: rack, watts: 3001}, "🔴",
			"Second(.102+.103/2): Possibly above power limit (3001 W)",
			"that is the sum of its PDUs' peaks, which need not have been at the same time",
		},
		"unreachable": {
			event{kind: eventUnreachable, pdus: rack[1:], since: since, err: errors.New("no answer")}, "⚪",
			"Second right(.103/2): Out of reach since 10:30:47", "no answer",
		},
		"back, nothing known": {
			back(provesNothing, 0), "🟢",
			"First(.101): Answers again after 80 s; its peak tells nothing of that time", "",
		},
		"back, reset": {
			back(provesReset, 0), "🟢",
			"First(.101): Answers again after 80 s; its peak was reset meanwhile, so that nothing can be said", "",
		},
		"back, risen": {
			back(provesRise, 3300), "🟢",
			"First(.101): Answers again after 80 s; its peak rose to 3300 W", "",
		},
		"back, no higher": {
			back(provesNoHigher, 3300), "🟢",
			"First(.101): Answers again after 80 s; its peak stayed at 3300 W, what was below that is not known", "",
		},
		"back, PDU below": {
			back(provesPDUBelow, 900), "🟢",
			"First(.101): Answers again after 80 s; its peak is 900 W", "",
		},
		"back, below": {
			back(provesBelow, 900), "🟢",
			"First(.101): Answers again after 80 s; it stayed under the limit, its peak is 900 W", "",
		},
		"reset": {
			event{kind: eventReset, pdus: single, from: 3300, watts: 1500}, "🔁",
			"First(.101): Peak reset by somebody else, 3300 W -> 1500 W", "",
		},
		"high at the start": {
			event{kind: eventHighAtStart, pdus: single, watts: 3300}, "🔴",
			"First(.101): Peak stood at 3300 W at the start", "the PDU does not tell when",
		},
		"restarted": {
			event{kind: eventRestarted, pdus: single}, "🔁",
			"First(.101): The PDU's card was restarted", "",
		},
		"all unreachable": {
			event{kind: eventAllUnreachable, since: since}, "⚪",
			"All PDUs: Out of reach since 10:30:47", "check the bot's own network",
		},
		"all back, proven": {
			event{kind: eventAllReachable, duration: 80 * time.Second, proven: single}, "🟢",
			"All PDUs: Answer again after 80 s",
			"unless reported otherwise they stayed under the limit, as their peak registers prove",
		},
		"all back, some proven": {
			event{kind: eventAllReachable, duration: 80 * time.Second, proven: single, unproven: rack}, "🟢",
			"All PDUs: Answer again after 80 s",
			"under the limit all the time, as their peak registers prove: First(.101); " +
				"not known whether under the limit all the time: Second left(.102), Second right(.103/2)",
		},
		"all back, none proven": {
			event{kind: eventAllReachable, duration: 80 * time.Second, unproven: single}, "🟢",
			"All PDUs: Answer again after 80 s", "not known whether under the limit all the time: First(.101)",
		},
		"some back": {
			event{kind: eventAllReachable, duration: 80 * time.Second, proven: single, missing: rack}, "🟢",
			"PDUs: Answer again after 80 s",
			"unless reported otherwise they stayed under the limit, as their peak registers prove; " +
				"still out of reach (2): Second left(.102), Second right(.103/2)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := eventMark(tt.e); got != tt.mark {
				t.Errorf("mark %s, want %s", got, tt.mark)
			}
			if got := eventSubject(tt.e) + ": " + eventText(tt.e); got != tt.line {
				t.Errorf("line %q, want %q", got, tt.line)
			}
			if got := eventRemark(tt.e); got != tt.remark {
				t.Errorf("remark %q, want %q", got, tt.remark)
			}
		})
	}
}

// TestEventOfMany checks that an event about hundreds of PDUs fits into a
// message.
func TestEventOfMany(t *testing.T) {
	many := make([]pdu, 500)
	for i := range many {
		many[i] = pdu{num: i, unit: 1, name: strings.Repeat("<", 60), team: strings.Repeat("&", 60)}
	}
	e := event{kind: eventAllReachable, proven: many, unproven: many, missing: many}
	if n := textLen(eventRemark(e)); n > maxText-joinText-500 {
		t.Errorf("%d characters", n)
	}
}

// TestAlerter checks where an event goes: into the log, and to those who are
// to know.
func TestAlerter(t *testing.T) {
	at := time.Date(2026, 6, 15, 10, 32, 7, 0, time.Local)
	above := event{
		kind: eventAbove, at: at, team: "A<b>", watts: 3120, spike: true,
		pdus: []pdu{{num: 101, unit: 1, name: "A<b>", team: "A<b>"}},
	}
	silent, logOnly := above, above
	silent.silent, logOnly.logOnly = true, true
	const text = "🔴 <b>A&lt;b&gt;(.101): Above power limit (3120 W)!</b>\n2026-06-15 10:32:07, limit 3000 W\n" +
		"a spike, over before it was seen; the PDU does not tell when"
	withTopic := func() *accessList {
		a := newAccessList(groupID, 1, 2)
		a.entries.topic = 42
		return a
	}
	for name, tt := range map[string]struct {
		access  *accessList
		toGroup bool
		e       event
		want    []post // without their text
	}{
		"users":          {newAccessList(groupID, 1, 2), false, above, []post{{chat: 1}, {chat: 2}}},
		"group":          {newAccessList(groupID, 1, 2), true, above, []post{{chat: groupID}}},
		"topic":          {withTopic(), true, above, []post{{chat: groupID, topic: 42}}},
		"silent":         {newAccessList(0, 1), false, silent, []post{{chat: 1, silent: true}}},
		"log only":       {newAccessList(0, 1), false, logOnly, nil},
		"no users":       {newAccessList(groupID), false, above, nil},
		"no group":       {newAccessList(0, 1), true, above, nil},
		"nobody at all":  {newAccessList(0), false, above, nil},
		"not the topic":  {withTopic(), false, above, []post{{chat: 1}, {chat: 2}}},
		"a single group": {newAccessList(groupID), true, above, []post{{chat: groupID}}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "exceedings.log")
			inbox(t, func(t *testing.T, o *outbox, p *postOffice) {
				log := newJournal(path)
				go log.run()
				a := &alerter{journal: log, out: o, access: tt.access, toGroup: tt.toGroup, limit: 3000}
				tt.e.at = time.Now() // or else it is late
				wantText := strings.ReplaceAll(text, at.Format(time.DateTime), tt.e.at.Format(time.DateTime))
				a.report(tt.e)
				log.close()

				got := p.taken()
				slices.SortFunc(got, func(a, b post) int { return int(a.chat - b.chat) })
				same := slices.EqualFunc(got, tt.want, func(a, b post) bool {
					return a.chat == b.chat && a.topic == b.topic && a.silent == b.silent && a.html == wantText
				})
				if !same {
					t.Errorf("sent %+v, want %+v", got, tt.want)
				}
				if has := a.hasRecipients(); has != (tt.want != nil || tt.e.logOnly) {
					t.Errorf("hasRecipients: %v", has)
				}
				data, err := os.ReadFile(path)
				wantLine := tt.e.at.Format(time.DateTime) + " --- A<b>(.101): Above power limit (3120 W)!\n"
				if string(data) != wantLine {
					t.Errorf("logged %q, want %q (%v)", data, wantLine, err)
				}
			})
		})
	}
}

// TestAlerterNotify checks that what concerns the bot itself is in the
// terminal and in the chat.
func TestAlerterNotify(t *testing.T) {
	log := captureLog(t)
	inbox(t, func(t *testing.T, o *outbox, p *postOffice) {
		a := &alerter{out: o, access: newAccessList(0, 1)}
		p.failWith(func(post) error { return errBlocked })
		a.notify("x < y cannot be written")
		time.Sleep(time.Minute)
		p.failWith(nil)
		o.heard(1)
		synctest.Wait()
		p.want(t, "+60 1: x &lt; y cannot be written\n(sent 1 min 0 s late)")
	})
	log.wantTimes(t, `level=WARN msg="x < y cannot be written"`, 1)
}

// TestAlerterButtons checks the buttons below alerts: of one, of several about
// the same team, of several teams, and of one about all PDUs.
func TestAlerterButtons(t *testing.T) {
	about := func(kind eventKind, team string, num int) event {
		return event{kind: kind, at: time.Now(), team: team, pdus: []pdu{{num: num, unit: 1, name: team, team: team}}}
	}
	graph := func(text, number string) []button { return []button{{text, "graph " + number}} }
	long := "🏁" + strings.Repeat("x", 50)
	for name, tt := range map[string]struct {
		events []event
		want   [][]button
	}{
		"one":      {[]event{about(eventAbove, "A", 1)}, [][]button{graph("Graph", "1")}},
		"one team": {[]event{about(eventAbove, "A", 1), about(eventBack, "A", 1)}, [][]button{graph("Graph", "1")}},
		"two teams": {[]event{about(eventAbove, "A", 1), about(eventAbove, "B", 2)},
			[][]button{graph("Graph A", "1"), graph("Graph B", "2")}},
		"a long name": {[]event{about(eventAbove, long, 1), about(eventAbove, "B", 2)},
			[][]button{graph("Graph 🏁"+strings.Repeat("x", 19)+"...", "1"), graph("Graph B", "2")}},
		"all PDUs": {[]event{{kind: eventAllUnreachable, at: time.Now()}}, nil},
		"many teams": {[]event{
			about(eventAbove, "A", 1), about(eventAbove, "B", 2), about(eventAbove, "C", 3),
			about(eventAbove, "D", 4), about(eventAbove, "E", 5),
		}, [][]button{graph("Graph A", "1"), graph("Graph B", "2"), graph("Graph C", "3"), graph("Graph D", "4")}},
	} {
		t.Run(name, func(t *testing.T) {
			inbox(t, func(t *testing.T, o *outbox, p *postOffice) {
				log := newJournal(filepath.Join(t.TempDir(), "exceedings.log"))
				go log.run()
				defer log.close()
				a := &alerter{journal: log, out: o, access: newAccessList(0, 1), limit: 3000}
				a.notify("these wait for their turn")
				synctest.Wait()
				for _, e := range tt.events {
					e.at = time.Now()
					a.report(e)
				}
				time.Sleep(time.Minute)
				posts := p.taken()
				if len(posts) != 2 || !slices.EqualFunc(posts[1].keys, tt.want, slices.Equal) {
					t.Errorf("%d messages; buttons %v, want %v", len(posts), posts[len(posts)-1].keys, tt.want)
				}
			})
		})
	}
}

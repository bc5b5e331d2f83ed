package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAlerter checks where an event goes: into the log and to the recipients.
func TestAlerter(t *testing.T) {
	at := time.Date(2026, 6, 15, 10, 32, 7, 0, time.Local)
	above := event{
		kind: eventAbove, at: at, team: "A<b>", watts: 3120, spike: true,
		pdus: []pdu{{num: 101, unit: 1, name: "A<b>", team: "A<b>"}},
	}
	silent, logOnly := above, above
	silent.silent, logOnly.logOnly = true, true
	const text = "🔴 <b>A&lt;b&gt;(.101): Above power limit (3120 W)!</b>\n2026-06-15 10:32:07, limit 3000 W\n" +
		"a spike, over before it was seen; the PDU does not say when"
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
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				log := newJournal(path)
				go log.run()
				a := &alerter{journal: log, out: o, access: tt.access, toGroup: tt.toGroup, limit: 3000}
				tt.e.at = time.Now() // otherwise the alert would be late
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

// TestAlerterNotify checks that messages about the bot itself are logged and
// sent.
func TestAlerterNotify(t *testing.T) {
	log := captureLog(t)
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
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

// TestAlerterButtons checks the buttons below alerts: one alert, several about
// the same team, several about different teams, and one about all PDUs.
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
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				log := newJournal(filepath.Join(t.TempDir(), "exceedings.log"))
				go log.run()
				defer log.close()
				a := &alerter{journal: log, out: o, access: newAccessList(0, 1), limit: 3000}
				a.report(about(eventAbove, "the next alerts wait after this one", 9))
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

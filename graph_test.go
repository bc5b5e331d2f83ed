package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iscbot/internal/chart"
)

// newTestGrapher returns a grapher of two teams that was started an hour
// before noon, with a reading of every PDU every two seconds since. At 11:50
// the first team was above the limit for a minute.
func newTestGrapher(ctx context.Context, out *outbox) *grapher {
	pdus := []pdu{
		{num: 101, unit: 1, name: "First Team", team: "First Team", snmp: "10.0.0.101:161"},
		{num: 102, unit: 1, name: "left", team: "Double", snmp: "10.0.0.102:161"},
		{num: 103, unit: 1, name: "right", team: "Double", snmp: "10.0.0.103:161"},
	}
	const interval = 2 * time.Second
	watch := newSnoop(pdus, 3000, interval, snmpConfig{interval: interval})
	started := noon.Add(-time.Hour)
	watch.history = newHistory(len(pdus), interval, started)
	for at := started; !at.After(noon); at = at.Add(interval) {
		watts := 2000
		if at.Minute() == 50 {
			watts = 3121
		}
		watch.history.add(0, at, watts)
		watch.history.add(1, at, 1000)
		if at.Minute() != 55 { // the second team's other PDU was unplugged
			watch.history.add(2, at, 1200)
		}
	}
	crossing := noon.Add(-10 * time.Minute)
	watch.history.noteEvent(event{kind: eventAbove, team: "First Team", at: crossing, watts: 3100})
	watch.history.noteEvent(event{kind: eventBack, team: "First Team", at: crossing.Add(time.Minute), watts: 3121})
	return newGrapher(ctx, out, watch, 3000, started)
}

func TestGraphDraw(t *testing.T) {
	g := newTestGrapher(t.Context(), nil)
	for arg, tt := range map[string]struct {
		caption string
		size    image.Point
	}{
		"101": {"11:45:00 to 12:00:00, limit 3000 W\nFirst Team\nHighest 3121 W at 11:50:00\nMean 2074 W\n" +
			"Above the limit for 60 s\n451 readings, longest gap 0 s\n" +
			"Crossing from 11:50:00 to 11:51:00, 60 s, at most 3121 W", image.Pt(888, 608)},
		"double": {"11:45:00 to 12:00:00, limit 3000 W\nDouble\nHighest 2200 W at 11:45:00\nMean 2200 W\n" +
			"Above the limit for 0 s\n421 readings, longest gap 60 s", image.Pt(888, 608)},
		"": {"11:45:00 to 12:00:00, limit 3000 W\n" +
			"First Team: highest 3121 W at 11:50:00, mean 2074 W, above 60 s, 451 readings\n" +
			"Double: highest 2200 W at 11:45:00, mean 2200 W, 421 readings, gap 60 s", image.Pt(888, 808)},
		"101 11:30-11:45": {"11:30:00 to 11:45:00, limit 3000 W\nFirst Team\nHighest 2000 W at 11:30:00\nMean 2000 W\n" +
			"Above the limit for 0 s\n451 readings, longest gap 0 s", image.Pt(888, 608)},
		"101 2h": {"10:00:00 to 12:00:00, limit 3000 W\nThe bot was not running before 11:00:00.\nFirst Team\n" +
			"Highest 3121 W at 11:50:00\nMean 2018 W\nAbove the limit for 60 s\n1801 readings, longest gap 0 s\n" +
			"Crossing from 11:50:00 to 11:51:00, 60 s, at most 3121 W", image.Pt(888, 608)},
	} {
		t.Run(arg, func(t *testing.T) {
			r, err := parseGraph(arg, g.watch.snapshot(), g.span(noon))
			if err != nil {
				t.Fatal(err)
			}
			photo, caption, err := g.draw(r, noon)
			if err != nil || caption != tt.caption {
				t.Errorf("got:\n%s\n(%v)\nwant:\n%s", caption, err, tt.caption)
			}
			picture, err := png.Decode(bytes.NewReader(photo))
			if err != nil || picture.Bounds().Size() != tt.size {
				t.Errorf("picture of %v, %v; want %v", picture.Bounds().Size(), err, tt.size)
			}
		})
	}
}

// TestGraphOpenCrossing checks that a crossing that goes on has the highest
// power so far, and not that of its beginning.
func TestGraphOpenCrossing(t *testing.T) {
	g := newTestGrapher(t.Context(), nil)
	g.watch.teams[1].most = 3900
	g.watch.history.noteEvent(event{kind: eventAbove, team: "Double", at: noon.Add(-time.Minute), watts: 3100})
	r, _ := parseGraph("102", g.watch.snapshot(), g.span(noon))
	_, caption, err := g.draw(r, noon)
	wants(t, caption, "Crossing from 11:59:00 still above, at most 3900 W")
	if err != nil {
		t.Error(err)
	}
}

// TestGraphManyTeams checks that more teams than fit into a picture or a
// caption are no mistake, and that it is said.
func TestGraphManyTeams(t *testing.T) {
	var pdus []pdu
	for i := range chart.MaxCharts + 3 {
		name := fmt.Sprint("🏁 <b>Team</b> ", i)
		pdus = append(pdus, pdu{num: i + 1, unit: 1, name: name, team: name, snmp: fmt.Sprint("127.0.0.1:", i+1)})
	}
	watch := newSnoop(pdus, 1, time.Minute, snmpConfig{interval: time.Minute})
	g := newGrapher(t.Context(), nil, watch, 1, time.Now())
	now := time.Now()
	r, err := parseGraph("", watch.snapshot(), g.span(now))
	if err != nil {
		t.Fatal(err)
	}
	photo, caption, err := g.draw(r, now)
	wants(t, caption, "These are the first 50 teams: send /graph TEAM", "🏁 <b>Team</b> 0: no readings", " more lines")
	if n := textLen(caption); err != nil || n > maxCaption || len(photo) == 0 {
		t.Errorf("caption of %d characters, picture of %d bytes, %v", n, len(photo), err)
	}
}

// TestGraphFlood checks that pictures that wait to be sent are few: a chat has
// a few at most, and another chat does not suffer from that.
func TestGraphFlood(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *postOffice) {
		g := newTestGrapher(t.Context(), o)
		p.failWith(func(m post) error {
			if m.photo != nil {
				return errNoNetwork
			}
			return nil
		})
		for range 50 {
			go g.answer(post{chat: 1}, "101 30s", noon)
		}
		synctest.Wait()
		go g.answer(post{chat: 2}, "101 30s", noon)
		synctest.Wait()
		if g.waiting[1] != graphsPerChat || g.waiting[2] != 1 || g.total != graphsPerChat+1 {
			t.Errorf("waiting: %v", g.waiting)
		}
		p.failWith(nil)
		time.Sleep(graphForgotten)
		photos := 0
		for _, m := range p.taken() {
			if m.photo != nil {
				photos++
			} else if m.chat != 1 || !strings.HasPrefix(m.html, "Too many pictures are on their way") {
				t.Errorf("chat %d was told %q", m.chat, m.html)
			}
		}
		if photos != graphsPerChat+1 {
			t.Errorf("%d pictures, want %d", photos, graphsPerChat+1)
		}
		if len(g.waiting) != 0 || g.total != 0 {
			t.Errorf("still waiting: %v, %d", g.waiting, g.total)
		}

		for chat := range int64(graphsWaiting + 10) {
			go g.answer(post{chat: 10 + chat}, "101 30s", noon)
		}
		synctest.Wait()
		refused := 0
		for _, m := range p.taken() {
			if m.chat >= 10 && m.photo == nil {
				refused++
			}
		}
		if refused > 10 {
			t.Errorf("%d of other chats were refused", refused)
		}
	})
}

// TestGraphsAtOnce checks that at most two pictures are drawn at the same
// time, and that those which wait end with the bot.
func TestGraphsAtOnce(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *postOffice) {
		ctx, cancel := context.WithCancel(t.Context())
		g := newTestGrapher(ctx, o)
		for range graphsMost {
			g.drawing <- struct{}{}
		}
		for chat := range int64(3) {
			go g.answer(post{chat: chat + 1}, "101", noon)
		}
		synctest.Wait()
		p.want(t)
		<-g.drawing // one is drawn
		time.Sleep(time.Second)
		g.drawing <- struct{}{}
		if n := len(p.taken()); n != 3 {
			t.Errorf("%d pictures were sent one after the other, want 3", n)
		}
		go g.answer(post{chat: 1}, "102", noon)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if n := len(p.taken()); n != 3 || g.total != 0 {
			t.Errorf("%d messages, %d waiting", n, g.total)
		}
	})
}

// TestGraphAboutAlert covers the data of the button below an alert, which
// anybody may forge.
func TestGraphAboutAlert(t *testing.T) {
	g := newTestGrapher(t.Context(), nil)
	for data, want := range map[string][]int{
		"101": {0}, "103": {1}, "": nil, "104": nil, "1O1": nil, "-1": nil, "101 90m": nil,
		strings.Repeat("1", 64): nil,
	} {
		r, ok := g.aboutAlert(data, noon)
		right := slices.Equal(r.teams, want) && r.to.Equal(noon) && r.to.Sub(r.from) == alertGraphTime
		if ok != (want != nil) || ok && !right {
			t.Errorf("%q: got %+v, %v", data, r, ok)
		}
	}
}

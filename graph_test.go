package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iscbot/internal/chart"
)

// newTestGrapher returns a grapher for two teams that was started an hour
// before noon and has a reading of every PDU every two seconds. At 11:50 the
// first team was above the limit for a minute.
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
	watch.history.addEvent(event{kind: eventAbove, team: "First Team", at: crossing, watts: 3100})
	watch.history.addEvent(event{kind: eventBack, team: "First Team", at: crossing.Add(time.Minute), watts: 3121})
	return newGrapher(ctx, out, watch, newAccessList(0), 3000, started)
}

func TestGraphDraw(t *testing.T) {
	g := newTestGrapher(t.Context(), nil)
	for arg, tt := range map[string]struct {
		caption string
		size    image.Point
	}{
		"101": {"11:45:00 to 12:00:00, limit 3000 W\nFirst Team\nHighest 3121 W at 11:50:00\nMean 2074 W\n" +
			"Above the limit for 60 s\n451 readings, no gaps\n" +
			"Crossing from 11:50:00 to 11:51:00, 60 s, at most 3121 W", image.Pt(888, 608)},
		"double": {"11:45:00 to 12:00:00, limit 3000 W\nDouble\nHighest 2200 W at 11:45:00\nMean 2200 W\n" +
			"No reading above the limit\n421 readings, longest gap 60 s", image.Pt(888, 608)},
		"": {"11:45:00 to 12:00:00, limit 3000 W\n" +
			"First Team: highest 3121 W at 11:50:00, mean 2074 W, above for 60 s, 451 readings\n" +
			"Double: highest 2200 W at 11:45:00, mean 2200 W, 421 readings, gap 60 s", image.Pt(888, 808)},
		"101 11:30-11:45": {"11:30:00 to 11:45:00, limit 3000 W\nFirst Team\nHighest 2000 W at 11:30:00\nMean 2000 W\n" +
			"No reading above the limit\n451 readings, no gaps", image.Pt(888, 608)},
		"101 2h": {"10:00:00 to 12:00:00, limit 3000 W\nThe bot was not running before 11:00:00.\nFirst Team\n" +
			"Highest 3121 W at 11:50:00\nMean 2018 W\nAbove the limit for 60 s\n1801 readings, no gaps\n" +
			"Crossing from 11:50:00 to 11:51:00, 60 s, at most 3121 W", image.Pt(888, 608)},
	} {
		t.Run(arg, func(t *testing.T) {
			r, err := parseGraph(arg, g.snoop.snapshot(), g.span(noon))
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

// TestGraphOpenCrossing checks that an open crossing shows the highest power so
// far, not the power at its beginning.
func TestGraphOpenCrossing(t *testing.T) {
	g := newTestGrapher(t.Context(), nil)
	g.snoop.teams[1].openHighest = 3900
	g.snoop.history.addEvent(event{kind: eventAbove, team: "Double", at: noon.Add(-time.Minute), watts: 3100})
	r, _ := parseGraph("102", g.snoop.snapshot(), g.span(noon))
	_, caption, err := g.draw(r, noon)
	wants(t, caption, "Crossing from 11:59:00, still above, at most 3900 W so far")
	if err != nil {
		t.Error(err)
	}
}

// TestGraphManyTeams checks that teams that do not fit into a picture or a
// caption are left out, and that the caption says so.
func TestGraphManyTeams(t *testing.T) {
	var pdus []pdu
	for i := range chart.MaxCharts + 3 {
		name := fmt.Sprint("🏁 <b>Team</b> ", i)
		pdus = append(pdus, pdu{num: i + 1, unit: 1, name: name, team: name, snmp: fmt.Sprint("127.0.0.1:", i+1)})
	}
	watch := newSnoop(pdus, 1, time.Minute, snmpConfig{interval: time.Minute})
	g := newGrapher(t.Context(), nil, watch, newAccessList(0), 1, time.Now())
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

// TestGraphFlood checks that few pictures wait to be sent, that a chat has only
// some of them, and that other chats are not affected.
func TestGraphFlood(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		g := newTestGrapher(t.Context(), o)
		p.failWith(func(m post) error {
			if m.file != nil {
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
		if g.waiting[1] != maxWaitingPerChat || g.waiting[2] != 1 || g.total != maxWaitingPerChat+1 {
			t.Errorf("waiting: %v", g.waiting)
		}
		p.failWith(nil)
		time.Sleep(graphSendTime)
		photos := 0
		for _, m := range p.taken() {
			if m.file != nil {
				photos++
			} else if m.chat != 1 || !strings.HasPrefix(m.html, "Too many pictures are on their way") {
				t.Errorf("chat %d was told %q", m.chat, m.html)
			}
		}
		if photos != maxWaitingPerChat+1 {
			t.Errorf("%d pictures, want %d", photos, maxWaitingPerChat+1)
		}
		if len(g.waiting) != 0 || g.total != 0 {
			t.Errorf("still waiting: %v, %d", g.waiting, g.total)
		}

		g.drawing <- struct{}{} // no more pictures are drawn
		for chat := range int64(maxWaiting + 10) {
			go g.answer(post{chat: 10 + chat}, "101 30s", noon)
		}
		time.Sleep(time.Minute)
		refused := 0
		for _, m := range p.taken() {
			if m.chat >= 10 && m.file == nil {
				refused++
			}
		}
		if refused != 10 || g.total != maxWaiting {
			t.Errorf("%d of other chats were refused, %d wait", refused, g.total)
		}
		g.access = newAccessList(0, 7)
		if !g.begin(7) {
			t.Error("the pictures of strangers left no room for an official's")
		}
		g.end(7)
		<-g.drawing
	})
}

// TestGraphEnds checks that the end of the bot ends the wait for drawing.
func TestGraphEnds(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		ctx, cancel := context.WithCancel(t.Context())
		g := newTestGrapher(ctx, o)
		g.drawing <- struct{}{}
		go g.answer(post{chat: 1}, "102", noon)
		synctest.Wait()
		cancel()
		p.want(t)
		if g.total != 0 {
			t.Errorf("%d are waiting", g.total)
		}
	})
}

// TestGraphAlertRequest covers the data of the button below an alert, which
// anybody can forge.
func TestGraphAlertRequest(t *testing.T) {
	g := newTestGrapher(t.Context(), nil)
	for data, want := range map[string][]int{
		"101": {0}, "103": {1}, "": nil, "104": nil, "1O1": nil, "-1": nil, "101 90m": nil,
		strings.Repeat("1", 64): nil,
	} {
		r, ok := g.alertRequest(data, noon)
		right := slices.Equal(r.teams, want) && r.to.Equal(noon) && r.to.Sub(r.from) == alertGraphTime
		if ok != (want != nil) || ok && !right {
			t.Errorf("%q: got %+v, %v", data, r, ok)
		}
	}
}

// TestGraphTeamNamedAsNumber checks that the button below an alert shows the
// PDU's team even if another team's name is the PDU's number.
func TestGraphTeamNamedAsNumber(t *testing.T) {
	g := newTestGrapher(t.Context(), nil)
	g.snoop.teams[1].name = "101"
	if r, ok := g.alertRequest("101", noon); !ok || !slices.Equal(r.teams, []int{0}) {
		t.Errorf("got %+v, %v", r, ok)
	}
	if r, err := parseGraph("101", g.snoop.snapshot(), g.span(noon)); err != nil || !slices.Equal(r.teams, []int{1}) {
		t.Errorf("/graph 101: got %+v, %v", r, err)
	}
}

// docsGrapher returns a grapher for the demo's teams after twenty minutes, in
// which one team was above the limit twice.
func docsGrapher(ctx context.Context) *grapher {
	const interval = 2 * time.Second
	var pdus []pdu
	for i, team := range []string{"Aachen", "Barcelona", "Cape Town", "Denver", "Edinburgh", "Fukuoka"} {
		pdus = append(pdus, pdu{num: 101 + i, unit: 1, name: team, team: team, snmp: fmt.Sprint("127.0.0.1:", 101+i)})
	}
	watch := newSnoop(pdus, 3000, interval, snmpConfig{interval: interval})
	started := noon.Add(-20 * time.Minute)
	watch.history = newHistory(len(pdus), interval, started)
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 601 {
		at := started.Add(time.Duration(n) * interval)
		for i := range pdus {
			level := (i + (n+40*i)/110) % 5
			watts := 1500 + 110*i + 170*level + random.IntN(60)
			crosses := i == 1 && (n > 330 && n < 345 || n > 480 && n < 530)
			if crosses {
				watts = 3060 + random.IntN(90)
			}
			if lost := i == 3 && n > 300 && n < 380; !lost {
				watch.history.add(i, at, watts/10*10)
			}
		}
	}
	for _, n := range [][3]int{{331, 345, 3140}, {481, 530, 3140}} {
		from, to := started.Add(time.Duration(n[0])*interval), started.Add(time.Duration(n[1])*interval)
		watch.history.addEvent(event{kind: eventAbove, team: "Barcelona", at: from, watts: n[2]})
		watch.history.addEvent(event{kind: eventBack, team: "Barcelona", at: to, watts: n[2]})
	}
	return newGrapher(ctx, nil, watch, newAccessList(0), 3000, started)
}

// TestDocsPictures checks that the pictures in docs are what the bot draws.
// With ISCBOT_UPDATE set, it writes them.
func TestDocsPictures(t *testing.T) {
	g := docsGrapher(t.Context())
	for name, arg := range map[string]string{"graph.png": "102", "teams.png": ""} {
		t.Run(name, func(t *testing.T) {
			r, err := parseGraph(arg, g.snoop.snapshot(), g.span(noon))
			if err != nil {
				t.Fatal(err)
			}
			photo, caption, err := g.draw(r, noon)
			if err != nil || textLen(caption) > maxCaption || strings.Contains(caption, "more lines") {
				t.Errorf("%v, caption:\n%s", err, caption)
			}
			path := filepath.Join("docs", name)
			if os.Getenv("ISCBOT_UPDATE") != "" {
				if err := os.WriteFile(path, photo, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			stored, err := os.ReadFile(path)
			if err != nil || !samePicture(t, photo, stored) {
				t.Errorf("%s is not of today (%v): ISCBOT_UPDATE=1 go test -run TestDocsPictures", path, err)
			}
		})
	}
}

// samePicture reports whether two pictures differ in at most one of 2000
// pixels, which floating point on another processor may cause.
func samePicture(t *testing.T, a, b []byte) bool {
	t.Helper()
	var pictures [2]image.Image
	for i, data := range [][]byte{a, b} {
		var err error
		if pictures[i], err = png.Decode(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	size := pictures[0].Bounds()
	if size != pictures[1].Bounds() {
		return false
	}
	different := 0
	for y := range size.Dy() {
		for x := range size.Dx() {
			if pictures[0].At(x, y) != pictures[1].At(x, y) {
				different++
			}
		}
	}
	return different <= size.Dx()*size.Dy()/2000
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"iscbot/internal/chart"
)

const (
	maxWaiting        = 40          // pictures waiting to be drawn or sent; officials may exceed it
	maxWaitingPerChat = 4           // of these, for one chat
	graphSendTime     = time.Minute // after which an unsent picture no longer counts as waiting
)

// A grapher answers /graph with pictures of the teams' power over time.
type grapher struct {
	ctx     context.Context // of all pictures
	out     *outbox
	snoop   *snoop
	access  *accessList // its chats do not wait for strangers' pictures
	limit   int         // W per team
	started time.Time
	drawing chan struct{} // holds a value while a picture is drawn: one at a time, as that takes memory
	panics  panicGuard

	mu      sync.Mutex    // guards the fields below
	waiting map[int64]int // pictures, by chat
	total   int           // pictures waiting in all chats
}

func newGrapher(
	ctx context.Context, out *outbox, watch *snoop, access *accessList, limit int, started time.Time,
) *grapher {
	return &grapher{
		ctx: ctx, out: out, snoop: watch, access: access, limit: limit, started: started,
		drawing: make(chan struct{}, 1), waiting: make(map[int64]int),
	}
}

// answer answers a /graph in the chat of p.
func (g *grapher) answer(p post, arg string, now time.Time) {
	r, err := parseGraph(arg, g.snoop.snapshot(), g.span(now))
	if err != nil {
		text := err.Error()
		p.html = escape(strings.ToUpper(text[:1]) + text[1:])
		g.out.put(outgoing{post: p})
		return
	}
	g.send(p, r, now)
}

// alertRequest returns what the button below an alert asks for.
func (g *grapher) alertRequest(number string, now time.Time) (r graphRequest, ok bool) {
	i, ok := findTeamOf(g.snoop.snapshot(), number)
	return graphRequest{teams: []int{i}, from: now.Add(-alertGraphTime), to: now}, ok
}

// span returns the time for which there may be readings.
func (g *grapher) span(now time.Time) graphSpan {
	running := now.Sub(g.started) // by the monotonic clock: the wall clock may have been set
	return graphSpan{started: now.Add(-running), kept: g.snoop.history.kept(), now: now}
}

// send draws a picture, sends it to the chat of p, and waits until it is sent.
func (g *grapher) send(p post, r graphRequest, now time.Time) {
	if !g.begin(p.chat) {
		p.html = "Too many pictures are on their way: try again in a minute."
		g.out.put(outgoing{post: p})
		return
	}
	defer g.end(p.chat)

	data, caption, err := g.draw(r, now)
	switch {
	case g.ctx.Err() != nil && data == nil:
		return
	case err != nil:
		slog.Error("picture not drawn", "err", err)
		caption = "The picture could not be drawn."
	default:
		p.file = &file{kind: photo, name: "graph.png", data: data}
	}
	p.html = escape(caption)
	sent, cancel := context.WithTimeout(g.ctx, graphSendTime)
	defer cancel()
	g.out.put(outgoing{post: p, sent: func(int64) { cancel() }})
	<-sent.Done()
}

// begin reports whether there is room for another picture for a chat, as
// waiting pictures take memory. If so, end must be called.
func (g *grapher) begin(chat int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	official := slices.Contains(g.access.chats(), chat)
	full := g.total >= maxWaiting && !official
	if full || g.waiting[chat] >= maxWaitingPerChat {
		return false
	}
	g.total++
	g.waiting[chat]++
	return true
}

func (g *grapher) end(chat int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	if g.waiting[chat]--; g.waiting[chat] == 0 {
		delete(g.waiting, chat)
	}
}

// draw draws a picture and returns it with its caption.
func (g *grapher) draw(r graphRequest, now time.Time) (data []byte, caption string, err error) {
	defer g.panics.catch("drawing", &err)
	select {
	case g.drawing <- struct{}{}:
		defer func() { <-g.drawing }()
	case <-g.ctx.Done():
		return nil, "", context.Cause(g.ctx)
	}

	teams := g.snoop.snapshot()
	span := g.span(now)
	shown := r.teams[:min(len(r.teams), chart.MaxCharts)]
	var charts []chart.Chart
	var lines []string
	for _, i := range shown {
		points := g.snoop.powerOf(i, r.from, r.to, now)
		charts = append(charts, g.chart(teams[i], points, r))
		crossings, all := g.crossings(teams[i], r)
		e := newGraphEvidence(points, latest(r.from, span.started), r.to, g.snoop.interval)
		e.addCrossings(crossings, all, r.from, r.to, g.limit)
		if len(r.teams) > 1 {
			lines = append(lines, e.line(teams[i].name, now))
			continue
		}
		lines = append(lines, e.lines(teams[i].name, now)...)
		lines = append(lines, crossingLines(crossings, now)...)
	}

	head := fmt.Sprintf("%s to %s, limit %d W", clockTime(r.from, now), clockTime(r.to, now), g.limit)
	for _, remark := range span.remarks(r.from) {
		head += "\n" + remark
	}
	if len(r.teams) > len(shown) {
		head += fmt.Sprintf("\nThese are the first %d teams: send /graph TEAM for one of the others.", len(shown))
	}
	var png bytes.Buffer
	if err := chart.Draw(&png, charts); err != nil {
		return nil, "", err
	}
	return png.Bytes(), fitCaption(head, lines), nil
}

// crossings returns the crossings of a team that overlap a window. all is false if
// there may have been more.
func (g *grapher) crossings(t team, r graphRequest) (found []crossing, all bool) {
	found, all = g.snoop.history.crossingsOf(t.name, r.from, r.to)
	if n := len(found); n > 0 && found[n-1].to.IsZero() { // still open
		last := &found[n-1]
		last.highest = max(last.highest, t.openHighest)
		last.seen, last.unseen = t.lastSeen, t.openUnseen
	}
	return found, all
}

// chart returns the chart of a team.
func (g *grapher) chart(t team, points iter.Seq[powerPoint], r graphRequest) chart.Chart {
	c := chart.Chart{Title: t.name, From: r.from, To: r.to, Limit: g.limit, MaxGap: maxStep(g.snoop.interval)}
	if len(t.pdus) == 1 {
		c.Title = t.pdus[0].number() + " " + t.name
	}
	for _, p := range t.pdus {
		if errors.Is(p.err, errNoMeter) {
			c.Notice = "No power meter"
		}
	}
	c.Points = func(yield func(chart.Point) bool) {
		for p := range points {
			if !yield(chart.Point{At: p.at, Watts: p.watts}) {
				return
			}
		}
	}
	return c
}

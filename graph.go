package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"iscbot/internal/chart"
)

const (
	graphTime   = 15 * time.Minute // that /graph shows
	alertTime   = 10 * time.Minute // that the button below an alert shows
	graphLeast  = 30 * time.Second // the shortest window
	graphsMost  = 2                // pictures that are drawn at the same time
	captionMost = 12               // lines of a caption about crossings
)

// A grapher answers /graph with pictures of the teams' power over time.
type grapher struct {
	out     *outbox
	watch   *snoop
	limit   int // W a team
	started time.Time
	drawing chan struct{} // has a value for each picture that is being drawn
	panics  panicGuard
}

func newGrapher(out *outbox, watch *snoop, limit int, started time.Time) *grapher {
	return &grapher{out: out, watch: watch, limit: limit, started: started, drawing: make(chan struct{}, graphsMost)}
}

// answer answers a /graph where p belongs.
func (g *grapher) answer(ctx context.Context, p post, arg string, now time.Time) {
	r, err := g.parse(arg, now)
	if err != nil {
		p.html = escape(err.Error())
		g.out.put(outgoing{post: p})
		return
	}
	g.send(ctx, p, r, now)
}

// send draws a picture and sends it where p belongs.
func (g *grapher) send(ctx context.Context, p post, r graphRequest, now time.Time) {
	photo, caption, err := g.draw(ctx, r, now)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		slog.Error("a picture could not be drawn", "err", err)
		caption = "The picture could not be drawn."
	}
	p.photo, p.html = photo, escape(caption)
	g.out.put(outgoing{post: p})
}

// aboutAlert returns what the button below an alert is to show.
func (g *grapher) aboutAlert(number string, now time.Time) (r graphRequest, ok bool) {
	i, ok := findTeam(g.watch.snapshot(), number)
	return graphRequest{teams: []int{i}, from: now.Add(-alertTime), to: now}, ok
}

// A graphRequest is what a picture is to show.
type graphRequest struct {
	teams    []int // places among the teams
	from, to time.Time
}

// errGraphUsage is the answer to a /graph that cannot be understood.
var errGraphUsage = errors.New("send /graph, /graph 101, /graph TEAM, and after it a length such as 90m or a window such as 10:05-10:35")

// parse understands the argument of /graph: a team, or a number of one of its
// PDUs, and then a length of time or a window, each of which may be missing.
func (g *grapher) parse(arg string, now time.Time) (graphRequest, error) {
	teams := g.watch.snapshot()
	r := graphRequest{from: now.Add(-graphTime), to: now}
	target := strings.Join(strings.Fields(arg), " ")
	_, isTeam := findTeam(teams, target)
	if i := strings.LastIndexByte(target, ' '); !isTeam && target != "" {
		from, to, err := parseWindow(target[i+1:], now)
		switch {
		case err == nil:
			r.from, r.to = from, to
			target = target[:max(i, 0)]
		case !errors.Is(err, errNoWindow):
			return r, err
		}
	}

	if target == "" {
		for i := range teams {
			r.teams = append(r.teams, i)
		}
		return r, g.checkWindow(r, now)
	}
	i, ok := findTeam(teams, target)
	if !ok {
		return r, fmt.Errorf("%q is not a team or PDU of the list: %w", shorten(target, 40), errGraphUsage)
	}
	r.teams = []int{i}
	return r, g.checkWindow(r, now)
}

// findTeam returns the team that is meant by its name or by a number of one of
// its PDUs.
func findTeam(teams []team, text string) (int, bool) {
	if i := slices.IndexFunc(teams, func(t team) bool { return strings.EqualFold(t.name, text) }); i >= 0 {
		return i, true
	}
	for i, t := range teams {
		for _, p := range t.pdus {
			if _, ok := findPDU([]pdu{p.pdu}, text); ok {
				return i, true
			}
		}
	}
	return 0, false
}

var errNoWindow = errors.New("not a length of time or a window")

// parseWindow returns the window that a word means: a length such as 90m,
// which ends now, or clock times such as 10:05-10:35, of which the last that
// began before now are meant.
func parseWindow(word string, now time.Time) (from, to time.Time, err error) {
	if d, err := time.ParseDuration(word); err == nil {
		if d < graphLeast || d > historyTime {
			return from, to, fmt.Errorf("%q: want a length from %s to %s", word, durationText(graphLeast), durationText(historyTime))
		}
		return now.Add(-d), now, nil
	}
	first, last, ok := strings.Cut(strings.NewReplacer("–", "-", "—", "-").Replace(word), "-")
	if !ok {
		return from, to, errNoWindow
	}
	from, err1 := clockTimeToday(first, now)
	to, err2 := clockTimeToday(last, now)
	if err1 != nil || err2 != nil {
		return from, to, errNoWindow
	}
	if !to.After(from) { // over midnight
		from = from.AddDate(0, 0, -1)
	}
	return from, to, nil
}

// clockTimeToday returns a clock time of today.
func clockTimeToday(text string, now time.Time) (time.Time, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		t, err = time.Parse(time.TimeOnly, text)
	}
	y, m, d := now.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, now.Location()), err
}

// checkWindow refuses a window of which there can be no readings.
func (g *grapher) checkWindow(r graphRequest, now time.Time) error {
	kept := g.watch.history.kept()
	switch {
	case r.from.After(now):
		return fmt.Errorf("%s to %s is in the future", clockTime(r.from, now), clockTime(r.to, now))
	case r.to.Before(g.started):
		return fmt.Errorf("the bot was not running from %s to %s: it was started at %s",
			clockTime(r.from, now), clockTime(r.to, now), clockTime(g.started, now))
	case r.to.Before(now.Add(-kept)):
		return fmt.Errorf("readings are kept for %s only", durationText(kept))
	}
	return nil
}

// draw draws a picture and returns it with its caption.
func (g *grapher) draw(ctx context.Context, r graphRequest, now time.Time) (picture []byte, caption string, err error) {
	defer g.panics.catch("drawing", &err)
	select {
	case g.drawing <- struct{}{}:
		defer func() { <-g.drawing }()
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	}

	teams := g.watch.snapshot()
	var charts []chart.Chart
	var lines []string
	for _, i := range r.teams[:min(len(r.teams), chart.MaxCharts)] {
		points := g.watch.powerOf(i, r.from, r.to, now)
		charts = append(charts, g.chart(teams[i], points, r, now))
		lines = append(lines, g.evidence(teams[i], points, len(r.teams) == 1))
		if len(r.teams) == 1 {
			lines = append(lines, g.crossingLines(teams[i].name, r, now)...)
		}
	}
	head := fmt.Sprintf("%s to %s, limit %d W", clockTime(r.from, now), clockTime(r.to, now), g.limit)
	if r.from.Before(g.started) {
		head += fmt.Sprintf("\nThe bot was not running before %s.", clockTime(g.started, now))
	}
	if kept := g.watch.history.kept(); r.from.Before(now.Add(-kept)) {
		head += fmt.Sprintf("\nReadings are kept for %s only.", durationText(kept))
	}

	if len(r.teams) > len(charts) {
		head += fmt.Sprintf("\nThese are the first %d teams: send /graph TEAM for one of the others.", len(charts))
	}

	var png bytes.Buffer
	if err := chart.Draw(&png, charts); err != nil {
		return nil, "", err
	}
	return png.Bytes(), fitCaption(head, lines), nil
}

// chart returns the chart of a team.
func (g *grapher) chart(t team, points []powerPoint, r graphRequest, now time.Time) chart.Chart {
	c := chart.Chart{Title: t.name, From: r.from, To: r.to, Limit: g.limit, MaxGap: g.longestStep()}
	if r.from.Before(g.started) {
		c.Notice = "The bot was not running"
	}
	if len(t.pdus) == 1 {
		c.Title = t.pdus[0].number() + " " + t.name
	}
	for _, p := range points {
		c.Points = append(c.Points, chart.Point{At: p.at, Watts: p.watts})
	}
	return c
}

// longestStep is how far apart two readings may be without a gap between them.
func (g *grapher) longestStep() time.Duration { return 2*g.watch.interval + g.watch.interval/2 }

// evidence returns what the readings of a team in a window come to.
func (g *grapher) evidence(t team, points []powerPoint, alone bool) string {
	if len(points) == 0 {
		return t.name + ": no readings"
	}
	highest, sum := points[0], 0
	var above, gap time.Duration
	for i, p := range points {
		sum += p.watts
		if p.watts > highest.watts {
			highest = p
		}
		if p.watts > g.limit {
			above += g.watch.interval
		}
		if i > 0 {
			gap = max(gap, p.at.Sub(points[i-1].at)-g.watch.interval)
		}
	}
	mean := sum / len(points)
	if !alone {
		return fmt.Sprintf("%s: highest %d W at %s, mean %d W, above %s", t.name, highest.watts,
			highest.at.Format(time.TimeOnly), mean, seconds(above))
	}
	return fmt.Sprintf("%s\nHighest %d W at %s\nMean %d W\nAbove the limit for %s\n%d readings, longest gap %s",
		t.name, highest.watts, highest.at.Format(time.TimeOnly), mean, seconds(above), len(points), seconds(gap))
}

// crossingLines lists the crossings of a team in a window.
func (g *grapher) crossingLines(team string, r graphRequest, now time.Time) (lines []string) {
	crossings := g.watch.history.crossingsOf(team, r.from, r.to)
	for _, c := range crossings[max(0, len(crossings)-captionMost):] {
		end := "still above"
		if !c.to.IsZero() {
			end = fmt.Sprintf("to %s, %s", clockTime(c.to, now), seconds(c.to.Sub(c.from)))
		}
		lines = append(lines, fmt.Sprintf("Crossing from %s %s, at most %d W", clockTime(c.from, now), end, c.highest))
	}
	if n := len(crossings) - captionMost; n > 0 {
		lines = slices.Insert(lines, 0, fmt.Sprintf("%d earlier crossings: see exceedings.log", n))
	}
	return lines
}

// fitCaption joins the lines of a caption as far as they fit.
func fitCaption(head string, lines []string) string {
	caption := head
	for i, line := range lines {
		more := fmt.Sprintf("\nand %d more lines", len(lines)-i)
		if textLen(caption+"\n"+line+more) > maxCaption {
			return caption + more
		}
		caption += "\n" + line
	}
	return caption
}

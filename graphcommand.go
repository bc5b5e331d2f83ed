package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	graphTime      = 15 * time.Minute // shown by /graph
	alertGraphTime = 10 * time.Minute // shown by the button below an alert
	minGraphTime   = 30 * time.Second // the shortest window
)

// A graphRequest says what a picture must show.
type graphRequest struct {
	teams    []int // indexes of teams
	from, to time.Time
}

// A graphSpan is the time for which there may be readings.
type graphSpan struct {
	started time.Time     // when the bot started
	kept    time.Duration // how long readings are kept
	now     time.Time
}

const graphUsage = "send /graph, /graph 101 or /graph TEAM, " +
	"and after it a length such as 90m or a window such as 10:05-10:35"

// parseGraph parses the argument of /graph: a team or one of its PDUs, then a
// length of time or a window. Both are optional.
func parseGraph(arg string, teams []team, span graphSpan) (graphRequest, error) {
	r := graphRequest{from: span.now.Add(-graphTime), to: span.now}
	target := strings.Join(strings.Fields(arg), " ")
	if _, isTeam := findTeam(teams, target); !isTeam {
		rest, window, err := cutWindow(target, span)
		switch {
		case err == nil:
			target, r.from, r.to = rest, window.from, window.to
		case !errors.Is(err, errNoWindow):
			return r, err
		}
	}

	if target == "" {
		for i := range teams {
			r.teams = append(r.teams, i)
		}
		return r, nil
	}
	i, ok := findTeam(teams, target)
	if !ok {
		return r, fmt.Errorf("%q is not a team or PDU on the list: %s", shorten(target, 40), graphUsage)
	}
	r.teams = []int{i}
	return r, nil
}

// findTeam returns the index of the team with a name, or with a PDU that has a
// number.
func findTeam(teams []team, text string) (int, bool) {
	if i := slices.IndexFunc(teams, func(t team) bool { return strings.EqualFold(t.name, text) }); i >= 0 {
		return i, true
	}
	return findTeamOf(teams, text)
}

// findTeamOf returns the index of the team with a PDU that has a number.
func findTeamOf(teams []team, number string) (int, bool) {
	for i, t := range teams {
		for _, p := range t.pdus {
			if _, ok := findPDU([]pdu{p.pdu}, number); ok {
				return i, true
			}
		}
	}
	return 0, false
}

// errNoWindow is returned for a text without a length of time or a window.
var errNoWindow = errors.New("no length of time or window")

// cutWindow cuts a length of time such as 90m, or a window such as
// 10:05-10:35, off the end of a text.
func cutWindow(text string, span graphSpan) (rest string, window graphRequest, err error) {
	if rest, first, last, ok := cutClockTimes(text); ok {
		window, err = span.between(first, last)
		return rest, window, err
	}

	i := strings.LastIndexByte(text, ' ')
	word := strings.ToLower(text[i+1:])
	if strings.HasSuffix(word, "min") { // people also write 90min
		word = strings.TrimSuffix(word, "in")
	}
	length, err := time.ParseDuration(word)
	if err != nil {
		return text, window, errNoWindow
	}
	if length < minGraphTime || length > historyTime {
		return text, window, fmt.Errorf("%q: want a length from %s to %d h, such as 90m",
			shorten(word, 40), durationText(minGraphTime), int(historyTime.Hours()))
	}
	return text[:max(i, 0)], graphRequest{from: span.now.Add(-length), to: span.now}, nil
}

// cutClockTimes cuts two clock times off the end of a text. People type all
// sorts of dashes between them, with and without spaces.
func cutClockTimes(text string) (rest, first, last string, ok bool) {
	dash := strings.LastIndexAny(text, "-–—")
	if dash < 0 {
		return text, "", "", false
	}
	_, size := utf8.DecodeRuneInString(text[dash:])
	last = strings.TrimPrefix(text[dash+size:], " ")
	before := strings.TrimSuffix(text[:dash], " ")
	i := strings.LastIndexByte(before, ' ')
	first = before[i+1:]
	return before[:max(i, 0)], first, last, isClockLike(first) && isClockLike(last)
}

// isClockLike reports whether a text looks like a clock time, right or wrong.
func isClockLike(text string) bool {
	return strings.Contains(text, ":") && strings.Trim(text, "0123456789:") == ""
}

// between returns the window between two clock times: the last one that began
// before now and may have readings.
func (s graphSpan) between(first, last string) (r graphRequest, err error) {
	from, err1 := clockTimeOn(s.now, first)
	to, err2 := clockTimeOn(s.now, last)
	if err1 != nil || err2 != nil || from.Equal(to) {
		return r, fmt.Errorf("%q: want two clock times, such as 10:05-10:35", shorten(first+"-"+last, 40))
	}
	if to.Before(from) { // over midnight
		from = from.AddDate(0, 0, -1)
	}
	r = graphRequest{from: from, to: to}
	yesterday := graphRequest{from: from.AddDate(0, 0, -1), to: to.AddDate(0, 0, -1)}
	if from.After(s.now) && s.check(yesterday) == nil {
		r = yesterday
	}
	if err := s.check(r); err != nil {
		return r, err
	}
	if r.to.After(s.now) {
		r.to = s.now
	}
	return r, nil
}

// clockTimeOn parses a clock time as a moment of a day.
func clockTimeOn(day time.Time, text string) (time.Time, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		t, err = time.Parse(time.TimeOnly, text)
	}
	y, m, d := day.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, day.Location()), err
}

// check returns an error if there can be no readings in a window.
func (s graphSpan) check(r graphRequest) error {
	from, to := clockTime(r.from, s.now), clockTime(r.to, s.now)
	switch {
	case r.from.After(s.now):
		return fmt.Errorf("%s to %s is in the future", from, to)
	case r.to.Before(s.started):
		return fmt.Errorf("the bot was not running from %s to %s: it was started at %s",
			from, to, clockTime(s.started, s.now))
	case r.to.Before(s.now.Add(-s.kept)):
		return fmt.Errorf("readings are kept for %s only", durationText(s.kept))
	}
	return nil
}

// remarks explains why there may be no readings at the beginning of a window.
func (s graphSpan) remarks(from time.Time) (remarks []string) {
	if from.Before(s.started) {
		remarks = append(remarks, fmt.Sprintf("The bot was not running before %s.", clockTime(s.started, s.now)))
	}
	if from.Before(s.now.Add(-s.kept)) {
		remarks = append(remarks, fmt.Sprintf("Readings are kept for %s only.", durationText(s.kept)))
	}
	return remarks
}

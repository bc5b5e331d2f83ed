package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	// listColumns is how many columns of a list with bars a phone shows without
	// breaking a line.
	listColumns = 36
	// barLength is the length of a bar at the limit or above.
	barLength = 8
	// nearLimit is the share of the limit from which a value is marked as near.
	nearLimit = 0.95
)

// A row is a line of a list: a team or a PDU with its value.
type row struct {
	num   string // .101, or "" for a team of several PDUs
	name  string
	value string
	bar   string // shows the share of the limit, or ""
	mark  string // "!" above the limit, "~" near it
	below string // further lines, or ""
}

// The lists of power and of peaks begin with these words.
const (
	powerTitle = "Power at "
	peakTitle  = "Peaks at "
)

// currentList is the answer to /current: the power of each PDU. Teams with
// several PDUs have a row with their sum before them.
func currentList(teams []team, limit int, now time.Time) []string {
	var rows []row
	for _, t := range teams {
		rows = append(rows, currentRows(t, limit, now)...)
	}
	return pages(powerTitle+timeAndLimit(teams, limit, now), rows)
}

// isCurrentList reports whether a text is a page of /current.
func isCurrentList(text string) bool { return strings.HasPrefix(text, powerTitle) }

// peakList is the answer to /peaks: the peak of each PDU, with rows for teams
// as in currentList.
func peakList(teams []team, limit int, now time.Time) []string {
	var rows []row
	for _, t := range teams {
		rows = append(rows, peakRows(t, limit, false, now)...)
	}
	return pages(peakTitle+timeAndLimit(teams, limit, now), rows)
}

// peakDateList is the answer to /peakdates: the same with the time of each
// peak.
func peakDateList(teams []team, limit int, now time.Time) []string {
	var rows []row
	for _, t := range teams {
		rows = append(rows, peakRows(t, limit, true, now)...)
	}
	return pages(peakTitle+timeAndLimit(teams, limit, now)+"\n(dates by the PDUs' own clocks)", rows)
}

// timeAndLimit returns what the head of a list says: the time of the last
// reading, or now if nothing could be read, and the limit.
func timeAndLimit(teams []team, limit int, now time.Time) string {
	var last time.Time
	for _, t := range teams {
		for _, p := range t.pdus {
			if p.err == nil && p.at.After(last) {
				last = p.at
			}
		}
	}
	if last.IsZero() {
		last = now
	}
	return fmt.Sprintf("%s, limit %d W", clockTime(last, now), limit)
}

// currentRows returns the rows of a team with its power now.
func currentRows(t team, limit int, now time.Time) (rows []row) {
	sum, known := 0, true
	for _, p := range t.pdus {
		r, ok := pduRow(p, p.watts, now)
		if ok {
			sum += p.watts
		}
		known = known && ok
		rows = append(rows, r)
	}

	total := &rows[0]
	if len(t.pdus) > 1 {
		rows = append([]row{{value: "unknown"}}, rows...)
		total = &rows[0]
		if known {
			total.value = fmt.Sprintf("%d W", sum)
		}
	}
	total.name = t.name
	if known {
		total.bar = bar(sum, limit)
	}
	if known || sum > limit { // the sum of some PDUs is a lower bound
		total.mark = mark(sum, limit)
	}
	return rows
}

// peakRows returns the rows of a team with its PDUs' peaks, and their dates if
// withDates is set. The sum of the peaks is an upper bound of the team's peak:
// they need not have occurred at the same time.
func peakRows(t team, limit int, withDates bool, now time.Time) (rows []row) {
	sum, known, above := 0, true, ""
	for _, p := range t.pdus {
		r, ok := pduRow(p, p.peak, now)
		known = known && ok
		if ok {
			sum += p.peak
			if p.peak > limit {
				r.mark, above = "!", "!"
			}
			if withDates {
				r.below = pduDate(p.peakAt)
			}
		}
		rows = append(rows, r)
	}
	if len(t.pdus) == 1 {
		return rows
	}
	total := row{name: t.name, value: "unknown", mark: above}
	if known {
		total.value = fmt.Sprintf("at most %d W", sum)
	}
	return append([]row{total}, rows...)
}

// pduRow returns the row of a PDU with a value in W, which is negative if the
// PDU does not report it. It reports whether the row has a value.
func pduRow(p status, watts int, now time.Time) (r row, ok bool) {
	r = row{num: "." + p.number(), name: p.name}
	switch {
	case errors.Is(p.err, errNoMeter):
		r.value = "no power meter"
	case errors.Is(p.err, errWrong):
		r.value, r.below = "wrong answer", "since "+clockTime(p.since, now)
	case p.err != nil:
		r.value, r.below = "no answer", "since "+clockTime(p.since, now)
	case watts < 0:
		r.value = "no register"
	default:
		r.value = fmt.Sprintf("%d W", watts)
		return r, true
	}
	return r, false
}

// bar returns a bar that shows a power as a share of the limit.
func bar(watts, limit int) string {
	full := min(max(watts, 0)*barLength/limit, barLength)
	return strings.Repeat("▇", full) + strings.Repeat("░", barLength-full)
}

// mark returns the mark of a power, "" if it is well below the limit.
func mark(watts, limit int) string {
	switch {
	case watts > limit:
		return "!"
	case float64(watts) >= nearLimit*float64(limit):
		return "~"
	}
	return ""
}

// exceedingsList is the answer to /exceedings: each team's crossings since the
// bot started.
func exceedingsList(teams []team, limit int, start, now time.Time) []string {
	var rows []row
	for _, t := range teams {
		r := row{name: t.name, value: fmt.Sprintf("%d x", t.crossings)}
		if len(t.pdus) == 1 {
			r.num = "." + t.pdus[0].number()
		}
		if t.crossings > 0 {
			since := ""
			if t.above {
				r.mark = "!"
				t.total += now.Sub(t.opened)
				since = "\nabove now since " + clockTime(t.opened, now)
			}
			last := clockTime(t.lastCrossing, now)
			r.below = fmt.Sprintf("%s, at most %d W\nlast at %s%s", seconds(t.total), t.highest, last, since)
		}
		rows = append(rows, r)
	}
	return pages(fmt.Sprintf("Above the limit of %d W since %s", limit, clockTime(start, now)), rows)
}

// pduDate formats a time by a PDU's own clock.
func pduDate(t time.Time) string {
	if t.IsZero() {
		return "time unknown"
	}
	return t.Format(time.DateTime)
}

// A layout has the widths of a list's columns.
type layout struct {
	nums, names, values int
}

// newLayout returns the column widths for rows. With bars, names are cut so
// that a phone does not break the lines. Text instead of a value may fill both
// the value's column and the bar's.
func newLayout(rows []row) (l layout) {
	const bars = 1 + barLength + 2 // including the mark
	hasBars := slices.ContainsFunc(rows, func(r row) bool { return r.bar != "" })
	for _, r := range rows {
		l.nums, l.names = max(l.nums, len(r.num)), max(l.names, width(r.name))
		if !hasBars || strings.HasSuffix(r.value, " W") {
			l.values = max(l.values, len(r.value))
		}
	}
	if hasBars {
		const minName = 6
		l.names = min(l.names, max(listColumns-l.nums-1-1-l.values-bars, minName))
	}
	return l
}

// line returns a row as text, with its further lines.
func (l layout) line(r row) string {
	line, room := "", l.nums+1+l.names
	if r.num != "" { // otherwise the name takes the number's column too
		line, room = fmt.Sprintf("%-*s ", l.nums, r.num), l.names
	}
	name := cutMiddle(r.name, room)
	line += name + strings.Repeat(" ", room-width(name))
	line += fmt.Sprintf(" %*s", l.values, r.value)
	if r.bar != "" {
		line += " " + r.bar
	}
	if r.mark != "" {
		line += " " + r.mark
	}
	line += "\n"
	for below := range strings.Lines(r.below) {
		line += fmt.Sprintf("%*s%s\n", l.nums+1, "", strings.TrimSpace(below))
	}
	return line
}

// pages formats rows in columns. It returns the text of as many messages as
// they need, each with the head.
func pages(head string, rows []row) (pages []string) {
	const spare = 60 // characters for text that is added below a list
	l := newLayout(rows)
	var page strings.Builder
	length := textLen(head)
	end := func() {
		pages = append(pages, fmt.Sprintf("%s\n<pre>%s</pre>", escape(head), escape(strings.TrimRight(page.String(), "\n"))))
		page.Reset()
		length = textLen(head)
	}
	for _, r := range rows {
		line := l.line(r)
		if length += textLen(line); page.Len() > 0 && length > maxText-spare {
			end()
			length += textLen(line)
		}
		page.WriteString(line)
	}
	end()
	return pages
}

// cutMiddle shortens a text to n columns by replacing its middle with an
// ellipsis.
func cutMiddle(s string, n int) string {
	if width(s) <= n {
		return s
	}
	runes := []rune(s)
	head, tail := 0, len(runes)
	room := n - 1 // for the ellipsis
	for front := true; ; front = !front {
		next := runes[head]
		if !front {
			next = runes[tail-1]
		}
		if room -= runeWidth(next); room < 0 {
			return string(runes[:head]) + "…" + string(runes[tail:])
		}
		if front {
			head++
		} else {
			tail--
		}
	}
}

// width returns how many columns a text takes up in a chat.
func width(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana):
		return 2
	case r >= '！' && r <= '｠' || r >= '🌀' && r <= '🫿': // full width forms, pictographs
		return 2
	}
	return 1
}

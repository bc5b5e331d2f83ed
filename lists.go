package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// listColumns is how many columns of a list a small phone shows without
	// breaking a line. A broken line could be taken for another team's.
	listColumns = 30
	// A bar takes the columns that the names leave, between these lengths. It
	// is full at the limit.
	minBar, maxBar = 3, 8
	// minName is how many columns of a name are always shown.
	minName = 6
	// nearLimit is the share of the limit from which a value is marked as near.
	nearLimit = 0.95
)

// A row is a line of a list: a team or a PDU with its value.
type row struct {
	num   string // .101, or "" for a team of several PDUs
	name  string
	value string // a number, or text
	bar   *share // or nil
	mark  string // nearMark, aboveMark or ""
	below string // further lines, or ""
}

// A share is a power as a share of the limit, both in W.
type share struct{ watts, limit int }

// The marks of values. They are explained below the lists that have any.
const (
	nearMark  = "~"
	aboveMark = "!"
)

// The lists of power and of peaks begin with these words.
const (
	powerTitle = "Power at "
	peakTitle  = "Peaks at "
)

// currentList is the answer to /current: the power of each PDU. Teams with
// several PDUs have a row with their sum before them.
func currentList(teams []team, limit int, now time.Time) []string {
	rows := make([]row, 0, len(teams))
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
	rows := make([]row, 0, len(teams))
	for _, t := range teams {
		rows = append(rows, peakRows(t, limit, false, now)...)
	}
	return pages(peakTitle+timeAndLimit(teams, limit, now)+"\n(since each PDU's last reset)", rows)
}

// peakDateList is the answer to /peakdates: the same with the time of each
// peak.
func peakDateList(teams []team, limit int, now time.Time) []string {
	rows := make([]row, 0, len(teams))
	for _, t := range teams {
		rows = append(rows, peakRows(t, limit, true, now)...)
	}
	const below = "\n(since each PDU's last reset, dates by its own clock)"
	return pages(peakTitle+timeAndLimit(teams, limit, now)+below, rows)
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
	return fmt.Sprintf("%s, limit %d W", listTime(last, now), limit)
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
		rows = append([]row{{value: "unknown"}}, indented(rows)...)
		total = &rows[0]
		if known {
			total.value = fmt.Sprintf("%d W", sum)
		}
	}
	total.name = t.name
	if known {
		total.bar = &share{sum, limit}
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
				r.mark, above = aboveMark, aboveMark
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
	return append([]row{total}, indented(rows)...)
}

// indented returns the rows of a team's PDUs, indented below the team's own: the
// next team may have only one row.
func indented(rows []row) []row {
	for i := range rows {
		rows[i].num = " " + rows[i].num
	}
	return rows
}

// pduRow returns the row of a PDU with a value in W, which is negative if the
// PDU does not report it. It reports whether the row has a value.
func pduRow(p status, watts int, now time.Time) (r row, ok bool) {
	r = row{num: "." + p.number(), name: p.name}
	switch {
	case errors.Is(p.err, errNoMeter):
		r.value = "no power meter"
	case errors.Is(p.err, errWrong):
		r.value, r.below = "wrong answer", "since "+listTime(p.since, now)
	case p.err != nil:
		r.value, r.below = "no answer", "since "+listTime(p.since, now)
	case watts < 0:
		r.value = "no register"
	default:
		r.value = fmt.Sprintf("%d W", watts)
		return r, true
	}
	return r, false
}

// bar returns a bar that shows a share.
func (s share) bar(length int) string {
	full := min(max(s.watts, 0)*length/s.limit, length)
	return strings.Repeat("▇", full) + strings.Repeat("░", length-full)
}

// mark returns the mark of a power, "" if it is well below the limit.
func mark(watts, limit int) string {
	switch {
	case watts > limit:
		return aboveMark
	case float64(watts) >= nearLimit*float64(limit):
		return nearMark
	}
	return ""
}

// exceedingsList is the answer to /exceedings: each team's crossings since the
// bot started.
func exceedingsList(teams []team, limit int, start, now time.Time) []string {
	rows := make([]row, 0, len(teams))
	for _, t := range teams {
		r := row{name: t.name, value: fmt.Sprintf("%d x", t.crossings)}
		if len(t.pdus) == 1 {
			r.num = "." + t.pdus[0].number()
		}
		if t.crossings > 0 {
			since := ""
			if t.above {
				r.mark = aboveMark
				since = "\nabove since " + listTime(t.opened, now)
			}
			last := listTime(t.lastCrossing, now)
			r.below = fmt.Sprintf("%s in all\nat most %d W\nlast at %s%s",
				seconds(t.timeAbove()), t.highest, last, since)
		}
		rows = append(rows, r)
	}
	const head = "Exceedings since %s, when the bot started\nAbove the limit of %d W:"
	return pages(fmt.Sprintf(head, listTime(start, now), limit), rows)
}

// pduDate formats a time by a PDU's own clock.
func pduDate(t time.Time) string {
	if t.IsZero() {
		return "time unknown"
	}
	return t.Format(time.DateTime)
}

// listTime formats a time as lists show it: with the day unless that is today,
// and then without seconds, so that a phone does not break the line.
func listTime(t, now time.Time) string {
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2 Jan 15:04")
}

// A layout has the widths of a list's columns.
type layout struct {
	nums, names, values, bars int // each with a blank, except values; 0 if there are none
}

const markColumns = 1 + 1 // a blank and a mark

// newLayout returns the column widths for rows. So that a phone does not break
// the lines, bars are shortened, and then names are cut.
func newLayout(rows []row) (l layout) {
	hasBars := false
	for _, r := range rows {
		l.names = max(l.names, width(r.name)+1)
		if r.num != "" {
			l.nums = max(l.nums, len(r.num)+1)
		}
		if !r.isText() {
			l.values = max(l.values, len(r.value))
		}
		hasBars = hasBars || r.bar != nil
	}

	room := listColumns - l.nums - l.values - markColumns
	if hasBars {
		l.bars = min(max(room-l.names, 1+minBar), 1+maxBar)
	}
	l.names = min(l.names, max(room-l.bars, minName+1))
	return l
}

// isText reports whether a row has text instead of a number. It may extend over
// the columns of the values, bars and marks.
func (r row) isText() bool { return r.value == "" || r.value[0] < '0' || r.value[0] > '9' }

// line returns a row as text, with its further lines.
func (l layout) line(r row) string {
	line, room := "", l.nums+l.names // a name without a number takes its column too
	if r.num != "" {
		line, room = fmt.Sprintf("%-*s", l.nums, r.num), l.names
	}
	if r.isText() {
		end := len(r.value)
		if r.mark != "" {
			end += markColumns
		}
		room = min(room, max(listColumns-len(line)-end, minName+1))
	}
	name := cutMiddle(r.name, room-1)
	line += name + strings.Repeat(" ", room-width(name))
	if r.isText() {
		line += r.value
	} else {
		line += fmt.Sprintf("%*s", l.values, r.value)
	}
	if r.bar != nil {
		line += " " + r.bar.bar(l.bars-1)
	}
	if r.mark != "" {
		line += " " + r.mark
	}
	line += "\n"
	for below := range strings.Lines(r.below) {
		line += fmt.Sprintf("%*s%s\n", l.nums, "", strings.TrimSpace(below))
	}
	return line
}

// pages formats rows in columns. It returns the text of as many messages as
// they need, each with the head.
func pages(head string, rows []row) (texts []string) {
	const spare = 100 // characters for text that is added below a list
	l := newLayout(rows)
	var page strings.Builder
	length := textLen(head)
	explanation := legend(rows)
	end := func() {
		list := escape(strings.TrimRight(page.String(), "\n"))
		texts = append(texts, fmt.Sprintf("%s\n<pre>%s</pre>%s", escape(head), list, explanation))
		page.Reset()
		length = textLen(head)
	}
	for _, r := range rows {
		line := l.line(r)
		length += textLen(line)
		isFull := page.Len() > 0 && length > maxText-spare
		if isFull {
			end()
			length += textLen(line)
		}
		page.WriteString(line)
	}
	end()
	return texts
}

// legend returns a line that explains the marks of rows, or "".
func legend(rows []row) string {
	has := func(mark string) bool {
		return slices.ContainsFunc(rows, func(r row) bool { return r.mark == mark })
	}
	switch near, above := has(nearMark), has(aboveMark); {
	case near && above:
		return "\n" + aboveMark + " above the limit, " + nearMark + " near it"
	case above:
		return "\n" + aboveMark + " above the limit"
	case near:
		return "\n" + nearMark + " near the limit"
	}
	return ""
}

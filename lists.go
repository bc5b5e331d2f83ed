package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// A row is a line of a list: a team or a PDU with its value.
type row struct {
	num   string // .101, or "" for a team of several PDUs
	name  string
	value string
	mark  bool   // over the limit
	below string // what stands in lines of its own below it
}

var heads = map[string]string{
	"/current":   "Power at %s, limit %d W",
	"/peaks":     "Peaks at %s, limit %d W",
	"/peakdates": "Peaks at %s, limit %d W\n(dates by the PDUs' own clocks)",
}

// powerList is the answer to one of these: the power or the peak of each PDU and, where a team has several, before them that of
// the team. What some of them draw is a lower bound of its power; the sum of their peaks, which need not have been at the same
// time, is an upper bound.
func powerList(command string, teams []team, limit int, now time.Time) []string {
	current := command == "/current"
	var rows []row
	var last time.Time // of the readings
	for _, t := range teams {
		several := len(t.pdus) > 1
		sum, known, marked := 0, true, false
		var parts []row
		for _, p := range t.pdus {
			r, watts := pduRow(p, command, now)
			sum += max(watts, 0)
			known = known && watts >= 0
			r.mark = watts > limit && !(current && several)
			marked = marked || r.mark
			if current && !several {
				r.name = t.name
			}
			parts = append(parts, r)
			if p.err == nil && p.at.After(last) {
				last = p.at
			}
		}
		if several {
			total := row{name: t.name, value: "unknown", mark: marked || current && sum > limit}
			switch {
			case known && current:
				total.value = fmt.Sprintf("%d W", sum)
			case known:
				total.value = fmt.Sprintf("at most %d W", sum)
			}
			rows = append(rows, total)
		}
		rows = append(rows, parts...)
	}
	if last.IsZero() {
		last = now // nothing could be read
	}
	return pages(fmt.Sprintf(heads[command], clockTime(last, now), limit), rows)
}

// pduRow returns the row of a PDU and the watts in it, or what is wrong and -1.
func pduRow(p status, command string, now time.Time) (row, int) {
	r := row{num: fmt.Sprintf(".%d", p.num), name: p.name}
	watts := p.peak
	if command == "/current" {
		watts = p.watts
	}
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
		if r.value = fmt.Sprintf("%d W", watts); command == "/peakdates" {
			r.below = date(p.peakAt)
		}
		return r, watts
	}
	return r, -1
}

// exceedingsList is the answer to /exceedings: each team's crossings since the start.
func exceedingsList(teams []team, limit int, start, now time.Time) []string {
	var rows []row
	for _, t := range teams {
		r := row{name: t.name, value: fmt.Sprintf("%d x", t.crossings), mark: t.above}
		if len(t.pdus) == 1 {
			r.num = fmt.Sprintf(".%d", t.pdus[0].num)
		}
		if t.crossings > 0 {
			since := ""
			if t.above {
				t.total += now.Sub(t.opened)
				since = "\nabove now since " + clockTime(t.opened, now)
			}
			r.below = fmt.Sprintf("%s, at most %d W\nlast at %s%s", seconds(t.total), t.highest, clockTime(t.last, now), since)
		}
		rows = append(rows, r)
	}
	return pages(fmt.Sprintf("Above the limit of %d W since %s", limit, clockTime(start, now)), rows)
}

// clockTime tells a time, with its date where that is another than now's.
func clockTime(t, now time.Time) string {
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// date tells a time of a PDU's own clock.
func date(t time.Time) string {
	if t.IsZero() {
		return "time unknown"
	}
	return t.Format(time.DateTime)
}

// pages sets rows in columns, in as many messages as they need, each with the head.
func pages(head string, rows []row) (pages []string) {
	nums, names, values := 0, 0, 0
	for _, r := range rows {
		nums, names, values = max(nums, len(r.num)), max(names, width(r.name)), max(values, len(r.value))
	}
	var page strings.Builder
	length := textLen(head)
	end := func() {
		pages = append(pages, fmt.Sprintf("%s\n<pre>%s</pre>", escape(head), escape(strings.TrimRight(page.String(), "\n"))))
		page.Reset()
		length = textLen(head)
	}
	for _, r := range rows {
		line := r.name // that of a team of several PDUs begins where the others' numbers do
		if r.num != "" {
			line = fmt.Sprintf("%-*s %s", nums, r.num, r.name)
		}
		line += fmt.Sprintf("%s %*s", strings.Repeat(" ", nums+1+names-width(line)), values, r.value)
		if r.mark {
			line += " !"
		}
		line += "\n"
		for below := range strings.Lines(r.below) {
			line += fmt.Sprintf("%*s%s\n", nums+1, "", strings.TrimSpace(below))
		}
		if length += textLen(line); page.Len() > 0 && length > maxText-10 {
			end()
			length += textLen(line)
		}
		page.WriteString(line)
	}
	end()
	return pages
}

// width returns how many columns a text takes in a chat.
func width(s string) (n int) {
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana):
			n += 2
		default:
			n++
		}
	}
	return n
}

// label names a PDU in messages and logs.
func label(p pdu) string { return fmt.Sprintf("%s (.%d)", p.full(), p.num) }

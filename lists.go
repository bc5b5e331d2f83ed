package main

import (
	"errors"
	"fmt"
	"slices"
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

// currentList is the answer to /current: the power of each team, and of each of its PDUs where there are several.
func currentList(teams []team, limit int, now time.Time) []string {
	var rows []row
	for _, t := range teams {
		sum, known := 0, true
		var parts []row
		for _, p := range t.pdus {
			r := pduRow(p, now)
			if p.err == nil {
				r.value = fmt.Sprintf("%d W", p.watts)
				sum += p.watts
			}
			known = known && p.err == nil
			parts = append(parts, r)
		}
		if len(t.pdus) == 1 {
			parts[0].mark, parts[0].name = sum > limit, t.name
			rows = append(rows, parts...)
			continue
		}
		total := row{name: t.name, value: "unknown", mark: sum > limit} // what some of the PDUs draw is a lower bound
		if known {
			total.value = fmt.Sprintf("%d W", sum)
		}
		rows = append(append(rows, total), parts...)
	}
	return pages(fmt.Sprintf("Power at %s, limit %d W", readAt(teams, now), limit), rows)
}

// peakList is the answer to /peaks, and with dates that to /peakdates: the peak of each PDU. What the PDUs of a team peaked
// at together is not known from their peaks: the sum is an upper bound.
func peakList(teams []team, limit int, now time.Time, dates bool) []string {
	var rows []row
	for _, t := range teams {
		sum := 0
		var parts []row
		for _, p := range t.pdus {
			r := pduRow(p, now)
			switch {
			case p.err == nil && p.peak < 0:
				r.value = "no register"
			case p.err == nil:
				r.value, r.mark = fmt.Sprintf("%d W", p.peak), p.peak > limit
				sum += p.peak
				if dates {
					r.below = date(p.peakAt)
				}
			}
			known := p.err == nil && p.peak >= 0
			if !known {
				sum = -len(t.pdus) * maxWatts
			}
			parts = append(parts, r)
		}
		if len(t.pdus) > 1 {
			total := row{name: t.name, value: "unknown", mark: slices.ContainsFunc(parts, func(r row) bool { return r.mark })}
			if sum >= 0 {
				total.value = fmt.Sprintf("at most %d W", sum)
			}
			rows = append(rows, total)
		}
		rows = append(rows, parts...)
	}
	head := fmt.Sprintf("Peaks at %s, limit %d W", readAt(teams, now), limit)
	if dates {
		head += "\n(dates by the PDUs' own clocks)"
	}
	return pages(head, rows)
}

// exceedingsList is the answer to /exceedings: each team's crossings since the start.
func exceedingsList(teams []team, limit int, start, now time.Time) []string {
	var rows []row
	for _, t := range teams {
		r := row{name: t.name, value: fmt.Sprintf("%d x", t.crossings)}
		if len(t.pdus) == 1 {
			r.num = fmt.Sprintf(".%d", t.pdus[0].num)
		}
		if t.crossings > 0 {
			total := t.total
			if r.mark = t.above; t.above {
				total += now.Sub(t.opened)
			}
			r.below = fmt.Sprintf("%s, at most %d W\nlast at %s", seconds(total), t.highest, clockTime(t.last, now))
			if t.above {
				r.below += "\nabove now since " + clockTime(t.opened, now)
			}
		}
		rows = append(rows, r)
	}
	return pages(fmt.Sprintf("Above the limit of %d W since %s", limit, clockTime(start, now)), rows)
}

// pduRow returns the row of a PDU, with what is wrong where something is.
func pduRow(p status, now time.Time) row {
	r := row{num: fmt.Sprintf(".%d", p.num), name: p.name}
	switch {
	case p.err == nil:
	case errors.Is(p.err, errNoMeter):
		r.value = "no power meter"
	case errors.Is(p.err, errWrong):
		r.value, r.below = "wrong answer", "since "+clockTime(p.since, now)
	default:
		r.value, r.below = "no answer", "since "+clockTime(p.since, now)
	}
	return r
}

// readAt tells when the latest reading was.
func readAt(teams []team, now time.Time) string {
	var last time.Time
	for _, t := range teams {
		for _, p := range t.pdus {
			if p.err == nil && p.at.After(last) {
				last = p.at
			}
		}
	}
	if last.IsZero() {
		last = now // nothing could be read
	}
	return clockTime(last, now)
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
func pages(head string, rows []row) []string {
	nums, names, values := 0, 0, 0
	for _, r := range rows {
		nums, names, values = max(nums, len(r.num)), max(names, width(r.name)), max(values, len(r.value))
	}
	var pages []string
	var page strings.Builder
	for _, r := range rows {
		mark := ""
		if r.mark {
			mark = " !"
		}
		name := r.name + strings.Repeat(" ", names-width(r.name))
		if r.num == "" { // a team of several PDUs: its name begins where the others' numbers do
			name = r.name + strings.Repeat(" ", max(0, names+nums+1-width(r.name)))
		} else {
			name = fmt.Sprintf("%-*s %s", nums, r.num, name)
		}
		line := fmt.Sprintf("%s %*s%s\n", name, values, r.value, mark)
		for below := range strings.Lines(r.below) {
			line += fmt.Sprintf("%*s\n", nums+1+names+1+values, strings.TrimSpace(below))
		}
		if page.Len() > 0 && textLen(head)+textLen(page.String())+textLen(line) > maxText-10 {
			pages = append(pages, page.String())
			page.Reset()
		}
		page.WriteString(line)
	}
	pages = append(pages, page.String())
	for i, p := range pages {
		pages[i] = fmt.Sprintf("%s\n<pre>%s</pre>", escape(head), escape(strings.TrimRight(p, "\n")))
	}
	return pages
}

// width returns how many columns a text takes in a chat.
func width(s string) int {
	n := 0
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

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// graphTeams have one or two PDUs. Some names look like arguments of /graph.
func graphTeams() []team {
	return []team{
		{name: "First Team", pdus: []status{{pdu: pdu{num: 101, unit: 1, snmp: "10.0.0.101:161"}}}},
		{name: "Double 90m", pdus: []status{
			{pdu: pdu{num: 102, unit: 1, snmp: "10.0.0.102:161"}},
			{pdu: pdu{num: 103, unit: 2, snmp: "10.0.0.103:161"}},
		}},
		{name: "A - B", pdus: []status{{pdu: pdu{num: 104, unit: 1, snmp: "10.0.0.104:161"}}}},
	}
}

// graphSpanAtNoon is the span of a bot that was started an hour before noon.
var graphSpanAtNoon = graphSpan{started: noon.Add(-time.Hour), kept: historyTime, now: noon}

func TestParseGraph(t *testing.T) {
	all := []int{0, 1, 2}
	for _, tt := range []struct {
		arg      string
		teams    []int
		from, to int // minutes after noon
	}{
		{"", all, -15, 0},
		{"101", []int{0}, -15, 0},
		{".102", []int{1}, -15, 0},
		{"103/2", []int{1}, -15, 0},
		{"10.0.0.104", []int{2}, -15, 0},
		{"first team", []int{0}, -15, 0},
		{"  First \n Team  ", []int{0}, -15, 0},
		{"Double 90m", []int{1}, -15, 0},
		{"Double 90m 45m", []int{1}, -45, 0},
		{"A - B", []int{2}, -15, 0},
		{"A - B 45M", []int{2}, -45, 0},
		{"101 1h30m", []int{0}, -90, 0},
		{"101 90min", []int{0}, -90, 0},
		{"1H30MIN", all, -90, 0},
		{"24h", all, -24 * 60, 0},
		{"101 11:05-11:35", []int{0}, -55, -25},
		{"A - B 11:05 – 11:35", []int{2}, -55, -25},
		{"11:05—11:35:00", all, -55, -25},
		{"101 11:55-12:30", []int{0}, -5, 0},
		{"101 23:30-11:30", []int{0}, -750, -30},
	} {
		t.Run(tt.arg, func(t *testing.T) {
			r, err := parseGraph(tt.arg, graphTeams(), graphSpanAtNoon)
			from, to := noon.Add(time.Duration(tt.from)*time.Minute), noon.Add(time.Duration(tt.to)*time.Minute)
			if err != nil || !r.from.Equal(from) || !r.to.Equal(to) || !slices.Equal(r.teams, tt.teams) {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func TestParseGraphMistakes(t *testing.T) {
	const example = "a length such as 90m or a window such as 10:05-10:35"
	for arg, want := range map[string]string{
		"105":                            `"105" is not a team or PDU on the list`,
		"103":                            example, // the PDU is the second unit
		"Nobody 45m":                     `"Nobody" is not a team or PDU on the list`,
		"101 90":                         example,
		"101 90 min":                     example,
		"101 -90m":                       `"-90m": want a length from 30 s to 24 h, such as 90m`,
		"101 1s":                         "want a length from 30 s to 24 h",
		"101 24h1s":                      "want a length from 30 s to 24 h",
		"101 99999999999h":               example, // too long for a duration
		"101 NaNh":                       example,
		"101 12:30-13:00":                "12:30:00 to 13:00:00 is in the future",
		"101 10:00-10:30":                "not running from 10:00:00 to 10:30:00: it was started at 11:00:00",
		"101 25:00-26:00":                `"25:00-26:00": want two clock times, such as 10:05-10:35`,
		"101 11:05-11:05":                "want two clock times",
		"101 11:05-11:70":                "want two clock times",
		"101 11:05":                      example,
		"101-102":                        example,
		strings.Repeat("x", 500):         `"` + strings.Repeat("x", 40) + `..." is not a team`,
		strings.Repeat("1 ", 300) + "1s": `"1s": want a length`,
		strings.Repeat("9", 500) + "m":   example,
		strings.Repeat("1:", 500) + "-:": "want two clock times",
		"\x00\xff<b>":                    `"\x00\xff<b>" is not a team`,
	} {
		t.Run(shorten(arg, 40), func(t *testing.T) {
			_, err := parseGraph(arg, graphTeams(), graphSpanAtNoon)
			wants(t, errorText(err), want)
			if n := len(errorText(err)); n > 300 {
				t.Errorf("the answer has %d characters", n)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// TestGraphSpan covers windows without readings, or with readings of a part
// only.
func TestGraphSpan(t *testing.T) {
	minutes := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	running := func(hours int, kept time.Duration) graphSpan {
		return graphSpan{started: minutes(-60 * hours), kept: kept, now: noon}
	}
	for name, tt := range map[string]struct {
		span graphSpan
		from string
		to   string
		want string
	}{
		"yesterday, as today's is to come": {running(48, historyTime), "13:00", "14:00", "-1380 to -1320 []"},
		"yesterday is too long ago": {running(48, 9*time.Hour), "13:00", "14:00",
			"13:00:00 to 14:00:00 is in the future"},
		"over midnight, kept": {running(48, historyTime), "23:00", "01:00", "-780 to -660 []"},
		"not kept any more": {running(48, 9*time.Hour), "01:00", "02:00",
			"readings are kept for 9 h 0 min only"},
		"partly kept": {running(48, 9*time.Hour), "02:00", "04:00",
			"-600 to -480 [Readings are kept for 9 h 0 min only.]"},
		"partly before the start": {running(1, historyTime), "10:30", "11:30",
			"-90 to -30 [The bot was not running before 11:00:00.]"},
		"up to the start": {running(1, historyTime), "10:30", "11:00",
			"-90 to -60 [The bot was not running before 11:00:00.]"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := tt.span.between(tt.from, tt.to)
			got := errorText(err)
			if err == nil {
				got = fmt.Sprintf("%.0f to %.0f %v",
					r.from.Sub(noon).Minutes(), r.to.Sub(noon).Minutes(), tt.span.remarks(r.from))
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func FuzzParseGraph(f *testing.F) {
	f.Add("101 10:05-10:35")
	f.Add("First Team 90m")
	f.Add("A - B 23:59:59 - 0:00")
	f.Fuzz(func(t *testing.T, arg string) {
		r, err := parseGraph(arg, graphTeams(), graphSpanAtNoon)
		inOrder := r.to.After(r.from) && !r.to.After(noon) && noon.Sub(r.from) <= 2*historyTime
		if err == nil && (!inOrder || len(r.teams) == 0) {
			t.Errorf("%q: got %+v", arg, r)
		}
	})
}

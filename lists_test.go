package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, time.Local)

// seen returns the status of a PDU that was read at noon.
func seen(num int, name, team string, watts, peak int) status {
	return status{
		pdu:     pdu{num: num, name: name, team: team},
		reading: reading{watts: watts, peak: peak, peakAt: time.Date(2026, 6, 15, 10, 32, 7, 0, time.UTC), at: noon},
		since:   noon,
	}
}

// grouped groups PDUs into their teams.
func grouped(all ...status) (teams []team) {
	for _, p := range all {
		i := slices.IndexFunc(teams, func(t team) bool { return t.name == p.team })
		if i < 0 {
			i = len(teams)
			teams = append(teams, team{name: p.team})
		}
		teams[i].pdus = append(teams[i].pdus, p)
	}
	return teams
}

func lost(num int, name, team string, err error) status {
	s := seen(num, name, team, 9999, 9999)
	s.err, s.since = err, noon.Add(-5*time.Second)
	return s
}

func TestLists(t *testing.T) {
	venue := grouped(
		seen(101, "First_PDU", "First_PDU", 2410, 3120),
		seen(7, "Zürich & <Co>", "Zürich & <Co>", 3010, 3000),
		lost(103, "清华大学", "清华大学", errNoAnswer),
		lost(104, "Fifth", "Fifth", errWrong),
		lost(105, "AP7900B", "AP7900B", errNoMeter),
		seen(106, "left", "Double", 2000, 2100),
		seen(107, "right", "Double", 1010, 1200),
		seen(108, "left", "Half", 2000, -1),
		lost(109, "right", "Half", errNoAnswer),
	)
	short := grouped(seen(1, "A", "A", 2410, 0), seen(2, "Barcelona", "Barcelona", 2850, 0), seen(3, "C", "C", 3010, 0))
	crossed := slices.Clone(venue[:2])
	crossed[0].crossings, crossed[0].total, crossed[0].highest = 2, 75*time.Second, 3240
	crossed[0].above, crossed[0].opened, crossed[0].lastCrossing = true, noon, noon
	now := noon.Add(time.Second)
	for name, tt := range map[string]struct {
		got  []string
		want string
	}{
		"current": {currentList(venue, 3000, now), `Power at 12:00:00, limit 3000 W
<pre>.101  First_PDU   2410 W ▇▇░
.7    Züric… &lt;Co&gt; 3010 W ▇▇▇ !
.103  清华大学    no answer
      since 11:59:55
.104  Fifth       wrong answer
      since 11:59:55
.105  AP7900B   no power meter
Double            3010 W ▇▇▇ !
 .106 left        2000 W
 .107 right       1010 W
Half              unknown
 .108 left        2000 W
 .109 right       no answer
      since 11:59:55</pre>
! above the limit`},
		"current, teams with one PDU": {currentList(venue[:2], 3000, now), `Power at 12:00:00, limit 3000 W
<pre>.101 First_PDU    2410 W ▇▇░
.7   Zürich… &lt;Co&gt; 3010 W ▇▇▇ !</pre>
! above the limit`},
		"current, short names": {currentList(short, 3000, now), `Power at 12:00:00, limit 3000 W
<pre>.1 A         2410 W ▇▇▇▇▇▇░░
.2 Barcelona 2850 W ▇▇▇▇▇▇▇░ ~
.3 C         3010 W ▇▇▇▇▇▇▇▇ !</pre>
! above the limit, ~ near it`},
		"near": {currentList(short[:2], 3000, now), `Power at 12:00:00, limit 3000 W
<pre>.1 A         2410 W ▇▇▇▇▇▇░░
.2 Barcelona 2850 W ▇▇▇▇▇▇▇░ ~</pre>
~ near the limit`},
		"peaks": {peakList(venue, 3000, now), `Peaks at 12:00:00, limit 3000 W
(since each PDU's last reset)
<pre>.101  First_PDU     3120 W !
.7    Zürich &amp; &lt;Co&gt; 3000 W
.103  清华大学      no answer
      since 11:59:55
.104  Fifth       wrong answer
      since 11:59:55
.105  AP7900B   no power meter
Double          at most 3300 W
 .106 left          2100 W
 .107 right         1200 W
Half                unknown
 .108 left         no register
 .109 right         no answer
      since 11:59:55</pre>
! above the limit`},
		"peak dates": {peakDateList(venue[:2], 3000, now), `Peaks at 12:00:00, limit 3000 W
(since each PDU's last reset, dates by its own clock)
<pre>.101 First_PDU     3120 W !
     2026-06-15 10:32:07
.7   Zürich &amp; &lt;Co&gt; 3000 W
     2026-06-15 10:32:07</pre>
! above the limit`},
		"exceedings": {exceedingsList(crossed, 3000, noon.Add(-time.Hour), now),
			`Exceedings since 11:00:00, when the bot started
Above the limit of 3000 W:
<pre>.101 First_PDU     2 x !
     75 s in all
     at most 3240 W
     last at 12:00:00
     above since 12:00:00
.7   Zürich &amp; &lt;Co&gt; 0 x</pre>
! above the limit`},
		"nothing read": {currentList(grouped(lost(1, "A", "A", errNoAnswer)), 3000, now.AddDate(0, 0, 1)), `Power at 12:00:01, limit 3000 W
<pre>.1 A no answer
   since 15 Jun 11:59</pre>`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(tt.got, "\n---\n"); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
			_, list, _ := strings.Cut(tt.want, "<pre>")
			for line := range strings.Lines(plainText(list)) {
				if n := width(strings.TrimRight(line, "\n")); n > listColumns {
					t.Errorf("%d columns: %q", n, line)
				}
			}
		})
	}
}

// TestListColumns checks that a phone does not break the lines of any list, with
// times of the same day and of another one.
func TestListColumns(t *testing.T) {
	start := time.Date(2026, 10, 16, 0, 0, 1, 0, time.Local)
	at := time.Date(2026, 10, 16, 23, 59, 0, 0, time.Local)
	down := lost(103, "Single", "Single", errWrong)
	right := lost(102, "right", "Double", errNoAnswer)
	down.since, right.since = at, at
	venue := grouped(
		seen(101, "left", "Double", 2410, 10240), right, down, seen(104, "Universität Unterföhring", "", 3010, 3000),
	)
	for i := range venue {
		t := &venue[i]
		t.crossings, t.total, t.highest = 1000, 100*time.Hour, 102400
		t.above, t.opened, t.lastCrossing = true, at, at
	}

	for name, tt := range map[string]struct {
		now  time.Time
		want []string
	}{
		"the same day": {at.Add(30 * time.Second), []string{
			"      since 23:59:00", "     above since 23:59:00", "     last at 23:59:00",
			"Exceedings since 00:00:01, when the bot started",
		}},
		"another day": {at.AddDate(0, 0, 1), []string{
			"      since 16 Oct 23:59", "     above since 16 Oct 23:59", "     last at 16 Oct 23:59",
			"Exceedings since 16 Oct 00:00, when the bot started",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			all := ""
			for _, pages := range [][]string{
				currentList(venue, 3000, tt.now), peakList(venue, 3000, tt.now), peakDateList(venue, 3000, tt.now),
				exceedingsList(venue, 3000, start, tt.now),
			} {
				text := strings.Join(pages, "\n")
				all += plainText(text) + "\n"
				_, list, _ := strings.Cut(text, "<pre>")
				for line := range strings.Lines(plainText(list)) {
					if n := width(strings.TrimRight(line, "\n")); n > listColumns {
						t.Errorf("%d columns: %q", n, line)
					}
				}
			}
			for _, line := range tt.want {
				if !strings.Contains(all, line+"\n") {
					t.Errorf("no line %q in:\n%s", line, all)
				}
			}
		})
	}
}

// TestLongLists checks that a list too long for a message is split between
// lines, and that nothing is lost.
func TestLongLists(t *testing.T) {
	var venue []status
	for num := 1; num <= 254; num++ {
		name := strings.Repeat("&", num%30) + fmt.Sprint("x", num)
		venue = append(venue, seen(num, name, name, num*10, num*10))
	}
	got := peakList(grouped(venue...), 3000, noon)
	if len(got) < 2 {
		t.Fatalf("%d messages", len(got))
	}
	all := ""
	for _, page := range got {
		if n := textLen(plainText(page)); n > maxText {
			t.Errorf("a message of %d characters", n)
		}
		head, list, _ := strings.Cut(page, "<pre>")
		if !strings.HasPrefix(head, "Peaks at 12:00:00, limit 3000 W\n") || list[0] != '.' || !strings.HasSuffix(list, " W</pre>") {
			t.Errorf("not split between lines: %.90q ... %q", page, page[len(page)-20:])
		}
		all += plainText(page) + "\n"
	}
	for _, p := range venue {
		if line := fmt.Sprintf("\n.%-3d %s ", p.num, cutMiddle(p.name, 16)); strings.Count("\n"+all, line) != 1 {
			t.Errorf("%q is not in it once", line)
		}
	}
}

// TestCurrentColumns checks that a phone does not break the lines of /current,
// whatever the names are.
func TestCurrentColumns(t *testing.T) {
	for name, tt := range map[string]struct {
		pdus  []status
		want  string
		limit int // 0 for 3000 W
	}{
		"names of twelve characters": {[]status{seen(101, "Twelve_chars", "Twelve_chars", 10240, 0)}, ".101 Twelv…chars 10240 W ▇▇▇ !", 0},
		"near the limit":             {[]status{seen(101, "A", "A", 2850, 0)}, ".101 A 2850 W ▇▇▇▇▇▇▇░ ~", 0},
		"just below that":            {[]status{seen(101, "A", "A", 2840, 0)}, ".101 A 2840 W ▇▇▇▇▇▇▇░", 0},
		"at the limit":               {[]status{seen(101, "A", "A", 3000, 0)}, ".101 A 3000 W ▇▇▇▇▇▇▇▇ ~", 0},
		"above it":                   {[]status{seen(101, "A", "A", 3010, 0)}, ".101 A 3010 W ▇▇▇▇▇▇▇▇ !", 0},
		"idle":                       {[]status{seen(101, "A", "A", 0, 0)}, ".101 A 0 W ░░░░░░░░", 0},
		"a long name":                {[]status{seen(101, "Universität Unterföhring", "Universität Unterföhring", 1500, 0)}, ".101 Univer…hring 1500 W ▇░░", 0},
		"a long Chinese name":        {[]status{seen(101, "清华大学清华大学清华", "清华大学清华大学清华", 1500, 0)}, ".101 清华大…清华  1500 W ▇░░", 0},
		"the least limit":            {[]status{seen(101, "A", "A", 10, 0)}, ".101 A 10 W ▇▇▇▇▇▇▇▇ !", 1},
		"the greatest limit":         {[]status{seen(101, "Twelve_chars", "Twelve_chars", 100_000, 0)}, ".101 Twelv…hars 100000 W ▇▇▇ ~", 100_000},
		"emoji":                      {[]status{seen(101, "🏁🏁🏁🏁🏁🏁🏁🏁", "🏁🏁🏁🏁🏁🏁🏁🏁", 1500, 0)}, ".101 🏁🏁🏁…🏁🏁  1500 W ▇░░", 0},
	} {
		t.Run(name, func(t *testing.T) {
			text := plainText(currentList(grouped(tt.pdus...), cmp.Or(tt.limit, 3000), noon)[0])
			line := strings.Split(text, "\n")[1]
			if line != tt.want {
				t.Errorf("got  %q, want %q", line, tt.want)
			}
			if n := width(line); n > listColumns {
				t.Errorf("%d columns: %q", n, line)
			}
		})
	}
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A status is what is known of a PDU.
type status struct {
	pdu
	reading           // the last one; where it had no resetAt, with the one before
	err     error     // of the last poll; nil if that gave the reading
	since   time.Time // of err: when the last reading was, or the start
	polled  time.Time // when it was last

	missed   int  // polls without an answer, in a row
	out      bool // it is out of reach, which was told
	held     bool // it went out of reach during the crossing that is open: its last reading still counts
	register int  // W, the last peak that it told; -1 before
}

// A team is what is known of a team.
type team struct {
	name string
	pdus []status

	above   bool      // a crossing is open
	opened  time.Time // when it began
	most    int       // W, the highest in it
	suspect int       // W, the sum of the registers that was last told to be above the limit; 0 for none

	crossings int // what follows is since the start
	total     time.Duration
	highest   int // W
	last      time.Time
}

// An event is something to be logged and told.
type event struct {
	at     time.Time
	who    string // a team or a PDU, as exceedings.log names it
	text   string // as it is logged
	more   string // what the chat is told beside that
	silent bool   // without sound
	quiet  bool   // logged, and not told
	minor  bool   // not told where many of its kind come, when all PDUs were out of reach

	lost time.Time // since when a PDU is out of reach, where that is the event
}

// A poll is what came of asking a PDU.
type poll struct {
	reading
	err  error
	at   time.Time // when it came, or did not
	ours bool      // the bot resets this PDU's peak about now
}

const (
	lostAfter  = 3 // polls
	lostTime   = 6 * time.Second
	soundAfter = time.Minute // from one alert of a team to the next that has a sound
)

// entry names a PDU in exceedings.log.
func entry(p pdu) string { return fmt.Sprintf("%s(.%d)", p.full(), p.num) }

// entry names a team in exceedings.log.
func (t team) entry() string {
	var nums []string
	for _, p := range t.pdus {
		nums = append(nums, fmt.Sprintf(".%d", p.num))
	}
	return fmt.Sprintf("%s(%s)", t.name, strings.Join(nums, "+"))
}

// sum returns the power of a team that is proven, in W: that of its PDUs' last readings, without those out of reach.
func (t team) sum() (watts int) {
	for _, p := range t.pdus {
		if !p.at.IsZero() && (!p.out || p.held) {
			watts += p.watts
		}
	}
	return watts
}

// judge returns what is known of a team after PDU i was polled, and what is to be told of it. It depends on nothing else.
func judge(t team, i int, p poll, limit int) (team, []event) {
	t.pdus = slices.Clone(t.pdus)
	s := &t.pdus[i]
	s.err, s.polled = p.err, p.at
	var events []event
	tell := func(e event) {
		e.at = p.at
		events = append(events, e)
	}
	switch {
	case errors.Is(p.err, errNoMeter): // it answers
		s.missed, s.out, s.held, s.since = 0, false, false, p.at
		return t, nil
	case p.err != nil:
		if s.missed++; s.out || s.missed < lostAfter || p.at.Sub(s.since) < lostTime {
			return t, nil
		}
		s.out, s.held = true, t.above
		tell(event{who: entry(s.pdu), text: "Out of reach since " + s.since.Format(time.TimeOnly), more: p.err.Error(), silent: true, lost: s.since})
		return t, events
	}
	before := *s
	s.reading, s.since, s.missed, s.out, s.held = p.reading, p.at, 0, false, false
	told := before.register >= 0 && p.peak >= 0
	s.resetAt = cmp.Or(p.resetAt, before.resetAt)
	moved := !before.resetAt.IsZero() && !s.resetAt.Equal(before.resetAt)
	cleared := told && p.peak < before.register || moved
	// Where only the time has moved, the peak may still be the one from before: the card may be reset between two values.
	rose := told && p.peak > limit && (p.peak > before.register || cleared && p.peak != before.register)
	if p.peak >= 0 {
		s.register = p.peak
	}
	if !before.at.IsZero() && p.uptime >= 0 && p.uptime < before.uptime {
		tell(event{who: entry(s.pdu), text: "The PDU's card was restarted", silent: true, minor: true})
	}
	if before.out {
		text, calm := verdict(before, p, limit, cleared, rose)
		tell(event{who: entry(s.pdu), text: fmt.Sprintf("Answers again after %s; %s", seconds(p.at.Sub(before.since)), text), silent: true, minor: calm})
	} else if cleared && !p.ours {
		tell(event{who: entry(s.pdu), text: fmt.Sprintf("Peak reset by somebody else, %d W -> %d W", before.register, s.register), silent: true})
	}
	if before.register < 0 && p.peak > limit && p.peak > p.watts {
		tell(event{who: entry(s.pdu), text: fmt.Sprintf("Peak stood at %d W at the start", p.peak), more: peakTime(p.reading)})
	}

	sum := t.sum()
	high := sum
	if rose {
		high = max(sum, p.peak)
	}
	opens := !t.above && (sum > limit || rose)
	if opens {
		e := event{who: t.entry(), silent: p.at.Sub(t.last) < soundAfter}
		watts := sum
		if sum <= limit {
			watts, e.more = p.peak, "a spike, over when it was seen; "+peakTime(p.reading)
		}
		e.text = fmt.Sprintf("Above power limit (%d W)!", watts)
		tell(e)
		t.crossings++
		t.above, t.opened, t.last, t.most = true, p.at, p.at, 0
	}
	if t.above {
		t.most, t.highest = max(t.most, high), max(t.highest, high)
	}
	if t.above && sum <= limit {
		t.above = false
		for i := range t.pdus {
			t.pdus[i].held = false
		}
		t.total += p.at.Sub(t.opened)
		tell(event{who: t.entry(), text: fmt.Sprintf("Back under power limit after %s, at most %d W", seconds(p.at.Sub(t.opened)), t.most), silent: true, quiet: opens})
	}

	registers := 0
	for _, p := range t.pdus {
		registers += max(p.register, 0)
	}
	switch {
	case registers <= limit:
		t.suspect = 0
	case registers > t.suspect+t.suspect/20: // the registers of a team that starts a run rise with each reading
		t.suspect = registers
		if !t.above && !rose && s.register <= limit {
			tell(event{who: t.entry(), text: fmt.Sprintf("Possibly above power limit (%d W)", registers),
				more: "that is the sum of its PDUs' peaks, which need not have been at the same time"})
		}
	}
	return t, events
}

// verdict tells what a PDU's register says of the time while it was out of reach, and whether there is nothing in it.
func verdict(before status, p poll, limit int, cleared, rose bool) (text string, calm bool) {
	switch {
	case before.register < 0 || p.peak < 0:
		return "its peak tells nothing of that time", false
	case cleared:
		return "its peak was reset meanwhile, so that nothing can be said", false
	case rose:
		return fmt.Sprintf("its peak rose to %d W", p.peak), false
	case p.peak > limit:
		return fmt.Sprintf("its peak stayed at %d W, what was below that is not known", p.peak), false
	case before.name != before.team:
		return fmt.Sprintf("its peak is %d W", p.peak), true // what the team drew is not known
	}
	return fmt.Sprintf("it stayed under the limit, its peak is %d W", p.peak), true
}

func peakTime(r reading) string {
	if r.peakAt.IsZero() {
		return "the PDU does not tell when"
	}
	return "by the PDU's own clock at " + r.peakAt.Format(time.DateTime)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds())) }

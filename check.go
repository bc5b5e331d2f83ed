package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"iscbot/internal/nmc"
)

const (
	// checkParallel is how many things are checked at the same time.
	checkParallel = 32
	// clockAccuracy is how far the host's clock may be off for -check.
	clockAccuracy = 5 * time.Second
)

// A finding is a line of -check, and those that follow it indented.
type finding struct {
	what string
	text string
	bad  bool
}

// A checker tests everything that the bot will need, and changes nothing.
type checker struct {
	config
	client *client
	card   func(pdu) *nmc.Client
	panics panicGuard
}

func newChecker(cfg config) *checker {
	c := &checker{config: cfg, client: newClient(cfg.api, cfg.token), card: cfg.cards()}
	c.client.migrated = func(from, to int64) { cfg.access.migrate(from, to) }
	return c
}

// run prints a line for each thing as soon as those before it are known, and
// returns the exit code.
func (c *checker) run(ctx context.Context, out io.Writer) int {
	tests := []func() []finding{
		func() []finding { return c.checkTelegram(ctx) },
		func() []finding { return []finding{checkLog(c.log)} },
	}
	for _, units := range byCard(c.pdus) {
		tests = append(tests, func() []finding { return c.checkCard(ctx, units) })
	}

	var results []chan []finding
	limit := make(chan struct{}, checkParallel)
	for _, test := range tests {
		result := make(chan []finding, 1)
		results = append(results, result)
		go func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			result <- c.guard(test)
		}()
	}

	code := exitOK
	for _, result := range results {
		for _, f := range <-result {
			word := "ok   "
			if f.bad {
				word, code = "WRONG", exitFailed
			}
			text := strings.ReplaceAll(strings.TrimRight(f.text, "\n"), "\n", "\n      ")
			fmt.Fprintf(out, "%s %s: %s\n", word, f.what, text)
		}
	}
	return code
}

// guard runs a test that may panic on what it is sent.
func (c *checker) guard(test func() []finding) (found []finding) {
	var err error
	defer func() {
		if err != nil {
			found = append(found, finding{"check", err.Error(), true})
		}
	}()
	defer c.panics.catch("check", &err)
	return test()
}

// byCard returns the PDUs grouped by the card behind which they are.
func byCard(pdus []pdu) (cards [][]pdu) {
	for _, p := range pdus {
		i := slices.IndexFunc(cards, func(units []pdu) bool { return units[0].snmp == p.snmp })
		if i < 0 {
			cards = append(cards, []pdu{p})
			continue
		}
		cards[i] = append(cards[i], p)
	}
	return cards
}

// checkTelegram tests the token, the host's clock and the chats of the access
// list.
func (c *checker) checkTelegram(ctx context.Context) []finding {
	if c.token == (secret{}) {
		return []finding{{what: "Telegram", text: "skipped, as ISCBOT_TOKEN is not set"}}
	}
	var me struct {
		user
		ReadsAll bool `json:"can_read_all_group_messages"`
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	now, err := c.client.callWithin(ctx, "getMe", params{}, &me)
	if err != nil {
		return []finding{{"token", err.Error(), true}}
	}

	privacy := "privacy mode is on: in groups it sees commands and replies to it"
	if me.ReadsAll {
		privacy = "privacy mode is off: in groups it sees everything"
	}
	found := []finding{{what: "token", text: fmt.Sprintf("@%s; %s", me.Username, privacy)}, checkClock(now, time.Now())}
	if len(c.access.chats()) == 0 {
		found = append(found, finding{"access list", "nobody is on it, so nobody will be alerted", true})
	}
	for _, id := range c.access.users() {
		found = append(found, c.checkChat(ctx, id, 0, me.Username))
	}
	if id, topic := c.access.group(); id != 0 {
		found = append(found, c.checkGroup(ctx, id, topic, me.Username))
	}
	return found
}

// checkClock compares the host's clock with Telegram's.
func checkClock(server, now time.Time) finding {
	off := now.Round(0).Sub(server).Round(time.Second)
	switch {
	case server.IsZero():
		return finding{what: "clock", text: "Telegram told no time to compare it with"}
	case off.Abs() > clockAccuracy:
		return finding{"clock", fmt.Sprintf("%s: the log would have wrong times; set the clock (timedatectl)", offBy(off)), true}
	}
	return finding{what: "clock", text: "agrees with Telegram's"}
}

// checkChat tests whether a chat and a topic of it can be written to.
func (c *checker) checkChat(ctx context.Context, id, topic int64, me string) finding {
	var chat struct {
		user
		Title string
	}
	err := c.client.call(ctx, "getChat", params{"chat_id": id}, &chat)
	if err == nil { // a blocked bot may still look, but not type
		in := params{"chat_id": id, "action": "typing"}
		if topic != 0 {
			in["message_thread_id"] = topic
		}
		err = c.client.call(ctx, "sendChatAction", in, nil)
	}

	text := "can be reached, " + chat.name()
	if id < 0 {
		text = "can be reached, the group " + chat.Title
	}
	what := fmt.Sprintf("chat %d", id)
	if topic != 0 {
		what = fmt.Sprintf("chat %d/%d", id, topic)
	}
	if err != nil {
		text = fmt.Sprintf("%v: let the person send /start to @%s, or add it to the group", err, me)
		if topic != 0 && (says(err, "thread not found") || says(err, "TOPIC_CLOSED")) {
			text = fmt.Sprintf("%v: the topic is gone or closed: reopen it, or write another one into the access list", err)
		}
	}
	return finding{what, text, err != nil}
}

// checkGroup tests the group. If it became a supergroup, that is what matters:
// its new id must get into the access list.
func (c *checker) checkGroup(ctx context.Context, id, topic int64, me string) finding {
	f := c.checkChat(ctx, id, topic, me)
	if now, _ := c.access.group(); now != id {
		f = c.checkChat(ctx, now, topic, me)
		f.what = fmt.Sprintf("chat %d", id)
		f.text = fmt.Sprintf("the group became a supergroup: put its new id %d into the access list (%s)", now, f.text)
		f.bad = true
	}
	return f
}

// checkLog tests whether the log can be written, and leaves no trace of that.
func checkLog(path string) finding {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		if f, err = os.CreateTemp(filepath.Dir(path), ".iscbot-check"); err == nil {
			defer os.Remove(f.Name())
		}
	}
	if err != nil {
		return finding{"log", fmt.Sprintf("%s cannot be written: %v", path, err), true}
	}
	f.Close()
	return finding{what: "log", text: path + " can be written"}
}

// checkCard tests the units behind one card, one after the other: it takes
// one request at a time.
func (c *checker) checkCard(ctx context.Context, units []pdu) (found []finding) {
	for _, p := range units {
		found = append(found, c.checkSNMP(ctx, p))
		if c.resetSNMP {
			found = append(found, c.checkWrite(ctx, p))
		} else {
			found = append(found, c.checkWeb(ctx, p))
		}
	}
	if f, ok := c.checkUnlisted(ctx, units); ok {
		found = append(found, f)
	}
	return found
}

// checkSNMP reads a PDU as the watch does, and what it is.
func (c *checker) checkSNMP(ctx context.Context, p pdu) finding {
	s := newSession(p.snmp, []int{p.unit}, c.snmp)
	defer s.close()
	what := p.displayName() + " SNMP"
	r, err := s.read(ctx, p.unit)
	if err != nil && !errors.Is(err, errNoMeter) { // the first attempt may have met a busy card
		r, err = s.read(ctx, p.unit)
	}
	switch {
	case errors.Is(err, errLate):
		return finding{what, fmt.Sprintf("%v at %s: use a longer -interval", err, p.snmp), true}
	case errors.Is(err, errNoObject) && p.unit > 1:
		return finding{what, fmt.Sprintf("%v at %s: is there a unit %d behind this card?", err, p.snmp, p.unit), true}
	case err != nil && !errors.Is(err, errNoMeter):
		return finding{what, fmt.Sprintf("%v at %s: is SNMP on, and are -net, -snmp-port and -community right?", err, p.snmp), true}
	}

	model := strings.TrimSpace(s.text(ctx, instance(rPDU2IdentModelNumber, p.unit)) + " " + s.text(ctx, instance(rPDU2IdentFirmwareRev, p.unit)))
	if model == "" {
		model = s.text(ctx, sysDescr)
	}
	if err != nil {
		return finding{what, model + ": " + err.Error() + ", so it cannot be watched", true}
	}
	model += fmt.Sprintf(", %d W, peak %d W, answered in %s", r.watts, r.peak, r.at.Sub(r.asked).Round(time.Millisecond))
	told := s.text(ctx, mconfigClockDate) + " " + s.text(ctx, mconfigClockTime)
	if t, err := time.ParseInLocation(pduTime, told, time.Local); err == nil {
		model += fmt.Sprintf(", its clock is %s off", time.Since(t).Round(time.Second).Abs())
	}
	return finding{what: what, text: model}
}

// checkUnlisted looks for units behind a card that are not in the list: their
// power would be missing.
func (c *checker) checkUnlisted(ctx context.Context, units []pdu) (finding, bool) {
	s := newSession(units[0].snmp, []int{1}, c.snmp)
	defer s.close()
	if _, err := s.read(ctx, 1); err != nil && !errors.Is(err, errNoMeter) && !errors.Is(err, errWrong) {
		return finding{}, false // it does not answer, which was found already
	}
	var unlisted []string
	for unit := 1; unit <= maxUnits; unit++ {
		listed := slices.ContainsFunc(units, func(p pdu) bool { return p.unit == unit })
		if listed {
			continue
		}
		power, err := s.get(ctx, instance(rPDU2DeviceStatusPower, unit))
		if err != nil {
			continue
		}
		if _, err := watts(power, 10); err == nil {
			unlisted = append(unlisted, fmt.Sprintf("%d/%d", units[0].num, unit))
		}
	}
	if unlisted == nil {
		return finding{}, false
	}
	return finding{
		what: fmt.Sprintf("card .%d", units[0].num),
		text: fmt.Sprintf("units of a chain are not in the PDU list, so their power is missing: add %s", strings.Join(unlisted, ", ")),
		bad:  true,
	}, true
}

// checkWrite reads what a reset over SNMP would write. Whether it may be
// written shows only when it is.
func (c *checker) checkWrite(ctx context.Context, p pdu) finding {
	cfg := c.snmp
	cfg.community = cfg.write.reveal()
	s := newSession(p.snmp, []int{p.unit}, cfg)
	defer s.close()
	what := p.displayName() + " reset"
	if _, err := s.read(ctx, p.unit); errors.Is(err, errNoAnswer) {
		return finding{what, "no answer: is -write-community right, or the user of SNMP v3?", true}
	}
	if _, err := s.get(ctx, instance(rPDU2DeviceConfigDevicePeakPowerReset, p.unit)); err != nil {
		return finding{what, fmt.Sprintf("rPDU2DeviceConfigDevicePeakPowerReset: %v", err), true}
	}
	return finding{what: what, text: "the object is there; whether it may be written shows at a reset"}
}

// checkWeb goes to the control of the peak's reset, and leaves it as it is.
func (c *checker) checkWeb(ctx context.Context, p pdu) finding {
	ctx, cancel := context.WithTimeout(ctx, resetTime)
	defer cancel()
	what := p.displayName() + " web"
	err := c.card(p).FindPeak(ctx, p.unit)
	if err == nil {
		return finding{what: what, text: "the peak's reset was found"}
	}
	text := withHint(err).Error()
	if e, ok := errors.AsType[*nmc.Error](err); ok && len(e.Pages) > 0 {
		text += "\n" + strings.Join(e.Pages, "\n")
	}
	return finding{what, text, true}
}

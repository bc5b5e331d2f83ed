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
	// patience is how long each of two attempts waits for an answer over SNMP.
	// That is longer than the watch can wait, which tells a slow card from a
	// silent one.
	patience = time.Second
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
	report *report
}

func newChecker(cfg config) *checker {
	c := &checker{config: cfg, client: newClient(cfg.api, cfg.token), card: cfg.cards(), report: newReport(cfg.pdus, cfg.user)}
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
	for _, units := range byCard(c.checked) {
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
	if c.config.report != "" && !c.saveReport(out) {
		code = exitFailed
	}
	return code
}

// saveReport saves the report, tells where, and reports whether all went well.
func (c *checker) saveReport(out io.Writer) bool {
	path := c.config.report
	saved, err := c.report.save(path)
	switch {
	case err != nil:
		fmt.Fprintf(out, "WRONG report: %s cannot be written: %v\n", path, err)
	case saved:
		fmt.Fprintf(out, "report saved to %s: send it to the maintainers of iscbot\n", path)
	default:
		fmt.Fprintf(out, "nothing to report, so %s was not written\n", path)
	}
	return err == nil
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
		return finding{what: "clock", text: "Telegram's answer had no time to compare it with"}
	case off.Abs() > clockAccuracy:
		text := offBy(off) + ": the log would have wrong times; set the clock (timedatectl)"
		return finding{"clock", text, true}
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
	card := c.openCard(units[0], c.snmp)
	defer card.session.close()
	for _, p := range units {
		found = append(found, card.checkSNMP(ctx, p))
		switch {
		case !c.resetSNMP:
			found = append(found, c.checkWeb(ctx, p))
		case card.answered: // otherwise it is silent to the other community as well
			found = append(found, c.checkWrite(ctx, p))
		}
	}
	if card.answered {
		found = append(found, card.checkUnlisted(ctx)...)
	}
	return found
}

// A checkedCard is a card whose SNMP agent is being tested.
type checkedCard struct {
	listed   []pdu // the units behind it that are in the PDU list
	session  *session
	interval time.Duration
	allowed  time.Duration // for an answer, by the watch
	answered bool
}

// openCard opens a patient session with the card of a PDU.
func (c *checker) openCard(p pdu, cfg snmpConfig) *checkedCard {
	card := &checkedCard{interval: cfg.interval}
	var units []int
	for _, other := range c.pdus {
		if other.snmp == p.snmp {
			card.listed = append(card.listed, other)
			units = append(units, other.unit)
		}
	}
	card.session = newSession(p.snmp, units, cfg)
	card.allowed = card.session.timeout
	card.session.timeout = max(card.allowed, patience)
	return card
}

// read reads a PDU and tells how long that took.
func (c *checkedCard) read(ctx context.Context, p pdu) (r reading, took time.Duration, err error) {
	r, err = c.session.read(ctx, p.unit)
	if errors.Is(err, errNoAnswer) { // to the other version, perhaps
		r, err = c.session.read(ctx, p.unit)
	}
	if !errors.Is(err, errNoAnswer) {
		c.answered = true
	}
	if err != nil {
		return r, 0, err
	}

	took = r.at.Sub(r.asked)
	for range 2 {
		if took <= c.allowed {
			break
		}
		// It may not be slow: a lost answer or a query that was refused takes time
		// as well.
		asked := time.Now()
		if again, err := c.session.ask(ctx, asked.Add(c.session.timeout), p.unit, c.session.units[p.unit].query, 1); err == nil {
			took = min(took, again.at.Sub(asked))
		}
	}
	return r, took, nil
}

// checkSNMP reads a PDU, and what it is.
func (c *checkedCard) checkSNMP(ctx context.Context, p pdu) finding {
	what := p.displayName() + " SNMP"
	r, took, err := c.read(ctx, p)
	switch {
	case errors.Is(err, errNoMeter):
		return finding{what, fmt.Sprintf("%s: %v, so it cannot be watched", c.model(ctx, p), err), true}
	case errors.Is(err, errNoObject) && p.unit > 1:
		return finding{what, fmt.Sprintf("%v at %s: is there a unit %d behind this card?", err, p.snmp, p.unit), true}
	case err != nil:
		return finding{what, fmt.Sprintf("%v at %s: is SNMP on, and are -net, -snmp-port and %s right?",
			err, p.snmp, c.credentials()), true}
	case took > c.allowed:
		return finding{what, fmt.Sprintf("answers too late for -interval %s: it took %s, and the bot can wait for %s: "+
			"use a longer -interval", c.interval, took.Round(time.Millisecond), c.allowed), true}
	}

	text := fmt.Sprintf("%s, %d W, peak %d W, answered in %s",
		c.model(ctx, p), r.watts, r.peak, took.Round(time.Millisecond))
	clock := c.session.text(ctx, mconfigClockDate) + " " + c.session.text(ctx, mconfigClockTime)
	if t, err := time.ParseInLocation(pduTime, clock, time.Local); err == nil {
		text += fmt.Sprintf(", its clock is %s off", time.Since(t).Round(time.Second).Abs())
	}
	return finding{what: what, text: text}
}

// credentials names the flags by which a card knows the bot.
func (c *checkedCard) credentials() string {
	if c.session.v3.user != "" {
		return "-v3-user"
	}
	return "-community"
}

// model returns a PDU's model and firmware.
func (c *checkedCard) model(ctx context.Context, p pdu) string {
	name := c.session.text(ctx, instance(rPDU2IdentModelNumber, p.unit))
	firmware := c.session.text(ctx, instance(rPDU2IdentFirmwareRev, p.unit))
	if name == "" && firmware == "" {
		return c.session.text(ctx, sysDescr)
	}
	return strings.TrimSpace(name + " " + firmware)
}

// checkUnlisted looks for units behind a card that are not in the list: their
// power would be missing.
func (c *checkedCard) checkUnlisted(ctx context.Context) []finding {
	var unlisted []string
	for unit := 1; unit <= maxUnits; unit++ {
		listed := slices.ContainsFunc(c.listed, func(p pdu) bool { return p.unit == unit })
		if listed {
			continue
		}
		power, err := c.session.get(ctx, instance(rPDU2DeviceStatusPower, unit))
		if err != nil {
			continue
		}
		if _, err := watts(power, 10); err == nil {
			unlisted = append(unlisted, fmt.Sprintf("%d/%d", c.listed[0].num, unit))
		}
	}
	if unlisted == nil {
		return nil
	}
	return []finding{{
		what: fmt.Sprintf("card .%d", c.listed[0].num),
		text: fmt.Sprintf("units of a chain are not in the PDU list, so their power is missing: add %s",
			strings.Join(unlisted, ", ")),
		bad: true,
	}}
}

// checkWrite reads what a reset over SNMP would write. Whether it may be
// written shows only when it is.
func (c *checker) checkWrite(ctx context.Context, p pdu) finding {
	cfg := c.snmp
	cfg.community = cfg.write.reveal()
	card := c.openCard(p, cfg)
	defer card.session.close()
	what := p.displayName() + " reset"
	if _, _, err := card.read(ctx, p); errors.Is(err, errNoAnswer) {
		return finding{what, fmt.Sprintf("%v: is -write-community right, or the user of SNMP v3?", err), true}
	}
	object := instance(rPDU2DeviceConfigDevicePeakPowerReset, p.unit)
	if _, err := card.session.get(ctx, object); err != nil {
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
	if e, ok := errors.AsType[*nmc.Error](err); ok {
		c.report.add(p, e)
		text += "\n" + c.report.mask(strings.Join(e.Pages, "\n"))
	}
	return finding{what, text, true}
}

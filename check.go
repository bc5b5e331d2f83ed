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
	// maxParallelChecks is how many checks may run at the same time.
	maxParallelChecks = 32
	// checkTimeout is the least time that each of two attempts waits for an SNMP
	// answer. At the default -interval the watch waits less, so that a slow card
	// could be taken for a silent one.
	checkTimeout = time.Second
	// maxClockError is how far the host's clock may be off to pass -check.
	maxClockError = 5 * time.Second
)

// A finding is a line that -check prints, with any indented lines below it.
type finding struct {
	what string
	text string
	bad  bool
}

// A checker tests everything that the bot needs, and changes nothing.
type checker struct {
	config
	client *client
	card   func(pdu) *nmc.Client
	panics panicGuard
	report *report
}

func newChecker(cfg config) *checker {
	c := &checker{
		config: cfg,
		client: newClient(cfg.api, cfg.token),
		card:   cfg.cards(),
		report: newReport(cfg.pdus, cfg.user),
	}
	c.client.migrated = cfg.access.migrate
	return c
}

// run prints the findings in order, each as soon as all before it are known,
// and returns the exit code.
func (c *checker) run(ctx context.Context, out io.Writer) int {
	tests := []func() []finding{
		func() []finding { return c.checkTelegram(ctx) },
		func() []finding { return []finding{checkLog(c.log)} },
	}
	for _, units := range byCard(c.toCheck) {
		tests = append(tests, func() []finding { return c.checkCard(ctx, units) })
	}

	var results []chan []finding
	slots := make(chan struct{}, maxParallelChecks)
	for _, test := range tests {
		result := make(chan []finding, 1)
		results = append(results, result)
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found := c.guard(test)
			if ctx.Err() != nil { // the interruption may be all that is wrong
				found = slices.DeleteFunc(found, func(f finding) bool { return f.bad })
			}
			result <- found
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
	if ctx.Err() != nil {
		fmt.Fprintln(out, "WRONG check: interrupted, so the findings above are incomplete")
		code = exitFailed
	}
	if c.reportPath != "" && !c.saveReport(out) {
		code = exitFailed
	}
	return code
}

// saveReport saves the report, prints where it is, and reports whether it
// succeeded.
func (c *checker) saveReport(out io.Writer) bool {
	path := c.reportPath
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

// guard runs a test, which may panic on unexpected input. A panic becomes a
// finding.
func (c *checker) guard(test func() []finding) (found []finding) {
	var err error
	defer func() {
		if err != nil {
			found = append(found, finding{what: "check", text: err.Error(), bad: true})
		}
	}()
	defer c.panics.catch("check", &err)
	return test()
}

// byCard groups the PDUs by their card.
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
		return []finding{{what: "Telegram", text: "not tested because ISCBOT_TOKEN is not set"}}
	}
	var me struct {
		user
		ReadsAll bool `json:"can_read_all_group_messages"`
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	now, err := c.client.callWithin(ctx, "getMe", params{}, &me)
	if err != nil {
		return []finding{failedCall(err)}
	}

	privacy := "privacy mode is on: in groups it sees commands and replies to it"
	if me.ReadsAll {
		privacy = "privacy mode is off: in groups it sees everything"
	}
	found := []finding{
		{what: "token", text: fmt.Sprintf("@%s; %s", me.Username, privacy)},
		checkClock(now, time.Now()),
	}
	if alerts := (&alerter{access: c.access, toGroup: c.alertGroup}); !alerts.hasRecipients() {
		text := "nobody will be alerted: add a user to it, or use -notify group"
		found = append(found, finding{what: "access list", text: text, bad: true})
	}
	for _, id := range c.access.users() {
		found = append(found, c.checkChat(ctx, id, 0, me.Username))
	}
	if id, topic := c.access.group(); id != 0 {
		found = append(found, c.checkGroup(ctx, id, topic, me.Username))
	}
	return found
}

// failedCall returns the finding about a first call of the Bot API that failed.
func failedCall(err error) finding {
	f := finding{what: "Telegram", text: err.Error(), bad: true}
	if e, ok := errors.AsType[*apiError](err); ok && e.isWrongToken() {
		f.what = "token"
	}
	return f
}

// checkClock compares the host's clock with Telegram's.
func checkClock(server, now time.Time) finding {
	off := now.Round(0).Sub(server).Round(time.Second)
	switch {
	case server.IsZero():
		return finding{what: "clock", text: "Telegram's answer had no time to compare with"}
	case off.Abs() > maxClockError:
		text := offBy(off) + ": the times in the log would be wrong; set the clock (timedatectl)"
		return finding{what: "clock", text: text, bad: true}
	}
	return finding{what: "clock", text: "agrees with Telegram's"}
}

// checkChat tests whether the bot can write to a chat, or to a topic of it.
func (c *checker) checkChat(ctx context.Context, id, topic int64, me string) finding {
	var chat struct {
		user
		Title string
	}
	err := c.client.call(ctx, "getChat", params{"chat_id": id}, &chat)
	if err == nil { // getChat works even for a blocked bot
		in := params{"chat_id": id, "action": "typing"}
		if topic != 0 {
			in["message_thread_id"] = topic
		}
		err = c.client.call(ctx, "sendChatAction", in, nil)
	}

	text, hint := "can be reached, "+chat.name(), "the person must send /start to @"+me
	if id < 0 {
		text = "can be reached, the group " + chat.Title
		hint = fmt.Sprintf("add @%s to the group, and check the ID", me)
	}
	what := fmt.Sprintf("chat %d", id)
	if topic != 0 {
		what = fmt.Sprintf("chat %d/%d", id, topic)
	}
	if err != nil {
		text = fmt.Sprintf("%v: %s", err, hint)
		if topic != 0 && (says(err, "thread not found") || says(err, "TOPIC_CLOSED")) {
			text = fmt.Sprintf("%v: the topic is gone or closed: "+
				"reopen it, or put another one into the access list", err)
		}
	}
	return finding{what: what, text: text, bad: err != nil}
}

// checkGroup tests the group. If it became a supergroup, the finding is that
// the access list needs its new ID.
func (c *checker) checkGroup(ctx context.Context, id, topic int64, me string) finding {
	f := c.checkChat(ctx, id, topic, me)
	if now, _ := c.access.group(); now != id {
		f = c.checkChat(ctx, now, topic, me)
		f.what = fmt.Sprintf("chat %d", id)
		f.text = fmt.Sprintf("the group became a supergroup: put its new ID %d into the access list (%s)", now, f.text)
		f.bad = true
	}
	return f
}

// checkLog tests whether the log can be written, without leaving a trace.
func checkLog(path string) finding {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		if f, err = os.CreateTemp(filepath.Dir(path), ".iscbot-check"); err == nil {
			defer os.Remove(f.Name())
		}
	}
	if err != nil {
		return finding{what: "log", text: fmt.Sprintf("%s cannot be written: %v", path, err), bad: true}
	}
	f.Close()
	return finding{what: "log", text: path + " can be written"}
}

// checkCard tests the units behind one card, one after the other: a card takes
// one request at a time.
func (c *checker) checkCard(ctx context.Context, units []pdu) (found []finding) {
	card := c.openCard(units[0], c.snmp)
	defer card.session.close()
	for _, p := range units {
		found = append(found, card.checkSNMP(ctx, p))
		switch {
		case !c.resetSNMP:
			found = append(found, c.checkWeb(ctx, p))
		case card.answered: // a silent card would not answer another community either
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
	listed   []pdu // its units in the PDU list
	session  *session
	interval time.Duration
	allowed  time.Duration // how long the watch waits for an answer
	answered bool
}

// openCard opens a session with the card of a PDU. The session waits for answers
// as long as the watch does, but at least for checkTimeout.
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
	card.session.timeout = max(card.allowed, checkTimeout)
	return card
}

// read reads a PDU and returns how long the card took to answer.
func (c *checkedCard) read(ctx context.Context, p pdu) (r reading, took time.Duration, err error) {
	r, err = c.session.read(ctx, p.unit)
	if errors.Is(err, errNoAnswer) { // it may answer the other SNMP version
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
		// A lost answer or a refused query takes time as well, so a late answer
		// does not prove that the card is slow.
		asked := time.Now()
		query := c.session.units[p.unit].query
		if _, err := c.session.ask(ctx, asked.Add(c.session.timeout), p.unit, query, 1); err == nil {
			took = min(took, time.Since(asked))
		}
	}
	return r, took, nil
}

// checkSNMP reads a PDU, its model and its clock.
func (c *checkedCard) checkSNMP(ctx context.Context, p pdu) finding {
	what := p.displayName() + " SNMP"
	r, took, err := c.read(ctx, p)
	switch {
	case errors.Is(err, errNoMeter):
		text := fmt.Sprintf("%s: %v, so it cannot be watched", c.model(ctx, p), err)
		return finding{what: what, text: text, bad: true}
	case errors.Is(err, errNoObject) && p.unit > 1:
		text := fmt.Sprintf("%v at %s: is there a unit %d behind this card?", err, p.snmp, p.unit)
		return finding{what: what, text: text, bad: true}
	case err != nil:
		text := fmt.Sprintf("%v at %s: is SNMP on, and are -net, -snmp-port and %s right?",
			err, p.snmp, c.credentials())
		return finding{what: what, text: text, bad: true}
	case took > c.allowed:
		text := fmt.Sprintf("answers too late for -interval %s: it took %s, and the bot can wait for %s: "+
			"use a longer -interval", c.interval, took.Round(time.Millisecond), c.allowed)
		return finding{what: what, text: text, bad: true}
	}

	text := fmt.Sprintf("%s, %d W, peak %d W, answered in %s",
		c.model(ctx, p), r.watts, r.peak, took.Round(time.Millisecond))
	clock := c.session.text(ctx, mconfigClockDate) + " " + c.session.text(ctx, mconfigClockTime)
	if t, err := time.ParseInLocation(pduTime, clock, time.Local); err == nil {
		text += fmt.Sprintf(", its clock is %s off", time.Since(t).Round(time.Second).Abs())
	}
	return finding{what: what, text: text}
}

// credentials returns the flag that has the bot's SNMP credentials.
func (c *checkedCard) credentials() string {
	if c.session.v3.user != "" {
		return "-v3-user"
	}
	return "-community"
}

// model returns a PDU's model and firmware version.
func (c *checkedCard) model(ctx context.Context, p pdu) string {
	name := c.session.text(ctx, instance(rPDU2IdentModelNumber, p.unit))
	firmware := c.session.text(ctx, instance(rPDU2IdentFirmwareRev, p.unit))
	if name == "" && firmware == "" {
		return c.session.text(ctx, sysDescr)
	}
	return strings.TrimSpace(name + " " + firmware)
}

// checkUnlisted looks for units behind a card that are not in the list: their
// power would be missing from the team's.
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
		if _, err := wattsOf(power, rPDU2Scale); err == nil {
			unlisted = append(unlisted, fmt.Sprintf("%d/%d", c.listed[0].num, unit))
		}
	}
	if unlisted == nil {
		return nil
	}
	return []finding{{
		what: fmt.Sprintf("card .%d", c.listed[0].num),
		text: fmt.Sprintf("chained units are not in the PDU list, so their power is missing: add %s",
			strings.Join(unlisted, ", ")),
		bad: true,
	}}
}

// checkWrite reads the object that a reset over SNMP writes. Only a reset shows
// whether it may be written.
func (c *checker) checkWrite(ctx context.Context, p pdu) finding {
	cfg := c.snmp
	cfg.community = cfg.write.reveal()
	card := c.openCard(p, cfg)
	defer card.session.close()
	what := p.displayName() + " reset"
	if _, _, err := card.read(ctx, p); errors.Is(err, errNoAnswer) {
		text := fmt.Sprintf("%v: is -write-community, or the SNMP v3 user, right?", err)
		return finding{what: what, text: text, bad: true}
	}
	object := instance(rPDU2DeviceConfigDevicePeakPowerReset, p.unit)
	if _, err := card.session.get(ctx, object); err != nil {
		text := fmt.Sprintf("rPDU2DeviceConfigDevicePeakPowerReset: %v", err)
		return finding{what: what, text: text, bad: true}
	}
	return finding{what: what, text: "the object is there; only a reset will show whether it may be written"}
}

// checkWeb looks for the control that resets the peak, and leaves it alone.
func (c *checker) checkWeb(ctx context.Context, p pdu) finding {
	ctx, cancel := context.WithTimeout(ctx, resetTime)
	defer cancel()
	what := p.displayName() + " web"
	err := c.card(p).FindPeak(ctx, p.unit)
	if err == nil {
		return finding{what: what, text: "the peak's reset was found"}
	}
	text := err.Error()
	if hint := hintFor(err); hint != "" && (hint != reportHint || c.reportPath == "") {
		text += ": " + hint
	}
	if e, ok := errors.AsType[*nmc.Error](err); ok {
		c.report.add(p, e)
		text += "\n" + c.report.mask(strings.Join(e.Pages, "\n"))
	}
	return finding{what: what, text: text, bad: true}
}

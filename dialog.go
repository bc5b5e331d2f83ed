package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// questionTime is how long a question stays open, and how old a command or an
// answer may be.
const questionTime = 2 * time.Minute

// askAgain is the age from which a question that has not been sent yet is asked
// again if its asker repeats the command.
const askAgain = 10 * time.Second

// maxButtonText is how many characters a button has at most. A phone shows
// fewer.
const maxButtonText = 40

// maxHandled is how many messages are remembered, so that none resets anything
// twice.
const maxHandled = 1000

// A question is the bot's "Which PDU?" after a /reset. It stays open until it
// is answered or stopped, or for two minutes.
type question struct {
	chat     chat
	topic    int64
	from     int64 // who asked, and may type the answer
	nonce    string
	asked    time.Time
	messages []*progress // show the keyboards
}

// isOf reports whether a question was asked by the sender of a message, in the
// same chat and topic.
func (q *question) isOf(m *message) bool {
	samePlace := q.chat.ID == m.Chat.ID && q.topic == m.topic()
	return samePlace && m.From != nil && q.from == m.From.ID
}

// isPending reports whether a question will soon appear in the chat.
func (q *question) isPending() bool {
	id, _, _ := q.messages[0].state()
	return id == 0 && time.Since(q.asked) < askAgain
}

// A resetDialog is the conversation around resets. It asks which PDU is meant,
// has the resetter reset it, and shows the result in the same message.
type resetDialog struct {
	ctx      context.Context // of all resets
	client   *client
	out      *outbox
	access   *accessList
	snoop    *snoop
	resetter *resetter
	pdus     []pdu
	tasks    taskGroup // work that outlasts the handling of an update

	// Only the update loop uses these fields:
	handled  []messageKey // the last messages that may have reset something
	refusals quota        // of lines in the log

	mu        sync.Mutex // guards questions
	questions []*question
}

// A messageKey identifies a message as long as the bot runs. The date guards
// against a server that uses a message's ID again.
type messageKey struct{ chat, id, date int64 }

// isRepeated reports whether Telegram has delivered a message before, and
// remembers it. An answer to getUpdates that is lost is delivered again.
func (d *resetDialog) isRepeated(m *message) bool {
	key := messageKey{m.Chat.ID, m.ID, m.Date}
	if slices.Contains(d.handled, key) {
		slog.Info("a message about a reset was delivered again and ignored", "chat", m.Chat.ID, "message", m.ID)
		return true
	}
	if len(d.handled) == maxHandled {
		d.handled = slices.Delete(d.handled, 0, 1)
	}
	d.handled = append(d.handled, key)
	return false
}

// find returns an open question for which ok returns true, or nil.
func (d *resetDialog) find(ok func(*question) bool) *question {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.IndexFunc(d.questions, ok); i >= 0 {
		return d.questions[i]
	}
	return nil
}

// close closes a question. It reports whether it was open, so that each is
// answered once. A nil question is never open.
func (d *resetDialog) close(q *question) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.questions, q)
	if i < 0 {
		return false
	}
	d.questions = slices.Delete(d.questions, i, i+1)
	return true
}

// cancel closes a question and replaces its keyboards with a text.
func (d *resetDialog) cancel(q *question, text string) bool {
	if !d.close(q) {
		return false
	}
	for _, m := range q.messages {
		d.finish(m, text)
	}
	return true
}

// finish gives a message its last text.
func (d *resetDialog) finish(m *progress, text string) {
	m.finish(escape(text))
	d.tasks.Go(func() { m.run(d.ctx) })
}

// canReset reports whether the sender of a message may reset peaks.
func (d *resetDialog) canReset(m *message) bool {
	return m.fromPerson() && d.access.canReset(m.From.ID, m.Chat.ID)
}

// canPress reports whether a press is by somebody who may reset peaks.
func (d *resetDialog) canPress(c *callbackQuery) bool {
	return c.Message != nil && c.From.isPerson() && d.access.canReset(c.From.ID, c.Message.Chat.ID)
}

// command handles /reset with its argument. now is Telegram's time; input ends
// when the bot stops receiving updates.
func (d *resetDialog) command(input context.Context, m *message, arg string, now time.Time) {
	i, ok := findPDU(d.pdus, arg)
	if !ok {
		i, ok = findPDUNamed(d.pdus, arg)
	}
	switch {
	case !d.canReset(m):
		d.refuse(m, "/reset")
	case isStale(m, now):
		d.out.reply(replyTo(m),
			"This /reset is more than two minutes old and was ignored. Send it again if you still want it.")
	case d.isRepeated(m):
	case arg == "":
		d.ask(input, m)
	case !ok:
		const text = "%q is not a PDU on the list. Send /reset to see them all."
		d.out.reply(replyTo(m), escape(fmt.Sprintf(text, shorten(arg, 40))))
	default:
		d.resetOne(m, i)
	}
}

// resetOne resets PDU i, which a command names. A flood of such commands causes
// one message that is edited, and few others.
func (d *resetDialog) resetOne(m *message, i int) {
	chosen := []int{i}
	begun := d.begin(chosen)
	if !begun[0] {
		d.out.reply(replyTo(m), escape(d.busyText(i)))
		return
	}
	p := replyTo(m)
	p.html = escape("Resetting the peak of " + d.pdus[i].displayName())
	d.start(newProgress(d.client, d.out, p), m.Chat, m.From, chosen, begun)
}

// isStale reports whether a message is too old to reset anything. Both times
// are Telegram's: the Pi's clock may be wrong.
func isStale(m *message, now time.Time) bool {
	return cmp.Or(now, time.Now()).Sub(time.Unix(m.Date, 0)) > questionTime
}

// refuse tells somebody without access that a command is not for them. It logs
// their ID for whoever runs the bot, who may put it on the access list.
func (d *resetDialog) refuse(m *message, command string) {
	to := replyTo(m)
	to.stranger = true
	if !m.fromPerson() {
		d.out.reply(to, command+" must be sent by a person under their own name, and not forwarded: "+
			"it is not clear who sent this.")
		return
	}
	d.logRefusal("refused "+command+": to allow this person, put the id on the access list and send SIGHUP",
		"id", m.From.ID, "name", m.From.name(), "chat", m.Chat.ID)
	const text = "Sorry, %s, %s is for those on the access list. Your ID is %d: whoever runs the bot can add it."
	d.out.reply(to, fmt.Sprintf(text, escape(m.From.name()), command, m.From.ID))
}

// logRefusal logs a refusal, at a limited rate: a flood must not fill the log.
func (d *resetDialog) logRefusal(text string, args ...any) {
	ok, warn := d.refusals.take(time.Now())
	switch {
	case ok:
		slog.Warn(text, args...)
	case warn:
		slog.Warn("too many refusals to log them all: the answers in the chat have the IDs")
	}
}

// ask asks which PDU is meant, with a button for each PDU, and another for all
// PDUs of a team that has several. If the same question is about to appear, it
// does nothing. When input ends, the question stays as it is.
func (d *resetDialog) ask(input context.Context, m *message) {
	q := &question{chat: m.Chat, topic: m.topic(), from: m.From.ID, nonce: rand.Text()[:16], asked: time.Now()}
	old := d.find(func(o *question) bool { return o.isOf(m) })
	if old != nil && old.isPending() {
		return
	}
	d.cancel(old, "Replaced by the question below.")

	send := "send"
	if !m.Chat.isPrivate() {
		send = "send, as a reply to this,"
	}
	text := "Which PDU's peak should be reset? Press a button, or " + send +
		" the last number of its address, or <i>stop</i>."
	for _, keys := range splitKeyboard(d.buttons(q)) {
		p := replyTo(m)
		p.html, p.keys = text, keys
		q.messages = append(q.messages, newProgress(d.client, d.out, p))
	}

	d.mu.Lock()
	d.questions = append(d.questions, q)
	d.mu.Unlock()
	d.tasks.Go(func() {
		if pause(input, questionTime); input.Err() == nil {
			d.cancel(q, "No PDU was chosen within two minutes. Send /reset to be asked again.")
		}
	})
}

// buttons returns the buttons of a question.
func (d *resetDialog) buttons(q *question) (buttons []button) {
	add := func(text, target string) {
		buttons = append(buttons, button{shortenMiddle(text, maxButtonText), "reset " + q.nonce + " " + target})
	}
	for _, t := range d.snoop.snapshot() {
		for _, p := range t.pdus {
			add(p.number()+" "+p.name, p.number())
		}
		if len(t.pdus) > 1 {
			add("all of "+t.name, "all "+t.pdus[0].number())
		}
	}
	return buttons
}

// splitKeyboard arranges buttons in rows of two, on as many keyboards as
// Telegram's limits require.
func splitKeyboard(buttons []button) (keyboards [][][]button) {
	var some []button
	size := 0
	end := func() {
		keyboards = append(keyboards, slices.Collect(slices.Chunk(some, 2)))
		some, size = nil, 0
	}
	for _, b := range buttons {
		js, _ := json.Marshal(b) // strings: it cannot fail
		if len(some) == maxButtons || len(some) > 0 && size+len(js) > maxMarkup {
			end()
		}
		some = append(some, b)
		size += len(js) + len(",[]") // perhaps a new row
	}
	end()
	return keyboards
}

// handleText handles a text that is not a command. It reports whether it answered a
// question. me is the bot's name.
func (d *resetDialog) handleText(m *message, me string, now time.Time) bool {
	q := d.find(func(q *question) bool { return q.isOf(m) })
	if q == nil {
		return false
	}
	text := strings.TrimSpace(m.Text)
	i, isPDU := findPDU(d.pdus, text)
	stop := strings.EqualFold(text, "stop")
	toBot := me != "" && m.ReplyTo != nil && m.ReplyTo.From != nil && m.ReplyTo.From.Username == me
	amongPeople := !m.Chat.isPrivate() && !isPDU && !stop && !toBot
	switch {
	case amongPeople:
		return false
	case !d.canReset(m):
		d.refuse(m, "/reset")
	case isStale(m, now):
		d.out.reply(replyTo(m), "This answer is more than two minutes old and was ignored.")
	case d.isRepeated(m):
	case stop:
		d.cancel(q, "Stopped: nothing was reset.")
	case !isPDU:
		const answer = "%q is not a PDU on the list. Send another one, or stop."
		d.out.reply(replyTo(m), escape(fmt.Sprintf(answer, shorten(text, 40))))
	default:
		d.choose(q, m.From, []int{i})
	}
	return true
}

// press handles the press of a question's button and returns the answer to it.
// The data may be forged, and the message may be missing.
func (d *resetDialog) press(c *callbackQuery) string {
	if !d.canPress(c) {
		return d.refusePress(c)
	}
	_, rest, _ := strings.Cut(c.Data, " ")
	nonce, target, _ := strings.Cut(rest, " ")
	target, all := strings.CutPrefix(target, "all ")
	i := slices.IndexFunc(d.pdus, func(p pdu) bool { return p.number() == target })
	if i < 0 {
		return "Unknown button."
	}
	q := d.find(func(q *question) bool {
		own := q.from == c.From.ID || !q.chat.isPrivate()
		return q.nonce == nonce && q.chat.ID == c.Message.Chat.ID && own
	})

	var chosen []int
	for k, p := range d.pdus {
		if k == i || all && p.team == d.pdus[i].team {
			chosen = append(chosen, k)
		}
	}
	if !d.choose(q, c.From, chosen) {
		return "This question is no longer open. Send /reset to be asked again."
	}
	return "Resetting " + shorten(d.targetName(chosen), 100)
}

// refusePress answers a press by somebody who may not reset peaks.
func (d *resetDialog) refusePress(c *callbackQuery) string {
	if c.From == nil {
		return "You may not reset peaks."
	}
	d.logRefusal("refused a button of /reset", "id", c.From.ID, "name", c.From.name())
	return fmt.Sprintf("You may not reset peaks. Your ID is %d.", c.From.ID)
}

// targetName names the PDUs to be reset.
func (d *resetDialog) targetName(chosen []int) string {
	if len(chosen) > 1 {
		return "all of " + d.pdus[chosen[0]].team
	}
	return d.pdus[chosen[0]].displayName()
}

// choose answers a question with the chosen PDUs, whose resets are shown in its
// first message. It reports whether the question was open.
func (d *resetDialog) choose(q *question, from *user, chosen []int) bool {
	if !d.close(q) {
		return false
	}
	for _, m := range q.messages[1:] {
		d.finish(m, "Chosen: "+d.targetName(chosen))
	}
	d.start(q.messages[0], q.chat, from, chosen, d.begin(chosen))
	return true
}

// begin begins the resets of PDUs. It reports for each whether it has begun: it
// has not if the PDU is already being reset.
func (d *resetDialog) begin(chosen []int) (begun []bool) {
	for _, i := range chosen {
		begun = append(begun, d.resetter.begin(i))
	}
	return begun
}

// busyText says that PDU i is already being reset.
func (d *resetDialog) busyText(i int) string {
	return fmt.Sprintf("The peak of %s is already being reset.", d.pdus[i].displayName())
}

// start resets the peaks of PDUs independently, those that have begun, and
// shows the steps and results in a message.
func (d *resetDialog) start(message *progress, where chat, from *user, chosen []int, begun []bool) {
	m := &resetMessage{progress: message, parts: make([]string, len(chosen)), left: len(chosen)}
	for n, i := range chosen {
		m.parts[n] = "Resetting the peak of " + d.pdus[i].displayName()
	}
	m.step(0, "")
	d.tasks.Go(func() { message.run(d.ctx) })
	for n, i := range chosen {
		if !begun[n] {
			m.done(n, d.busyText(i))
			continue
		}
		d.tasks.Go(func() { m.done(n, d.reset(i, where, from, func(step string) { m.step(n, step) })) })
	}
}

// reset resets the peak of PDU i, which has begun, and returns the result as
// text.
func (d *resetDialog) reset(i int, where chat, from *user, step func(string)) string {
	defer d.resetter.end(i)
	before, after, err := d.resetter.reset(d.ctx, i, fmt.Sprintf("%s (%d)", from.name(), from.ID), step)
	by := ""
	if !where.isPrivate() {
		by = from.name()
	}
	return resetResultText(d.pdus[i], by, before, after, err)
}

// A resetMessage shows the progress of one or more resets.
type resetMessage struct {
	progress *progress

	mu    sync.Mutex // guards the fields below
	parts []string   // the text of each reset
	left  int        // resets under way
}

// step adds a step to the text of reset n.
func (m *resetMessage) step(n int, step string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if step != "" {
		m.parts[n] += "\n" + step + " ..."
	}
	m.progress.show(escape(strings.Join(m.parts, "\n\n")))
}

// done replaces the steps of reset n with its result.
func (m *resetMessage) done(n int, result string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parts[n] = result
	m.left--
	text := escape(strings.Join(m.parts, "\n\n"))
	if m.left == 0 {
		m.progress.finish(text)
		return
	}
	m.progress.show(text)
}

package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A question is the bot's "Which PDU?" after a /reset. It is open until it is answered, stopped or two minutes old.
type question struct {
	chat     chat
	from     int64 // who asked, and may type the answer
	nonce    string
	messages []int64 // with the keyboards
	closed   string  // what they say when it is not open any more
}

// questionTime is how long a question stays open, and how old what belongs to it may be.
const questionTime = 2 * time.Minute

// A talk has the open questions and the resets that are under way.
type talk struct {
	mu        sync.Mutex // guards questions and what is in them
	questions []*question
	resetting sync.Map // by the PDU's place in the list
}

// find returns the open question for which ok holds, or nil.
func (t *talk) find(ok func(*question) bool) *question {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.IndexFunc(t.questions, ok); i >= 0 {
		return t.questions[i]
	}
	return nil
}

// settle closes a question, whose keyboards make way for a text that tells what became of it. It reports whether it was open,
// so that each serves once; nil never is.
func (b *bot) settle(ctx context.Context, q *question, text string) bool {
	t := &b.talk
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.questions, q)
	if i < 0 {
		return false
	}
	t.questions = slices.Delete(t.questions, i, i+1)
	q.closed = text
	for _, id := range q.messages {
		b.work.Go(func() { b.edit(ctx, q.chat.ID, id, text) })
	}
	return true
}

// parseTarget returns which PDU of the list is meant by 101, .101 or the full address.
func parseTarget(text string, pdus []pdu) (int, bool) {
	found, n := 0, 0
	for i, p := range pdus {
		host, _, _ := net.SplitHostPort(p.snmp)
		if num := strconv.Itoa(p.num); text == num || text == "."+num || text == host {
			found = i
			n++
		}
	}
	return found, n == 1
}

// reset handles /reset with its argument.
func (b *bot) reset(ctx context.Context, m *message, arg string, now time.Time) {
	i, ok := parseTarget(arg, b.pdus)
	switch {
	case !b.access.mayWrite(m):
		b.refuse(m)
	case stale(m, now):
		b.answer(m, "This /reset is more than two minutes old, so I leave it. Send it again if it still holds.")
	case arg == "":
		b.askWhich(ctx, m)
	case !ok:
		b.answer(m, escape(fmt.Sprintf("%q is no PDU. Send /reset to see them all.", cut(arg, 40))))
	default:
		b.startReset(m.Chat, m.From, m.ID, []int{i})
	}
}

// stale reports whether a message is too old to reset anything. Both times are Telegram's: the Pi's clock may be wrong.
func stale(m *message, now time.Time) bool {
	return cmp.Or(now, time.Now()).Sub(time.Unix(m.Date, 0)) > questionTime
}

// askWhich puts the question, with a button for every PDU, and one for all PDUs of a team that has several.
func (b *bot) askWhich(ctx context.Context, m *message) {
	q := &question{chat: m.Chat, from: m.From.ID, nonce: rand.Text()[:16]}
	old := b.talk.find(func(o *question) bool { return o.chat.ID == q.chat.ID && o.from == q.from })
	b.settle(ctx, old, "Asked anew below.")
	var buttons []button
	add := func(text, target string) { buttons = append(buttons, button{text, "reset " + q.nonce + " " + target}) }
	for _, t := range b.watch.snapshot() {
		for _, p := range t.pdus {
			add(fmt.Sprintf("%d %s", p.num, p.name), strconv.Itoa(p.num))
		}
		if len(t.pdus) > 1 {
			add("all of "+t.name, "all "+strconv.Itoa(t.pdus[0].num))
		}
	}
	b.talk.mu.Lock()
	b.talk.questions = append(b.talk.questions, q)
	b.talk.mu.Unlock()
	text := "Which PDU's peak is to be reset? Press a button, or send the last digits of its address, or <i>stop</i>."
	if m.Chat.Type != "private" {
		text = strings.Replace(text, "or send", "or send, as a reply to this,", 1)
	}
	for some := range slices.Chunk(buttons, 90) { // Telegram takes 100
		b.out.put(m.Chat.ID, outgoing{html: text, reply: m.ID, keys: slices.Collect(slices.Chunk(some, 2)), sent: func(id int64) {
			b.talk.mu.Lock()
			q.messages = append(q.messages, id)
			closed := q.closed
			b.talk.mu.Unlock()
			if closed != "" {
				b.edit(ctx, q.chat.ID, id, closed)
			}
		}})
	}
	b.work.Go(func() {
		if pause(ctx, questionTime); ctx.Err() == nil {
			b.settle(ctx, q, "Nobody chose a PDU in two minutes. Send /reset to be asked again.")
		}
	})
}

// edit changes the text of a message, and takes its keyboard away.
func (b *bot) edit(ctx context.Context, chat, message int64, text string) {
	b.attempt(ctx, "editMessageText", map[string]any{"chat_id": chat, "message_id": message, "text": text})
}

// attempt calls a method once: nothing hangs on it.
func (b *bot) attempt(ctx context.Context, method string, in map[string]any) {
	if err := b.call(ctx, method, in, nil); err != nil {
		slog.Debug("not done", "err", err)
	}
}

// typed handles a text that is no command; it reports whether it was an answer to a question.
func (b *bot) typed(ctx context.Context, m *message, me string, now time.Time) bool {
	q := b.talk.find(func(q *question) bool { return m.From != nil && q.chat.ID == m.Chat.ID && q.from == m.From.ID })
	if q == nil {
		return false
	}
	text := strings.TrimSpace(m.Text)
	i, isPDU := parseTarget(text, b.pdus)
	stop := strings.EqualFold(text, "stop")
	reply := m.ReplyTo != nil && m.ReplyTo.From != nil && m.ReplyTo.From.Username == me
	switch {
	case m.Chat.Type != "private" && !isPDU && !stop && !reply:
		return false // talk among people
	case !b.access.mayWrite(m):
		b.refuse(m)
	case stale(m, now):
		b.answer(m, "This answer is more than two minutes old, so I leave it.")
	case stop:
		if b.settle(ctx, q, "Stopped.") {
			b.answer(m, "Stopped: nothing was reset.")
		}
	case !isPDU:
		b.answer(m, escape(fmt.Sprintf("%q is no PDU of the list. Which one? Or stop.", cut(text, 40))))
	default:
		if b.settle(ctx, q, "Chosen: "+label(b.pdus[i])) {
			b.startReset(m.Chat, m.From, m.ID, []int{i})
		}
	}
	return true
}

// pressed handles the press of a button. The data may be forged, the message may be missing; every press is answered.
func (b *bot) pressed(ctx context.Context, c *callbackQuery) {
	text := b.press(ctx, c)
	b.work.Go(func() {
		b.attempt(ctx, "answerCallbackQuery", map[string]any{"callback_query_id": c.ID, "text": text})
	})
}

// press does what a button stands for, and returns the words with which the press is answered.
func (b *bot) press(ctx context.Context, c *callbackQuery) string {
	if c.From == nil || c.Message == nil || !b.access.may(c.From, c.Message.Chat) {
		if c.From != nil {
			slog.Warn("refused a button of /reset", "id", c.From.ID, "name", c.From.name())
			return fmt.Sprintf("You may not reset peaks. Your id is %d.", c.From.ID)
		}
		return "You may not reset peaks."
	}
	word, rest, _ := strings.Cut(c.Data, " ")
	nonce, target, _ := strings.Cut(rest, " ")
	target, all := strings.CutPrefix(target, "all ")
	i, ok := parseTarget(target, b.pdus)
	if word != "reset" || !ok {
		return "This button is not mine."
	}
	q := b.talk.find(func(q *question) bool {
		return q.nonce == nonce && q.chat.ID == c.Message.Chat.ID && (q.chat.Type != "private" || q.from == c.From.ID)
	})
	what := label(b.pdus[i])
	if all {
		what = "all of " + b.pdus[i].team
	}
	if !b.settle(ctx, q, "Chosen: "+what) {
		return "This question is not open any more. Send /reset to be asked again."
	}
	var chosen []int
	for k, p := range b.pdus {
		if k == i || all && p.team == b.pdus[i].team {
			chosen = append(chosen, k)
		}
	}
	b.startReset(q.chat, c.From, 0, chosen)
	return "Resetting " + cut(what, 100)
}

// startReset resets the peaks of PDUs, each on its own, and tells what comes of it.
func (b *bot) startReset(chat chat, from *user, reply int64, chosen []int) {
	if chat.Type == "private" {
		reply = 0
	}
	for _, i := range chosen {
		p := b.pdus[i]
		say := func(text string) { b.out.put(chat.ID, outgoing{html: escape(text), reply: reply}) }
		if _, busy := b.talk.resetting.LoadOrStore(i, true); busy {
			say(fmt.Sprintf("The peak of %s is being reset already.", label(p)))
			continue
		}
		b.work.Go(func() {
			defer b.talk.resetting.Delete(i)
			steps := make(chan string, 16) // more than there are
			defer close(steps)
			b.work.Go(func() { b.show(chat.ID, "Resetting the peak of "+label(p), steps) })
			begun := false // what fails at once needs no steps
			before, after, err := b.resetAndVerify(b.ctx, i, func(step string) {
				begun = true
				steps <- step + " ..."
			})
			who := fmt.Sprintf("%s (%d)", from.name(), from.ID)
			end, note := "done", fmt.Sprintf("Reset by %s, peak was %d W", who, before)
			answer := fmt.Sprintf("Peak of %s reset: %d W -> %d W", label(p), before, after)
			if err != nil {
				slog.Warn("reset failed", "pdu", label(p), "by", who, "err", err)
				end, note = "failed", fmt.Sprintf("Reset by %s failed: %v", who, err)
				answer = fmt.Sprintf("The peak of %s was not reset.\n%v", label(p), err)
			}
			b.journal.add(time.Now(), entry(p), note)
			if begun {
				steps <- end
			}
			say(answer)
		})
	}
}

// show shows the steps of a reset in a message below its title. Nothing waits for it.
func (b *bot) show(chat int64, text string, steps <-chan string) {
	var message int64
	for s := range steps {
		for text += "\n" + s; len(steps) > 0; { // what came meanwhile goes into the same change
			text += "\n" + <-steps
		}
		if message != 0 {
			b.edit(b.ctx, chat, message, text)
			continue
		}
		ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
		message, _ = b.api.sendMessage(ctx, chat, outgoing{html: escape(text), silent: true})
		cancel()
	}
}

// resetAndVerify resets the peak of a PDU and reads it until that shows; it returns what it was and is, in W. What went over
// the web interface is judged by the reading alone: some cards drop the connection after an Apply that took effect.
func (b *bot) resetAndVerify(ctx context.Context, i int, step func(string)) (from, to int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.patience.whole, fmt.Errorf("it took more than %s", b.patience.whole))
	defer cancel()
	if !errors.Is(b.watch.status(i).err, errNoMeter) { // one lost answer is no reason to refuse
		b.watch.await(ctx, i, b.patience.verify/2, func(reading) bool { return true })
	}
	before := b.watch.status(i)
	if before.err == nil && before.peak < 0 {
		before.err = errors.New("no peak register")
	}
	if before.err != nil {
		return 0, 0, fmt.Errorf("it cannot be read (%w), so that nobody could tell whether it was reset", before.err)
	}
	err = b.resetOver(ctx, i, before.pdu, step, func() {
		step("resetting")
		before = b.watch.status(i) // getting there may have taken long
		b.watch.expectReset(i, true)
	})
	if err != nil && !errors.Is(err, errBroken) {
		b.watch.expectReset(i, false)
		return 0, 0, err
	}
	step("reading back")
	applied := time.Now() // what was asked before may have the old peak with the new time
	after, ok := b.watch.await(ctx, i, b.patience.verify, func(r reading) bool {
		moved := !r.resetAt.IsZero() && !r.resetAt.Equal(before.resetAt)
		return r.began.After(applied) && r.peak >= 0 && (r.peak < before.register || moved)
	})
	err = cmp.Or(err, errors.New("reading back: the card took the form"))
	if last := b.watch.status(i); !ok && (ctx.Err() != nil || last.err != nil || !last.began.After(applied)) {
		return 0, 0, fmt.Errorf("%w; whether it was reset is not known, as the PDU could not be read any more: look at /peakdates", err)
	}
	b.watch.expectReset(i, false)
	if !ok {
		return 0, 0, fmt.Errorf("%w, but the peak did not change: send /reset again, or reset it in a browser", err)
	}
	return before.register, after.peak, nil
}

// resetOver resets the peak of PDU i over its web interface or, where that is wished, over SNMP, and calls begin right before.
// An error that wraps errBroken says that it may have been reset all the same.
func (b *bot) resetOver(ctx context.Context, i int, p pdu, step func(string), begin func()) error {
	if b.resetSNMP {
		begin()
		if err := b.watch.do(ctx, i, func(s *session) error { return s.resetPeak(ctx) }); err != nil {
			return fmt.Errorf("%w: SNMP SET: %w: may the community or user write, and is nobody logged in to the card?", errBroken, err)
		}
		return nil
	}
	c, err := newCard(p.web, b.user, b.password, &b.pins, b.patience)
	if err != nil {
		return err
	}
	if err = c.resetPeak(ctx, step, begin); err != nil && !errors.Is(err, errBroken) {
		for _, page := range c.seen {
			slog.Info("seen on the way", "pdu", label(p), "page", page)
		}
	}
	return err
}

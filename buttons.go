package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"
)

const (
	refreshPause = time.Second      // between two refreshes of a list
	maxAnswers   = 4                // answers to presses that a lane runs at the same time
	maxWaiters   = 40               // answers that wait in a lane
	maxWait      = 10 * time.Second // how long one may wait: the app gives up about then
	maxRefreshed = 1000             // above this, refreshes older than refreshPause are forgotten
)

// A buttonHandler handles presses of the buttons below messages. A press may
// have forged data and no message. Only the update loop uses it.
type buttonHandler struct {
	ctx     context.Context // of the work that a press starts
	client  *client
	out     *outbox
	access  *accessList
	resets  *resetDialog
	live    *liveLists
	graphs  *grapher
	current func(now time.Time) []string // the pages of /current
	quotas  *quotas
	tasks   *taskGroup

	officials *answerLane // for those who may reset peaks
	strangers *answerLane
	refreshed map[messageID]time.Time // when each list was last refreshed
}

// A messageID identifies a message.
type messageID struct{ chat, id int64 }

// press handles the press of a button.
func (b *buttonHandler) press(c *callbackQuery) {
	if !b.resets.canPress(c) && !b.withinQuota(c) {
		b.strangers.runAtOnce(b.answering(c, "That was a lot at once: wait a little."))
		return
	}
	word, arg, _ := strings.Cut(c.Data, " ")
	text := "Unknown button."
	switch {
	case word == "reset":
		text = b.resets.press(c)
	case c.Message == nil || !c.From.isPerson():
	case word == "stop":
		text = b.stop(c)
	case word == "current":
		b.refresh(c, arg)
		return
	case word == "graph":
		text = b.graph(c, arg)
	}
	b.answer(c, text)
}

// withinQuota reports whether the press of a stranger is within the quota of
// its chat, or of the stranger if the chat is unknown.
func (b *buttonHandler) withinQuota(c *callbackQuery) bool {
	var id int64
	switch {
	case c.Message != nil:
		id = c.Message.Chat.ID
	case c.From != nil:
		id = c.From.ID
	}
	ok, _ := b.quotas.take(id, time.Now())
	return ok
}

// answer answers a press with a text. The app shows a spinner until then.
func (b *buttonHandler) answer(c *callbackQuery, text string) {
	b.lane(c).run(b.answering(c, text))
}

// answering returns a function that answers a press with a text.
func (b *buttonHandler) answering(c *callbackQuery, text string) func() {
	return func() {
		if err := b.client.answerCallback(b.ctx, c.ID, text); err != nil {
			slog.Debug("button press not answered", "err", err)
		}
	}
}

// lane returns the lane of the answer to a press.
func (b *buttonHandler) lane(c *callbackQuery) *answerLane {
	if b.resets.canPress(c) {
		return b.officials
	}
	return b.strangers
}

// refreshKeys returns the keyboard below a page of /current.
func refreshKeys(page int) [][]button {
	return [][]button{{{Text: "Refresh", Data: fmt.Sprintf("current %d", page)}}}
}

// refresh updates a page of /current and answers the press.
func (b *buttonHandler) refresh(c *callbackQuery, arg string) {
	m, now := c.Message, time.Now()
	pages := b.current(now)
	page, err := strconv.Atoi(arg)
	known := err == nil && page >= 0 && page < len(pages)
	if !known || !isCurrentList(m.Text) { // never overwrite another message
		b.answer(c, "Send /current again.")
		return
	}
	if text := b.refusal(m, pages[page], now); text != "" {
		b.answer(c, text)
		return
	}

	b.noteRefresh(m, now)
	b.lane(c).run(func() {
		text := "Up to date."
		if err := b.client.editMessage(b.ctx, m.Chat.ID, m.ID, pages[page], refreshKeys(page)); err != nil {
			slog.Debug("list not refreshed", "err", err)
			b.out.hold(m.Chat.ID, retryAfter(err))
			text = "The list could not be changed: send /current."
		}
		b.answering(c, text)()
	})
}

// noteRefresh notes that a list is being refreshed.
func (b *buttonHandler) noteRefresh(m *message, now time.Time) {
	if b.refreshed == nil {
		b.refreshed = make(map[messageID]time.Time)
	}
	if len(b.refreshed) > maxRefreshed {
		maps.DeleteFunc(b.refreshed, func(_ messageID, at time.Time) bool { return now.Sub(at) >= refreshPause })
	}
	b.refreshed[messageID{m.Chat.ID, m.ID}] = now
}

// refusal returns why a list must not be refreshed now, or "" if it may be.
func (b *buttonHandler) refusal(m *message, list string, now time.Time) string {
	last, changed := b.refreshed[messageID{m.Chat.ID, m.ID}]
	switch {
	case sameList(plainText(list), m.Text):
		return "Unchanged."
	case changed && now.Sub(last) < refreshPause:
		return "Wait a second."
	case !b.out.mayEdit(m.Chat.ID, m.Chat.isPrivate()): // others in the group may be refreshing lists too
		return "Telegram allows no more changes right now: wait a few seconds."
	}
	return ""
}

// stop ends a live list.
func (b *buttonHandler) stop(c *callbackQuery) string {
	m := c.Message
	switch {
	case !m.Chat.isPrivate() && !b.access.canReset(c.From.ID, m.Chat.ID):
		return "In a group, only those on the access list can stop it."
	case !b.live.stop(m.Chat.ID, m.ID):
		return "It has ended already."
	}
	return "Stopped."
}

// graph sends the picture that the button below an alert asks for.
func (b *buttonHandler) graph(c *callbackQuery, number string) string {
	request, ok := b.graphs.alertRequest(number, time.Now())
	if !ok {
		return "Unknown button."
	}
	to := replyTo(c.Message)
	to.stranger = !b.resets.canPress(c)
	b.tasks.Go(func() { b.graphs.send(to, request, time.Now()) })
	return "Drawing ..."
}

// An answerLane runs answers to presses, only a few at a time, so that a flood of
// presses takes few connections and does not delay alerts.
type answerLane struct {
	ctx     context.Context // of all answers
	tasks   *taskGroup
	waiting chan struct{} // holds a value for each answer that waits
	running chan struct{} // holds a value for each answer that runs
}

func newAnswerLane(ctx context.Context, tasks *taskGroup) *answerLane {
	return &answerLane{
		ctx: ctx, tasks: tasks, waiting: make(chan struct{}, maxWaiters), running: make(chan struct{}, maxAnswers),
	}
}

// run runs an answer in a new goroutine as soon as it may. The answer is
// dropped if too many are waiting or it has waited too long.
func (l *answerLane) run(answer func()) {
	select {
	case l.waiting <- struct{}{}:
	default:
		return
	}
	l.tasks.Go(func() {
		if l.begin() {
			defer func() { <-l.running }()
			answer()
		}
	})
}

// begin waits until a waiting answer may run, and reports whether it may.
func (l *answerLane) begin() bool {
	defer func() { <-l.waiting }()
	late := time.NewTimer(maxWait)
	defer late.Stop()
	select {
	case l.running <- struct{}{}:
		return true
	case <-late.C:
	case <-l.ctx.Done():
	}
	return false
}

// runAtOnce runs an answer in a new goroutine. It drops the answer if that
// would have to wait.
func (l *answerLane) runAtOnce(answer func()) {
	select {
	case l.running <- struct{}{}:
		l.tasks.Go(func() {
			defer func() { <-l.running }()
			answer()
		})
	default:
	}
}

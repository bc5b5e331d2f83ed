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

// refreshPause is the minimum time between two refreshes of a list.
const refreshPause = time.Second

// A buttonHandler handles presses of the buttons below messages. A press may
// have forged data and no message.
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

	refreshed map[messageID]time.Time // when each list was last refreshed
}

// A messageID identifies a message.
type messageID struct{ chat, id int64 }

// press handles the press of a button.
func (b *buttonHandler) press(c *callbackQuery) {
	word, arg, _ := strings.Cut(c.Data, " ")
	text := "Unknown button."
	switch {
	case word == "reset":
		text = b.resets.press(c)
	case c.Message == nil || !c.From.isPerson():
	case word == "stop":
		text = b.stop(c)
	case word != "current" && word != "graph":
	case !b.withinQuota(c):
		text = "That was a lot at once: wait a little."
	case word == "current":
		b.refresh(c, arg)
		return
	case word == "graph":
		text = b.graph(c.Message, arg)
	}
	b.answer(c, text)
}

// answer answers a press with a text. The app shows a spinner until then.
func (b *buttonHandler) answer(c *callbackQuery, text string) {
	b.tasks.Go(func() {
		if err := b.client.answerCallback(b.ctx, c.ID, text); err != nil {
			slog.Debug("button press not answered", "err", err)
		}
	})
}

// withinQuota reports whether a press is within its chat's quota.
func (b *buttonHandler) withinQuota(c *callbackQuery) bool {
	if b.access.canReset(c.From.ID, c.Message.Chat.ID) {
		return true
	}
	ok, _ := b.quotas.take(c.Message.Chat.ID, time.Now())
	return ok
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

	b.refreshed[messageID{m.Chat.ID, m.ID}] = now
	b.tasks.Go(func() {
		text := "up to date"
		if err := b.client.editMessage(b.ctx, m.Chat.ID, m.ID, pages[page], refreshKeys(page)); err != nil {
			slog.Debug("list not refreshed", "err", err)
			b.out.hold(m.Chat.ID, retryAfter(err, 0))
			text = "The list could not be changed: send /current."
		}
		b.answer(c, text)
	})
}

// refusal returns why a list must not be refreshed now, or "" if it may be.
func (b *buttonHandler) refusal(m *message, list string, now time.Time) string {
	if len(b.refreshed) > 1000 {
		maps.DeleteFunc(b.refreshed, func(_ messageID, at time.Time) bool { return now.Sub(at) >= refreshPause })
	}
	if b.refreshed == nil {
		b.refreshed = make(map[messageID]time.Time)
	}
	last, changed := b.refreshed[messageID{m.Chat.ID, m.ID}]
	switch {
	case sameList(plainText(list), m.Text):
		return "unchanged"
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
func (b *buttonHandler) graph(m *message, number string) string {
	request, ok := b.graphs.alertRequest(number, time.Now())
	if !ok {
		return "Unknown button."
	}
	b.tasks.Go(func() { b.graphs.send(replyTo(m), request, time.Now()) })
	return "Drawing ..."
}

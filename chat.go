package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// A command is one that was sent to this bot.
type command struct {
	name string // in lower case, with its slash
	args string
}

// parseCommand returns the command of a message, if it is one, and one to the bot whose name is me.
func parseCommand(m *message, me string) (command, bool) {
	if !strings.HasPrefix(m.Text, "/") {
		return command{}, false
	}
	word := strings.Fields(m.Text)[0]
	if len(m.Entities) > 0 { // as Telegram sees it; what follows the command need not be a blank
		units := utf16.Encode([]rune(m.Text))
		i := slices.IndexFunc(m.Entities, func(e entity) bool {
			return e.Type == "bot_command" && e.Offset == 0 && e.Length >= 1 && e.Length <= len(units)
		})
		if i < 0 {
			return command{}, false
		}
		word = string(utf16.Decode(units[:m.Entities[i].Length]))
	}
	name, to, addressed := strings.Cut(word, "@")
	if addressed && !strings.EqualFold(to, me) {
		return command{}, false
	}
	return command{strings.ToLower(name), strings.TrimSpace(strings.TrimPrefix(m.Text, word))}, true
}

// handle answers a message. me is the bot's name, now the time by Telegram's clock.
func (b *bot) handle(ctx context.Context, m *message, me string, now time.Time) {
	private := m.Chat.Type == "private"
	if m.MigrateTo != 0 {
		b.access.move(m.Chat.ID, m.MigrateTo)
	}
	if !private && m.Chat.Type != "group" && m.Chat.Type != "supergroup" {
		return
	}
	cmd, ok := parseCommand(m, me)
	if (ok || private) && !b.access.mayWrite(m) && !b.afford(m, time.Now()) {
		return
	}
	switch cmd.name {
	case "": // talk
		if m.Text != "" && !b.typed(ctx, m, me, now) && private {
			b.answer(m, "Send /help to see what I can do.")
		}
	case "/start", "/help":
		b.answer(m, b.help(m))
	case "/current", "/peaks", "/peakdates":
		b.answer(m, powerList(cmd.name, b.watch.snapshot(), b.limit, time.Now())...)
	case "/exceedings":
		b.answer(m, exceedingsList(b.watch.snapshot(), b.limit, b.started, time.Now())...)
	case "/reset":
		b.reset(ctx, m, cmd.args, now)
	default:
		if private {
			b.answer(m, "I do not know this command. Send /help to see what I can do.")
		}
	}
}

// A budget is what a chat of strangers may still ask for.
type budget struct {
	full time.Time // when nothing of it will be used up any more
	told bool
}

// afford takes an answer from the budget of a chat, which has twenty and grows by one every three seconds: a flood costs no
// more. That it is used up is told once.
func (b *bot) afford(m *message, now time.Time) bool {
	const most, every = 20, 3 * time.Second
	if len(b.budgets) > 1000 {
		maps.DeleteFunc(b.budgets, func(_ int64, u budget) bool { return !u.full.After(now) })
	}
	u := b.budgets[m.Chat.ID]
	if !u.full.After(now) {
		u = budget{full: now}
	}
	enough := u.full.Sub(now) <= (most-1)*every
	if enough {
		u.full = u.full.Add(every)
	} else if !u.told {
		u.told = true
		b.answer(m, "That was a lot at once. I answer again in a while.")
	}
	b.budgets[m.Chat.ID] = u
	return enough
}

// answer sends the chat of a message what is to be said to it; in a group as a reply.
func (b *bot) answer(m *message, texts ...string) {
	for _, text := range texts {
		out := outgoing{html: text}
		if m.Chat.Type != "private" {
			out.reply = m.ID
		}
		b.out.put(m.Chat.ID, out)
	}
}

// refuse tells somebody who may not reset peaks so, and the host what id to put into the access list if he should.
func (b *bot) refuse(m *message) {
	if m.From == nil || m.From.IsBot || m.SenderChat != nil || m.ViaBot != nil || m.ForwardOrigin != nil {
		b.answer(m, "/reset must be written by a person, under their own name and here: I cannot tell who sent this.")
		return
	}
	slog.Warn("refused /reset: to allow it, put the id into the access list and send SIGHUP",
		"id", m.From.ID, "name", m.From.name(), "chat", m.Chat.ID)
	b.answer(m, fmt.Sprintf("Sorry, %s, /reset is for those on the access list. Your id is %d: the host can put it there.",
		escape(m.From.name()), m.From.ID))
}

// An offer is a command in the menu of a telephone.
type offer struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

var (
	forAll = []offer{
		{"current", "power of each team now"},
		{"peaks", "peak of each PDU since its last reset"},
		{"peakdates", "peaks and when they were"},
		{"exceedings", "how often each team was above the limit"},
		{"help", "what the bot can do"},
	}
	forListed = append(slices.Clip(forAll), offer{"reset", "reset a PDU's peak"}) // those who may
)

// help is the answer to /start and /help.
func (b *bot) help(m *message) string {
	text := fmt.Sprintf("I watch the power of %d PDUs; a team may draw %d W.\n", len(b.pdus), b.limit)
	offers := forAll
	if b.access.mayWrite(m) {
		offers = forListed
	}
	for _, o := range offers {
		text += fmt.Sprintf("\n/%s - %s", o.Command, o.Description)
	}
	return strings.Replace(text, "what the bot can do", "this text", 1)
}

// menus registers the commands that a telephone offers. The first scope that fits counts, so the chats' own lists repeat the
// rest. Failing does not matter.
func (b *bot) menus(ctx context.Context) {
	set := func(offers []offer, scope map[string]any) {
		if err := b.call(ctx, "setMyCommands", map[string]any{"scope": scope, "commands": offers}, nil); err != nil {
			slog.Debug("command menu", "scope", scope, "err", err)
		}
	}
	set(forAll, map[string]any{"type": "default"})
	for _, id := range b.access.chats() {
		set(forListed, map[string]any{"type": "chat", "chat_id": id})
	}
}

// tell logs an event, then sends it to those who are to be alerted.
func (b *bot) tell(e event) {
	b.journal.add(e.at, e.who, e.text)
	if e.quiet {
		return
	}
	text := fmt.Sprintf("<b>%s: %s</b>\n%s, limit %d W", escape(e.who), escape(e.text), e.at.Format(time.DateTime), b.limit)
	if e.more != "" {
		text += "\n" + escape(e.more)
	}
	b.alert(outgoing{html: text, alert: true, silent: e.silent, at: e.at})
}

// alert sends a message to those who are to be alerted.
func (b *bot) alert(m outgoing) {
	group, users := b.access.list()
	if b.group {
		users = slices.DeleteFunc([]int64{group}, func(id int64) bool { return id == 0 })
	}
	for _, id := range users {
		b.out.put(id, m)
	}
}

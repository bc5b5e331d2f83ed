package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// A command is one that was sent to this bot.
type command struct {
	name string // in lower case, with its slash
	args string
}

// parseCommand returns the command of a message, if it is one, and one to the
// bot whose name is me.
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

// A menuCommand is a command in the menu of a telephone.
type menuCommand struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

var (
	menuForAll = []menuCommand{
		{"current", "power of each team now"},
		{"live", "the same, kept up to date"},
		{"graph", "a picture: /graph, /graph 101, /graph 101 90m"},
		{"peaks", "peak of each PDU since its last reset"},
		{"peakdates", "peaks and when they were"},
		{"exceedings", "how often each team was above the limit"},
		{"help", "what the bot can do"},
	}
	menuForAccess = append(slices.Clip(menuForAll), menuCommand{"reset", "reset a PDU's peak"})
)

// A responder answers what people send. Only the update loop uses it.
type responder struct {
	client  *client
	out     *outbox
	access  *accessList
	watch   *snoop
	resets  *resetDialog
	boards  *liveBoards
	graphs  *grapher
	limit   int // W a team
	started time.Time
	tasks   sync.WaitGroup // what goes on beside the handling of updates

	me        string // the bot's name
	budgets   map[int64]budget
	refreshed map[[2]int64]time.Time // when lists were refreshed, by chat and message
}

// newResponder returns the responder; its start must be called first.
func newResponder(c *client, out *outbox, access *accessList, watch *snoop, resets *resetDialog, limit int) *responder {
	r := &responder{
		client: c, out: out, access: access, watch: watch, resets: resets, limit: limit, started: time.Now(),
		budgets: make(map[int64]budget), refreshed: make(map[[2]int64]time.Time),
	}
	r.boards = newLiveBoards(c, out, func(now time.Time) string { return r.current(now)[0] })
	r.graphs = newGrapher(out, watch, limit, r.started)
	return r
}

// current returns the pages of the list of /current.
func (r *responder) current(now time.Time) []string {
	return powerList("/current", r.watch.snapshot(), r.limit, now)
}

// start is called when Telegram has answered and told the bot's name.
func (r *responder) start(ctx context.Context, me user) {
	r.me = me.Username
	r.tasks.Go(func() { r.setMenus(ctx) })
}

// handle handles an update. now is Telegram's time; ctx ends when no more
// updates come.
func (r *responder) handle(ctx context.Context, u *update, now time.Time) {
	switch {
	case u.Message != nil:
		r.out.heard(u.Message.Chat.ID)
		r.followMigration(u.Message)
		r.answerMessage(ctx, u.Message, now)
	case u.Callback != nil:
		r.answerPress(ctx, u.Callback)
	}
}

// followMigration notes that a group became a supergroup, which has another
// ID. The last message of the group says so, and the first of the supergroup.
func (r *responder) followMigration(m *message) {
	if m.MigrateTo != 0 {
		r.access.migrate(m.Chat.ID, m.MigrateTo)
	}
	if m.MigrateFrom != 0 {
		r.access.migrate(m.MigrateFrom, m.Chat.ID)
	}
}

// answerMessage is the command switch.
func (r *responder) answerMessage(ctx context.Context, m *message, now time.Time) {
	private := m.Chat.isPrivate()
	if !private && m.Chat.Type != "group" && m.Chat.Type != "supergroup" {
		return
	}
	cmd, ok := parseCommand(m, r.me)
	expectsAnswer := ok || private
	if expectsAnswer && !r.resets.canReset(m) && !r.withinBudget(m, time.Now()) {
		return
	}

	switch cmd.name {
	case "": // talk
		if m.Text != "" && !r.resets.typed(m, r.me, now) && private {
			r.answer(m, "Send /help to see what I can do.")
		}
	case "/start", "/help":
		r.answer(m, r.help(m))
	case "/current":
		r.answerCurrent(m)
	case "/live":
		r.startBoard(ctx, m)
	case "/graph":
		p := replyTo(m)
		r.tasks.Go(func() { r.graphs.answer(ctx, p, cmd.args, time.Now()) })
	case "/peaks", "/peakdates":
		r.answer(m, powerList(cmd.name, r.watch.snapshot(), r.limit, time.Now())...)
	case "/exceedings":
		r.answer(m, exceedingsList(r.watch.snapshot(), r.limit, r.started, time.Now())...)
	case "/reset":
		r.resets.command(ctx, m, cmd.args, now)
	default:
		if private {
			r.answer(m, "I do not know this command. Send /help to see what I can do.")
		}
	}
}

// answerCurrent answers /current. Below each page is a button that brings it
// up to date.
func (r *responder) answerCurrent(m *message) {
	for i, text := range r.current(time.Now()) {
		p := replyTo(m)
		p.html, p.keys = text, refreshKeys(i)
		r.out.put(outgoing{post: p})
	}
}

// refreshKeys is the keyboard below a page of /current.
func refreshKeys(page int) [][]button {
	return [][]button{{{"Refresh", fmt.Sprintf("current %d", page)}}}
}

// startBoard answers /live. In a group only those with access may start one,
// as it takes of what all may send there.
func (r *responder) startBoard(ctx context.Context, m *message) {
	if !m.Chat.isPrivate() && !r.resets.canReset(m) {
		r.answer(m, "In a group, /live is for those on the access list. Send it to me in a private chat.")
		return
	}
	b, ok := r.boards.start(replyTo(m), time.Now())
	if !ok {
		r.answer(m, fmt.Sprintf("There are %d live lists already. Send /current instead, or try again later.", boardsMost))
		return
	}
	r.tasks.Go(func() { r.boards.keep(ctx, b) })
}

// answerPress answers the press of a button. Its data may be forged, and its
// message may be missing.
func (r *responder) answerPress(ctx context.Context, c *callbackQuery) {
	word, arg, _ := strings.Cut(c.Data, " ")
	text := "Unknown button."
	switch {
	case word == "reset":
		text = r.resets.press(c)
	case c.Message == nil || !c.From.isPerson():
	case word == "stop":
		text = r.stopBoard(c)
	case !r.allowPress(c):
		text = "That was a lot at once: wait a little."
	case word == "current":
		text = r.refresh(ctx, c, arg)
	case word == "graph":
		text = r.pressGraph(ctx, c.Message, arg)
	}
	if text == refreshing {
		return // the press is answered when the list is there
	}
	r.tasks.Go(func() { r.answerCallback(ctx, c.ID, text) })
}

// answerCallback answers the press of a button with a text, which the
// telephone waits for.
func (r *responder) answerCallback(ctx context.Context, id, text string) {
	if err := r.client.answerCallback(ctx, id, text); err != nil {
		slog.Debug("press not answered", "err", err)
	}
}

// allowPress reports whether a press is within the budget of its chat.
func (r *responder) allowPress(c *callbackQuery) bool {
	return r.access.canReset(c.From.ID, c.Message.Chat.ID) || r.withinBudget(c.Message, time.Now())
}

// refreshing is what refresh returns while the list is being changed.
const refreshing = ""

// refresh brings a page of /current up to date, at most once a second. It
// returns the words with which the press is answered.
func (r *responder) refresh(ctx context.Context, c *callbackQuery, arg string) string {
	const pause = time.Second
	m, now := c.Message, time.Now()
	pages := r.current(now)
	page, err := strconv.Atoi(arg)
	if err != nil || page < 0 || page >= len(pages) {
		return "Send /current again."
	}
	if len(r.refreshed) > 1000 {
		maps.DeleteFunc(r.refreshed, func(_ [2]int64, at time.Time) bool { return now.Sub(at) >= pause })
	}
	key := [2]int64{m.Chat.ID, m.ID}
	switch {
	case sameList(plainText(pages[page]), m.Text):
		return "unchanged"
	case now.Sub(r.refreshed[key]) < pause:
		return "Wait a second."
	case !r.out.mayEdit(m.Chat.ID, false):
		return "Telegram takes no more changes right now: wait a few seconds."
	}
	r.refreshed[key] = now
	r.tasks.Go(func() {
		text := "up to date"
		if err := r.client.editMessage(ctx, m.Chat.ID, m.ID, pages[page], refreshKeys(page)); err != nil {
			slog.Debug("list not refreshed", "err", err)
			text = "The list could not be changed: send /current."
		}
		r.answerCallback(ctx, c.ID, text)
	})
	return refreshing
}

// stopBoard ends the live list of a chat.
func (r *responder) stopBoard(c *callbackQuery) string {
	if !c.Message.Chat.isPrivate() && !r.access.canReset(c.From.ID, c.Message.Chat.ID) {
		return "In a group, those on the access list can stop it."
	}
	if !r.boards.stop(c.Message.Chat.ID) {
		return "It has ended already."
	}
	return "Stopped."
}

// pressGraph answers the button below an alert with a picture.
func (r *responder) pressGraph(ctx context.Context, m *message, number string) string {
	request, ok := r.graphs.aboutAlert(number, time.Now())
	if !ok {
		return "Unknown button."
	}
	p := replyTo(m)
	r.tasks.Go(func() { r.graphs.send(ctx, p, request, time.Now()) })
	return "Drawing ..."
}

// A budget is what a chat of strangers may still ask for.
type budget struct {
	full   time.Time // when nothing of it will be used up any more
	warned bool
}

// withinBudget takes an answer from the budget of a chat, which has twenty
// and grows by one every three seconds: a flood costs no more. That it is
// used up is said once.
func (r *responder) withinBudget(m *message, now time.Time) bool {
	const most, every = 20, 3 * time.Second
	if len(r.budgets) > 1000 {
		maps.DeleteFunc(r.budgets, func(_ int64, b budget) bool { return !b.full.After(now) })
	}
	b := r.budgets[m.Chat.ID]
	if !b.full.After(now) {
		b = budget{full: now}
	}
	enough := b.full.Sub(now) <= (most-1)*every
	if enough {
		b.full = b.full.Add(every)
	} else if !b.warned {
		b.warned = true
		r.answer(m, "That was a lot at once. I will answer again in a while.")
	}
	r.budgets[m.Chat.ID] = b
	return enough
}

// answer sends texts to where a message came from.
func (r *responder) answer(m *message, texts ...string) {
	for _, text := range texts {
		p := replyTo(m)
		p.html = text
		r.out.put(outgoing{post: p})
	}
}

// help is the answer to /start and /help.
func (r *responder) help(m *message) string {
	text := fmt.Sprintf("I watch the power of %d PDUs; a team may draw %d W.\n", len(r.resets.pdus), r.limit)
	menu := menuForAll
	if r.resets.canReset(m) {
		menu = menuForAccess
	}
	for _, c := range menu {
		text += fmt.Sprintf("\n/%s - %s", c.Command, c.Description)
	}
	return strings.Replace(text, "what the bot can do", "this text", 1)
}

// setMenus registers the commands that a telephone offers. The first scope
// that fits counts, so the chats' own lists repeat the rest. A failure does
// not matter, but a group that became a supergroup is noticed.
func (r *responder) setMenus(ctx context.Context) {
	set := func(menu []menuCommand, scope params) {
		if err := r.client.call(ctx, "setMyCommands", params{"scope": scope, "commands": menu}, nil); err != nil {
			slog.Debug("command menu not set", "err", err)
		}
	}
	set(menuForAll, params{"type": "default"})
	if group, _ := r.access.group(); group != 0 {
		r.client.call(ctx, "getChat", params{"chat_id": group}, nil) // tells of a migration
	}
	for _, id := range r.access.chats() {
		set(menuForAccess, params{"type": "chat", "chat_id": id})
	}
}

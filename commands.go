package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// A command is parsed from a message to the bot.
type command struct {
	name string // in lower case, with its slash
	args string
}

// parseCommand returns the command in a message. It reports false if there is
// none, or if it is addressed to a bot other than me. While me is unknown (""), a
// command addressed to any bot is ignored, except in a private chat, where there
// is only this bot.
func parseCommand(m *message, me string) (command, bool) {
	if !strings.HasPrefix(m.Text, "/") {
		return command{}, false
	}
	word := strings.Fields(m.Text)[0]
	if len(m.Entities) > 0 { // what Telegram recognized: a command need not end at a space
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
	onlyBot := me == "" && m.Chat.isPrivate()
	if addressed && !onlyBot && !strings.EqualFold(to, me) {
		return command{}, false
	}
	return command{strings.ToLower(name), strings.TrimSpace(strings.TrimPrefix(m.Text, word))}, true
}

// A responder answers what people send. Only the update loop uses it.
type responder struct {
	client  *client
	out     *outbox
	snoop   *snoop
	access  *accessList
	resets  *resetDialog
	live    *liveLists
	graphs  *grapher
	logs    *logSender
	buttons *buttonHandler
	limit   int // W per team
	started time.Time

	me       string // the bot's name, or "" until getMe has answered
	nameless bool   // a command was ignored because of that, and this was logged
	quotas   quotas
	tasks    taskGroup // work that outlasts the handling of an update
}

// newResponder returns a responder. Its start must be called before it handles
// updates. Answers that take time end with ctx.
func newResponder(
	ctx context.Context, c *client, out *outbox, watch *snoop, resets *resetDialog, limit int, logPath string,
) *responder {
	r := &responder{
		client: c, out: out, snoop: watch, access: resets.access, resets: resets,
		limit: limit, started: time.Now(),
	}
	r.live = newLiveLists(c, out, r.current)
	r.graphs = newGrapher(ctx, out, watch, r.access, limit, r.started)
	r.logs = newLogSender(ctx, c, out, logPath)
	r.buttons = &buttonHandler{
		ctx: ctx, client: c, out: out, access: r.access,
		resets: resets, live: r.live, graphs: r.graphs, current: r.current, quotas: &r.quotas, tasks: &r.tasks,
		officials: newAnswerLane(ctx, &r.tasks), strangers: newAnswerLane(ctx, &r.tasks),
	}
	return r
}

// current returns the pages of /current.
func (r *responder) current(now time.Time) []string {
	return currentList(r.snoop.snapshot(), r.limit, now)
}

// start is called when Telegram has answered with the bot's own account.
func (r *responder) start(input context.Context, me user) {
	r.me = me.Username
	r.tasks.Go(func() { setMenus(input, r.client, r.access) })
}

// handle handles an update. now is Telegram's time; input ends when the bot stops
// receiving updates.
func (r *responder) handle(input context.Context, u *update, now time.Time) {
	switch {
	case u.Message != nil:
		r.out.heard(u.Message.Chat.ID)
		r.followMigration(u.Message)
		r.answerMessage(input, u.Message, now)
	case u.Callback != nil:
		if m := u.Callback.Message; m != nil {
			r.out.heard(m.Chat.ID)
		}
		r.buttons.press(u.Callback)
	}
}

// followMigration records that a group became a supergroup, which has a new ID.
// Both the group's last message and the supergroup's first one say so.
func (r *responder) followMigration(m *message) {
	if m.MigrateTo != 0 {
		r.access.migrate(m.Chat.ID, m.MigrateTo)
	}
	if m.MigrateFrom != 0 {
		r.access.migrate(m.MigrateFrom, m.Chat.ID)
	}
}

// answerMessage answers a message. It holds the command switch.
func (r *responder) answerMessage(input context.Context, m *message, now time.Time) {
	private := m.Chat.isPrivate()
	inGroup := m.Chat.Type == "group" || m.Chat.Type == "supergroup"
	if !private && !inGroup {
		return
	}
	cmd, ok := parseCommand(m, r.me)
	isCommand := strings.HasPrefix(m.Text, "/")
	if isCommand && !ok {
		r.warnNameless()
	}
	to := replyTo(m)
	to.stranger = !r.resets.canReset(m)
	expectsAnswer := ok || private
	if expectsAnswer && to.stranger && !r.withinQuota(to) {
		return
	}

	switch cmd.name {
	case "": // not a command
		if m.Text == "" {
			return
		}
		if answered := r.resets.handleText(m, r.me, now); !answered && private {
			r.out.reply(to, "Send /help to see what I can do.")
		}
	case "/start", "/help":
		r.out.reply(to, r.help(m))
	case "/current":
		r.answerCurrent(to)
	case "/live":
		r.startLive(input, to)
	case "/graph":
		r.tasks.Go(func() { r.graphs.answer(to, cmd.args, time.Now()) })
	case "/peaks":
		r.out.reply(to, peakList(r.snoop.snapshot(), r.limit, time.Now())...)
	case "/peakdates":
		r.out.reply(to, peakDateList(r.snoop.snapshot(), r.limit, time.Now())...)
	case "/exceedings":
		r.out.reply(to, exceedingsList(r.snoop.snapshot(), r.limit, r.started, time.Now())...)
	case "/log":
		r.answerLog(m)
	case "/reset":
		r.resets.command(input, m, cmd.args, now)
	default:
		if private {
			r.out.reply(to, "I do not know this command. Send /help to see what I can do.")
		}
	}
}

// warnNameless logs once, as long as the bot does not know its own name, that it
// ignores commands with a bot's name.
func (r *responder) warnNameless() {
	if r.me == "" && !r.nameless {
		r.nameless = true
		slog.Warn("ignoring commands with a bot's name: as getMe fails, the bot does not know its own name yet")
	}
}

// withinQuota reports whether an answer to a stranger is within its chat's
// quota. The first one that is not is replaced by a warning.
func (r *responder) withinQuota(to post) bool {
	ok, warn := r.quotas.take(to.chat, time.Now())
	if warn {
		r.out.reply(to, "That was a lot at once. I will answer again in a while.")
	}
	return ok
}

// help is the answer to /start and /help.
func (r *responder) help(m *message) string {
	menu := menuForAll
	if r.resets.canReset(m) {
		menu = menuForAccess
	}
	return helpText(menu, len(r.resets.pdus), r.limit, !m.Chat.isPrivate())
}

// answerCurrent answers /current. Each page has a button that refreshes it.
func (r *responder) answerCurrent(to post) {
	for i, text := range r.current(time.Now()) {
		to.html, to.keys = text, refreshKeys(i)
		r.out.put(outgoing{post: to})
	}
}

// answerLog answers /log, which is for people on the access list.
func (r *responder) answerLog(m *message) {
	if !r.resets.canReset(m) {
		r.resets.refuse(m, "/log")
		return
	}
	r.tasks.Go(func() { r.logs.answer(replyTo(m)) })
}

// startLive answers /live. In a group only people on the access list may start
// a live list, because its edits count against the group's limits. It ends at
// the latest with input.
func (r *responder) startLive(input context.Context, to post) {
	if inGroup := to.chat < 0; inGroup && to.stranger {
		r.out.reply(to, "In a group, /live is for those on the access list. Send it to me in a private chat.")
		return
	}
	list, ok := r.live.start(to, !to.stranger, time.Now())
	if !ok {
		const text = "There are %d live lists already. Send /current instead, or try again later."
		r.out.reply(to, fmt.Sprintf(text, maxLiveLists))
		return
	}
	r.tasks.Go(func() { r.live.keep(input, list) })
}

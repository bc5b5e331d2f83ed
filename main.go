/*
Iscbot tells the officials of a student cluster competition, in Telegram, what every team's APC rack PDU draws, and at
once who goes over the power limit; and it resets the PDUs' peak registers.

	iscbot [flags]
	iscbot -check [number ...]
	iscbot -demo

It needs a Telegram bot's token (from @BotFather) in the environment variable ISCBOT_TOKEN, the password of the PDUs'
super user in ISCBOT_PASSWORD or as one line of standard input, and two files in the working directory. With -snmp 3 the
user's passphrases are in ISCBOT_AUTH_PASS and ISCBOT_PRIV_PASS, or the first serves for both. Each of these may also be
in a file, whose name is in the variable with _FILE behind its name.

accesslist.conf has one Telegram chat id a line; # starts a comment. Those people are alerted and may reset peaks. If
the first id is a group's (negative), every member of that group may do so in the group. A person who is refused is told
their id, and it is printed here. SIGHUP reads the file again.

	-1001234567890  # the officials' group
	424242424       # Ann

ips.csv has one PDU a line: the last number of its address and the team's name. A team with several PDUs has a third
column: number, PDU, team.

	101,First Team
	102,left rack,Second Team
	103,right rack,Second Team

In the chat anybody may send /current (power now), /peaks (highest since the last reset), /peakdates (and when),
/exceedings (how often each team was above the limit) and /help; those on the access list /reset as well.

exceedings.log gets a line for each crossing, its end, each reset and each outage:

	2026-06-15 10:32:07 --- Second Team(.102): Above power limit (3120 W)!

SIGINT and SIGTERM end it. The exit code is 0 after a signal, 1 after a failed check, 2 after a mistake in the flags, the
environment or the files; then all mistakes are listed and nothing was started.

The flags, with their defaults:
*/
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"
)

//go:embed main.go
var source string

// manual returns the comment at the head of this file, which -h prints.
func manual() string {
	text, _, _ := strings.Cut(source, "*/")
	return strings.TrimPrefix(text, "/*\n")
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: it returns the exit code after everything that it started has ended.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	terminal, written := make(patientWriter, 1000), make(chan struct{})
	go func() {
		for line := range terminal {
			stderr.Write(line)
		}
		close(written)
	}()
	defer func() { // the last lines get a moment to be written
		close(terminal)
		select {
		case <-written:
		case <-time.After(300 * time.Millisecond):
		}
	}()
	slog.SetDefault(slog.New(slog.NewTextHandler(terminal, &slog.HandlerOptions{ReplaceAttr: shortTime})))
	signal.Ignore(syscall.SIGPIPE) // whoever reads the terminal's lines may go
	flags, err := parseFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, manual(), flags.usage())
		return 0
	}
	if flags.version {
		fmt.Fprintln(stdout, version())
		return 0
	}
	if flags.demo && err == nil {
		return demo(ctx, flags, stdin, stdout, stderr)
	}
	cfg, err := configure(ctx, flags, err, stdin, stderr)
	if ctx.Err() != nil {
		return 0 // interrupted at the password prompt
	}
	if err != nil {
		fmt.Fprintf(stderr, "iscbot: nothing was started; to be mended (iscbot -h tells how):\n%v\n", err)
		return 2
	}
	if flags.check {
		return newBot(cfg).check(ctx, stdout)
	}
	newBot(cfg).run(ctx, ctx)
	return 0
}

// A patientWriter has lines for a terminal that may be stopped (Ctrl-S) while the bot must go on: nobody waits for it, and what
// does not fit into it is lost.
type patientWriter chan []byte

// Write implements io.Writer.
func (p patientWriter) Write(line []byte) (int, error) {
	select {
	case p <- bytes.Clone(line):
	default:
	}
	return len(line), nil
}

// shortTime leaves of a log line's time what a person at the terminal needs, and nothing where systemd notes it anyway.
func shortTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		if os.Getenv("JOURNAL_STREAM") != "" {
			return slog.Attr{}
		}
		a.Value = slog.StringValue(a.Value.Time().Format("15:04:05"))
	}
	return a
}

// version tells which iscbot this is, as the build noted it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "iscbot (unknown version)"
	}
	text := fmt.Sprintf("iscbot %s %s %s/%s", info.Main.Version, info.GoVersion, runtime.GOOS, runtime.GOARCH)
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return text
}

// A bot is the running program.
type bot struct {
	config
	api      *client
	out      *outbox
	watch    *snoop
	journal  *journal
	talk     talk
	budgets  map[int64]budget // by chat; only the poller of Telegram uses them
	pins     pinboard
	patience patience
	started  time.Time
	ctx      context.Context // of all that goes on; a signal ends it
	work     sync.WaitGroup  // what goes on beside the polling of Telegram
}

func newBot(cfg config) *bot {
	b := &bot{
		config: cfg, patience: usualPatience, budgets: make(map[int64]budget), started: time.Now(),
		api: newClient(cfg.api, cfg.token), watch: newSnoop(cfg.pdus, cfg.limit, cfg.interval, cfg.snmp),
		pins: pinboard{pins: make(map[string][sha256.Size]byte)},
	}
	b.out = newOutbox(b.api.sendMessage)
	b.out.moved = b.access.move
	b.watch.tell = b.tell
	b.journal = &journal{path: cfg.log, failed: func(err error) {
		text := fmt.Sprintf("%s cannot be written: %v. Alerts go on; what is told here is not logged until it can be.", cfg.log, err)
		b.alert(outgoing{html: escape(text), alert: true, at: time.Now()})
	}}
	return b
}

// run watches the PDUs and answers the chats until ctx ends; updates are taken until input ends, if that is earlier, and
// then everything under way is finished first. It returns when all has ended, at most five seconds after ctx.
func (b *bot) run(ctx, input context.Context) {
	b.ctx = ctx
	b.journal.open()
	b.warnNobody()
	watching, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { b.watch.run(watching) })
	wg.Go(func() { b.reloads(watching) })
	wg.Go(func() { b.serve(watching) })
	offset := b.poll(input)
	b.work.Wait() // what is still to be said is in the outbox then
	stop()
	wg.Wait()
	wg.Go(func() { b.confirm(offset) })
	wg.Go(b.out.drain)
	wg.Wait()
}

// warnNobody tells the host where alerts would go to nobody.
func (b *bot) warnNobody() {
	if group, users := b.access.list(); b.group && group == 0 || !b.group && len(users) == 0 {
		slog.Warn("nobody will be alerted: the access list names no user (or choose -notify group)", "access", b.access)
	}
}

// reloads reads the access list again at each SIGHUP.
func (b *bot) reloads(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
			if err := b.access.reload(); err != nil {
				slog.Error("the access list stays as it was: mend the file and send SIGHUP again", "err", err)
				continue
			}
			slog.Info("access list read again", "access", b.access)
			b.warnNobody()
			b.menus(ctx)
		case <-ctx.Done():
			return
		}
	}
}

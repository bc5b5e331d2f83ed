/*
Iscbot tells the officials of a student cluster competition, in Telegram, how much power every team's APC rack PDU
delivers, and at once who goes over the power limit. It also resets the PDUs' peak registers.

	iscbot [flags]
	iscbot -check [-report file] [number ...]
	iscbot -demo

It needs a Telegram bot's token (from @BotFather) in the environment variable ISCBOT_TOKEN, the password of the PDUs'
super user in ISCBOT_PASSWORD or as one line of standard input, and two files in the working directory. With -snmp 3 the
user's passphrases are in ISCBOT_AUTH_PASS and ISCBOT_PRIV_PASS, or the first serves for both. Each of these may also be
in a file, whose name is in the variable with _FILE appended to its name.

accesslist.conf has one Telegram chat ID a line; # starts a comment. Those people are alerted and may reset peaks. If
the first ID is a group's (negative), every member of that group may do so in the group; /42 after it sends alerts to
topic 42. A person who is refused is told their ID, and it is printed here. SIGHUP makes the bot read the file again.

	-1001234567890  # the officials' group
	424242424       # Ann

ips.csv has one PDU a line: the last number of its address and the team's name. A team with several PDUs has a third
column: number, PDU, team. Units that are chained behind one address have /2, /3 or /4 after the number.

	101,First Team
	102,left rack,Second Team
	103,right rack,Second Team
	104,Third Team
	104/2,Third Team

In the chat anybody may send /current (power now), /live (the same, kept up to date), /graph (a picture), /peaks
(highest since the last reset), /peakdates (and when), /exceedings (how often each team was above the limit) and /help;
those on the access list may send /reset and /log (exceedings.log) as well.

exceedings.log gets a line for each crossing, its end, each reset and each outage:

	2026-06-15 10:32:07 --- Second Team(.102): Above power limit (3120 W)!

A PDU is read every -interval, and every -near from the moment that its team draws 90 % of the limit until it has drawn
less than 88 % for 30 seconds, but no card more often than every four times as long as it takes to answer.

With -check, -report saves what the web pages of cards have on which the peak's reset was not found, for the maintainers
of iscbot: the file has no passwords, names, addresses or values of fields.

With -metrics ADDR, http://ADDR/metrics has power, peaks and counters for Prometheus, for anybody who can reach it.

SIGINT and SIGTERM end it. The exit code is 0 after a signal, 1 after a failed check, 2 after a crash, and 78 (EX_CONFIG)
after a mistake in the flags, the environment or the files; then all mistakes are listed, and the bot is not started.

The flags, with their defaults:
*/
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

//go:embed main.go
var source string

// manual returns the comment at the head of this file, which -h prints.
func manual() string {
	text, _, _ := strings.Cut(source, "*/")
	return strings.TrimPrefix(text, "/*\n")
}

func main() {
	debug.SetGCPercent(gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: it returns the exit code after everything that it
// started has ended.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	terminal := newTerminalWriter(stderr)
	defer terminal.Close()
	slog.SetDefault(slog.New(slog.NewTextHandler(terminal, &slog.HandlerOptions{ReplaceAttr: shortTime})))
	signal.Ignore(syscall.SIGPIPE) // whoever reads the terminal's lines may go
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // it ends nothing, not even before there is a list to reload
	defer signal.Stop(hangup)

	flags, err := parseFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, manual(), flags.usage())
		return exitOK
	case flags.version:
		fmt.Fprintln(stdout, version())
		return exitOK
	case flags.demo && err == nil:
		return demo(ctx, flags, stdin, stdout, stderr)
	}

	cfg, err := configure(ctx, flags, err, stdin, stderr)
	switch {
	case ctx.Err() != nil:
		return exitOK // interrupted at the password prompt
	case err != nil:
		fmt.Fprintf(stderr, "iscbot: not started: fix these errors (iscbot -h has the manual):\n%v\n", err)
		return exitConfig
	case flags.check:
		return newChecker(cfg).run(ctx, stdout)
	}
	select {
	case <-hangup: // it came before there was a list to reload
	default:
	}
	serve(ctx, ctx, cfg, hangup)
	return exitOK
}

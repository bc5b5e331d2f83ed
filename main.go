/*
Iscbot watches the APC rack PDUs at a student cluster competition. In Telegram it tells the officials how much power
each team draws, alerts them as soon as a team exceeds the power limit, and resets the PDUs' peak registers.

	iscbot [flags]
	iscbot [flags] -check [-report file] [number ...]
	iscbot [flags] -demo

Iscbot needs a Telegram bot's token (from @BotFather) in the environment variable ISCBOT_TOKEN, the password of the
PDUs' super user in ISCBOT_PASSWORD or as one line on standard input, and two files in the working directory. With
-snmp 3 it also needs the SNMP user's passphrases in ISCBOT_AUTH_PASS and ISCBOT_PRIV_PASS; the second defaults to the
first. To read one of these from a file, append _FILE to the variable's name and set it to the name of the file.

accesslist.conf has one Telegram chat ID per line; # starts a comment. The people listed are alerted and may reset
peaks. If the first ID is a group's (negative), every member may reset peaks in that group, and -notify group sends the
alerts there; /42 after the ID sends them to topic 42. When the bot refuses a person, it tells them their ID and logs it
to standard error. SIGHUP makes iscbot reread the file.

ips.csv has one PDU per line: the last number of its address and the team's name. A team with several PDUs has a third
column: number, PDU, team. Units chained behind one address have /2, /3 or /4 after the number.

	101,First Team
	102,left rack,Second Team
	103,right rack,Second Team
	104,Third Team
	104/2,Third Team

In the chat, anybody may send /current (power now), /live (the same, kept up to date), /graph (a picture), /peaks
(highest power since the last reset), /peakdates (the same, with its time), /exceedings (how often each team was above
the limit) and /help. People on the access list may also send /reset and /log (exceedings.log).

exceedings.log records the start and end of each crossing of the limit, each reset and each outage:

	2026-06-15 10:32:07 --- First Team(.101): Above power limit (3120 W)!

Iscbot reads each PDU every -interval, and at least once every -near from the moment its team draws 90 % of the limit
until the team has drawn less than 88 % for 30 seconds. A slow card is read less often than that: at least four times
its answer time passes from one reading to the next, or -interval if that is shorter.

With -check, iscbot tests everything it needs, changes nothing, and exits. If it does not find the control that resets
the peak on a card's web pages, -report saves a description of these pages for the maintainers of iscbot, without
passwords, names, addresses or field values.

With -metrics ADDR, http://ADDR/metrics serves power, peaks and counters for Prometheus to anybody who can reach it.

SIGINT and SIGTERM end iscbot. The exit code is 0 after a signal, 1 after a failed check, 2 after a crash, and 78
(EX_CONFIG) after a mistake in the flags, the environment or the files; the bot then lists all mistakes and does not
start.
*/
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

func main() {
	debug.SetGCPercent(gcPercent)
	runtime.GOMAXPROCS(processors)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

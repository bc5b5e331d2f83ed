package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// notify tells systemd something, where it started the bot with Type=notify; see sd_notify(3).
func notify(state string) {
	addr := os.Getenv("NOTIFY_SOCKET")
	if addr == "" {
		return
	}
	if strings.HasPrefix(addr, "@") { // in the abstract name space
		addr = "\x00" + addr[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: addr, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(state))
		conn.Close()
	}
	if err != nil {
		slog.Warn("systemd cannot be told", "state", state, "err", err)
	}
}

// serve tells systemd when the watch has polled all PDUs, and from then on, as often as its watchdog wants it, that it still
// does. Where the watch hangs it tells nothing, and systemd starts the bot anew.
func (b *bot) serve(ctx context.Context) {
	select {
	case <-b.watch.swept:
	case <-ctx.Done():
		return
	}
	notify("READY=1")
	usec, _ := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if usec <= 0 {
		<-ctx.Done()
	}
	for ctx.Err() == nil {
		if b.watch.alive() {
			notify("WATCHDOG=1")
		}
		pause(ctx, time.Duration(usec)*time.Microsecond/3)
	}
	notify("STOPPING=1")
}

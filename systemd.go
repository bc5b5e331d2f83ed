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

// notifySystemd reports a state to systemd, if that started the bot with
// Type=notify; see sd_notify(3).
func notifySystemd(state string) {
	addr := os.Getenv("NOTIFY_SOCKET")
	if addr == "" {
		return
	}
	if strings.HasPrefix(addr, "@") { // in the abstract namespace
		addr = "\x00" + addr[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: addr, Net: "unixgram"})
	if err == nil {
		conn.SetWriteDeadline(time.Now().Add(time.Second)) // systemd may hang
		_, err = conn.Write([]byte(state))
		conn.Close()
	}
	if err != nil {
		slog.Warn("sd_notify failed", "state", state, "err", err)
	}
}

// serveSystemd reports to systemd once all PDUs have been polled. From then on
// it notifies the watchdog while the watch is alive: if the watch hangs,
// systemd restarts the bot.
func serveSystemd(ctx context.Context, watch *snoop) {
	select {
	case <-watch.allPolled:
	case <-ctx.Done():
		return
	}
	notifySystemd("READY=1")
	usec, _ := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if usec <= 0 {
		<-ctx.Done()
	}
	for ctx.Err() == nil {
		if watch.alive() {
			notifySystemd("WATCHDOG=1")
		}
		pause(ctx, time.Duration(usec)*time.Microsecond/3)
	}
	notifySystemd("STOPPING=1")
}

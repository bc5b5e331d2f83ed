package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// stopTime is the longest that a bot takes to stop.
const stopTime = 5 * time.Second

// serve watches the PDUs and answers the chats until ctx ends. If input ends
// earlier, serve accepts no more updates and finishes everything under way
// first. It returns when everything has ended, at most stopTime after ctx.
func serve(ctx, input context.Context, cfg config, hangup <-chan os.Signal) {
	api := newClient(cfg.api, cfg.token)
	out := newOutbox(api.sendMessage)
	log := newJournal(cfg.log)
	alerts := &alerter{journal: log, out: out, access: cfg.access, toGroup: cfg.alertGroup, limit: cfg.limit}
	log.failed = func(err error) {
		alerts.notify(fmt.Sprintf("%s cannot be written: %v. Alerts go on, but events are not being logged. "+
			"The bot adds them later: do not stop it.", cfg.log, err))
	}
	log.restored = func(late, lost int) {
		alerts.notify(fmt.Sprintf("%s can be written again: events are being logged. Lines added late: %d, lost: %d.",
			cfg.log, late, lost))
	}
	clock := &clockWatch{
		notify: alerts.notify,
		log:    func(at time.Time, text string) { log.add(at, "Clock of the bot's host", text) },
	}
	api.date, api.answered = clock.compare, out.networkWorks
	api.migrated = cfg.access.migrate

	watch := newSnoop(cfg.pdus, cfg.limit, cfg.interval, cfg.snmp)
	watch.report, watch.near = alerts.report, cfg.near
	resets := newResetter(watch, log, cfg.resetSNMP, cfg.cards())
	dialog := &resetDialog{
		ctx: ctx, client: api, out: out, access: cfg.access, snoop: watch, resetter: resets, pdus: cfg.pdus,
	}
	answers := newResponder(ctx, api, out, watch, dialog, cfg.limit, cfg.log)
	updates := &updateLoop{client: api, started: answers.start, handle: answers.handle, ready: watch.allPolled}

	warnWithoutRecipients(alerts)
	watching, stop := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	go log.run()
	tasks.Go(func() { watch.run(watching) })
	tasks.Go(func() { clock.run(watching) })
	tasks.Go(func() { serveSystemd(watching, watch) })
	tasks.Go(func() { releaseMemory(watching) })
	if cfg.metrics != nil {
		metrics := &metricsServer{snoop: watch, out: out}
		tasks.Go(func() { metrics.run(watching, cfg.metrics) })
	}
	tasks.Go(func() { reloadAccess(watching, hangup, cfg.access, alerts, api) })
	offset := updates.run(input)

	answers.tasks.Wait()
	dialog.tasks.Wait() // by now all answers are in the outbox
	resets.close()
	stop()
	tasks.Wait()
	tasks.Go(func() { updates.confirm(offset) })
	tasks.Go(out.drain)
	tasks.Go(log.close)
	tasks.Wait()
}

// warnWithoutRecipients logs a warning if alerts would reach nobody.
func warnWithoutRecipients(alerts *alerter) {
	if !alerts.hasRecipients() {
		slog.Warn("nobody will be alerted: add a user to the access list, or use -notify group",
			"access", alerts.access)
	}
}

// reloadAccess rereads the access list at each SIGHUP.
func reloadAccess(ctx context.Context, hangup <-chan os.Signal, access *accessList, alerts *alerter, api *client) {
	for {
		select {
		case <-hangup:
			if err := access.reload(); err != nil {
				slog.Error("the access list is unchanged: fix the file and send SIGHUP again", "err", err)
				continue
			}
			slog.Info("access list reloaded", "access", access)
			warnWithoutRecipients(alerts)
			setMenus(ctx, api, access)
		case <-ctx.Done():
			return
		}
	}
}

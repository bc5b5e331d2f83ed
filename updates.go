package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"time"
)

// An updateLoop receives what people send to the bot. It knows no commands.
type updateLoop struct {
	client *client
	// started is called once, when getMe has returned the bot's own account.
	started func(input context.Context, me user)
	// handle is called for each update, with Telegram's time.
	handle func(input context.Context, u *update, now time.Time)
	// ready delays the first updates until it is closed, for readyWait at most,
	// so that the first lists have values.
	ready <-chan struct{}

	me     user
	panics panicGuard
}

// emptyPace is the minimum time between two calls of getUpdates if the server
// does not wait for updates but returns none at once.
const emptyPace = time.Second

// readyWait is how long the first updates wait at most for the first readings.
const readyWait = 300 * time.Millisecond

// run receives updates and handles them one after the other until input ends. An
// alarm system never gives up, so every failure is retried. It returns the
// offset that confirms the handled updates.
func (l *updateLoop) run(input context.Context) (offset int64) {
	wait := time.Second // short until the first answer, so that the log soon shows it
	retry := backoff{first: time.Second, max: 30 * time.Second}
	failures := failureLog{what: "Telegram"}
	started := false
	ready, cancel := context.WithTimeout(input, readyWait)
	defer cancel()
	slog.Info("waiting for Telegram")

	for input.Err() == nil {
		asked := time.Now()
		nameErr := l.learnName(input)
		batch, now, err := l.updates(input, offset, wait)
		if input.Err() != nil {
			break
		}
		failures.record(cmp.Or(err, nameErr))
		if err != nil {
			l.dropWebhook(input, err)
			wait = time.Second
			pause(input, waitAfter(err, &retry))
			continue
		}

		retry.reset()
		wait = pollTime
		if !started && l.me.Username != "" {
			started = true
			slog.Info("Telegram answers", "bot", "@"+l.me.Username)
			l.started(input, l.me)
		}
		select {
		case <-l.ready:
		case <-ready.Done():
		}
		next := l.handleAll(input, batch, offset, now)
		switch {
		case len(batch) == 0:
			pause(input, emptyPace-time.Since(asked))
		case next == offset: // nothing in the batch can be confirmed: it will come again
			pause(input, retry.next())
		}
		offset = next
	}
	return offset
}

// learnName asks for the bot's own account unless it is known.
func (l *updateLoop) learnName(ctx context.Context) error {
	if l.me.Username != "" {
		return nil
	}
	return l.client.call(ctx, "getMe", params{}, &l.me)
}

// updates returns the updates from offset on, which confirms those before it,
// and Telegram's time.
func (l *updateLoop) updates(ctx context.Context, offset int64, wait time.Duration) (
	batch []json.RawMessage, now time.Time, err error,
) {
	const transfer = 30 * time.Second // an answer may have 4 MiB; its first byte must come sooner
	ctx, stop := context.WithTimeout(ctx, wait+transfer)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(wait+callTime, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { late.Stop() }})
	in := params{
		"offset":          offset,
		"timeout":         int(wait.Seconds()),
		"allowed_updates": []string{"message", "callback_query"},
	}
	now, err = l.client.callWithin(ctx, "getUpdates", in, &batch)
	return batch, now, err
}

// confirm confirms the handled updates to Telegram, so that no command runs
// again after a restart.
func (l *updateLoop) confirm(offset int64) {
	if offset == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	if _, _, err := l.updates(ctx, offset, 0); err != nil {
		slog.Warn("the last commands were not confirmed to Telegram: they may run again at the next start", "err", err)
	}
}

// dropWebhook deletes the bot's webhook if err says that it prevents polling.
func (l *updateLoop) dropWebhook(ctx context.Context, err error) {
	e, ok := errors.AsType[*apiError](err)
	if !ok || e.Code != http.StatusConflict || !says(err, "webhook") {
		return
	}
	if err := l.client.call(ctx, "deleteWebhook", params{}, nil); err != nil {
		slog.Warn("the bot's webhook could not be deleted", "err", err)
		return
	}
	slog.Warn("deleted the bot's webhook, which kept it from receiving updates")
}

// handleAll handles a batch of updates and returns the next offset.
func (l *updateLoop) handleAll(input context.Context, batch []json.RawMessage, offset int64, now time.Time) int64 {
	for _, raw := range batch {
		id, err := l.handleOne(input, raw, now)
		if err != nil {
			slog.Error("update skipped", "update", id, "err", err)
		}
		if id != 0 {
			offset = id + 1
		}
	}
	return offset
}

// handleOne handles an update and returns its ID, or 0 if that is unknown. An
// update that cannot be decoded or whose handling panics is skipped, as it
// would otherwise come again and again.
func (l *updateLoop) handleOne(input context.Context, raw json.RawMessage, now time.Time) (id int64, err error) {
	var u update
	err = json.Unmarshal(raw, &u) // even with an error, u has everything that can be decoded
	if err != nil {
		return u.ID, fmt.Errorf("it cannot be decoded: %w", err)
	}
	defer l.panics.catch("update", &err)
	id = u.ID
	l.handle(input, &u, now)
	return id, nil
}

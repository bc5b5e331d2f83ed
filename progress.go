package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// editRetry is the time until an edit that Telegram's pace does not allow
	// yet is tried again.
	editRetry = 300 * time.Millisecond
	// finishTime is how long the last text of a progress may take before it is
	// sent as a new message.
	finishTime = 15 * time.Second
	// endTime is how long it may take when the bot ends.
	endTime = time.Second
)

// A progress is a message that changes in place while something goes on: a
// question, then the steps, then the result.
type progress struct {
	client *client
	out    *outbox
	first  post // the message as it is sent

	// bestEffort is set for a message without a result: if it cannot be
	// changed, that is the end of it. Its buttons stay until then.
	bestEffort bool

	mu    sync.Mutex // guards what follows
	id    int64      // of the message; 0 before it was sent
	html  string     // that the message is to have
	final bool
	wake  chan struct{} // has a value after a change
}

// newProgress queues a message that will change.
func newProgress(c *client, out *outbox, first post) *progress {
	p := &progress{client: c, out: out, first: first, html: first.html, wake: make(chan struct{}, 1)}
	out.put(outgoing{post: first, sent: func(id int64) {
		p.update(func() { p.id = id })
	}})
	return p
}

// show changes the text of the message soon.
func (p *progress) show(html string) { p.update(func() { p.html = html }) }

// finish gives the message its last text. If the message cannot be changed, a
// new one says it.
func (p *progress) finish(html string) { p.update(func() { p.html, p.final = html, true }) }

func (p *progress) update(change func()) {
	p.mu.Lock()
	change()
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *progress) state() (id int64, html string, final bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id, p.html, p.final
}

// run makes the changes until the last one is made. When ctx ends, the last
// one becomes a new message, which is sent before the bot ends.
func (p *progress) run(ctx context.Context) {
	shown := p.first.html
	for {
		id, html, final := p.state()
		pending := id != 0 && html != shown
		switch {
		case final:
			p.finishWith(ctx, html)
			return
		case pending && p.out.mayEdit(p.first.chat, false):
			err := p.edit(ctx, id, html, p.keys())
			gone := isFinalRefusal(err)
			if err == nil || gone {
				shown = html
			}
			if err != nil {
				slog.Debug("message not changed", "err", err)
			}
			if p.bestEffort && gone {
				return
			}
		case !p.wait(ctx, pending):
			return
		}
	}
}

// wait waits for the next change, or if there is one already, until it may be
// possible to make it. It returns false if ctx ends and no result comes then.
func (p *progress) wait(ctx context.Context, pending bool) bool {
	var again <-chan time.Time
	if pending {
		again = time.After(editRetry)
	}
	select {
	case <-p.wake:
		return true
	case <-again:
		return true
	case <-ctx.Done():
	}

	select {
	case <-p.wake:
		return true
	case <-time.After(finishTime):
		return false
	}
}

// finishWith gives the message its last text, or sends that as a new one. When
// the bot ends, a result is best sent anew, without trying anything else.
func (p *progress) finishWith(ctx context.Context, html string) {
	within := finishTime
	if p.bestEffort && ctx.Err() != nil {
		ctx, within = context.WithoutCancel(ctx), endTime
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for ctx.Err() == nil {
		id, _, _ := p.state()
		if id == 0 || !p.out.mayEdit(p.first.chat, true) {
			pause(ctx, editRetry)
			continue
		}
		err := p.edit(ctx, id, html, nil)
		if err == nil {
			return
		}
		if isFinalRefusal(err) {
			break
		}
	}
	if p.bestEffort {
		return
	}
	again := p.first
	again.html, again.keys = html, nil
	p.out.put(outgoing{post: again})
}

// keys returns the buttons below the message while it changes: those of a
// question are gone when it is answered.
func (p *progress) keys() [][]button {
	if p.bestEffort {
		return p.first.keys
	}
	return nil
}

// edit changes the message. If Telegram asks to wait, all but alerts wait.
func (p *progress) edit(ctx context.Context, id int64, html string, keys [][]button) error {
	err := p.client.editMessage(ctx, p.first.chat, id, html, keys)
	if d := retryAfter(err, 0); d > 0 {
		p.out.hold(p.first.chat, d)
	}
	return err
}

// isFinalRefusal reports whether Telegram will never make a change that it
// refused.
func isFinalRefusal(err error) bool {
	e, ok := errors.AsType[*apiError](err)
	return ok && e.Code != http.StatusTooManyRequests
}

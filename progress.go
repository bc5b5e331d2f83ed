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
	// editRetry is how long to wait if Telegram's limits do not allow an edit
	// yet.
	editRetry = 300 * time.Millisecond
	// finishTime is how long the last edit may take before its text is sent as
	// a new message.
	finishTime = 15 * time.Second
	// endTime is how long a best-effort edit may take when the bot ends.
	endTime = time.Second
)

// progress is a message that is edited while something is under way: it shows a
// question, then the steps, then the result.
type progress struct {
	client *client
	out    *outbox
	first  post // the message as it is sent

	// bestEffort is set for a message without a result. If it cannot be edited,
	// the progress ends. Its buttons stay until the end.
	bestEffort bool

	mu    sync.Mutex    // guards the fields below
	id    int64         // of the message; 0 before it was sent
	html  string        // the text that the message must have
	final bool          // html is the last text
	wake  chan struct{} // holds a value after a change
}

// newProgress queues a message that will be edited.
func newProgress(c *client, out *outbox, first post) *progress {
	p := &progress{client: c, out: out, first: first, html: first.html, wake: make(chan struct{}, 1)}
	out.put(outgoing{post: first, sent: func(id int64) {
		p.update(func() { p.id = id })
	}})
	return p
}

// show sets the text that run edits the message to.
func (p *progress) show(html string) { p.update(func() { p.html = html }) }

// finish sets the last text. If the message cannot be edited, the text is sent
// as a new one.
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

// run edits the message until the last edit is made. When ctx ends, the last
// text becomes a new message, which is sent before the bot ends.
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
				slog.Debug("message not edited", "err", err)
			}
			if p.bestEffort && gone {
				return
			}
		case !p.wait(ctx, pending):
			return
		}
	}
}

// wait waits for the next change. If one is pending, it waits until the edit
// may be possible. It returns false if ctx ends and no result follows.
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

// finishWith edits the message to its last text, or sends that as a new
// message. When the bot ends, a result is sent as a new message at once.
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

// keys returns the buttons below the message until its last edit: none for a
// question that was answered.
func (p *progress) keys() [][]button {
	if p.bestEffort {
		return p.first.keys
	}
	return nil
}

// edit edits the message. If Telegram asks to wait, everything but alerts
// waits.
func (p *progress) edit(ctx context.Context, id int64, html string, keys [][]button) error {
	err := p.client.editMessage(ctx, p.first.chat, id, html, keys)
	if d := retryAfter(err); d > 0 {
		p.out.hold(p.first.chat, d)
	}
	return err
}

// isFinalRefusal reports whether an edit was refused and would be refused
// again.
func isFinalRefusal(err error) bool {
	e, ok := errors.AsType[*apiError](err)
	return ok && e.Code != http.StatusTooManyRequests
}

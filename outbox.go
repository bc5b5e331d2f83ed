package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// drainTime is how long the outbox goes on sending at the end.
const drainTime = 1500 * time.Millisecond

// An outbox is the send queue. Each chat is served by a goroutine of its own
// while something waits for it, so that one that is slow, limited or blocked
// delays no other. What waits for the same chat is joined into one message.
type outbox struct {
	send    func(context.Context, post) (id int64, err error)
	ctx     context.Context // of all sending
	stop    context.CancelFunc
	serving sync.WaitGroup
	panics  panicGuard

	mu         sync.Mutex       // guards what follows, and the queues themselves
	closing    bool             // nothing more is taken, and there is no time for Telegram's pace
	queues     map[int64]*queue // by chat; gone when there is nothing to remember
	nextSlot   time.Time        // for a message to any chat
	goneTopics map[topicID]bool // to which nothing can be sent any more
}

// A topicID names a forum topic.
type topicID struct{ chat, topic int64 }

func newOutbox(send func(context.Context, post) (int64, error)) *outbox {
	o := &outbox{
		send:       send,
		queues:     make(map[int64]*queue),
		goneTopics: make(map[topicID]bool),
	}
	o.ctx, o.stop = context.WithCancel(context.Background())
	return o
}

// put queues a message. After drain was called it is lost, which is logged.
func (o *outbox) put(m outgoing) {
	if textLen(plainText(m.html)) > maxText-joinText {
		m.html = escape(shorten(plainText(m.html), maxText/2-joinText)) // a rune takes two units at most
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		logUnsent([]outgoing{m})
		return
	}
	if o.goneTopics[topicID{m.chat, m.topic}] {
		m.leaveTopic()
	}
	q := o.queue(m.chat)
	q.put(m)
	q.signal()
}

// reply queues texts as answers to a message.
func (o *outbox) reply(m *message, texts ...string) {
	for _, html := range texts {
		p := replyTo(m)
		p.html = html
		o.put(outgoing{post: p})
	}
}

// queue returns the queue of a chat, which is served from then on. o.mu is
// held.
func (o *outbox) queue(chat int64) *queue {
	q := o.queues[chat]
	if q == nil {
		q = newQueue(chat)
		o.queues[chat] = q
		o.serving.Go(func() { o.serve(q) })
	}
	return q
}

// length returns how many messages wait.
func (o *outbox) length() (messages int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range o.queues {
		messages += len(q.alerts) + len(q.answers)
	}
	return messages
}

// heard is called when a chat sent something: if it refused messages, it may
// take them again.
func (o *outbox) heard(chat int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q := o.queues[chat]; q != nil {
		q.heard()
		q.signal()
	}
}

// hold keeps everything but alerts from a chat for a while, as Telegram asked
// for after an edit. An alert asks for itself.
func (o *outbox) hold(chat int64, d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queue(chat)
	q.editsHeldUntil = latest(q.editsHeldUntil, time.Now().Add(d))
}

// mayEdit reports whether a message in a chat may be edited now within
// Telegram's limits, of which everything else has the first use. If so, the
// edit counts. The last edit of a message is more urgent than those before.
func (o *outbox) mayEdit(chat int64, last bool) bool {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queue(chat)
	if !q.mayEdit(now, last) {
		return false
	}
	q.count(now, pace(chat))
	return true
}

// serve sends what waits for a chat until there is nothing to remember of it.
func (o *outbox) serve(q *queue) {
	for {
		batch, wait, ok := o.choose(q)
		if !ok {
			return
		}
		if batch == nil {
			o.wait(q, wait)
			continue
		}
		id, err := o.sendBatch(batch)
		o.handleResult(q, batch, id, err)
	}
}

// choose takes the messages that are to be sent to a chat now as one, or
// returns how long to wait. It returns false at the end of the queue.
func (o *outbox) choose(q *queue) (batch []outgoing, wait time.Duration, ok bool) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()

	if q.isEmpty() {
		at := q.rememberUntil() // Telegram's pace is kept until then
		if o.closing || !at.After(now) {
			delete(o.queues, q.chat)
			return nil, 0, false
		}
		return nil, at.Sub(now), true
	}
	if o.ctx.Err() != nil {
		logUnsent(slices.Concat(q.alerts, q.answers))
		delete(o.queues, q.chat)
		return nil, 0, false
	}
	if at := o.sendTime(q, now); at.After(now) {
		return nil, at.Sub(now), true
	}
	o.reserveSlot(q, now) // alerts count as well
	return q.take(), 0, true
}

// sendTime returns when the next message to a chat may be sent. Answers wait
// for their turn among all chats, alerts do not. o.mu is held.
func (o *outbox) sendTime(q *queue, now time.Time) time.Time {
	switch {
	case o.closing:
		return latest(q.heldUntil, q.blockedUntil)
	case len(q.alerts) > 0:
		return q.alertTime()
	case q.answerTime().After(now):
		return q.answerTime()
	}
	o.reserveSlot(q, now)
	return q.slot
}

// reserveSlot gives the next message to a chat its turn among those to all
// chats, unless it has one. o.mu is held.
func (o *outbox) reserveSlot(q *queue, now time.Time) {
	if q.slot.IsZero() {
		q.slot = latest(o.nextSlot, now)
		o.nextSlot = q.slot.Add(overallPace)
	}
}

// wait waits for a while, or until something changes.
func (o *outbox) wait(q *queue, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-q.wake:
	case <-o.ctx.Done():
	}
}

// sendBatch sends messages as one.
func (o *outbox) sendBatch(batch []outgoing) (id int64, err error) {
	defer o.panics.catch("sending", &err)
	return o.send(o.ctx, join(batch, time.Now()))
}

// handleResult draws the consequences of an attempt to send messages as one.
func (o *outbox) handleResult(q *queue, batch []outgoing, id int64, err error) {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		e = &apiError{}
	}
	maybeMalformed := e.Code == http.StatusBadRequest || errors.Is(err, errPanic)
	now := time.Now()

	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		q.delivered(batch, now)
		for _, m := range batch {
			if m.sent != nil {
				go m.sent(id)
			}
		}
	case o.ctx.Err() != nil:
		q.putBack(batch)
	case e.MigrateTo != 0 && e.MigrateTo != q.chat:
		q.putBack(batch)
		o.forward(q, e.MigrateTo)
	case says(err, "thread not found") && batch[0].topic != 0:
		q.putBack(batch)
		o.leaveTopic(q, batch[0].topic)
	case isChatRefusal(err):
		q.refused(batch, err, now)
	case maybeMalformed:
		q.rejected(batch, err, now)
	default:
		q.failed(batch, err, now)
	}
}

// forward passes everything on to the supergroup that a group became. o.mu is
// held.
func (o *outbox) forward(q *queue, to int64) {
	successor := o.queue(to)
	for _, m := range slices.Concat(q.alerts, q.answers) {
		m.chat = to
		successor.put(m)
	}
	q.alerts, q.answers = nil, nil
	successor.signal()
}

// leaveTopic sends to the group itself what waits for a topic that is gone,
// and what comes for it later. o.mu is held.
func (o *outbox) leaveTopic(q *queue, topic int64) {
	slog.Warn("a topic is gone: sending to the group instead", "chat", q.chat, "topic", topic)
	o.goneTopics[topicID{q.chat, topic}] = true
	for _, waiting := range [][]outgoing{q.alerts, q.answers} {
		for i := range waiting {
			if waiting[i].topic == topic {
				waiting[i].leaveTopic()
			}
		}
	}
}

// logUnsent logs messages that are lost because the bot ends.
func logUnsent(all []outgoing) {
	slog.Error("not sent: the bot was stopped",
		"chat", all[0].chat, "messages", len(all), "first", plainText(all[0].html))
}

// drain sends what waits, for a second and a half at most, and ends the
// sending.
func (o *outbox) drain() {
	o.mu.Lock()
	o.closing = true
	for _, q := range o.queues {
		q.signal()
	}
	o.mu.Unlock()

	defer time.AfterFunc(drainTime, o.stop).Stop()
	o.serving.Wait()
	o.stop()
}

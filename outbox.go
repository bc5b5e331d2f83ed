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

// drainTime is how long drain keeps sending.
const drainTime = 1500 * time.Millisecond

// errInterrupted is returned for a batch that made way for an alert, or that
// was being sent when all sending ended.
var errInterrupted = errors.New("interrupted")

// An outbox is the send queue. Each chat has its own goroutine while messages
// wait for it, so that a slow, limited or blocked chat delays no other.
// Messages that wait for the same chat are joined into one.
type outbox struct {
	send    func(context.Context, post) (id int64, err error)
	ctx     context.Context // of all sending
	stop    context.CancelFunc
	serving sync.WaitGroup
	panics  panicGuard

	mu           sync.Mutex       // guards the fields below, and the queues themselves
	closing      bool             // put is refused, and Telegram's pace is ignored
	queues       map[int64]*queue // by chat; removed when there is nothing to remember
	nextSlot     time.Time        // of a message to any chat
	strangerSlot time.Time        // the next for an answer to a stranger; never before nextSlot
	goneTopics   map[topicID]bool // topics that no longer exist
	closedTopics map[topicID]bool // topics that were closed when last tried
	answered     time.Time        // when Telegram last answered any call
}

// A topicID identifies a forum topic.
type topicID struct{ chat, topic int64 }

func newOutbox(send func(context.Context, post) (int64, error)) *outbox {
	o := &outbox{
		send:         send,
		queues:       make(map[int64]*queue),
		goneTopics:   make(map[topicID]bool),
		closedTopics: make(map[topicID]bool),
	}
	o.ctx, o.stop = context.WithCancel(context.Background())
	return o
}

// put queues a message. After a call of drain the message is lost, and logged.
func (o *outbox) put(m outgoing) {
	if textLen(plainText(m.html)) > maxText-maxJoinText {
		m.html = escape(shorten(plainText(m.html), maxText/2-maxJoinText)) // a rune takes at most two units
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
	q.put(m, time.Now())
}

// reply queues texts as answers. to is an empty answer, as replyTo returns it.
func (o *outbox) reply(to post, texts ...string) {
	for _, html := range texts {
		to.html = html
		o.put(outgoing{post: to})
	}
}

// queue returns the queue of a chat, and starts to serve it if it is new. o.mu
// must be held.
func (o *outbox) queue(chat int64) *queue {
	q := o.queues[chat]
	if q == nil {
		q = newQueue(chat)
		o.queues[chat] = q
		o.serving.Go(func() { o.serve(q) })
	}
	return q
}

// length returns how many messages are waiting.
func (o *outbox) length() (messages int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range o.queues {
		messages += len(q.alerts) + len(q.answers)
	}
	return messages
}

// heard is called when a chat has sent something: if it refused messages, it
// may accept them again.
func (o *outbox) heard(chat int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q := o.queues[chat]; q != nil {
		q.heard()
		q.signal()
	}
}

// networkWorks is called when Telegram has answered a call: what is held back
// only because of the network can be sent.
func (o *outbox) networkWorks() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answered = time.Now()
	for _, q := range o.queues {
		if q.networkWorks() {
			q.signal()
		}
	}
}

// hold holds back everything but alerts from a chat, as Telegram asked for
// after an edit. Alerts are sent regardless and find out for themselves.
func (o *outbox) hold(chat int64, d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queue(chat)
	q.editsHeldUntil = latest(q.editsHeldUntil, time.Now().Add(d))
}

// mayEdit reports whether Telegram's limits allow an edit in a chat now, and if
// so, counts it. Other messages take precedence, except over the last edit of a
// message.
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

// serve sends the messages in a queue until there is nothing left to remember.
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
		id, err := o.sendBatch(q, batch)
		o.handleResult(q, batch, id, err)
	}
}

// choose takes the messages to be sent now as one, or returns how long to wait.
// It reports false if the queue was removed.
func (o *outbox) choose(q *queue) (batch []outgoing, wait time.Duration, ok bool) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()

	if q.isEmpty() {
		at := q.rememberUntil()
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
	o.reserveSlot(q, now) // alerts count too
	q.tried = now
	return q.take(), 0, true
}

// sendTime returns when the next message to a chat may be sent. Answers wait
// for their turn among all chats, alerts do not. o.mu must be held.
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

// reserveSlot gives the next message to a chat its turn among all chats, unless
// it has one. Answers to strangers are the last. o.mu must be held.
func (o *outbox) reserveSlot(q *queue, now time.Time) {
	if !q.slot.IsZero() {
		return
	}
	q.slot = latest(o.strangerSlot, now)
	o.strangerSlot = q.slot.Add(overallPace)
	if toStranger := len(q.alerts) == 0 && q.answers[0].stranger; !toStranger {
		q.slot = latest(o.nextSlot, now)
		o.nextSlot = q.slot.Add(overallPace)
	}
}

// wait waits for d, or until something changes.
func (o *outbox) wait(q *queue, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-q.wake:
	case <-o.ctx.Done():
	}
}

// sendBatch sends a batch as one message. Answers make way for alerts.
func (o *outbox) sendBatch(q *queue, batch []outgoing) (id int64, err error) {
	defer o.panics.catch("sending", &err)
	ctx, cancel := context.WithCancel(o.ctx)
	defer cancel()
	if !batch[0].alert {
		within := makeWayTime << min(batch[0].madeWay, maxMadeWay)
		o.setInterrupt(q, cancel, within)
		defer o.setInterrupt(q, nil, 0)
		defer time.AfterFunc(within, func() { o.makeWay(q) }).Stop()
	}
	id, err = o.send(ctx, join(batch, time.Now()))
	if err != nil && ctx.Err() != nil {
		err = errInterrupted
	}
	return id, err
}

// setInterrupt sets how the sending of answers is interrupted, and after what
// time.
func (o *outbox) setInterrupt(q *queue, interrupt func(), after time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q.interrupt, q.interruptAt = interrupt, time.Now().Add(after)
}

// makeWay is like queue.makeWay. o.mu must not be held.
func (o *outbox) makeWay(q *queue) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q.makeWay(time.Now())
}

// handleResult updates a queue after an attempt to send a batch.
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
		delete(o.closedTopics, topicID{q.chat, batch[0].topic})
		q.delivered(batch, now)
		for _, m := range batch {
			if m.sent != nil {
				go m.sent(id)
			}
		}
	case errors.Is(err, errInterrupted):
		for i := range batch {
			batch[i].madeWay++
		}
		q.putBack(batch)
	case e.MigrateTo != 0 && e.MigrateTo != q.chat:
		q.putBack(batch)
		o.forward(q, e.MigrateTo, now)
	case says(err, "TOPIC_CLOSED") && batch[0].topic != 0 && batch[0].alert:
		o.avoidTopic(q, batch)
	case says(err, "thread not found") && batch[0].topic != 0:
		q.putBack(batch)
		o.leaveTopic(q, batch[0].topic)
	case isChatRefusal(err):
		q.refused(batch, err, now)
	case maybeMalformed:
		q.rejected(batch, err, now)
	default:
		q.failed(batch, err, now, o.answered)
	}
}

// forward moves the messages of a group to the supergroup that it became. o.mu
// must be held.
func (o *outbox) forward(q *queue, to int64, now time.Time) {
	successor := o.queue(to)
	for _, m := range slices.Concat(q.alerts, q.answers) {
		m.chat = to
		successor.put(m, now)
	}
	q.alerts, q.answers = nil, nil
}

// avoidTopic readdresses alerts for a topic that is closed to the group itself. Later
// ones try the topic again. o.mu must be held.
func (o *outbox) avoidTopic(q *queue, batch []outgoing) {
	topic := topicID{q.chat, batch[0].topic}
	if !o.closedTopics[topic] {
		slog.Warn("a topic is closed: sending alerts to the group instead", "chat", q.chat, "topic", topic.topic)
		o.closedTopics[topic] = true
	}
	for i := range batch {
		batch[i].leftTopic = batch[i].topic
		batch[i].leaveTopic()
	}
	q.putBack(batch)
}

// leaveTopic readdresses messages for a topic that is gone to the group itself,
// those waiting and those to come. o.mu must be held.
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

// drain sends the waiting messages, within drainTime, and ends all sending.
func (o *outbox) drain() {
	o.mu.Lock()
	o.closing = true
	for _, q := range o.queues {
		q.networkWorks() // as if it did: this is the last attempt
		q.signal()
	}
	o.mu.Unlock()

	defer time.AfterFunc(drainTime, o.stop).Stop()
	o.serving.Wait()
	o.stop()
}

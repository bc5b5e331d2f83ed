package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

const (
	// maxAlerts is how many alerts wait for a chat, besides a line that stands
	// for those before them.
	maxAlerts = 100
	// joinText is what joining adds to a text at most.
	joinText = 100
	// joinTime is how long alerts wait after another one, to be joined if there
	// are many.
	joinTime = time.Second
	// lateAfter is the age from which an alert says how late it is.
	lateAfter = 5 * time.Second
	// maxOvertaken is how often others may be delivered while an alert is
	// refused, before that is given up as malformed.
	maxOvertaken = 3
)

// An outgoing message is on its way to a chat.
type outgoing struct {
	post
	about string         // what its buttons are about, for those of several messages in one
	alert bool           // it goes before the answers, and is not given up
	at    time.Time      // of the event that it reports; zero if it reports none
	sent  func(id int64) // called in a goroutine of its own, or nil

	earlier   int  // alerts for which this line stands, because too many waited
	seq       int  // in which the messages came
	alone     bool // not joined: Telegram refused it, or a message that it was part of
	refusals  int  // how often Telegram refused it by itself
	overtaken int  // after how many of those another one was delivered to its topic
}

// leaveTopic addresses a message to the group itself.
func (m *outgoing) leaveTopic() { m.topic, m.replyTo = 0, 0 }

// A queue is what waits for one chat, and what is known of that chat. It
// decides what is sent next, and what comes of it; the outbox sends.
type queue struct {
	chat    int64
	alerts  []outgoing // in order, and so are the answers
	answers []outgoing
	nextSeq int           // messages so far
	wake    chan struct{} // has a value after something changed

	lastWasAlert bool        // the last message was an alert
	nextAlert    time.Time   // an alert joins those that wait until then
	nextPaced    time.Time   // Telegram's pace is kept if nothing is sent before then
	recent       []time.Time // messages and edits of the last minute, in a group
	slot         time.Time   // of the next answer, among those to all chats; zero for none

	heldUntil      time.Time // after a failure that has nothing to do with the chat
	editsHeldUntil time.Time // edits and answers, after Telegram asked to wait with edits
	retry          backoff
	failures       failureLog

	refusing       bool      // the chat refused the last message, which was logged
	blockedUntil   time.Time // after a refusal
	refusals       backoff
	maybeMalformed bool // it may be the message that is at fault, and not the chat
	probing        bool // another message is tried right away, which tells
}

func newQueue(chat int64) *queue {
	return &queue{
		chat:     chat,
		wake:     make(chan struct{}, 1),
		retry:    backoff{first: time.Second, max: 10 * time.Second},
		failures: failureLog{what: fmt.Sprintf("sending to chat %d", chat)},
		refusals: backoff{first: 10 * time.Second, max: 5 * time.Minute},
	}
}

// signal lets the goroutine that serves the queue look at it again.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// isEmpty reports whether nothing waits.
func (q *queue) isEmpty() bool { return len(q.alerts)+len(q.answers) == 0 }

// put adds a message behind those of its kind. It does not wait for one that
// may be malformed.
func (q *queue) put(m outgoing) {
	m.seq = q.nextSeq
	q.nextSeq++
	q.add(m)
	if q.maybeMalformed {
		q.maybeMalformed, q.blockedUntil = false, time.Time{}
	}
}

// add adds a message to those of its kind. The same answer does not wait
// twice: a flood of questions has few answers.
func (q *queue) add(m outgoing) {
	same := func(w outgoing) bool {
		once := w.sent != nil || m.sent != nil || w.file != nil || m.file != nil
		return w.html == m.html && w.topic == m.topic && !once && slices.EqualFunc(w.keys, m.keys, slices.Equal)
	}
	switch {
	case m.alert:
		q.alerts = insert(q.alerts, m)
		if len(q.alerts) > maxAlerts+1 {
			q.alerts[1] = summary(q.alerts[0], q.alerts[1])
			q.alerts = slices.Delete(q.alerts, 0, 1)
		}
	case !slices.ContainsFunc(q.answers, same):
		q.answers = insert(q.answers, m)
	}
}

// insert inserts a message where it belongs by its order.
func insert(all []outgoing, m outgoing) []outgoing {
	i, _ := slices.BinarySearchFunc(all, m, func(a, b outgoing) int { return cmp.Compare(a.seq, b.seq) })
	return slices.Insert(all, i, m)
}

// summary returns the line that stands for two alerts, which may be such lines
// themselves.
func summary(a, b outgoing) outgoing {
	n := max(a.earlier, 1) + max(b.earlier, 1)
	return outgoing{
		post: post{
			chat:   a.chat,
			topic:  a.topic,
			html:   fmt.Sprintf("and %d earlier alerts: see exceedings.log", n),
			silent: a.silent && b.silent,
		},
		alert:   true,
		at:      a.at,
		earlier: n,
		seq:     b.seq,
	}
}

// putBack puts messages that could not be sent back to where they were.
func (q *queue) putBack(batch []outgoing) {
	for _, m := range batch {
		q.add(m)
	}
}

// alertTime returns when an alert may be sent. It runs ahead of Telegram's
// pace by a few messages, so that it need not wait for what is less urgent.
func (q *queue) alertTime() time.Time {
	return latest(q.nextAlert, q.nextPaced.Add(-burst*pace(q.chat)), q.minuteLimitTime(groupMinute), q.heldUntil, q.blockedUntil)
}

// answerTime returns when an answer may be sent.
func (q *queue) answerTime() time.Time {
	return latest(q.nextPaced, q.minuteLimitTime(groupMinute-burst), q.heldUntil, q.editsHeldUntil, q.blockedUntil)
}

// minuteLimitTime returns from when on one message more makes no more than most
// messages in a minute, in a group.
func (q *queue) minuteLimitTime(limit int) time.Time {
	if n := len(q.recent); n >= limit {
		return q.recent[n-limit].Add(time.Minute)
	}
	return time.Time{}
}

// mayEdit reports whether a message in the chat may be edited now. The last
// edit of a message, which has its result, may run ahead of Telegram's pace.
// Other edits leave half of what a group takes to the alerts, which may begin
// at any moment.
func (q *queue) mayEdit(now time.Time, last bool) bool {
	if last {
		return !latest(q.nextPaced.Add(-pace(q.chat)), q.heldUntil, q.editsHeldUntil, q.blockedUntil).After(now)
	}
	q.forget(now)
	return q.isEmpty() && !q.answerTime().After(now) && len(q.recent) < groupMinute/2
}

// count counts a message or an edit towards Telegram's pace.
func (q *queue) count(now time.Time, pace time.Duration) {
	q.nextPaced = latest(q.nextPaced, now).Add(pace)
	if q.chat < 0 {
		q.forget(now)
		q.recent = append(q.recent, now)
	}
}

// forget forgets what was sent more than a minute ago.
func (q *queue) forget(now time.Time) {
	q.recent = slices.DeleteFunc(q.recent, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
}

// remembered returns until when there is something to remember of the chat,
// though nothing waits.
func (q *queue) rememberUntil() time.Time {
	until := q.answerTime()
	if n := len(q.recent); n > 0 {
		until = latest(until, q.recent[n-1].Add(time.Minute))
	}
	return until
}

// pace returns the time from one message to a chat to the next that Telegram
// takes for long.
func pace(chat int64) time.Duration {
	if chat < 0 {
		return groupPace
	}
	return privatePace
}

// paceAfter returns the time from a message to the next one. Where alerts come
// faster than Telegram takes messages, they are joined into fewer.
func paceAfter(batch []outgoing) time.Duration {
	crowded := len(batch) > 1 && batch[1].alert
	if chat := batch[0].chat; chat >= 0 || !crowded {
		return pace(chat)
	}
	return crowdedPace
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// take takes as many messages as fit into one.
func (q *queue) take() []outgoing {
	waiting := slices.Concat(q.alerts, q.answers)
	first := q.next(waiting)
	end, length := first, 0
	for _, m := range waiting[first:] {
		length += textLen(plainText(m.html)) + joinText
		if end > first && (length > maxText || !joinable(waiting[first], m)) {
			break
		}
		end++
	}

	batch := slices.Clone(waiting[first:end])
	q.lastWasAlert, q.slot = batch[0].alert, time.Time{}
	q.alerts, q.answers = nil, nil
	q.putBack(waiting[:first])
	q.putBack(waiting[end:])
	return batch
}

// next returns the index of the message that goes next. Alerts go first, but
// leave every other turn to answers that cannot join them: there may be alerts
// for minutes. Those that were refused least often go before all others.
func (q *queue) next(waiting []outgoing) int {
	first := 0
	for i, m := range waiting {
		if m.refusals < waiting[first].refusals {
			first = i
		}
	}
	if q.lastWasAlert && waiting[first].alert && len(q.answers) > 0 && !joinable(waiting[first], q.answers[0]) {
		return len(q.alerts)
	}
	return first
}

// joinable reports whether two messages for a chat can be one. Buttons belong
// to their own message, except those of alerts; what is edited later must hold
// nothing else.
func joinable(a, b outgoing) bool {
	buttons := a.keys != nil || b.keys != nil
	single := a.alone || b.alone || a.sent != nil || b.sent != nil || a.file != nil || b.file != nil
	return a.topic == b.topic && !single && (!buttons || a.alert && b.alert)
}

// join makes one message of several. Alerts that are late say so.
func join(batch []outgoing, now time.Time) post {
	p := batch[0].post
	if len(batch) > 1 {
		p.keys = joinKeys(batch)
	}
	var texts []string
	for _, m := range batch {
		text := m.html
		if late := now.Sub(m.at); m.alert && !m.at.IsZero() && late >= lateAfter {
			text += fmt.Sprintf("\n(sent %s late)", durationText(late))
		}
		texts = append(texts, text)
		p.silent = p.silent && m.silent
	}
	p.html = strings.Join(texts, "\n\n")
	return p
}

// joinKeys returns the rows of the keyboards of messages, each once and a few
// at most. Where they are of several messages, they say what they are about.
func joinKeys(batch []outgoing) (keys [][]button) {
	const maxRows = 4
	named := slices.ContainsFunc(batch, func(m outgoing) bool { return m.keys != nil && m.about != batch[0].about })
	for _, m := range batch {
		for _, row := range m.keys {
			row = slices.Clone(row)
			for i := range row {
				if named && m.about != "" {
					row[i].Text += " " + m.about
				}
			}
			known := slices.ContainsFunc(keys, func(k []button) bool { return slices.Equal(k, row) })
			if !known && len(keys) < maxRows {
				keys = append(keys, row)
			}
		}
	}
	return keys
}

// delivered notes that messages were sent as one.
func (q *queue) delivered(batch []outgoing, now time.Time) {
	q.count(now, paceAfter(batch))
	if batch[0].alert {
		q.nextAlert = now.Add(joinTime)
	}
	q.failures.record(nil)
	q.retry.reset()

	if q.refusing {
		slog.Info("a chat takes messages again", "chat", q.chat)
	}
	q.refusing, q.maybeMalformed, q.probing = false, false, false
	q.blockedUntil = time.Time{}
	q.refusals.reset()

	chatAtFault := batch[0].refusals > 0 // as it took now what it refused before
	for i := range q.alerts {
		m := &q.alerts[i]
		switch {
		case chatAtFault:
			m.alone, m.refusals = false, 0
		case m.topic == batch[0].topic:
			m.overtaken = min(m.overtaken+1, m.refusals)
		}
	}
}

// failed notes that messages could not be sent, for a reason that has nothing
// to do with them or the chat, or because Telegram asked to wait.
func (q *queue) failed(batch []outgoing, err error, now time.Time) {
	q.putBack(batch)
	q.failures.record(err)
	q.heldUntil = now.Add(retryAfter(err, q.retry.next()))
}

// refused notes that the chat takes no messages. The alerts wait, since rights
// come and go and people unblock the bot.
func (q *queue) refused(batch []outgoing, err error, now time.Time) {
	q.putBack(batch)
	q.answers = nil
	q.block(err, now)
}

// rejected notes that messages were refused and either they or the chat may be
// at fault. A malformed one must not block those behind it, so each is tried
// by itself, and another one after it.
func (q *queue) rejected(batch []outgoing, err error, now time.Time) {
	if len(batch) > 1 {
		for i := range batch {
			batch[i].alone = true
		}
		q.putBack(batch)
		return
	}

	m := batch[0]
	m.alone = true
	m.refusals++
	switch {
	case !m.alert:
		slog.Warn("an answer was refused and dropped", "chat", q.chat, "err", err)
	case m.overtaken >= maxOvertaken:
		slog.Error("an alert was dropped: Telegram takes others, but not this one",
			"chat", q.chat, "err", err, "text", plainText(m.html))
	default:
		q.add(m)
	}

	lessRefused := func(w outgoing) bool { return w.refusals < m.refusals }
	probe := !q.probing && (slices.ContainsFunc(q.alerts, lessRefused) || len(q.answers) > 0)
	q.probing = probe
	if !probe && !q.isEmpty() {
		q.block(err, now)
		q.maybeMalformed = true
	}
}

// block keeps everything from the chat for a while, longer each time.
func (q *queue) block(err error, now time.Time) {
	if !q.refusing && !errors.Is(err, errPanic) { // a panic was logged with its stack
		slog.Warn("a chat refuses messages: "+refusalHint(q.chat), "chat", q.chat, "err", err)
		q.refusing = true
	}
	q.maybeMalformed = false
	q.blockedUntil = now.Add(q.refusals.next())
}

// refusalHint says what can be done about a chat that takes no messages.
func refusalHint(chat int64) string {
	if chat < 0 {
		return "the bot must be a member of the group and have the right to write there; alerts wait until then"
	}
	return "the person must send /start to the bot; alerts wait until then"
}

// heard notes that the chat sent something: if it refused messages, it may
// take them again.
func (q *queue) heard() {
	q.blockedUntil, q.maybeMalformed = time.Time{}, false
	q.refusals.reset()
}

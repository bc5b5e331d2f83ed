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
	// maxAlerts is how many alerts may wait for a chat, besides a line that
	// stands for earlier ones: 250 teams that cross the limit twice at once.
	// Joined, they take about fifty messages, or three minutes in a group.
	maxAlerts = 1000
	// maxJoinText is the most that joining adds to a text.
	maxJoinText = 100
	// joinTime is how long alerts wait after another one, so that many of them
	// are joined. That a team is above the limit waits only after the same of
	// another one.
	joinTime = time.Second
	// lateAfter is the age from which an alert says how late it is.
	lateAfter = 5 * time.Second
	// makeWayTime is how long an answer may take to be sent while an alert waits
	// for it. Then it is interrupted and sent again later: its connection may be
	// dead. Each time it may take twice as long, because the network may just be
	// slow, and Telegram may have received it.
	makeWayTime = time.Second
	// maxMadeWay is how often an answer makes way before it waits until no alert
	// does. From then on it may take no longer each time.
	maxMadeWay = 2
	// firstRefusal is how long a chat that refuses messages is left alone.
	firstRefusal = 10 * time.Second
	// maxOvertaken is how often others are delivered while an alert is refused
	// before it is dropped as malformed.
	maxOvertaken = 3
)

// outgoing is a message in the send queue.
type outgoing struct {
	post
	about string         // names the subject of its buttons when messages are joined
	alert bool           // goes before answers, and is not dropped when a chat refuses it
	above bool           // an alert that a team is above the limit
	at    time.Time      // of the event that it reports, or zero
	sent  func(id int64) // called in a new goroutine with the message's ID; may be nil

	earlier   int   // alerts that this line stands for, because too many were waiting
	seq       int   // position in the order of arrival
	alone     bool  // not to be joined: it was refused, alone or with others
	leftTopic int64 // the closed topic that it was for, or 0
	refusals  int   // how often it was refused when sent alone
	overtaken int   // how many of these were followed by the delivery of another message to its topic

	madeWay      int       // how often its sending was interrupted
	uploadFailed time.Time // when its file could last not be sent, or zero
}

// leaveTopic addresses a message to the group itself.
func (m *outgoing) leaveTopic() { m.topic, m.replyTo = 0, 0 }

// failedUpload records that the file of a message could not be sent. If
// Telegram has answered another call since this happened before, only the text
// is sent from now on, so that the messages behind it do not wait forever: some
// networks lose everything that is larger than a few texts.
func (m *outgoing) failedUpload(now, answered time.Time) {
	if !m.uploadFailed.IsZero() && answered.After(m.uploadFailed) {
		m.file = nil
		m.html += "\n(The attachment could not be sent.)"
	}
	m.uploadFailed = now
}

// A queue has the messages waiting for one chat and what is known about the
// chat. It decides what is sent next and what follows from the result. The
// outbox does the sending.
type queue struct {
	chat    int64
	alerts  []outgoing // both sorted in the order of sending
	answers []outgoing
	nextSeq int           // of the next message
	wake    chan struct{} // holds a value after a change

	lastWasAlert bool        // the last message was an alert
	nextAlert    time.Time   // alerts are held until then, to be joined
	nextAbove    time.Time   // likewise, if one of them is about a team above the limit
	nextPaced    time.Time   // from then on a message keeps Telegram's pace
	recent       []time.Time // messages and edits in the last minute; groups only
	slot         time.Time   // of the next answer, among all chats; zero if none is reserved

	heldUntil      time.Time // after a 429, as long as Telegram asked for; after other failures, a backoff
	networkFailed  time.Time // when a failure of the network led to that, or zero
	tried          time.Time // when the last attempt began
	interrupt      func()    // interrupts the sending of answers; nil if none are being sent
	interruptAt    time.Time // from then on it may be interrupted for an alert
	editsHeldUntil time.Time // holds answers too; after Telegram limited an edit
	retry          backoff
	failures       failureLog

	refusing       bool      // the chat refused the last message, and this was logged
	blockedUntil   time.Time // after a refusal
	refusals       backoff
	maybeMalformed bool // blocked, but the message may be at fault, not the chat
	probing        bool // another message is tried at once, to find out
}

func newQueue(chat int64) *queue {
	return &queue{
		chat:     chat,
		wake:     make(chan struct{}, 1),
		retry:    backoff{first: time.Second, max: 10 * time.Second},
		failures: failureLog{what: fmt.Sprintf("sending to chat %d", chat)},
		refusals: backoff{first: firstRefusal, max: 5 * time.Minute},
	}
}

// signal makes the goroutine that serves the queue check it again.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// isEmpty reports whether no message is waiting.
func (q *queue) isEmpty() bool { return len(q.alerts)+len(q.answers) == 0 }

// put adds a new message. If the queue is blocked because of a message that may
// be malformed, it is unblocked. For a new alert, the chat is tried again soon if
// it refused messages or the network failed: rights come back without notice.
func (q *queue) put(m outgoing, now time.Time) {
	m.seq = q.nextSeq
	q.nextSeq++
	q.add(m)
	if m.alert {
		q.networkWorks() // perhaps it does
	}
	again := q.tried.Add(firstRefusal)
	switch {
	case q.maybeMalformed:
		q.maybeMalformed, q.blockedUntil = false, time.Time{}
	case m.alert && again.Before(q.blockedUntil):
		q.blockedUntil = again
	}
	q.signal()
	q.makeWay(now)
}

// add adds a message to the alerts or to the answers. An answer that is waiting
// already is not added again, so that a flood of commands gets few answers. An
// official's answer replaces a stranger's, which would be sent later.
func (q *queue) add(m outgoing) {
	same := func(w outgoing) bool {
		once := w.sent != nil || m.sent != nil || w.file != nil || m.file != nil
		return w.html == m.html && w.topic == m.topic && !once && slices.EqualFunc(w.keys, m.keys, slices.Equal)
	}
	if m.alert {
		q.alerts = insert(q.alerts, m)
		if len(q.alerts) > maxAlerts+1 {
			q.alerts[1] = summary(q.alerts[0], q.alerts[1])
			q.alerts = slices.Delete(q.alerts, 0, 1)
		}
		return
	}
	if i := slices.IndexFunc(q.answers, same); i >= 0 {
		if m.stranger || !q.answers[i].stranger {
			return
		}
		q.answers = slices.Delete(q.answers, i, i+1)
	}
	q.answers = insert(q.answers, m)
	if q.answers[0].seq == m.seq {
		q.slot = time.Time{} // it was for another answer, perhaps a stranger's
	}
}

// insert inserts a message in the order of sending: by seq, but answers to
// strangers last.
func insert(all []outgoing, m outgoing) []outgoing {
	i, _ := slices.BinarySearchFunc(all, m, func(a, b outgoing) int {
		switch {
		case a.stranger == b.stranger:
			return cmp.Compare(a.seq, b.seq)
		case a.stranger:
			return 1
		}
		return -1
	})
	return slices.Insert(all, i, m)
}

// summary returns a line that stands for two alerts, each of which may be such
// a line itself.
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

// makeWay interrupts the sending of answers if that takes long and an alert is
// waiting. One that was refused goes after answers anyway.
func (q *queue) makeWay(now time.Time) {
	fresh := slices.ContainsFunc(q.alerts, func(m outgoing) bool { return m.refusals == 0 })
	if q.interrupt != nil && fresh && !now.Before(q.interruptAt) {
		q.interrupt()
	}
}

// putBack returns unsent messages to their places in the queue.
func (q *queue) putBack(batch []outgoing) {
	for _, m := range batch {
		q.add(m)
	}
}

// alertTime returns when an alert may be sent. Alerts may exceed Telegram's
// pace by a few messages, so that they need not wait because of less urgent
// ones.
func (q *queue) alertTime() time.Time {
	ahead := maxBurst * pace(q.chat)
	join := q.nextAlert
	if slices.ContainsFunc(q.alerts, isAbove) {
		join = q.nextAbove
	}
	return latest(join, q.nextPaced.Add(-ahead), q.minuteLimitTime(maxPerMinute), q.heldUntil, q.blockedUntil)
}

// isAbove reports whether a message says that a team is above the limit.
func isAbove(m outgoing) bool { return m.above }

// answerTime returns when an answer may be sent.
func (q *queue) answerTime() time.Time {
	return latest(q.nextPaced, q.minuteLimitTime(maxPerMinute-maxBurst), q.heldUntil, q.editsHeldUntil, q.blockedUntil)
}

// minuteLimitTime returns when the next message in a group keeps within a limit
// of messages a minute.
func (q *queue) minuteLimitTime(limit int) time.Time {
	if n := len(q.recent); n >= limit {
		return q.recent[n-limit].Add(time.Minute)
	}
	return time.Time{}
}

// mayEdit reports whether a message in the chat may be edited now. The last
// edit of a message, which shows the result, may exceed Telegram's pace. Other
// edits use at most half of a group's limit and leave the rest to alerts, which
// may begin at any moment.
func (q *queue) mayEdit(now time.Time, last bool) bool {
	if last {
		return !latest(q.nextPaced.Add(-pace(q.chat)), q.heldUntil, q.editsHeldUntil, q.blockedUntil).After(now)
	}
	q.forget(now)
	return q.isEmpty() && !q.answerTime().After(now) && len(q.recent) < maxPerMinute/2
}

// count counts a message or an edit towards Telegram's pace.
func (q *queue) count(now time.Time, pace time.Duration) {
	q.nextPaced = latest(q.nextPaced, now).Add(pace)
	if q.chat < 0 {
		q.forget(now)
		q.recent = append(q.recent, now)
	}
}

// forget removes messages and edits from recent that are older than a minute.
func (q *queue) forget(now time.Time) {
	q.recent = slices.DeleteFunc(q.recent, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
}

// rememberUntil returns until when an empty queue must be kept, so that
// Telegram's limits are respected.
func (q *queue) rememberUntil() time.Time {
	until := q.answerTime()
	if n := len(q.recent); n > 0 {
		until = latest(until, q.recent[n-1].Add(time.Minute))
	}
	return until
}

// pace returns the time between two messages to a chat that Telegram accepts in
// the long run.
func pace(chat int64) time.Duration {
	if chat < 0 {
		return groupPace
	}
	return privatePace
}

// paceAfter returns the time from a message to the next one. It is longer after
// joined alerts: they come faster than Telegram accepts messages.
func paceAfter(batch []outgoing) time.Duration {
	crowded := len(batch) > 1 && batch[1].alert
	if chat := batch[0].chat; chat >= 0 || !crowded {
		return pace(chat)
	}
	return crowdedPace
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// take removes as many messages as can be joined into one, and returns them.
func (q *queue) take() []outgoing {
	waiting := slices.Concat(q.alerts, q.answers)
	first := q.next(waiting)
	end, length := first, 0
	for _, m := range waiting[first:] {
		length += textLen(plainText(m.html)) + maxJoinText
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

// next returns the index of the message to be sent next: one of those refused
// least often, alerts first. Answers that cannot be joined with alerts get
// every other turn, as there may be alerts for minutes, unless one made way too
// often.
func (q *queue) next(waiting []outgoing) int {
	first := 0
	for i, m := range waiting {
		if m.refusals < waiting[first].refusals {
			first = i
		}
	}
	anotherAlert := q.lastWasAlert && waiting[first].alert
	answerWaits := len(q.answers) > 0 && q.answers[0].madeWay < maxMadeWay
	if anotherAlert && answerWaits && !joinable(waiting[first], q.answers[0]) {
		return len(q.alerts)
	}
	return first
}

// joinable reports whether two messages for a chat may be joined. Messages with
// buttons are not joined, except alerts. Files and messages that will be edited
// never are.
func joinable(a, b outgoing) bool {
	isSingle := func(m outgoing) bool { return m.alone || m.sent != nil || m.file != nil }
	if isSingle(a) || isSingle(b) || a.topic != b.topic {
		return false
	}
	bothAlerts := a.alert && b.alert
	haveButtons := a.keys != nil || b.keys != nil
	return bothAlerts || !haveButtons
}

// join joins messages into one. Alerts that are late say so.
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

// joinKeys joins the keyboards of messages, without duplicate rows and with at
// most maxRows. If the messages differ in their subject, the buttons name it.
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

// delivered records that a batch was sent.
func (q *queue) delivered(batch []outgoing, now time.Time) {
	q.count(now, paceAfter(batch))
	if batch[0].alert {
		q.nextAlert = now.Add(joinTime)
	}
	if slices.ContainsFunc(batch, isAbove) {
		q.nextAbove = now.Add(joinTime)
	}
	q.failures.record(nil)
	q.retry.reset()
	q.networkFailed = time.Time{}

	if q.refusing {
		slog.Info("a chat accepts messages again", "chat", q.chat)
	}
	q.refusing = false
	q.maybeMalformed = false
	q.probing = false
	q.blockedUntil = time.Time{}
	q.refusals.reset()

	chatAtFault := batch[0].refusals > 0 // it now accepted what it refused before
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

// failed records that a batch could not be sent, either because Telegram asked
// to wait or for a reason unrelated to the messages and the chat. If Telegram
// has answered another call since the attempt began, the network works again.
func (q *queue) failed(batch []outgoing, err error, now, answered time.Time) {
	_, fromTelegram := errors.AsType[*apiError](err)
	if m := &batch[0]; m.file != nil && !fromTelegram {
		m.failedUpload(now, answered)
	}
	q.putBack(batch)
	q.failures.record(err)
	q.networkFailed = time.Time{}
	q.heldUntil = now.Add(waitAfter(err, &q.retry))
	if fromTelegram {
		return
	}
	q.networkFailed = now
	if answered.After(q.tried) {
		q.networkWorks()
	}
}

// networkWorks ends the wait after a failure of the network, but keeps
// Telegram's pace: the failure may concern this chat only. It reports whether
// there was such a failure.
func (q *queue) networkWorks() (held bool) {
	if q.networkFailed.IsZero() {
		return false
	}
	if at := q.networkFailed.Add(pace(q.chat)); at.Before(q.heldUntil) {
		q.heldUntil = at
	}
	q.networkFailed = time.Time{}
	return true
}

// refused records that the chat accepts no messages. Alerts wait, because
// rights come and go and people unblock the bot. Answers are dropped.
func (q *queue) refused(batch []outgoing, err error, now time.Time) {
	q.putBack(batch)
	q.answers = nil
	q.block(err, now)
}

// rejected records that a batch was refused, because of either a message or the
// chat. As a malformed message must not block those behind it, each is sent
// alone, and another one is tried after it.
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
	if m.leftTopic != 0 { // the group is closed too: the topic may be opened first
		m.topic, m.leftTopic = m.leftTopic, 0
	}
	switch {
	case !m.alert:
		slog.Warn("an answer was refused and dropped", "chat", q.chat, "err", err)
	case m.overtaken >= maxOvertaken:
		slog.Error("an alert was dropped: Telegram accepts others, but not this one",
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

// block holds back all messages for a while, longer each time.
func (q *queue) block(err error, now time.Time) {
	if !q.refusing && !errors.Is(err, errPanic) { // a panic was logged with its stack
		slog.Warn("a chat refuses messages: "+refusalHint(q.chat, err), "chat", q.chat, "err", err)
		q.refusing = true
	}
	q.maybeMalformed = false
	q.blockedUntil = now.Add(q.refusals.next())
}

// refusalHint says what to do about a chat that refuses messages.
func refusalHint(chat int64, err error) string {
	switch {
	case says(err, "TOPIC_CLOSED"):
		return "the General topic must be open; alerts wait until then"
	case chat < 0:
		return "the bot must be a member of the group and have the right to write there; alerts wait until then"
	}
	return "the person must send /start to the bot; alerts wait until then"
}

// heard records that the chat sent something: if it refused messages, it may
// accept them again.
func (q *queue) heard() {
	q.blockedUntil, q.maybeMalformed = time.Time{}, false
	q.refusals.reset()
}

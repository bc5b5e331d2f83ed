package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// maxText is the most that a message may hold, in UTF-16 code units and without the markup.
const maxText = 4096

// An outgoing message is on its way to a chat. Its text has the HTML that the Bot API knows.
type outgoing struct {
	html   string
	alert  bool       // it goes before all that is no alert
	silent bool       // the telephone makes no sound
	at     time.Time  // of the event that it tells; zero if it tells of none
	reply  int64      // the message that it answers, or 0
	keys   [][]button // inline keyboard, or nil
	sent   func(id int64)
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

var tags = regexp.MustCompile(`</?[a-z]+>`)

// plain returns the text of a message without its markup.
func plain(text string) string { return html.UnescapeString(tags.ReplaceAllString(text, "")) }

// textLen returns how much of maxText a text without markup takes.
func textLen(text string) int { return len(utf16.Encode([]rune(text))) }

// An outbox is the send queue. Each chat is served by a goroutine of its own while something waits for it, so that one
// that is slow, limited or blocked delays no other. What waits for the same chat is joined into one message.
type outbox struct {
	send  func(ctx context.Context, chat int64, m outgoing) (id int64, err error)
	moved func(from, to int64) // called when a group became a supergroup

	ctx     context.Context // of all sending
	stop    context.CancelFunc
	closing chan struct{} // closed when nothing more will come
	wg      sync.WaitGroup

	mu      sync.Mutex       // guards what follows, and what is in the queues
	queues  map[int64]*queue // each is served by a goroutine, and gone when nothing waits any more
	refused map[int64]bool   // chats for which Telegram does not take messages, which was logged
	next    time.Time        // before it nothing but alerts may be sent to any chat
}

// A queue is what waits for one chat: the alerts first, then the answers.
type queue struct {
	alerts, answers []outgoing

	single  int           // so many of them go one by one
	alerted chan struct{} // has a value after an alert came
}

func newOutbox(send func(context.Context, int64, outgoing) (int64, error)) *outbox {
	o := &outbox{send: send, closing: make(chan struct{}), queues: make(map[int64]*queue), refused: make(map[int64]bool)}
	o.ctx, o.stop = context.WithCancel(context.Background())
	return o
}

// put takes a message for a chat.
func (o *outbox) put(chat int64, m outgoing) {
	if text := plain(m.html); textLen(text) > maxText-joinText {
		m.html = escape(cut(text, maxText/2-joinText)) // a character takes two units at most
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queues[chat]
	if q == nil {
		q = &queue{alerted: make(chan struct{}, 1)}
		o.queues[chat] = q
		o.wg.Go(func() { o.serve(chat, q) })
	}
	q.add(m)
	if m.alert {
		select {
		case q.alerted <- struct{}{}:
		default:
		}
	}
}

// add adds a message at the end of its kind. The same answer does not wait twice: a flood of questions has few answers.
func (q *queue) add(m outgoing) {
	same := func(w outgoing) bool { return w.html == m.html && w.keys == nil && m.keys == nil }
	if m.alert {
		q.alerts = append(q.alerts, m)
	} else if !slices.ContainsFunc(q.answers, same) {
		q.answers = append(q.answers, m)
	}
}

// serve sends what waits for a chat until nothing does.
func (o *outbox) serve(chat int64, q *queue) {
	retry := backoff{most: 10 * time.Second}
	trouble := trouble{what: fmt.Sprintf("sending to chat %d", chat)}
	for {
		taken := o.take(chat, q)
		if len(taken) == 0 {
			return
		}
		m := join(taken, time.Now())
		id, err := o.send(o.ctx, chat, m)
		e, _ := errors.AsType[*apiError](err)
		switch {
		case err == nil:
			for _, m := range taken {
				if m.sent != nil {
					m.sent(id)
				}
			}
			o.refuse(chat, nil)
			trouble.log(nil)
			retry.next = 0
			pace := time.Second // Telegram takes about a message a second, and from groups 20 a minute
			if chat < 0 {
				pace *= 3
			}
			q.hold(pace, o.closing)
		case e != nil && e.MigrateTo != 0 && e.MigrateTo != chat:
			o.moved(chat, e.MigrateTo)
			for _, m := range taken {
				o.put(e.MigrateTo, m)
			}
		case e != nil && e.Code == http.StatusBadRequest && len(taken) > 1: // one of them may be at fault: not the alert among them
			o.giveBack(q, taken, len(taken))
		case e != nil && e.permanent():
			o.refuse(chat, err)
		default:
			n := o.giveBack(q, taken, 0)
			if o.ctx.Err() != nil {
				slog.Error("not sent: the bot was ended", "chat", chat, "messages", n, "first", plain(m.html))
				return
			}
			trouble.log(err)
			retry.wait(o.ctx, err)
		}
	}
}

// giveBack puts what could not be sent in front of what waits, of which the first so many go one by one then. It returns how
// much waits.
func (o *outbox) giveBack(q *queue, taken []outgoing, single int) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := slices.Concat(taken, q.alerts, q.answers)
	q.alerts, q.answers, q.single = nil, nil, single
	for _, m := range all {
		q.add(m)
	}
	return len(q.alerts) + len(q.answers)
}

// joinText is what join adds to a text at most.
const joinText = 50

// take waits until a message may be sent, and takes from a queue what goes into it. When nothing waits, the serving ends.
func (o *outbox) take(chat int64, q *queue) []outgoing {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(q.alerts) == 0 && len(q.answers) > 0 { // Telegram takes 30 messages a second over all chats; but alerts do not wait
		at := time.Now()
		if o.next.After(at) {
			at = o.next
		}
		o.next = at.Add(time.Second / 30)
		o.mu.Unlock()
		q.hold(time.Until(at), o.ctx.Done())
		o.mu.Lock()
	}
	waiting := slices.Concat(q.alerts, q.answers)
	if len(waiting) == 0 {
		delete(o.queues, chat)
		return nil
	}
	n, length := 0, 0
	for _, m := range waiting {
		length += textLen(plain(m.html)) + joinText
		if n > 0 && (q.single > 0 || length > maxText || m.keys != nil || waiting[0].keys != nil) {
			break
		}
		n++
	}
	q.single = max(0, q.single-1)
	alerts := min(n, len(q.alerts))
	q.alerts, q.answers = q.alerts[alerts:], q.answers[n-alerts:]
	return waiting[:n]
}

// join makes one message of several. Those that tell of an event more than a minute ago say that they are late.
func join(taken []outgoing, now time.Time) outgoing {
	m := taken[0]
	var texts []string
	for _, t := range taken {
		if late := now.Sub(t.at); !t.at.IsZero() && late > time.Minute {
			t.html += fmt.Sprintf("\n(sent %s late)", late.Round(time.Second))
		}
		texts = append(texts, t.html)
		m.silent = m.silent && t.silent
	}
	m.html = strings.Join(texts, "\n\n")
	return m
}

// hold waits for a while, but not while there is an alert, nor beyond the end.
func (q *queue) hold(d time.Duration, end <-chan struct{}) {
	select {
	case <-time.After(d):
	case <-q.alerted:
	case <-end:
	}
}

// refuse notes that Telegram does not take messages for a chat, or with a nil err that it does. It is logged when it
// changes.
func (o *outbox) refuse(chat int64, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch refused := o.refused[chat]; {
	case err != nil && !refused:
		o.refused[chat] = true
		slog.Warn("a chat cannot be written to; its messages are lost until it can (has the person sent /start to the bot?)", "chat", chat, "err", err)
	case err == nil && refused:
		delete(o.refused, chat)
		slog.Info("a chat can be written to again", "chat", chat)
	}
}

// drain sends what waits, for a second and a half at most, and ends the sending. Nothing may be put any more.
func (o *outbox) drain() {
	close(o.closing)
	defer time.AfterFunc(1500*time.Millisecond, o.stop).Stop()
	o.wg.Wait()
	o.stop()
}

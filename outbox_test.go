package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A post notes what an outbox sends, and fails as it is told to.
type post struct {
	mu    sync.Mutex // guards the rest
	start time.Time
	sent  []string // what was taken: "+seconds chat: text"
	tries int
	fail  func(chat int64, m outgoing) error // nil: nothing fails
}

func (p *post) send(ctx context.Context, chat int64, m outgoing) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if p.fail != nil {
		if err := p.fail(chat, m); err != nil {
			return 0, err
		}
	}
	sound := ""
	if m.silent {
		sound = " (silent)"
	}
	p.sent = append(p.sent, fmt.Sprintf("+%.0f %d: %s%s", time.Since(p.start).Seconds(), chat, m.html, sound))
	return int64(len(p.sent)), nil
}

// list returns what was sent so far, and how often it was tried. What was sent in the same second is in no order.
func (p *post) list() (sent []string, tries int) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent), p.tries
}

func (p *post) want(t *testing.T, want ...string) {
	t.Helper()
	sent, _ := p.list()
	slices.Sort(sent)
	slices.Sort(want)
	if !slices.Equal(sent, want) {
		t.Errorf("sent:\n%s\nwanted:\n%s", strings.Join(sent, "\n"), strings.Join(want, "\n"))
	}
}

// inbox runs a test of an outbox in a bubble, where time passes as soon as everybody waits.
func inbox(t *testing.T, test func(t *testing.T, o *outbox, p *post)) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{start: time.Now()}
		o := newOutbox(p.send)
		test(t, o, p)
		o.drain()
	})
}

func TestOutboxJoins(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *post) {
		o.put(1, outgoing{html: "first"})
		synctest.Wait()
		o.put(1, outgoing{html: "second", silent: true})
		o.put(1, outgoing{html: "third", silent: true})
		o.put(1, outgoing{html: "second", silent: true}) // waits already
		o.put(1, outgoing{html: "keys", keys: [][]button{{{"a", "b"}}}})
		o.put(2, outgoing{html: "other"})
		time.Sleep(10 * time.Second)
		p.want(t, "+0 1: first", "+0 2: other", "+1 1: second\n\nthird (silent)", "+2 1: keys")
		if len(o.queues) != 0 {
			t.Errorf("%d queues are left", len(o.queues))
		}
	})
}

func TestOutboxAlertsFirst(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *post) {
		o.put(1, outgoing{html: "list"})
		synctest.Wait()
		o.put(1, outgoing{html: "another list"})
		o.put(1, outgoing{html: "alert", alert: true})
		time.Sleep(10 * time.Second)
		p.want(t, "+0 1: list", "+0 1: alert\n\nanother list")
	})
}

func TestOutboxKeepsWithinLimit(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *post) {
		long := strings.Repeat("&amp;", 3000) // 3000 characters to Telegram
		p.fail = func(_ int64, m outgoing) error {
			if textLen(plain(m.html)) > maxText {
				t.Errorf("%d characters", textLen(plain(m.html)))
			}
			return nil
		}
		o.put(1, outgoing{html: "x"})
		synctest.Wait()
		o.put(1, outgoing{html: long})
		o.put(1, outgoing{html: long + "b"})
		o.put(1, outgoing{html: strings.Repeat("\U0001F600", 900)})
		time.Sleep(10 * time.Second)
		if _, tries := p.list(); tries != 4 {
			t.Errorf("%d messages", tries)
		}
	})
}

// TestOutboxRetries holds that nothing is lost while Telegram is away or limits a chat, and that other chats do not wait.
func TestOutboxRetries(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		away time.Duration
		late string // how late the alert is at most
	}{
		"no network":       {errors.New("dial: no route to host"), time.Hour, "1h0m"},
		"server error":     {errors.New("the server is in trouble (status 502)"), 5 * time.Second, ""},
		"too many":         {&apiError{Code: 429, RetryAfter: 30 * time.Second}, 29 * time.Second, ""},
		"a wrong token":    {&apiError{Code: 401}, 5 * time.Minute, "5m"},
		"conflict of some": {&apiError{Code: 409}, 10 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inbox(t, func(t *testing.T, o *outbox, p *post) {
				p.fail = func(chat int64, _ outgoing) error {
					if chat == 1 && time.Since(p.start) < tt.away {
						return tt.err
					}
					return nil
				}
				o.put(1, outgoing{html: "alert", alert: true, at: time.Now()})
				o.put(2, outgoing{html: "other"})
				time.Sleep(2 * time.Hour)
				sent, tries := p.list()
				if len(sent) != 2 || sent[0] != "+0 2: other" {
					t.Fatalf("sent: %q", sent)
				}
				wants(t, sent[1], " 1: alert")
				if late := strings.Contains(sent[1], "\n(sent "+tt.late); late != (tt.late != "") {
					t.Errorf("sent: %q", sent)
				}
				if most := int(tt.away/(8*time.Second)) + 6; tries > most {
					t.Errorf("%d tries, more than %d", tries, most)
				}
			})
		})
	}
}

func TestOutboxRefused(t *testing.T) {
	for name, err := range map[string]error{
		"blocked":        &apiError{Code: 403, Description: "Forbidden: bot was blocked by the user"},
		"chat not found": &apiError{Code: 400, Description: "Bad Request: chat not found"},
	} {
		t.Run(name, func(t *testing.T) {
			inbox(t, func(t *testing.T, o *outbox, p *post) {
				blocked := true
				p.fail = func(chat int64, _ outgoing) error {
					if chat == 1 && blocked {
						return err
					}
					return nil
				}
				o.put(1, outgoing{html: "lost", alert: true})
				o.put(2, outgoing{html: "other", alert: true})
				time.Sleep(time.Minute)
				if _, tries := p.list(); tries != 2 {
					t.Errorf("%d tries", tries)
				}
				p.mu.Lock()
				blocked = false
				p.mu.Unlock()
				o.put(1, outgoing{html: "taken", alert: true})
				time.Sleep(time.Minute)
				p.want(t, "+0 2: other", "+60 1: taken")
			})
		})
	}
}

func TestOutboxMoves(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *post) {
		p.fail = func(chat int64, _ outgoing) error {
			if chat == -1 {
				return &apiError{Code: 400, MigrateTo: -1001}
			}
			return nil
		}
		var moved []int64
		o.moved = func(from, to int64) { moved = append(moved, from, to) }
		o.put(-1, outgoing{html: "alert", alert: true})
		time.Sleep(time.Minute)
		p.want(t, "+0 -1001: alert")
		if !slices.Equal(moved, []int64{-1, -1001}) {
			t.Errorf("moved %v", moved)
		}
	})
}

// TestOutboxAtFault: a message that Telegram does not take does not take along an alert that it was joined with.
func TestOutboxAtFault(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *post) {
		p.fail = func(_ int64, m outgoing) error {
			if strings.Contains(m.html, "bad") {
				return &apiError{Code: 400, Description: "Bad Request: something"}
			}
			return nil
		}
		o.put(1, outgoing{html: "first"})
		synctest.Wait()
		o.put(1, outgoing{html: "bad"})
		o.put(1, outgoing{html: "good"})
		o.put(1, outgoing{html: "alert", alert: true})
		time.Sleep(time.Minute)
		p.want(t, "+0 1: first", "+0 1: alert", "+1 1: good")
	})
}

// TestOutboxTooLong: what is too long for a message goes out cut.
func TestOutboxTooLong(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *post) {
		o.put(1, outgoing{html: "<b>" + strings.Repeat("\U0001F600&lt;", 5000) + "</b>", alert: true, at: time.Now().Add(-time.Hour)})
		sent, _ := p.list()
		if n := textLen(plain(sent[0])); n > maxText || n < 1000 || !strings.Contains(sent[0], "&lt;") {
			t.Errorf("%d characters", n)
		}
	})
}

// TestOutboxOwnAnswer: an alert does not wait for the turn of an answer to the same chat.
func TestOutboxOwnAnswer(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *post) {
		for chat := range int64(1000) {
			o.put(100+chat, outgoing{html: "list"})
		}
		o.put(1, outgoing{html: "answer"})
		synctest.Wait()
		o.put(1, outgoing{html: "alert", alert: true})
		synctest.Wait()
		sent, _ := p.list()
		if !slices.ContainsFunc(sent, func(m string) bool { return strings.HasPrefix(m, "+0 1: alert") }) {
			t.Errorf("sent %q", sent)
		}
		time.Sleep(time.Minute)
	})
}

// TestOutboxFlood holds that Telegram's 30 messages a second are kept, and that an alert does not wait for a flood.
func TestOutboxFlood(t *testing.T) {
	inbox(t, func(t *testing.T, o *outbox, p *post) {
		for chat := range int64(1000) {
			o.put(100+chat, outgoing{html: "list"})
		}
		time.Sleep(10 * time.Second)
		sent, _ := p.list()
		if n := len(sent); n < 290 || n > 310 {
			t.Errorf("%d messages in 10 s", n)
		}
		o.put(1, outgoing{html: "alert", alert: true})
		sent, _ = p.list()
		if last := sent[len(sent)-1]; last != "+10 1: alert" {
			t.Errorf("the last was %q", last)
		}
		time.Sleep(time.Minute)
	})
}

func TestOutboxDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{start: time.Now()}
		o := newOutbox(p.send)
		p.fail = func(chat int64, _ outgoing) error {
			if chat == 9 {
				return errors.New("no route to host")
			}
			return nil
		}
		o.put(1, outgoing{html: "one"})
		synctest.Wait()
		o.put(1, outgoing{html: "two"})
		o.put(9, outgoing{html: "never"})
		o.drain()
		p.want(t, "+0 1: one", "+0 1: two")
		if d := time.Since(p.start); d > 1600*time.Millisecond {
			t.Errorf("drained after %v", d)
		}
	})
}

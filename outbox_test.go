package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	errBlocked     = &apiError{Code: 403, Description: "Forbidden: bot was blocked by the user"}
	errNoChat      = &apiError{Code: 400, Description: "Bad Request: chat not found"}
	errNoRights    = &apiError{Code: 400, Description: "Bad Request: not enough rights to send text messages"}
	errTopicClosed = &apiError{Code: 400, Description: "Bad Request: TOPIC_CLOSED"}
	errOdd         = &apiError{Code: 400, Description: "Bad Request: odd"}
	errNoNetwork   = errors.New("dial: no route to host")
)

// A fakeSender records what an outbox sends, and fails on request.
type fakeSender struct {
	mu    sync.Mutex // guards the fields below
	start time.Time
	posts []post
	sent  []string // posts as "+seconds chat: text"
	times []time.Time
	tries []time.Time
	fail  func(post) error // nil if nothing fails
}

func (p *fakeSender) send(_ context.Context, m post) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries = append(p.tries, time.Now())
	if p.fail != nil {
		if err := p.fail(m); err != nil {
			return 0, err
		}
	}
	sound := ""
	if m.silent {
		sound = " (silent)"
	}
	p.posts = append(p.posts, m)
	p.times = append(p.times, time.Now())
	p.sent = append(p.sent, fmt.Sprintf("+%.0f %d: %s%s", time.Since(p.start).Seconds(), m.chat, m.html, sound))
	return int64(len(p.sent)), nil
}

// failWith sets what fails from now on.
func (p *fakeSender) failWith(fail func(post) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}

// list returns what was sent so far, and the number of attempts.
func (p *fakeSender) list() (sent []string, tries int) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent), len(p.tries)
}

// taken returns the posts that were sent so far.
func (p *fakeSender) taken() []post {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.posts)
}

// want fails the test unless exactly these posts were sent. The order of those
// to different chats in the same second does not matter.
func (p *fakeSender) want(t *testing.T, want ...string) {
	t.Helper()
	sent, _ := p.list()
	slices.Sort(sent)
	slices.Sort(want)
	if !slices.Equal(sent, want) {
		t.Errorf("sent:\n%s\nwant:\n%s", strings.Join(sent, "\n"), strings.Join(want, "\n"))
	}
}

// testOutbox runs a test of an outbox in a bubble, where time passes as soon as
// all goroutines wait.
func testOutbox(t *testing.T, test func(t *testing.T, o *outbox, p *fakeSender)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeSender{start: time.Now()}
		o := newOutbox(p.send)
		test(t, o, p)
		o.drain()
	})
}

// queues returns how many queues an outbox has.
func queues(o *outbox) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queues)
}

func answerTo(chat int64, html string) outgoing {
	return outgoing{post: post{chat: chat, html: html}}
}

func alertTo(chat int64, html string) outgoing {
	return outgoing{post: post{chat: chat, html: html}, alert: true, at: time.Now()}
}

// A logBuffer has what was logged since the test began.
type logBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// captureLog redirects the log to a buffer until the test ends. The test must
// not be parallel.
func captureLog(t *testing.T) *logBuffer {
	t.Helper()
	b, before := new(logBuffer), slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(b, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return b
}

// wantTimes fails the test unless text occurs in the log want times.
func (b *logBuffer) wantTimes(t *testing.T, text string, want int) {
	t.Helper()
	if got := strings.Count(b.String(), text); got != want {
		t.Errorf("%q was logged %d times, want %d:\n%s", text, got, want, b)
	}
}

func TestOutboxJoins(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		silent := func(html string) outgoing { return outgoing{post: post{chat: 1, html: html, silent: true}} }
		o.put(answerTo(1, "first"))
		synctest.Wait()
		o.put(silent("second"))
		o.put(silent("third"))
		o.put(silent("second")) // is waiting already
		o.put(outgoing{post: post{chat: 1, html: "keys", keys: [][]button{{{"a", "b"}}}}})
		o.put(answerTo(2, "other"))
		time.Sleep(10 * time.Second)
		p.want(t, "+0 1: first", "+0 2: other", "+1 1: second\n\nthird (silent)", "+2 1: keys")
	})
}

// TestOutboxKeepsApart checks that a text that will be edited is not joined
// with others, which the edit would erase.
func TestOutboxKeepsApart(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		var mu sync.Mutex // guards ids
		var ids []int64
		changing := answerTo(1, "changing")
		changing.sent = func(id int64) {
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, id)
		}
		o.put(answerTo(1, "first"))
		synctest.Wait()
		o.put(changing)
		o.put(changing) // again, with its own ID
		o.put(answerTo(1, "list"))
		o.put(alertTo(1, "alert"))
		time.Sleep(10 * time.Second)
		p.want(t, "+0 1: first", "+0 1: alert", "+2 1: changing", "+3 1: changing", "+4 1: list")
		mu.Lock()
		defer mu.Unlock()
		if want := []int64{3, 4}; !slices.Equal(ids, want) {
			t.Errorf("got the ids %v, want %v", ids, want)
		}
	})
}

func TestOutboxJoinsAlertsWithKeys(t *testing.T) {
	row := func(data string) []button { return []button{{"reset", data}} }
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		o.put(alertTo(1, "first"))
		synctest.Wait()
		for _, data := range []string{"a", "b", "a", "c", "d", "e"} {
			m := alertTo(1, "alert "+data)
			m.keys = [][]button{row(data)}
			o.put(m)
		}
		time.Sleep(10 * time.Second)
		posts := p.taken()
		if len(posts) != 2 {
			t.Fatalf("sent %+v", posts)
		}
		want := [][]button{row("a"), row("b"), row("c"), row("d")}
		if !slices.EqualFunc(posts[1].keys, want, slices.Equal) {
			t.Errorf("keys %v, want %v", posts[1].keys, want)
		}
	})
}

// TestOutboxTopics checks that messages for different topics are neither joined
// nor taken for duplicates.
func TestOutboxTopics(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		to := func(topic int64, html string) outgoing {
			return outgoing{post: post{chat: -1, topic: topic, html: html}}
		}
		o.put(to(0, "first"))
		synctest.Wait()
		o.put(to(7, "list"))
		o.put(to(8, "list"))
		o.put(to(8, "help"))
		time.Sleep(time.Minute)
		var got []string
		for _, m := range p.taken() {
			got = append(got, fmt.Sprintf("%d: %s", m.topic, m.html))
		}
		if want := []string{"0: first", "7: list", "8: list\n\nhelp"}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

// TestOutboxTopicGone checks that messages for a deleted topic go to the group,
// and that only the first one needs a failed attempt.
func TestOutboxTopicGone(t *testing.T) {
	log := captureLog(t)
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(m post) error {
			if m.topic == 7 {
				return &apiError{Code: 400, Description: "Bad Request: message thread not found"}
			}
			return nil
		})
		put := func(html string) {
			m := alertTo(-1, html)
			m.topic = 7
			o.put(m)
		}
		put("first")
		synctest.Wait()
		put("second")
		time.Sleep(time.Minute)
		p.want(t, "+0 -1: first", "+1 -1: second")
		if _, tries := p.list(); tries != 3 {
			t.Errorf("%d tries", tries)
		}
	})
	log.wantTimes(t, "a topic is gone", 1)
}

func TestOutboxAlertsFirst(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		o.put(answerTo(1, "list"))
		synctest.Wait()
		o.put(answerTo(1, "another list"))
		o.put(alertTo(1, "alert"))
		time.Sleep(10 * time.Second)
		p.want(t, "+0 1: list", "+0 1: alert\n\nanother list")
	})
}

func TestOutboxKeepsWithinLimit(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		long := strings.Repeat("&amp;", 3000) // 3000 characters to Telegram
		o.put(answerTo(1, "x"))
		synctest.Wait()
		o.put(answerTo(1, long))
		o.put(answerTo(1, long+"b"))
		o.put(answerTo(1, strings.Repeat("\U0001F600", 900)))
		time.Sleep(10 * time.Second)
		posts := p.taken()
		if len(posts) != 4 {
			t.Errorf("%d messages", len(posts))
		}
		for _, m := range posts {
			if n := textLen(plainText(m.html)); n > maxText {
				t.Errorf("%d characters", n)
			}
		}
	})
}

// TestOutboxTooLong checks that a text that is too long for a message is
// shortened.
func TestOutboxTooLong(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		m := alertTo(1, "<b>"+strings.Repeat("\U0001F600&lt;", 5000)+"</b>")
		m.at = time.Now().Add(-100 * time.Hour)
		o.put(m)
		sent, _ := p.list()
		if n := textLen(plainText(sent[0])); n > maxText || n < 1000 {
			t.Errorf("%d characters", n)
		}
		wants(t, sent[0], "&lt;", "(sent 4 days late)")
	})
}

// TestOutboxRetries checks that nothing is lost while Telegram is unreachable
// or limits a chat, and that other chats do not wait.
func TestOutboxRetries(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		away time.Duration
		late string // what the alert says
	}{
		"no network":    {errNoNetwork, time.Hour, "\n(sent 1 h 0 min late)"},
		"a short while": {errNoNetwork, 2 * time.Second, ""},
		"server error":  {errors.New("the server has a problem (status 502)"), 5 * time.Second, "\n(sent "},
		"too many":      {&apiError{Code: 429, RetryAfter: 30 * time.Second}, 29 * time.Second, "\n(sent 30 s late)"},
		"wrong token":   {&apiError{Code: 401}, 5 * time.Minute, "\n(sent 5 min"},
		"conflict":      {&apiError{Code: 409}, 10 * time.Second, "\n(sent "},
	} {
		t.Run(name, func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				p.fail = func(m post) error {
					if m.chat == 1 && time.Since(p.start) < tt.away {
						return tt.err
					}
					return nil
				}
				o.put(alertTo(1, "alert"))
				o.put(answerTo(2, "other"))
				time.Sleep(2 * time.Hour)
				sent, tries := p.list()
				if len(sent) != 2 || sent[0] != "+0 2: other" {
					t.Fatalf("sent %q", sent)
				}
				wants(t, sent[1], " 1: alert"+tt.late)
				if late := strings.Contains(sent[1], "late"); late != (tt.late != "") {
					t.Errorf("sent %q", sent)
				}
				if limit := int(tt.away/(8*time.Second)) + 6; tries > limit {
					t.Errorf("%d tries, more than %d", tries, limit)
				}
			})
		})
	}
}

// TestOutboxNetworkWorks checks that alerts held back because of the network
// are sent as soon as Telegram answers any call, and that nothing else is.
func TestOutboxNetworkWorks(t *testing.T) {
	const away = 12 * time.Second
	status := errors.New("the server has a problem (status 502)")
	for name, tt := range map[string]struct {
		chat     int64
		err      error
		from, to time.Duration // when it is sent
	}{
		"no network":       {1, errNoNetwork, away, away},
		"no network group": {-1, errNoNetwork, away, away},
		"server error":     {1, status, away, away},
		"too many":         {1, &apiError{Code: 429, RetryAfter: 20 * time.Second}, 20 * time.Second, 20 * time.Second},
		"blocked":          {1, errBlocked, 24 * time.Second, 30 * time.Second},
		"unknown":          {1, errOdd, 24 * time.Second, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 { // the waits are random
				testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
					p.failWith(func(post) error { return tt.err })
					o.put(alertTo(tt.chat, "alert"))
					time.Sleep(away)
					p.failWith(nil)
					o.networkWorks()
					time.Sleep(time.Hour)
					p.mu.Lock()
					defer p.mu.Unlock()
					if len(p.times) != 1 {
						t.Fatalf("sent %d", len(p.times))
					}
					if at := p.times[0].Sub(p.start); at < tt.from || at > tt.to {
						t.Errorf("sent after %v", at)
					}
				})
			}
		})
	}
}

// TestOutboxNetworkWorksMeanwhile checks that an alert is sent again soon if its
// sending hangs and fails although Telegram has answered another call meanwhile.
func TestOutboxNetworkWorksMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hanging = 6
		var ended, again time.Time
		tries := 0
		var o *outbox
		o = newOutbox(func(ctx context.Context, _ post) (int64, error) {
			tries++
			switch tries {
			case hanging:
				pause(ctx, callTime/2)
				o.networkWorks()
				pause(ctx, callTime/2)
				ended = time.Now()
			case hanging + 1:
				again = time.Now()
				return 1, nil
			}
			return 0, errNoNetwork
		})
		o.put(alertTo(-1, "alert"))
		time.Sleep(time.Hour)
		o.drain()
		if wait := again.Sub(ended); wait != groupPace {
			t.Errorf("tried again after %v", wait)
		}
	})
}

// TestOutboxNetworkWorksForOthers checks that a chat for which only the network
// fails is not tried faster than Telegram's pace while other calls succeed.
func TestOutboxNetworkWorksForOthers(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(post) error { return errNoNetwork })
		o.put(alertTo(-1, "alert"))
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			o.networkWorks()
		}
		if _, tries := p.list(); tries < 10 || tries > 23 {
			t.Errorf("%d tries in a minute", tries)
		}
	})
}

// triesInMinute puts ten alerts a second for a group, and returns how often the
// outbox tried to send.
func triesInMinute(o *outbox, p *fakeSender) int {
	for i := range 600 {
		o.put(alertTo(-1, fmt.Sprint("alert ", i)))
		time.Sleep(100 * time.Millisecond)
	}
	_, tries := p.list()
	return tries
}

// TestOutboxNetworkTriedAgain checks that a new alert does not wait for a long
// time after a failure of the network, and that it keeps Telegram's pace.
func TestOutboxNetworkTriedAgain(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(post) error { return errNoNetwork })
		o.put(answerTo(1, "list"))
		time.Sleep(time.Minute) // by now it is retried every ten seconds
		for {
			_, before := p.list()
			time.Sleep(time.Second)
			if _, after := p.list(); after > before {
				break
			}
		}
		p.failWith(nil)
		time.Sleep(2 * time.Second)
		o.put(alertTo(1, "alert"))
		sent, _ := p.list()
		wants(t, strings.Join(sent, "\n"), "alert")
	})
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(post) error { return errNoNetwork })
		if tries := triesInMinute(o, p); tries > 23 {
			t.Errorf("%d tries in a minute", tries)
		}
	})
}

// TestOutboxAlertSurvivesRefusal checks that an alert waits for a chat that
// refuses it, is retried at long intervals, and is sent at once after the chat
// sends something.
func TestOutboxAlertSurvivesRefusal(t *testing.T) {
	for name, err := range map[string]error{
		"blocked":        errBlocked,
		"chat not found": errNoChat,
		"no rights":      errNoRights,
		"topic closed":   errTopicClosed,
		"unknown":        errOdd,
	} {
		t.Run(name, func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				p.failWith(func(m post) error {
					if m.chat == 1 {
						return err
					}
					return nil
				})
				o.put(alertTo(1, "alert"))
				synctest.Wait()
				p.mu.Lock()
				p.tries = p.tries[:0]
				last := p.start
				p.mu.Unlock()
				o.put(alertTo(2, "other"))
				time.Sleep(30 * time.Minute)

				synctest.Wait()
				p.mu.Lock()
				tries := slices.Clone(p.tries)
				p.mu.Unlock()
				for i, want := range []int{10, 20, 40, 80, 160, 300, 300, 300} {
					got := tries[i+1].Sub(last) // tries[0] is of the other chat
					last = tries[i+1]
					if wait := time.Duration(want) * time.Second; got > wait || got < wait*8/10 {
						t.Errorf("tried again after %v, want %v", got, wait)
					}
				}

				p.failWith(nil)
				o.heard(1)
				p.want(t, "+0 2: other", "+1800 1: alert\n(sent 30 min 0 s late)")
			})
		})
	}
}

// TestOutboxRefusalIsShort checks that an alert is sent without further events
// when the chat accepts messages again.
func TestOutboxRefusalIsShort(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(post) error { return errNoRights })
		o.put(alertTo(-1, "alert"))
		time.Sleep(2 * time.Second)
		p.failWith(nil)
		time.Sleep(8 * time.Second)
		sent, _ := p.list()
		if len(sent) != 1 {
			t.Errorf("sent %q", sent)
		}
	})
}

// TestOutboxRefusalEnds checks that a new alert is sent at once to a chat that
// refused others for long, and that new ones are no reason to try it often.
func TestOutboxRefusalEnds(t *testing.T) {
	for name, err := range map[string]error{"no rights": errNoRights, "blocked": errBlocked, "unknown": errOdd} {
		t.Run(name, func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				p.failWith(func(post) error { return err })
				o.put(alertTo(-1, "old"))
				time.Sleep(6 * time.Minute) // by now it is retried every five minutes
				p.failWith(nil)
				o.put(alertTo(-1, "new"))
				time.Sleep(2 * time.Second) // one that was refused alone is sent alone
				sent, _ := p.list()
				wants(t, strings.Join(sent, "\n"), "+360 -1: ", "old\n(sent 6 min", "new")
			})
		})
	}
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(post) error { return errNoRights })
		if tries := triesInMinute(o, p); tries > 7 {
			t.Errorf("%d tries in a minute", tries)
		}
	})
}

// TestOutboxDropsRefusedAnswers checks that answers to a chat that accepts no
// messages are dropped, and do not delay alerts.
func TestOutboxDropsRefusedAnswers(t *testing.T) {
	for name, err := range map[string]error{"no rights": errNoRights, "unknown": errOdd} {
		t.Run(name, func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				p.failWith(func(post) error { return err })
				o.put(answerTo(1, "list"))
				time.Sleep(time.Hour)
				o.put(alertTo(1, "alert"))
				for i := range 50 {
					o.heard(1)
					o.put(answerTo(1, fmt.Sprint("list ", i)))
					synctest.Wait()
				}
				time.Sleep(time.Hour) // the alert may have been tried before the last answer was queued
				p.failWith(nil)
				o.heard(1)
				p.want(t, "+7200 1: alert\n(sent 1 h 0 min late)")
			})
		})
	}
}

// TestOutboxBound checks that at most the last maxAlerts alerts wait for a chat,
// with a line for earlier ones.
func TestOutboxBound(t *testing.T) {
	t.Parallel()
	const earlier = 150
	for name, err := range map[string]error{
		"no rights": errNoRights, "unknown": errOdd, "no network": errNoNetwork,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				p.failWith(func(post) error { return err })
				for i := range earlier + maxAlerts {
					o.put(alertTo(1, fmt.Sprintf("alert %d.", i)))
					time.Sleep(2 * time.Second)
				}
				p.failWith(nil)
				o.heard(1)
				time.Sleep(time.Hour)

				sent, _ := p.list()
				var got []string
				for _, m := range sent {
					_, texts, _ := strings.Cut(m, ": ")
					for text := range strings.SplitSeq(texts, "\n\n") {
						line, _, _ := strings.Cut(text, "\n")
						got = append(got, strings.ReplaceAll(line, ": see exceedings.log", "."))
					}
				}
				want := []string{fmt.Sprintf("and %d earlier alerts.", earlier)}
				for i := range maxAlerts {
					want = append(want, fmt.Sprintf("alert %d.", earlier+i))
				}
				slices.SortStableFunc(got, func(a, b string) int { // one that was tried alone may come first
					return len(b)/20 - len(a)/20
				})
				if missing := without(want, got); missing != nil || len(got) != len(want) {
					t.Errorf("missing %q in\n%q", missing, got)
				}
				if len(sent) > maxAlerts/25 {
					t.Errorf("%d messages", len(sent))
				}
			})
		})
	}
}

// TestOutboxCrowd checks that all alerts reach a chat, in order and within
// Telegram's limits, if the largest venue's teams cross the limit twice at once.
func TestOutboxCrowd(t *testing.T) {
	const teams = 250
	for name, tt := range map[string]struct {
		chat int64
		max  int           // messages in a minute
		most time.Duration // until the last one
	}{
		"group":  {-1, 20, 4 * time.Minute},
		"person": {1, 62, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				var want []string
				for range 2 {
					for _, what := range []string{"Above power limit (3100 W)!", "Back under power limit after 5 s, at most 3100 W"} {
						for i := range teams {
							text := fmt.Sprintf("🔴 <b>Team %d(.%d): %s</b>", i, i, what)
							o.put(alertTo(tt.chat, text+"\n2026-06-15 10:32:07, limit 3000 W"))
							want = append(want, text)
						}
						time.Sleep(5 * time.Second)
					}
				}
				time.Sleep(tt.most - time.Since(p.start))

				var got []string
				for _, m := range p.taken() {
					for text := range strings.SplitSeq(m.html, "\n\n") {
						line, _, _ := strings.Cut(text, "\n")
						got = append(got, line)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%d alerts instead of %d; missing: %d", len(got), len(want), len(without(want, got)))
				}
				p.mu.Lock()
				n := perMinute(p.times)
				p.mu.Unlock()
				if n > tt.max {
					t.Errorf("%d messages in a minute", n)
				}
			})
		})
	}
}

// without returns the elements of all that are not in some.
func without(all, some []string) (rest []string) {
	for _, s := range all {
		if !slices.Contains(some, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

func TestOutboxRefusalHint(t *testing.T) {
	for name, tt := range map[string]struct {
		chat int64
		err  error
		want string
	}{
		"person": {1, errBlocked, "the person must send /start"},
		"group":  {-1, errNoRights, "have the right to write"},
		"topic":  {-1, errTopicClosed, "the General topic must be open"},
	} {
		t.Run(name, func(t *testing.T) {
			log := captureLog(t)
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				p.failWith(func(post) error { return tt.err })
				o.put(alertTo(tt.chat, "alert"))
				time.Sleep(time.Hour)
				p.failWith(nil)
				o.heard(tt.chat)
				time.Sleep(time.Minute)
			})
			log.wantTimes(t, tt.want, 1)
			log.wantTimes(t, "accepts messages again", 1)
		})
	}
}

// TestOutboxMalformed checks that a message that Telegram rejects does not
// block others.
func TestOutboxMalformed(t *testing.T) {
	refuseBad := func(m post) error {
		if strings.Contains(m.html, "bad") {
			return errOdd
		}
		return nil
	}
	for name, tt := range map[string]struct {
		waiting []outgoing // queued after a first answer
		want    []string
	}{
		"an answer": {
			[]outgoing{answerTo(1, "bad"), answerTo(1, "good"), alertTo(1, "alert")},
			[]string{"+0 1: alert", "+2 1: good"},
		},
		"an alert": {
			[]outgoing{alertTo(1, "bad"), alertTo(1, "alert"), alertTo(1, "alert 2")},
			[]string{"+0 1: alert", "+1 1: alert 2"},
		},
		"the last alert": {
			[]outgoing{alertTo(1, "alert"), alertTo(1, "alert 2"), alertTo(1, "bad")},
			[]string{"+0 1: alert", "+1 1: alert 2"},
		},
		"an alert before an answer": {
			[]outgoing{alertTo(1, "bad"), answerTo(1, "good")},
			[]string{"+0 1: good"},
		},
		"several": {
			[]outgoing{alertTo(1, "bad"), alertTo(1, "bad 2"), alertTo(1, "bad 3"), alertTo(1, "alert")},
			[]string{"+0 1: alert"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				p.failWith(refuseBad)
				o.put(answerTo(1, "first"))
				synctest.Wait()
				for _, m := range tt.waiting {
					o.put(m)
					synctest.Wait()
				}
				time.Sleep(time.Minute)
				sent, _ := p.list()
				for i, m := range sent {
					sent[i] = strings.SplitN(m, "\n", 2)[0]
				}
				if name == "several" { // two of them make the chat look at fault for a while
					sent[1] = "+0" + sent[1][strings.Index(sent[1], " "):]
				}
				if want := append([]string{"+0 1: first"}, tt.want...); !slices.Equal(sent, want) {
					t.Errorf("sent %q, want %q", sent, want)
				}
			})
		})
	}
}

// TestOutboxMalformedAlone checks that an alert that Telegram rejects does not
// block a later one, and is dropped when it is clear that the alert is at
// fault.
func TestOutboxMalformedAlone(t *testing.T) {
	log := captureLog(t)
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(m post) error {
			if strings.Contains(m.html, "bad") {
				return errOdd
			}
			return nil
		})
		o.put(alertTo(1, "bad"))
		time.Sleep(time.Hour) // by now it is retried every five minutes
		for i := range 5 {
			o.put(alertTo(1, fmt.Sprint("good ", i)))
			time.Sleep(time.Minute)
		}
		p.want(t, "+3600 1: good 0", "+3660 1: good 1", "+3720 1: good 2", "+3780 1: good 3", "+3840 1: good 4")
		if queues(o) != 0 {
			t.Error("it was not given up")
		}
	})
	log.wantTimes(t, "an alert was dropped", 1)
}

// TestOutboxTopicClosed checks that alerts for a topic that is closed go to the
// group, at once, and to the topic again when it is open. Answers to those who could
// still write there are dropped.
func TestOutboxTopicClosed(t *testing.T) {
	log := captureLog(t)
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		put := func(m outgoing) {
			m.topic = 7
			o.put(m)
			time.Sleep(time.Minute)
		}
		p.failWith(func(m post) error {
			if m.topic == 7 {
				return errTopicClosed
			}
			return nil
		})
		put(alertTo(-1, "first"))
		put(answerTo(-1, "list"))
		put(alertTo(-1, "second"))
		p.failWith(nil)
		put(alertTo(-1, "third"))

		var got []string
		for _, m := range p.taken() {
			got = append(got, fmt.Sprintf("%d: %s", m.topic, m.html))
		}
		if want := []string{"0: first", "0: second", "7: third"}; !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
		p.want(t, "+0 -1: first", "+120 -1: second", "+180 -1: third")
	})
	log.wantTimes(t, "a topic is closed", 1)
}

// TestOutboxTopicAndGeneralClosed checks that an alert waits if neither its topic nor
// the group accepts it, and goes to the one that opens first.
func TestOutboxTopicAndGeneralClosed(t *testing.T) {
	for name, open := range map[string]int64{"the topic": 7, "the group": 0} {
		t.Run(name, func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				p.failWith(func(post) error { return errTopicClosed })
				for i := range 3 {
					alert := alertTo(-1, fmt.Sprint("alert ", i))
					alert.topic = 7
					o.put(alert)
					time.Sleep(time.Minute)
				}
				if sent, tries := p.list(); len(sent) > 0 || tries > 100 {
					t.Errorf("sent %q in %d tries", sent, tries)
				}

				p.failWith(func(m post) error {
					if m.topic != open {
						return errTopicClosed
					}
					return nil
				})
				time.Sleep(time.Hour)
				text := ""
				for _, m := range p.taken() {
					text += m.html
					if m.topic != open {
						t.Errorf("sent to topic %d: %s", m.topic, m.html)
					}
				}
				wants(t, text, "alert 0", "alert 1", "alert 2")
			})
		})
	}
}

// TestOutboxPace checks that sixty crossings in a minute, with answers and
// edits in between, stay within Telegram's limits for a group, and that none is
// lost.
func TestOutboxPace(t *testing.T) {
	for name, tt := range map[string]struct {
		chat         int64
		answers, end bool // and the ends of progress messages
		max          int  // messages and edits in a minute
	}{
		"group":              {-1, false, false, 20},
		"group with answers": {-1, true, false, 20},
		"group with resets":  {-1, false, true, 20},
		"group with all":     {-1, true, true, 20},
		"person with all":    {1, true, true, 62},
	} {
		t.Run(name, func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				var edits []time.Time
				for i := range 120 {
					if tt.answers && i%3 == 0 {
						o.put(answerTo(tt.chat, fmt.Sprint("list ", i)))
						synctest.Wait()
					}
					for _, last := range []bool{false, true} {
						if tt.end && o.mayEdit(tt.chat, last) {
							edits = append(edits, time.Now())
						}
					}
					o.put(alertTo(tt.chat, fmt.Sprintf("alert %d.", i)))
					if i == 0 {
						synctest.Wait()
						if sent, _ := p.list(); !strings.Contains(sent[len(sent)-1], "alert 0.") {
							t.Errorf("the first alert waited: %q", sent)
						}
					}
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)

				sent, _ := p.list()
				all := strings.Join(sent, "\n")
				for i := range 120 {
					wants(t, all, fmt.Sprintf("alert %d.", i))
				}
				p.mu.Lock()
				times := slices.Concat(p.times, edits)
				p.mu.Unlock()
				slices.SortFunc(times, time.Time.Compare)
				if n := perMinute(times); n > tt.max {
					t.Errorf("%d messages and edits in a minute", n)
				}
				if tt.end && len(edits) == 0 {
					t.Error("no edit was made")
				}
				if strings.Contains(all, "late") {
					t.Errorf("late:\n%s", all)
				}
			})
		})
	}
}

// perMinute returns how many of these sorted times fall into the busiest
// minute.
func perMinute(times []time.Time) (busiest int) {
	for i, at := range times {
		n := 0
		for _, other := range times[i:] {
			if other.Sub(at) < time.Minute {
				n++
			}
		}
		busiest = max(busiest, n)
	}
	return busiest
}

// TestOutboxFirstAlert checks that the first alert after a quiet time is sent
// at once, and that those that follow soon are joined.
func TestOutboxFirstAlert(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		o.put(answerTo(-1, "list"))
		synctest.Wait()
		if !o.mayEdit(-1, true) {
			t.Error("the last edit has to wait")
		}
		o.put(alertTo(-1, "first"))
		synctest.Wait()
		for _, text := range []string{"a", "b", "c"} {
			o.put(alertTo(-1, text))
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		for _, text := range []string{"later", "d", "e"} {
			o.put(alertTo(-1, text))
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		p.want(t, "+0 -1: list", "+0 -1: first", "+3 -1: a\n\nb\n\nc", "+63 -1: later", "+64 -1: d", "+65 -1: e")
	})
}

// TestOutboxAbove checks that the alert of a crossing waits neither for the pace
// nor to be joined after less urgent ones, and that many crossings are joined.
func TestOutboxAbove(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		above := func(text string) outgoing {
			m := alertTo(1, text)
			m.above = true
			return m
		}
		for _, m := range []outgoing{
			alertTo(1, "out of reach"), alertTo(1, "back"), above("first"), above("second"), alertTo(1, "reset"), above("third"),
		} {
			o.put(m)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		p.want(t, "+0 1: out of reach", "+0 1: back\n\nfirst", "+1 1: second\n\nreset\n\nthird")
	})
}

// TestOutboxTurns checks that answers that cannot be joined with alerts get
// their turn during endless alerts, and that a flood of answers does not delay
// alerts.
func TestOutboxTurns(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		for i := range 120 {
			if i < 60 {
				question := answerTo(-1, fmt.Sprintf("question %d.", i))
				question.keys = [][]button{{{"a", fmt.Sprint(i)}}}
				o.put(question)
			}
			o.put(alertTo(-1, fmt.Sprintf("alert %d.", i)))
			time.Sleep(time.Second)
		}
		time.Sleep(2 * groupPace)
		sent, _ := p.list()
		all := strings.Join(sent, "\n")
		for i := range 120 {
			wants(t, all, fmt.Sprintf("alert %d.", i))
		}
		if n := strings.Count(all, "question"); n < 15 || n > 25 {
			t.Errorf("%d questions", n)
		}
		p.mu.Lock()
		n := perMinute(p.times)
		p.mu.Unlock()
		if n > 20 {
			t.Errorf("%d messages in a minute", n)
		}
		for i := 1; i < len(sent); i++ {
			if strings.Contains(sent[i], "question") && strings.Contains(sent[i-1], "question") {
				t.Errorf("no alert between %q and %q", sent[i-1], sent[i])
			}
		}
		time.Sleep(time.Hour)
	})
}

// TestOutboxRemembersPace checks that a queue is kept as long as Telegram's
// pace requires, and then removed.
func TestOutboxRemembersPace(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		o.put(answerTo(1, "first"))
		time.Sleep(900 * time.Millisecond)
		o.put(answerTo(1, "second"))
		if sent, _ := p.list(); len(sent) != 1 {
			t.Errorf("sent %q", sent)
		}
		time.Sleep(1100 * time.Millisecond)
		p.want(t, "+0 1: first", "+1 1: second")
		if n := queues(o); n != 0 {
			t.Errorf("%d queues are left", n)
		}
	})
}

func TestOutboxMayEdit(t *testing.T) {
	long := func(o *outbox) { o.hold(-1, time.Hour) }
	for name, tt := range map[string]struct {
		before     func(o *outbox)
		wait       time.Duration
		want, last bool // whether an edit may be made, and whether the last one may
	}{
		"idle":             {func(*outbox) {}, 0, true, true},
		"after an answer":  {func(o *outbox) { o.put(answerTo(-1, "x")) }, 0, false, true},
		"after the pace":   {func(o *outbox) { o.put(answerTo(-1, "x")) }, groupPace, true, true},
		"after an alert":   {func(o *outbox) { o.put(alertTo(-1, "x")) }, 0, false, true},
		"after an edit":    {func(o *outbox) { o.mayEdit(-1, false) }, 0, false, true},
		"after two":        {func(o *outbox) { o.mayEdit(-1, true); o.mayEdit(-1, true) }, 0, false, false},
		"held":             {long, 0, false, false},
		"held for a while": {long, time.Hour, true, true},
		"another's message waits": {func(o *outbox) {
			o.put(answerTo(-1, "x"))
			synctest.Wait()
			o.put(answerTo(-1, "y"))
		}, 0, false, true},
		"an answer waits for its turn": {func(o *outbox) {
			for chat := range int64(100) {
				o.put(answerTo(1+chat, "x"))
			}
			synctest.Wait()
			o.put(answerTo(-1, "x"))
		}, 0, false, true},
		"another chat": {func(o *outbox) { o.put(answerTo(-2, "x")) }, 0, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, last := range []bool{false, true} {
				testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
					tt.before(o)
					synctest.Wait()
					time.Sleep(tt.wait)
					want := tt.want
					if last {
						want = tt.last
					}
					if got := o.mayEdit(-1, last); got != want {
						t.Errorf("last %v: got %v", last, got)
					}
				})
			}
		})
	}
}

// TestOutboxCallback checks that callbacks after sending delay nothing.
func TestOutboxCallback(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		hang := make(chan struct{})
		m := answerTo(1, "progress")
		m.sent = func(int64) { <-hang }
		o.put(m)
		synctest.Wait()
		o.put(alertTo(1, "alert"))
		o.put(answerTo(1, "list"))
		p.want(t, "+0 1: progress", "+0 1: alert\n\nlist")
		begin := time.Now()
		o.drain()
		if d := time.Since(begin); d > 0 {
			t.Errorf("the end took %v", d)
		}
		close(hang)
	})
}

// TestOutboxMakesWay checks that an alert does not wait for the end of an upload
// that hangs, that the picture is sent later, and that a quick upload is not
// interrupted.
func TestOutboxMakesWay(t *testing.T) {
	for name, tt := range map[string]struct {
		takes, put time.Duration // how long the upload takes, and when the alert is put
		want       []string
	}{
		"quick":        {time.Second / 2, time.Second / 4, []string{"+0 1: picture", "+0 1: alert"}},
		"hangs":        {time.Hour, time.Second / 4, []string{"+1 1: alert"}},
		"has hung":     {time.Hour, 5 * time.Second, []string{"+5 1: alert"}},
		"put together": {time.Hour, 0, []string{"+1 1: alert"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &fakeSender{start: time.Now()}
				o := newOutbox(func(ctx context.Context, m post) (int64, error) {
					if m.file != nil && time.Since(p.start) < 10*time.Second {
						if pause(ctx, tt.takes); ctx.Err() != nil {
							return 0, ctx.Err()
						}
					}
					return p.send(ctx, m)
				})
				picture := answerTo(1, "picture")
				picture.file = &file{kind: photo}
				o.put(picture)
				synctest.Wait()
				time.Sleep(tt.put)
				o.put(alertTo(1, "alert"))
				time.Sleep(9 * time.Second)
				p.want(t, tt.want...)

				time.Sleep(2 * time.Second)
				o.put(alertTo(1, "last"))
				time.Sleep(10 * time.Second)
				sent, _ := p.list()
				wants(t, strings.Join(sent, "\n"), "picture", "last")
				o.drain()
			})
		})
	}
}

// TestOutboxSlowNetwork checks that an answer that takes longer than makeWayTime
// is neither sent again and again during a burst of alerts nor delayed for long.
func TestOutboxSlowNetwork(t *testing.T) {
	for _, chat := range []int64{1, -1} {
		synctest.Test(t, func(t *testing.T) {
			p := &fakeSender{start: time.Now()}
			o := newOutbox(func(ctx context.Context, m post) (int64, error) {
				id, err := p.send(ctx, m) // although its answer may be lost
				if pause(ctx, 3*makeWayTime/2); ctx.Err() != nil {
					return 0, ctx.Err()
				}
				return id, err
			})
			asked := time.Duration(-1)
			question := answerTo(chat, "question")
			question.sent = func(int64) { asked = time.Since(p.start) }
			o.put(question)
			for i := range 30 {
				o.put(alertTo(chat, fmt.Sprint("alert ", i)))
				time.Sleep(2 * time.Second)
			}
			sent, _ := p.list()
			if n := strings.Count(strings.Join(sent, "\n"), "question"); n > 2 {
				t.Errorf("chat %d: the question was sent %d times", chat, n)
			}
			if asked < 0 || asked > 10*time.Second {
				t.Errorf("chat %d: the question was sent after %s", chat, asked)
			}
			o.drain()
		})
	}
}

// TestOutboxMakesWayLimited checks that during a burst of alerts an upload that
// hangs gets only few turns.
func TestOutboxMakesWayLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeSender{start: time.Now()}
		uploads := 0
		o := newOutbox(func(ctx context.Context, m post) (int64, error) {
			if m.file != nil && time.Since(p.start) < time.Minute {
				uploads++
				pause(ctx, uploadTime)
				return 0, errNoNetwork
			}
			return p.send(ctx, m)
		})
		picture := answerTo(1, "picture")
		picture.file = &file{kind: photo}
		o.put(picture)
		for i := range 120 {
			o.put(alertTo(1, fmt.Sprint("alert ", i)))
			time.Sleep(time.Second / 2)
		}
		if uploads > maxMadeWay {
			t.Errorf("%d uploads", uploads)
		}
		time.Sleep(10 * time.Second)
		sent, _ := p.list()
		wants(t, strings.Join(sent, "\n"), "alert 119", "1: picture")
		o.drain()
	})
}

// TestOutboxUploadFails checks that a picture that cannot be sent does not block
// the answers behind it, while an outage of the network or Telegram's limits only
// delay it.
func TestOutboxUploadFails(t *testing.T) {
	for name, tt := range map[string]struct {
		uploads time.Duration // how long uploads fail
		err     error
		others  bool // other calls are answered meanwhile
		want    string
		picture bool
	}{
		"outage":       {time.Minute, errNoNetwork, false, "1: picture", true},
		"once":         {500 * time.Millisecond, errNoNetwork, true, "1: picture", true},
		"limited":      {time.Minute, &apiError{Code: 429, RetryAfter: 15 * time.Second}, true, "1: picture", true},
		"only uploads": {time.Hour, errNoNetwork, true, "1: picture\n(The attachment could not be sent.)", false},
	} {
		t.Run(name, func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				p.failWith(func(m post) error {
					if m.file != nil && time.Since(p.start) < tt.uploads {
						return tt.err
					}
					return nil
				})
				o.networkWorks() // until now
				time.Sleep(time.Millisecond)
				picture := answerTo(1, "picture")
				picture.file = &file{kind: photo}
				o.put(picture)
				synctest.Wait()
				o.put(answerTo(1, "list"))
				for range 12 {
					time.Sleep(10 * time.Second)
					if tt.others {
						o.networkWorks()
					}
				}
				sent, _ := p.list()
				wants(t, strings.Join(sent, "\n"), tt.want, "list")
				withPicture := slices.ContainsFunc(p.taken(), func(m post) bool { return m.file != nil })
				if withPicture != tt.picture {
					t.Errorf("with a picture: %t", withPicture)
				}
			})
		})
	}
}

// TestOutboxPanic checks that a panic during sending counts as a failed
// attempt.
func TestOutboxPanic(t *testing.T) {
	log := captureLog(t)
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(m post) error {
			if strings.Contains(m.html, "bad") {
				var none []int
				_ = none[7]
			}
			return nil
		})
		o.put(alertTo(1, "bad"))
		synctest.Wait()
		o.put(answerTo(1, "bad"))
		o.put(alertTo(1, "good"))
		o.put(answerTo(2, "other"))
		time.Sleep(time.Hour)
		p.want(t, "+0 1: good", "+0 2: other")
	})
	log.wantTimes(t, "please report it", 1)
	log.wantTimes(t, "debug.Stack", 1)
	log.wantTimes(t, "/start", 0) // the chat is not at fault
}

// TestOutboxMigration checks that messages for a group go to the supergroup
// that it became.
func TestOutboxMigration(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(m post) error {
			switch m.chat {
			case -1:
				return &apiError{Code: 400, Description: "Bad Request: group chat was upgraded", MigrateTo: -1001}
			case -1001:
				if time.Since(p.start) < time.Minute {
					return errNoNetwork
				}
			}
			return nil
		})
		o.put(alertTo(-1, "alert"))
		o.put(alertTo(-1, "alert 2"))
		o.put(answerTo(-1, "list"))
		time.Sleep(2 * time.Minute)
		o.put(answerTo(-1, "list 2"))
		time.Sleep(time.Minute)
		sent, _ := p.list()
		if len(sent) != 2 {
			t.Fatalf("sent %q", sent)
		}
		wants(t, sent[0], " -1001: alert\n(sent ", "\n\nalert 2\n(sent", "\n\nlist")
		wants(t, sent[1], "+120 -1001: list 2")
	})
}

// TestOutboxMigrationMakesWay checks that an alert forwarded to a supergroup does
// not wait for an upload that hangs there.
func TestOutboxMigrationMakesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeSender{start: time.Now()}
		o := newOutbox(func(ctx context.Context, m post) (int64, error) {
			switch {
			case m.file != nil:
				pause(ctx, uploadTime)
				return 0, errNoNetwork
			case m.chat == -1:
				return 0, &apiError{Code: 400, Description: "Bad Request: group chat was upgraded", MigrateTo: -1001}
			}
			return p.send(ctx, m)
		})
		picture := answerTo(-1001, "picture")
		picture.file = &file{kind: photo}
		o.put(picture)
		time.Sleep(2 * makeWayTime)
		o.put(alertTo(-1, "alert"))
		time.Sleep(makeWayTime)
		p.want(t, "+2 -1001: alert")
		o.drain()
	})
}

// TestOutboxOwnAnswer checks that an alert does not wait for the slot of an
// answer to the same chat.
func TestOutboxOwnAnswer(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		for chat := range int64(1000) {
			o.put(answerTo(100+chat, "list"))
		}
		o.put(answerTo(1, "answer"))
		synctest.Wait()
		o.put(alertTo(1, "alert"))
		sent, _ := p.list()
		if !slices.ContainsFunc(sent, func(m string) bool { return strings.HasPrefix(m, "+0 1: alert") }) {
			t.Errorf("sent %q", sent)
		}
		time.Sleep(time.Minute)
	})
}

// TestOutboxFlood checks that answers stay within Telegram's thirty messages a
// second, that every chat gets its turn, and that alerts do not wait for a
// flood.
func TestOutboxFlood(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		for chat := range int64(1000) {
			o.put(answerTo(100+chat, "list"))
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		sent, _ := p.list()
		if n := len(sent); n < 240 || n > 260 {
			t.Errorf("%d messages in 10 s, want about 250", n)
		}
		if !slices.IsSortedFunc(p.taken(), func(a, b post) int { return int(a.chat - b.chat) }) {
			t.Error("not everybody has their turn")
		}

		for chat := range int64(40) {
			o.put(alertTo(1+chat, "alert"))
		}
		alerted, _ := p.list()
		if n := len(alerted) - len(sent); n != 40 {
			t.Errorf("%d of 40 alerts were sent at once", n)
		}
		time.Sleep(time.Minute)
		if n := queues(o); n != 0 {
			t.Errorf("%d queues are left", n)
		}
	})
}

// TestOutboxAlertsCount checks that answers leave room for alerts.
func TestOutboxAlertsCount(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		for chat := range int64(30) {
			o.put(alertTo(1+chat, "alert"))
		}
		synctest.Wait()
		o.put(answerTo(99, "list"))
		time.Sleep(2 * time.Second)
		sent, _ := p.list()
		if last := sent[len(sent)-1]; last != "+1 99: list" {
			t.Errorf("the last was %q", last)
		}
	})
}

// TestOutboxOfficialsFirst checks that answers to officials go before answers to
// strangers, also if the same answer to a stranger is waiting already.
func TestOutboxOfficialsFirst(t *testing.T) {
	answer := func(html string, stranger bool) outgoing {
		m := answerTo(-1, html)
		m.stranger = stranger
		m.keys = [][]button{{{"a", "b"}}} // so that it is not joined
		return m
	}
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		o.put(answer("first", true))
		synctest.Wait()
		for _, html := range []string{"stranger's", "stranger's 2", "both", "both"} {
			o.put(answer(html, true))
		}
		o.put(answer("official's", false))
		o.put(answer("both", false))
		o.put(answer("both", true))
		o.put(answer("official's 2", false))
		o.put(alertTo(-1, "alert"))
		time.Sleep(time.Minute)
		p.want(t, "+0 -1: first", "+0 -1: alert", "+6 -1: official's", "+9 -1: both", "+12 -1: official's 2",
			"+15 -1: stranger's", "+18 -1: stranger's 2")
	})
}

// TestOutboxManyStrangers checks that an answer to an official does not wait for
// those to strangers in other chats, nor in its own.
func TestOutboxManyStrangers(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		for chat := range int64(1000) {
			m := answerTo(100+chat, "list")
			m.stranger = true
			o.put(m)
			synctest.Wait()
		}
		o.put(answerTo(1, "official's"))
		o.put(answerTo(1099, "official's")) // the stranger's is joined to it
		time.Sleep(time.Second)
		sent, _ := p.list()
		wants(t, strings.Join(sent, "\n"), "+0 1: official's", "+0 1099: official's")
		if n := len(sent); n > 30 {
			t.Errorf("%d messages in a second", n)
		}
		time.Sleep(40 * time.Second)
		if sent, _ := p.list(); len(sent) != 1001 {
			t.Errorf("%d messages were sent", len(sent))
		}
	})
}

func TestOutboxDrain(t *testing.T) {
	log := captureLog(t)
	synctest.Test(t, func(t *testing.T) {
		p := &fakeSender{start: time.Now()}
		o := newOutbox(p.send)
		p.failWith(func(m post) error {
			switch m.chat {
			case 8:
				return errBlocked
			case 9:
				return errNoNetwork
			}
			return nil
		})
		o.put(answerTo(1, "one"))
		synctest.Wait()
		o.put(answerTo(1, "two"))
		o.put(alertTo(8, "blocked"))
		o.put(answerTo(9, "never"))
		o.drain()
		p.want(t, "+0 1: one", "+0 1: two")
		if d := time.Since(p.start); d > drainTime+100*time.Millisecond {
			t.Errorf("drained after %v", d)
		}
		o.put(alertTo(1, "too late"))
		p.want(t, "+0 1: one", "+0 1: two")
	})
	log.wantTimes(t, "not sent: the bot was stopped", 3)
	wants(t, log.String(), "first=never", "first=blocked", `first="too late"`)
}

// TestOutboxDrainTriesAgain checks that an alert which waits after a failure of the
// network is tried once more before the bot ends.
func TestOutboxDrainTriesAgain(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		p.failWith(func(post) error { return errNoNetwork })
		o.put(alertTo(1, "alert"))
		time.Sleep(time.Minute) // the next attempt is seconds away
		p.failWith(nil)
		o.drain()
		if sent, _ := p.list(); len(sent) != 1 {
			t.Errorf("sent %q", sent)
		}
	})
}

// TestOutboxDrainHanging checks that drain does not wait for a call that hangs.
func TestOutboxDrainHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(func(ctx context.Context, _ post) (int64, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		o.put(alertTo(1, "alert"))
		begin := time.Now()
		o.drain()
		if d := time.Since(begin); d != drainTime {
			t.Errorf("drained after %v", d)
		}
	})
}

// TestOutboxLosesNoAlert checks that every alert is eventually delivered,
// whatever happens to its chat meanwhile.
func TestOutboxLosesNoAlert(t *testing.T) {
	troubles := []error{
		nil, errBlocked, errNoRights, errTopicClosed, errOdd, errNoNetwork, errPanic,
		&apiError{Code: 429, RetryAfter: 20 * time.Second},
	}
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
				random := rand.New(rand.NewPCG(seed, 0))
				for i := range 100 {
					if i%5 == 0 {
						err := troubles[random.IntN(len(troubles))]
						p.failWith(func(post) error { return err })
					}
					if random.IntN(3) == 0 {
						o.heard(-1)
						o.put(answerTo(-1, fmt.Sprint("list ", i)))
					}
					o.put(alertTo(-1, fmt.Sprintf("alert %d.", i)))
					time.Sleep(time.Duration(random.IntN(20)) * time.Second)
				}
				p.failWith(nil)
				time.Sleep(30 * time.Minute)
				sent, _ := p.list()
				all := strings.Join(sent, "\n")
				for i := range 100 {
					wants(t, all, fmt.Sprintf("alert %d.", i))
				}
				if n := queues(o); n != 0 {
					t.Errorf("%d queues are left", n)
				}
			})
		})
	}
}

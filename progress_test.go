package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A fakeChat is a chat as people see it.
type fakeChat struct {
	mu    sync.Mutex                 // guards the fields below
	fail  func(method string) string // returns a refusal of a call, or ""; may be nil
	away  time.Time                  // no call is answered before then
	start time.Time
	texts []string // of the messages, as they are now
	log   []string // "+seconds method: text"
	last  map[string]any
}

func (w *fakeChat) serve(ctx context.Context, method string, in map[string]any) string {
	w.mu.Lock()
	away, fail := time.Now().Before(w.away), w.fail
	w.mu.Unlock()
	if away {
		<-ctx.Done()
		return ""
	}
	if fail != nil {
		if text := fail(method); text != "" {
			return text
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	text := in["text"].(string)
	w.last = in
	w.log = append(w.log, fmt.Sprintf("+%.0f %s: %s", time.Since(w.start).Seconds(), method, text))
	if method == "sendMessage" {
		w.texts = append(w.texts, text)
		return fmt.Sprintf(`{"ok":true,"result":{"message_id":%d}}`, len(w.texts))
	}
	w.texts[int(in["message_id"].(float64))-1] = text
	return okTrue
}

// want fails the test unless the messages have these texts now.
func (w *fakeChat) want(t *testing.T, texts ...string) {
	t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.texts, texts) {
		t.Errorf("the chat has %q, want %q:\n%s", w.texts, texts, strings.Join(w.log, "\n"))
	}
}

// watchChat runs a test of a progress in a bubble.
func watchChat(t *testing.T, w *fakeChat, test func(t *testing.T, c *client, out *outbox)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w.start = time.Now()
		c := answering(w.serve).client()
		out := newOutbox(c.sendMessage)
		test(t, c, out)
		out.drain()
	})
}

// running starts a progress and returns a function that waits for its end.
func running(ctx context.Context, p *progress) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.run(ctx)
	}()
	return func() { <-done }
}

// TestProgress checks that a question, the steps and the result share one
// message, and that the result is not delayed.
func TestProgress(t *testing.T) {
	for name, chat := range map[string]int64{"person": 1, "group": -1} {
		t.Run(name, func(t *testing.T) {
			w := &fakeChat{}
			watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
				first := post{chat: chat, html: "Which PDU?", keys: [][]button{{{"101", "reset x 101"}}}}
				p := newProgress(c, out, first)
				w.want(t, "Which PDU?")
				time.Sleep(time.Minute)

				p.show("Resetting")
				wait := running(t.Context(), p)
				w.want(t, "Resetting")
				if _, keys := w.last["reply_markup"]; keys {
					t.Error("the buttons are still there")
				}
				for i := range 50 {
					p.show(fmt.Sprint("step ", i))
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(pace(chat))
				w.want(t, "step 49")
				p.finish("Reset: 3200 W -> 1500 W")
				w.want(t, "Reset: 3200 W -> 1500 W")
				wait()

				if most := 4 + int(5*time.Second/pace(chat)); len(w.log) > most+1 {
					t.Errorf("%d messages and edits:\n%s", len(w.log), strings.Join(w.log, "\n"))
				}
			})
		})
	}
}

// TestProgressAtOnce checks that a result that is known before the message is
// sent replaces its text.
func TestProgressAtOnce(t *testing.T) {
	w := &fakeChat{}
	watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
		out.put(answerTo(1, "list"))
		synctest.Wait()
		p := newProgress(c, out, post{chat: 1, html: "Resetting"})
		p.finish("It is already being reset.")
		p.run(t.Context())
		w.want(t, "list", "It is already being reset.")
	})
}

// TestProgressResult checks that the result arrives whatever happens to the
// edit: in the message if possible, otherwise in a new one.
func TestProgressResult(t *testing.T) {
	for name, tt := range map[string]struct {
		fail   func(method string) string
		away   time.Duration // how long no call is answered, from the result on
		within time.Duration
		want   []string
	}{
		"fine":           {nil, 0, 0, []string{"result"}},
		"deleted":        {refusing(400, "Bad Request: not found", ""), 0, time.Second, []string{"steps", "result"}},
		"blocked":        {refusing(403, "Forbidden: bot was kicked", ""), 0, time.Second, []string{"steps", "result"}},
		"for a moment":   {nil, 5 * time.Second, 15 * time.Second, []string{"result"}},
		"for minutes":    {nil, 2 * time.Minute, 150 * time.Second, []string{"steps", "result"}},
		"too many":       {limiting(3), 0, 10 * time.Second, []string{"result"}},
		"far too many":   {limiting(60), 0, 61 * time.Second, []string{"steps", "result"}},
		"not understood": {refusing(200, "", ""), 0, 16 * time.Second, []string{"steps", "result"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &fakeChat{fail: tt.fail}
			watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
				p := newProgress(c, out, post{chat: 1, html: "steps"})
				time.Sleep(time.Minute)
				from := time.Now()
				w.mu.Lock()
				w.away = from.Add(tt.away)
				w.mu.Unlock()
				p.finish("result")
				p.run(t.Context())
				if d := time.Since(from); d > finishTime {
					t.Errorf("it took %v", d)
				}
				time.Sleep(tt.within)
				w.want(t, tt.want...)
			})
		})
	}
}

// refusing returns a fakeChat.fail that refuses each edit.
func refusing(code int, description, parameters string) func(string) string {
	return func(method string) string {
		if method != "editMessageText" {
			return ""
		}
		return refusal(code, description, parameters)
	}
}

// limiting returns a fakeChat.fail that refuses the first edit and asks to
// wait.
func limiting(seconds int) func(string) string {
	first := true
	return func(method string) string {
		if method != "editMessageText" || !first {
			return ""
		}
		first = false
		return refusal(429, "Too Many Requests", fmt.Sprintf(`"retry_after":%d`, seconds))
	}
}

// TestProgressLimit checks that answers wait if Telegram limits an edit, and
// that an alert does not.
func TestProgressLimit(t *testing.T) {
	w := &fakeChat{fail: limiting(20)}
	watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
		p := newProgress(c, out, post{chat: 1, html: "steps"})
		time.Sleep(time.Minute)
		p.show("more steps")
		wait := running(t.Context(), p)
		synctest.Wait()
		out.put(alertTo(1, "alert"))
		synctest.Wait()
		out.put(answerTo(1, "answer"))
		time.Sleep(19 * time.Second)
		w.want(t, "steps", "alert")
		time.Sleep(2 * time.Second)
		w.want(t, "more steps", "alert", "answer")
		p.finish("result")
		wait()
		w.want(t, "result", "alert", "answer")
	})
}

// TestProgressNewMessage checks that a result goes where the message was.
func TestProgressNewMessage(t *testing.T) {
	w := &fakeChat{fail: refusing(400, "Bad Request: message to edit not found", "")}
	watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
		first := post{chat: -1, topic: 42, html: "Which PDU?", replyTo: 7, keys: [][]button{{{"101", "x"}}}}
		p := newProgress(c, out, first)
		time.Sleep(time.Minute)
		p.finish("result")
		p.run(t.Context())
		time.Sleep(groupPace)
		w.want(t, "Which PDU?", "result")
		_, keys := w.last["reply_markup"]
		_, reply := w.last["reply_parameters"]
		if w.last["message_thread_id"] != 42.0 || keys || !reply {
			t.Errorf("sent %v", w.last)
		}
	})
}

// TestProgressEnd checks that a result is sent even if the bot is ending, and
// that the end is not delayed otherwise.
func TestProgressEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		after time.Duration // the result, after the end
		took  time.Duration
		want  string
	}{
		"result":       {time.Second, time.Second, "result"},
		"none in time": {time.Hour, finishTime, "steps"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &fakeChat{}
			watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
				ctx, cancel := context.WithCancel(t.Context())
				p := newProgress(c, out, post{chat: 1, html: "steps"})
				wait := running(ctx, p)
				time.Sleep(time.Minute)
				defer time.AfterFunc(tt.after, func() { p.finish("result") }).Stop()
				begin := time.Now()
				cancel()
				wait()
				if d := time.Since(begin); d != tt.took {
					t.Errorf("it ended after %v, want %v", d, tt.took)
				}
				out.drain()
				w.want(t, slices.Compact([]string{"steps", tt.want})...)
			})
		})
	}
}

// TestProgressDuringAlerts checks that a result is sent while alerts use all of
// a group's limit.
func TestProgressDuringAlerts(t *testing.T) {
	w := &fakeChat{}
	watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
		p := newProgress(c, out, post{chat: -1, html: "steps"})
		wait := running(t.Context(), p)
		for i := range 120 {
			out.put(alertTo(-1, fmt.Sprint("alert ", i)))
			if i == 60 {
				p.finish("result")
			}
			time.Sleep(time.Second)
		}
		wait()
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if !strings.Contains(strings.Join(w.texts, "\n"), "result") {
			t.Errorf("no result:\n%s", strings.Join(w.log, "\n"))
		}
	})
}

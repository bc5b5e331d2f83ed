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

// changingList returns the pages of a list whose values change every second
// until a given time. The time in its head keeps changing.
func changingList(until time.Time) func(now time.Time) []string {
	return func(now time.Time) []string {
		watts := min(now.Unix(), until.Unix()) % 1000
		return []string{fmt.Sprintf("Power at %s, limit 3000 W\n<pre>%d W</pre>", now.Format(time.TimeOnly), watts)}
	}
}

// watchLive runs a test of live lists in a bubble. The list changes for ten
// minutes.
func watchLive(t *testing.T, w *fakeChat, test func(t *testing.T, l *liveLists, out *outbox)) {
	t.Helper()
	watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
		test(t, newLiveLists(c, out, changingList(time.Now().Add(10*time.Minute))), out)
	})
}

// run starts a live list and returns a function that waits for its end.
func (l *liveLists) run(ctx context.Context, t *testing.T, chat int64) (wait func()) {
	t.Helper()
	b, ok := l.start(post{chat: chat}, false, time.Now())
	if !ok {
		t.Fatal("no room for another list")
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.keep(ctx, b)
	}()
	return func() { <-ended }
}

// edits returns the number of edits so far.
func (w *fakeChat) edits() int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, line := range w.log {
		if strings.Contains(line, "editMessageText") {
			n++
		}
	}
	return n
}

// wantEvery fails the test unless each call came at a multiple of every after
// the start.
func (w *fakeChat) wantEvery(t *testing.T, every time.Duration) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.log {
		second := 0
		fmt.Sscanf(line, "+%d", &second)
		if time.Duration(second)*time.Second%every != 0 {
			t.Fatalf("not every %v: %s", every, line)
		}
	}
}

// lastText returns the latest text of a message.
func (w *fakeChat) lastText() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log[len(w.log)-1]
}

// TestLive checks how often a live list is edited, that it is not edited while
// its values stay the same, and that it ends after an hour.
func TestLive(t *testing.T) {
	for name, tt := range map[string]struct {
		chat  int64
		every time.Duration
	}{"person": {1, 3 * time.Second}, "group": {-1, 6 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			w := &fakeChat{}
			watchLive(t, w, func(t *testing.T, l *liveLists, _ *outbox) {
				wait := l.run(t.Context(), t, tt.chat)
				w.want(t, "Power at 00:00:00, limit 3000 W\n<pre>800 W</pre>\nlive until 01:00")
				for _, minute := range []int{1, 9} {
					before := w.edits()
					time.Sleep(time.Duration(minute) * time.Minute)
					if n, want := w.edits()-before, minute*int(time.Minute/tt.every); n < want-1 || n > want {
						t.Errorf("%d edits in %d min, want %d", n, minute, want)
					}
				}
				w.wantEvery(t, tt.every)
				time.Sleep(tt.every)
				before := w.edits()
				time.Sleep(49 * time.Minute)
				if n := w.edits() - before; n != 0 {
					t.Errorf("%d edits while nothing changed", n)
				}
				begin := time.Now()
				wait()
				if d := time.Since(begin); d > time.Minute {
					t.Errorf("it did not end after an hour, but %v later", d)
				}
				wants(t, w.lastText(), "Power at 01:00:0", ", limit 3000 W\n<pre>400 W</pre>\nEnded after an hour.")
				if _, keys := w.last["reply_markup"]; keys || len(l.lists) != 0 {
					t.Errorf("its button is left, or the list is: %v, %d", w.last, len(l.lists))
				}
			})
		})
	}
}

// TestLiveEnds covers the other ends of a live list.
func TestLiveEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(l *liveLists, w *fakeChat)
		want string
	}{
		"stop":        {func(l *liveLists, _ *fakeChat) { l.stop(1, 1) }, "\nStopped."},
		"a newer one": {func(l *liveLists, _ *fakeChat) { l.lists[1].end("In the newer one.") }, "newer one."},
		"deleted": {func(_ *liveLists, w *fakeChat) {
			w.setFail(refusing(400, "Bad Request: message to edit not found", ""))
		}, "live until 01:00"},
		"blocked": {func(_ *liveLists, w *fakeChat) {
			w.setFail(refusing(403, "Forbidden: bot was blocked by the user", ""))
		}, "live until 01:00"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &fakeChat{}
			watchLive(t, w, func(t *testing.T, l *liveLists, _ *outbox) {
				wait := l.run(t.Context(), t, 1)
				time.Sleep(time.Minute)
				tt.end(l, w)
				begin := time.Now()
				wait()
				if d := time.Since(begin); d > 4*time.Second || len(l.lists) != 0 {
					t.Errorf("it ended after %v; %d lists are left", d, len(l.lists))
				}
				if text := w.lastText(); !strings.HasSuffix(text, tt.want) {
					t.Errorf("its last text is %q", text)
				}
			})
		})
	}
}

// setFail sets what fails from now on.
func (w *fakeChat) setFail(fail func(method string) string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = fail
}

// TestLiveStop checks that the button of one list does not stop another one.
func TestLiveStop(t *testing.T) {
	watchLive(t, &fakeChat{}, func(t *testing.T, l *liveLists, _ *outbox) {
		first := l.run(t.Context(), t, 1)
		time.Sleep(5 * time.Second)
		second := l.run(t.Context(), t, 1)
		first()
		time.Sleep(5 * time.Second)
		other := l.run(t.Context(), t, 2)
		time.Sleep(5 * time.Second)
		for _, m := range [][2]int64{{1, 1}, {2, 2}, {3, 1}, {1, 0}} {
			if l.stop(m[0], m[1]) {
				t.Errorf("message %d of chat %d stopped a list", m[1], m[0])
			}
		}
		if !l.stop(1, 2) || !l.stop(2, 3) {
			t.Error("a list could not be stopped")
		}
		second()
		other()
	})
}

// TestLiveSurvives checks that a list survives the failure of an edit, and
// shows the last values even if they no longer change.
func TestLiveSurvives(t *testing.T) {
	login := func(method string) string {
		if method == "editMessageText" {
			return "<html>Please log in"
		}
		return ""
	}
	for name, tt := range map[string]struct {
		fail func(method string) string
		away time.Duration // how long no call is answered
	}{
		"too many":        {limiting(30), 0},
		"a login page":    {login, 0},
		"lost connection": {nil, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := &fakeChat{}
			watchLive(t, w, func(t *testing.T, l *liveLists, _ *outbox) {
				wait := l.run(t.Context(), t, 1)
				time.Sleep(9*time.Minute + 50*time.Second)
				w.setFail(tt.fail)
				w.mu.Lock()
				w.away = time.Now().Add(tt.away)
				w.mu.Unlock()
				time.Sleep(time.Minute) // the list no longer changes
				w.setFail(nil)
				time.Sleep(30 * time.Second)
				wants(t, w.lastText(), "<pre>400 W</pre>\nlive until 01:00")
				l.stop(1, 1)
				wait()
			})
		})
	}
}

// TestMaxLiveLists checks that at most twenty lists of strangers are live at the
// same time, that they leave room for those of officials, and that all end with
// the bot and say so.
func TestMaxLiveLists(t *testing.T) {
	w := &fakeChat{}
	watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
		ctx, cancel := context.WithCancel(t.Context())
		l := newLiveLists(c, out, changingList(time.Now().Add(time.Hour)))
		var waits []func()
		for chat := range int64(maxLiveLists) {
			waits = append(waits, l.run(ctx, t, chat+1))
		}
		if _, ok := l.start(post{chat: 99}, false, time.Now()); ok {
			t.Error("one list too many")
		}
		official, ok := l.start(post{chat: 99}, true, time.Now())
		if !ok {
			t.Fatal("strangers' lists left no room for an official's")
		}
		keeping := make(chan struct{})
		go func() {
			defer close(keeping)
			l.keep(ctx, official)
		}()
		waits = append(waits, func() { <-keeping })
		time.Sleep(time.Minute)
		waits = append(waits, l.run(ctx, t, 1)) // replaces another one
		time.Sleep(10 * time.Second)
		begin := time.Now()
		cancel()
		for _, wait := range waits {
			wait()
		}
		if d := time.Since(begin); d > 2*endTime {
			t.Errorf("the end took %v", d)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		stopped := 0
		for _, text := range w.texts {
			if strings.HasSuffix(text, "\nThe bot was stopped.") {
				stopped++
			}
		}
		if stopped != maxLiveLists+1 {
			t.Errorf("%d lists say that the bot was stopped", stopped)
		}
	})
}

// TestLivePages checks that a list that is too long for one message says so.
func TestLivePages(t *testing.T) {
	l := &liveLists{current: func(time.Time) []string { return []string{"first", "second"} }}
	if text := l.firstPage(noon); text != "first\nthe first of 2 pages: see /current" {
		t.Errorf("got %q", text)
	}
}

// TestLiveWithAlerts checks that a live list and twenty alerts a minute in a
// group stay within Telegram's limits, and that no alert is late by more than a
// second, with one exception: if an edit precedes the first alert by less than
// three seconds, the twentieth alert would exceed the limit in that minute and,
// as there is no room to catch up, so would one in each minute after it.
func TestLiveWithAlerts(t *testing.T) {
	for pause, maxLate := range map[time.Duration]int{ // pause from the last edit to the first alert
		500 * time.Millisecond:  10,
		2500 * time.Millisecond: 10,
		3500 * time.Millisecond: 0,
		5500 * time.Millisecond: 0,
	} {
		t.Run(pause.String(), func(t *testing.T) {
			times, late := liveWithAlerts(t, 3*time.Minute+pause)
			if len(late) > maxLate || len(late) > 0 && slices.Max(late) > 3*time.Second {
				t.Errorf("alerts were late by %v", late)
			}
			for i := maxPerMinute; i < len(times); i++ {
				if d := times[i].Sub(times[i-maxPerMinute]); d < time.Minute {
					t.Fatalf("%d messages and edits in %v, %v after the start", maxPerMinute+1, d, times[i].Sub(times[0]))
				}
			}
			begin, end := times[0], times[len(times)-1]
			before := countBetween(times, begin, begin.Add(3*time.Minute))
			after := countBetween(times, end.Add(-4*time.Minute), end)
			if before < 25 || after < 35 {
				t.Errorf("%d changes in 3 min without alerts, %d in 4 min after them", before, after)
			}
		})
	}
}

// liveWithAlerts runs a live list and then ten minutes of alerts. It returns
// the times of messages and edits, and the delays of alerts of more than a
// second.
func liveWithAlerts(t *testing.T, from time.Duration) (times []time.Time, late []time.Duration) {
	var mu sync.Mutex // guards the results and due
	due := make(map[string]time.Time)
	w := &fakeChat{}
	network := answering(func(ctx context.Context, method string, in map[string]any) string {
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Now())
		for text := range strings.SplitSeq(in["text"].(string), "\n\n") {
			if at, ok := due[text]; ok && time.Since(at) > time.Second {
				late = append(late, time.Since(at))
			}
			delete(due, text)
		}
		return w.serve(ctx, method, in)
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := network.client()
		out := newOutbox(c.sendMessage)
		l := newLiveLists(c, out, changingList(time.Now().Add(time.Hour)))
		wait := l.run(ctx, t, -1)
		time.Sleep(from)
		for i := range 200 {
			text := fmt.Sprint("alert ", i)
			mu.Lock()
			due[text] = time.Now()
			mu.Unlock()
			out.put(alertTo(-1, text))
			time.Sleep(time.Minute / 20)
		}
		time.Sleep(5 * time.Minute)
		cancel()
		wait()
		out.drain()
		if len(due) > 0 {
			t.Errorf("%d alerts did not come", len(due))
		}
	})
	return times, late
}

func countBetween(times []time.Time, from, to time.Time) (n int) {
	for _, at := range times {
		if !at.Before(from) && !at.After(to) {
			n++
		}
	}
	return n
}

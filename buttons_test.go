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

// A slowServer is a Bot API in a bubble that takes five seconds to answer a
// press of a button.
type slowServer struct {
	mu      sync.Mutex // guards the fields below
	begun   []string   // the IDs of the presses whose answers have begun
	running int        // answers now
	most    int        // answers at the same time
	sent    []string   // the texts of messages
}

func (s *slowServer) serve(ctx context.Context, method string, in map[string]any) string {
	s.mu.Lock()
	if method != "answerCallbackQuery" {
		defer s.mu.Unlock()
		if method == "sendMessage" {
			s.sent = append(s.sent, in["text"].(string))
		}
		return okTrue
	}
	s.begun = append(s.begun, in["callback_query_id"].(string))
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	pause(ctx, 5*time.Second)
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
	return okTrue
}

// count returns how many answers have begun to presses whose IDs begin with a
// text.
func (s *slowServer) count(prefix string) (n int) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.begun {
		if strings.HasPrefix(id, prefix) {
			n++
		}
	}
	return n
}

// messages waits until everything is sent and returns the texts of messages.
func (s *slowServer) messages() []string {
	time.Sleep(10 * time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// peak returns how many answers ran at the same time.
func (s *slowServer) peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// testPresses runs a test of a responder in a bubble. The access list has a
// user with the ID 7.
func testPresses(t *testing.T, test func(t *testing.T, r *responder, s *slowServer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := new(slowServer)
		c := answering(s.serve).client()
		out := newOutbox(c.sendMessage)
		pdus := []pdu{listed(101, 1, "First Team", "")}
		watch := newSnoop(pdus, 3000, 2*time.Second, snmpConfig{interval: 2 * time.Second})
		dialog := &resetDialog{
			ctx: t.Context(), client: c, out: out, access: newAccessList(0, 7), snoop: watch, pdus: pdus,
		}
		r := newResponder(t.Context(), c, out, watch, dialog, 3000, "")
		test(t, r, s)
		r.tasks.Wait()
		dialog.tasks.Wait()
		out.drain()
	})
}

// pressing returns the press of a button by a user in a private chat.
func pressing(who int64, id, data string) *update {
	in := message{ID: 1, Chat: chat{ID: who, Type: "private"}}
	return &update{Callback: &callbackQuery{ID: id, From: &user{ID: who, FirstName: "x"}, Message: &in, Data: data}}
}

// TestPressFlood checks that a flood of presses by strangers causes few calls at
// the same time and few lines in the log, that a user on the access list is
// answered at once meanwhile, and that strangers are answered again after it.
func TestPressFlood(t *testing.T) {
	for name, tt := range map[string]struct {
		chats int // of strangers
		limit int // 1 if the log says that not all refusals are logged
	}{"from one chat": {1, 0}, "from many chats": {500, 1}} {
		t.Run(name, func(t *testing.T) {
			log := captureLog(t)
			testPresses(t, func(t *testing.T, r *responder, s *slowServer) {
				for i := range 2000 {
					data := []string{"reset x 101", "stop", "x", "current 0", "graph 9", ""}[i%6]
					u := pressing(int64(1000+i%tt.chats), fmt.Sprint("s", i), data)
					if i%7 == 0 {
						u.Callback.Message = nil
					}
					r.handle(t.Context(), u, time.Now())
				}
				if n := s.count("s"); n != maxAnswers {
					t.Errorf("%d answers at once, want %d", n, maxAnswers)
				}
				r.handle(t.Context(), pressing(7, "official", "stop"), time.Now())
				if s.count("official") != 1 {
					t.Error("the official was not answered at once")
				}
				for i := range 100 {
					r.handle(t.Context(), pressing(7, fmt.Sprint("more", i), "stop"), time.Now())
				}

				time.Sleep(10 * time.Minute)
				if n := s.peak(); n > 2*maxAnswers {
					t.Errorf("%d answers at the same time", n)
				}
				for i := range maxAnswers {
					r.handle(t.Context(), pressing(2, fmt.Sprint("later", i), "stop"), time.Now())
				}
				if n := s.count("later"); n != maxAnswers {
					t.Errorf("%d answers afterwards, want %d", n, maxAnswers)
				}
			})
			if n := strings.Count(log.String(), "refused a button"); n == 0 || n > maxQuota {
				t.Errorf("%d refusals were logged", n)
			}
			log.wantTimes(t, "too many refusals", tt.limit)
		})
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iscbot/internal/venue"
)

// closedChannel returns a channel that is closed.
func closedChannel() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// newTestLoop returns an update loop whose callbacks do nothing.
func newTestLoop(c *client) *updateLoop {
	return &updateLoop{
		client:  c,
		started: func(context.Context, user) {},
		handle:  func(context.Context, *update, time.Time) {},
		ready:   closedChannel(),
	}
}

// TestUpdates checks that a message arrives exactly once, whatever happens to
// getUpdates before.
func TestUpdates(t *testing.T) {
	t.Parallel()
	inject := func(method string, times int, do venue.FaultFunc) func(*venue.API) {
		return func(api *venue.API) { api.Inject(venue.APIFault{Method: method, Times: times, Do: do}) }
	}
	push := func(raw map[string]any) func(*venue.API) {
		return func(api *venue.API) { api.Update(raw) }
	}
	for name, trouble := range map[string]func(*venue.API){
		"lost answer": inject("getUpdates", 1, venue.Lose),
		"bad gateway": inject("getUpdates", 1, venue.BadGateway),
		"portal":      inject("", 2, venue.Portal),
		"no name":     inject("getMe", 1, venue.Refuse(400, "no")),
		"too many":    inject("getUpdates", 1, venue.TooMany(1)),
		"conflict":    inject("getUpdates", 1, venue.Refuse(409, "Conflict: terminated by another")),
		"webhook":     func(api *venue.API) { api.SetWebhook("https://example.org/") },
		"lower ids": func(api *venue.API) {
			api.Say(venue.Private(ann), ann, "/help")
			api.NextID(5)
		},
		"undecodable":     push(map[string]any{"message": map[string]any{"message_id": "x", "chat": 7}}),
		"of another kind": push(map[string]any{"message": []int{1}}),
		"without a chat":  push(map[string]any{"message": map[string]any{"text": "x"}}),
		"a bare callback": push(map[string]any{"callback_query": map[string]any{"id": "1"}}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := venue.NewAPI(testToken, "isc_bot")
			defer api.Close()
			api.Know(venue.Private(ann))
			trouble(api)
			api.Say(venue.Private(ann), ann, "/current")

			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			l := newTestLoop(newClient(api.URL(), newSecret(testToken)))
			starts, got := 0, 0
			l.started = func(_ context.Context, me user) {
				starts++
				if me.Username != "isc_bot" {
					t.Errorf("started as %+v", me)
				}
			}
			l.handle = func(_ context.Context, u *update, now time.Time) {
				if time.Since(now).Abs() > time.Minute {
					t.Errorf("got the time %v", now)
				}
				if u.Message != nil && u.Message.Text == "/current" {
					got++
					api.Say(venue.Private(ann), ann, "the end")
				}
				if u.Message != nil && u.Message.Text == "the end" && l.me.Username != "" {
					cancel()
				}
			}
			offset := l.run(ctx)
			l.confirm(offset)
			if got != 1 {
				t.Errorf("the message arrived %d times", got)
			}
			if starts != 1 {
				t.Errorf("started %d times", starts)
			}
			if err := api.AwaitConfirmed(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// An updateServer is a Bot API in a bubble that delivers updates.
type updateServer struct {
	waits bool // getUpdates waits for updates, for its timeout at most

	mu      sync.Mutex // guards the fields below
	polls   int
	waiting []string // undelivered updates
	wake    chan struct{}
}

func newUpdateServer(waits bool) *updateServer {
	return &updateServer{waits: waits, wake: make(chan struct{}, 1)}
}

func (s *updateServer) say(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, fmt.Sprintf(`{"update_id":%d,"message":{"text":"x","chat":{"id":1}}}`, id))
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *updateServer) updates() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := strings.Join(s.waiting, ",")
	s.waiting = nil
	return `{"ok":true,"result":[` + list + `]}`
}

func (s *updateServer) serve(ctx context.Context, method string, in map[string]any) string {
	if method != "getUpdates" {
		return `{"ok":true,"result":{"id":1,"username":"isc_bot"}}`
	}
	s.mu.Lock()
	s.polls++
	s.mu.Unlock()
	wait, _ := in["timeout"].(float64)
	if s.waits {
		select {
		case <-s.wake:
		case <-time.After(time.Duration(wait) * time.Second):
		case <-ctx.Done():
		}
	}
	return s.updates()
}

// TestUpdatesHanging checks that a poll that gets no answer after a failure
// fails as soon as another call would, so that the network's return is noticed
// soon, but that a long answer on a slow uplink is received.
func TestUpdatesHanging(t *testing.T) {
	const wait = time.Second
	for name, tt := range map[string]struct {
		first, rest time.Duration // from the request to the answer's start, and from there to its end
		want        error
		took        time.Duration
	}{
		"no answer":   {time.Hour, 0, errors.New("getUpdates: no answer in time"), wait + callTime},
		"late answer": {wait + callTime - 1, 0, nil, wait + callTime - 1},
		"long answer": {wait, 25 * time.Second, nil, wait + 25*time.Second},
		"too long":    {wait, time.Hour, errors.New("getUpdates: the answer was cut off: no answer in time"), wait + 30*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient("http://api", newSecret(testToken))
				transport := c.http.Transport.(*http.Transport)
				transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					go func() {
						defer theirs.Close()
						if _, err := http.ReadRequest(bufio.NewReader(theirs)); err != nil {
							t.Error(err)
						}
						pause(t.Context(), tt.first)
						io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n")
						pause(t.Context(), tt.rest)
						io.WriteString(theirs, `{"ok":true,"result":[]}`)
					}()
					return ours, nil
				}
				defer transport.CloseIdleConnections()
				start := time.Now()
				_, _, err := newTestLoop(c).updates(t.Context(), 0, wait)
				if fmt.Sprint(err) != fmt.Sprint(tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// TestServerThatDoesNotWait checks that a server whose getUpdates does not wait
// is polled at most once a second, and that any server's updates arrive without
// a noticeable delay.
func TestServerThatDoesNotWait(t *testing.T) {
	for name, tt := range map[string]struct {
		waits bool
		polls int // in ten minutes, not counting those with updates
		late  time.Duration
	}{
		"waits":         {true, 32, 0},
		"does not wait": {false, 601, emptyPace},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newUpdateServer(tt.waits)
				l := newTestLoop(answering(s.serve).client())
				var said time.Time
				arrived := make(chan time.Duration, 1)
				l.handle = func(context.Context, *update, time.Time) { arrived <- time.Since(said) }
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					l.run(ctx)
				}()

				for i := range 10 {
					time.Sleep(59*time.Second + 300*time.Millisecond)
					said = time.Now()
					s.say(i + 1)
					if late := <-arrived; late > tt.late {
						t.Errorf("update %d came after %v", i, late)
					}
				}
				cancel()
				<-ended
				if s.polls > tt.polls+10 {
					t.Errorf("%d polls", s.polls)
				}
			})
		})
	}
}

// TestUpdatesInARow checks that many updates in a row are not delayed.
func TestUpdatesInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newUpdateServer(false)
		l := newTestLoop(answering(s.serve).client())
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		l.handle = func(_ context.Context, u *update, _ time.Time) {
			if u.ID == 1000 {
				cancel()
				return
			}
			s.say(int(u.ID) + 1)
		}
		s.say(1)
		if offset := l.run(ctx); offset != 1001 {
			t.Errorf("offset %d", offset)
		}
		if d := time.Since(begin); d > 0 {
			t.Errorf("a thousand updates took %v", d)
		}
	})
}

// TestUpdatesWithoutID checks that updates that cannot be confirmed do not
// cause a busy loop.
func TestUpdatesWithoutID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		l := newTestLoop(answering(func(_ context.Context, method string, _ map[string]any) string {
			if method == "getUpdates" {
				polls++
			}
			return `{"ok":true,"result":[{"message":{}}]}`
		}).client())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		l.run(ctx)
		if polls > 80 {
			t.Errorf("%d polls in a minute", polls)
		}
	})
}

// TestUpdatesOffset checks that handled updates stay confirmed if a later
// update has no valid ID.
func TestUpdatesOffset(t *testing.T) {
	batch := []json.RawMessage{[]byte(`{"update_id":7}`), []byte(`{"update_id":"x"}`), []byte(`{}`), []byte(`[]`)}
	if offset := newTestLoop(nil).handleAll(t.Context(), batch, 0, time.Now()); offset != 8 {
		t.Errorf("offset %d", offset)
	}
}

// TestUpdatesWaitUntilReady checks that the first updates wait for the first
// readings, but not for long.
func TestUpdatesWaitUntilReady(t *testing.T) {
	for name, tt := range map[string]struct {
		ready, want time.Duration
	}{
		"soon":  {100 * time.Millisecond, 100 * time.Millisecond},
		"never": {time.Hour, readyWait},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newUpdateServer(true)
				l := newTestLoop(answering(s.serve).client())
				ready := make(chan struct{})
				l.ready = ready
				defer time.AfterFunc(tt.ready, func() { close(ready) }).Stop()
				ctx, cancel := context.WithCancel(t.Context())
				begin := time.Now()
				l.handle = func(context.Context, *update, time.Time) {
					if d := time.Since(begin); d != tt.want {
						t.Errorf("waited %v, want %v", d, tt.want)
					}
					cancel()
				}
				s.say(1)
				l.run(ctx)
			})
		})
	}
}

// TestTenMinutes checks that ten minutes without Telegram, for whatever reason,
// cause few attempts, and that messages flow soon afterwards.
func TestTenMinutes(t *testing.T) {
	for name, trouble := range map[string]network{
		"refused": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"hanging": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		},
		"resetting": func(r *http.Request) (*http.Response, error) {
			pause(r.Context(), time.Second)
			return nil, errors.New("connection reset by peer")
		},
		"dripping": func(r *http.Request) (*http.Response, error) { return answer(slowBody{r.Context()}), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var mu sync.Mutex // guards polls and sent
				polls, sent := 0, time.Time{}
				server := newUpdateServer(true)
				healthy := answering(server.serve)
				api := network(func(r *http.Request) (*http.Response, error) {
					method, over := path.Base(r.URL.Path), time.Since(start) > 10*time.Minute
					mu.Lock()
					if method == "getUpdates" {
						polls++
					}
					if method == "sendMessage" && over && sent.IsZero() {
						sent = time.Now()
					}
					mu.Unlock()
					if !over {
						return trouble(r)
					}
					return healthy(r)
				}).client()

				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
				defer cancel()
				out := newOutbox(api.sendMessage)
				api.answered = out.networkWorks
				out.put(alertTo(7, "alert"))
				newTestLoop(api).run(ctx)
				out.drain()
				if late := sent.Sub(start) - 10*time.Minute; sent.IsZero() || late > callTime+10*time.Second {
					t.Errorf("the alert went out %v after", late)
				}
				if polls < 20 || polls > 120 {
					t.Errorf("%d polls", polls)
				}
			})
		})
	}
}

// TestUpdatePanic checks that an update whose handling panics is skipped, that
// the panic is logged once with its stack, and that the next update is handled.
func TestUpdatePanic(t *testing.T) {
	log := captureLog(t)
	l := newTestLoop(nil)
	handled := 0
	l.handle = func(_ context.Context, u *update, _ time.Time) {
		if u.Message != nil {
			handled += len(u.Message.From.FirstName) // From may be nil
		}
	}
	batch := []json.RawMessage{
		[]byte(`{"update_id":7,"message":{"text":"x"}}`),
		[]byte(`{"update_id":8,"message":{"text":"x"}}`),
		[]byte(`{"update_id":9,"message":[]}`),
		[]byte(`{"update_id":10,"message":{"from":{"first_name":"x"}}}`),
	}
	if offset := l.handleAll(t.Context(), batch, 0, time.Now()); offset != 11 {
		t.Errorf("offset %d", offset)
	}
	if handled != 1 {
		t.Errorf("%d were handled", handled)
	}
	log.wantTimes(t, "stack=", 1)
	log.wantTimes(t, "update skipped", 3)
	wants(t, log.String(), "update=7", "update=8", "update=9", "cannot be decoded")
}

// TestConfirm checks that handled updates are confirmed at the end without
// waiting for more.
func TestConfirm(t *testing.T) {
	for name, tt := range map[string]struct {
		offset int64
		fail   bool
		want   []string
	}{
		"nothing":  {0, false, nil},
		"offset":   {8, false, []string{"getUpdates 8 0"}},
		"no reply": {8, true, []string{"getUpdates 8 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			log := captureLog(t)
			synctest.Test(t, func(t *testing.T) {
				var calls []string
				l := newTestLoop(answering(func(ctx context.Context, method string, in map[string]any) string {
					calls = append(calls, fmt.Sprint(method, " ", in["offset"], " ", in["timeout"]))
					if tt.fail {
						<-ctx.Done()
					}
					return `{"ok":true,"result":[]}`
				}).client())
				begin := time.Now()
				l.confirm(tt.offset)
				if !slices.Equal(calls, tt.want) {
					t.Errorf("called %q, want %q", calls, tt.want)
				}
				if d := time.Since(begin); d > 1500*time.Millisecond {
					t.Errorf("it took %v", d)
				}
			})
			if warned := strings.Contains(log.String(), "may run again"); warned != tt.fail {
				t.Errorf("logged %q", log)
			}
		})
	}
}

// TestWebhookStays checks that the log says if a webhook cannot be deleted, and
// that no webhook is deleted after a different conflict.
func TestWebhookStays(t *testing.T) {
	for name, tt := range map[string]struct {
		conflict, want string
		deletes        bool
	}{
		"webhook": {"Conflict: can't use getUpdates method while webhook is active", "could not be deleted", true},
		"another": {"Conflict: terminated by other getUpdates request", "another program", false},
	} {
		t.Run(name, func(t *testing.T) {
			log := captureLog(t)
			synctest.Test(t, func(t *testing.T) {
				deleted := false
				l := newTestLoop(answering(func(_ context.Context, method string, _ map[string]any) string {
					switch method {
					case "getMe":
						return `{"ok":true,"result":{"id":1,"username":"isc_bot"}}`
					case "deleteWebhook":
						deleted = true
						return refusal(400, "no", "")
					}
					return refusal(409, tt.conflict, "")
				}).client())
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				l.run(ctx)
				if deleted != tt.deletes {
					t.Errorf("deleted: %v", deleted)
				}
			})
			wants(t, log.String(), tt.want)
		})
	}
}

// FuzzUpdate checks that no update crashes the loop, and that its ID is found
// if it has one.
func FuzzUpdate(f *testing.F) {
	f.Add([]byte(`{"update_id":7,"message":{"text":"/x","from":{"id":1},"chat":{"id":1,"type":"private"}}}`))
	f.Add([]byte(`{"update_id":7,"message":{"date":"x"}}`))
	f.Add([]byte(`{"update_id":1e99}`))
	f.Add([]byte(`[]`))
	l := newTestLoop(nil)
	l.handle = func(_ context.Context, u *update, _ time.Time) {
		if u.Message != nil && u.Message.fromPerson() {
			fmt.Fprint(io.Discard, u.Message.From.name(), u.Message.topic(), replyTo(u.Message).params())
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		id, err := l.handleOne(t.Context(), raw, time.Now())
		if errors.Is(err, errPanic) || err == nil && !json.Valid(raw) {
			t.Errorf("got %d, %v", id, err)
		}
	})
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iscbot/internal/venue"
)

// TestCall holds that whatever comes instead of an answer is an error, with its cause and without the token.
func TestCall(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do   venue.Manner
		want string
	}{
		"cut":         {venue.Cut, "getMe: "},
		"reset":       {venue.Reset, "getMe: "},
		"lost answer": {venue.Lose, "getMe: "},
		"truncated":   {venue.Truncated, "broke off"},
		"empty":       {venue.Empty, "not Telegram's"},
		"bad gateway": {venue.BadGateway, "status 502"},
		"portal":      {venue.Portal, "want somebody to log in"},
		"filter": {func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
			w.WriteHeader(403)
			w.Write([]byte("<html>blocked"))
		}, "not Telegram's (status 403)"},
		"redirect":      {venue.Redirect("http://192.0.2.1/login"), "redirected (status 302)"},
		"hang":          {venue.Hang, "no answer in time"},
		"dripping":      {venue.Drip(time.Second), "no answer in time"},
		"wrong token":   {venue.Refuse(401, "Unauthorized"), "check ISCBOT_TOKEN"},
		"not found":     {venue.Refuse(404, "Not Found"), "check ISCBOT_TOKEN"},
		"another":       {venue.Refuse(409, "Conflict: terminated by other getUpdates request"), "another program"},
		"token echoed":  {venue.Refuse(400, "no such path: /bot"+testToken+"/x"), "*****"},
		"far too large": {venue.Huge(20 << 20), "not Telegram's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := venue.NewAPI(testToken, "isc_bot")
			defer api.Close()
			api.Misbehave(venue.Fault{Method: "getMe", Times: 1, Do: tt.do})
			c := newClient(api.URL(), testToken)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var me user
			_, err := c.call(ctx, "getMe", struct{}{}, &me)
			if err == nil {
				t.Fatalf("got %+v", me)
			}
			wants(t, err.Error(), tt.want)
			if e, ok := errors.AsType[*apiError](err); ok && e.permanent() && name != "token echoed" {
				t.Errorf("given up: %v", err)
			}
			if strings.Contains(err.Error(), testToken) || strings.Contains(fmt.Sprintf("%+v %#v", err, err), testToken) {
				t.Errorf("the token stands in: %v", err)
			}
			if date, err := c.call(t.Context(), "getMe", struct{}{}, &me); err != nil || me.Username != "isc_bot" || time.Since(date).Abs() > time.Minute {
				t.Errorf("then got %+v, %v, %v", me, date, err)
			}
		})
	}
}

func TestCallNobodyThere(t *testing.T) {
	for _, base := range []string{"http://" + freeAddr(t), "https://" + freeAddr(t), "http://127.0.0.1:1/\x7f", "http://[::1%25bad"} {
		_, err := newClient(base, testToken).call(t.Context(), "getMe", struct{}{}, nil)
		if err == nil || strings.Contains(err.Error(), testToken) {
			t.Errorf("%s: got %v", base, err)
		}
	}
}

// TestCallHTTP1 holds that HTTP/2 is not spoken where a server offers it.
func TestCallHTTP1(t *testing.T) {
	c := newClient("", "")
	if p := c.http.Transport.(*http.Transport).Protocols; p.HTTP2() || p.UnencryptedHTTP2() || !p.HTTP1() {
		t.Error("protocols", p)
	}
}

func TestAPIError(t *testing.T) {
	api := venue.NewAPI(testToken, "isc_bot")
	defer api.Close()
	api.Know(venue.Group(-5))
	c := newClient(api.URL(), testToken)
	api.Misbehave(venue.Fault{Method: "sendMessage", Times: 1, Do: venue.TooMany(7)})
	_, err := c.sendMessage(t.Context(), -5, outgoing{html: "x"})
	if e, ok := errors.AsType[*apiError](err); !ok || e.RetryAfter != 7*time.Second || e.permanent() {
		t.Errorf("got %#v", err)
	}
	api.Migrate(-5, groupID)
	_, err = c.sendMessage(t.Context(), -5, outgoing{html: "x"})
	if e, ok := errors.AsType[*apiError](err); !ok || e.MigrateTo != groupID {
		t.Errorf("got %#v", err)
	}
	if _, err = c.sendMessage(t.Context(), 99, outgoing{html: "x"}); !errors.As(err, new(*apiError)) {
		t.Errorf("got %#v", err)
	}
}

// TestSendPlain holds that a text whose markup Telegram does not take goes out without it.
func TestSendPlain(t *testing.T) {
	api := venue.NewAPI(testToken, "isc_bot")
	defer api.Close()
	api.Know(venue.Private(ann))
	c := newClient(api.URL(), testToken)
	if _, err := c.sendMessage(t.Context(), ann.ID, outgoing{html: "<pre>a &lt; b"}); err != nil {
		t.Fatal(err)
	}
	if m := api.Messages(ann.ID); len(m) != 1 || m[0].Text != "a < b" {
		t.Errorf("got %+v", m)
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backoff{most: 30 * time.Second}
		wait := func(err error) time.Duration {
			start := time.Now()
			b.wait(t.Context(), err)
			return time.Since(start)
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			if got := wait(nil); got > want*time.Second || got < want*time.Second*8/10 {
				t.Errorf("waited %v, not %d s", got, want)
			}
		}
		if got := wait(fmt.Errorf("x: %w", &apiError{Code: 429, RetryAfter: 77 * time.Second})); got != 77*time.Second {
			t.Errorf("waited %v after retry_after", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		b.wait(ctx, nil)
		if time.Since(start) != 0 {
			t.Error("waited though all had ended")
		}
	})
}

func TestParseCommand(t *testing.T) {
	command_ := func(text string, length int) message {
		return message{Text: text, Entities: []entity{{Type: "bot_command", Length: length}}}
	}
	for name, tt := range map[string]struct {
		m    message
		want command
		ok   bool
	}{
		"plain":               {command_("/current", 8), command{"/current", ""}, true},
		"in capitals":         {command_("/CurRent", 8), command{"/current", ""}, true},
		"to us":               {command_("/current@ISC_Bot", 16), command{"/current", ""}, true},
		"to another":          {command_("/current@other_bot", 18), command{}, false},
		"to nobody":           {command_("/current@", 9), command{}, false},
		"with arguments":      {command_("/reset  101 \n", 6), command{"/reset", "101"}, true},
		"with a line":         {command_("/reset\n101", 6), command{"/reset", "101"}, true},
		"a comma behind":      {command_("/current, please", 8), command{"/current", ", please"}, true},
		"talk":                {message{Text: "101"}, command{}, false},
		"nothing":             {message{}, command{}, false},
		"later in the text":   {message{Text: "try /current", Entities: []entity{{Type: "bot_command", Offset: 4, Length: 8}}}, command{}, false},
		"bold":                {message{Text: "/current", Entities: []entity{{Type: "bold", Length: 8}, {Type: "bot_command", Length: 8}}}, command{"/current", ""}, true},
		"in code":             {message{Text: "/current", Entities: []entity{{Type: "code", Length: 8}}}, command{}, false},
		"without entities":    {message{Text: "/current"}, command{"/current", ""}, true},
		"a length that lies":  {command_("/current", 99), command{}, false},
		"a length below zero": {command_("/current", -1), command{}, false},
		"an emoji behind":     {command_("/current\U0001F600", 8), command{"/current", "\U0001F600"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := parseCommand(&tt.m, "isc_bot"); got != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

func FuzzCommand(f *testing.F) {
	f.Add("/reset@isc_bot 101", "bot_command", 0, 14)
	f.Add("/\U0001F600", "bot_command", 0, 2)
	f.Fuzz(func(t *testing.T, text, kind string, offset, length int) {
		for _, entities := range [][]entity{nil, {{kind, offset, length}}} {
			c, ok := parseCommand(&message{Text: text, Entities: entities}, "isc_bot")
			if ok && !strings.HasPrefix(c.name, "/") || !ok && c != (command{}) {
				t.Errorf("got %q, %v", c, ok)
			}
		}
	})
}

// TestUpdates drives a whole bot through what getUpdates may do.
func TestUpdates(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(*site){
		"lost answer":     func(s *site) { s.api.Misbehave(venue.Fault{Method: "getUpdates", Times: 1, Do: venue.Lose}) },
		"bad gateway":     func(s *site) { s.api.Misbehave(venue.Fault{Method: "getUpdates", Times: 1, Do: venue.BadGateway}) },
		"portal":          func(s *site) { s.api.Misbehave(venue.Fault{Method: "", Times: 2, Do: venue.Portal}) },
		"no name":         func(s *site) { s.api.Misbehave(venue.Fault{Method: "getMe", Times: 1, Do: venue.Refuse(400, "no")}) },
		"too many":        func(s *site) { s.api.Misbehave(venue.Fault{Method: "getUpdates", Times: 1, Do: venue.TooMany(1)}) },
		"webhook":         func(s *site) { s.api.SetWebhook("https://example.org/") },
		"no menu":         func(s *site) { s.api.Misbehave(venue.Fault{Method: "setMyCommands", Do: venue.Refuse(400, "no")}) },
		"lower ids":       func(s *site) { s.api.Say(venue.Private(ann), ann, "/help"); s.api.NextID(5) },
		"undecodable":     func(s *site) { s.api.Update(map[string]any{"message": map[string]any{"message_id": "x", "chat": 7}}) },
		"of another kind": func(s *site) { s.api.Update(map[string]any{"message": []int{1}}) },
		"without a chat":  func(s *site) { s.api.Update(map[string]any{"message": map[string]any{"text": "/current"}}) },
		"a bare callback": func(s *site) { s.api.Update(map[string]any{"callback_query": map[string]any{"id": "1"}}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			sim, p := simulate(t, 101, "First_PDU", 1500)
			trouble(s)
			b := newBot(config{access: &access{users: []int64{ann.ID}}, pdus: []pdu{p}, limit: 3000, interval: 200 * time.Millisecond, log: t.TempDir() + "/log",
				api: s.api.URL(), token: testToken, snmp: snmpConfig{community: "public", interval: 200 * time.Millisecond}})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { b.run(ctx, ctx); close(ended) }()
			s.ask(t, venue.Private(ann), ann, "/current", "First_PDU", "1500 W")
			cancel()
			<-ended
			if n := len(s.api.Messages(ann.ID)); name != "lower ids" && n != 1 {
				t.Errorf("%d answers to one question", n)
			}
			if sim.Asked() == 0 {
				t.Error("the PDU was not asked")
			}
		})
	}
}

// A network answers the requests of a client as it is told to.
type network func(r *http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

// A drip gives a byte a second, until its request is given up.
type drip struct{ ctx context.Context }

func (d drip) Read(b []byte) (int, error) {
	pause(d.ctx, time.Second)
	b[0] = ' '
	return 1, d.ctx.Err()
}

func (drip) Close() error { return nil }

// TestTenMinutes holds that ten minutes without Telegram, of whatever kind, cost few tries and are over soon after.
func TestTenMinutes(t *testing.T) {
	answer := func(body io.ReadCloser) *http.Response {
		return &http.Response{StatusCode: 200, Body: body, Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}}
	}
	for name, trouble := range map[string]network{
		"refused": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"hanging": func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
		"resetting": func(r *http.Request) (*http.Response, error) {
			pause(r.Context(), time.Second)
			return nil, errors.New("connection reset by peer")
		},
		"dripping": func(r *http.Request) (*http.Response, error) { return answer(drip{r.Context()}), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBot(config{access: &access{users: []int64{7}}, api: "http://api", token: testToken, log: t.TempDir() + "/log", limit: 3000, interval: time.Second})
				close(b.watch.swept)
				start := time.Now()
				polls, sent := 0, time.Time{}
				var mu sync.Mutex // guards polls and sent
				b.api.http.Transport = network(func(r *http.Request) (*http.Response, error) {
					method := path.Base(r.URL.Path)
					mu.Lock()
					first := sent.IsZero()
					if method == "getUpdates" {
						polls++
					}
					if over := time.Since(start) > 10*time.Minute; method == "sendMessage" && over && first {
						sent = time.Now()
					} else if !over {
						mu.Unlock()
						return trouble(r)
					}
					mu.Unlock()
					result := `{"ok":true,"result":[]}`
					switch {
					case method == "sendMessage":
						result = `{"ok":true,"result":{"message_id":1}}`
					case method == "getUpdates":
						pause(r.Context(), pollTime)
					default:
						result = `{"ok":true,"result":{"id":1,"username":"isc_bot"}}`
					}
					return answer(io.NopCloser(strings.NewReader(result))), nil
				})
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
				defer cancel()
				b.ctx = ctx
				b.out.put(7, outgoing{html: "alert", alert: true, at: start})
				b.poll(ctx)
				b.work.Wait()
				b.out.drain()
				mu.Lock()
				defer mu.Unlock()
				if late := sent.Sub(start) - 10*time.Minute; sent.IsZero() || late > time.Minute {
					t.Errorf("the alert went out %v after", late)
				}
				if polls < 20 || polls > 120 {
					t.Errorf("%d polls", polls)
				}
			})
		})
	}
}

// TestGuard holds that an update whose handling panics is passed over, with a word and no secret.
func TestGuard(t *testing.T) {
	b := &bot{} // has nothing that handle needs
	raw, err := json.Marshal(update{ID: 7, Message: &message{Text: "/current", Chat: chat{1, "private"}}})
	if err != nil {
		t.Fatal(err)
	}
	b.guard(t.Context(), raw, "isc_bot", time.Now())
}

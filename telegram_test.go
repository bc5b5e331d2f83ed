package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"iscbot/internal/venue"
)

// A network is a function that answers a client's requests. In a bubble, where
// there are no sockets, it simulates Telegram.
type network func(r *http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

// client returns a client that uses the network.
func (n network) client() *client {
	c := newClient("http://api", newSecret(testToken))
	c.http.Transport = n
	return c
}

// answering returns a network in which f answers each call of a method.
func answering(f func(ctx context.Context, method string, in map[string]any) string) network {
	return func(r *http.Request) (*http.Response, error) {
		var in map[string]any
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return nil, err
		}
		text := f(r.Context(), path.Base(r.URL.Path), in)
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return answer(io.NopCloser(strings.NewReader(text))), nil
	}
}

// answer returns an answer with the current date.
func answer(body io.ReadCloser) *http.Response {
	date := time.Now().UTC().Format(http.TimeFormat)
	return &http.Response{StatusCode: http.StatusOK, Body: body, Header: http.Header{"Date": {date}}}
}

const okTrue = `{"ok":true,"result":true}`

// refusal returns Telegram's answer to a call that it refuses.
func refusal(code int, description string, parameters string) string {
	return fmt.Sprintf(`{"ok":false,"error_code":%d,"description":%q,"parameters":{%s}}`, code, description, parameters)
}

// TestCall checks that anything but a proper answer is an error that names its
// cause and does not contain the token.
func TestCall(t *testing.T) {
	t.Parallel()
	filter := func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "<html>blocked")
	}
	for name, tt := range map[string]struct {
		do   venue.FaultFunc
		want string
	}{
		"cut":           {venue.Cut, "getMe: "},
		"reset":         {venue.Reset, "getMe: "},
		"lost answer":   {venue.Lose, "getMe: "},
		"truncated":     {venue.Truncated, "was cut off"},
		"empty":         {venue.Empty, "not an answer from Telegram"},
		"bad gateway":   {venue.BadGateway, "status 502"},
		"portal":        {venue.Portal, "does the network require a login?"},
		"filter":        {filter, "not an answer from Telegram (status 403)"},
		"redirect":      {venue.Redirect("http://192.0.2.1/login"), "redirected (status 302)"},
		"hang":          {venue.Hang, "no answer in time"},
		"dripping":      {venue.Drip(time.Second), "no answer in time"},
		"wrong token":   {venue.Refuse(401, "Unauthorized"), "check ISCBOT_TOKEN"},
		"not found":     {venue.Refuse(404, "Not Found"), "check ISCBOT_TOKEN"},
		"another":       {venue.Refuse(409, "Conflict: terminated by other getUpdates request"), "another program"},
		"token cut off": {venue.Refuse(400, strings.Repeat("x", 190)+testToken), strings.Repeat("x", 190) + "*****"},
		"token echoed":  {venue.Refuse(400, "no such path: /bot"+testToken+"/x"), "*****"},
		"far too large": {venue.Huge(20 << 20), "not an answer from Telegram"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := venue.NewAPI(testToken, "isc_bot")
			defer api.Close()
			api.Inject(venue.APIFault{Method: "getMe", Times: 1, Do: tt.do})
			c := newClient(api.URL(), newSecret(testToken))
			within := time.Minute
			if tt.want == "no answer in time" {
				within = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			var me user
			_, err := c.callWithin(ctx, "getMe", params{}, &me)
			if err == nil {
				t.Fatalf("got %+v", me)
			}
			wants(t, err.Error(), tt.want)
			if isChatRefusal(err) {
				t.Errorf("taken for a refusal of the chat: %v", err)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), testToken) {
				t.Errorf("the error has the token: %v", err)
			}

			date, err := c.callWithin(t.Context(), "getMe", params{}, &me)
			if err != nil || me.Username != "isc_bot" || time.Since(date).Abs() > time.Minute {
				t.Errorf("then got %+v, %v, %v", me, date, err)
			}
		})
	}
}

func TestCallNobodyThere(t *testing.T) {
	for _, base := range []string{
		"http://" + freeAddr(t), "https://" + freeAddr(t), "http://127.0.0.1:1/\x7f", "http://[::1%25bad",
	} {
		err := newClient(base, newSecret(testToken)).call(t.Context(), "getMe", params{}, nil)
		if err == nil || strings.Contains(err.Error(), testToken) {
			t.Errorf("%s: got %v", base, err)
		}
	}
}

// TestCallHTTP1 checks that HTTP/2 is not used even if a server offers it.
func TestCallHTTP1(t *testing.T) {
	c := newClient("", newSecret(""))
	if p := c.http.Transport.(*http.Transport).Protocols; p.HTTP2() || p.UnencryptedHTTP2() || !p.HTTP1() {
		t.Error("protocols", p)
	}
}

func TestAPIError(t *testing.T) {
	for name, tt := range map[string]struct {
		body  string
		want  apiError
		after time.Duration // that Telegram asked to wait
	}{
		"too many": {
			refusal(429, "Too Many Requests: retry after 7", `"retry_after":7`),
			apiError{429, "Too Many Requests: retry after 7", 7 * time.Second, 0}, 7 * time.Second,
		},
		"for years": {refusal(429, "x", `"retry_after":99999999`), apiError{429, "x", time.Hour, 0}, time.Hour},
		"for less":  {refusal(429, "x", `"retry_after":-5`), apiError{429, "x", 0, 0}, 0},
		"migrated":  {refusal(400, "x", `"migrate_to_chat_id":-1001`), apiError{400, "x", 0, -1001}, 0},
		"no code":   {`{"ok":false}`, apiError{200, "", 0, 0}, 0},
		"long-winded": {
			refusal(400, strings.Repeat("x", 300), ""),
			apiError{400, strings.Repeat("x", 200) + "...", 0, 0}, 0,
		},
		"no parameters": {`{"ok":false,"error_code":403,"description":"x"}`, apiError{403, "x", 0, 0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(func(context.Context, string, map[string]any) string { return tt.body }).client()
			_, err := c.sendMessage(t.Context(), post{chat: -5, html: "x"})
			e, ok := errors.AsType[*apiError](err)
			if !ok || *e != tt.want {
				t.Errorf("got %v", err)
			}
			if got := retryAfter(err); got != tt.after {
				t.Errorf("got %v to wait, want %v", got, tt.after)
			}
		})
	}
}

// TestForwarded checks that a forwarded message is recognized by the fields of
// Bot API servers older than 7.0 too.
func TestForwarded(t *testing.T) {
	for fields, want := range map[string]bool{
		"":                                      true,
		`,"forward_origin":null`:                true,
		`,"forward_origin":{"type":"user"}`:     false,
		`,"forward_date":1781517127`:            false,
		`,"forward_from":{"id":8}`:              false,
		`,"forward_date":1,"forward_from":null`: false,
	} {
		var m message
		err := json.Unmarshal([]byte(`{"from":{"id":7}`+fields+`}`), &m)
		if got := m.fromPerson(); err != nil || got != want {
			t.Errorf("%s: got %v (%v), want %v", fields, got, err, want)
		}
	}
}

// TestMigration checks that a group's new ID is taken from the error of any
// call.
func TestMigration(t *testing.T) {
	const from, to = int64(-5), groupID
	for name, tt := range map[string]struct {
		call func(ctx context.Context, c *client) error
		want bool
	}{
		"sendMessage": {func(ctx context.Context, c *client) error {
			_, err := c.sendMessage(ctx, post{chat: from})
			return err
		}, true},
		"editMessageText": {func(ctx context.Context, c *client) error {
			return c.editMessage(ctx, from, 1, "x", nil)
		}, true},
		"getChat": {func(ctx context.Context, c *client) error {
			return c.call(ctx, "getChat", params{"chat_id": from}, nil)
		}, true},
		"setMyCommands": {func(ctx context.Context, c *client) error {
			return c.call(ctx, "setMyCommands", params{"scope": params{"type": "chat", "chat_id": from}}, nil)
		}, true},
		"about no chat": {func(ctx context.Context, c *client) error {
			return c.call(ctx, "setMyCommands", params{"scope": params{"type": "default"}}, nil)
		}, false},
		"to itself": {func(ctx context.Context, c *client) error {
			return c.call(ctx, "getChat", params{"chat_id": to}, nil)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(func(context.Context, string, map[string]any) string {
				return refusal(400, "upgraded", fmt.Sprintf(`"migrate_to_chat_id":%d`, to))
			}).client()
			var got []int64
			c.migrated = func(from, to int64) { got = append(got, from, to) }
			if err := tt.call(t.Context(), c); err == nil {
				t.Error("no error")
			}
			var want []int64
			if tt.want {
				want = []int64{from, to}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// A slowBody returns a byte a second until its request is canceled.
type slowBody struct{ ctx context.Context }

func (d slowBody) Read(b []byte) (int, error) {
	pause(d.ctx, time.Second)
	b[0] = ' '
	return 1, d.ctx.Err()
}

func (slowBody) Close() error { return nil }

// TestDate checks that only Telegram's own answers count as answers, that the
// time is taken only from these, and that it is right even if an answer is slow.
func TestDate(t *testing.T) {
	slow := func(ctx context.Context, text string) io.ReadCloser {
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(slowBody{ctx}, 5), strings.NewReader(text)), slowBody{}}
	}
	for name, tt := range map[string]struct {
		body   string
		status int
		date   string
		want   int // calls of client.date
		told   int // of client.answered
	}{
		"an answer":      {okTrue, 200, "Thu, 25 Jun 2026 10:00:00 GMT", 1, 1},
		"a refusal":      {refusal(400, "x", ""), 400, "Thu, 25 Jun 2026 10:00:00 GMT", 1, 1},
		"a login page":   {"<html>", 200, "Thu, 25 Jun 2026 10:00:00 GMT", 0, 0},
		"a bad gateway":  {"<html>", 502, "Thu, 25 Jun 2026 10:00:00 GMT", 0, 0},
		"no date":        {okTrue, 200, "", 0, 1},
		"an unread date": {okTrue, 200, "yesterday", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				c := network(func(r *http.Request) (*http.Response, error) {
					resp := answer(slow(r.Context(), tt.body))
					resp.StatusCode = tt.status
					resp.Header.Set("Date", tt.date)
					return resp, nil
				}).client()
				n, told := 0, 0
				c.answered = func() { told++ }
				c.date = func(server, own time.Time) {
					n++
					if want := time.Date(2026, 6, 25, 10, 0, 0, 0, time.UTC); !server.Equal(want) || !own.Equal(begin) {
						t.Errorf("got %v and %v", server, own)
					}
				}
				c.call(t.Context(), "getMe", params{}, nil)
				if n != tt.want || told != tt.told {
					t.Errorf("called %d and %d times, want %d and %d", n, told, tt.want, tt.told)
				}
				if d := time.Since(begin); d != 5*time.Second {
					t.Errorf("the answer took %v", d)
				}
			})
		})
	}
}

// TestSendPlain checks that a text is sent without markup if Telegram rejects
// the markup.
func TestSendPlain(t *testing.T) {
	api := venue.NewAPI(testToken, "isc_bot")
	defer api.Close()
	api.Know(venue.Private(ann))
	c := newClient(api.URL(), newSecret(testToken))
	if _, err := c.sendMessage(t.Context(), post{chat: ann.ID, html: "<pre>a &lt; b"}); err != nil {
		t.Fatal(err)
	}
	if m := api.Messages(ann.ID); len(m) != 1 || m[0].Text != "a < b" {
		t.Errorf("got %+v", m)
	}
}

// TestSendFallbacks checks that parameters that Telegram rejects are left out.
func TestSendFallbacks(t *testing.T) {
	for name, tt := range map[string]struct {
		refuses []string // one description for each attempt
		left    []string // parameters of the last attempt
		fails   bool
	}{
		"taken":              {nil, []string{"parse_mode", "reply_parameters"}, false},
		"markup":             {[]string{"Bad Request: can't parse entities: x"}, []string{"reply_parameters"}, false},
		"reply to a deleted": {[]string{"Bad Request: message to be replied not found"}, []string{"parse_mode"}, false},
		"both": {
			[]string{"Bad Request: message to be replied not found", "Bad Request: can't parse entities: x"},
			nil, false,
		},
		"something else": {[]string{"Bad Request: odd"}, []string{"parse_mode", "reply_parameters"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var last map[string]any
			refuses := slices.Clone(tt.refuses)
			c := answering(func(_ context.Context, _ string, in map[string]any) string {
				last = in
				if len(refuses) > 0 {
					text := refuses[0]
					refuses = refuses[1:]
					return refusal(400, text, "")
				}
				return `{"ok":true,"result":{"message_id":7}}`
			}).client()
			id, err := c.sendMessage(t.Context(), post{chat: 1, html: "x", replyTo: 5})
			if fails := err != nil; fails != tt.fails || !fails && id != 7 {
				t.Errorf("got %d, %v", id, err)
			}
			want := append([]string{"chat_id", "disable_notification", "text"}, tt.left...)
			slices.Sort(want)
			if got := slices.Sorted(maps.Keys(last)); !slices.Equal(got, want) {
				t.Errorf("the last attempt had %q, want %q", got, want)
			}
		})
	}
}

// TestSendUnreadResult checks that a message was sent if Telegram says so.
func TestSendUnreadResult(t *testing.T) {
	c := answering(func(context.Context, string, map[string]any) string { return `{"ok":true,"result":[1]}` }).client()
	if id, err := c.sendMessage(t.Context(), post{chat: 1, html: "x"}); id != 0 || err != nil {
		t.Errorf("got %d, %v", id, err)
	}
}

func TestPostParams(t *testing.T) {
	keys := [][]button{{{"text", "data"}}}
	inTopic := message{ID: 5, Chat: chat{ID: -1, Type: "supergroup"}, ThreadID: 42, InTopic: true}
	general := message{ID: 5, Chat: chat{ID: -1, Type: "supergroup"}, ThreadID: 1, InTopic: true}
	thread := message{ID: 5, Chat: chat{ID: -1, Type: "supergroup"}, ThreadID: 42} // a thread of replies
	private := message{ID: 5, Chat: chat{ID: 1, Type: "private"}}
	reply := `"reply_parameters":{"allow_sending_without_reply":true,"message_id":5}`
	for name, tt := range map[string]struct {
		post post
		want string
	}{
		"plain":  {post{chat: 1}, `{"chat_id":1,"disable_notification":false}`},
		"silent": {post{chat: 1, silent: true}, `{"chat_id":1,"disable_notification":true}`},
		"keys": {
			post{chat: 1, keys: keys},
			`{"chat_id":1,"disable_notification":false,` +
				`"reply_markup":{"inline_keyboard":[[{"text":"text","callback_data":"data"}]]}}`,
		},
		"private": {replyTo(&private), `{"chat_id":1,"disable_notification":false}`},
		"topic": {
			replyTo(&inTopic),
			`{"chat_id":-1,"disable_notification":false,"message_thread_id":42,` + reply + `}`,
		},
		"general":   {replyTo(&general), `{"chat_id":-1,"disable_notification":false,` + reply + `}`},
		"in thread": {replyTo(&thread), `{"chat_id":-1,"disable_notification":false,` + reply + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(tt.post.params())
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, want %s (%v)", got, tt.want, err)
			}
		})
	}
}

// TestHarmless checks that it is not an error if Telegram refuses a call
// because nothing would change or because it is too late.
func TestHarmless(t *testing.T) {
	for name, tt := range map[string]struct {
		description string
		call        func(ctx context.Context, c *client) error
		harmless    bool
	}{
		"same text":    {"Bad Request: message is not modified: x", editAny, true},
		"no such text": {"Bad Request: message to edit not found", editAny, false},
		"late answer":  {"Bad Request: query is too old and response timeout expired", answerAny, true},
		"other answer": {"Bad Request: odd", answerAny, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(func(context.Context, string, map[string]any) string {
				return refusal(400, tt.description, "")
			}).client()
			if err := tt.call(t.Context(), c); (err == nil) != tt.harmless {
				t.Errorf("got %v", err)
			}
		})
	}
}

func editAny(ctx context.Context, c *client) error   { return c.editMessage(ctx, 1, 2, "x", nil) }
func answerAny(ctx context.Context, c *client) error { return c.answerCallback(ctx, "1", "x") }

func TestFromPerson(t *testing.T) {
	person := user{ID: 7, FirstName: "Ann"}
	for name, tt := range map[string]struct {
		m    message
		want bool
	}{
		"a person":     {message{From: &person}, true},
		"nobody":       {message{}, false},
		"a bot":        {message{From: &user{ID: 1087968824, IsBot: true}}, false},
		"a channel":    {message{From: &user{ID: telegramService}}, false},
		"in a name":    {message{From: &person, SenderChat: &chat{ID: -1}}, false},
		"through one":  {message{From: &person, ViaBot: &user{ID: 8}}, false},
		"a forwarding": {message{From: &person, ForwardOrigin: json.RawMessage(`{}`)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.m.fromPerson(); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestUserName(t *testing.T) {
	for name, tt := range map[string]struct {
		first, last, want string
	}{
		"first":     {"Ann", "", "Ann"},
		"both":      {"Ann", "Lee", "Ann Lee"},
		"none":      {"", "", "somebody"},
		"blank":     {" ", "\u200b", "somebody"},
		"lines":     {"Ann\n2026-06-15 --- Team: Above", "", "Ann 2026-06-15 --- Team: Above"},
		"very long": {strings.Repeat("x", 100), "", strings.Repeat("x", 60) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			u := user{FirstName: tt.first, LastName: tt.last}
			if got := u.name(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzPlainText(f *testing.F) {
	f.Add("a <b>&amp;lt;</b> & \U0001F600")
	f.Fuzz(func(t *testing.T, text string) {
		if got := plainText("<b>" + escape(text) + "</b>"); got != text {
			t.Errorf("got %q from %q", got, text)
		}
	})
}

// FuzzReadAnswer checks that only an answer that says "ok" is a success.
func FuzzReadAnswer(f *testing.F) {
	f.Add(200, []byte(okTrue))
	f.Add(400, []byte(refusal(400, "x", `"migrate_to_chat_id":-1001`)))
	f.Add(429, []byte(refusal(429, "x", `"retry_after":1e300`)))
	f.Add(200, []byte(`{"ok":null}`))
	f.Add(502, []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		_, err := readAnswer(&http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body))})
		if err == nil && !bytes.Contains(bytes.ToLower(body), []byte("true")) {
			t.Errorf("status %d, %q is a success", status, body)
		}
		if e, ok := errors.AsType[*apiError](err); ok {
			wild := e.RetryAfter < 0 || e.RetryAfter > time.Hour || utf8.RuneCountInString(e.Description) > 203
			if wild {
				t.Errorf("got %+v", e)
			}
		}
	})
}

func TestTextLen(t *testing.T) {
	for text, want := range map[string]int{"": 0, "W": 1, "Zürich": 6, "▇": 1, "🔥": 2, "\xff": 1, "\xed\xa0\x80": 3} {
		if n := textLen(text); n != want {
			t.Errorf("%q: got %d, want %d", text, n, want)
		}
	}
}

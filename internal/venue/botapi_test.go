package venue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	ann = User{ID: 424242424, Name: "Ann", Username: "ann"}
	bob = User{ID: 434343434, Name: "Bob"}
)

// A testBot is the tests' client: one with its own connections.
type testBot struct {
	t *testing.T
	*API
	client *http.Client
	token  string
}

func startBot(t *testing.T) *testBot {
	a := NewAPI("123456:secret", "iscbot")
	b := &testBot{t, a, &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, "123456:secret"}
	t.Cleanup(func() { b.client.CloseIdleConnections(); a.Close() })
	return b
}

type testReply struct {
	OK          bool
	Result      json.RawMessage
	ErrorCode   int `json:"error_code"`
	Description string
	Parameters  struct {
		RetryAfter int   `json:"retry_after"`
		Migrate    int64 `json:"migrate_to_chat_id"`
	}
}

type fields = map[string]any

// raw makes a call and returns the answer as it came.
func (b *testBot) raw(method string, p fields) (resp *http.Response, body []byte, err error) {
	js, _ := json.Marshal(p)
	resp, err = b.client.Post(b.URL()+"/bot"+b.token+"/"+method, "application/json", bytes.NewReader(js))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp, body, err
}

func (b *testBot) call(method string, p fields) (r testReply) {
	b.t.Helper()
	resp, body, err := b.raw(method, p)
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	if err := json.Unmarshal(body, &r); err != nil {
		b.t.Fatalf("%s: %v in %q", method, err, body)
	}
	if want := max(200, r.ErrorCode); resp.StatusCode != want {
		b.t.Errorf("%s: status %d with error code %d", method, resp.StatusCode, r.ErrorCode)
	}
	return r
}

func (b *testBot) send(chat int64, text string, more ...any) int64 {
	b.t.Helper()
	p := fields{"chat_id": chat, "text": text}
	for i := 0; i < len(more); i += 2 {
		p[more[i].(string)] = more[i+1]
	}
	r := b.call("sendMessage", p)
	var m struct {
		ID int64 `json:"message_id"`
	}
	if json.Unmarshal(r.Result, &m); !r.OK || m.ID == 0 {
		b.t.Fatalf("sendMessage %q: %+v", text, r)
	}
	return m.ID
}

// ids polls once and returns the ids of the updates.
func (b *testBot) ids(p fields) (ids []int64) {
	b.t.Helper()
	if p["allowed_updates"] == nil {
		p["allowed_updates"] = []string{"message", "callback_query"}
	}
	for _, u := range b.updates(p) {
		ids = append(ids, int64(u["update_id"].(float64)))
	}
	return ids
}

func (b *testBot) updates(p fields) (list []fields) {
	b.t.Helper()
	r := b.call("getUpdates", p)
	if err := json.Unmarshal(r.Result, &list); err != nil {
		b.t.Fatalf("getUpdates: %v in %+v", err, r)
	}
	return list
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func keyboard(data ...string) fields {
	var row []fields
	for _, d := range data {
		row = append(row, fields{"text": "B", "callback_data": d})
	}
	return fields{"inline_keyboard": [][]fields{row}}
}

func TestAPIMethods(t *testing.T) {
	const group, super = int64(-4000), int64(-1001234567890)
	long := strings.Repeat("x", 4096)
	for _, tt := range []struct {
		name, method string
		p            fields
		code         int    // 0 for ok
		want         string // in the description or the result
	}{
		{"getMe", "getMe", nil, 0, `"username":"iscbot"`},
		{"unknown method", "sendFax", nil, 404, "Not Found: method not found"},
		{"send", "sendMessage", fields{"chat_id": ann.ID, "text": "hi"}, 0, `"text":"hi"`},
		{"chat as text", "sendMessage", fields{"chat_id": "424242424", "text": "hi"}, 0, `"text":"hi"`},
		{"without chat", "sendMessage", fields{"text": "hi"}, 400, "Bad Request: chat_id is empty"},
		{"unknown chat", "sendMessage", fields{"chat_id": 99, "text": "hi"}, 400, "Bad Request: chat not found"},
		{"chat by name", "sendMessage", fields{"chat_id": "@nobody", "text": "hi"}, 400, "Bad Request: chat not found"},
		{"only met in a group", "sendMessage", fields{"chat_id": bob.ID, "text": "hi"}, 403, "Forbidden: bot can't initiate"},
		{"blocked", "sendMessage", fields{"chat_id": 7, "text": "hi"}, 403, "Forbidden: bot was blocked by the user"},
		{"thrown out", "sendMessage", fields{"chat_id": -7, "text": "hi"}, 403, "Forbidden: bot was kicked from the group chat"},
		{"migrated", "sendMessage", fields{"chat_id": -8, "text": "hi"}, 400, "Bad Request: group chat was upgraded"},
		{"empty", "sendMessage", fields{"chat_id": ann.ID}, 400, "Bad Request: message text is empty"},
		{"blank", "sendMessage", fields{"chat_id": ann.ID, "text": " \n"}, 400, "Bad Request: message text is empty"},
		{"empty bold", "sendMessage", fields{"chat_id": ann.ID, "text": "<b></b>", "parse_mode": "HTML"}, 400, "Bad Request: message text is empty"},
		{"longest", "sendMessage", fields{"chat_id": ann.ID, "text": "<pre>" + long[5:] + "&amp;&lt;&#33;&quot;&gt;</pre>", "parse_mode": "HTML"}, 0, `"text":"xxx`},
		{"too long", "sendMessage", fields{"chat_id": ann.ID, "text": long[1:] + "😀"}, 400, "Bad Request: message is too long"},
		{"bad HTML", "sendMessage", fields{"chat_id": ann.ID, "text": "<b>x", "parse_mode": "HTML"}, 400, "Bad Request: can't parse entities: Can't find end tag"},
		{"other mode", "sendMessage", fields{"chat_id": ann.ID, "text": "x", "parse_mode": "RTF"}, 400, "Bad Request: unsupported parse_mode"},
		{"reply", "sendMessage", fields{"chat_id": ann.ID, "text": "x", "reply_parameters": fields{"message_id": 1}}, 0, `"text":"x"`},
		{"reply to nothing", "sendMessage", fields{"chat_id": ann.ID, "text": "x", "reply_parameters": fields{"message_id": 77}}, 400, "Bad Request: message to be replied not found"},
		{"reply anyway", "sendMessage", fields{"chat_id": ann.ID, "text": "x", "reply_parameters": fields{"message_id": 77, "allow_sending_without_reply": true}}, 0, `"text":"x"`},
		{"keyboard", "sendMessage", fields{"chat_id": ann.ID, "text": "x", "reply_markup": keyboard("a", "b")}, 0, `"callback_data":"b"`},
		{"keyboard in text", "sendMessage", fields{"chat_id": ann.ID, "text": "x", "reply_markup": `{"inline_keyboard":[[{"text":"B","callback_data":"a"}]]}`}, 0, `"callback_data":"a"`},
		{"data of 65 bytes", "sendMessage", fields{"chat_id": ann.ID, "text": "x", "reply_markup": keyboard(long[:65])}, 400, "Bad Request: BUTTON_DATA_INVALID"},
		{"101 buttons", "sendMessage", fields{"chat_id": ann.ID, "text": "x", "reply_markup": keyboard(strings.Split(long[:101], "")...)}, 400, "Bad Request: reply markup is too long"},
		{"button without data", "sendMessage", fields{"chat_id": ann.ID, "text": "x", "reply_markup": fields{"inline_keyboard": [][]fields{{{"text": "B"}}}}}, 400, "Bad Request: can't parse inline keyboard button"},
		{"edit", "editMessageText", fields{"chat_id": ann.ID, "message_id": 2, "text": "new"}, 0, `"edit_date"`},
		{"edit to the same", "editMessageText", fields{"chat_id": ann.ID, "message_id": 2, "text": "<i>first</i>", "parse_mode": "HTML", "reply_markup": keyboard("a")}, 400, "Bad Request: message is not modified: "},
		{"edit the keyboard away", "editMessageReplyMarkup", fields{"chat_id": ann.ID, "message_id": 2}, 0, `"text":"first"`},
		{"edit another's", "editMessageText", fields{"chat_id": ann.ID, "message_id": 1, "text": "x"}, 400, "Bad Request: message can't be edited"},
		{"edit with force_reply", "editMessageText", fields{"chat_id": ann.ID, "message_id": 3, "text": "x"}, 400, "Bad Request: message can't be edited"},
		{"edit nothing", "editMessageText", fields{"chat_id": ann.ID, "message_id": 77, "text": "x"}, 400, "Bad Request: message to edit not found"},
		{"delete", "deleteMessage", fields{"chat_id": ann.ID, "message_id": 2}, 0, "true"},
		{"delete the user's", "deleteMessage", fields{"chat_id": ann.ID, "message_id": 1}, 0, "true"},
		{"delete nothing", "deleteMessage", fields{"chat_id": ann.ID, "message_id": 77}, 400, "Bad Request: message to delete not found"},
		{"delete another's in a group", "deleteMessage", fields{"chat_id": super, "message_id": 1}, 400, "Bad Request: message can't be deleted"},
		{"answer nothing", "answerCallbackQuery", fields{"callback_query_id": "1"}, 400, "Bad Request: query is too old"},
		{"commands", "setMyCommands", fields{"commands": []fields{{"command": "current", "description": "Power"}}, "scope": fields{"type": "all_group_chats"}}, 0, "true"},
		{"commands of a chat", "setMyCommands", fields{"commands": []fields{}, "scope": fields{"type": "chat", "chat_id": super}}, 0, "true"},
		{"commands of no chat", "setMyCommands", fields{"commands": []fields{}, "scope": fields{"type": "chat", "chat_id": 99}}, 400, "Bad Request: chat not found"},
		{"command in capitals", "setMyCommands", fields{"commands": []fields{{"command": "Current", "description": "Power"}}}, 400, "Bad Request: BOT_COMMAND_INVALID"},
		{"deleted commands", "deleteMyCommands", nil, 0, "true"},
		{"webhook", "getWebhookInfo", nil, 0, `"url":""`},
		{"delete webhook", "deleteWebhook", nil, 0, "true"},
		{"getChat", "getChat", fields{"chat_id": group}, 0, `"type":"group"`},
		{"getChat of a blocker", "getChat", fields{"chat_id": 7}, 0, `"type":"private"`},
		{"getChat of nobody", "getChat", fields{"chat_id": 99}, 400, "Bad Request: chat not found"},
		{"typing", "sendChatAction", fields{"chat_id": ann.ID, "action": "typing"}, 0, "true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := startBot(t)
			b.Say(Private(ann), ann, "/start")
			b.Say(Group(super), bob, "hello")
			b.Know(Group(group))
			b.Know(Group(-8))
			b.Migrate(-8, -1008)
			for _, c := range []Chat{Private(User{ID: 7}), Group(-7)} {
				b.Know(c)
				b.Block(c.ID)
			}
			b.send(ann.ID, "<i>first</i>", "parse_mode", "HTML", "reply_markup", keyboard("a"))
			b.send(ann.ID, "Which?", "reply_markup", fields{"force_reply": true})

			r := b.call(tt.method, tt.p)
			if r.OK != (tt.code == 0) || r.ErrorCode != tt.code || !strings.Contains(r.Description+string(r.Result), tt.want) {
				t.Errorf("got %+v %s, want %d %s", r, r.Result, tt.code, tt.want)
			}
			if tt.name == "migrated" && r.Parameters.Migrate != -1008 {
				t.Errorf("parameters %+v", r.Parameters)
			}
		})
	}
}

func TestAPIToken(t *testing.T) {
	b := startBot(t)
	for token, code := range map[string]int{"123456:secret": 0, "123456:wrong": 401, "secret": 404, "x:secret": 404} {
		b.token = token
		if r := b.call("getMe", nil); r.ErrorCode != code {
			t.Errorf("token %s: %+v, want %d", token, r, code)
		}
	}
}

func TestAPIHTML(t *testing.T) {
	for _, tt := range []struct{ html, text, mistake string }{
		{"a", "a", ""},
		{"<b>a</b> <PRE>b</PRE>", "a b", ""},
		{"&lt;&gt;&amp;&quot;&#65;&#x42;&nbsp;&x", `<>&"AB&nbsp;&x`, ""},
		{`<a href="x">y</a><pre><code class="language-go">z</code></pre>`, "yz", ""},
		{`<span class="tg-spoiler">s</span>`, "s", ""},
		{"<span>s</span>", "", `Tag "span" must have class "tg-spoiler" at byte offset 0`},
		{"a < b", "", "Unclosed start tag at byte offset 2"},
		{"ä<p>b</p>", "", `Unsupported start tag "p" at byte offset 2`},
		{"<>", "", `Unsupported start tag "" at byte offset 0`},
		{"</b>", "", "Unexpected end tag at byte offset 0"},
		{"<b><i>x</b></i>", "", `Unmatched end tag at byte offset 7, expected "</i>", found "</b>"`},
		{"<b><i>x</i>", "", `Can't find end tag corresponding to start tag "b"`},
	} {
		text, pre, _, mistake := plainText(tt.html)
		if mistake != tt.mistake || mistake == "" && (text != tt.text || pre != strings.Contains(strings.ToLower(tt.html), "<pre>")) {
			t.Errorf("%s: %q %v %q, want %q %q", tt.html, text, pre, mistake, tt.text, tt.mistake)
		}
	}
}

func TestAPIMessages(t *testing.T) {
	b := startBot(t)
	b.Know(Private(ann))
	id := b.send(ann.ID, "<pre>a &lt; b</pre>", "parse_mode", "HTML", "disable_notification", true, "reply_markup", keyboard("x"))
	b.call("editMessageReplyMarkup", fields{"chat_id": ann.ID, "message_id": id})
	got := b.Messages(ann.ID)[0]
	want := Message{ID: id, Chat: ann.ID, Text: "a < b", HTML: "<pre>a &lt; b</pre>", Pre: true, Silent: true, Edited: 1, At: got.At}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	b.call("deleteMessage", fields{"chat_id": ann.ID, "message_id": id})
	if !b.Messages(0)[0].Deleted {
		t.Error("not deleted")
	}
	b.Migrate(ann.ID, 5)
	if b.call("sendMessage", fields{"chat_id": 5, "text": "x"}); len(b.Messages(5)) != 1 {
		t.Error("the migrated chat got nothing")
	}
}

func TestAPIAwait(t *testing.T) {
	b := startBot(t)
	b.Know(Private(ann))
	id := b.send(ann.ID, "working")
	done := make(chan error, 1)
	go func() {
		_, err := b.Await(within(t), func(m Message) bool { return m.Text == "done" })
		done <- err
	}()
	b.call("editMessageText", fields{"chat_id": ann.ID, "message_id": id, "text": "done"})
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Await(ctx, func(m Message) bool { return false })
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `to 424242424: "done"`) {
		t.Errorf("error %v", err)
	}
}

func TestAPIUpdates(t *testing.T) {
	b := startBot(t)
	say := func() int64 { return b.Say(Private(ann), ann, "/current") }
	u := []int64{say(), say(), say(), say()}
	for _, step := range []struct {
		name string
		p    fields
		want []int64
	}{
		{"all", fields{}, u},
		{"all again", fields{"offset": 0}, u},
		{"limit", fields{"limit": 2}, u[:2]},
		{"confirm one", fields{"offset": u[1]}, u[1:]},
		{"confirmed for good", fields{"offset": 0}, u[1:]},
		{"from the end", fields{"offset": -1, "timeout": 1}, u[3:]},
		{"the rest forgotten", fields{}, u[3:]},
		{"from long ago", fields{"offset": u[3] + 1000}, u[3:]},
		{"confirm all", fields{"offset": u[3] + 1}, nil},
	} {
		if got := b.ids(step.p); !reflect.DeepEqual(got, step.want) {
			t.Errorf("%s: got %v, want %v", step.name, got, step.want)
		}
	}
	if err := b.AwaitConfirmed(within(t)); err != nil || !b.Confirmed(u[3]) {
		t.Error("not confirmed", err)
	}
}

func TestAPIIDsRestart(t *testing.T) {
	b := startBot(t)
	old := b.Say(Private(ann), ann, "old")
	b.NextID(1000)
	if id := b.Say(Private(ann), ann, "new"); id != 1000 {
		t.Fatal("id", id)
	}
	if got, want := b.ids(fields{"offset": old, "timeout": 5}), []int64{old, 1000}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := b.ids(fields{"offset": 1001}); got != nil || !b.Confirmed(old) {
		t.Errorf("still there: %v", got)
	}
	if id := b.Update(fields{"update_id": 7, "message": fields{}}); id != 7 || b.Confirmed(7) {
		t.Error("id", id)
	}
	if got := b.Complaints(); len(got) > 1 { // the second getUpdates had no timeout, which is fine once
		t.Error(got)
	}
}

func TestAPILongPoll(t *testing.T) {
	b := startBot(t)
	got := make(chan []int64)
	go func() { got <- b.ids(fields{"timeout": 50}) }()
	if err := b.Until(within(t), func() bool { return len(b.Calls("getUpdates")) > 0 }); err != nil {
		t.Fatal(err)
	}
	id := b.Say(Private(ann), ann, "x")
	if ids := <-got; !reflect.DeepEqual(ids, []int64{id}) {
		t.Error(ids)
	}
	if id := b.Update(fields{"edited_message": fields{}}); id != 0 {
		t.Error("an update that was not asked for has id", id)
	}
	if got := b.Complaints(); got != nil {
		t.Error(got)
	}
}

func TestAPIConflict(t *testing.T) {
	b := startBot(t)
	first := make(chan testReply)
	go func() { first <- b.call("getUpdates", fields{"timeout": 50, "allowed_updates": []string{}}) }()
	if err := b.Until(within(t), func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.poll != nil }); err != nil {
		t.Fatal(err)
	}
	second := make(chan testReply)
	go func() { second <- b.call("getUpdates", fields{"timeout": 50, "allowed_updates": []string{}}) }()
	if r := <-first; r.ErrorCode != 409 || !strings.HasPrefix(r.Description, "Conflict: terminated by other getUpdates request; make") {
		t.Errorf("first: %+v", r)
	}
	if got := b.Complaints(); !reflect.DeepEqual(got, []string{"two getUpdates at once"}) {
		t.Error(got)
	}
	b.SetWebhook("https://elsewhere.example/")
	if r := <-second; r.ErrorCode != 409 {
		t.Errorf("second: %+v", r)
	}
	if r := b.call("getUpdates", fields{}); r.ErrorCode != 409 || !strings.Contains(r.Description, "webhook is active") {
		t.Errorf("third: %+v", r)
	}
	b.call("deleteWebhook", nil)
	if r := b.call("getUpdates", fields{}); !r.OK {
		t.Errorf("fourth: %+v", r)
	}
}

func TestAPIWhatPeopleDo(t *testing.T) {
	b := startBot(t)
	b.Skew(-3 * time.Hour)
	group := Group(-1001)
	b.Say(group, bob, "😀 /reset@iscbot 101\n/a /")
	question := b.send(group.ID, "Which?", "reply_markup", keyboard("n:101"))
	b.Reply(group, bob, question, "101")
	query := b.Press(group, bob, question, "n:101")
	b.Press(group, bob, 999, "forged")
	b.Press(group, bob, 0, "inline")
	b.SayAt(time.Unix(1000, 0), group, bob, "old")
	b.Update(json.RawMessage(`{"message":{"message_id":"x","chat":{"id":-55,"type":"group"}}}`))

	u := b.updates(fields{"allowed_updates": []string{}})
	at := func(i int, path ...string) any {
		var v any = u[i]
		for _, p := range path {
			m, _ := v.(fields)
			v = m[p]
		}
		return v
	}
	for _, tt := range []struct{ got, want any }{
		{at(0, "message", "entities"), []any{
			fields{"type": "bot_command", "offset": 3.0, "length": 13.0},
			fields{"type": "bot_command", "offset": 21.0, "length": 2.0}}},
		{at(0, "message", "from", "id"), float64(bob.ID)},
		{at(0, "message", "chat", "type"), "group"},
		{at(1, "message", "reply_to_message", "from", "username"), "iscbot"},
		{at(2, "callback_query", "id"), query},
		{at(2, "callback_query", "message", "message_id"), float64(question)},
		{at(2, "callback_query", "data"), "n:101"},
		{at(3, "callback_query", "message", "date"), 0.0},
		{at(4, "callback_query", "message"), nil},
		{at(5, "message", "date"), 1000.0},
		{at(6, "message", "message_id"), "x"},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("got %v, want %v", tt.got, tt.want)
		}
	}
	b.send(-55, "known by its update")

	resp, _, err := b.raw("answerCallbackQuery", fields{"callback_query_id": query, "text": "Thanks"})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := b.AwaitAnswer(within(t), query); text != "Thanks" || err != nil {
		t.Error(text, err)
	}
	date, _ := http.ParseTime(resp.Header.Get("Date"))
	if d := time.Since(date) - 3*time.Hour; d < -time.Minute || d > time.Minute {
		t.Error("Date", date)
	}

	b.Privacy(true)
	for text, heard := range map[string]bool{"101": false, "/reset": true} {
		if id := b.Say(group, bob, text); (id != 0) != heard {
			t.Errorf("%s in a group with privacy mode: update %d", text, id)
		}
	}
	if b.Reply(group, bob, question, "101") == 0 || b.Say(Private(bob), bob, "101") == 0 {
		t.Error("privacy mode hides too much")
	}
}

func TestAPIFaults(t *testing.T) {
	refused := func(code int, description string) string {
		js, _ := json.Marshal(fields{"ok": false, "error_code": code, "description": description})
		return string(js)
	}
	for _, tt := range []struct {
		name string
		do   Manner
		code int    // 0 for no answer at all
		body string // begins with it
		sent int
	}{
		{"TooMany", TooMany(3), 429, `{"description":"Too Many Requests: retry after 3","error_code":429,"ok":false,"parameters":{"retry_after":3}}`, 0},
		{"Refuse", Refuse(500, "Internal Server Error"), 500, refused(500, "Internal Server Error"), 0},
		{"BadGateway", BadGateway, 502, "<html>", 0},
		{"Portal", Portal, 200, "<html>", 0},
		{"Redirect", Redirect("http://portal.invalid/"), 302, "", 0},
		{"Empty", Empty, 200, "", 0},
		{"Cut", Cut, 0, "", 0},
		{"Reset", Reset, 0, "", 0},
		{"Lose", Lose, 0, "", 1},
		{"Truncated", Truncated, 200, `{"ok":true,"result":{`, 1},
		{"Drip", Drip(time.Microsecond), 200, `{"ok":true,"result":{`, 1},
		{"Huge", Huge(5 << 20), 200, "          ", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := startBot(t)
			b.Know(Private(ann))
			b.Know(Private(bob))
			b.Misbehave(Fault{Method: "getMe", Do: Cut})()
			b.Misbehave(Fault{Method: "sendMessage", Chat: ann.ID, Times: 1, Do: tt.do})
			b.call("getMe", nil)
			b.send(bob.ID, "not touched")

			resp, body, err := b.raw("sendMessage", fields{"chat_id": ann.ID, "text": "x"})
			if (err != nil) != (tt.code == 0 || tt.name == "Truncated") {
				t.Errorf("error %v", err)
			}
			if resp != nil && resp.StatusCode != tt.code || !strings.HasPrefix(string(body), tt.body) {
				t.Errorf("got %v %.99q", resp, body)
			}
			if tt.name == "Huge" && len(body) != 5<<20 || tt.name == "Drip" && !json.Valid(body) {
				t.Errorf("%d bytes", len(body))
			}
			if n := len(b.Messages(ann.ID)); n != tt.sent {
				t.Errorf("%d messages, want %d", n, tt.sent)
			}
			b.send(ann.ID, "over")
		})
	}
}

func TestAPIHangEndsWithTheServer(t *testing.T) {
	b := startBot(t)
	b.Misbehave(Fault{Do: Hang})
	hung := make(chan error)
	go func() { _, _, err := b.raw("getMe", nil); hung <- err }()
	if err := b.Until(within(t), func() bool { return len(b.Calls("getMe")) > 0 }); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if <-hung == nil {
		t.Error("an answer")
	}
}

func TestAPIFreeze(t *testing.T) {
	for _, tls := range []bool{false, true} {
		b := startBot(t)
		if tls { // and so HTTP/2
			certs := httptest.NewTLSServer(nil)
			defer certs.Close()
			b.API = NewTLS(b.token, "iscbot", certs.TLS.Certificates[0])
			defer b.API.Close()
			b.client = certs.Client()
			b.client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
		}
		b.call("getMe", nil)
		b.Freeze()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "POST", b.URL()+"/bot"+b.token+"/getMe", nil)
		if _, err := b.client.Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("the frozen connection answered, or said that it is closed: %v", err)
		}
		b.client.CloseIdleConnections()
		if !tls {
			b.call("getMe", nil) // on a new connection
		} else if got := b.Complaints(); !reflect.DeepEqual(got, []string{"HTTP/2.0"}) {
			t.Error(got)
		}
	}
}

func TestAPIDown(t *testing.T) {
	b := startBot(t)
	b.Know(Private(ann))
	b.call("getMe", nil)
	b.Down()
	if _, _, err := b.raw("getMe", nil); err == nil {
		t.Error("an answer while down")
	}
	b.Up()
	b.send(ann.ID, "back")
}

func TestAPIComplaints(t *testing.T) {
	b := startBot(t)
	b.Know(Private(ann))
	id := b.Say(Private(ann), ann, "x")
	b.call("getUpdates", fields{"offset": id + 1})
	b.call("getUpdates", fields{"offset": id})
	b.Say(Private(ann), ann, "x")
	b.call("getUpdates", fields{"timeout": 60})
	b.call("sendFax", nil)
	b.send(ann.ID, "a & b", "parse_mode", "HTML")
	b.send(ann.ID, "x", "reply_markup", fields{"force_reply": true, "inline_keyboard": [][]fields{}})
	for range 31 {
		b.send(ann.ID, "x")
	}
	resp, err := b.client.Post(b.URL()+"/bot"+b.token+"/getMe", "application/json", strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	resp, err = b.client.PostForm(b.URL()+"/bot"+b.token+"/sendMessage?chat_id=424242424", map[string][]string{"text": {"form"}})
	if err != nil || resp.StatusCode != 200 {
		t.Fatal("form:", resp, err)
	}
	resp.Body.Close()
	got := strings.Join(b.Complaints(), "\n")
	for _, want := range []string{"again and again", "went back", "timeout 60", "without allowed_updates", "unknown method sendFax",
		"an & without escape", "force_reply", "more than 30", "no JSON object"} {
		if !strings.Contains(got, want) {
			t.Errorf("no complaint %q", want)
		}
	}
	if n := len(b.Complaints()); n != 9 {
		t.Errorf("%d complaints:\n%s", n, got)
	}
}

func TestAPITerminal(t *testing.T) {
	b := startBot(t)
	b.Know(Private(bob))
	b.Know(Private(ann))
	id := b.send(ann.ID, "Which\n\n  PDU?", "disable_notification", true, "reply_markup", keyboard("n:101"))
	b.send(bob.ID, "unseen")
	b.call("editMessageText", fields{"chat_id": ann.ID, "message_id": id, "text": "<b>Which?</b>", "parse_mode": "HTML", "reply_markup": keyboard("n:102")})

	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	printed, typed := make(chan bool), make(chan error, 1)
	go func() { b.Print(ctx, ann.ID, &out); close(printed) }()
	go func() {
		typed <- b.Type(within(t), Private(ann), ann, strings.NewReader("\n  /current \n[B]\n[C]"), &out, true)
	}()
	if err := b.Until(within(t), func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.queue) == 2 }); err != nil {
		t.Fatal(err)
	}
	u := b.updates(fields{"allowed_updates": []string{"message", "callback_query"}})
	if u[0]["message"].(fields)["text"] != "/current" || u[1]["callback_query"].(fields)["data"] != "n:102" {
		t.Error(u)
	}
	if len(typed) > 0 {
		t.Error("ended before the updates were confirmed")
	}
	b.ids(fields{"offset": int64(u[1]["update_id"].(float64)) + 1})
	if err := <-typed; err != nil {
		t.Error(err)
	}
	b.send(ann.ID, "last")
	cancel()
	<-printed

	got := out.String()
	for _, m := range b.shown {
		got = strings.ReplaceAll(got, m.At.Format("15:04:05"), "10:32:07")
	}
	for _, want := range []string{
		"iscbot, 10:32:07, silently:\n  Which\n\n    PDU?\n  [B]\n\n",
		"iscbot, 10:32:07, silently, edited:\n  Which?\n  [B]\n\n",
		"> /current\n", "> [B]\n", "> [C]\nThere is no button [C] now.\n", "iscbot, 10:32:07:\n  last\n\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "unseen") {
		t.Error("another chat's message is shown")
	}
}

func TestAPITypeAnswersQuestions(t *testing.T) {
	b := startBot(t)
	b.Know(Private(ann))
	b.send(ann.ID, "Which?", "reply_markup", fields{"force_reply": true})
	in, typist := io.Pipe()
	ctx, cancel := context.WithCancelCause(t.Context())
	typed := make(chan error)
	go func() { typed <- b.Type(ctx, Private(ann), ann, in, io.Discard, false) }()
	io.WriteString(typist, "101\n")
	u := b.updates(fields{"timeout": 20, "allowed_updates": []string{"message"}})
	if u[0]["message"].(fields)["reply_to_message"] == nil {
		t.Error("no reply:", u)
	}
	stop := errors.New("stop")
	cancel(stop)
	if err := <-typed; !errors.Is(err, stop) {
		t.Error(err)
	}
	typist.Close()
}

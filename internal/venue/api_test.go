package venue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

var (
	ann   = User{ID: 424242424, Name: "Ann"}
	bob   = User{ID: 434343434, Name: "Bob"}
	forum = Group(-1001234567890)
)

type fields = map[string]any

// newTestAPI starts a server that knows Ann, whose message is 1 and the bot's is
// 2, and a forum with Bob's message 1 in the open topic 42, and a closed topic 43.
func newTestAPI(t *testing.T) *API {
	t.Helper()
	a := NewAPI("123456:secret", "iscbot")
	t.Cleanup(a.Close)
	a.OpenTopic(forum.ID, 42)
	a.OpenTopic(forum.ID, 43)
	a.CloseTopic(forum.ID, 43)
	a.Say(Private(ann), ann, "😀 /reset@iscbot 101")
	a.Say(forum.In(42), bob, "/current")
	expect(t, a, "sendMessage", fields{"chat_id": ann.ID, "text": "first"}, "200")
	return a
}

// post makes a call and returns the status and the body of the answer. A photo
// makes it multipart.
func post(ctx context.Context, a *API, method string, p fields) (string, error) {
	body, contentType := new(bytes.Buffer), "application/json"
	if photo, ok := p["photo"].([]byte); ok {
		m := multipart.NewWriter(body)
		part, _ := m.CreateFormFile("photo", "photo.png")
		part.Write(photo)
		m.WriteField("chat_id", fmt.Sprint(p["chat_id"]))
		m.WriteField("caption", fmt.Sprint(p["caption"]))
		m.Close()
		contentType = m.FormDataContentType()
	} else {
		json.NewEncoder(body).Encode(p)
	}
	r, err := http.NewRequestWithContext(ctx, "POST", a.URL()+"/bot123456:secret/"+method, body)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(answer)), err
}

// expect makes a call and checks that the answer has all the words.
func expect(t *testing.T, a *API, method string, p fields, words ...string) {
	t.Helper()
	answer, err := post(t.Context(), a, method, p)
	for _, w := range words {
		if err != nil || !strings.Contains(answer, w) {
			t.Errorf("%s: got %.300s, %v; want %s", method, answer, err, w)
		}
	}
}

func picture() []byte {
	var b bytes.Buffer
	png.Encode(&b, image.NewGray(image.Rect(0, 0, 120, 67)))
	return b.Bytes()
}

func keyboard(data string) fields {
	return fields{"inline_keyboard": []any{[]any{fields{"text": "B", "callback_data": data}}}}
}

// TestMethods calls in Ann's chat, unless a chat_id says otherwise.
func TestMethods(t *testing.T) {
	inForum := func(topic, reply int64) fields {
		return fields{"chat_id": forum.ID, "text": "x", "message_thread_id": topic,
			"reply_parameters": fields{"message_id": reply, "allow_sending_without_reply": true}}
	}
	for _, tt := range []struct {
		name, method    string
		p               fields
		want, complaint string
	}{
		{"unknown method", "sendFax", fields{}, "404", "unknown method"},
		{"unknown parameter", "sendMessage", fields{"test": "x"}, "400", "unknown field"},
		{"wrong type", "sendMessage", fields{"text": 7}, "400", "cannot unmarshal number"},
		{"unknown chat", "sendMessage", fields{"chat_id": bob.ID, "text": "x"}, "chat not found", ""},
		{"blocked", "sendMessage", fields{"chat_id": 7, "text": "x"}, "Forbidden: bot was blocked by the user", ""},
		{"migrated", "getChat", fields{"chat_id": -8}, `"migrate_to_chat_id":-1008`, ""},
		{"HTML", "sendMessage", fields{"text": "<pre>1 &lt; 2</pre>", "parse_mode": "HTML"}, `"text":"1 \u003c 2"`, ""},
		{"bad HTML", "sendMessage", fields{"text": "<b><i>2</b></i>", "parse_mode": "HTML"}, "can't parse entities", ""},
		{"too long", "sendMessage", fields{"text": strings.Repeat("x", 4095) + "😀"}, "too long", "4096"},
		{"keyboard", "sendMessage", fields{"text": "x", "reply_markup": keyboard("b")}, `"callback_data":"b"`, ""},
		{"too much data", "sendMessage", fields{"text": "x", "reply_markup": keyboard(strings.Repeat("x", 65))},
			"DATA_INVALID", ""},
		{"topic", "sendMessage", inForum(42, 1), `"is_topic_message":true`, ""},
		{"reply without topic", "sendMessage", inForum(0, 1), `topic_message":true,"message_id":2`, "another topic"},
		{"reply to nothing", "sendMessage", inForum(42, 77), "200", ""},
		{"reply to nothing without topic", "sendMessage", inForum(0, 77), "replied not found", ""},
		{"General by number", "sendMessage", inForum(1, 0), "message thread not found", ""},
		{"closed topic", "sendMessage", inForum(43, 0), "TOPIC_CLOSED", ""},
		{"picture", "sendPhoto", fields{"photo": picture(), "caption": "7"}, `"caption":"7"`, ""},
		{"broken picture", "sendPhoto", fields{"photo": picture()[:60]}, "IMAGE_PROCESS_FAILED", ""},
		{"edit nothing", "editMessageText", fields{"message_id": 2, "text": "first"}, "message is not modified", ""},
		{"edit Ann's", "editMessageText", fields{"message_id": 1, "text": "x"}, "message can't be edited", ""},
		{"old query", "answerCallbackQuery", fields{"callback_query_id": "1"}, "query is too old", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newTestAPI(t)
			a.Know(Private(User{ID: 7}))
			a.Block(7)
			a.Migrate(-8, -1008)
			if tt.p["chat_id"] == nil && tt.method != "answerCallbackQuery" {
				tt.p["chat_id"] = ann.ID
			}
			expect(t, a, tt.method, tt.p, tt.want)
			c := strings.Join(a.Complaints(), "\n")
			if (c != "") != (tt.complaint != "") || !strings.Contains(c, tt.complaint) {
				t.Errorf("complaints %q, want %q", c, tt.complaint)
			}
		})
	}
}

// TestUpdates checks that updates come once they are wanted, until they are
// confirmed.
func TestUpdates(t *testing.T) {
	a := newTestAPI(t)
	poll := func(offset int64, timeout int, words ...string) {
		t.Helper()
		p := fields{"offset": offset, "timeout": timeout, "allowed_updates": []string{"message", "callback_query"}}
		expect(t, a, "getUpdates", p, words...)
	}
	const first = 875_000_001
	poll(0, 50, `"entities":[{"length":13,"offset":3,"type":"bot_command"}]`, `"message_thread_id":42`)
	a.Say(Private(ann), ann, "second")
	poll(first+2, 50, `"second"`)
	a.NextID(1000)
	a.Say(Private(ann), ann, "third")
	poll(first+2000, 50, `"second"`, `"third"`) // confirms nothing
	poll(1001, 0, `"result":[]`)
	a.Update(fields{"edited_message": fields{}}) // was not asked for
	query := a.Press(Private(ann), ann, 77, "forged")
	poll(0, 50, `[{"callback_query":`, `"data":"forged"`, `"date":0`)
	expect(t, a, "answerCallbackQuery", fields{"callback_query_id": query, "text": "Thanks"}, "200")
	if text, err := a.AwaitAnswer(t.Context(), query); text != "Thanks" || err != nil {
		t.Errorf("answer %q, %v", text, err)
	}
	a.SetWebhook("https://example.org/")
	poll(0, 50, "409")
	expect(t, a, "deleteWebhook", fields{}, "200")
	poll(1002, 0, `"result":[]`)
	a.Impatient(true)
	expect(t, a, "getUpdates", fields{"timeout": 60, "offset": 7}, `"result":[]`)
	if c := a.Complaints(); len(c) != 3 {
		t.Errorf("complaints %q, want some of the timeout, the offset and the kinds of updates", c)
	}
}

// TestFaults checks that faults end, and are of one method and chat.
func TestFaults(t *testing.T) {
	a := newTestAPI(t)
	message := fields{"chat_id": ann.ID, "text": "x"}
	clear := a.Inject(APIFault{Method: "sendMessage", Chat: forum.ID, Do: Cut})
	expect(t, a, "sendMessage", message, "200")
	clear()
	a.Inject(APIFault{Times: 1, Do: NoRights})
	expect(t, a, "sendMessage", message, "400", "not enough rights")
	expect(t, a, "sendMessage", message, "200")

	a.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if answer, err := post(ctx, a, "getMe", fields{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("on a frozen connection: %q, %v", answer, err)
	}
	expect(t, a, "getMe", fields{}, "200")
	a.Down()
	if answer, err := post(t.Context(), a, "getMe", fields{}); err == nil {
		t.Errorf("while down: %s", answer)
	}
	a.Up()
	expect(t, a, "getMe", fields{}, "200")
}

// TestTerminal types a command and presses a button. A message that keeps
// changing does not fill the terminal.
func TestTerminal(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	a := newTestAPI(t)
	a.wait = 10 * time.Millisecond
	in, typist := io.Pipe()
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	printed, typed := make(chan bool), make(chan bool)
	sketch := func([]byte) []string { return []string{"▁▇ "} }
	go func() { a.Print(ctx, ann.ID, &out, sketch); close(printed) }()
	go func() { a.Type(t.Context(), Private(ann), ann, in, &out, true); close(typed) }()
	edit := func(text string, p fields) {
		p["chat_id"], p["message_id"], p["text"] = ann.ID, a.Messages(ann.ID)[1].ID, text
		expect(t, a, "editMessageText", p, "200")
	}

	expect(t, a, "sendMessage", fields{"chat_id": ann.ID, "text": "1\n\n  W", "disable_notification": true,
		"reply_markup": keyboard("n:1")}, "200")
	io.WriteString(typist, "  /current \n[B]\n[C]\n")
	typist.Close()
	a.Until(t.Context(), func() bool { return a.pressed.Load() != 0 })
	edit("2 W", fields{"reply_markup": keyboard("n:1")}) // as the press asked for
	edit("3 W", fields{"reply_markup": keyboard("n:1")})
	edit("The end", fields{})
	expect(t, a, "sendPhoto", fields{"chat_id": ann.ID, "photo": picture(), "caption": "Power"}, "200")
	a.Until(t.Context(), func() bool {
		a.telegram.mu.Lock()
		defer a.telegram.mu.Unlock()
		return len(a.updates) == 4
	})
	expect(t, a, "getUpdates", fields{"offset": 875_000_005}, "200")
	<-typed
	cancel()
	<-printed

	got := out.String()
	for _, want := range []string{
		"> /current\n", ", silently:\n  1\n\n    W\n  [B]\n\n", "> [B]\n", "> [C]\n", "There is no button [C] now.\n",
		"edited:\n  2 W\n", "edited:\n  The end\n\n", ":\n  [picture, 120 x 67, 1 kB: ", ".png]\n  ▁▇\n  Power\n\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "3 W") {
		t.Errorf("it was shown all the time:\n%s", got)
	}
}

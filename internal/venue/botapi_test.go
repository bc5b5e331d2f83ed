package venue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
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

// newTestAPI starts a server that knows Ann, and a forum with the open topic 42
// and the closed topic 43.
func newTestAPI(t *testing.T) *API {
	t.Helper()
	a := NewAPI("123456:secret", "iscbot")
	t.Cleanup(a.Close)
	a.Know(Private(ann))
	a.OpenTopic(forum.ID, 42)
	a.OpenTopic(forum.ID, 43)
	a.CloseTopic(forum.ID, 43)
	return a
}

// post makes a call and returns the body of the answer. A Photo or document in p
// makes it multipart.
func post(ctx context.Context, a *API, method string, p fields) (string, error) {
	var body bytes.Buffer
	contentType := "application/json"
	if p["photo"] == nil && p["document"] == nil {
		json.NewEncoder(&body).Encode(p)
	} else {
		m := multipart.NewWriter(&body)
		for name, value := range p {
			if data, ok := value.([]byte); ok {
				part, _ := m.CreateFormFile(name, name+".png")
				part.Write(data)
			} else {
				m.WriteField(name, fmt.Sprint(value))
			}
		}
		m.Close()
		contentType = m.FormDataContentType()
	}
	r, err := http.NewRequestWithContext(ctx, "POST", a.URL()+"/bot123456:secret/"+method, &body)
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

// expect makes a call and holds that the answer has all the words.
func expect(t *testing.T, a *API, method string, p fields, words ...string) {
	t.Helper()
	answer, err := post(t.Context(), a, method, p)
	for _, w := range words {
		if err != nil || !strings.Contains(answer, w) {
			t.Errorf("%s: got %.300s, %v; want %s", method, answer, err, w)
		}
	}
}

func picture(width, height int) []byte {
	var b bytes.Buffer
	png.Encode(&b, image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White}))
	return b.Bytes()
}

func keyboard(data string) fields {
	return fields{"inline_keyboard": []any{[]any{fields{"text": "B", "callback_data": data}}}}
}

// TestMethods calls in Ann's chat, where her message is 1 and the bot's is 2, or
// in a forum, where Bob's message in the topic 42 is 1.
func TestMethods(t *testing.T) {
	html := func(text string) fields { return fields{"text": text, "parse_mode": "HTML"} }
	inForum := func(topic, reply int64) fields {
		p := fields{"chat_id": forum.ID, "text": "x"}
		if topic != 0 {
			p["message_thread_id"] = topic
		}
		if reply != 0 {
			p["reply_parameters"] = fields{"message_id": reply, "allow_sending_without_reply": true}
		}
		return p
	}
	long := strings.Repeat("x", 4095)

	for _, tt := range []struct {
		name, method string
		p            fields // in Ann's chat if there is no chat_id
		want         string
		complaint    string
	}{
		{"unknown method", "sendFax", fields{}, "404", "unknown method"},
		{"unknown parameter", "sendMessage", fields{"test": "x"}, "400", "unknown parameter test"},
		{"wrong type", "sendMessage", fields{"text": 7}, "400", "text has a wrong type"},
		{"only met in a group", "sendMessage", fields{"chat_id": bob.ID, "text": "x"}, "bot can't initiate", ""},
		{"blocked", "sendMessage", fields{"chat_id": 7, "text": "x"}, "Forbidden: bot was blocked by the user", ""},
		{"migrated", "getChat", fields{"chat_id": -8}, `"migrate_to_chat_id":-1008`, ""},

		{"HTML", "sendMessage", html("<pre>1 &lt; 2</pre>"), `"text":"1 \u003c 2"`, ""},
		{"bad HTML", "sendMessage", html("<b>1 <i>2</b></i>"), "can't parse entities", ""},
		{"bare ampersand", "sendMessage", html("a & b"), "200", "without escape"},
		{"too long", "sendMessage", html(long + "😀"), "too long", "4096"},
		{"keyboard", "sendMessage", fields{"text": "x", "reply_markup": keyboard("b")}, `"callback_data":"b"`, ""},
		{"too much data", "sendMessage", fields{"text": "x", "reply_markup": keyboard(long[:65])}, "DATA_INVALID", ""},

		{"topic", "sendMessage", inForum(42, 1), `"is_topic_message":true`, ""},
		{"reply without topic", "sendMessage", inForum(0, 1), `topic_message":true,"message_id":2`, "another topic"},
		{"reply to nothing", "sendMessage", inForum(42, 77), "200", ""},
		{"reply to nothing without topic", "sendMessage", inForum(0, 77), "replied not found", ""},
		{"General by number", "sendMessage", inForum(1, 0), "message thread not found", ""},
		{"unknown topic", "sendMessage", inForum(44, 0), "message thread not found", ""},
		{"closed topic", "sendMessage", inForum(43, 0), "TOPIC_CLOSED", ""},

		{"picture", "sendPhoto", fields{"photo": picture(200, 10), "caption": "c"}, `"caption":"c"`, ""},
		{"picture too wide", "sendPhoto", fields{"photo": picture(201, 10)}, "PHOTO_INVALID_DIMENSIONS", ""},
		{"picture too large", "sendPhoto", fields{"photo": picture(9600, 481)}, "PHOTO_INVALID_DIMENSIONS", ""},
		{"broken picture", "sendPhoto", fields{"photo": picture(99, 99)[:90]}, "IMAGE_PROCESS_FAILED", ""},
		{"caption too long", "sendPhoto", fields{"photo": picture(9, 9), "caption": long[:1025]}, "too long", "1024"},

		{"edit nothing", "editMessageText", fields{"message_id": 2, "text": "first"}, "message is not modified", ""},
		{"edit buttons", "editMessageReplyMarkup", fields{"message_id": 2, "reply_markup": keyboard("b")}, "200", ""},
		{"edit Ann's", "editMessageText", fields{"message_id": 1, "text": "x"}, "message can't be edited", ""},
		{"edit what is not there", "editMessageText", fields{"message_id": 77, "text": "x"}, "to edit not found", ""},

		{"old query", "answerCallbackQuery", fields{"callback_query_id": "1"}, "query is too old", ""},
		{"menu of nobody", "setMyCommands", fields{"scope": fields{"type": "chat", "chat_id": 9}}, "not found", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newTestAPI(t)
			a.Say(Private(ann), ann, "/start")
			a.Say(forum.In(42), bob, "/current")
			expect(t, a, "sendMessage", fields{"chat_id": ann.ID, "text": "first"}, "200")
			a.Know(Private(User{ID: 7}))
			a.Block(7)
			a.Migrate(-8, -1008)

			if tt.p["chat_id"] == nil {
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

// TestMessages holds that messages are kept as they were sent and edited, and
// that a fault affects no other chat and ends.
func TestMessages(t *testing.T) {
	a := newTestAPI(t)
	photo := picture(12, 34)
	p := fields{"chat_id": forum.ID, "message_thread_id": 42, "disable_notification": true, "photo": photo,
		"caption": "c"}
	clear := a.Inject(APIFault{Method: "sendPhoto", Chat: ann.ID, Do: Cut})
	expect(t, a, "sendPhoto", p, "200")
	clear()
	a.Inject(APIFault{Times: 1, Do: NoRights})
	expect(t, a, "sendMessage", fields{"chat_id": ann.ID, "text": "one"}, "400", "not enough rights")
	expect(t, a, "sendMessage", fields{"chat_id": ann.ID, "text": "one"}, "200")
	expect(t, a, "editMessageText", fields{"chat_id": ann.ID, "message_id": 1, "text": "two"}, "200")

	a.Unsay(a.Say(Private(ann), ann, "/current"))
	reply := fields{"chat_id": ann.ID, "text": "late", "reply_parameters": fields{"message_id": 2}}
	expect(t, a, "sendMessage", reply, "message to be replied not found")

	if m := a.Messages(forum.ID)[0]; m.Topic != 42 || !m.Silent || m.Text != "c" || !bytes.Equal(m.Photo, photo) {
		t.Errorf("got %+v", m)
	}
	m, err := a.Await(t.Context(), func(m Message) bool { return m.Text == "two" })
	if err != nil || len(m.Edits) != 1 || m.Edits[0].Text != "one" || m.Edits[0].At.Before(m.At) {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestUpdates(t *testing.T) {
	a := newTestAPI(t)
	a.Skew(-3 * time.Hour)
	poll := func(offset int64, timeout int, words ...string) {
		t.Helper()
		p := fields{"offset": offset, "timeout": timeout, "allowed_updates": []string{"message", "callback_query"}}
		expect(t, a, "getUpdates", p, words...)
	}
	first := a.Say(forum.In(42), bob, "😀 /reset@iscbot 101")
	poll(0, 50, `"message_thread_id":42`, `"entities":[{"length":13,"offset":3,"type":"bot_command"}]`)
	a.Say(Private(ann), ann, "second")
	poll(first+1, 50, `"second"`)
	a.NextID(1000)
	a.Say(Private(ann), ann, "third")
	poll(first+2000, 50, `"second"`, `"third"`) // confirms nothing
	poll(1001, 0, `"result":[]`)

	query := a.Press(Private(ann), ann, 77, "forged")
	poll(0, 50, `"data":"forged"`, `"date":0`)
	expect(t, a, "answerCallbackQuery", fields{"callback_query_id": query, "text": "Thanks"}, "200")
	if text, err := a.AwaitAnswer(t.Context(), query); text != "Thanks" || err != nil {
		t.Errorf("answer %q, %v", text, err)
	}

	a.Migrate(-8, -1008)
	a.TellMigrated(-8)
	a.TellMigrated(-1008)
	poll(1002, 50, `"migrate_to_chat_id":-1008`, `"migrate_from_chat_id":-8`)
	poll(1004, 0, `"result":[]`)
	if id := a.Update(fields{"edited_message": fields{}}); id != 0 {
		t.Errorf("an update that was not asked for has ID %d", id)
	}

	a.Impatient(true)
	poll(1004, 50, `"result":[]`)
	a.Impatient(false)
	waiting := make(chan string)
	go func() {
		answer, _ := post(t.Context(), a, "getUpdates", fields{"timeout": 50, "allowed_updates": []string{}})
		waiting <- answer
	}()
	a.Until(t.Context(), func() bool { return len(a.Calls("getUpdates")) == 9 })
	a.SetWebhook("https://example.org/")
	if answer := <-waiting; !strings.HasPrefix(answer, "409") {
		t.Errorf("with a webhook: %s", answer)
	}
	expect(t, a, "deleteWebhook", nil, "200")
	a.Say(Private(ann), ann, "fourth")
	expect(t, a, "getUpdates", fields{"timeout": 60, "offset": 7}, `"fourth"`)
	if c := a.Complaints(); len(c) != 3 {
		t.Errorf("complaints %q, want some of the timeout, the offset and the kinds of updates", c)
	}
}

func TestPace(t *testing.T) {
	for name, tt := range map[string]struct {
		allowed int
		chat    func(i int) int64
	}{
		"a person":  {15, func(int) int64 { return ann.ID }},
		"a group":   {20, func(int) int64 { return -5 }},
		"all chats": {30, func(i int) int64 { return -int64(1 + i%3) }},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTestAPI(t)
			for i := range 5 {
				a.Know(Group(-int64(i + 1)))
			}
			a.Limit(true)
			for i := range tt.allowed {
				expect(t, a, "sendMessage", fields{"chat_id": tt.chat(i), "text": "x"}, "200")
			}
			expect(t, a, "sendMessage", fields{"chat_id": tt.chat(0), "text": "x"}, "429", `"retry_after":`)
		})
	}
}

func TestNetwork(t *testing.T) {
	a := newTestAPI(t)
	expect(t, a, "getMe", nil, "200")
	a.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if answer, err := post(ctx, a, "getMe", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("on a frozen connection: %q, %v", answer, err)
	}
	if n := len(a.Calls("getMe")); n != 1 {
		t.Errorf("%d calls, with one that got lost", n)
	}
	expect(t, a, "getMe", nil, "200")

	a.Down()
	if answer, err := post(t.Context(), a, "getMe", nil); err == nil {
		t.Errorf("while down: %s", answer)
	}
	a.Up()
	expect(t, a, "getMe", nil, "200")

	a.Inject(APIFault{Do: Hang})
	hung := make(chan error)
	go func() { _, err := post(t.Context(), a, "getMe", nil); hung <- err }()
	a.Until(t.Context(), func() bool { return len(a.Calls("getMe")) == 4 })
	a.Close()
	if <-hung == nil {
		t.Error("an answer of a server that hangs")
	}
}

func TestTerminal(t *testing.T) {
	a := NewAPI("123456:secret", "iscbot")
	defer a.Close()
	a.wait, a.dir = 10*time.Millisecond, t.TempDir()
	in, typist := io.Pipe()
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	printed, typed := make(chan bool), make(chan error)
	sketch := func(picture []byte) []string { return []string{"▁▇ ", fmt.Sprint(len(picture), " bytes")} }
	go func() { a.Print(ctx, ann.ID, &out, sketch); close(printed) }()
	go func() { typed <- a.Type(t.Context(), Private(ann), ann, in, &out, true) }()

	a.Until(t.Context(), func() bool {
		answer, _ := post(t.Context(), a, "getChat", fields{"chat_id": ann.ID})
		return strings.HasPrefix(answer, "200") // before anything is typed
	})
	io.WriteString(typist, "  /current \n")
	expect(t, a, "sendMessage", fields{"chat_id": ann.ID, "text": "Which\n\n  PDU?", "disable_notification": true,
		"reply_markup": keyboard("n:1")}, "200")
	io.WriteString(typist, "[B]\n[C]\n")
	expect(t, a, "sendMessage", fields{"chat_id": ann.ID, "text": "Number?",
		"reply_markup": fields{"force_reply": true}}, "200")
	io.WriteString(typist, "101\n")
	typist.Close()
	a.Until(t.Context(), func() bool {
		a.telegram.mu.Lock()
		defer a.telegram.mu.Unlock()
		return len(a.updates) == 3
	})
	expect(t, a, "getUpdates", nil, `"text":"/current"`, `"data":"n:1"`, `"reply_to_message":`)
	expect(t, a, "getUpdates", fields{"offset": 875_000_004}, "200")
	if err := <-typed; err != nil {
		t.Error(err)
	}
	photo := picture(120, 67)
	expect(t, a, "sendPhoto", fields{"chat_id": ann.ID, "photo": photo, "caption": "Power"}, "200")
	expect(t, a, "editMessageText", fields{"chat_id": ann.ID, "message_id": a.Messages(0)[0].ID,
		"text": "Done"}, "200")
	cancel()
	<-printed

	got := out.String()
	for _, want := range []string{
		"> /current\n", ", silently:\n  Which\n\n    PDU?\n  [B]\n\n",
		"> [B]\n", "> [C]\nThere is no button [C] now.\n",
		":\n  [picture, 120 x 67, 1 kB: " + a.dir, fmt.Sprintf("]\n  ▁▇\n  %d bytes\n  Power\n\n", len(photo)),
		", silently, edited:\n  Done\n\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}

	_, name, _ := strings.Cut(got, "1 kB: ")
	name, _, _ = strings.Cut(name, "]")
	if kept, err := os.ReadFile(name); err != nil || !bytes.Equal(kept, photo) || filepath.Ext(name) != ".png" {
		t.Errorf("%s holds %d bytes, %v", name, len(kept), err)
	}
}

// TestTerminalKeep holds that a picture which cannot be kept is shown all the
// same.
func TestTerminalKeep(t *testing.T) {
	lost := terminal{dir: filepath.Join(t.TempDir(), "missing")}
	if text := lost.keep(picture(9, 9)); !strings.HasPrefix(text, "[picture, 9 x 9, 1 kB, not kept: ") {
		t.Errorf("got %q", text)
	}
}

// TestTerminalLive holds that a message that keeps changing does not fill the
// terminal, and that a press and its answer are shown.
func TestTerminalLive(t *testing.T) {
	a := NewAPI("123456:secret", "iscbot")
	defer a.Close()
	in, typist := io.Pipe()
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	printed, typed := make(chan bool), make(chan error)
	go func() { a.Print(ctx, ann.ID, &out, nil); close(printed) }()
	go func() { typed <- a.Type(t.Context(), Private(ann), ann, in, &out, true) }()

	io.WriteString(typist, "[B]\n") // before there is a button
	a.Know(Private(ann))
	expect(t, a, "sendMessage", fields{"chat_id": ann.ID, "text": "Value 1", "reply_markup": keyboard("b")}, "200")
	expect(t, a, "getUpdates", fields{"timeout": 50, "allowed_updates": []string{}}, `"data":"b"`)
	edit := func(text string, keys fields) {
		p := fields{"chat_id": ann.ID, "message_id": a.Messages(0)[0].ID, "text": text}
		if keys != nil {
			p["reply_markup"] = keys
		}
		expect(t, a, "editMessageText", p, "200")
	}
	edit("Value 2", keyboard("b")) // as the press asked for
	expect(t, a, "answerCallbackQuery", fields{"callback_query_id": "4382000", "text": "Thanks"}, "200")
	edit("Value 3", keyboard("b"))
	edit("Value 4", keyboard("b"))
	edit("The end", nil)
	expect(t, a, "getUpdates", fields{"offset": 875_000_002}, "200")
	typist.Close()
	if err := <-typed; err != nil {
		t.Error(err)
	}
	cancel()
	<-printed

	got := out.String()
	for _, want := range []string{"Value 1\n", "edited:\n  Value 2\n", "(Thanks)\n", "edited:\n  The end\n\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "Value 3") || strings.Contains(got, "Value 4") {
		t.Errorf("it was shown all the time:\n%s", got)
	}
}

package venue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// params are a call's, from its JSON body, form or query.
type params map[string]any

// text returns a parameter as text, whether it came as text, number or truth value.
func (p params) text(name string) string {
	switch v := p[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

func (p params) int(name string) int64 {
	n, _ := strconv.ParseInt(p.text(name), 10, 64)
	return n
}

// into decodes a parameter that is an object or a list, in a form one in JSON.
func (p params) into(name string, v any) error {
	js, ok := p[name].(string)
	if !ok {
		b, _ := json.Marshal(p[name])
		js = string(b)
	}
	return json.Unmarshal([]byte(js), v)
}

func readParams(r *http.Request, body []byte) (params, error) {
	p := params{}
	form := r.URL.Query()
	switch kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); {
	case len(body) == 0:
	case kind == "application/json":
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&p); err != nil {
			return nil, err
		}
	case kind == "application/x-www-form-urlencoded":
		more, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		for k, v := range more {
			form[k] = v
		}
	default:
		return nil, fmt.Errorf("content type %q", kind)
	}
	if p == nil { // the body was null
		p = params{}
	}
	for k, v := range form {
		p[k] = v[0]
	}
	return p, nil
}

// A refusal is an answer that is not ok.
type refusal struct {
	code       int
	text       string
	parameters map[string]any
}

func badRequest(format string, args ...any) *refusal {
	return &refusal{code: 400, text: "Bad Request: " + fmt.Sprintf(format, args...)}
}

func answerJSON(w http.ResponseWriter, result any, no *refusal) {
	code, fields := 200, map[string]any{"ok": true, "result": result}
	if no != nil {
		code, fields = no.code, map[string]any{"ok": false, "error_code": no.code, "description": no.text}
		if no.parameters != nil {
			fields["parameters"] = no.parameters
		}
	}
	js, _ := json.Marshal(fields)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(js)))
	w.WriteHeader(code)
	w.Write(js)
}

// date sets the header by the server's clock.
func (a *API) date(w http.ResponseWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Date", time.Now().Add(a.skew).UTC().Format(http.TimeFormat))
}

func (a *API) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return
	}
	token, method, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/bot"), "/")
	number, _, colon := strings.Cut(token, ":")
	_, err = strconv.ParseUint(number, 10, 63)
	p, mistake := readParams(r, body)
	serve := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !found || !colon || err != nil || !strings.HasPrefix(r.URL.Path, "/bot"):
			answerJSON(w, nil, &refusal{code: 404, text: "Not Found"})
		case token != a.token:
			answerJSON(w, nil, &refusal{code: 401, text: "Unauthorized"})
		case mistake != nil:
			answerJSON(w, nil, badRequest("can't parse JSON object"))
		default:
			result, no := a.call(r, method, p)
			if r.Context().Err() != nil { // client or server are gone
				panic(http.ErrAbortHandler)
			}
			a.date(w) // anew: it may have taken long
			answerJSON(w, result, no)
		}
	}
	a.mu.Lock()
	if r.ProtoMajor != 1 {
		a.complain("%s", r.Proto)
	}
	if mistake != nil {
		a.complain("%s: the body is no JSON object: %v", method, mistake)
	}
	a.calls = append(a.calls, Call{method, p, time.Now()})
	do := a.fault(method, p.int("chat_id"))
	a.stir()
	a.mu.Unlock()
	a.date(w)
	if do != nil {
		do(w, r, serve)
	} else {
		serve(w, r)
	}
}

func (a *API) call(r *http.Request, method string, p params) (any, *refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.stir()
	switch method {
	case "getMe":
		me := a.me()
		me["can_join_groups"], me["can_read_all_group_messages"], me["supports_inline_queries"] = true, !a.privacy, false
		return me, nil
	case "getUpdates":
		return a.getUpdates(r, p)
	case "getWebhookInfo":
		return map[string]any{"url": a.webhook, "has_custom_certificate": false, "pending_update_count": len(a.queue)}, nil
	case "deleteWebhook":
		a.webhook = ""
		if p.text("drop_pending_updates") == "true" {
			a.queue = nil
		}
		return true, nil
	case "sendMessage":
		return a.send(p)
	case "editMessageText", "editMessageReplyMarkup", "deleteMessage":
		return a.change(method, p)
	case "answerCallbackQuery":
		return a.answerQuery(p)
	case "setMyCommands", "deleteMyCommands":
		return a.menu(method, p)
	case "getChat":
		c, no := a.chat(p)
		return c.wire(), no
	case "sendChatAction":
		_, no := a.reach(p)
		return true, no
	}
	a.complain("unknown method %s", method)
	return nil, &refusal{code: 404, text: "Not Found: method not found"}
}

func (a *API) me() map[string]any {
	return map[string]any{"id": a.botID(), "is_bot": true, "first_name": a.username, "username": a.username}
}

func (a *API) botID() int64 {
	number, _, _ := strings.Cut(a.token, ":")
	id, _ := strconv.ParseInt(number, 10, 64)
	return id
}

func (a *API) getUpdates(r *http.Request, p params) (any, *refusal) {
	ctx := r.Context()
	timeout, offset, limit := p.int("timeout"), p.int("offset"), int(p.int("limit"))
	if timeout > 50 {
		a.complain("getUpdates: timeout %d is more than 50", timeout)
		timeout = 50
	}
	if timeout <= 0 && a.hasty { // one alone confirms before the end
		a.complain("getUpdates without timeout, again and again")
	}
	a.hasty = timeout <= 0
	if _, ok := p["allowed_updates"]; !ok && timeout > 0 {
		a.complain("getUpdates without allowed_updates")
	} else if ok {
		if a.allowed = nil; p.into("allowed_updates", &a.allowed) != nil {
			return nil, badRequest("can't parse allowed updates")
		} else if len(a.allowed) == 0 {
			a.allowed = nil
		}
	}
	if limit < 1 || limit > 100 {
		limit = 100
	}
	me := &poll{usurped: make(chan struct{}), left: make(chan struct{})}
	me.conn, _ = ctx.Value(connKey{}).(*apiConn)
	for a.poll != nil {
		a.displace(a.poll)
	}
	a.poll = me
	defer func() {
		close(me.left)
		if a.poll == me {
			a.poll = nil
		}
	}()
	if a.webhook != "" {
		return nil, &refusal{code: 409, text: "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}
	}
	a.confirm(offset)
	timer := time.NewTimer(time.Duration(timeout) * time.Second)
	defer timer.Stop()
	for over := timeout <= 0; !over && len(a.queue) == 0; {
		changed := a.changed
		a.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			over = true
		case <-ctx.Done():
			over = true
		case <-me.usurped:
		}
		a.mu.Lock()
		if a.poll != me {
			return nil, &refusal{code: 409, text: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"}
		}
		if a.webhook != "" {
			return nil, &refusal{code: 409, text: "Conflict: terminated by setWebhook request"}
		}
	}
	list := []json.RawMessage{}
	for _, u := range a.queue[:min(limit, len(a.queue))] {
		list = append(list, u.raw)
	}
	return list, nil
}

// displace ends a getUpdates for a newer one. One whose client has gone, which the server may not have noticed yet, ends
// by itself in a moment and is no reason to complain.
func (a *API) displace(old *poll) {
	a.mu.Unlock()
	select {
	case <-old.left:
	case <-time.After(250 * time.Millisecond):
	}
	a.mu.Lock()
	if a.poll != old {
		return
	}
	if old.conn == nil || !old.conn.frozen {
		a.complain("two getUpdates at once")
	}
	a.poll = nil
	close(old.usurped)
}

// confirm forgets what an offset of getUpdates confirms.
func (a *API) confirm(offset int64) {
	switch {
	case offset < 0: // all but the last ones
		a.queue = a.queue[max(0, len(a.queue)+int(max(offset, -1e6))):]
	case offset > a.next+10: // from before a restart of the ids: confirms nothing, as with the real one
	case offset > 0:
		if offset < a.offset {
			a.complain("getUpdates: the offset went back from %d to %d", a.offset, offset)
		}
		a.offset = offset
		for i, u := range slices.Backward(a.queue) {
			if u.id == offset-1 { // with what came before a restart of the ids
				a.queue = a.queue[i+1:]
				break
			}
		}
		a.queue = slices.DeleteFunc(slices.Clone(a.queue), func(u update) bool { return u.id < offset })
	}
	a.stir()
}

// chat finds the chat that a call is about.
func (a *API) chat(p params) (Chat, *refusal) {
	id := p.int("chat_id")
	c, known := a.chats[id]
	switch {
	case p.text("chat_id") == "":
		return c, badRequest("chat_id is empty")
	case a.moved[id] != 0:
		no := badRequest("group chat was upgraded to a supergroup chat")
		no.parameters = map[string]any{"migrate_to_chat_id": a.moved[id]}
		return c, no
	case !known && a.met[id]:
		return c, &refusal{code: 403, text: "Forbidden: bot can't initiate conversation with a user"}
	case !known:
		return c, badRequest("chat not found")
	}
	return c, nil
}

// reach is chat for calls that the chat's people would notice.
func (a *API) reach(p params) (Chat, *refusal) {
	c, no := a.chat(p)
	switch {
	case no != nil || !a.blocked[c.ID]:
		return c, no
	case c.Type == "private":
		return c, &refusal{code: 403, text: "Forbidden: bot was blocked by the user"}
	}
	return c, &refusal{code: 403, text: "Forbidden: bot was kicked from the " + c.Type + " chat"}
}

// messageID returns the next message id for a chat. Supergroups count for themselves.
func (a *API) messageID(chat int64) int64 {
	a.lastID[chat < -1e12]++
	return a.lastID[chat < -1e12]
}

func (a *API) find(chat, id int64) *Message {
	for _, m := range a.messages {
		if m.Chat == chat && m.ID == id && !m.Deleted {
			return m
		}
	}
	return nil
}

// wireOf returns the message with this id as updates have it, nil if there is none.
func (a *API) wireOf(chat, id int64) any {
	m := a.find(chat, id)
	if m == nil {
		return a.said[[2]int64{chat, id}]
	}
	w := map[string]any{"message_id": id, "from": a.me(), "chat": a.chats[chat].wire(), "date": m.At.Add(a.skew).Unix(), "text": m.Text}
	if m.Edited > 0 {
		w["edit_date"] = time.Now().Add(a.skew).Unix()
	}
	if m.Buttons != nil {
		var rows [][]map[string]any
		for _, row := range m.Buttons {
			var r []map[string]any
			for _, b := range row {
				r = append(r, map[string]any{"text": b.Text, "callback_data": b.Data})
			}
			rows = append(rows, r)
		}
		w["reply_markup"] = map[string]any{"inline_keyboard": rows}
	}
	return w
}

func (a *API) send(p params) (any, *refusal) {
	c, no := a.reach(p)
	if no != nil {
		return nil, no
	}
	m := &Message{Chat: c.ID, Silent: p.text("disable_notification") == "true", At: time.Now()}
	if no := cmp.Or(a.setText(m, p), a.setMarkup(m, p)); no != nil {
		return nil, no
	}
	var reply struct {
		ID     int64 `json:"message_id"`
		Anyway bool  `json:"allow_sending_without_reply"`
	}
	if p["reply_parameters"] != nil && p.into("reply_parameters", &reply) != nil {
		return nil, badRequest("can't parse reply parameters")
	}
	switch {
	case reply.ID == 0:
	case a.wireOf(c.ID, reply.ID) != nil:
		m.ReplyTo = reply.ID
	case !reply.Anyway:
		return nil, badRequest("message to be replied not found")
	}
	if n := len(a.sent); n >= 30 && m.At.Sub(a.sent[n-30]) < time.Second {
		a.complain("more than 30 messages in a second")
	}
	a.sent = append(a.sent[max(0, len(a.sent)-30):], m.At)
	m.ID = a.messageID(c.ID)
	a.messages, a.shown = append(a.messages, m), append(a.shown, *m)
	return a.wireOf(c.ID, m.ID), nil
}

// setText gives m the text of a call.
func (a *API) setText(m *Message, p params) *refusal {
	m.HTML = p.text("text")
	m.Text, m.Pre = m.HTML, false
	switch mode := p.text("parse_mode"); strings.ToLower(mode) {
	case "":
	case "html":
		text, pre, bare, mistake := plainText(m.HTML)
		if mistake != "" {
			return badRequest("can't parse entities: %s", mistake)
		}
		m.Text, m.Pre = text, pre
		if bare {
			a.complain("an & without escape in HTML")
		}
	default:
		return badRequest("unsupported parse_mode")
	}
	if strings.TrimSpace(m.Text) == "" {
		return badRequest("message text is empty")
	}
	if n := utf16Len(m.Text); n > 4096 {
		a.complain("a text of more than 4096 characters")
		return badRequest("message is too long")
	}
	return nil
}

// setMarkup gives m the keyboard of a call, or none.
func (a *API) setMarkup(m *Message, p params) *refusal {
	var markup struct {
		Inline [][]struct {
			Text string
			Data *string `json:"callback_data"`
			URL  string
		} `json:"inline_keyboard"`
		Force bool `json:"force_reply"`
	}
	if p["reply_markup"] != nil && p.into("reply_markup", &markup) != nil {
		return badRequest("can't parse reply markup JSON object")
	}
	m.Buttons, m.ForceReply = nil, markup.Force && markup.Inline == nil
	if markup.Force && markup.Inline != nil {
		a.complain("an inline keyboard and force_reply in one message")
	}
	n := 0
	for _, row := range markup.Inline {
		var buttons []Button
		for _, b := range row {
			switch {
			case b.Text == "":
				return badRequest("can't parse inline keyboard button: Field \"text\" must be of type String")
			case b.Data == nil && b.URL == "":
				return badRequest("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
			case b.Data != nil && (*b.Data == "" || len(*b.Data) > 64):
				return badRequest("BUTTON_DATA_INVALID")
			case b.Data == nil:
				b.Data = new(string)
			}
			buttons = append(buttons, Button{b.Text, *b.Data})
		}
		if len(row) > 8 {
			a.complain("more than 8 buttons in a row")
		}
		if n += len(row); len(row) > 0 {
			m.Buttons = append(m.Buttons, buttons)
		}
	}
	if n > 100 {
		return badRequest("reply markup is too long")
	}
	return nil
}

// change edits or deletes a message.
func (a *API) change(method string, p params) (any, *refusal) {
	c, no := a.reach(p)
	if no != nil {
		return nil, no
	}
	id, what, done := p.int("message_id"), "edit", "edited"
	if method == "deleteMessage" {
		what, done = "delete", "deleted"
	}
	m := a.find(c.ID, id)
	switch theirs := a.said[[2]int64{c.ID, id}]; {
	case m == nil && theirs == nil:
		return nil, badRequest("message to %s not found", what)
	case m == nil && what == "delete" && c.Type == "private":
		delete(a.said, [2]int64{c.ID, id})
		return true, nil
	case m == nil:
		return nil, badRequest("message can't be %s", done)
	case what == "delete":
		m.Deleted = true
		return true, nil
	case m.ForceReply:
		return nil, badRequest("message can't be edited")
	}
	edit := *m
	if method == "editMessageText" {
		no = a.setText(&edit, p)
	}
	if no = cmp.Or(no, a.setMarkup(&edit, p)); no != nil {
		return nil, no
	}
	sameText := edit.Text == m.Text && edit.HTML == m.HTML
	if sameText && slices.EqualFunc(edit.Buttons, m.Buttons, slices.Equal[[]Button]) {
		return nil, badRequest("message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")
	}
	edit.Edited++
	*m = edit
	if !sameText {
		edit.At = time.Now()
		a.shown = append(a.shown, edit)
	}
	return a.wireOf(c.ID, id), nil
}

func (a *API) answerQuery(p params) (any, *refusal) {
	id, text := p.text("callback_query_id"), p.text("text")
	old, ok := a.answers[id]
	switch {
	case !ok:
		return nil, badRequest("query is too old and response timeout expired or query ID is invalid")
	case utf16Len(text) > 200:
		return nil, badRequest("MESSAGE_TOO_LONG")
	case old == nil:
		a.answers[id] = &text
	}
	return true, nil
}

// menu checks a list of commands; Calls has them for who wants to see it.
func (a *API) menu(method string, p params) (any, *refusal) {
	var list []struct{ Command, Description string }
	if method == "setMyCommands" && p.into("commands", &list) != nil {
		return nil, badRequest("can't parse list of bot commands")
	}
	for _, c := range list {
		if c.Command == "" || len(c.Command) > 32 || strings.Trim(c.Command, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return nil, badRequest("BOT_COMMAND_INVALID")
		}
		if n := utf16Len(c.Description); n < 1 || n > 256 {
			return nil, badRequest("BOT_COMMAND_DESCRIPTION_INVALID")
		}
	}
	var scope struct {
		Type string
		Chat any `json:"chat_id"`
	}
	if p["scope"] != nil && p.into("scope", &scope) != nil {
		return nil, badRequest("can't parse BotCommandScope")
	}
	switch scope.Type {
	case "", "default", "all_private_chats", "all_group_chats", "all_chat_administrators":
		return true, nil
	case "chat", "chat_administrators", "chat_member":
		var in params
		p.into("scope", &in)
		if f, ok := scope.Chat.(float64); ok {
			in["chat_id"] = strconv.FormatInt(int64(f), 10)
		}
		_, no := a.chat(in)
		return true, no
	}
	return nil, badRequest("can't parse BotCommandScope: Unsupported type specified")
}

// plainText returns the text of Telegram's HTML, or what Telegram says of a mistake in it. bare tells of an ampersand that
// escapes nothing, which it lets pass.
func plainText(html string) (text string, pre, bare bool, mistake string) {
	var b strings.Builder
	var open []string
	for i := 0; i < len(html) && mistake == ""; {
		size := 1
		switch html[i] {
		case '&':
			var r rune
			if r, size = htmlEntity(html[i:]); size == 0 {
				r, size, bare = '&', 1, true
			}
			b.WriteRune(r)
		case '<':
			if size = strings.IndexByte(html[i:], '>') + 1; size == 0 {
				return "", false, false, fmt.Sprintf("Unclosed start tag at byte offset %d", i)
			}
			open, mistake = htmlTag(open, html[i+1:i+size-1], i)
			pre = pre || len(open) > 0 && open[len(open)-1] == "pre"
		default:
			b.WriteByte(html[i])
		}
		i += size
	}
	if mistake == "" && len(open) > 0 {
		mistake = fmt.Sprintf("Can't find end tag corresponding to start tag %q", open[len(open)-1])
	}
	return b.String(), pre, bare, mistake
}

// htmlTag opens or closes an element.
func htmlTag(open []string, tag string, at int) (now []string, mistake string) {
	name, attributes, _ := strings.Cut(strings.ToLower(tag), " ")
	end, isEnd := strings.CutPrefix(name, "/")
	last := len(open) - 1
	switch {
	case isEnd && last < 0:
		return nil, fmt.Sprintf("Unexpected end tag at byte offset %d", at)
	case isEnd && end != open[last]:
		return nil, fmt.Sprintf("Unmatched end tag at byte offset %d, expected \"</%s>\", found \"</%s>\"", at, open[last], end)
	case isEnd:
		return open[:last], ""
	case name == "span" && attributes != `class="tg-spoiler"`:
		return nil, fmt.Sprintf("Tag \"span\" must have class \"tg-spoiler\" at byte offset %d", at)
	case !slices.Contains(strings.Fields("a b strong i em s strike del u ins span tg-spoiler tg-emoji pre code blockquote"), name):
		return nil, fmt.Sprintf("Unsupported start tag %q at byte offset %d", name, at)
	}
	return append(open, name), ""
}

// htmlEntity decodes the character reference that s begins with; its length is 0 if Telegram knows none such.
func htmlEntity(s string) (r rune, length int) {
	name, _, ok := strings.Cut(s[1:], ";")
	if !ok {
		return 0, 0
	}
	if r := map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"'}[name]; r != 0 {
		return r, len(name) + 2
	}
	digits, isNumber := strings.CutPrefix(name, "#")
	base := 10
	if h, ok := strings.CutPrefix(strings.ToLower(digits), "x"); ok {
		digits, base = h, 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if !isNumber || err != nil || n == 0 || n > 0x10ffff {
		return 0, 0
	}
	return rune(n), len(name) + 2
}

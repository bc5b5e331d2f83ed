package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// Timeouts of calls.
const (
	// pollTime is how long a getUpdates waits for an update. A connection that
	// died silently is noticed only after that.
	pollTime   = 20 * time.Second
	callTime   = 10 * time.Second
	uploadTime = 30 * time.Second // of a call with a file
)

// The Bot API's objects, as far as the bot uses them. IDs and dates do not fit
// into 32 bits.
type (
	user struct {
		ID        int64  `json:"id"`
		IsBot     bool   `json:"is_bot"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		Username  string `json:"username"`
	}
	chat struct {
		ID    int64  `json:"id"`
		Type  string `json:"type"` // private, group, supergroup or channel
		Title string `json:"title"`
	}
	entity struct {
		Type   string `json:"type"`
		Offset int    `json:"offset"` // in UTF-16 code units, like
		Length int    `json:"length"`
	}
	message struct {
		ID            int64    `json:"message_id"`
		Date          int64    `json:"date"` // Unix time; 0 in an inaccessible message
		From          *user    `json:"from"` // nil in channels
		Chat          chat     `json:"chat"`
		ThreadID      int64    `json:"message_thread_id"` // the topic, if InTopic is set
		InTopic       bool     `json:"is_topic_message"`
		SenderChat    *chat    `json:"sender_chat"` // the chat in whose name it was sent, if any
		ViaBot        *user    `json:"via_bot"`
		ForwardOrigin any      `json:"forward_origin"` // set if it was forwarded
		ForwardDate   any      `json:"forward_date"`   // likewise by servers older than Bot API 7.0
		ForwardFrom   any      `json:"forward_from"`   // likewise
		ReplyTo       *message `json:"reply_to_message"`
		MigrateTo     int64    `json:"migrate_to_chat_id"`   // this group became that supergroup
		MigrateFrom   int64    `json:"migrate_from_chat_id"` // that group became this supergroup
		Text          string   `json:"text"`
		Entities      []entity `json:"entities"`
	}
	callbackQuery struct {
		ID      string   `json:"id"`
		From    *user    `json:"from"`
		Message *message `json:"message"` // may be missing or inaccessible
		Data    string   `json:"data"`    // any client can forge it
	}
	update struct {
		ID       int64          `json:"update_id"`
		Message  *message       `json:"message"`
		Callback *callbackQuery `json:"callback_query"`
	}
	button struct {
		Text string `json:"text"`
		Data string `json:"callback_data"` // at most 64 bytes
	}
)

// telegramService is the account that forwards a channel's posts to its linked
// group.
const telegramService = 777000

// name returns a person's name as one line.
func (u *user) name() string {
	name := strings.TrimSpace(u.FirstName + " " + u.LastName)
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }), " ")
	return cmp.Or(shorten(name, 60), "somebody")
}

// isPerson reports whether a user is a person. Bots are not, among them
// GroupAnonymousBot, which stands for any anonymous admin.
func (u *user) isPerson() bool { return u != nil && !u.IsBot && u.ID != telegramService }

// fromPerson reports whether a message was written by a person under their own
// name, and not forwarded.
func (m *message) fromPerson() bool {
	forwarded := m.ForwardOrigin != nil || m.ForwardDate != nil || m.ForwardFrom != nil
	borrowed := m.SenderChat != nil || m.ViaBot != nil || forwarded
	return m.From.isPerson() && !borrowed
}

// topic returns the forum topic of a message, or 0. It is 0 for the General
// topic too, which the Bot API wants to be omitted.
func (m *message) topic() int64 {
	if !m.InTopic || m.ThreadID == 1 {
		return 0
	}
	return m.ThreadID
}

func (c chat) isPrivate() bool { return c.Type == "private" }

// A client calls the Bot API.
type client struct {
	base  string // URL with the token: never log or show it
	token secret
	http  *http.Client

	migrated func(from, to int64)        // called when a group became a supergroup
	date     func(server, own time.Time) // called with the Date of each answer and the time of its arrival
	answered func()                      // called after each answer from Telegram
}

func newClient(api string, token secret) *client {
	keepAlive := net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAliveConfig: keepAlive}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		IdleConnTimeout:       10 * time.Second, // an alert must not wait on a connection that died meanwhile
		MaxIdleConnsPerHost:   4,
		Protocols:             new(http.Protocols), // without HTTP/2: a silently dropped connection would stay in use
		ResponseHeaderTimeout: pollTime + 5*time.Second,
	}
	transport.Protocols.SetHTTP1(true)
	return &client{
		base:  api + "/bot" + token.reveal() + "/",
		token: token,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirected POST becomes a GET whose Referer has the token
		}},
		migrated: func(from, to int64) {},
		date:     func(server, own time.Time) {},
		answered: func() {},
	}
}

// An apiError is the Bot API's answer that a call failed.
type apiError struct {
	Code        int           `json:"error_code"`
	Description string        `json:"description"`
	RetryAfter  time.Duration `json:"-"` // of a 429
	MigrateTo   int64         `json:"-"` // the supergroup that the group became
}

// isWrongToken reports whether Telegram does not know the bot's token.
func (e *apiError) isWrongToken() bool {
	return e.Code == http.StatusUnauthorized || e.Code == http.StatusNotFound
}

func (e *apiError) Error() string {
	switch {
	case e.isWrongToken():
		return fmt.Sprintf("Telegram does not know this token (%d): check ISCBOT_TOKEN", e.Code)
	case e.Code == http.StatusConflict && says(e, "webhook"):
		return "a webhook receives this bot's messages (409)"
	case e.Code == http.StatusConflict:
		return "another program receives this bot's messages (409): stop that program"
	}
	return fmt.Sprintf("%d %s", e.Code, e.Description)
}

// says reports whether an error is from the Bot API and contains words.
func says(err error, words string) bool {
	e, ok := errors.AsType[*apiError](err)
	return ok && strings.Contains(strings.ToLower(e.Description), strings.ToLower(words))
}

// chatRefusals are parts of the descriptions of errors 400 that concern the
// chat and not the message.
var chatRefusals = []string{
	"chat not found", "deactivated",
	"not enough rights", "no rights", "administrator rights", "_FORBIDDEN", "CHAT_RESTRICTED",
}

// isChatRefusal reports whether an error means that a chat accepts no messages
// at all.
func isChatRefusal(err error) bool {
	e, ok := errors.AsType[*apiError](err)
	aboutChat := slices.ContainsFunc(chatRefusals, func(words string) bool { return says(err, words) })
	return ok && (e.Code == http.StatusForbidden || e.Code == http.StatusBadRequest && aboutChat)
}

// retryAfter returns how long Telegram asked to wait after an error, or 0.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e.RetryAfter
	}
	return 0
}

// waitAfter returns how long to wait after an error: as long as Telegram asked for,
// or else the next time of a backoff.
func waitAfter(err error, b *backoff) time.Duration {
	if d := retryAfter(err); d > 0 {
		return d
	}
	return b.next()
}

// params are the parameters of a call.
type params map[string]any

// chatID returns the chat that a call concerns, or 0.
func (p params) chatID() int64 {
	if id, ok := p["chat_id"].(int64); ok {
		return id
	}
	scope, _ := p["scope"].(params)
	id, _ := scope["chat_id"].(int64)
	return id
}

// A file is a parameter of a call that is uploaded.
type file struct {
	kind fileKind
	name string
	data []byte
}

// A fileKind is how a file is shown in a chat. Its value is the name of the
// parameter.
type fileKind string

const (
	photo    fileKind = "photo"
	document fileKind = "document"
)

func (p params) hasFile() bool {
	for _, value := range p {
		if _, ok := value.(*file); ok {
			return true
		}
	}
	return false
}

// encode returns the parameters as the body of a request: JSON, or a form if
// one of them is a file.
func (p params) encode() (contentType string, body []byte, err error) {
	if !p.hasFile() {
		body, err = json.Marshal(p)
		return "application/json", body, err
	}

	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, value := range p {
		if err := writeField(w, name, value); err != nil {
			return "", nil, err
		}
	}
	err = w.Close()
	return w.FormDataContentType(), form.Bytes(), err
}

// writeField writes a parameter into a form: a file or a string as it is,
// everything else as JSON.
func writeField(w *multipart.Writer, name string, value any) error {
	switch v := value.(type) {
	case *file:
		part, err := w.CreateFormFile(name, v.name)
		if err == nil {
			_, err = part.Write(v.data)
		}
		return err
	case string:
		return w.WriteField(name, v)
	}
	js, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return w.WriteField(name, string(js))
}

// call calls a method that answers at once, and decodes its result into out
// unless out is nil. Its errors never contain the token.
func (c *client) call(ctx context.Context, method string, in params, out any) error {
	within := callTime
	if in.hasFile() {
		within = uploadTime
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, err := c.callWithin(ctx, method, in, out)
	return err
}

// callWithin is like call, but without a timeout other than that of ctx. It
// also returns the server's time, or the zero time if the answer has none.
func (c *client) callWithin(ctx context.Context, method string, in params, out any) (time.Time, error) {
	date, err := c.do(ctx, method, in, out)
	if err == nil {
		return date, nil
	}
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		c.http.CloseIdleConnections() // they may be dead too
	}
	from := in.chatID()
	hasMoved := ok && e.MigrateTo != 0 && e.MigrateTo != from
	if from != 0 && hasMoved {
		c.migrated(from, e.MigrateTo)
	}
	if text := c.hideToken(err.Error()); text != err.Error() {
		err = errors.New(text)
	}
	return date, fmt.Errorf("%s: %w", method, err)
}

// hideToken replaces the token in a text.
func (c *client) hideToken(text string) string {
	return strings.ReplaceAll(text, c.token.reveal(), c.token.String())
}

// do makes one request and decodes the answer.
func (c *client) do(ctx context.Context, method string, in params, out any) (date time.Time, err error) {
	contentType, body, err := in.encode()
	if err != nil {
		return date, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+method, bytes.NewReader(body))
	if err != nil {
		return date, cause(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := c.http.Do(req)
	if err != nil {
		return date, cause(err)
	}
	defer resp.Body.Close()
	arrived := time.Now()

	date, dateErr := http.ParseTime(resp.Header.Get("Date"))
	result, err := readAnswer(resp)
	refusal, refused := errors.AsType[*apiError](err)
	if refused { // hide the token before a part of it may be cut off
		refusal.Description = shorten(c.hideToken(refusal.Description), 200)
	}
	fromTelegram := err == nil || refused // not from a login page
	if fromTelegram {
		c.answered()
	}
	if fromTelegram && dateErr == nil {
		c.date(date, arrived)
	}
	if err != nil || out == nil {
		return date, err
	}
	if err = json.Unmarshal(result, out); err != nil {
		err = fmt.Errorf("unexpected answer: %w", err)
	}
	return date, err
}

// readAnswer returns the result in an answer of the Bot API.
func readAnswer(resp *http.Response) (json.RawMessage, error) {
	const (
		maxAnswer     = 16 << 20 // bytes
		maxRetryAfter = 3600     // seconds
	)
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	var answer struct {
		OK     *bool           `json:"ok"`
		Result json.RawMessage `json:"result"`
		apiError
		Parameters struct {
			RetryAfter int64 `json:"retry_after"`
			MigrateTo  int64 `json:"migrate_to_chat_id"`
		} `json:"parameters"`
	}
	switch status := resp.StatusCode; {
	case err != nil:
		return nil, fmt.Errorf("the answer was cut off: %w", cause(err))
	case status/100 == 3:
		return nil, fmt.Errorf("redirected (status %d): does the network require a login?", status)
	case status >= 500:
		return nil, fmt.Errorf("the server has a problem (status %d)", status)
	case json.Unmarshal(data, &answer) != nil || answer.OK == nil:
		return nil, fmt.Errorf("not an answer from Telegram (status %d): does the network require a login?", status)
	case *answer.OK:
		return answer.Result, nil
	}
	e := &answer.apiError
	e.Code = cmp.Or(e.Code, resp.StatusCode)
	e.RetryAfter = time.Duration(min(max(answer.Parameters.RetryAfter, 0), maxRetryAfter)) * time.Second
	e.MigrateTo = answer.Parameters.MigrateTo
	return nil, e
}

// A post is a message to be sent.
type post struct {
	chat    int64
	topic   int64      // forum topic, or 0
	html    string     // text or caption, in the Bot API's HTML
	file    *file      // or nil
	silent  bool       // notify without a sound
	replyTo int64      // the message that it replies to, or 0
	keys    [][]button // inline keyboard, or nil

	stranger bool // answers somebody who is not on the access list: goes after other answers
}

// replyTo returns an empty answer to a message. In a group it is a reply.
func replyTo(m *message) post {
	p := post{chat: m.Chat.ID, topic: m.topic()}
	if !m.Chat.isPrivate() {
		p.replyTo = m.ID
	}
	return p
}

// params returns the parameters common to all methods that send a message.
func (p post) params() params {
	in := params{"chat_id": p.chat, "disable_notification": p.silent}
	if p.topic != 0 {
		in["message_thread_id"] = p.topic
	}
	if p.replyTo != 0 {
		in["reply_parameters"] = params{"message_id": p.replyTo, "allow_sending_without_reply": true}
	}
	if p.keys != nil {
		in["reply_markup"] = params{"inline_keyboard": p.keys}
	}
	return in
}

// sendFile maps each kind of file to the method that sends it.
var sendFile = map[fileKind]string{photo: "sendPhoto", document: "sendDocument"}

// sendMessage sends a message, with its file if it has one, and returns its ID.
func (c *client) sendMessage(ctx context.Context, p post) (int64, error) {
	method, text := "sendMessage", "text"
	in := p.params()
	if p.file != nil {
		method, text = sendFile[p.file.kind], "caption"
		in[string(p.file.kind)] = p.file
	}
	in[text], in["parse_mode"] = p.html, "HTML"
	var result json.RawMessage
	err := c.call(ctx, method, in, &result)
	if says(err, "to be replied not found") { // allow_sending_without_reply does not work in topics
		delete(in, "reply_parameters")
		err = c.call(ctx, method, in, &result)
	}
	if p.file != nil && (says(err, "send photos") || says(err, "SEND_PHOTOS_FORBIDDEN")) {
		p.file, p.html = nil, p.html+"\n(This group does not allow pictures.)"
		return c.sendMessage(ctx, p)
	}
	if says(err, "can't parse entities") {
		delete(in, "parse_mode")
		in[text] = plainText(p.html)
		err = c.call(ctx, method, in, &result)
	}
	var sent message
	json.Unmarshal(result, &sent) // best effort: it was sent, whatever the result looks like
	return sent.ID, err
}

// editMessage changes the text and the keyboard of a message. It is not an
// error if the message has both already.
func (c *client) editMessage(ctx context.Context, chat, id int64, html string, keys [][]button) error {
	in := params{"chat_id": chat, "message_id": id, "text": html, "parse_mode": "HTML"}
	if keys != nil {
		in["reply_markup"] = params{"inline_keyboard": keys}
	}
	err := c.call(ctx, "editMessageText", in, nil)
	if says(err, "message is not modified") {
		return nil
	}
	return err
}

// answerCallback answers the press of a button. It is not an error if it is too
// late.
func (c *client) answerCallback(ctx context.Context, id, text string) error {
	err := c.call(ctx, "answerCallbackQuery", params{"callback_query_id": id, "text": text}, nil)
	if says(err, "query is too old") {
		return nil
	}
	return err
}

var (
	escape    = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	plainText = strings.NewReplacer("<b>", "", "</b>", "", "<i>", "", "</i>", "", "<pre>", "", "</pre>", "",
		"&amp;", "&", "&lt;", "<", "&gt;", ">").Replace // undoes escape and removes the bot's own markup
)

// textLen returns the length of a text without markup, counted as for maxText.
func textLen(text string) (units int) {
	for _, r := range text {
		units += utf16.RuneLen(r)
	}
	return units
}

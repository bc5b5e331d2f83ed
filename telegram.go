package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"
	"unicode"
)

// The parts of the Bot API's objects that are used here. Ids and dates do not fit into 32 bits.
type (
	user struct {
		ID        int64  `json:"id"`
		IsBot     bool   `json:"is_bot"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		Username  string `json:"username"`
	}
	chat struct {
		ID   int64  `json:"id"`
		Type string `json:"type"` // private, group, supergroup or channel
	}
	entity struct {
		Type   string `json:"type"`
		Offset int    `json:"offset"` // in UTF-16 code units, as is
		Length int    `json:"length"`
	}
	message struct {
		ID            int64           `json:"message_id"`
		Date          int64           `json:"date"` // Unix time; 0 in a message that is inaccessible
		From          *user           `json:"from"` // nil in channels
		Chat          chat            `json:"chat"`
		SenderChat    *chat           `json:"sender_chat"` // in whose name it was written, if not the sender's
		ViaBot        *user           `json:"via_bot"`
		ForwardOrigin json.RawMessage `json:"forward_origin"`
		ReplyTo       *message        `json:"reply_to_message"`
		MigrateTo     int64           `json:"migrate_to_chat_id"` // the group became this supergroup
		Text          string          `json:"text"`
		Entities      []entity        `json:"entities"`
	}
	callbackQuery struct {
		ID      string   `json:"id"`
		From    *user    `json:"from"`
		Message *message `json:"message"`
		Data    string   `json:"data"` // any client can forge it
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

// telegramService is the account in whose name a channel's posts come to its linked group.
const telegramService = 777000

// name returns what a person is called, on one line.
func (u *user) name() string {
	name := strings.TrimSpace(u.FirstName + " " + u.LastName)
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }), " ")
	return cmp.Or(cut(name, 60), "somebody")
}

// A client speaks the Bot API.
type client struct {
	base  string // URL with the token: it must not get into any message
	token secret
	http  *http.Client
}

// pollTime is how long a getUpdates waits for an update. A connection that died silently is noticed only at its end.
const pollTime = 20 * time.Second

func newClient(api string, token secret) *client {
	alive := net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAliveConfig: alive}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		IdleConnTimeout:       10 * time.Second, // one that was idle for longer may have died, and an alert must not wait for that
		MaxIdleConnsPerHost:   4,
		Protocols:             new(http.Protocols), // a silently dropped HTTP/2 connection would be kept in use
		ResponseHeaderTimeout: pollTime + 5*time.Second,
	}
	transport.Protocols.SetHTTP1(true)
	return &client{
		base:  api + "/bot" + string(token) + "/",
		token: token,
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirected POST becomes a GET that tells the token
		}},
	}
}

// An apiError is Telegram's own word that a call failed.
type apiError struct {
	Code        int           `json:"error_code"`
	Description string        `json:"description"`
	RetryAfter  time.Duration `json:"-"` // of a 429
	MigrateTo   int64         `json:"-"` // the id of the supergroup that the group became
}

func (e *apiError) Error() string {
	switch e.Code {
	case http.StatusUnauthorized, http.StatusNotFound:
		return fmt.Sprintf("Telegram does not know this token (%d): check ISCBOT_TOKEN", e.Code)
	case http.StatusConflict:
		return "another program takes this bot's messages (409): end it: " + e.Description
	}
	return fmt.Sprintf("%d %s", e.Code, e.Description)
}

// permanent reports whether sending the same to the same chat cannot succeed: the bot was blocked, kicked or never
// started, or the message is malformed.
func (e *apiError) permanent() bool {
	return e.Code == http.StatusForbidden || e.Code == http.StatusBadRequest
}

// call calls a method with the parameters in and decodes its result into out, unless that is nil. It returns the server's
// time, as far as the answer told it. Its errors do not hold the token.
func (c *client) call(ctx context.Context, method string, in, out any) (time.Time, error) {
	date, err := c.do(ctx, method, in, out)
	if err == nil {
		return date, nil
	}
	if !errors.As(err, new(*apiError)) {
		c.http.CloseIdleConnections() // they may be dead as well
	}
	if text := err.Error(); strings.Contains(text, string(c.token)) {
		err = errors.New(strings.ReplaceAll(text, string(c.token), c.token.String()))
	}
	return date, fmt.Errorf("%s: %w", method, err)
}

func (c *client) do(ctx context.Context, method string, in, out any) (date time.Time, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return date, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+method, bytes.NewReader(body))
	if err != nil {
		return date, cause(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return date, cause(err)
	}
	defer resp.Body.Close()
	date, _ = http.ParseTime(resp.Header.Get("Date"))
	data, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
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
		return date, fmt.Errorf("the answer broke off: %w", cause(err))
	case status/100 == 3:
		return date, fmt.Errorf("redirected (status %d): does the network want somebody to log in?", status)
	case status >= 500:
		return date, fmt.Errorf("the server is in trouble (status %d)", status)
	case json.Unmarshal(data, &answer) != nil || answer.OK == nil:
		return date, fmt.Errorf("the answer is not Telegram's (status %d): does the network want somebody to log in?", status)
	case !*answer.OK:
		e := &answer.apiError
		e.Code, e.Description = cmp.Or(e.Code, status), cut(e.Description, 200)
		e.RetryAfter = time.Duration(min(max(answer.Parameters.RetryAfter, 0), 3600)) * time.Second
		e.MigrateTo = answer.Parameters.MigrateTo
		return date, e
	case out == nil:
		return date, nil
	}
	if err = json.Unmarshal(answer.Result, out); err != nil {
		err = fmt.Errorf("the answer cannot be understood: %w", err)
	}
	return date, err
}

// cause returns the innermost part of a network error that a person can use: that of net/http holds the URL, and so the
// token, and that of net our own port, which differs each time.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		if e.IsNotFound {
			return fmt.Errorf("there is no host %s", e.Name)
		}
		return fmt.Errorf("the address of %s cannot be found: no answer of a DNS server", e.Name)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Err != nil {
		if err = e.Err; errors.As(err, new(*os.SyscallError)) {
			err = errors.Unwrap(err)
		}
		return fmt.Errorf("%s: %w", e.Op, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}

// A backoff gives the times to wait between tries: from a second, doubling to the most given, each up to a fifth less so
// that many clients do not come at once.
type backoff struct {
	most time.Duration
	next time.Duration
}

func (b *backoff) wait(ctx context.Context, err error) {
	b.next = min(max(2*b.next, time.Second), b.most)
	d := b.next - rand.N(b.next/5+1)
	if e, ok := errors.AsType[*apiError](err); ok && e.RetryAfter > 0 {
		d = e.RetryAfter
	}
	pause(ctx, d)
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// A trouble is something that may fail for long: it is logged when it changes.
type trouble struct {
	what string
	last error
}

func (t *trouble) log(err error) {
	switch {
	case fmt.Sprint(err) == fmt.Sprint(t.last):
	case err == nil:
		slog.Info(t.what + ": works again")
	default:
		slog.Warn(t.what+": trying again until it works", "err", err)
	}
	t.last = err
}

// poll takes updates and hands them on, one after the other, until ctx ends. An alarm system never gives up: whatever
// fails is tried again. It returns the offset that confirms what was handled.
func (b *bot) poll(ctx context.Context) (offset int64) {
	var me user
	var menus bool
	wait := time.Second // until it has answered once: a call is to tell soon that it does
	retry := backoff{most: 30 * time.Second}
	trouble := trouble{what: "Telegram"}
	first, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	slog.Info("waiting for Telegram")
	for ctx.Err() == nil {
		var nameErr error
		if me.Username == "" {
			nameErr = b.call(ctx, "getMe", struct{}{}, &me)
		}
		batch, now, err := b.updates(ctx, offset, wait)
		if ctx.Err() != nil {
			break
		}
		trouble.log(cmp.Or(err, nameErr))
		if err != nil {
			b.dropWebhook(ctx, err)
			wait = time.Second
			retry.wait(ctx, err)
			continue
		}
		retry.next, wait = 0, pollTime
		if !menus {
			menus = true
			slog.Info("Telegram answers", "bot", "@"+me.Username)
			b.work.Go(func() { b.menus(ctx) })
		}
		select {
		case <-b.watch.swept: // the first lists are to have values in them
		case <-first.Done(): // though not those of dead PDUs
		}
		stuck := offset
		for _, raw := range batch {
			if id := b.guard(ctx, raw, me.Username, now); id != 0 {
				offset = id + 1
			}
		}
		if len(batch) > 0 && offset == stuck {
			retry.wait(ctx, nil) // nothing in it can be confirmed: it will come again
		}
	}
	return offset
}

// confirm confirms to Telegram what was handled, so that no command runs again after a restart.
func (b *bot) confirm(offset int64) {
	if offset == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	if _, _, err := b.updates(ctx, offset, 0); err != nil {
		slog.Warn("the last commands could not be confirmed to Telegram: they may run again at the next start", "err", err)
	}
}

// updates takes the updates from offset on, which confirms those before it, and tells Telegram's time.
func (b *bot) updates(ctx context.Context, offset int64, wait time.Duration) (batch []json.RawMessage, now time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait+30*time.Second) // an answer may have 4 MiB; its beginning must come sooner
	defer cancel()
	in := map[string]any{"offset": offset, "timeout": int(wait.Seconds()), "allowed_updates": []string{"message", "callback_query"}}
	now, err = b.api.call(ctx, "getUpdates", in, &batch)
	return batch, now, err
}

// call calls a method that must answer within ten seconds.
func (b *bot) call(ctx context.Context, method string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := b.api.call(ctx, method, in, out)
	return err
}

// dropWebhook ends what keeps a bot from polling for ever, if that is the trouble.
func (b *bot) dropWebhook(ctx context.Context, err error) {
	if e, ok := errors.AsType[*apiError](err); !ok || e.Code != http.StatusConflict || !strings.Contains(e.Description, "webhook") {
		return
	}
	if err := b.call(ctx, "deleteWebhook", struct{}{}, nil); err != nil {
		slog.Warn("the bot's webhook could not be deleted", "err", err)
		return
	}
	slog.Warn("the bot had a webhook, which keeps it from being polled: deleted")
}

// guard handles an update and returns its id, or 0 where that cannot be told. One that cannot be decoded, or whose handling
// panics, is passed over: it would come again and again.
func (b *bot) guard(ctx context.Context, raw json.RawMessage, me string, now time.Time) (id int64) {
	var u update
	err := json.Unmarshal(raw, &u) // with an error, u has all that can be understood
	id = u.ID
	defer func() {
		if p := recover(); p != nil {
			slog.Error("an update was passed over: its handling failed", "update", id, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	switch {
	case err != nil:
		slog.Error("an update was passed over: it cannot be understood", "update", id, "err", err)
	case u.Message != nil:
		b.handle(ctx, u.Message, me, now)
	case u.Callback != nil:
		b.pressed(ctx, u.Callback)
	}
	return id
}

// sendMessage sends a message and returns its id.
func (c *client) sendMessage(ctx context.Context, chat int64, m outgoing) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	in := map[string]any{"chat_id": chat, "text": m.html, "parse_mode": "HTML", "disable_notification": m.silent}
	if m.reply != 0 {
		in["reply_parameters"] = map[string]any{"message_id": m.reply, "allow_sending_without_reply": true}
	}
	if m.keys != nil {
		in["reply_markup"] = map[string]any{"inline_keyboard": m.keys}
	}
	var result json.RawMessage
	_, err := c.call(ctx, "sendMessage", in, &result)
	if e, ok := errors.AsType[*apiError](err); ok && strings.Contains(e.Description, "can't parse entities") {
		delete(in, "parse_mode")
		in["text"] = plain(m.html)
		_, err = c.call(ctx, "sendMessage", in, &result)
	}
	var sent message
	json.Unmarshal(result, &sent) // it was sent, whatever the result looks like
	return sent.ID, err
}

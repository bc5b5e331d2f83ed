package venue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"image"
	_ "image/png" // the format of the bot's pictures
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Limits of the Bot API. Texts are counted in UTF-16 units after entities.
const (
	maxText    = 4096
	maxCaption = 1024
	maxAnswer  = 200 // of answerCallbackQuery

	maxPhotoBytes = 10 << 20
	maxPhotoSides = 10_000 // width and height together
	maxPhotoRatio = 20

	maxButtonData = 64 // bytes
	maxButtons    = 100
	maxTimeout    = 50 // s, of getUpdates
)

// methods are the simulated methods of the Bot API.
var methods = map[string]func(*call) (any, error){
	"getMe":                  (*call).getMe,
	"getUpdates":             (*call).getUpdates,
	"deleteWebhook":          (*call).deleteWebhook,
	"getChat":                func(c *call) (any, error) { return c.chat() },
	"sendMessage":            func(c *call) (any, error) { return c.send(&Message{}, "text", maxText) },
	"sendPhoto":              (*call).sendPhoto,
	"sendDocument":           (*call).sendDocument,
	"sendChatAction":         (*call).sendChatAction,
	"editMessageText":        (*call).editMessageText,
	"editMessageReplyMarkup": (*call).editMessageReplyMarkup,
	"answerCallbackQuery":    (*call).answerCallbackQuery,
	"setMyCommands":          (*call).setMyCommands,
	"setMyDescription":       func(c *call) (any, error) { return c.describe("description", 512) },
	"setMyShortDescription":  func(c *call) (any, error) { return c.describe("short_description", 120) },
}

// A call is a call of the bot while it is served, with telegram.mu held.
type call struct {
	*telegram
	params
	request *http.Request
}

// serve returns the result of a call.
func (c *call) serve(method string) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.stir()
	do, ok := methods[method]
	if !ok {
		c.complain("unknown method %s", method)
		return nil, refuse(404, "Not Found: method not found")
	}
	if err := c.check(); err != nil {
		c.complain("%s: %v", method, err)
		return nil, badRequest("%v", err)
	}
	return do(c)
}

func (c *call) getMe() (any, error) {
	return struct {
		User
		ReadsAll bool `json:"can_read_all_group_messages"`
	}{c.bot, true}, nil
}

func (c *call) getUpdates() (any, error) {
	timeout, offset := c.int("timeout"), c.int("offset")
	if timeout > maxTimeout {
		c.complain("getUpdates: timeout %d is more than %d", timeout, maxTimeout)
	}
	if c.params["allowed_updates"] != nil {
		c.allowed = nil
		c.into("allowed_updates", &c.allowed)
	} else if timeout > 0 {
		c.complain("getUpdates without allowed_updates")
	}
	if offset > 0 && offset < c.offset {
		c.complain("getUpdates: the offset went back from %d to %d", c.offset, offset)
	}
	if c.webhook != "" {
		return nil, refuse(409, "Conflict: can't use getUpdates method while webhook is active; "+
			"use deleteWebhook to delete the webhook first")
	}

	c.confirm(offset)
	c.stir()
	if !c.impatient {
		c.await(time.Duration(min(timeout, maxTimeout)) * time.Second)
	}
	if c.webhook != "" {
		return nil, refuse(409, "Conflict: terminated by setWebhook request")
	}
	list := []json.RawMessage{}
	for _, u := range c.updates[:min(100, len(c.updates))] {
		list = append(list, u.raw)
	}
	return list, nil
}

// confirm forgets the updates that an offset of getUpdates confirms.
func (c *call) confirm(offset int64) {
	if offset <= 0 || offset > c.nextUpdate+10 { // from before a restart of the IDs: confirms nothing, as in reality
		return
	}
	c.offset = offset
	for i, u := range slices.Backward(c.updates) {
		if u.id == offset-1 { // with what came before a restart of the IDs
			c.updates = c.updates[i+1:]
			break
		}
	}
	c.updates = slices.DeleteFunc(slices.Clone(c.updates), func(u update) bool { return u.id < offset })
}

// await waits for updates, with mu unlocked meanwhile.
func (c *call) await(timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for over := timeout <= 0; !over && len(c.updates) == 0 && c.webhook == ""; {
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			over = true
		case <-c.request.Context().Done():
			over = true
		}
		c.mu.Lock()
	}
}

func (c *call) deleteWebhook() (any, error) {
	c.webhook = ""
	if c.bool("drop_pending_updates") {
		c.updates = nil
	}
	return true, nil
}

// chat returns the chat that a call is about.
func (c *call) chat() (Chat, error) {
	id := c.int("chat_id")
	chat, known := c.chats[id]
	switch {
	case id == 0:
		return chat, badRequest("chat_id is empty")
	case c.moved[id] != 0:
		return chat, &refusal{Code: 400, Description: "Bad Request: group chat was upgraded to a supergroup chat",
			Parameters: map[string]any{"migrate_to_chat_id": c.moved[id]}}
	case !known && c.met[id]:
		return chat, refuse(403, "Forbidden: bot can't initiate conversation with a user")
	case !known:
		return chat, badRequest("chat not found")
	}
	return chat, nil
}

// reach is chat for calls that the people in the chat would notice.
func (c *call) reach() (Chat, error) {
	chat, err := c.chat()
	switch {
	case err != nil || !c.blocked[chat.ID]:
		return chat, err
	case chat.Type == "private":
		return chat, refuse(403, "Forbidden: bot was blocked by the user")
	}
	return chat, refuse(403, "Forbidden: bot was kicked from the "+chat.Type+" chat")
}

// topic checks whether the bot can write in the topic of the chat, 0 for none.
func (c *call) topic(chat Chat, topic int64) error {
	open, known := c.topics[chat.ID][cmp.Or(topic, general)]
	switch {
	case topic == 0 && !chat.IsForum:
		return nil
	case topic == general || !known: // General is to be omitted
		return badRequest("message thread not found")
	case !open:
		return badRequest("TOPIC_CLOSED")
	}
	return nil
}

func (c *call) sendChatAction() (any, error) {
	chat, err := c.reach()
	if err != nil {
		return nil, err
	}
	if c.text("action") == "" {
		return nil, badRequest("wrong parameter action in request")
	}
	return true, c.topic(chat, c.int("message_thread_id"))
}

func (c *call) sendPhoto() (any, error) {
	photo, _ := c.params["photo"].(File)
	if err := checkPhoto(photo.Data); err != nil {
		return nil, err
	}
	return c.send(&Message{Photo: photo.Data}, "caption", maxCaption)
}

// checkPhoto checks a picture of any format that package image knows.
func checkPhoto(data []byte) error {
	if len(data) == 0 {
		return badRequest("there is no photo in the request")
	}
	if len(data) > maxPhotoBytes {
		return badRequest("file of size %d bytes is too big for a photo; the maximum size is %d bytes",
			len(data), maxPhotoBytes)
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return badRequest("IMAGE_PROCESS_FAILED")
	}
	long, short := max(size.Width, size.Height), min(size.Width, size.Height)
	if long+short > maxPhotoSides || long > maxPhotoRatio*short {
		return badRequest("PHOTO_INVALID_DIMENSIONS")
	}
	if _, _, err := image.Decode(bytes.NewReader(data)); err != nil {
		return badRequest("IMAGE_PROCESS_FAILED")
	}
	return nil
}

func (c *call) sendDocument() (any, error) {
	file, _ := c.params["document"].(File)
	if len(file.Data) == 0 {
		return nil, badRequest("there is no document in the request")
	}
	return c.send(&Message{File: file}, "caption", maxCaption)
}

// send sends m with the text of a parameter.
func (c *call) send(m *Message, parameter string, most int) (any, error) {
	chat, err := c.reach()
	if err != nil {
		return nil, err
	}
	m.Chat, m.Silent, m.At = chat.ID, c.bool("disable_notification"), time.Now()
	err = cmp.Or(c.setText(m, parameter, most), c.setKeyboard(m), c.setPlace(m, chat), c.keepPace(chat))
	if err != nil {
		return nil, err
	}
	m.ID = c.newID(chat.ID)
	c.messages, c.shown = append(c.messages, m), append(c.shown, *m)
	return c.wire(m), nil
}

// A pace is how many messages and edits are allowed within a window of time.
type pace struct {
	most   int
	window time.Duration
}

// Telegram's limits. It publishes only approximate ones, and lets short bursts
// pass in private chats.
var (
	overallPace = pace{30, time.Second}
	privatePace = pace{15, 10 * time.Second}
	groupPace   = pace{20, time.Minute}
)

// wait returns how long it takes until one more is allowed, 0 if it is now.
func (p pace) wait(sent []time.Time, now time.Time) time.Duration {
	if len(sent) < p.most {
		return 0
	}
	return max(0, p.window-now.Sub(sent[len(sent)-p.most]))
}

// keepPace refuses a message or an edit that exceeds Telegram's pace, if that is
// on. It complains of the coarsest excess in any case.
func (c *call) keepPace(chat Chat) error {
	now := time.Now()
	overall, inChat := overallPace.wait(c.sent[0], now), groupPace.wait(c.sent[chat.ID], now)
	if chat.Type == "private" {
		inChat = privatePace.wait(c.sent[chat.ID], now)
	}
	if wait := max(overall, inChat); c.limited && wait > 0 {
		return tooMany(int(math.Ceil(wait.Seconds())))
	}
	if overall > 0 {
		c.complain("more than %d messages and edits in a second", overallPace.most)
	}
	for _, id := range []int64{0, chat.ID} {
		list := append(c.sent[id], now)
		c.sent[id] = list[max(0, len(list)-overallPace.most):] // no pace looks further back
	}
	return nil
}

// setPlace finds the message that m answers and the topic where it goes.
func (c *call) setPlace(m *Message, chat Chat) error {
	var reply struct {
		ID     int64 `json:"message_id"`
		Anyway bool  `json:"allow_sending_without_reply"`
	}
	c.into("reply_parameters", &reply)
	m.Topic = c.int("message_thread_id")

	replied := c.find(chat.ID, reply.ID)
	lostInForum := m.Topic == 0 && chat.IsForum // allow_sending_without_reply needs to know the topic
	switch {
	case reply.ID == 0:
	case replied != nil:
		if m.Topic != replied.Topic {
			c.complain("a reply goes to another topic than the message replied to")
		}
		m.ReplyTo, m.Topic = reply.ID, cmp.Or(m.Topic, replied.Topic)
	case !reply.Anyway || lostInForum:
		return badRequest("message to be replied not found")
	}
	return c.topic(chat, m.Topic)
}

// setText gives m the text of a parameter. Captions may be empty.
func (c *call) setText(m *Message, parameter string, most int) error {
	m.HTML = c.text(parameter)
	m.Text, m.Pre = m.HTML, false
	switch strings.ToLower(c.text("parse_mode")) {
	case "":
	case "html":
		var err error
		if m.Text, m.Pre, err = plainText(m.HTML); err != nil {
			return badRequest("can't parse entities: %v", err)
		}
		if hasBareAmpersand(m.HTML) {
			c.complain("an & without escape in HTML")
		}
	default:
		return badRequest("unsupported parse_mode")
	}

	if strings.TrimSpace(m.Text) == "" && parameter == "text" {
		return badRequest("message text is empty")
	}
	if n := utf16Len(m.Text); n > most {
		c.complain("a %s of more than %d characters", parameter, most)
		return badRequest("message %s is too long", parameter)
	}
	return nil
}

// setKeyboard gives m the keyboard of the call, or none.
func (c *call) setKeyboard(m *Message) error {
	var markup struct {
		Rows  [][]Button `json:"inline_keyboard"`
		Force bool       `json:"force_reply"`
	}
	if c.into("reply_markup", &markup) != nil {
		return badRequest("can't parse reply markup JSON object")
	}
	if markup.Force && markup.Rows != nil {
		c.complain("an inline keyboard and force_reply in one message")
	}
	m.Buttons = slices.DeleteFunc(markup.Rows, func(row []Button) bool { return len(row) == 0 })
	m.ForceReply = markup.Force && markup.Rows == nil

	all := slices.Concat(m.Buttons...)
	if len(all) > maxButtons {
		return badRequest("reply markup is too long")
	}
	for _, b := range all {
		if b.Text == "" || b.Data == "" || len(b.Data) > maxButtonData {
			return badRequest("BUTTON_DATA_INVALID")
		}
	}
	return nil
}

func (c *call) editMessageText() (any, error) {
	return c.edit(func(m *Message) error {
		if m.Photo != nil || m.File.Data != nil {
			return badRequest("there is no text in the message to edit")
		}
		return cmp.Or(c.setText(m, "text", maxText), c.setKeyboard(m))
	})
}

func (c *call) editMessageReplyMarkup() (any, error) { return c.edit(c.setKeyboard) }

// edit changes one of the bot's messages in place.
func (c *call) edit(change func(*Message) error) (any, error) {
	chat, err := c.reach()
	if err != nil {
		return nil, err
	}
	m := c.find(chat.ID, c.int("message_id"))
	if m == nil {
		return nil, badRequest("message to edit not found")
	}
	if m.from != nil || m.ForceReply {
		return nil, badRequest("message can't be edited")
	}
	edited := *m
	if err := change(&edited); err != nil {
		return nil, err
	}
	sameText := edited.HTML == m.HTML && edited.Text == m.Text
	if sameText && slices.EqualFunc(edited.Buttons, m.Buttons, slices.Equal[[]Button]) {
		return nil, badRequest("message is not modified: specified new message content and reply markup are exactly " +
			"the same as a current content and reply markup of the message")
	}
	if err := c.keepPace(chat); err != nil {
		return nil, err
	}
	edited.Edits = append(slices.Clip(m.Edits), Edit{m.Text, time.Now()})
	*m = edited
	if !sameText {
		c.shown = append(c.shown, edited)
	}
	return c.wire(m), nil
}

func (c *call) answerCallbackQuery() (any, error) {
	id, text := c.text("callback_query_id"), c.text("text")
	old, ok := c.answers[id]
	switch {
	case !ok:
		return nil, badRequest("query is too old and response timeout expired or query ID is invalid")
	case utf16Len(text) > maxAnswer:
		return nil, badRequest("MESSAGE_TOO_LONG")
	case old == nil:
		c.answers[id] = &text
	}
	return true, nil
}

// setMyCommands checks a menu; Calls has it for those who want to see it.
func (c *call) setMyCommands() (any, error) {
	var list []struct{ Command, Description string }
	if c.into("commands", &list) != nil {
		return nil, badRequest("can't parse list of bot commands")
	}
	for _, b := range list {
		const allowed = "abcdefghijklmnopqrstuvwxyz0123456789_"
		if b.Command == "" || len(b.Command) > 32 || strings.Trim(b.Command, allowed) != "" {
			return nil, badRequest("BOT_COMMAND_INVALID")
		}
		if n := utf16Len(b.Description); n < 1 || n > 256 {
			return nil, badRequest("BOT_COMMAND_DESCRIPTION_INVALID")
		}
	}

	scope := params{}
	c.into("scope", &scope)
	switch t := cmp.Or(scope.text("type"), "default"); t {
	case "default", "all_private_chats", "all_group_chats":
		return true, nil
	case "chat":
		_, err := (&call{telegram: c.telegram, params: scope}).chat()
		return true, err
	default:
		return nil, badRequest("can't parse BotCommandScope: unsupported type %q", t)
	}
}

// describe checks a description of the bot.
func (c *call) describe(parameter string, most int) (any, error) {
	if utf16Len(c.text(parameter)) > most {
		return nil, badRequest("%s is too long", strings.ReplaceAll(parameter, "_", " "))
	}
	return true, nil
}

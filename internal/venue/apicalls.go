package venue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"image"
	_ "image/png" // the format of the bot's pictures
	"net/http"
	"slices"
	"strings"
	"time"
)

// Limits of the Bot API. Texts are counted in UTF-16 units after entities.
const (
	maxText             = 4096
	maxCaption          = 1024
	maxAnswer           = 200 // of answerCallbackQuery
	maxDescription      = 512
	maxShortDescription = 120

	maxButtonData = 64 // bytes
	maxButtons    = 100
	maxTimeout    = 50 // s, of getUpdates
)

// methods are the simulated methods of the Bot API.
var methods = map[string]func(*call) (any, error){
	"getMe":                 (*call).getMe,
	"getUpdates":            (*call).getUpdates,
	"deleteWebhook":         (*call).deleteWebhook,
	"getChat":               func(c *call) (any, error) { return c.chat(c.Chat) },
	"sendMessage":           (*call).sendMessage,
	"sendPhoto":             (*call).sendPhoto,
	"sendDocument":          (*call).sendDocument,
	"sendChatAction":        (*call).sendChatAction,
	"editMessageText":       (*call).editMessageText,
	"answerCallbackQuery":   (*call).answerCallbackQuery,
	"setMyCommands":         (*call).setMyCommands,
	"setMyDescription":      (*call).setMyDescription,
	"setMyShortDescription": (*call).setMyShortDescription,
}

// A call is a call of the bot while it is served, with telegram.mu held.
type call struct {
	*telegram
	parameters
	ctx context.Context
}

// serve returns the result of a call.
func (c *call) serve(method string) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.stir()
	do, ok := methods[method]
	if !ok {
		c.complain("unknown method %s", method)
		return nil, refuse(http.StatusNotFound, "Not Found: method not found")
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
	if c.Timeout > maxTimeout {
		c.complain("getUpdates: timeout %d is more than %d", c.Timeout, maxTimeout)
	}
	if c.Allowed == nil && c.Timeout > 0 {
		c.complain("getUpdates without allowed_updates")
	}
	if c.Allowed != nil {
		c.kinds = c.Allowed
	}
	if c.Offset > 0 && c.Offset < c.lastOffset {
		c.complain("getUpdates: the offset went back from %d to %d", c.lastOffset, c.Offset)
	}
	if c.webhook != "" {
		return nil, refuse(http.StatusConflict, "Conflict: can't use getUpdates method while webhook is active; "+
			"use deleteWebhook to delete the webhook first")
	}

	c.confirm(c.Offset)
	c.stir()
	if !c.impatient {
		c.await(time.Duration(min(c.Timeout, maxTimeout)) * time.Second)
	}
	if c.webhook != "" {
		return nil, refuse(http.StatusConflict, "Conflict: terminated by setWebhook request")
	}
	list := []json.RawMessage{}
	for _, u := range c.updates[:min(100, len(c.updates))] {
		list = append(list, u.raw)
	}
	return list, nil
}

// confirm removes the updates that an offset of getUpdates confirms.
func (c *call) confirm(offset int64) {
	if offset <= 0 || offset > c.nextUpdate+10 { // from before a restart of the IDs: confirms nothing, as at Telegram
		return
	}
	c.lastOffset = offset
	for i, u := range slices.Backward(c.updates) {
		if u.id == offset-1 { // with what came before a restart of the IDs
			c.updates = c.updates[i+1:]
			break
		}
	}
	c.updates = slices.DeleteFunc(slices.Clone(c.updates), func(u update) bool { return u.id < offset })
}

// await waits for updates. It unlocks mu meanwhile.
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
		case <-c.ctx.Done():
			over = true
		}
		c.mu.Lock()
	}
}

func (c *call) deleteWebhook() (any, error) {
	c.webhook = ""
	return true, nil
}

// chat returns the chat with an ID.
func (c *call) chat(id int64) (Chat, error) {
	chat, known := c.chats[id]
	switch {
	case c.moved[id] != 0:
		return chat, &apiError{Code: 400, Description: "Bad Request: group chat was upgraded to a supergroup chat",
			Parameters: map[string]any{"migrate_to_chat_id": c.moved[id]}}
	case !known:
		return chat, badRequest("chat not found")
	}
	return chat, nil
}

// reach returns the chat of a call that people in it would notice.
func (c *call) reach() (Chat, error) {
	chat, err := c.chat(c.Chat)
	if err == nil && c.blocked[chat.ID] {
		err = refuse(http.StatusForbidden, "Forbidden: bot was blocked by the user")
	}
	return chat, err
}

// checkTopic checks whether the bot can write in a topic of the chat, or outside
// of topics if it is 0.
func (c *call) checkTopic(chat Chat, topic int64) error {
	open, known := c.topics[chat.ID][cmp.Or(topic, general)]
	switch {
	case topic == 0 && !chat.IsForum:
		return nil
	case topic == general || !known: // General must be omitted
		return badRequest("message thread not found")
	case !open:
		return badRequest("TOPIC_CLOSED")
	}
	return nil
}

func (c *call) sendChatAction() (any, error) {
	chat, err := c.reach()
	return true, cmp.Or(err, c.checkTopic(chat, c.Topic))
}

func (c *call) sendMessage() (any, error) {
	m := &Message{}
	if err := c.setText(m, c.Text); err != nil {
		return nil, err
	}
	return c.send(m)
}

func (c *call) sendPhoto() (any, error) {
	m := &Message{Photo: c.Photo.Data}
	if err := cmp.Or(checkPhoto(m.Photo), c.setCaption(m)); err != nil {
		return nil, err
	}
	return c.send(m)
}

// checkPhoto checks a picture of any format that package image knows.
func checkPhoto(data []byte) error {
	if _, _, err := image.Decode(bytes.NewReader(data)); err != nil {
		return badRequest("IMAGE_PROCESS_FAILED")
	}
	return nil
}

func (c *call) sendDocument() (any, error) {
	m := &Message{File: c.Document}
	if len(m.File.Data) == 0 {
		return nil, badRequest("there is no document in the request")
	}
	if err := c.setCaption(m); err != nil {
		return nil, err
	}
	return c.send(m)
}

// send sends m to the chat, topic and message that the parameters name.
func (c *call) send(m *Message) (any, error) {
	chat, err := c.reach()
	if err != nil {
		return nil, err
	}
	m.Chat, m.Silent, m.At = chat.ID, c.Silent, time.Now()
	if err := cmp.Or(c.setKeyboard(m), c.setPlace(m, chat)); err != nil {
		return nil, err
	}
	m.ID = c.newID(chat.ID)
	c.messages, c.shown = append(c.messages, m), append(c.shown, *m)
	return c.wire(m), nil
}

// setPlace sets the message that m replies to, and its topic.
func (c *call) setPlace(m *Message, chat Chat) error {
	m.Topic = c.Topic
	replied := c.find(chat.ID, c.ReplyTo.Message)
	lostInForum := m.Topic == 0 && chat.IsForum // allow_sending_without_reply needs to know the topic
	switch {
	case c.ReplyTo.Message == 0:
	case replied != nil:
		if m.Topic != replied.Topic {
			c.complain("a reply goes to another topic than the message replied to")
		}
		m.ReplyTo, m.Topic = c.ReplyTo.Message, cmp.Or(m.Topic, replied.Topic)
	case !c.ReplyTo.Anyway || lostInForum:
		return badRequest("message to be replied not found")
	}
	return c.checkTopic(chat, m.Topic)
}

// setText sets the text of m, which must not be empty.
func (c *call) setText(m *Message, text string) error {
	if err := c.format(m, text, maxText, "text"); err != nil {
		return err
	}
	if strings.TrimSpace(m.Text) == "" {
		return badRequest("message text is empty")
	}
	return nil
}

func (c *call) setCaption(m *Message) error { return c.format(m, c.Caption, maxCaption, "caption") }

// format sets the text of m according to parse_mode.
func (c *call) format(m *Message, text string, most int, what string) error {
	m.HTML, m.Text, m.Pre = text, text, false
	switch c.Mode {
	case "":
	case "HTML":
		var err error
		if m.Text, m.Pre, err = plainText(text); err != nil {
			return badRequest("can't parse entities: %v", err)
		}
	default:
		return badRequest("unsupported parse_mode")
	}
	if err := fits(m.Text, most, "message "+what); err != nil {
		c.complain("a %s of more than %d characters", what, most)
		return err
	}
	return nil
}

// fits checks the length of a text.
func fits(text string, most int, what string) error {
	if utf16Len(text) > most {
		return badRequest("%s is too long", what)
	}
	return nil
}

// setKeyboard sets the keyboard of m to the one of the call, or to none.
func (c *call) setKeyboard(m *Message) error {
	m.Buttons = c.Markup.Keyboard
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

// editMessageText changes one of the bot's messages in place.
func (c *call) editMessageText() (any, error) {
	chat, err := c.reach()
	if err != nil {
		return nil, err
	}
	m := c.find(chat.ID, c.Message)
	switch {
	case m == nil:
		return nil, badRequest("message to edit not found")
	case m.from != nil:
		return nil, badRequest("message can't be edited")
	case m.Photo != nil || m.File.Data != nil:
		return nil, badRequest("there is no text in the message to edit")
	}
	edited := *m
	if err := cmp.Or(c.setText(&edited, c.Text), c.setKeyboard(&edited)); err != nil {
		return nil, err
	}
	sameText := edited.HTML == m.HTML && edited.Text == m.Text
	if sameText && slices.EqualFunc(edited.Buttons, m.Buttons, slices.Equal[[]Button]) {
		return nil, badRequest("message is not modified: specified new message content and reply markup are exactly " +
			"the same as a current content and reply markup of the message")
	}
	edited.Edits = append(slices.Clip(m.Edits), Edit{m.Text, time.Now()})
	*m = edited
	if !sameText {
		c.shown = append(c.shown, edited)
	}
	return c.wire(m), nil
}

func (c *call) answerCallbackQuery() (any, error) {
	old, ok := c.answers[c.Query]
	switch {
	case !ok:
		return nil, badRequest("query is too old and response timeout expired or query ID is invalid")
	case utf16Len(c.Text) > maxAnswer:
		return nil, badRequest("MESSAGE_TOO_LONG")
	case old == nil:
		c.answers[c.Query] = &c.Text
	}
	return true, nil
}

// setMyCommands checks a menu. It is not kept: Calls has it.
func (c *call) setMyCommands() (any, error) {
	for _, b := range c.Commands {
		const allowed = "abcdefghijklmnopqrstuvwxyz0123456789_"
		if b.Command == "" || len(b.Command) > 32 || strings.Trim(b.Command, allowed) != "" {
			return nil, badRequest("BOT_COMMAND_INVALID")
		}
		if n := utf16Len(b.Description); n < 1 || n > 256 {
			return nil, badRequest("BOT_COMMAND_DESCRIPTION_INVALID")
		}
	}
	var err error
	if c.Scope.Type == "chat" {
		_, err = c.chat(c.Scope.Chat)
	}
	return true, err
}

func (c *call) setMyDescription() (any, error) {
	return true, fits(c.Description, maxDescription, "description")
}

func (c *call) setMyShortDescription() (any, error) {
	return true, fits(c.ShortDescription, maxShortDescription, "short description")
}

package venue

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// A User is somebody who writes to the bot.
type User struct {
	ID       int64  `json:"id"`
	Name     string `json:"first_name"`
	Username string `json:"username,omitempty"`
	IsBot    bool   `json:"is_bot"`
}

// A Chat is where messages go. Type is "private", "group", "supergroup" or
// "channel".
type Chat struct {
	ID      int64  `json:"id"`
	Type    string `json:"type"`
	Name    string `json:"first_name,omitempty"` // in a private chat
	Title   string `json:"title,omitempty"`      // elsewhere
	IsForum bool   `json:"is_forum,omitempty"`
	Topic   int64  `json:"-"` // of a forum; 0 for General
}

// Private is u's chat with the bot.
func Private(u User) Chat { return Chat{ID: u.ID, Type: "private", Name: u.Name} }

// Group is a group, or a supergroup if its ID begins with -100 as theirs do.
func Group(id int64) Chat {
	if isSupergroup(id) {
		return Chat{ID: id, Type: "supergroup", Title: "Supergroup"}
	}
	return Chat{ID: id, Type: "group", Title: "Group"}
}

// In is a topic of the chat.
func (c Chat) In(topic int64) Chat {
	c.Topic = topic
	return c
}

func isSupergroup(id int64) bool { return id < -1e12 }

// A Button of an inline keyboard.
type Button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

// A File is one that the bot uploaded.
type File struct {
	Name string
	Data []byte
}

// A Message is one that the bot sent, as it stands now.
type Message struct {
	ID, Chat int64
	Topic    int64  // of a forum; 0 for General
	Text     string // as people read it; the caption of a picture or file
	HTML     string // as it was sent
	Pre      bool   // has a <pre> block
	Silent   bool
	Photo    []byte
	File     File
	Buttons  [][]Button
	ReplyTo  int64
	Edits    []Edit
	At       time.Time // when it was sent, by the true clock

	from *User // nil for the bot
}

// An Edit is the text that a message had until it was edited, and when that was.
type Edit struct {
	Text string
	At   time.Time
}

// A Call is a request that the server received, even if an APIFault kept it from
// being served.
type Call struct {
	Method string
	Params map[string]any
	At     time.Time
}

// An update is kept until the bot confirms it.
type update struct {
	id  int64
	raw json.RawMessage
}

// general is the topic of a forum where messages without a topic go.
const general = 1

// telegram is what is behind the Bot API: people, their chats, and what they and
// the bot have sent.
type telegram struct {
	bot User

	mu         sync.Mutex    // guards what follows
	changed    chan struct{} // closed and replaced whenever something below changes
	skew       time.Duration
	webhook    string
	impatient  bool // getUpdates does not wait
	updates    []update
	nextUpdate int64
	lastOffset int64    // of getUpdates
	kinds      []string // of updates that the bot wants; none for all
	chats      map[int64]Chat
	blocked    map[int64]bool
	moved      map[int64]int64          // groups that became supergroups
	topics     map[int64]map[int64]bool // of forums: whether they are open
	lastID     map[int64]int64          // of messages, by supergroup; those of all other chats are at 0
	messages   []*Message               // people's too
	shown      []Message                // each text that a message of the bot had, for Print
	answers    map[string]*string       // texts of answers to callback queries; nil until answered
	calls      []Call
	complaints []string
}

func newTelegram(bot User) *telegram {
	return &telegram{
		bot:        bot,
		changed:    make(chan struct{}),
		nextUpdate: 875_000_001,
		chats:      map[int64]Chat{},
		blocked:    map[int64]bool{},
		moved:      map[int64]int64{},
		topics:     map[int64]map[int64]bool{},
		lastID:     map[int64]int64{},
		answers:    map[string]*string{},
	}
}

// change changes the state, and wakes those who wait for a change.
func (t *telegram) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
	t.stir()
}

func (t *telegram) stir() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// now is the time by the server's clock.
func (t *telegram) now() time.Time { return time.Now().Add(t.skew) }

func (t *telegram) complain(format string, args ...any) {
	if c := fmt.Sprintf(format, args...); !slices.Contains(t.complaints, c) {
		t.complaints = append(t.complaints, c)
	}
}

// Say sends a text of u to c.
func (t *telegram) Say(c Chat, u User, text string) {
	t.say(&Message{Topic: c.Topic, Text: text}, c, u)
}

// SayAt is Say with a date by the server's clock.
func (t *telegram) SayAt(at time.Time, c Chat, u User, text string) {
	t.say(&Message{Topic: c.Topic, Text: text, At: at.Add(-t.skew)}, c, u)
}

// Reply is Say as an answer to a message of the chat, in its topic.
func (t *telegram) Reply(c Chat, u User, to int64, text string) {
	t.say(&Message{ReplyTo: to, Text: text}, c, u)
}

func (t *telegram) say(m *Message, c Chat, u User) {
	t.change(func() {
		t.know(c)
		if m.At.IsZero() {
			m.At = time.Now()
		}
		if replied := t.find(c.ID, m.ReplyTo); replied != nil {
			m.Topic = replied.Topic
		}
		m.ID, m.Chat, m.from = t.newID(c.ID), c.ID, &u
		t.messages = append(t.messages, m)
		t.push(map[string]any{"message": t.wire(m)})
	})
}

// Press presses a button of a message for u, or pretends to: data can be anything,
// and message 0 makes a query without a message. The result is for AwaitAnswer.
func (t *telegram) Press(c Chat, u User, message int64, data string) (id string) {
	t.change(func() {
		t.know(c)
		id = strconv.Itoa(4_382_000 + len(t.answers))
		q := map[string]any{"id": id, "from": u, "chat_instance": "-8172", "data": data}
		if m := t.find(c.ID, message); m != nil {
			q["message"] = t.wire(m)
		} else if message != 0 { // InaccessibleMessage
			q["message"] = map[string]any{"chat": c, "message_id": message, "date": 0}
		}
		t.answers[id] = nil
		t.push(map[string]any{"callback_query": q})
	})
	return id
}

// Update sends the bot an update of any content. Only its update_id is set here.
func (t *telegram) Update(raw any) {
	var fields map[string]any
	var seen struct {
		Message struct{ Chat Chat }
		Query   struct{ ID string } `json:"callback_query"`
	}
	js, _ := json.Marshal(raw)
	json.Unmarshal(js, &fields)
	json.Unmarshal(js, &seen) // as far as possible: it may be nonsense

	t.change(func() {
		if c := seen.Message.Chat; c.ID != 0 {
			t.know(c)
		}
		if seen.Query.ID != "" {
			t.answers[seen.Query.ID] = nil
		}
		t.push(fields)
	})
}

// push queues an update, unless the bot did not ask for its kind.
func (t *telegram) push(fields map[string]any) {
	for kind := range fields {
		if len(t.kinds) > 0 && !slices.Contains(t.kinds, kind) {
			return
		}
	}
	fields["update_id"] = t.nextUpdate
	raw, err := json.Marshal(fields)
	if err != nil {
		panic("venue: update: " + err.Error())
	}
	t.updates = append(t.updates, update{t.nextUpdate, raw})
	t.nextUpdate++
}

// Know makes a chat known to the bot without a message. Other chats are not found
// until somebody writes there.
func (t *telegram) Know(c Chat) { t.change(func() { t.know(c) }) }

func (t *telegram) know(c Chat) {
	if _, ok := t.chats[c.ID]; !ok {
		t.chats[c.ID] = c
	}
}

// Block makes the user of a private chat block the bot.
func (t *telegram) Block(chat int64) { t.change(func() { t.blocked[chat] = true }) }

// Unblock ends Block.
func (t *telegram) Unblock(chat int64) { t.change(func() { delete(t.blocked, chat) }) }

// OpenTopic opens a topic, new or closed, in a chat, which becomes a forum. General
// is topic 1, and open from the start.
func (t *telegram) OpenTopic(chat, topic int64) {
	t.change(func() {
		t.know(Group(chat))
		if c := t.chats[chat]; !c.IsForum {
			c.IsForum = true
			t.chats[chat], t.topics[chat] = c, map[int64]bool{general: true}
		}
		t.topics[chat][topic] = true
	})
}

// CloseTopic closes a topic: the bot can no longer write there.
func (t *telegram) CloseTopic(chat, topic int64) { t.change(func() { t.topics[chat][topic] = false }) }

// DeleteTopic deletes a topic.
func (t *telegram) DeleteTopic(chat, topic int64) { t.change(func() { delete(t.topics[chat], topic) }) }

// Migrate turns a group into a supergroup. Calls for the group are refused from now
// on. TellMigrated tells the bot.
func (t *telegram) Migrate(old, new int64) {
	t.change(func() {
		t.moved[old] = new
		t.know(Group(new))
	})
}

// TellMigrated sends the bot a service message about a migration: the last message
// of the old group, or the first one of the new one.
func (t *telegram) TellMigrated(chat int64) {
	t.change(func() {
		admin := User{ID: 1087968824, Name: "Group", Username: "GroupAnonymousBot", IsBot: true}
		m := map[string]any{"message_id": t.newID(chat), "from": admin, "chat": Group(chat), "date": t.now().Unix()}
		for old, new := range t.moved {
			switch chat {
			case old:
				m["migrate_to_chat_id"] = new
			case new:
				m["migrate_from_chat_id"] = old
			}
		}
		t.push(map[string]any{"message": m})
	})
}

// SetWebhook sets a webhook, as another program may have done.
func (t *telegram) SetWebhook(url string) { t.change(func() { t.webhook = url }) }

// Skew sets how far the server's clock is ahead of the true one.
func (t *telegram) Skew(d time.Duration) { t.change(func() { t.skew = d }) }

// Impatient makes getUpdates answer at once, whatever timeout the bot asks for.
func (t *telegram) Impatient(on bool) { t.change(func() { t.impatient = on }) }

// NextID sets the ID of the next update. IDs can restart lower after a quiet week.
func (t *telegram) NextID(id int64) {
	t.change(func() {
		if id < t.nextUpdate {
			t.lastOffset = 0
		}
		t.nextUpdate = id
	})
}

// newID returns the next message ID for a chat. Each supergroup has its own IDs.
func (t *telegram) newID(chat int64) int64 {
	if !isSupergroup(chat) {
		chat = 0
	}
	t.lastID[chat]++
	return t.lastID[chat]
}

// find returns a message of the bot or of a person, nil if there is none.
func (t *telegram) find(chat, id int64) *Message {
	for _, m := range t.messages {
		if id != 0 && m.ID == id && m.Chat == chat {
			return m
		}
	}
	return nil
}

// wire returns a message as the Bot API sends it.
func (t *telegram) wire(m *Message) map[string]any {
	w := map[string]any{"message_id": m.ID, "from": cmp.Or(m.from, &t.bot), "chat": t.chats[m.Chat],
		"date": m.At.Add(t.skew).Unix(), "text": m.Text}
	if m.from != nil {
		w["entities"] = botCommands(m.Text)
	}
	if m.Photo != nil || m.File.Data != nil {
		delete(w, "text")
		w["caption"] = m.Text
	}
	if n := len(m.Edits); n > 0 {
		w["edit_date"] = m.Edits[n-1].At.Add(t.skew).Unix()
	}
	if m.Buttons != nil {
		w["reply_markup"] = map[string]any{"inline_keyboard": m.Buttons}
	}
	if replied := t.find(m.Chat, m.ReplyTo); replied != nil {
		quoted := t.wire(replied)
		delete(quoted, "reply_to_message") // there is only one level
		w["reply_to_message"] = quoted
		if isSupergroup(m.Chat) { // a thread of replies, which is no topic
			w["message_thread_id"] = m.ReplyTo
		}
	}
	if m.Topic != 0 {
		w["message_thread_id"], w["is_topic_message"] = m.Topic, true
	}
	return w
}

// botCommands finds the bot commands in a text, as the server marks them.
func botCommands(text string) (entities []any) {
	for i := range len(text) {
		if text[i] != '/' || i > 0 && text[i-1] != ' ' && text[i-1] != '\n' {
			continue
		}
		rest := strings.TrimLeft(text[i+1:], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@")
		if n := len(text) - i - len(rest); n > 1 {
			e := map[string]any{"type": "bot_command", "offset": utf16Len(text[:i]), "length": n}
			entities = append(entities, e)
		}
	}
	return entities
}

// utf16Len returns the length of a text as Telegram counts it.
func utf16Len(s string) int { return len(utf16.Encode([]rune(s))) }

// Until waits until ok returns true. It calls ok again after each change at the
// server; ok may call the API's methods.
func (t *telegram) Until(ctx context.Context, ok func() bool) error {
	for {
		t.mu.Lock()
		changed := t.changed
		t.mu.Unlock()
		if ok() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Messages returns the bot's messages to a chat, 0 for all, as they stand now.
func (t *telegram) Messages(chat int64) (list []Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.messages {
		if m.from == nil && (chat == 0 || m.Chat == chat) {
			list = append(list, *m)
		}
	}
	return list
}

// Await waits for a message for which ok returns true. Its error lists the messages
// that there were instead.
func (t *telegram) Await(ctx context.Context, ok func(Message) bool) (Message, error) {
	var list []Message
	i := -1
	err := t.Until(ctx, func() bool {
		list = t.Messages(0)
		i = slices.IndexFunc(list, ok)
		return i >= 0
	})
	if err == nil {
		return list[i], nil
	}
	var b strings.Builder
	for _, m := range list {
		fmt.Fprintf(&b, "\nto %d: %q", m.Chat, m.Text)
	}
	return Message{}, fmt.Errorf("no such message: %w; there were:%s", err, cmp.Or(b.String(), " none"))
}

// AwaitAnswer waits for the answer to a callback query.
func (t *telegram) AwaitAnswer(ctx context.Context, query string) (text string, err error) {
	err = t.Until(ctx, func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		answer := t.answers[query]
		if answer != nil {
			text = *answer
		}
		return answer != nil
	})
	return text, err
}

// AwaitConfirmed waits until the bot has confirmed all updates.
func (t *telegram) AwaitConfirmed(ctx context.Context) error {
	return t.Until(ctx, func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return len(t.updates) == 0
	})
}

// Calls returns the calls of a method, "" for all.
func (t *telegram) Calls(method string) []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.calls), func(c Call) bool { return method != "" && c.Method != method })
}

// Complaints returns the client's mistakes, each once.
func (t *telegram) Complaints() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.complaints)
}

package venue

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// A User is somebody who writes to the bot.
type User struct {
	ID       int64
	Name     string
	Username string
	IsBot    bool
}

// A Chat is where messages go. Type is "private", "group", "supergroup" or "channel".
type Chat struct {
	ID    int64
	Type  string
	Title string // the user's name in a private chat
}

// Private is u's chat with the bot.
func Private(u User) Chat { return Chat{u.ID, "private", u.Name} }

// Group is a group, or a supergroup if its id begins with -100 as theirs do.
func Group(id int64) Chat {
	if id < -1e12 {
		return Chat{id, "supergroup", "Supergroup"}
	}
	return Chat{id, "group", "Group"}
}

func (u User) wire() map[string]any {
	return map[string]any{"id": u.ID, "is_bot": u.IsBot, "first_name": u.Name, "username": u.Username, "language_code": "en"}
}

func (c Chat) wire() map[string]any {
	if c.Type == "private" {
		return map[string]any{"id": c.ID, "type": c.Type, "first_name": c.Title}
	}
	return map[string]any{"id": c.ID, "type": c.Type, "title": c.Title}
}

// A Button of an inline keyboard.
type Button struct{ Text, Data string }

// A Message is one that the bot sent, as it stands now.
type Message struct {
	ID, Chat   int64
	Text       string // as people read it
	HTML       string // as it was sent
	Pre        bool   // has a <pre> block
	Silent     bool
	Buttons    [][]Button
	ForceReply bool
	ReplyTo    int64
	Edited     int // times
	Deleted    bool
	At         time.Time // when it was sent, by the true clock
}

// A Call is a request that came in, also when a Fault kept it from being served. Numbers in Params are json.Number.
type Call struct {
	Method string
	Params map[string]any
	At     time.Time
}

// An API is a simulated Telegram Bot API server with one bot, and the people who write to it.
type API struct {
	token, username string
	cert            *tls.Certificate // nil for plain HTTP
	addr            string
	ctx             context.Context // ends with Close
	cancel          context.CancelFunc
	wg              sync.WaitGroup
	out             sync.Mutex // held while a terminal is written to

	mu         sync.Mutex    // guards what follows
	changed    chan struct{} // closed and replaced whenever something below changes
	server     *http.Server  // nil while down
	conns      map[*apiConn]bool
	skew       time.Duration
	webhook    string
	privacy    bool
	queue      []update // not yet confirmed
	next       int64    // id of the next update
	made       int      // updates so far
	offset     int64    // of the last getUpdates
	hasty      bool     // the last getUpdates had no timeout
	allowed    []string // kinds of updates; nil for all
	poll       *poll    // the getUpdates that hangs
	lastID     map[bool]int64
	chats      map[int64]Chat
	met        map[int64]bool // people seen, perhaps only in groups
	blocked    map[int64]bool
	moved      map[int64]int64    // groups that became supergroups
	said       map[[2]int64]any   // people's messages by chat and id, as in their updates
	messages   []*Message         // the bot's
	shown      []Message          // each state that the bot's messages took, for Print
	sent       []time.Time        // last messages' times
	answers    map[string]*string // texts of answers to callback queries; nil until answered
	faults     []*Fault
	calls      []Call
	complaints []string
}

type update struct {
	id  int64
	seq int
	raw json.RawMessage
}

// A poll is a getUpdates that waits.
type poll struct {
	conn    *apiConn
	usurped chan struct{} // closed when another getUpdates takes its place
	left    chan struct{} // closed when it has ended
}

// NewAPI starts a server for the bot with this token and name on a free port of 127.0.0.1.
func NewAPI(token, username string) *API { return newAPI(token, username, nil) }

// NewTLS is NewAPI over TLS, where clients that know HTTP/2 will speak it.
func NewTLS(token, username string, cert tls.Certificate) *API { return newAPI(token, username, &cert) }

func newAPI(token, username string, cert *tls.Certificate) *API {
	a := &API{token: token, username: username, cert: cert, addr: "127.0.0.1:0", changed: make(chan struct{}),
		conns: map[*apiConn]bool{}, next: 875_000_001, lastID: map[bool]int64{}, chats: map[int64]Chat{}, met: map[int64]bool{},
		blocked: map[int64]bool{}, moved: map[int64]int64{}, said: map[[2]int64]any{}, answers: map[string]*string{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.Up()
	return a
}

// URL is the server's address for the bot's -api flag.
func (a *API) URL() string {
	if a.cert != nil {
		return "https://" + a.addr
	}
	return "http://" + a.addr
}

// stir wakes all who wait for a change. The caller holds mu.
func (a *API) stir() {
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *API) complain(format string, args ...any) {
	if c := fmt.Sprintf(format, args...); !slices.Contains(a.complaints, c) {
		a.complaints = append(a.complaints, c)
	}
}

// Until waits until ok holds, looking again after each change at the server; ok may call the API's methods.
func (a *API) Until(ctx context.Context, ok func() bool) error {
	for {
		a.mu.Lock()
		changed := a.changed
		a.mu.Unlock()
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

// What people do.

// Say lets u write text in c and returns the id of the update, 0 if the bot gets none.
func (a *API) Say(c Chat, u User, text string) int64 { return a.say(c, u, text, time.Time{}, 0) }

// SayAt is Say with another date, by the server's clock.
func (a *API) SayAt(at time.Time, c Chat, u User, text string) int64 { return a.say(c, u, text, at, 0) }

// Reply is Say as an answer to a message in the same chat.
func (a *API) Reply(c Chat, u User, to int64, text string) int64 {
	return a.say(c, u, text, time.Time{}, to)
}

func (a *API) say(c Chat, u User, text string, at time.Time, to int64) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at.IsZero() {
		at = time.Now().Add(a.skew)
	}
	id := a.messageID(c.ID)
	m := map[string]any{"message_id": id, "from": u.wire(), "chat": c.wire(), "date": at.Unix(), "text": text}
	if e := botCommands(text); e != nil {
		m["entities"] = e
	}
	if to != 0 {
		m["reply_to_message"] = a.wireOf(c.ID, to)
	}
	a.said[[2]int64{c.ID, id}] = m
	a.know(c, u)
	if a.privacy && c.Type != "private" && a.find(c.ID, to) == nil && !strings.HasPrefix(text, "/") {
		return 0
	}
	return a.push(map[string]any{"message": m})
}

// botCommands finds the bot commands in text, as the server marks them: places and lengths in UTF-16 units.
func botCommands(text string) (entities []any) {
	for i := range len(text) {
		if text[i] != '/' || i > 0 && text[i-1] != ' ' && text[i-1] != '\n' {
			continue
		}
		rest := strings.TrimLeft(text[i+1:], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@")
		if n := len(text) - i - len(rest); n > 1 {
			entities = append(entities, map[string]any{"type": "bot_command", "offset": utf16Len(text[:i]), "length": n})
		}
	}
	return entities
}

func utf16Len(s string) int { return len(utf16.Encode([]rune(s))) }

// Press lets u press a button of message, or pretend to: any data will do, and message 0 makes a query without one. The
// returned id is for Answered.
func (a *API) Press(c Chat, u User, message int64, data string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := strconv.FormatInt(4_382_000_000_000_000_000+int64(len(a.answers)), 10)
	q := map[string]any{"id": id, "from": u.wire(), "chat_instance": strconv.FormatInt(c.ID^0x5bd1e995, 10), "data": data}
	if message != 0 {
		if q["message"] = a.wireOf(c.ID, message); q["message"] == nil { // InaccessibleMessage
			q["message"] = map[string]any{"chat": c.wire(), "message_id": message, "date": 0}
		}
	}
	a.push(map[string]any{"callback_query": q})
	a.know(c, u)
	return id
}

// Update makes an update of any object. An update_id is added unless it has one.
func (a *API) Update(raw any) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.push(raw)
}

func (a *API) push(raw any) int64 {
	js, err := json.Marshal(raw)
	var fields map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(js, &fields)
	}
	if err != nil {
		panic(fmt.Sprintf("venue: update: %v", err))
	}
	var seen struct {
		Message struct{ Chat Chat }
		Query   struct{ ID string } `json:"callback_query"`
	}
	if json.Unmarshal(js, &seen); seen.Message.Chat.ID != 0 {
		a.know(seen.Message.Chat, User{})
	}
	if seen.Query.ID != "" {
		a.answers[seen.Query.ID] = nil
	}
	if given, ok := fields["update_id"]; ok {
		if id, err := strconv.ParseInt(string(given), 10, 64); err == nil {
			a.number(id)
		}
	} else {
		fields["update_id"] = json.RawMessage(strconv.FormatInt(a.next, 10))
	}
	for kind := range fields {
		if a.allowed != nil && kind != "update_id" && !slices.Contains(a.allowed, kind) {
			return 0
		}
	}
	js, _ = json.Marshal(fields)
	a.made++
	a.next++
	a.queue = append(a.queue, update{a.next - 1, a.made, js})
	a.stir()
	return a.next - 1
}

// Know makes a chat known to the bot without a message. Others are "chat not found" until somebody writes there.
func (a *API) Know(c Chat) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.know(c, User{})
}

func (a *API) know(c Chat, u User) {
	if _, ok := a.chats[c.ID]; !ok {
		a.chats[c.ID] = c
	}
	if u.ID != 0 {
		a.met[u.ID] = true
	}
}

// Block lets the user of a private chat block the bot, or the group throw it out. Unblock takes it back.
func (a *API) Block(chat int64)   { a.set(func() { a.blocked[chat] = true }) }
func (a *API) Unblock(chat int64) { a.set(func() { delete(a.blocked, chat) }) }

// Migrate makes a supergroup of a group. The service messages that tell of it are left to Update.
func (a *API) Migrate(old, new int64) {
	a.set(func() {
		a.moved[old] = new
		a.chats[new] = Chat{new, "supergroup", a.chats[old].Title}
	})
}

// SetWebhook puts a webhook that was left from elsewhere.
func (a *API) SetWebhook(url string) { a.set(func() { a.webhook = url }) }

// Skew sets how far the server's clock is ahead of the true one.
func (a *API) Skew(d time.Duration) { a.set(func() { a.skew = d }) }

// Privacy sets the privacy mode: plain talk in groups does not reach the bot, commands and answers to its messages do.
func (a *API) Privacy(on bool) { a.set(func() { a.privacy = on }) }

// NextID gives the next update this id. One that is more than ten lower is a restart of the ids after a quiet week.
func (a *API) NextID(id int64) { a.set(func() { a.number(id) }) }

func (a *API) number(next int64) {
	if next < a.next {
		a.offset = 0
	}
	a.next = next
}

func (a *API) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	a.stir()
}

// What tests look at.

// Messages returns the bot's messages to a chat, 0 for all, as they stand now.
func (a *API) Messages(chat int64) (list []Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.messages {
		if chat == 0 || m.Chat == chat {
			list = append(list, *m)
		}
	}
	return list
}

// Await returns the first message for which ok holds, now or later. Its error tells what there was instead.
func (a *API) Await(ctx context.Context, ok func(Message) bool) (found Message, err error) {
	err = a.Until(ctx, func() bool {
		list := a.Messages(0)
		i := slices.IndexFunc(list, ok)
		if i >= 0 {
			found = list[i]
		}
		return i >= 0
	})
	if err != nil {
		err = fmt.Errorf("no such message: %w; there were:%s", err, a.listing())
	}
	return found, err
}

func (a *API) listing() string {
	var b strings.Builder
	for _, m := range a.Messages(0) {
		fmt.Fprintf(&b, "\nto %d: %q", m.Chat, m.Text)
	}
	return cmp.Or(b.String(), " none")
}

// Answered returns the answer to a callback query.
func (a *API) Answered(query string) (text string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.answers[query]; t != nil {
		return *t, true
	}
	return "", false
}

// AwaitAnswer waits for the answer to a callback query.
func (a *API) AwaitAnswer(ctx context.Context, query string) (text string, err error) {
	err = a.Until(ctx, func() (ok bool) { text, ok = a.Answered(query); return ok })
	return text, err
}

// Confirmed tells whether the bot has confirmed an update.
func (a *API) Confirmed(id int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !slices.ContainsFunc(a.queue, func(u update) bool { return u.id == id })
}

// AwaitConfirmed waits until every update made so far is confirmed.
func (a *API) AwaitConfirmed(ctx context.Context) error {
	a.mu.Lock()
	made := a.made
	a.mu.Unlock()
	return a.Until(ctx, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return !slices.ContainsFunc(a.queue, func(u update) bool { return u.seq <= made })
	})
}

// Calls returns the calls of a method, "" for all.
func (a *API) Calls(method string) (list []Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		if method == "" || c.Method == method {
			list = append(list, c)
		}
	}
	return list
}

// Complaints returns the client's mistakes that Telegram may forgive or punish, each kind once.
func (a *API) Complaints() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.complaints)
}

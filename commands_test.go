package main

import (
	"bytes"
	"fmt"
	"image"
	_ "image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// awaitEdit waits until a message has been edited to a text with all the words.
func (s *site) awaitEdit(t testing.TB, m venue.Message, words ...string) venue.Message {
	t.Helper()
	found, err := s.api.Await(limit(t), func(now venue.Message) bool {
		has := func(word string) bool { return strings.Contains(now.Text, word) }
		return now.Chat == m.Chat && now.ID == m.ID && len(now.Edits) > len(m.Edits) &&
			!slices.ContainsFunc(words, func(word string) bool { return !has(word) })
	})
	if err != nil {
		t.Fatalf("message %d did not get %q: %v", m.ID, words, err)
	}
	return found
}

// awaitPicture waits for a picture that is newer than a message.
func (s *site) awaitPicture(t testing.TB, c venue.Chat, after int64, words ...string) venue.Message {
	t.Helper()
	m := s.await(t, c.ID, after, words...)
	size, format, err := image.DecodeConfig(bytes.NewReader(m.Photo))
	if err != nil || format != "png" || size.Width != 888 || m.Topic != c.Topic {
		t.Errorf("picture of %v in %s (%v), topic %d", size, format, err, m.Topic)
	}
	return m
}

// TestProgramTopics checks that answers go to the topic of the question, and
// alerts to the topic on the access list.
func TestProgramTopics(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	s.write(t, "accesslist.conf", fmt.Sprintf("%d/42\n", groupID))
	for _, topic := range []int64{7, 8, 42} {
		s.api.OpenTopic(groupID, topic)
	}
	s.start(t, "-notify", "group")
	general := venue.Group(groupID)
	in := func(topic int64, m venue.Message) venue.Message {
		t.Helper()
		if m.Topic != topic {
			t.Errorf("in topic %d, want %d: %s", m.Topic, topic, m.Text)
		}
		return m
	}

	in(0, s.ask(t, general, member, "/help", "/current"))
	s.api.Say(general.In(7), member, "/exceedings")
	s.api.Say(general.In(8), member, "/exceedings") // a different answer, so that none are joined
	s.await(t, groupID, 0, "Above the limit of")
	question := in(8, s.ask(t, general.In(8), member, "/reset", "Which PDU"))
	wants(t, s.press(t, general.In(8), member, question, "Second"), "Resetting Second_PDU")
	in(8, s.awaitEdit(t, question, "🔁 Peak of Second_PDU (.2) reset by Carol"))
	var topics []int64
	for _, m := range s.api.Messages(groupID) {
		if strings.Contains(m.Text, "Above the limit of") {
			topics = append(topics, m.Topic)
		}
	}
	if !slices.Equal(topics, []int64{7, 8}) {
		t.Errorf("answers in the topics %v, want 7 and 8", topics)
	}

	s.pdus[0].Draw(3120)
	alert := in(42, s.await(t, groupID, 0, "🔴 First_PDU(.1): Above power limit (3120 W)!"))
	wants(t, s.press(t, general.In(42), member, alert, "Graph"), "Drawing ...")
	s.awaitPicture(t, general.In(42), alert.ID, "First_PDU\n", "Highest 3120 W")
	s.fine(t)
}

// TestProgramTopicLive covers live lists and pictures in a topic.
func TestProgramTopicLive(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.api.OpenTopic(groupID, 7)
	s.start(t)
	c := venue.Group(groupID).In(7)

	live := s.ask(t, c, member, "/live", "1500 W", "live until")
	s.api.Say(c, member, "/graph 1 30s")
	picture := s.awaitPicture(t, c, live.ID, "First_PDU\n", "Highest 1500 W")
	if picture.ReplyTo == 0 || live.Topic != 7 {
		t.Errorf("list in topic %d, picture: reply to %d", live.Topic, picture.ReplyTo)
	}
	s.pdus[0].Draw(2900)
	s.awaitEdit(t, live, "2900 W ▇▇▇▇▇▇▇░ ~")
	if text := s.press(t, c, stranger, live, "Stop"); text != "Stopped." { // all members have access
		t.Errorf("answered %q", text)
	}
	s.awaitEdit(t, live, "Stopped.")
	s.fine(t)
}

// TestProgramCheckTopic checks that -check finds a topic to which the bot
// cannot write.
func TestProgramCheckTopic(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(api *venue.API)
		want   string
		code   int
	}{
		"open": {func(*venue.API) {}, "can be reached", exitOK},
		"closed": {func(api *venue.API) { api.CloseTopic(groupID, 42) },
			"TOPIC_CLOSED: the topic is gone or closed", exitFailed},
		"gone": {func(api *venue.API) { api.DeleteTopic(groupID, 42) },
			"thread not found: the topic is gone or closed", exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "First_PDU")
			s.write(t, "accesslist.conf", fmt.Sprintf("%d/42\n", groupID))
			s.api.OpenTopic(groupID, 42)
			tt.change(s.api)
			p := s.start(t, "-notify", "group", "-check")
			<-p.exited
			line := ""
			for l := range strings.Lines(p.stdout.String()) {
				if strings.Contains(l, fmt.Sprintf("chat %d/42", groupID)) {
					line = l
				}
			}
			wants(t, line, tt.want)
			if code := p.ProcessState.ExitCode(); code != tt.code {
				t.Errorf("exit code %d, want %d:\n%s", code, tt.code, p.stdout.String())
			}
		})
	}
}

// TestProgramRefresh checks the button below /current.
func TestProgramRefresh(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	p := s.start(t)
	private, group := venue.Private(ann), venue.Group(-77)

	old := s.ask(t, private, ann, "/current", "1500 W ▇▇▇▇░░░░")
	if got := s.press(t, private, ann, old, "Refresh"); got != "Unchanged." {
		t.Errorf("answered %q", got)
	}
	s.pdus[0].Draw(2400)
	s.until(t, "/current", "2400 W")
	s.ask(t, private, ann, "/peaks", "Peaks at") // there are newer messages now
	if got := s.press(t, private, ann, old, "Refresh"); got != "Up to date." {
		t.Errorf("answered %q", got)
	}
	now := s.awaitEdit(t, old, "2400 W ▇▇▇▇▇▇░░")
	if fmt.Sprint(now.Buttons) != fmt.Sprint(old.Buttons) || !now.Pre {
		t.Errorf("after the edit: %+v", now)
	}
	s.pdus[0].Draw(2500)
	s.until(t, "/current", "2500 W")
	if got := s.press(t, private, ann, old, "Refresh"); got != "Up to date." && got != "Wait a second." {
		t.Errorf("answered %q", got)
	}

	// In a group anybody may press the button, except bots.
	m := s.ask(t, group, stranger, "/current", "2500 W")
	if got := s.press(t, group, venue.User{ID: 8, Name: "Dan"}, m, "Refresh"); got != "Unchanged." {
		t.Errorf("answered %q", got)
	}
	if got := s.press(t, group, venue.User{ID: 9, IsBot: true}, m, "Refresh"); got != "Unknown button." {
		t.Errorf("a bot was answered %q", got)
	}

	// When the quota of a chat is used up, a press is refused without a
	// message.
	for range maxQuota {
		got := s.press(t, group, stranger, m, "Refresh")
		// On a busy machine the PDU may not have been read, and the list has changed.
		isRefused := strings.HasPrefix(got, "That was a lot") || strings.HasPrefix(got, "Telegram allows no more changes")
		if got != "Unchanged." && !isRefused {
			t.Errorf("answered %q", got)
		}
	}
	if got := s.press(t, group, stranger, m, "Refresh"); got != "That was a lot at once: wait a little." {
		t.Errorf("answered %q", got)
	}
	if n := len(s.api.Messages(group.ID)); n != 1 {
		t.Errorf("%d messages in the group", n)
	}

	refuse := venue.Refuse(400, "Bad Request: message can't be edited")
	s.api.Inject(venue.APIFault{Method: "editMessageText", Times: 1, Do: refuse})
	s.pdus[0].Draw(1000)
	s.until(t, "/current", "1000 W")
	if got := s.press(t, private, ann, old, "Refresh"); got != "The list could not be changed: send /current." {
		t.Errorf("answered %q", got)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.fine(t)
}

// TestProgramForgedButtons checks that no press, whatever its data, changes a
// message that does not have the button.
func TestProgramForgedButtons(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.start(t)
	private, group := venue.Private(ann), venue.Group(groupID)
	s.pdus[0].Draw(3120)
	alert := s.await(t, ann.ID, 0, "🔴 First_PDU(.1): Above power limit (3120 W)!")
	list := s.ask(t, private, ann, "/current", "3120 W")
	live := s.ask(t, private, ann, "/live", "live until")

	for data, want := range map[string]string{
		"current 0": "Send /current again.", "current": "Send /current again.", "current -1": "Send /current again.",
		"current 99999999999999999999": "Send /current again.",
		"stop":                         "It has ended already.", "stop now": "It has ended already.",
		"graph 9": "Unknown button.", "graph": "Unknown button.", "": "Unknown button.", "x": "Unknown button.",
		"current 0\x00": "Send /current again.", strings.Repeat("graph ", 10): "Unknown button.",
	} {
		if got := s.pressData(t, private, ann, alert.ID, data); got != want {
			t.Errorf("%q was answered %q, want %q", data, got, want)
		}
	}
	for _, data := range []string{"current 0", "stop", "graph 1"} {
		if got := s.pressData(t, private, ann, 0, data); got != "Unknown button." { // without a message
			t.Errorf("%q without a message was answered %q", data, got)
		}
	}
	wants(t, s.pressData(t, private, ann, 9999, "current 0"), "Send /current again.") // inaccessible
	wants(t, s.pressData(t, venue.Private(stranger), stranger, live.ID, "stop"), "It has ended already.")
	wants(t, s.pressData(t, group, member, live.ID, "stop"), "It has ended already.")

	for _, m := range s.api.Messages(ann.ID) {
		if m.ID == alert.ID && len(m.Edits) > 0 || m.ID == list.ID && len(m.Edits) > 0 {
			t.Errorf("it was changed: %+v", m)
		}
	}
	wants(t, s.press(t, private, ann, live, "Stop"), "Stopped.")
	s.fine(t)
}

// TestProgramLive follows a live list from beginning to end.
func TestProgramLive(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	p := s.start(t)
	private, foreign := venue.Private(ann), venue.Group(-77)

	live := s.ask(t, private, ann, "/live", "Power at", "1500 W ▇▇▇▇░░░░", "live until")
	s.api.Inject(venue.APIFault{Method: "editMessageText", Times: 1, Do: venue.TooMany(1)})
	s.api.Inject(venue.APIFault{Method: "editMessageText", Times: 1, Do: venue.Lose})
	asked := s.pdus[0].Asked()
	s.pdus[0].Draw(3120)
	alert := s.await(t, ann.ID, 0, "Above power limit (3120 W)!")
	now := s.awaitEdit(t, live, "3120 W ▇▇▇▇▇▇▇▇ !", "live until")
	if now.Edits[0].At.Before(alert.At) || fmt.Sprint(now.Buttons) != fmt.Sprint(live.Buttons) {
		t.Errorf("after the edit: %+v", now)
	}
	if n := s.pdus[0].Asked() - asked; n > int(time.Since(alert.At)/(200*time.Millisecond))+20 {
		t.Errorf("the list cost the PDU requests: %d", n)
	}

	next := s.ask(t, private, ann, "/live", "live until")
	s.awaitEdit(t, live, "Continued in the newer list.")
	wants(t, s.pressData(t, private, ann, live.ID, "stop"), "It has ended already.")
	wants(t, s.press(t, private, ann, next, "Stop"), "Stopped.")
	if m := s.awaitEdit(t, next, "Stopped."); m.Buttons != nil {
		t.Errorf("its button is left: %+v", m)
	}

	s.ask(t, foreign, stranger, "/live", "In a group, /live is for those on the access list")
	m := s.ask(t, foreign, ann, "/live", "live until")
	wants(t, s.press(t, foreign, stranger, m, "Stop"), "those on the access list can stop it")
	m = s.ask(t, venue.Private(stranger), stranger, "/live", "live until")
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if m = s.awaitEdit(t, m, "The bot was stopped."); m.Buttons != nil {
		t.Errorf("its button is left: %+v", m)
	}
	s.fine(t)
}

// TestProgramGraph covers pictures of teams, one of which has two PDUs.
func TestProgramGraph(t *testing.T) {
	t.Parallel()
	s := newSite(t, "left", "right", "Emoji")
	s.write(t, "ips.csv", "1,left,<b>Double</b>\n2,right,<b>Double</b>\n3,🏁 Flag\n")
	s.pdus[2].SetFaults(venue.AgentFaults{Falsify: venue.NoMeter})
	s.start(t)
	private := venue.Private(ann)
	s.until(t, "/current", "3000 W")

	m := s.ask(t, private, ann, "/graph", "limit 3000 W\nThe bot was not running before ",
		"<b>Double</b>: highest 3000 W at ", "🏁 Flag: no readings")
	size, _, err := image.DecodeConfig(bytes.NewReader(m.Photo))
	if err != nil || size.Width != 888 || size.Height != 808 || len(m.Photo) > 40_000 {
		t.Errorf("picture of %d x %d, %d bytes, %v", size.Width, size.Height, len(m.Photo), err)
	}
	s.awaitPicture(t, private, s.say(t, private, ann, "/graph 2 45m"), "<b>Double</b>\nHighest 3000 W", "Mean 3000 W")
	for arg, want := range map[string]string{
		"9":                      `"9" is not a team or PDU on the list: send /graph, /graph 101`,
		"1 5":                    "a length such as 90m",
		"1 100h":                 "want a length from 30 s to 24 h",
		strings.Repeat("x", 500): "is not a team or PDU",
	} {
		if m := s.ask(t, private, ann, "/graph "+arg, want); m.Photo != nil {
			t.Errorf("/graph %s: a picture", arg)
		}
	}

	// A stranger's flood gets a few pictures, and alerts do not wait for them.
	for range 200 {
		s.api.Say(venue.Private(stranger), stranger, "/graph")
	}
	s.pdus[0].Draw(1700)
	s.await(t, ann.ID, 0, "🔴 <b>Double</b>(.1+.2): Above power limit (3200 W)!")
	s.await(t, stranger.ID, 0, "That was a lot at once")
	if n := len(s.api.Messages(stranger.ID)); n > maxQuota+1 {
		t.Errorf("%d answers", n)
	}
	s.fine(t)
}

// say sends a message to the bot and returns the bot's last message before it.
func (s *site) say(t testing.TB, c venue.Chat, u venue.User, text string) (last int64) {
	t.Helper()
	last = s.last(c)
	s.api.Say(c, u, text)
	return last
}

// TestProgramWithoutPictures checks that a group that does not allow pictures
// gets the captions, and its alerts at once.
func TestProgramWithoutPictures(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.start(t, "-notify", "group")
	s.api.Inject(venue.APIFault{Method: "sendPhoto",
		Do: venue.Refuse(400, "Bad Request: not enough rights to send photos to the chat")})
	s.ask(t, venue.Group(groupID), member, "/graph 1", "Highest 1500 W", "(This group does not allow pictures.)")
	s.pdus[0].Draw(3120)
	s.await(t, groupID, 0, "Above power limit (3120 W)!")
	s.fine(t)
}

// TestProgramMarks checks the emoji with which messages about events begin, and
// that exceedings.log has none.
func TestProgramMarks(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	p := s.start(t)
	p.awaitLog(t, "Telegram answers")
	s.pdus[0].Draw(3120)
	s.await(t, ann.ID, 0, "🔴 First_PDU(.1): Above power limit (3120 W)!\n", ", limit 3000 W")
	s.pdus[0].Draw(1500)
	s.await(t, ann.ID, 0, "🟢 First_PDU(.1): Back under power limit after ")
	s.pdus[1].ResetPeak()
	s.await(t, ann.ID, 0, "🔁 Second_PDU(.2): Peak reset by somebody else, 1500 W -> 1500 W")
	s.pdus[1].SetFaults(venue.AgentFaults{Mute: true})
	s.await(t, ann.ID, 0, "⚪ Second_PDU(.2): Out of reach since ")
	s.pdus[1].SetFaults(venue.AgentFaults{})
	s.await(t, ann.ID, 0, "🟢 Second_PDU(.2): Answers again after ")
	for _, m := range s.api.Messages(ann.ID) {
		if len(m.Buttons) == 0 || !strings.HasPrefix(m.Buttons[0][0].Text, "Graph") {
			t.Errorf("without its button: %+v", m)
		}
	}

	log, err := os.ReadFile(filepath.Join(s.dir, "exceedings.log"))
	if err != nil || strings.ContainsAny(string(log), "🔴🟢⚪🔁") {
		t.Errorf("log: %s (%v)", log, err)
	}
	for line := range strings.Lines(string(log)) {
		_, err := time.Parse(time.DateTime, line[:min(19, len(line))])
		if err != nil || !strings.Contains(line, " --- ") {
			t.Errorf("line %q", line)
		}
	}
	s.fine(t)
}

// TestProgramResetTeam checks that one press in the group resets all PDUs of a
// team, and that one message shows it.
func TestProgramResetTeam(t *testing.T) {
	t.Parallel()
	s := newSite(t, "left", "right")
	s.write(t, "ips.csv", "1,left,Double\n2,right,Double\n")
	s.start(t)
	group := venue.Group(groupID)
	s.peaked(t, 0, 2000)
	s.peaked(t, 1, 1800)

	m := s.ask(t, group, member, "/reset", "Which PDU")
	wants(t, s.press(t, group, member, m, "all of Double"), "Resetting all of Double")
	wants(t, s.press(t, group, member, m, "left"), "no longer open")
	s.awaitEdit(t, m, "🔁 Peak of Double left (.1) reset by Carol: 2000 W -> 1500 W",
		"🔁 Peak of Double right (.2) reset by Carol: 1800 W -> 1500 W")
	if n := len(s.api.Messages(groupID)); n != 1 {
		t.Errorf("%d messages", n)
	}
	s.unharmed(t, 1, 1)
	wants(t, s.log(t), "Double left(.1): Reset by Carol (7), peak was 2000 W", "Double right(.2): Reset by Carol (7)")
}

// TestProgramResetNewMessage checks that the result of a reset is sent as a new
// message if the old one cannot be edited.
func TestProgramResetNewMessage(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.start(t)
	refuse := venue.Refuse(400, "Bad Request: message to edit not found")
	s.api.Inject(venue.APIFault{Method: "editMessageText", Do: refuse})
	first := s.ask(t, venue.Private(ann), ann, "/reset 1", "Resetting the peak of First_PDU (.1)")
	s.await(t, ann.ID, first.ID, "🔁 Peak of First_PDU (.1) reset: 1500 W -> 1500 W")
	s.unharmed(t, 1)
}

// TestProgramMenu checks the order of the menu and the descriptions of the bot.
func TestProgramMenu(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.start(t)
	m := s.ask(t, venue.Private(ann), ann, "/help", "I watch the power of 1 PDU; a team may draw 3000 W.", "/help - this text")
	var names []string
	for line := range strings.Lines(m.Text) {
		if name, _, ok := strings.Cut(line, " - "); ok {
			names = append(names, name)
		}
	}
	const (
		order     = "/current /live /graph /peaks /peakdates /exceedings /help"
		officials = "/current /live /graph /peaks /peakdates /exceedings /reset /log /help"
	)
	if got := strings.Join(names, " "); got != officials {
		t.Errorf("the menu is %s", got)
	}
	m = s.ask(t, venue.Group(-77), stranger, "/help", order)
	if n := strings.Count(m.Text, "\n"); n != 1 || strings.Contains(m.Text, "/reset") {
		t.Errorf("in a group: %q", m.Text)
	}
	m = s.ask(t, venue.Group(groupID), member, "/help", officials)
	if n := strings.Count(m.Text, "\n"); n != 1 {
		t.Errorf("in the group: %q", m.Text)
	}

	s.api.Until(limit(t), func() bool { return len(s.api.Calls("setMyShortDescription")) == 1 })
	for method, want := range map[string]struct {
		parameter, order string
		max              int
	}{
		"setMyDescription":      {"description", officials, 512},
		"setMyShortDescription": {"short_description", order, 120},
	} {
		calls := s.api.Calls(method)
		text := fmt.Sprint(calls[0].Params[want.parameter])
		if len(calls) != 1 || !strings.Contains(text, want.order) || textLen(text) > want.max {
			t.Errorf("%s: %d calls, %d characters: %q", method, len(calls), textLen(text), text)
		}
	}
	s.fine(t)
}

func TestParseCommand(t *testing.T) {
	sent := func(text string, length int) message {
		return message{Text: text, Entities: []entity{{Type: "bot_command", Length: length}}}
	}
	code := []entity{{Type: "code", Length: 8}}
	later := []entity{{Type: "bot_command", Offset: 4, Length: 8}}
	bold := []entity{{Type: "bold", Length: 8}, {Type: "bot_command", Length: 8}}
	for name, tt := range map[string]struct {
		m    message
		want command
		ok   bool
	}{
		"plain":             {sent("/current", 8), command{"/current", ""}, true},
		"in capitals":       {sent("/CurRent", 8), command{"/current", ""}, true},
		"to us":             {sent("/current@ISC_Bot", 16), command{"/current", ""}, true},
		"to another":        {sent("/current@other_bot", 18), command{}, false},
		"to nobody":         {sent("/current@", 9), command{}, false},
		"with arguments":    {sent("/reset  101 \n", 6), command{"/reset", "101"}, true},
		"with a line":       {sent("/reset\n101", 6), command{"/reset", "101"}, true},
		"comma after it":    {sent("/current, please", 8), command{"/current", ", please"}, true},
		"talk":              {message{Text: "101"}, command{}, false},
		"nothing":           {message{}, command{}, false},
		"later in the text": {message{Text: "try /current", Entities: later}, command{}, false},
		"bold":              {message{Text: "/current", Entities: bold}, command{"/current", ""}, true},
		"in code":           {message{Text: "/current", Entities: code}, command{}, false},
		"without entities":  {message{Text: "/current"}, command{"/current", ""}, true},
		"length too great":  {sent("/current", 99), command{}, false},
		"length below zero": {sent("/current", -1), command{}, false},
		"emoji after it":    {sent("/current\U0001F600", 8), command{"/current", "\U0001F600"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := parseCommand(&tt.m, "isc_bot"); got != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

// TestNameUnknown checks what happens to commands that are addressed to a bot by
// name while getMe fails: in a private chat they are answered, and in a group
// the log says once that they are not.
func TestNameUnknown(t *testing.T) {
	log := captureLog(t)
	testPresses(t, func(t *testing.T, r *responder, s *slowServer) {
		group, private := chat{ID: -8, Type: "group"}, chat{ID: 8, Type: "private"}
		for i, tt := range []struct {
			where chat
			text  string
			known bool   // the bot's name
			want  string // the beginning of the answer, or ""
		}{
			{group, "/help@isc_bot", false, ""},
			{group, "/help@isc_bot", false, ""},
			{group, "/help", false, "I watch"},
			{private, "/help@isc_bot", false, "I watch"},
			{group, "/help@isc_bot", true, "I watch"},
			{group, "/help@other_bot", true, ""},
			{private, "/help@other_bot", true, "Send /help"},
		} {
			if tt.known {
				r.start(t.Context(), user{Username: "isc_bot"})
			}
			before := len(s.messages())
			m := &message{ID: 5, From: &user{ID: 8}, Chat: tt.where, Text: tt.text}
			r.handle(t.Context(), &update{Message: m}, time.Now())
			answers := s.messages()[before:]
			if got := strings.Join(answers, "\n"); !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("message %d was answered with %q, want %q", i, got, tt.want)
			}
		}
	})
	log.wantTimes(t, "does not know its own name", 1)
}

// TestStrangersFlood checks that officials need not wait for the answers to a
// stranger who floods a group with commands or presses, and that alerts go
// first.
func TestStrangersFlood(t *testing.T) {
	t.Parallel()
	const official, stranger = 7, 8
	for _, flood := range []string{"/current", "/help", "/graph", "/graph x%d", "/reset", "press"} {
		t.Run(flood, func(t *testing.T) {
			t.Parallel()
			testPresses(t, func(t *testing.T, r *responder, _ *slowServer) {
				p := &fakeSender{start: time.Now()}
				r.out.send = p.send
				id := int64(0)
				say := func(from int64, text string) {
					id++
					m := message{
						ID: id, Date: time.Now().Unix(), From: &user{ID: from, FirstName: fmt.Sprint("user ", from)},
						Chat: chat{ID: -5, Type: "supergroup"}, Text: strings.ReplaceAll(text, "%d", fmt.Sprint(id)),
					}
					u := &update{Message: &m}
					if text == "press" {
						u = &update{Callback: &callbackQuery{From: m.From, Message: &m, Data: "graph 101"}}
					}
					r.handle(t.Context(), u, time.Now())
				}
				for range maxQuota {
					say(stranger, flood)
					time.Sleep(500 * time.Millisecond)
				}

				before := len(p.taken())
				say(official, "/current")
				say(official, "/reset 9")
				say(stranger, flood)
				r.out.put(alertTo(-5, "alert"))
				time.Sleep(4 * groupPace)
				sent, _ := p.list()
				all := strings.Join(sent[before:], "\n")
				alert := strings.Index(all, "alert")
				list := strings.Index(all, "Power at 00:00:10")
				reset := strings.Index(all, `"9" is not a PDU`)
				if alert < 0 || list < alert || reset < list {
					t.Errorf("sent:\n%s", all)
				}
				time.Sleep(2 * time.Minute)
			})
		})
	}
}

func FuzzCommand(f *testing.F) {
	f.Add("/reset@isc_bot 101", "bot_command", 0, 14)
	f.Add("/\U0001F600", "bot_command", 0, 2)
	f.Fuzz(func(t *testing.T, text, kind string, offset, length int) {
		for _, entities := range [][]entity{nil, {{kind, offset, length}}} {
			c, ok := parseCommand(&message{Text: text, Entities: entities}, "isc_bot")
			if ok && !strings.HasPrefix(c.name, "/") || !ok && c != (command{}) {
				t.Errorf("got %q, %v", c, ok)
			}
		}
	})
}

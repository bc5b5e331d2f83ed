package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"iscbot/internal/venue"
)

// stressRows returns the rows of TestStress.
func stressRows() []stressRow {
	return slices.Concat(networkRows, deliveryRows, updateRows, peopleRows, pduRows(), registerRows, slowRows)
}

// stillWorks checks that the bot still works: it reports a crossing and answers
// a command.
func (s *site) stillWorks(t *testing.T, watts int) {
	t.Helper()
	s.pdus[0].Draw(watts)
	s.await(t, ann.ID, 0, fmt.Sprintf("First_PDU(.1): Above power limit (%d W)!", watts))
	s.pdus[0].Draw(1500)
	s.until(t, "/current", "1500 W")
}

// faults makes the next getUpdates and the next sendMessage fail.
func apiFault(do venue.FaultFunc) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		for _, method := range []string{"getUpdates", "sendMessage"} {
			defer s.api.Inject(venue.APIFault{Method: method, Times: 1, Do: do})()
		}
		s.api.Say(venue.Private(stranger), stranger, "/help") // ends the waiting poll
		s.stillWorks(t, 3100)
	}
}

var networkRows = []stressRow{
	{"network: a connection is cut", nil, apiFault(venue.Cut)},
	{"network: a connection is reset", nil, apiFault(venue.Reset)},
	{"network: an answer is lost", nil, apiFault(venue.Lose)},
	{"network: an answer is truncated", nil, apiFault(venue.Truncated)},
	{"network: an answer is empty", nil, apiFault(venue.Empty)},
	{"network: 502 with HTML", nil, apiFault(venue.BadGateway)},
	{"network: a captive portal answers 200 with HTML", nil, apiFault(venue.Portal)},
	{"network: a redirect is not followed", nil, apiFault(venue.Redirect("http://127.0.0.1:1/login"))},
	{"network: 429 on polls and messages", nil, apiFault(venue.TooMany(1))},
	{"network: 401", nil, apiFault(venue.Refuse(401, "Unauthorized"))},
	{"network: 404", nil, apiFault(venue.Refuse(404, "Not Found"))},
	{"network: 409, another poller", nil,
		apiFault(venue.Refuse(409, "Conflict: terminated by other getUpdates request"))},
	{"network: an answer of 4 MiB", nil, apiFault(venue.Huge(4 << 20))},
	{"network: 409, a webhook is deleted", nil, func(t *testing.T, s *site, p *program) {
		s.api.SetWebhook("https://example.org/")
		s.api.Say(venue.Private(stranger), stranger, "/help")
		s.stillWorks(t, 3100)
	}},
	{"network: the server refuses connections and comes back", nil, func(t *testing.T, s *site, p *program) {
		s.api.Down()
		s.pdus[0].Draw(3100)
		s.logged(t, "Above power limit (3100 W)!")
		s.api.Up()
		s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
		s.pdus[0].Draw(1500)
		s.await(t, ann.ID, 0, "Back under power limit")
		s.stillWorks(t, 3200)
	}},
	{"network: a server that answers at once is polled once a second", nil, func(t *testing.T, s *site, p *program) {
		const polls = 6
		asked := func() []venue.Call { return s.api.Calls("getUpdates") }
		s.api.Impatient(true)
		s.api.Say(venue.Private(stranger), stranger, "/help") // ends the waiting poll
		s.await(t, stranger.ID, 0, "/current")
		before := len(asked())
		s.api.Until(limit(t), func() bool { return len(asked()) >= before+polls })
		calls := asked()[before:]
		if took := calls[polls-1].At.Sub(calls[0].At); took < (polls-2)*emptyPace {
			t.Errorf("asked %d times in %s", polls, took)
		}
		s.stillWorks(t, 3100)
	}},
}

// refusedOnce makes Telegram refuse the first alert to a chat, and checks that
// it is delivered later and says so.
func refusedOnce(chat int64, do venue.FaultFunc) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		defer s.api.Inject(venue.APIFault{Method: "sendMessage", Chat: chat, Times: 1, Do: do})()
		s.pdus[0].Draw(3100)
		s.await(t, chat, 0, "First_PDU(.1): Above power limit (3100 W)!", "(sent ", " s late)")
	}
}

// returning makes Ann block the bot during an alert and then come back by an
// action: she must get the alert at once, not at the next attempt.
func returning(do func(s *site, m venue.Message)) func(*testing.T, *site, *program) {
	const maxDelay = 6 * time.Second // the next attempt is two seconds later
	return func(t *testing.T, s *site, p *program) {
		m := s.ask(t, venue.Private(ann), ann, "/current", "Power at")
		s.api.Block(ann.ID)
		s.pdus[0].Draw(3100)
		p.awaitLog(t, "the person must send /start to the bot")
		s.api.Unblock(ann.ID)
		returned := time.Now()
		do(s, m)
		alert := s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
		if late := alert.At.Sub(returned); late > maxDelay {
			t.Errorf("the alert came %s later", late)
		}
	}
}

var toGroup = []string{"-notify", "group"}

var deliveryRows = []stressRow{
	{"delivery: a person who blocks the bot and sends /start", nil, returning(func(s *site, _ venue.Message) {
		s.api.Say(venue.Private(ann), ann, "/start")
	})},
	{"delivery: a person who blocks the bot and presses a button", nil, returning(func(s *site, m venue.Message) {
		s.api.Press(venue.Private(ann), ann, m.ID, m.Buttons[0][0].Data)
	})},
	{"delivery: an edit that hangs delays no alert", nil, func(t *testing.T, s *site, p *program) {
		defer s.api.Inject(venue.APIFault{Method: "editMessageText", Do: venue.Hang})()
		s.ask(t, venue.Private(ann), ann, "/reset 2", "Resetting the peak of Second_PDU")
		s.api.Until(limit(t), func() bool { return len(s.api.Calls("editMessageText")) > 0 })
		crossed := time.Now()
		s.pdus[0].Draw(3100)
		m := s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
		if late := m.At.Sub(crossed); late > callTime/2 {
			t.Errorf("the alert came after %s", late)
		}
	}},
	{"delivery: a picture that hangs delays no alert", nil, func(t *testing.T, s *site, p *program) {
		defer s.api.Inject(venue.APIFault{Method: "sendPhoto", Do: venue.Hang})()
		s.api.Say(venue.Private(ann), ann, "/graph 2")
		s.api.Until(limit(t), func() bool { return len(s.api.Calls("sendPhoto")) > 0 })
		crossed := time.Now()
		s.pdus[0].Draw(3100)
		m := s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
		if late := m.At.Sub(crossed); late > callTime/2 {
			t.Errorf("the alert came after %s", late)
		}
	}},
	{"delivery: no crossing of a burst is lost", nil, func(t *testing.T, s *site, p *program) {
		const crossings = 6
		for n := range crossings {
			watts := 3100 + 10*n
			s.pdus[0].Draw(watts)
			s.logged(t, fmt.Sprintf("Above power limit (%d W)!", watts))
			s.pdus[0].Draw(1500)
			s.logged(t, fmt.Sprintf("at most %d W", watts))
		}
		for n := range crossings {
			s.await(t, ann.ID, 0, fmt.Sprintf("Above power limit (%d W)!", 3100+10*n))
			s.await(t, ann.ID, 0, fmt.Sprintf("at most %d W", 3100+10*n))
		}
		if _, loud := s.count(ann.ID, "Above power limit"); loud != 1 {
			t.Errorf("%d messages with a sound in a minute", loud)
		}
	}},
	{"delivery: the host's clock is wrong, and right again", nil, func(t *testing.T, s *site, p *program) {
		s.skew(-3 * time.Hour)
		s.until(t, "/current", "1500 W")
		s.await(t, ann.ID, 0, "The clock of the bot's host is 3 h 0 min fast")
		p.awaitLog(t, "The clock of the bot's host is 3 h 0 min fast")
		for range 3 {
			s.until(t, "/current", "1500 W")
		}
		if n, _ := s.count(ann.ID, "The clock of the bot's host"); n != 1 {
			t.Errorf("%d messages about the clock, want 1", n)
		}
		s.skew(0)
		s.until(t, "/current", "1500 W")
		s.await(t, ann.ID, 0, "The clock of the bot's host is right again")
		p.awaitLog(t, "The clock of the bot's host is right again")
	}},
}

// skew sets the server's clock while no answer is under way.
func (s *site) skew(d time.Duration) {
	s.api.Down()
	s.api.Skew(d)
	s.api.Up()
}

// oddUpdates cannot be decoded, or have fields that make no sense.
var oddUpdates = []any{
	map[string]any{"message": map[string]any{"message_id": "x"}},
	map[string]any{"message": 7},
	map[string]any{"callback_query": []int{1}},
	map[string]any{"message": map[string]any{"chat": map[string]any{"id": 1e300}}},
	map[string]any{"poll": map[string]any{}},
	map[string]any{},
	map[string]any{"message": map[string]any{"text": "/reset 1", "chat": map[string]any{}}},
	map[string]any{"message": map[string]any{
		"text": "/current", "chat": map[string]any{"id": 1, "type": "private"},
		"entities": []any{map[string]any{"type": "bot_command", "offset": -5, "length": int64(1) << 40}},
	}},
	map[string]any{"callback_query": map[string]any{
		"id": "1", "from": nil, "message": nil, "data": strings.Repeat("x", 5000),
	}},
}

var updateRows = []stressRow{
	{"updates: IDs that restart at a lower number", nil, func(t *testing.T, s *site, p *program) {
		s.api.NextID(5)
		s.until(t, "/current", "1500 W")
		s.stillWorks(t, 3100)
	}},
	{"updates: some that cannot be decoded", nil, func(t *testing.T, s *site, p *program) {
		for _, odd := range oddUpdates {
			s.api.Update(odd)
		}
		p.awaitLog(t, "cannot be decoded")
		s.stillWorks(t, 3100)
	}},
	{"updates: a flood of 1,000 commands from a stranger", nil, func(t *testing.T, s *site, p *program) {
		for range 1000 {
			s.api.Say(venue.Private(stranger), stranger, "/peakdates")
		}
		s.stillWorks(t, 3100)
		s.await(t, stranger.ID, 0, "That was a lot at once")
		if n, _ := s.count(stranger.ID, "Peaks at"); n > 20 {
			t.Errorf("%d answers", n)
		}
		if n, _ := s.count(stranger.ID, "a lot at once"); n != 1 {
			t.Errorf("%d messages about the flood, want 1", n)
		}
	}},
	{"updates: a backlog of hours while the Pi's clock is hours off", nil, func(t *testing.T, s *site, p *program) {
		s.api.Skew(-7 * time.Hour)
		old := time.Now().Add(-9 * time.Hour)
		for range 50 {
			s.api.SayAt(old, venue.Private(ann), ann, "/reset 1")
			s.api.SayAt(old, venue.Private(ann), ann, "1")
		}
		s.await(t, ann.ID, 0, "more than two minutes old")
		s.stillWorks(t, 3100)
		s.unharmed(t, 0, 0)
		s.ask(t, venue.Private(ann), ann, "/reset 2", "Second_PDU (.2) reset")
		s.unharmed(t, 0, 1)
	}},
}

// ignored checks that messages from an odd sender reset nothing.
func ignored(change func(m map[string]any)) func(*testing.T, *site, *program) {
	chats := []venue.Chat{venue.Private(ann), venue.Group(groupID), venue.Group(-77), {ID: -1009, Type: "channel"}}
	return func(t *testing.T, s *site, p *program) {
		for _, c := range chats {
			for n, text := range []string{"/reset 1", "/reset", "1"} {
				m := map[string]any{
					"message_id": 100 + n, "date": time.Now().Unix(), "text": text,
					"chat": map[string]any{"id": c.ID, "type": c.Type},
					"from": map[string]any{"id": ann.ID, "is_bot": false, "first_name": "Ann"},
				}
				change(m)
				s.api.Update(map[string]any{"message": m})
			}
		}
		s.stillWorks(t, 3100)
		s.unharmed(t, 0, 0)
		for _, m := range s.api.Messages(0) {
			if strings.Contains(m.Text, "Which PDU") {
				t.Errorf("a question was asked: %+v", m)
			}
		}
	}
}

// pressedBy checks that pressing the button of Ann's question resets nothing if
// somebody else does it or the press is forged.
func pressedBy(c venue.Chat, u venue.User) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		m := s.ask(t, venue.Private(ann), ann, "/reset", "Which PDU")
		s.pressData(t, c, u, m.ID, m.Buttons[0][0].Data)
		s.pressData(t, c, u, 0, m.Buttons[0][0].Data)
		s.stillWorks(t, 3100)
		s.unharmed(t, 0, 0)
	}
}

var peopleRows = []stressRow{
	{"people: no sender", nil, ignored(func(m map[string]any) { delete(m, "from") })},
	{"people: another bot", nil, ignored(func(m map[string]any) {
		m["from"] = map[string]any{"id": ann.ID, "is_bot": true}
	})},
	{"people: an anonymous admin", nil, ignored(func(m map[string]any) {
		m["from"] = map[string]any{"id": 1087968824, "is_bot": true}
		m["sender_chat"] = map[string]any{"id": groupID, "type": "supergroup"}
	})},
	{"people: on behalf of a channel", nil, ignored(func(m map[string]any) {
		m["sender_chat"] = map[string]any{"id": -1009, "type": "channel"}
	})},
	{"people: a linked channel", nil, ignored(func(m map[string]any) {
		m["from"] = map[string]any{"id": 777000, "is_bot": false}
	})},
	{"people: via a bot", nil, ignored(func(m map[string]any) {
		m["via_bot"] = map[string]any{"id": 9, "is_bot": true}
	})},
	{"people: a forwarded message", nil, ignored(func(m map[string]any) {
		m["forward_origin"] = map[string]any{"type": "hidden_user"}
	})},
	{"people: a message forwarded by an old Bot API server", nil, ignored(func(m map[string]any) {
		m["forward_date"] = time.Now().Unix()
		m["forward_from"] = map[string]any{"id": ann.ID, "is_bot": false}
	})},
	{"people: a command that is delivered twice", nil, func(t *testing.T, s *site, p *program) {
		raw := map[string]any{"message": map[string]any{
			"message_id": 100, "date": time.Now().Unix(), "text": "/reset 1",
			"chat": map[string]any{"id": ann.ID, "type": "private"},
			"from": map[string]any{"id": ann.ID, "is_bot": false, "first_name": "Ann"},
		}}
		s.api.Update(raw)
		s.await(t, ann.ID, 0, "Peak of First_PDU (.1) reset")
		s.api.Update(raw)
		s.stillWorks(t, 3100)
		s.unharmed(t, 1, 0)
	}},
	{"people: a stranger's flood of presses, answered slowly", nil, func(t *testing.T, s *site, p *program) {
		s.api.Inject(venue.APIFault{Method: "answerCallbackQuery", Do: venue.Hang})
		for i := range 2000 {
			s.api.Press(venue.Private(stranger), stranger, 1, []string{"x", "stop", "reset A 1"}[i%3])
		}
		s.stillWorks(t, 3100)
		s.unharmed(t, 0, 0)
	}},
	{"people: a stranger's commands and numbers", nil, func(t *testing.T, s *site, p *program) {
		s.ask(t, venue.Private(ann), ann, "/reset", "Which PDU")
		for _, c := range []venue.Chat{venue.Private(stranger), venue.Group(-77)} {
			s.ask(t, c, stranger, "/reset 1", "Your ID is 5000000001")
			s.api.Say(c, stranger, "1")
		}
		s.stillWorks(t, 3100)
		s.unharmed(t, 0, 0)
	}},
	{"people: a stranger presses", nil, pressedBy(venue.Private(stranger), stranger)},
	{"people: a stranger presses in a user's chat", nil, pressedBy(venue.Private(ann), stranger)},
	{"people: a member presses a button from a private chat", nil, pressedBy(venue.Group(groupID), member)},
	{"people: a user presses in another group", nil, pressedBy(venue.Group(-77), ann)},
	{"people: a bot presses", nil, pressedBy(venue.Private(ann), venue.User{ID: ann.ID, IsBot: true})},
	{"people: markup in names is escaped", nil, func(t *testing.T, s *site, p *program) {
		u := venue.User{ID: stranger.ID, Name: "<b>&amp;</b><a href='x'>\x1b[31m\u202e"}
		m := s.ask(t, venue.Private(stranger), u, "/reset 1", "<b>&amp;</b><a href='x'>")
		if strings.ContainsAny(p.log(), "\x1b\u202e") || strings.Contains(m.HTML, "<a ") {
			t.Errorf("unescaped: %q", m.HTML)
		}
	}},
}

// faulty gives a PDU's agent faults. It checks that the list then contains a
// text, that no wrong value is shown, and that the PDU recovers.
func faulty(m venue.AgentFaults, want string) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		s.pdus[1].SetFaults(m)
		s.asked(t, 1, 4)
		s.until(t, "/current", want, "1500 W")
		for _, m := range s.api.Messages(0) {
			for _, wrong := range []string{" -1", " 9990 W", " 2410 W", " -2410 W"} {
				if strings.Contains(m.Text, wrong) {
					t.Errorf("a wrong value: %s", m.Text)
				}
			}
		}
		s.pdus[1].SetFaults(venue.AgentFaults{})
		s.until(t, "/current", ".2 Second_PDU 1500 W")
		s.stillWorks(t, 3100)
	}
}

// readable is the line of the second PDU if it can be read.
const readable = ".2 Second_PDU 1500 W"

// reduced gives a PDU's agent faults that leave only its power readable. It
// checks that the power is shown, and that the peaks return without the faults.
func reduced(m venue.AgentFaults) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		s.pdus[1].SetFaults(m)
		s.pdus[1].Draw(1800)
		s.until(t, "/current", ".2 Second_PDU 1800 W")
		s.pdus[1].Draw(2200)
		s.pdus[1].Draw(1500)
		s.until(t, "/current", readable)
		s.until(t, "/peaks", ".2 Second_PDU no register")
		s.pdus[1].SetFaults(venue.AgentFaults{})
		s.until(t, "/peaks", ".2 Second_PDU 2200 W")
	}
}

// panicking makes an agent send a datagram that panics the decoder, before its
// answer or instead of it. The panic must be logged only once.
func panicking(datagram string, alone bool, want string) func(*testing.T, *site, *program) {
	row := faulty(venue.AgentFaults{First: venue.Datagram(datagram), Mute: alone}, want)
	return func(t *testing.T, s *site, p *program) {
		row(t, s, p)
		if n := strings.Count(p.log(), "stack="); n > 1 {
			t.Errorf("%d stacks were logged", n)
		}
	}
}

func pduRows() []stressRow {
	garbage := func(_, _ []byte) []byte { return []byte("garbage") }
	echo := func(request, _ []byte) []byte { return request }
	rows := []stressRow{
		{"PDUs: one is silent", nil, faulty(venue.AgentFaults{Mute: true}, "no answer")},
		{"PDUs: every second answer is lost", nil, faulty(venue.AgentFaults{Lose: 2}, readable)},
		{"PDUs: each answer comes twice", nil, faulty(venue.AgentFaults{Twice: true}, readable)},
		{"PDUs: a slow one", nil, faulty(venue.AgentFaults{Delay: 60 * time.Millisecond}, readable)},
		{"PDUs: answers too late", nil, func(t *testing.T, s *site, p *program) {
			s.pdus[1].SetFaults(venue.AgentFaults{Delay: 450 * time.Millisecond}) // but not longer than the interval
			s.until(t, "/current", "no answer")
			s.await(t, ann.ID, 0, "Second_PDU(.2): Out of reach", "answers too late for -interval "+siteInterval)
			s.pdus[1].SetFaults(venue.AgentFaults{})
			s.until(t, "/current", readable)
		}},
		{"PDUs: no power meter", nil, faulty(venue.AgentFaults{Falsify: venue.NoMeter}, "no power meter")},
		{"PDUs: garbage before each answer", nil, faulty(venue.AgentFaults{First: garbage}, readable)},
		{"PDUs: the request is echoed before each answer", nil, faulty(venue.AgentFaults{First: echo}, readable)},
		{"PDUs: no peak register, and SNMP v1 only", nil, reduced(venue.AgentFaults{NoPeak: true, OnlyV1: true})},
		{"PDUs: only the power object of older models", nil, reduced(venue.AgentFaults{Old: true})},
	}
	for _, name := range slices.Sorted(maps.Keys(venue.WrongAnswers())) {
		fault := venue.AgentFaults{Falsify: venue.WrongAnswers()[name]}
		rows = append(rows, stressRow{"PDUs: answers with " + name, nil, faulty(fault, "answer\n")})
	}
	for _, status := range []gosnmp.SNMPError{gosnmp.TooBig, gosnmp.GenErr, gosnmp.NoAccess} {
		fault := venue.AgentFaults{Falsify: venue.RefuseSeveral(status)}
		name := fmt.Sprintf("PDUs: %s if several objects are requested together", status)
		rows = append(rows, stressRow{name, nil, reduced(fault)})
	}
	for bits, datagram := range map[int]string{64: venue.Overflow64, 32: venue.Overflow32} {
		ahead := fmt.Sprintf("PDUs: a datagram that panics a %d-bit decoder before each answer", bits)
		alone := fmt.Sprintf("PDUs: only a datagram that panics a %d-bit decoder", bits)
		rows = append(rows,
			stressRow{ahead, nil, panicking(datagram, false, readable)},
			stressRow{alone, nil, panicking(datagram, true, "wrong answer")})
	}
	for _, kind := range []gosnmp.Asn1BER{gosnmp.Gauge32, gosnmp.Counter32, gosnmp.Counter64, gosnmp.Uinteger32} {
		name := fmt.Sprintf("PDUs: powers of type %s", kind)
		rows = append(rows, stressRow{name, nil, func(t *testing.T, s *site, p *program) {
			s.pdus[1].SetFaults(venue.AgentFaults{PowerType: kind})
			s.pdus[1].Draw(1610)
			s.until(t, "/current", ".2 Second_PDU 1610 W")
			s.until(t, "/peaks", ".2 Second_PDU 1610 W")
		}})
	}
	return rows
}

// settling makes a PDU show a reset in two steps: the first request after it
// gets half of it. Neither the bot's own reset nor somebody else's may be
// misjudged.
func settling(m venue.AgentFaults) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		s.pdus[1].SetFaults(m)
		s.peaked(t, 1, 2800)
		s.ask(t, venue.Private(ann), ann, "/reset 2", "Second_PDU (.2) reset: 2800 W -> 1500 W")
		s.peaked(t, 1, 2600)
		s.pdus[1].ResetPeak()
		s.await(t, ann.ID, 0, "Second_PDU(.2): Peak reset by somebody else, 2600 W -> 1500 W")
		if n, _ := s.count(ann.ID, "somebody else"); n != 1 {
			t.Errorf("%d resets by somebody else were reported, want 1", n)
		}
		s.unharmed(t, 0, 2)
	}
}

var registerRows = []stressRow{
	{"registers: a card restarts", nil, func(t *testing.T, s *site, p *program) {
		s.pdus[1].Restart()
		s.await(t, ann.ID, 0, "Second_PDU(.2): The PDU's card was restarted")
	}},
	{"registers: the uptime wraps after 497 days", nil, func(t *testing.T, s *site, p *program) {
		s.pdus[1].SetUptime(1<<32 - 100)
		s.asked(t, 1, 8) // more than the second that is left
		s.stillWorks(t, 3100)
		if strings.Contains(s.log(t), "restarted") {
			t.Error("the wrap was reported as a restart")
		}
	}},
	{"registers: a reset shows in the start time first", nil, settling(venue.AgentFaults{StartFirst: true})},
	{"registers: a reset shows in the peak first", nil, settling(venue.AgentFaults{PeakFirst: true})},
	{"registers: a stray answer while all PDUs are out of reach", nil, func(t *testing.T, s *site, p *program) {
		for _, sim := range s.pdus {
			sim.SetFaults(venue.AgentFaults{Mute: true})
		}
		s.await(t, ann.ID, 0, "All PDUs: Out of reach")
		s.pdus[0].SetFaults(venue.AgentFaults{Mute: true, Strays: 1})
		s.asked(t, 0, 6)
		for _, sim := range s.pdus {
			sim.SetFaults(venue.AgentFaults{})
		}
		s.await(t, ann.ID, 0, "All PDUs: Answer again after ")
		if n, _ := s.count(ann.ID, "Answer again"); n != 1 {
			t.Errorf("%d messages about the end of the outage, want 1", n)
		}
	}},
}

// asked waits until a PDU has been asked a number of times more.
func (s *site) asked(t *testing.T, i, times int) {
	t.Helper()
	ctx := limit(t)
	for before := s.pdus[i].Asked(); s.pdus[i].Asked() < before+times; pause(ctx, 10*time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("PDU %d is not asked any more", i+1)
		}
	}
}

// slowRows wait for timeouts and retries. They are the last rows, which package testing
// starts first, so that the others run meanwhile.
var slowRows = []stressRow{
	{"network: a server that hangs", nil, apiFault(venue.Hang)},
	{"network: the connections die silently while new ones work", nil, func(t *testing.T, s *site, p *program) {
		s.api.Freeze()
		s.pdus[0].Draw(3100)
		s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
		s.pdus[0].Draw(1500)
		s.ask(t, venue.Private(stranger), stranger, "/current", "1500 W")
	}},
	{"PDUs: a reset while the card hangs delays nothing", nil, func(t *testing.T, s *site, p *program) {
		s.webs[1].SetFaults(venue.WebFaults{At: "config", Hang: true})
		s.ask(t, venue.Private(ann), ann, "/reset 2", "looking for the page")
		s.stillWorks(t, 3100)
		s.ask(t, venue.Private(ann), ann, "/reset 2", "is already being reset")
		s.await(t, ann.ID, 0, "was not reset", "looking for the peak's reset: no answer")
		s.unharmed(t, 0, 0)
	}},
	{"delivery: a group that denies the right to write once", toGroup, refusedOnce(groupID, venue.NoRights)},
	{"delivery: a topic that is closed once", toGroup, refusedOnce(groupID, venue.TopicClosed)},
	{"delivery: a person who blocks the bot once", nil, refusedOnce(ann.ID, venue.Blocked)},
}

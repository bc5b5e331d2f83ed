package main

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// log returns the contents of exceedings.log.
func (s *site) log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(cmp.Or(s.logPath, filepath.Join(s.dir, "exceedings.log")))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// until sends a text from one person after another until an answer has all the
// words. This way the limit of a message a second to a person does not matter.
func (s *site) until(t testing.TB, text string, words ...string) {
	t.Helper()
	ctx := limit(t)
	for u := (venue.User{ID: 9_000_000, Name: "Somebody"}); ctx.Err() == nil; u.ID++ {
		m := s.ask(t, venue.Private(u), u, text, "limit")
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(m.Text, w) }) {
			return
		}
		pause(ctx, 50*time.Millisecond)
	}
	t.Fatalf("%s was never answered with %q", text, words)
}

// peaked sets a peak to be reset, and waits until the bot has read it.
func (s *site) peaked(t testing.TB, i, watts int) {
	t.Helper()
	s.pdus[i].Draw(watts)
	s.pdus[i].Draw(1500)
	s.until(t, "/peaks", fmt.Sprintf("%d W", watts))
}

// unharmed fails the test unless each PDU was reset as often as resets says,
// and nothing else was changed.
func (s *site) unharmed(t testing.TB, resets ...int) {
	t.Helper()
	for i, p := range s.pdus {
		if n := p.State().Resets; n != resets[i] {
			t.Errorf("PDU %d: %d resets, not %d", i+1, n, resets[i])
		}
		if c := s.webs[i].Complaints(); len(c) != 0 || s.webs[i].Open() != 0 {
			t.Errorf("PDU %d: %d sessions are open, complaints: %q", i+1, s.webs[i].Open(), c)
		}
	}
	s.fine(t)
}

// press presses the button with a text below a message.
func (s *site) press(t testing.TB, c venue.Chat, u venue.User, m venue.Message, text string) (answer string) {
	t.Helper()
	for _, row := range m.Buttons {
		for _, b := range row {
			if strings.Contains(b.Text, text) {
				return s.pressData(t, c, u, m.ID, b.Data)
			}
		}
	}
	t.Fatalf("no button %q in %+v", text, m)
	return ""
}

func (s *site) pressData(t testing.TB, c venue.Chat, u venue.User, message int64, data string) (answer string) {
	t.Helper()
	answer, err := s.api.AwaitAnswer(limit(t), s.api.Press(c, u, message, data))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestResetDialog resets a PDU with a button.
func TestResetDialog(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	s.start(t)
	private := venue.Private(ann)

	s.peaked(t, 1, 2800)
	m := s.ask(t, private, ann, "/reset", "Which PDU", "stop")
	if got := fmt.Sprint(m.Buttons); strings.Count(got, "reset ") != 2 || !strings.Contains(got, "2 Second_PDU") {
		t.Errorf("buttons: %v", got)
	}
	data := m.Buttons[0][1].Data
	wants(t, s.press(t, private, ann, m, "Second"), "Resetting Second_PDU (.2)")
	wants(t, s.pressData(t, private, ann, m.ID, data), "no longer open")
	s.await(t, private.ID, m.ID-1, "Peak of Second_PDU (.2) reset: 2800 W -> 1500 W")
	s.unharmed(t, 0, 1)
	for _, q := range s.api.Messages(private.ID) {
		if q.Buttons != nil {
			t.Errorf("a keyboard is left: %+v", q)
		}
	}
	line := `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d --- Second_PDU\(\.2\): Reset by Ann \(424242424\), peak was 2800 W\n$`
	if !regexp.MustCompile(line).MatchString(s.log(t)) {
		t.Errorf("log: %q", s.log(t))
	}
}

// TestResetNamed resets the PDU that the command names, without a question.
func TestResetNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	s.start(t)
	private := venue.Private(ann)

	for n, name := range []string{"1", ".1", "127.0.0.1"} {
		s.peaked(t, 0, 2000+10*n)
		s.ask(t, private, ann, "/reset "+name, fmt.Sprintf("First_PDU (.1) reset: %d W -> 1500 W", 2000+10*n))
		s.unharmed(t, n+1, 0)
	}
	s.ask(t, private, ann, "/reset 3", `"3" is not a PDU`)
}

// TestResetTyped types answers to the question which PDU to reset. A text that
// is not a PDU leaves the question open.
func TestResetTyped(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	s.start(t)
	private := venue.Private(ann)

	s.peaked(t, 0, 2100)
	question := s.ask(t, private, ann, "/reset", "Which PDU")
	s.ask(t, private, ann, "9", `"9" is not a PDU`)
	s.ask(t, private, ann, "the first <one>", `"the first <one>" is not a PDU`)
	s.ask(t, private, ann, "/current", "Power at")
	s.api.Say(private, ann, ".1")
	s.await(t, private.ID, question.ID-1, "reset: 2100 W -> 1500 W")
	s.unharmed(t, 1, 0)
	s.ask(t, private, ann, "1", "/help") // the question is closed
	m := s.ask(t, private, ann, "/reset", "Which PDU")
	s.api.Say(private, ann, "Stop")
	s.await(t, private.ID, m.ID-1, "Stopped")
	wants(t, s.pressData(t, private, ann, m.ID, m.Buttons[0][0].Data), "no longer open")
}

// TestResetInGroup covers a question in the group: only the person who asked
// may type the answer, but any member may press a button.
func TestResetInGroup(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	s.start(t)
	group := venue.Group(groupID)

	m := s.ask(t, group, member, "/reset@isc_bot", "Which PDU", "reply")
	if m.ReplyTo == 0 {
		t.Errorf("no reply: %+v", m)
	}
	other := venue.User{ID: 8, Name: "Dan"}
	s.api.Say(group, other, "1")
	s.api.Say(group, member, "what do you think?")
	s.peaked(t, 1, 2200)
	wants(t, s.press(t, group, other, m, "Second"), "Resetting")
	s.await(t, groupID, m.ID-1, "Second_PDU (.2) reset by Dan: 2200 W -> 1500 W")
	s.unharmed(t, 0, 1)
	wants(t, s.log(t), "Reset by Dan (8), peak was 2200 W")
	for _, m := range s.api.Messages(groupID) {
		if strings.Contains(m.Text, "is not a PDU") {
			t.Errorf("talk among people was answered: %+v", m)
		}
	}

	// A reply in the group is an answer even if it is not a PDU.
	m = s.ask(t, group, member, "/reset", "Which PDU")
	s.api.Reply(group, member, m.ID, "77")
	s.await(t, groupID, m.ID, `"77" is not a PDU`)
	s.api.Reply(group, member, m.ID, "stop")
	s.await(t, groupID, m.ID-1, "Stopped")
	s.unharmed(t, 0, 1)
}

// TestResetProblems covers what the chat and the log say about a wrong password
// and about pages without exactly one control for the peak's reset.
func TestResetProblems(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	p := s.start(t)
	private := venue.Private(ann)

	s.webs[0].Credentials("apc", "another")
	s.ask(t, private, ann, "/reset 1", "was not reset", "logging in", "the card refused the log-in",
		"check ISCBOT_PASSWORD and -user")
	s.ask(t, private, ann, "/reset 1", "was not reset", "the card refused the log-in", "wait three minutes")
	if _, refused := s.webs[0].Logins(); refused != 1 {
		t.Errorf("%d attempts with a wrong password, want 1", refused)
	}
	wants(t, s.log(t), "First_PDU(.1): Reset by Ann (424242424) failed: logging in: ")
	s.unharmed(t, 0, 0)

	// If there are several controls, none is used. The answer says what was
	// seen, and the log shows it page by page.
	s.webs[1].SetFaults(venue.WebFaults{TwoPeaks: true})
	s.ask(t, private, ann, "/reset 2", "was not reset", "several controls for the peak's reset", "last reset")
	p.awaitLog(t, "page seen")
	s.webs[1].SetFaults(venue.WebFaults{NoPeak: true})
	s.ask(t, private, ann, "/reset 2", "was not reset", "no control for the peak's reset")
	s.unharmed(t, 0, 0)
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestResetDialogRefused checks that nobody without access can reset anything,
// whatever they send, and that old commands reset nothing.
func TestResetDialogRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.write(t, "accesslist.conf", fmt.Sprintf("%d\n%d\n77\n", groupID, ann.ID))
	s.api.Skew(5 * time.Hour) // the Pi has no battery for its clock
	s.start(t)
	private, group, foreign := venue.Private(ann), venue.Group(groupID), venue.Group(-77)
	m := s.ask(t, private, ann, "/reset", "Which PDU")
	data := m.Buttons[0][0].Data
	nonce := strings.Fields(data)[1]

	wants(t, s.pressData(t, venue.Private(stranger), stranger, m.ID, data), "may not")
	wants(t, s.pressData(t, private, stranger, m.ID, data), "may not")
	eve := venue.User{ID: 77, Name: "Eve"} // on the list, but it is Ann's question
	wants(t, s.pressData(t, private, eve, m.ID, data), "no longer open")
	wants(t, s.pressData(t, foreign, member, m.ID, data), "may not")
	wants(t, s.pressData(t, group, member, m.ID, data), "no longer open")
	wants(t, s.pressData(t, private, venue.User{ID: ann.ID, Name: "Ann", IsBot: true}, m.ID, data), "may not")
	for _, forged := range []string{
		"", "reset", "reset  1", "reset " + nonce, "reset " + nonce + " 9", "reset x 1", "energy " + nonce + " 1",
		data + " ", strings.Repeat("x", 64),
	} {
		got := s.pressData(t, private, ann, m.ID, forged)
		if got != "Unknown button." && !strings.Contains(got, "no longer open") {
			t.Errorf("%q was answered %q", forged, got)
		}
	}
	s.ask(t, venue.Private(stranger), stranger, "/reset 1", "is for those on the access list", "5000000001")
	s.ask(t, foreign, member, "/reset 1", "is for those on the access list", "Your ID is 7")
	s.ask(t, group, venue.User{ID: 1087968824, Name: "Group", IsBot: true}, "/reset 1", "under their own name")

	// By Telegram's clock these are old; by the Pi's they are in the future.
	old := time.Now().Add(5*time.Hour - 3*time.Minute)
	last := s.last(private)
	s.api.SayAt(old, private, ann, "/reset 1")
	s.await(t, private.ID, last, "more than two minutes old")
	s.api.SayAt(old, private, ann, "1")
	s.await(t, private.ID, last, "This answer is more than two minutes old")
	s.unharmed(t, 0)
	wants(t, s.press(t, private, ann, m, "First"), "Resetting")
	s.await(t, private.ID, m.ID-1, "First_PDU (.1) reset: 1500 W -> 1500 W")
	s.unharmed(t, 1)
}

// TestResetDialogEnds checks that the bot logs off from the card when it ends
// during a reset.
func TestResetDialogEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	p := s.start(t)
	s.webs[0].SetFaults(venue.WebFaults{At: "config", Hang: true})
	s.ask(t, venue.Private(ann), ann, "/reset 1", "Resetting the peak of First_PDU (.1)", "looking for the page")
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.unharmed(t, 0)
	wants(t, s.log(t), "failed")
}

// testDialog runs a test of a dialog in a bubble, in a group with access. The
// PDUs, which never answer, are 101 and 102 of one team and 103 of another.
func testDialog(t *testing.T, w *fakeChat, test func(t *testing.T, d *resetDialog)) {
	t.Helper()
	watchChat(t, w, func(t *testing.T, c *client, out *outbox) {
		pdus := []pdu{
			listed(101, 1, "left", "Double"), listed(102, 1, "right", "Double"), listed(103, 1, "Single", ""),
		}
		watch := newSnoop(pdus, 3000, time.Minute, snmpConfig{interval: time.Minute})
		log := newJournal(filepath.Join(t.TempDir(), "exceedings.log"))
		d := &resetDialog{
			ctx: t.Context(), client: c, out: out, access: newAccessList(groupID), snoop: watch, pdus: pdus,
			resetter: newResetter(watch, log, true, nil),
		}
		test(t, d)
		d.tasks.Wait()
	})
}

// said returns a message in the group that is a second old.
func said(id int64, text string) *message {
	return &message{
		ID: id, Date: time.Now().Add(-time.Second).Unix(), From: &user{ID: member.ID, FirstName: member.Name},
		Chat: chat{ID: groupID, Type: "supergroup"}, Text: text,
	}
}

// TestResetDeliveredAgain checks that a message that Telegram delivers again
// resets nothing a second time.
func TestResetDeliveredAgain(t *testing.T) {
	const failed = "The peak of Single (.103) was not reset.\n"
	w := &fakeChat{}
	testDialog(t, w, func(t *testing.T, d *resetDialog) {
		resets := func(want int) {
			t.Helper()
			time.Sleep(time.Minute) // until the reset has failed
			w.mu.Lock()
			defer w.mu.Unlock()
			if n := strings.Count(strings.Join(w.texts, ""), failed); n != want {
				t.Errorf("%d resets, want %d: %q", n, want, w.texts)
			}
		}
		command := said(1, "/reset 103")
		d.command(t.Context(), command, "103", time.Now())
		resets(1)
		d.command(t.Context(), command, "103", time.Now())
		resets(1)
		d.command(t.Context(), said(2, "/reset 103"), "103", time.Now())
		resets(2)

		d.command(t.Context(), said(3, "/reset"), "", time.Now())
		typed := said(4, "103")
		d.handleText(typed, "isc_bot", time.Now())
		resets(3)
		d.command(t.Context(), said(5, "/reset"), "", time.Now())
		if !d.handleText(typed, "isc_bot", time.Now()) { // not an answer to the new question
			t.Error("the message counts as talk")
		}
		resets(3)

		for id := range int64(10 * maxHandled) {
			d.command(t.Context(), said(100+id, "/reset 9"), "9", time.Now())
		}
		if n := len(d.handled); n > maxHandled {
			t.Errorf("%d messages are remembered", n)
		}
		d.tasks.Wait()
	})
}

// TestResetBusy checks that each /reset of a PDU that is being reset is
// answered plainly, so that many of them are few messages, and that other PDUs
// of the team are reset.
func TestResetBusy(t *testing.T) {
	const busy = "The peak of Double left (.101) is already being reset."
	const failed = "The peak of Double %s was not reset.\n" +
		"the PDU cannot be read (no answer), so a reset could not be verified"
	w := &fakeChat{}
	testDialog(t, w, func(t *testing.T, d *resetDialog) {
		for id := range int64(20) {
			d.command(t.Context(), said(1+id, "/reset 101"), "101", time.Now())
		}
		d.command(t.Context(), said(30, "/reset"), "", time.Now())
		q := d.find(func(*question) bool { return true })
		d.press(&callbackQuery{
			From: &user{ID: member.ID}, Message: said(40, ""), Data: "reset " + q.nonce + " all 101",
		})
		begin := time.Now()
		d.out.reply(replyTo(said(50, "/current")), "list")
		for d.out.length() > 0 {
			time.Sleep(time.Second)
		}
		if late := time.Since(begin); late > 20*time.Second {
			t.Errorf("answered after %v", late)
		}
		time.Sleep(time.Minute)
		w.want(t, fmt.Sprintf(failed, "left (.101)"), busy, busy+"\n\n"+fmt.Sprintf(failed, "right (.102)"), "list")
	})
}

// TestResetAskedOften checks that many /reset cause one question while it waits
// to be sent.
func TestResetAskedOften(t *testing.T) {
	w := &fakeChat{}
	testDialog(t, w, func(t *testing.T, d *resetDialog) {
		const asked = "Which PDU's peak should be reset? Press a button, or send, as a reply to this, " +
			"the last number of its address, or <i>stop</i>."
		d.out.reply(replyTo(said(1, "/current")), "list")
		w.want(t, "list") // the next message waits for Telegram's pace
		for id := range int64(20) {
			d.command(t.Context(), said(2+id, "/reset"), "", time.Now())
		}
		time.Sleep(time.Minute)
		w.want(t, "list", asked)
		d.command(t.Context(), said(30, "/reset"), "", time.Now())
		time.Sleep(10 * time.Second)
		w.want(t, "list", "Replaced by the question below.", asked)
	})
}

// TestResetButtons checks that the keyboards of a question with many PDUs of
// long names keep Telegram's limits, and have a button for each PDU with its
// number and both ends of its name.
func TestResetButtons(t *testing.T) {
	for name, team := range map[string]string{
		"short": "T", "long": strings.Repeat("Universität ", 8), "Chinese": strings.Repeat("清华大学", 24),
		"escaped": strings.Repeat("<&>", 30), "emoji": strings.Repeat("🏁", 90), "marks": "x" + strings.Repeat("\u0308", 80),
	} {
		t.Run(name, func(t *testing.T) {
			var pdus []pdu
			for i := range 250 {
				pdus = append(pdus, listed(1+i, 1, "left", fmt.Sprint(team, 1+i)), listed(1+i, 2, "right", fmt.Sprint(team, 1+i)))
			}
			d := &resetDialog{snoop: newSnoop(pdus, 3000, time.Minute, snmpConfig{interval: time.Minute}), pdus: pdus}
			q := &question{nonce: rand.Text()[:16]}
			seen := make(map[string]bool)
			keyboards := splitKeyboard(d.buttons(q))
			for _, keys := range keyboards {
				js, err := json.Marshal(params{"inline_keyboard": keys})
				if err != nil || len(js) > 10_000 {
					t.Errorf("a keyboard of %d bytes, %v", len(js), err)
				}
				n := 0
				for _, b := range slices.Concat(keys...) {
					if n++; len(b.Data) > 64 || seen[b.Text] {
						t.Errorf("button %q with %q", b.Text, b.Data)
					}
					seen[b.Text] = true
				}
				if n > maxButtons {
					t.Errorf("%d buttons", n)
				}
			}
			if len(seen) != 750 || len(keyboards) > 40 {
				t.Errorf("%d buttons in %d messages", len(seen), len(keyboards))
			}
			for text := range seen {
				if n := len([]rune(text)); n > maxButtonText {
					t.Errorf("a button of %d characters: %q", n, text)
				}
			}
			if !seen["250/2 right"] {
				t.Errorf("no button for the last PDU: %q", slices.Collect(maps.Keys(seen)))
			}
		})
	}
}

func TestDemoReset(t *testing.T) {
	t.Parallel()
	shown := demonstration(t, "/reset 102\n")
	wants(t, shown, "Resetting the peak of Barcelona (.102)", "🔁 Peak of Barcelona (.102) reset: ")
}

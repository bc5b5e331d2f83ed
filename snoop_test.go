package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"iscbot/internal/venue"

	"github.com/gosnmp/gosnmp"
)

// logged waits until exceedings.log has a text, and returns the whole log.
func (s *site) logged(t testing.TB, text string) string {
	t.Helper()
	ctx := limit(t)
	for {
		if log := s.log(t); strings.Contains(log, text) {
			return log
		}
		if ctx.Err() != nil {
			t.Fatalf("%q is not in the log:\n%s", text, s.log(t))
		}
		pause(ctx, 5*time.Millisecond)
	}
}

// count returns how often a text is in the messages to a chat, and in how many
// with a sound.
func (s *site) count(chat int64, text string) (n, loud int) {
	for _, m := range s.api.Messages(chat) {
		k := strings.Count(m.Text, text)
		n += k
		if k > 0 && !m.Silent {
			loud++
		}
	}
	return n, loud
}

func TestWatch(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	second := s.pdus[1]
	p := s.start(t)
	p.awaitLog(t, "Telegram answers")

	second.Draw(3120)
	m := s.await(t, ann.ID, 0, "Second_PDU(.2): Above power limit (3120 W)!", "limit 3000 W",
		time.Now().Format("2006-01-02 "))
	if m.Silent {
		t.Errorf("the alert has no sound: %+v", m)
	}
	second.Draw(3240)
	s.until(t, "/current", "3240 W ▇▇▇▇▇▇▇ !")
	s.until(t, "/exceedings", ".2 Second_PDU", "1 x !", "above since")
	second.Draw(2000)
	m = s.await(t, ann.ID, 0, "Second_PDU(.2): Back under power limit after ", "at most 3240 W")
	if !m.Silent {
		t.Errorf("the end has a sound: %+v", m)
	}
	second.Draw(3100) // lower than the first, which the register still holds
	s.await(t, ann.ID, 0, "Second_PDU(.2): Above power limit (3100 W)!")
	second.Draw(2000)
	s.await(t, ann.ID, 0, "Back under power limit", "at most 3100 W")
	second.Spike(3660)
	s.await(t, ann.ID, 0, "Above power limit (3660 W)!", "a spike")
	second.ResetPeak()
	s.await(t, ann.ID, 0, "Second_PDU(.2): Peak reset by somebody else, 3660 W -> 2000 W")
	s.until(t, "/exceedings", "3 x", "at most 3660 W")
	if n, loud := s.count(ann.ID, "Above power limit"); n != 3 || loud != 1 {
		t.Errorf("%d alerts, %d with a sound", n, loud)
	}
	log := s.log(t)
	for _, line := range []string{
		`Second_PDU\(\.2\): Above power limit \(3120 W\)!`,
		`Second_PDU\(\.2\): Back under power limit after \d+ s, at most 3240 W`,
		`Second_PDU\(\.2\): Above power limit \(3100 W\)!`,
		`Second_PDU\(\.2\): Above power limit \(3660 W\)!`,
		`Second_PDU\(\.2\): Peak reset by somebody else, 3660 W -> 2000 W`,
	} {
		if n := len(regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d --- `+line+`$`).FindAllString(log, -1)); n != 1 {
			t.Errorf("%s is %d times in:\n%s", line, n, log)
		}
	}
	if n := len(s.api.Messages(groupID)); n != 0 {
		t.Errorf("%d messages to the group, which gets no alerts", n)
	}
	s.fine(t)
}

// TestWatchStopped checks that a terminal that was stopped, or is gone, holds up
// neither alerts nor the end.
func TestWatchStopped(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]bool{"stopped": false, "gone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "First_PDU")
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			if !gone {
				w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
				for err == nil { // nobody reads it, and it is full
					_, err = w.Write(make([]byte, 4096))
				}
			}
			cmd := s.command(t, []string{"ISCBOT_TOKEN=" + testToken, "ISCBOT_PASSWORD=" + testPassword})
			cmd.Stdout, cmd.Stderr = w, w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			s.until(t, "/current", "1500 W")
			if gone {
				r.Close()
			}
			for watts := 3100; watts < 3130; watts += 10 {
				s.pdus[0].Draw(watts)
				s.await(t, ann.ID, 0, fmt.Sprintf("Above power limit (%d W)!", watts))
				s.pdus[0].Draw(1500)
				s.logged(t, fmt.Sprintf("at most %d W", watts))
			}
			cmd.Process.Signal(syscall.SIGTERM)
			killed := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
			if err := cmd.Wait(); err != nil || !killed.Stop() {
				t.Error(err)
			}
		})
	}
}

func TestWatchOutage(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU", "Third_PDU")
	s.start(t)
	s.until(t, "/current", ".1 First_PDU  1500 W", ".2 Second_PDU 1500 W", ".3 Third_PDU  1500 W")
	s.pdus[0].SetFaults(venue.AgentFaults{Mute: true})
	s.pdus[1].SetFaults(venue.AgentFaults{Mute: true})
	for _, name := range []string{"First_PDU(.1)", "Second_PDU(.2)"} {
		if m := s.await(t, ann.ID, 0, name+": Out of reach since "); !m.Silent {
			t.Errorf("with a sound: %+v", m)
		}
	}
	s.pdus[1].Spike(3660)
	s.pdus[0].SetFaults(venue.AgentFaults{})
	s.pdus[1].SetFaults(venue.AgentFaults{})
	s.await(t, ann.ID, 0, "First_PDU(.1): Answers again after ", "it stayed under the limit")
	s.await(t, ann.ID, 0, "Second_PDU(.2): Answers again after ", "its peak rose to 3660 W")
	s.await(t, ann.ID, 0, "Second_PDU(.2): Above power limit (3660 W)!")
	wants(t, s.log(t), "First_PDU(.1): Out of reach", "First_PDU(.1): Answers again",
		"Second_PDU(.2): Above power limit (3660 W)!")
	s.fine(t)
}

// TestWatchAllUnreachable checks that one message reports that all PDUs failed at
// once: then it is the bot's own network.
func TestWatchAllUnreachable(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU", "Third_PDU")
	s.start(t)
	s.until(t, "/current", ".1 First_PDU  1500 W", ".2 Second_PDU 1500 W", ".3 Third_PDU  1500 W")
	for _, p := range s.pdus {
		p.SetFaults(venue.AgentFaults{Mute: true})
	}
	s.await(t, ann.ID, 0, "All PDUs: Out of reach since ", "own network")
	s.logged(t, "Third_PDU(.3): Out of reach")
	s.pdus[2].Spike(3300)
	for _, p := range s.pdus {
		p.SetFaults(venue.AgentFaults{})
	}
	s.await(t, ann.ID, 0, "All PDUs: Answer again after ", "unless reported otherwise they stayed under the limit")
	s.await(t, ann.ID, 0, "Third_PDU(.3): Answers again", "rose to 3300 W")
	s.await(t, ann.ID, 0, "Third_PDU(.3): Above power limit (3300 W)!")
	if n, _ := s.count(ann.ID, "Out of reach"); n != 1 {
		t.Errorf("%d messages of one outage", n)
	}
}

func TestWatchGroup(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.pdus[0].SetPeak(3500, time.Now(), time.Now().Add(-time.Hour))
	const super = groupID - 1
	s.start(t, "-notify", "group")
	s.await(t, groupID, 0, "First_PDU(.1): Peak stood at 3500 W at the start")
	s.api.Migrate(groupID, super)
	s.pdus[0].Draw(3700)
	s.await(t, super, 0, "Above power limit (3700 W)!")
	s.ask(t, venue.Group(super), member, "/reset 1", "First_PDU (.1) reset by Carol: 3700 W -> 3700 W")
	if n := len(s.api.Messages(ann.ID)); n != 0 {
		t.Errorf("%d messages to a user", n)
	}
	if n, _ := s.count(super, "somebody else"); n != 0 {
		t.Error("the bot's own reset was reported as somebody else's")
	}
	s.unharmed(t, 1)
}

// TestWatchBlocked checks that a person who takes no messages delays nobody else's,
// and gets the alerts later.
func TestWatchBlocked(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.write(t, "accesslist.conf", fmt.Sprintf("%d\n%d\n99\n", member.ID, ann.ID))
	s.api.Know(venue.Private(member))
	s.api.Block(member.ID)
	p := s.start(t)
	s.until(t, "/current", "1500 W")
	s.pdus[0].Draw(3100)
	s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
	p.awaitLog(t, "chat=7")
	p.awaitLog(t, "chat=99")
	s.api.Unblock(member.ID)
	s.pdus[0].Draw(2000)
	s.await(t, member.ID, 0, "Above power limit (3100 W)!")
	s.await(t, member.ID, 0, "Back under power limit")
	if n := strings.Count(p.log(), "a chat refuses messages"); n != 2 {
		t.Errorf("%d refusals were logged, want one for each chat", n)
	}
}

// TestWatchAway checks that alerts survive an outage of Telegram, and have the
// time of the event.
func TestWatchAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.start(t)
	s.until(t, "/current", "1500 W")
	s.api.Down()
	s.pdus[0].Draw(3100)
	s.logged(t, "Above power limit (3100 W)!")
	s.pdus[0].Draw(2000)
	log := s.logged(t, "Back under power limit")
	defer s.api.Inject(venue.APIFault{Method: "sendMessage", Times: 1, Do: venue.TooMany(1)})()
	s.api.Up()
	m := s.await(t, ann.ID, 0, "Above power limit (3100 W)!", "Back under power limit")
	wants(t, m.Text, log[:len("2026-06-15 10:32:07")])
}

// TestWatchKill checks that after a kill -9 every alert that was sent is in the
// log, and that a new start reports what the registers have.
func TestWatchKill(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	p := s.start(t)
	s.until(t, "/current", "1500 W")
	s.ask(t, venue.Private(ann), ann, "/current", "Power at")
	s.pdus[0].Draw(3100)
	m := s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
	p.Process.Kill()
	wants(t, s.log(t), "First_PDU(.1): Above power limit (3100 W)!\n")
	<-p.exited
	s.pdus[0].Spike(3900)
	s.pdus[0].Draw(1500)
	s.start(t)
	s.await(t, ann.ID, m.ID, "First_PDU(.1): Peak stood at 3900 W at the start")
	if n, _ := s.count(ann.ID, "Power at"); n != 1 {
		t.Errorf("a command was answered %d times", n)
	}
}

// TestWatchLog checks that a log that cannot be written holds up no alert and is
// reported once, and that it is opened again when it was rotated away.
func TestWatchLog(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	p := s.start(t, "-log", "logs/exceedings.log")
	for _, watts := range []int{3100, 3200} {
		s.pdus[0].Draw(watts)
		s.await(t, ann.ID, 0, fmt.Sprintf("Above power limit (%d W)!", watts))
		s.pdus[0].Draw(2000)
		s.await(t, ann.ID, 0, "Back under power limit", fmt.Sprintf("at most %d W", watts))
	}
	s.await(t, ann.ID, 0, "exceedings.log cannot be written")
	if n, _ := s.count(ann.ID, "cannot be written"); n != 1 {
		t.Errorf("reported %d times", n)
	}
	wants(t, p.log(), "Above power limit (3200 W)!")
	path := filepath.Join(s.dir, "logs", "exceedings.log")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	s.logPath = path
	s.pdus[0].Draw(3300)
	s.logged(t, "(3300 W)!\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	s.pdus[0].Draw(2000)
	if log := s.logged(t, "at most 3300 W\n"); strings.Contains(log, "Above") {
		t.Errorf("the file was not opened again: %s", log)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestWatchTeam checks that the sum of a team's PDUs counts.
func TestWatchTeam(t *testing.T) {
	t.Parallel()
	s := newSite(t, "left", "right")
	s.write(t, "ips.csv", "1,left,Double\n2,right,Double\n")
	s.start(t)
	s.until(t, "/current", "Double", "3000 W", "1500 W")
	s.pdus[0].Spike(1800)
	s.await(t, ann.ID, 0, "Double(.1+.2): Possibly above power limit (3300 W)", "need not have been")
	s.pdus[0].Draw(1610)
	s.await(t, ann.ID, 0, "Double(.1+.2): Above power limit (3110 W)!")
	s.until(t, "/current", "3110 W ▇▇▇▇▇▇▇▇ !")
	m := s.ask(t, venue.Private(ann), ann, "/reset", "Which PDU")
	wants(t, s.press(t, venue.Private(ann), ann, m, "all of Double"), "all of Double")
	s.await(t, ann.ID, m.ID-1, "Double left (.1) reset: 1800 W -> 1610 W", "Double right (.2) reset: 1500 W -> 1500 W")
	s.unharmed(t, 1, 1)
}

// TestWatchChain checks the units of a chain: they count together, one request is
// in flight at a time, and a reset over SNMP is of one row.
func TestWatchChain(t *testing.T) {
	t.Parallel()
	s := newChainedSite(t, []string{"left", "right", "top"})
	s.write(t, "ips.csv", "1,left,Chain\n1/2,right,Chain\n1/3,top,Chain\n")
	s.pdus[0].SetFaults(venue.AgentFaults{Delay: 2 * time.Millisecond})
	const write = venue.WriteCommunity
	s.start(t, "-reset", "snmp", "-write-community", write, "-interval", "6s", "-limit", "5000")
	s.until(t, "/current", "Chain", "4500 W", ".1/2 right", ".1/3 top")

	s.pdus[1].Draw(2700)
	m := s.await(t, ann.ID, 0, "Chain(.1+.1/2+.1/3): Above power limit (5700 W)!")
	s.pdus[1].Draw(1500)
	s.await(t, ann.ID, m.ID-1, "Back under power limit", "at most 5700 W")
	s.until(t, "/peaks", ".1/2 right", "2700 W")
	s.ask(t, venue.Private(ann), ann, "/reset 1/2", "Chain right (.1/2) reset: 2700 W -> 1500 W")
	s.unharmed(t, 0, 1, 0)
	s.ask(t, venue.Private(ann), ann, "/reset 1/4", `"1/4" is not a PDU`)
	if n := s.pdus[0].MaxInFlight(); n != 1 {
		t.Errorf("%d requests were in flight at once, want 1", n)
	}
}

// TestWatchChainWeb checks that the web reset of a chained unit is refused with a
// reason unless the card's page names the unit.
func TestWatchChainWeb(t *testing.T) {
	t.Parallel()
	t.Run("named", func(t *testing.T) {
		t.Parallel()
		s := newChainedSite(t, []string{"left", "right"})
		s.start(t)
		s.until(t, "/current", ".1/2 right")
		s.ask(t, venue.Private(ann), ann, "/reset 1/2", "right (.1/2) reset: 1500 W -> 1500 W")
		s.unharmed(t, 0, 1)
	})
	t.Run("not named", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, "left")
		s.write(t, "ips.csv", "1,left\n1/2,right\n")
		s.pdus = append(s.pdus, venue.NewPDU(1, "right", 1500))
		s.webs = append(s.webs, s.webs[0])
		s.pdus[0].Chain(s.pdus[1])
		s.start(t)
		s.until(t, "/current", ".1/2 right")
		s.ask(t, venue.Private(ann), ann, "/reset 1/2", "right (.1/2) was not reset", "unit 2")
		s.unharmed(t, 0, 0)
		s.ask(t, venue.Private(ann), ann, "/reset 1", "left (.1) reset")
		s.unharmed(t, 1, 0)
	})
}

// TestWatchMigration checks each way in which the bot can learn that its group
// became a supergroup, while alerts go to users: members may reset there.
func TestWatchMigration(t *testing.T) {
	t.Parallel()
	const super = groupID - 1
	for name, learn := range map[string]func(s *site){
		"while the bot was down":             nil,
		"the group's last message":           func(s *site) { s.api.TellMigrated(groupID) },
		"the supergroup's first message":     func(s *site) { s.api.TellMigrated(super) },
		"the error of an answer to a member": func(s *site) { s.api.Say(venue.Group(groupID), member, "/help") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "First_PDU")
			if learn == nil {
				s.api.Migrate(groupID, super)
			}
			p := s.start(t)
			if learn != nil {
				s.api.Until(limit(t), func() bool { return len(s.api.Calls("setMyCommands")) == 3 })
				s.api.Migrate(groupID, super)
				learn(s)
			}
			p.awaitLog(t, "the group became a supergroup: put its new ID into the access list")
			s.ask(t, venue.Group(super), member, "/reset 1", "First_PDU (.1) reset by Carol")
			s.unharmed(t, 1)
			if n, _ := s.count(ann.ID, "supergroup"); n != 0 {
				t.Error("an alert about the migration")
			}
		})
	}
}

// TestWatchBrokenLog checks that a line does not go on where a power cut ended the
// last one.
func TestWatchBrokenLog(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{
		"half a line": "2026-06-15 10:32:07 --- First_PDU(.1): Above po",
		"NUL bytes":   "2026-06-15 10:32:07 --- First_PDU(.1): Ab\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "First_PDU")
			s.write(t, "exceedings.log", "2026-06-15 10:00:00 --- First_PDU(.1): whole\n"+end)
			s.start(t)
			s.pdus[0].Draw(3100)
			s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
			const stamp = `(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d --- `
			line := regexp.MustCompile(stamp + `First_PDU\(\.1\): Above power limit \(3100 W\)!$`)
			if log := s.log(t); !line.MatchString(log) || !strings.Contains(log, end+"\n") {
				t.Errorf("log: %q", log)
			}
		})
	}
}

// TestWatchFiles starts the program with files as people save and paste them.
func TestWatchFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	list := "sep=;\r\n1;Team \"Rocket\";;\r\n2;\u00a0Équipe 👩\u200d🚀\u00a0;\r\n"
	unicodeText := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(list)) {
		unicodeText = append(unicodeText, byte(unit), byte(unit>>8))
	}
	s.write(t, "ips.csv", string(unicodeText))
	s.write(t, "accesslist.conf", fmt.Sprintf("\ufeff\u2212%d\u200b\u00a0# pasted\n\u00a0%d\u200b\n", -groupID, ann.ID))
	s.start(t)
	s.until(t, "/current", `.1 Team "Rocket"`, ".2 Équipe 👩\u200d🚀", "1500 W")
	s.pdus[1].Draw(3100)
	s.await(t, ann.ID, 0, "Équipe 👩\u200d🚀(.2): Above power limit (3100 W)!")
	s.ask(t, venue.Group(groupID), member, "/reset 1", `Team "Rocket" (.1) reset by Carol`)
}

// TestWatchPanic lets a PDU send datagrams that panic gosnmp to a program that
// speaks SNMP v3. It goes on, and logs the panic once.
func TestWatchPanic(t *testing.T) {
	t.Parallel()
	always := func(digits string) func([]byte) []byte {
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		return func([]byte) []byte { return b }
	}
	for name, tt := range map[string]struct {
		answer func(request []byte) []byte
		stacks int
	}{
		"a Report":          {panickingReport, 1},
		"v2c, for 64 bits":  {always(venue.Overflow64), 0}, // the client ignores another version
		"v2c, for 32 bits":  {always(venue.Overflow32), 0},
		"half of a Report":  {func(request []byte) []byte { return panickingReport(request)[:40] }, 0},
		"an empty datagram": {always(""), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, asked := answerAlways(t, tt.answer)
			s := newSite(t, "First_PDU")
			_, port, _ := net.SplitHostPort(addr)
			fmt.Sscan(port, &s.port)
			env := []string{"ISCBOT_TOKEN=" + testToken, "ISCBOT_AUTH_PASS=authentic0", "ISCBOT_PASSWORD=x"}
			p := s.startWith(t, env, "-snmp", "3", "-v3-user", "apc")
			s.until(t, "/current", "answer\n")
			before := asked()
			for ctx := limit(t); asked() < before+6 && ctx.Err() == nil; {
				pause(ctx, 10*time.Millisecond)
			}
			s.until(t, "/current", "answer\n")
			if n := strings.Count(p.log(), "stack="); n != tt.stacks {
				t.Errorf("%d stacks were logged, want %d", n, tt.stacks)
			}
			if code := p.end(t, syscall.SIGTERM); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// startWatch starts the watch of PDUs, which ends with the test. The events
// come on the channel.
func startWatch(t *testing.T, pdus []pdu, interval time.Duration) (*snoop, <-chan event) {
	t.Helper()
	return startNearWatch(t, pdus, interval, 0)
}

// startNearWatch is startWatch for a watch that reads PDUs near the limit more
// often.
func startNearWatch(t *testing.T, pdus []pdu, interval, near time.Duration) (*snoop, <-chan event) {
	t.Helper()
	events := make(chan event, 1000)
	cfg := snmpConfig{community: "public", write: newSecret(venue.WriteCommunity), interval: interval}
	watch := newSnoop(pdus, 3000, interval, cfg)
	watch.near, watch.report = near, func(e event) { events <- e }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		watch.run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	<-watch.allPolled
	return watch, events
}

// simulateChain starts a card with so many units of one team, each drawing
// 1900 W.
func simulateChain(t *testing.T, units int) (sims []*venue.PDU, pdus []pdu) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for i := range units {
		name := fmt.Sprint("unit ", i+1)
		sims = append(sims, venue.NewPDU(101, name, 1900))
		pdus = append(pdus, pdu{num: 101, unit: i + 1, name: name, team: "A", snmp: conn.LocalAddr().String()})
	}
	sims[0].Chain(sims[1:]...)
	t.Cleanup(venue.ServeSNMP(sims[0], "public", conn).Close)
	return sims, pdus
}

// TestWatchUnits covers chained units: they count together, one request at a
// time is in flight, and a reset is of its row.
func TestWatchUnits(t *testing.T) {
	t.Parallel()
	sims, pdus := simulateChain(t, 3)
	sims[0].SetFaults(venue.AgentFaults{Delay: 2 * time.Millisecond})
	watch, events := startWatch(t, pdus, 8*time.Second)
	if e := <-events; e.kind != eventAbove || e.watts < 3800 || len(e.pdus) != 3 {
		t.Errorf("got %+v, want the team above the limit", e)
	}
	if sum := watch.snapshot()[0].sum(); sum != 5700 {
		t.Errorf("the team draws %d W, want 5700 W", sum)
	}

	sims[1].Draw(2500)
	sims[1].Draw(1900)
	watch.expectReset(1, time.Minute)
	err := watch.do(t.Context(), 1, func(s *session) error { return s.resetPeak(t.Context(), 2) })
	if err != nil {
		t.Errorf("reset: %v", err)
	}
	s, ok := watch.await(t.Context(), 1, 30*time.Second, func(s status) bool { return s.resets > 0 })
	if !ok || s.peak != 1900 {
		t.Errorf("after the reset: %+v", s)
	}
	if n := sims[0].MaxInFlight(); n != 1 {
		t.Errorf("%d requests were in flight at once", n)
	}
	for i, want := range []int{0, 1, 0} {
		if n := sims[i].State().Resets; n != want {
			t.Errorf("unit %d was reset %d times, want %d", i+1, n, want)
		}
	}
}

// TestWatchSettles covers own resets by cards that show them in two steps: none
// is reported as somebody else's.
func TestWatchSettles(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]venue.AgentFaults{
		"together": {}, "the start time first": {StartFirst: true}, "the peak first": {PeakFirst: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, watts := range []int{1500, 2800} { // below the peak, and at it
				sim, p := simulate(t, 101, "A", 2800)
				sim.SetPeak(2800, time.Now(), time.Now().Add(-time.Hour))
				sim.Draw(watts)
				sim.SetFaults(m)
				watch, events := startWatch(t, []pdu{p}, 2*time.Second)
				watch.expectReset(0, time.Minute)
				err := watch.do(t.Context(), 0, func(s *session) error { return s.resetPeak(t.Context(), 1) })
				if err != nil {
					t.Errorf("%d W: %v", watts, err)
				}
				s, ok := watch.await(t.Context(), 0, 30*time.Second, func(s status) bool { return s.resets > 0 })
				if !ok || s.resetFrom != 2800 || s.register != watts || s.resets != 1 {
					t.Errorf("%d W: got %+v", watts, s)
				}
				watch.expectReset(0, 0)
				watch.await(t.Context(), 0, 30*time.Second, func(now status) bool { return now.at.After(s.at) })
				if len(events) > 0 {
					t.Errorf("%d W: reported %s", watts, eventLines(<-events))
				}
			}
		})
	}
}

// TestResetOverSNMP covers a reset by a SET, with and without the right to
// write.
func TestResetOverSNMP(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 1500)
	sim.SetPeak(2800, time.Now(), time.Now().Add(-time.Hour))
	watch, events := startWatch(t, []pdu{p}, 500*time.Millisecond)
	log := newJournal(filepath.Join(t.TempDir(), "log"))
	log.closed = true // it is not what this is about
	resetter := newResetter(watch, log, true, nil)
	var steps []string
	step := func(s string) { steps = append(steps, s) }

	_, after, err := resetter.resetAndReadBack(t.Context(), 0, step)
	if err != nil || after.resetFrom != 2800 || after.register != 1500 || fmt.Sprint(steps) != "[resetting reading back]" {
		t.Errorf("got %d W -> %d W, %q, %v", after.resetFrom, after.register, steps, err)
	}
	if s := sim.State(); s.Resets != 1 || s.Energy == 0 {
		t.Errorf("got %+v, want one reset of the peak and none of the energy", s)
	}

	watch.do(t.Context(), 0, func(s *session) error {
		s.write = newSecret("public")
		return nil
	})
	err = resetter.submit(t.Context(), 0, step, func() {})
	if err == nil || !strings.Contains(err.Error(), "SNMP SET: no answer") {
		t.Errorf("got %v", err)
	}
	if n := sim.State().Resets; n != 1 {
		t.Errorf("%d resets with a community that may not write", n)
	}
	if len(events) > 0 {
		t.Errorf("reported %s", eventLines(<-events))
	}
}

// TestWatchPlaces covers the order of a list: teams and cards are found by it.
func TestWatchPlaces(t *testing.T) {
	watch := newSnoop([]pdu{
		{num: 1, unit: 1, name: "left", team: "A", snmp: "127.0.0.1:161"},
		{num: 2, unit: 1, name: "B", team: "B", snmp: "127.0.0.2:161"},
		{num: 2, unit: 2, name: "right", team: "A", snmp: "127.0.0.2:161"},
	}, 3000, time.Second, snmpConfig{interval: time.Second})
	var teams []string
	for _, team := range watch.snapshot() {
		for _, s := range team.pdus {
			teams = append(teams, team.name+" "+s.number())
		}
	}
	if want := []string{"A 1", "A 2/2", "B 2"}; !slices.Equal(teams, want) {
		t.Errorf("teams %q, want %q", teams, want)
	}
	sharesCard := func(i, k int) bool { return watch.places[i].card == watch.places[k].card }
	if len(watch.cards) != 2 || !sharesCard(1, 2) || sharesCard(0, 1) {
		t.Errorf("%d cards, want two", len(watch.cards))
	}
	for i, want := range []string{"1", "2", "2/2"} {
		if got := watch.status(i).number(); got != want {
			t.Errorf("PDU %d is %s, want %s", i, got, want)
		}
	}
}

// idleWatch returns the watch of one PDU, which does not run.
func idleWatch() *snoop {
	list := []pdu{{num: 1, unit: 1, name: "A", team: "A"}}
	return newSnoop(list, 3000, time.Second, snmpConfig{interval: time.Second})
}

// TestWatchSurvives checks that a panic in an SNMP job, in a poll or in a report ends
// none of the goroutines of the watch.
func TestWatchSurvives(t *testing.T) {
	log := captureLog(t)
	sim, p := simulate(t, 101, "A", 1500)
	watch := newSnoop([]pdu{p}, 3000, 100*time.Millisecond, snmpConfig{community: "public", interval: time.Second})
	reported := make(chan event, 10)
	watch.report = func(e event) {
		if e.kind == eventAbove {
			panic("no words for it")
		}
		reported <- e
	}
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	ended := make(chan struct{})
	go func() {
		watch.run(ctx)
		close(ended)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	<-watch.allPolled

	err := watch.do(ctx, 0, func(*session) error { panic("no such job") })
	if !errors.Is(err, errPanic) {
		t.Errorf("the job's error is %v", err)
	}
	watch.do(ctx, 0, func(s *session) error {
		units := s.units
		s.units = nil
		time.AfterFunc(time.Second, func() {
			watch.do(ctx, 0, func(s *session) error {
				s.units = units
				return nil
			})
		})
		return nil
	})
	sim.Draw(3100)
	sim.Draw(1500)
	if e := <-reported; e.kind != eventBack {
		t.Errorf("got %+v, want the end of the crossing", e)
	}
	for _, what := range []string{"SNMP job", "poll", "reporting an event"} {
		log.wantTimes(t, what+": internal error", 1)
	}
}

// notedWatch returns the watch of so many PDUs, each of which was polled, and
// another poll.
func notedWatch(n int) (*snoop, *poll) {
	var pdus []pdu
	for i := range n {
		name := fmt.Sprint("Team", i)
		pdus = append(pdus, pdu{num: i%254 + 1, unit: 1, name: name, team: name, snmp: fmt.Sprint("127.0.0.1:", i+1)})
	}
	watch := newSnoop(pdus, 3000, time.Second, snmpConfig{interval: time.Second})
	for i := range pdus {
		p := testPoll{watts: 1500, peak: 2000}.poll()
		watch.note(i, &p)
	}
	p := testPoll{second: 2, watts: 1510, peak: 2000}.poll()
	return watch, &p
}

// allocations returns the number of allocations that f makes. It takes the lowest of
// several counts, as other goroutines may allocate meanwhile.
func allocations(f func()) float64 {
	lowest := testing.AllocsPerRun(100, f)
	for range 9 {
		lowest = min(lowest, testing.AllocsPerRun(100, f))
	}
	return lowest
}

// TestNoteAllocations checks that noting a poll allocates nothing, however many PDUs
// there are.
func TestNoteAllocations(t *testing.T) {
	for _, n := range []int{1, 250} {
		watch, p := notedWatch(n)
		if allocs := allocations(func() { watch.note(0, p) }); allocs > 0 {
			t.Errorf("with %d PDUs: %v allocations", n, allocs)
		}
		if len(watch.pending) != 0 {
			t.Errorf("with %d PDUs: %d events", n, len(watch.pending))
		}
	}
}

// TestSnapshot checks that a snapshot does not change with later polls.
func TestSnapshot(t *testing.T) {
	watch, p := notedWatch(1)
	before := watch.snapshot()
	watch.note(0, p)
	after := watch.snapshot()
	if from, to := before[0].pdus[0].watts, after[0].pdus[0].watts; from != 1500 || to != 1510 {
		t.Errorf("got %d W before a poll of 1510 W and %d W after it", from, to)
	}
}

// TestWatchAlive covers the watchdog's question: a PDU that is not polled any more
// is noticed, one that does not answer is no fault.
func TestWatchAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := idleWatch()
		if watch.alive() {
			t.Error("alive before the first poll")
		}
		for range 10 {
			watch.note(0, &poll{err: errNoAnswer, at: time.Now()})
			time.Sleep(time.Second)
			if !watch.alive() {
				t.Error("not alive while it polls")
			}
		}
		time.Sleep(10 * time.Second)
		if watch.alive() {
			t.Error("alive without polls")
		}
	})
}

// TestWatchAlivePanic checks that a poll does not count for the watchdog if it panics
// after it was judged.
func TestWatchAlivePanic(t *testing.T) {
	watch := idleWatch()
	watch.history = nil
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		watch.note(0, &poll{reading: reading{watts: 1500}, at: time.Now()})
	}()
	if watch.alive() {
		t.Error("alive")
	}
	select {
	case <-watch.allPolled:
		t.Error("all PDUs count as polled")
	default:
	}
}

// TestDoEnds covers a job for a card whose goroutine has ended.
func TestDoEnds(t *testing.T) {
	watch := idleWatch()
	ended := errors.New("ended")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ended)
	if err := watch.do(ctx, 0, func(*session) error { return nil }); !errors.Is(err, ended) {
		t.Errorf("got %v", err)
	}
}

// TestWatchRise covers a power that rises while a card samples its values one
// after the other: it is one crossing.
func TestWatchRise(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2900)
	watch, events := startWatch(t, []pdu{p}, 100*time.Millisecond)
	var risen atomic.Bool
	sim.SetFaults(venue.AgentFaults{Falsify: func(a *gosnmp.SnmpPacket) {
		from := 0 // the first value that was sampled after the rise
		if !risen.Swap(true) {
			from = 1
		}
		for i := from; i < 2; i++ {
			a.Variables[i].Value = 310
		}
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	above := func(s status) bool { return s.watts == 3100 && s.peak == 3100 }
	if _, ok := watch.await(ctx, 0, time.Minute, above); !ok {
		t.Fatal("the rise was not seen")
	}
	sim.SetFaults(venue.AgentFaults{})
	for e := range events {
		if e.kind == eventBack {
			break
		}
		if e.kind != eventAbove || e.spike {
			t.Errorf("got %+v", e)
		}
	}
	if n := watch.snapshot()[0].crossings; n != 1 {
		t.Errorf("%d crossings", n)
	}
}

// TestAwaitRest checks that a slow card is not asked again and again while a
// reset is read back.
func TestAwaitRest(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 1500)
	sim.SetFaults(venue.AgentFaults{Delay: 450 * time.Millisecond})
	watch, _ := startWatch(t, []pdu{p}, unhurried)
	before := sim.Asked()
	if _, ok := watch.await(t.Context(), 0, 4*time.Second, func(status) bool { return false }); ok {
		t.Error("a reading that was not wanted")
	}
	if n := sim.Asked() - before; n > 2 {
		t.Errorf("asked %d times in 4 s, want 2 with a rest of 1.8 s", n)
	}
}

// TestAwaitRestUnits checks the same for chained units, which are read one after
// the other.
func TestAwaitRestUnits(t *testing.T) {
	t.Parallel()
	sims, pdus := simulateChain(t, 3)
	sims[0].SetFaults(venue.AgentFaults{Delay: 150 * time.Millisecond})
	watch, _ := startWatch(t, pdus, unhurried)
	before := sims[0].Asked()
	watch.await(t.Context(), 0, 4*time.Second, func(status) bool { return false })
	if n := sims[0].Asked() - before; n > 2*len(pdus) {
		t.Errorf("asked %d times in 4 s, want 2 sweeps with a rest of 1.8 s", n)
	}
}

// TestStopAbove checks that the log has a crossing that was open when the bot
// was stopped.
func TestStopAbove(t *testing.T) {
	t.Parallel()
	_, p := simulate(t, 101, "A", 3120)
	_, calm := simulate(t, 102, "B", 1500)
	watch := newSnoop([]pdu{p, calm}, 3000, unhurried, snmpConfig{community: "public", interval: unhurried})
	var last event
	watch.report = func(e event) { last = e }
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-watch.allPolled
		cancel()
	}()
	watch.run(ctx)
	if open := last.at.Sub(last.since); last.duration != open || open < 0 || last.since.Before(watch.start) {
		t.Errorf("lasted %s, from %v to %v", last.duration, last.since, last.at)
	}
	want := "Still above power limit when the bot was stopped, after " + seconds(last.duration) + ", at most 3120 W"
	if got := eventText(last); got != want || eventSubject(last) != "A(.101)" || !last.logOnly {
		t.Errorf("got %q, %+v", got, last)
	}
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// logged waits until a line of exceedings.log has the text, and returns the whole.
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

// count returns in how many messages to a chat a text stands, and whether each of these made a sound.
func (s *site) count(chat int64, text string) (n int, loud int) {
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
	m := s.await(t, ann.ID, 0, "Second_PDU(.2): Above power limit (3120 W)!", "limit 3000 W", time.Now().Format("2006-01-02 "))
	if m.Silent {
		t.Errorf("an alert without sound: %+v", m)
	}
	second.Draw(3240)
	s.until(t, "/current", "3240 W ▇▇▇▇▇▇▇▇ !")
	s.until(t, "/exceedings", ".2 Second_PDU", "1 x !", "above now since")
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
		t.Errorf("%d messages to the group, which is not to be alerted", n)
	}
	s.fine(t)
}

// TestWatchStopped: a terminal that was stopped, or went away, holds no alert up, nor the end.
func TestWatchStopped(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		s := newSite(t, "First_PDU")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		path, err := build()
		if err != nil {
			t.Fatal(err)
		}
		if !gone {
			w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			for err == nil { // nobody reads it, and it is full
				_, err = w.Write(make([]byte, 4096))
			}
		}
		cmd := exec.Command(path, "-net", "127.0.0", "-snmp-port", fmt.Sprint(s.port), "-api", s.api.URL(), "-interval", "100ms")
		cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, w, w
		cmd.Env = append(os.Environ(), "ISCBOT_TOKEN="+testToken, "ISCBOT_PASSWORD="+testPassword)
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
		killed := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		if err := cmd.Wait(); err != nil || !killed.Stop() {
			t.Errorf("gone: %v: %v", gone, err)
		}
		w.Close()
	}
}

func TestWatchOutage(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU", "Third_PDU")
	s.start(t)
	s.until(t, "/current", "1500 W")
	s.pdus[0].Behave(venue.Manners{Mute: true})
	s.pdus[1].Behave(venue.Manners{Mute: true})
	for _, name := range []string{"First_PDU(.1)", "Second_PDU(.2)"} {
		if m := s.await(t, ann.ID, 0, name+": Out of reach since "); !m.Silent {
			t.Errorf("with a sound: %+v", m)
		}
	}
	s.pdus[1].Spike(3660)
	s.pdus[0].Behave(venue.Manners{})
	s.pdus[1].Behave(venue.Manners{})
	s.await(t, ann.ID, 0, "First_PDU(.1): Answers again after ", "it stayed under the limit")
	s.await(t, ann.ID, 0, "Second_PDU(.2): Answers again after ", "its peak rose to 3660 W")
	s.await(t, ann.ID, 0, "Second_PDU(.2): Above power limit (3660 W)!")
	wants(t, s.log(t), "First_PDU(.1): Out of reach", "First_PDU(.1): Answers again", "Second_PDU(.2): Above power limit (3660 W)!")
	s.fine(t)
}

// TestWatchDark: when all PDUs fail at once it is the bot's own network, and one message.
func TestWatchDark(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU", "Third_PDU")
	s.start(t)
	s.until(t, "/current", "1500 W")
	for _, p := range s.pdus {
		p.Behave(venue.Manners{Mute: true})
	}
	s.await(t, ann.ID, 0, "All PDUs: Out of reach since ", "own network")
	s.logged(t, "Third_PDU(.3): Out of reach")
	s.pdus[2].Spike(3300)
	for _, p := range s.pdus {
		p.Behave(venue.Manners{})
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
		t.Error("the bot's own reset is told as somebody else's")
	}
	s.unharmed(t, 1)
}

// TestWatchBlocked: one who does not take messages delays nobody, and gets later ones when he does.
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
	s.await(t, member.ID, 0, "Back under power limit")
	if n := strings.Count(p.log(), "a chat refuses messages"); n != 2 {
		t.Errorf("told %d times on the terminal", n)
	}
}

// TestWatchAway: alerts outlast an outage of Telegram, and bear the time of the event.
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
	defer s.api.Misbehave(venue.Fault{Method: "sendMessage", Times: 1, Do: venue.TooMany(1)})()
	s.api.Up()
	m := s.await(t, ann.ID, 0, "Above power limit (3100 W)!", "Back under power limit")
	wants(t, m.Text, log[:len("2026-06-15 10:32:07")])
}

// TestWatchKill: after a kill -9 every alert that was sent is in the log, and a new start tells what stands in the registers.
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

// TestWatchLog: a log that cannot be written holds no alert up, is told once, and is opened anew when it was rotated away.
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
		t.Errorf("told %d times", n)
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
		t.Errorf("the file was not opened anew: %s", log)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestWatchTeam: what the PDUs of a team draw together is what counts.
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

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// check runs -check at the site and returns the exit code and the output. The
// arguments are numbers of PDUs, or flags that include -check.
func (s *site) check(t *testing.T, args ...string) (int, string) {
	t.Helper()
	if !slices.Contains(args, "-check") {
		args = append([]string{"-interval", "10s", "-check"}, args...) // nothing is too late on a busy machine
	}
	p := s.start(t, args...)
	code := p.await(t)
	return code, p.stdout.String()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU", "Third_PDU", "Fourth_PDU")
	code, out := s.check(t)
	wants(t, out, "ok    token: @isc_bot; privacy mode is", "ok    clock: agrees with Telegram's",
		"ok    chat 424242424: can be reached, Ann",
		"ok    chat -1001234567890: can be reached, the group", "exceedings.log can be written",
		"ok    First_PDU (.1) SNMP: AP8858 v6.8.0, 1500 W, peak 1500 W, answered in ", "its clock is ",
		"ok    First_PDU (.1) web: the peak's reset was found", "ok    Fourth_PDU (.4) web: the peak's reset was found")
	if code != 0 || strings.Contains(out, "WRONG") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	s.unharmed(t, 0, 0, 0, 0)
	for _, w := range s.webs {
		if w.Applies() != 0 {
			t.Error("something was submitted")
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "*")); len(left) != 2 {
		t.Errorf("files are left: %v", left)
	}
	code, out = s.check(t, "2", "3")
	if code != 0 || strings.Contains(out, "First_PDU") || !strings.Contains(out, "Third_PDU (.3) web") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if len(s.api.Messages(0)) != 0 || len(s.api.Calls("getUpdates")) != 0 {
		t.Error("the chats noticed the check")
	}
}

func TestCheckWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU", "Third_PDU", "Fourth_PDU")
	s.write(t, "accesslist.conf", "424242424\n99\n7\n")
	s.api.Know(venue.Private(member))
	s.api.Block(member.ID)
	s.api.Skew(-3 * time.Hour)
	s.pdus[0].SetFaults(venue.AgentFaults{Mute: true})
	s.webs[1].Credentials("apc", "another")
	s.webs[2].SetFaults(venue.WebFaults{NoPeak: true})
	s.pdus[3].SetFaults(venue.AgentFaults{Falsify: venue.NoMeter})
	code, out := s.check(t, "-log", "/nowhere/exceedings.log", "-check")
	wants(t, out, "WRONG clock: 3 h 0 min ", "WRONG chat 99: ", "send /start to @isc_bot", "WRONG chat 7: ",
		"WRONG log: /nowhere/exceedings.log",
		"WRONG First_PDU (.1) SNMP: no answer",
		"WRONG Second_PDU (.2) web: logging in: wrong user name or password: \"Invalid User Name or Password.",
		"correct ISCBOT_PASSWORD or -user and start",
		"WRONG Third_PDU (.3) web: looking for the peak's reset: no control", "\n      form ",
		"WRONG Fourth_PDU (.4) SNMP", "no power meter")
	if code != exitFailed {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	s.unharmed(t, 0, 0, 0, 0)
}

func TestCheckNoToken(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-net", "127.0.0", "-snmp-port", "1", "-web", "http:1", "-check", "1")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "ISCBOT_TOKEN=", "ISCBOT_PASSWORD=x")
	out, _ := cmd.CombinedOutput()
	wants(t, string(out), "Telegram: not tested", "WRONG First_PDU (.1) SNMP: no answer",
		"WRONG First_PDU (.1) web: logging in: no answer: ", "are -net and -web right?")
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
}

// TestCheckNoTelegram checks that -check blames the token only if Telegram does.
func TestCheckNoTelegram(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault venue.FaultFunc
		want  string
	}{
		"wrong token":   {venue.Refuse(401, "Unauthorized"), "WRONG token: getMe: Telegram does not know this token"},
		"a bad gateway": {venue.BadGateway, "WRONG Telegram: getMe: the server has a problem (status 502)"},
		"cut off":       {venue.Cut, "WRONG Telegram: getMe: the connection was closed without an answer"},
		"busy":          {venue.Refuse(429, "Too Many Requests"), "WRONG Telegram: getMe: 429 Too Many Requests"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "First_PDU")
			s.api.Inject(venue.APIFault{Method: "getMe", Do: tt.fault})
			code, out := s.check(t)
			wants(t, out, tt.want)
			if code != exitFailed {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// TestCheckSlow checks that -check tells a card that answers too late from a
// silent one, and that only the latter makes it mention the community.
func TestCheckSlow(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU", "Third_PDU")
	s.pdus[0].SetFaults(venue.AgentFaults{Delay: 500 * time.Millisecond})
	s.pdus[1].SetFaults(venue.AgentFaults{Mute: true})
	code, out := s.check(t, "-interval", siteInterval, "-check")
	wants(t, out, "WRONG First_PDU (.1) SNMP: answers too late for -interval "+siteInterval, "use a longer -interval",
		"WRONG Second_PDU (.2) SNMP: no answer at 127.0.0.2:", "-snmp-port and -community right?")
	for line := range strings.Lines(out) {
		if strings.Contains(line, "First_PDU") && strings.Contains(line, "community") {
			t.Errorf("the community is blamed: %s", line)
		}
	}
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}

	s.pdus[0].SetFaults(venue.AgentFaults{Delay: 300 * time.Millisecond})
	s.pdus[2].SetFaults(venue.AgentFaults{Lose: 2}) // not slow
	code, out = s.check(t, "-interval", "5s", "-check", "1", "3")
	wants(t, out, "ok    First_PDU (.1) SNMP: ", "ok    Third_PDU (.3) SNMP: ")
	if code != exitOK {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestCheckChain checks that units missing from the PDU list are found, and
// that numbers after -check do not make units missing.
func TestCheckChain(t *testing.T) {
	t.Parallel()
	s := newChainedSite(t, []string{"left", "right"})
	code, out := s.check(t)
	wants(t, out, "ok    left (.1) SNMP: ", "ok    right (.1/2) SNMP: ", "ok    right (.1/2) web: ")
	if code != exitOK {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	code, out = s.check(t, "1")
	if code != exitOK || strings.Contains(out, "right") {
		t.Errorf("exit code %d:\n%s", code, out)
	}

	s.write(t, "ips.csv", "1,left\n1/3,top\n")
	code, out = s.check(t)
	wants(t, out, "WRONG card .1: chained units are not in the PDU list, so their power is missing: add 1/2\n",
		"WRONG top (.1/3) SNMP: ", "is there a unit 3 behind this card?")
	if code != exitFailed {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestCheckRefused checks that a refused password is tried once on a card,
// however many units are behind it.
func TestCheckRefused(t *testing.T) {
	t.Parallel()
	s := newChainedSite(t, []string{"A", "B", "C", "D"})
	s.webs[0].Credentials("apc", "another")
	_, out := s.check(t)
	for _, name := range []string{"A (.1)", "B (.1/2)", "C (.1/3)", "D (.1/4)"} {
		wants(t, out, "WRONG "+name+" web: logging in: the card refused the log-in: it shows its log-in page again",
			"check ISCBOT_PASSWORD and -user")
	}
	if _, refused := s.webs[0].Logins(); refused != 1 {
		t.Errorf("%d attempts with a wrong password, want 1", refused)
	}
	if strings.Contains(out, "      form ") {
		t.Errorf("the log-in form is described:\n%s", out)
	}
}

// TestCheckInterrupted checks that -check says that a signal ended it, rather
// than only that requests failed.
func TestCheckInterrupted(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.webs[0].SetFaults(venue.WebFaults{At: "menu", Hang: true})
	p := s.start(t, "-check")
	for s.webs[0].Asked("menu") == 0 {
		pause(t.Context(), 10*time.Millisecond)
	}
	code := p.end(t, syscall.SIGTERM)
	if out := p.stdout.String(); code != exitFailed || !strings.Contains(out, "WRONG check: interrupted") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestCheckRecipients checks that -check fails if alerts would reach nobody.
func TestCheckRecipients(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.write(t, "accesslist.conf", fmt.Sprintln(groupID))
	code, out := s.check(t)
	wants(t, out, "WRONG access list: nobody will be alerted: add a user to it, or use -notify group")
	if code != exitFailed {
		t.Errorf("exit code %d:\n%s", code, out)
	}

	code, out = s.check(t, "-interval", "10s", "-notify", "group", "-check")
	if code != exitOK || strings.Contains(out, "access list") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestCheckMigrated checks that the new ID of a group is found.
func TestCheckMigrated(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.api.Migrate(groupID, groupID-1)
	code, out := s.check(t)
	wants(t, out, fmt.Sprintf("WRONG chat %d: the group became a supergroup: ", groupID),
		fmt.Sprintf("put its new ID %d into the access list (can be reached", groupID-1))
	if code != exitFailed {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestService plays the part of systemd: it receives the bot's notifications
// and reads its log.
func TestService(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	dir, err := os.MkdirTemp("", "n") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	states := make(chan string, 10_000)
	go func() {
		defer close(states)
		buf := make([]byte, 100)
		for {
			n, err := socket.Read(buf)
			if err != nil {
				return
			}
			states <- string(buf[:n])
		}
	}()
	next := func() string {
		select {
		case state := <-states:
			return state
		case <-time.After(testWait):
			t.Fatal("systemd was not notified")
			return ""
		}
	}
	s.write(t, "token", testToken+"\n")
	s.write(t, "password", testPassword+"\r\n")
	if err := os.Chmod(filepath.Join(s.dir, "password"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := s.startWith(t, []string{
		"ISCBOT_TOKEN=", "ISCBOT_PASSWORD=", "ISCBOT_TOKEN_FILE=token", "ISCBOT_PASSWORD_FILE=password",
		"NOTIFY_SOCKET=" + filepath.Join(dir, "s"), "WATCHDOG_USEC=300000", "JOURNAL_STREAM=8:1",
	})
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := next(); got != want {
			t.Errorf("systemd was notified of %q, want %q", got, want)
		}
	}
	s.ask(t, venue.Private(ann), ann, "/reset 1", "First_PDU (.1) reset") // token and password are right
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for got := next(); got != "STOPPING=1"; got = next() {
		if got != "WATCHDOG=1" {
			t.Errorf("systemd was notified of %q", got)
		}
	}
	wants(t, p.log(), "can read a secret: chmod 600", "file=password")
	if strings.Contains(p.log(), "time=") || strings.Contains(p.log(), "file=token") {
		t.Errorf("log:\n%s", p.log())
	}
}

// TestWatchdogStarves checks that a bot whose watch hangs does not notify the
// watchdog.
func TestWatchdogStarves(t *testing.T) {
	dir, err := os.MkdirTemp("", "n")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "s"))
	t.Setenv("WATCHDOG_USEC", "30000")
	watch := newSnoop([]pdu{{num: 1, unit: 1, team: "A"}}, 3000, time.Second, snmpConfig{interval: time.Second})
	close(watch.allPolled) // then it was never polled again
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	serveSystemd(ctx, watch)
	var got []string
	buf := make([]byte, 100)
	for socket.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); ; {
		n, err := socket.Read(buf)
		if err != nil {
			break
		}
		got = append(got, string(buf[:n]))
	}
	if fmt.Sprint(got) != "[READY=1 STOPPING=1]" {
		t.Errorf("systemd was notified of %q", got)
	}
}

// TestUnit lets systemd check the unit.
func TestUnit(t *testing.T) {
	analyze := needs(t, "systemd-analyze")
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile("iscbot.service")
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, "iscbot.service", strings.ReplaceAll(string(unit), "/usr/local/bin/iscbot", path))
	out, err := exec.Command(analyze, "verify", file).CombinedOutput()
	if err != nil || strings.Contains(string(out), "iscbot.service") {
		t.Errorf("%v: %s", err, out)
	}
}

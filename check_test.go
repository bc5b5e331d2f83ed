package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// check runs -check at the site and returns the exit code and what it prints.
func (s *site) check(t *testing.T, args ...string) (int, string) {
	t.Helper()
	p := s.start(t, append([]string{"-check"}, args...)...)
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		t.Fatal("the check does not end")
	}
	return p.ProcessState.ExitCode(), p.stdout.String()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU", "Third_PDU", "Fourth_PDU")
	code, out := s.check(t)
	wants(t, out, "ok    token: @isc_bot; privacy mode is", "ok    clock: agrees with Telegram's", "ok    chat 424242424: can be reached, Ann",
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
		t.Errorf("left behind: %v", left)
	}
	code, out = s.check(t, "2", "3")
	if code != 0 || strings.Contains(out, "First_PDU") || !strings.Contains(out, "Third_PDU (.3) web") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if len(s.api.Messages(0)) != 0 || len(s.api.Calls("getUpdates")) != 0 {
		t.Error("the chats noticed it")
	}
}

func TestCheckWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU", "Third_PDU", "Fourth_PDU")
	s.write(t, "accesslist.conf", "424242424\n99\n7\n")
	s.api.Know(venue.Private(member))
	s.api.Block(member.ID)
	s.api.Skew(-3 * time.Hour)
	s.pdus[0].Behave(venue.Manners{Mute: true})
	s.webs[1].Credentials("apc", "another")
	s.webs[2].Behave(venue.WebManners{NoPeak: true})
	s.pdus[3].Behave(venue.Manners{Twist: venue.NoMeter})
	code, out := s.check(t, "-log", "/nowhere/exceedings.log")
	wants(t, out, "WRONG clock: 3 h 0 min ", "WRONG chat 99: ", "send /start to @isc_bot", "WRONG chat 7: ", "WRONG log: /nowhere/exceedings.log",
		"WRONG First_PDU (.1) SNMP: no answer", "WRONG Second_PDU (.2) web: logging in: wrong user name or password: check ISCBOT_PASSWORD and -user",
		"WRONG Third_PDU (.3) web: looking for the peak's reset: no control", "\n      form ", "WRONG Fourth_PDU (.4) SNMP", "no power meter")
	if code != 1 {
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
	cmd := exec.Command(path, "-net", "127.0.0", "-snmp-port", "1", "-interval", "100ms", "-check", "7", "1")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "ISCBOT_TOKEN=", "ISCBOT_PASSWORD=x")
	out, _ := cmd.CombinedOutput()
	wants(t, string(out), `-check: "7": want numbers`)
	if code := cmd.ProcessState.ExitCode(); code != exitConfig {
		t.Errorf("exit code %d", code)
	}
	cmd = exec.Command(path, append(cmd.Args[1:len(cmd.Args)-2], "1")...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "ISCBOT_TOKEN=", "ISCBOT_PASSWORD=x")
	out, _ = cmd.CombinedOutput()
	wants(t, string(out), "Telegram: skipped", "WRONG First_PDU (.1) SNMP: no answer")
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
}

// TestService plays systemd: it listens to what the bot tells it, and reads its log lines.
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
	next := func() string {
		buf := make([]byte, 100)
		socket.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := socket.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	s.write(t, "token", testToken+"\n")
	s.write(t, "password", testPassword+"\r\n")
	if err := os.Chmod(filepath.Join(s.dir, "password"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := s.startWith(t, []string{"ISCBOT_TOKEN=", "ISCBOT_PASSWORD=", "ISCBOT_TOKEN_FILE=token", "ISCBOT_PASSWORD_FILE=password",
		"NOTIFY_SOCKET=" + filepath.Join(dir, "s"), "WATCHDOG_USEC=300000", "JOURNAL_STREAM=8:1"})
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := next(); got != want {
			t.Errorf("systemd was told %q, not %q", got, want)
		}
	}
	s.ask(t, venue.Private(ann), ann, "/reset 1", "First_PDU (.1) reset") // token and password are right
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for got := next(); got != "STOPPING=1"; got = next() {
		if got != "WATCHDOG=1" {
			t.Errorf("systemd was told %q", got)
		}
	}
	wants(t, p.log(), "can read a secret: chmod 600", "file=password")
	if strings.Contains(p.log(), "time=") || strings.Contains(p.log(), "file=token") {
		t.Errorf("log:\n%s", p.log())
	}
}

// TestWatchdogStarves: a bot whose watch hangs tells systemd nothing.
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
	close(watch.swept) // and then it was never polled again
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
		t.Errorf("systemd was told %q", got)
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

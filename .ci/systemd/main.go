// Command systemd tests iscbot.service, and the program as a service, with a
// real systemd.
//
// The script boot runs it beside a systemd of its own. It writes to /etc.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"iscbot/internal/venue"
)

const (
	unit     = "/etc/systemd/system/iscbot.service"
	pduList  = "/etc/iscbot/ips.csv"
	access   = "/etc/iscbot/accesslist.conf"
	evidence = "/var/lib/iscbot/exceedings.log"

	goodList = "101,First Team\n"
	token    = "123456:TEST-token_x"

	timeout = 15 * time.Second // of each wait
)

var ann = venue.User{ID: 424242424, Name: "Ann"}

func main() {
	if os.Getenv("container") != "test" {
		fmt.Fprintln(os.Stderr, "no systemd of its own: use .ci/systemd/boot")
		os.Exit(1)
	}
	t, err := newTest()
	if err == nil {
		err = t.run()
	}
	if err != nil {
		fmt.Printf("FAIL  %v\n\nThe journal:\n%s", err, journal())
		os.Exit(1)
	}
}

// A test has the simulated servers that the service talks to.
type test struct {
	pdu *venue.PDU
	api *venue.API
}

// newTest starts a PDU and a Bot API server, creates the files that README.md
// asks for, and adds flags to the unit's command line that point to the
// servers. If a flag is given twice, the last one counts. The access list has
// only a group.
func newTest() (*test, error) {
	conns, port, err := venue.ListenSNMP("127.0.0.101")
	if err != nil {
		return nil, err
	}
	t := &test{pdu: venue.NewPDU(101, "First Team", 1500), api: venue.NewAPI(token, "isc_bot")}
	venue.ServeSNMP(t.pdu, "public", conns[0])
	t.api.Know(venue.Private(ann))

	execStart, err := command("sed", "-n", "s/^ExecStart=//p", unit)
	return t, errors.Join(err,
		write(pduList, goodList),
		write(access, "-1001234567890\n"),
		write("/etc/iscbot/token", token+"\n"),
		write("/etc/iscbot/password", "s3cret pass\n"),
		override("flags", fmt.Sprintf("ExecStart=\nExecStart=%s -net 127.0.0 -snmp-port %d -api %s",
			strings.TrimSpace(execStart), port, t.api.URL())),
		override("quick", "RestartSec=100ms"),
	)
}

// run takes the service through its life. Each step starts where the step
// before has left it.
func (t *test) run() error {
	steps := []struct {
		name string
		do   func() error
	}{
		{"systemd-analyze verify finds nothing", verify},
		{"ready is reported", start},
		{"a crossing is logged in " + evidence, t.crossing},
		{"exit code 2, as after a panic, is followed by a restart", aborted},
		{"SIGKILL is followed by a restart", killed},
		{"a watchdog timeout is followed by a restart", hung},
		{"reload reads the access list", t.reload},
		{"stop ends it with success", stop},
		{"a mistake in ips.csv is in the journal, without a restart", mistake},
		{"it starts once the mistake is fixed", start},
	}
	for _, step := range steps {
		begin := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("ok    %s (%.1f s)\n", step.name, time.Since(begin).Seconds())
	}
	return nil
}

func verify() error {
	out, err := command("systemd-analyze", "verify", unit)
	if err == nil && out != "" {
		err = fmt.Errorf("got %s", out)
	}
	return err
}

// start starts the service with a good PDU list. For a unit of Type=notify,
// systemctl returns once the program has reported that it is ready.
func start() error {
	if err := write(pduList, goodList); err != nil {
		return err
	}
	if _, err := command("systemctl", "start", "iscbot"); err != nil {
		return err
	}
	return expect(map[string]string{"Type": "notify", "ActiveState": "active", "SubState": "running"})
}

func (t *test) crossing() error {
	t.pdu.Draw(3120)
	defer t.pdu.Draw(1500)
	return await(func() error {
		log, err := os.ReadFile(evidence)
		if err == nil && !strings.Contains(string(log), "(3120 W)") {
			err = fmt.Errorf("got %q", log)
		}
		return err
	})
}

// aborted sends SIGABRT, after which a Go program exits as after a panic.
func aborted() error {
	err := restarted(func() error { return signal("ABRT") })
	if want := "code=exited, status=2"; err == nil && !strings.Contains(journal(), want) {
		err = fmt.Errorf("%q is not in the journal", want)
	}
	return err
}

func killed() error {
	return restarted(func() error { return signal("KILL") })
}

// hung suspends the program, so that it cannot notify the watchdog.
func hung() error {
	if err := override("watchdog", "WatchdogSec=2"); err != nil {
		return err
	}
	if _, err := command("systemctl", "restart", "iscbot"); err != nil {
		return err
	}
	err := restarted(func() error { return signal("STOP") })
	if want := "Watchdog timeout"; err == nil && !strings.Contains(journal(), want) {
		err = fmt.Errorf("%q is not in the journal", want)
	}
	return errors.Join(err, override("watchdog", ""))
}

// restarted ends the program by calling do, and waits until systemd has started
// another one that is ready.
func restarted(do func() error) error {
	before, err := show()
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return await(func() error {
		now, err := show()
		done := now["ActiveState"] == "active" && now["NRestarts"] != before["NRestarts"]
		if err == nil && !done {
			err = fmt.Errorf("was %v, is %v", before, now)
		}
		return err
	})
}

// reload puts Ann on the access list. Before, her /reset is refused with the ID
// to add; after, it is answered with buttons.
func (t *test) reload() error {
	if err := t.ask(func(m venue.Message) bool { return strings.Contains(m.Text, fmt.Sprint(ann.ID)) }); err != nil {
		return fmt.Errorf("not refused before: %w", err)
	}
	if err := write(access, fmt.Sprintf("-1001234567890\n%d\n", ann.ID)); err != nil {
		return err
	}
	if _, err := command("systemctl", "reload", "iscbot"); err != nil {
		return err
	}

	// systemctl does not wait for the program to have read it.
	return await(func() error {
		return t.ask(func(m venue.Message) bool { return len(m.Buttons) > 0 })
	})
}

// ask sends /reset from Ann and checks the answer.
func (t *test) ask(ok func(venue.Message) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	seen := len(t.api.Messages(ann.ID))
	t.api.Say(venue.Private(ann), ann, "/reset")

	var answer venue.Message
	err := t.api.Until(ctx, func() bool {
		list := t.api.Messages(ann.ID)
		if len(list) > seen {
			answer = list[seen]
		}
		return len(list) > seen
	})
	if err == nil && !ok(answer) {
		err = fmt.Errorf("got %q", answer.Text)
	}
	return err
}

func stop() error {
	if _, err := command("systemctl", "stop", "iscbot"); err != nil {
		return err
	}
	return expect(map[string]string{"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"})
}

// mistake starts the service with a mistake in the PDU list. A unit that
// systemd is about to restart is "activating", not "failed".
func mistake() error {
	if err := write(pduList, goodList+"one,Second Team\n"); err != nil {
		return err
	}
	if out, err := command("systemctl", "start", "iscbot"); err == nil {
		return fmt.Errorf("systemctl start succeeded: %s", out)
	}
	for _, want := range []string{pduList + ":2", "code=exited, status=78"} {
		if !strings.Contains(journal(), want) {
			return fmt.Errorf("%q is not in the journal", want)
		}
	}
	return expect(map[string]string{"ActiveState": "failed", "NRestarts": "0", "ExecMainStatus": "78"})
}

// override changes settings of the service with a drop-in of the given name.
func override(name, settings string) error {
	if err := write(unit+".d/"+name+".conf", "[Service]\n"+settings+"\n"); err != nil {
		return err
	}
	_, err := command("systemctl", "daemon-reload")
	return err
}

func signal(name string) error {
	_, err := command("systemctl", "kill", "--kill-who=main", "--signal="+name, "iscbot")
	return err
}

// show returns properties of the service; see org.freedesktop.systemd1(5).
func show() (map[string]string, error) {
	out, err := command("systemctl", "show", "iscbot",
		"-p", "Type,ActiveState,SubState,Result,NRestarts,MainPID,ExecMainStatus")
	properties := make(map[string]string)
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		properties[name] = value
	}
	return properties, err
}

// expect checks properties of the service.
func expect(want map[string]string) error {
	got, err := show()
	if err != nil {
		return err
	}
	for name, value := range want {
		if got[name] != value {
			return fmt.Errorf("%s is %q, want %q; all: %v", name, got[name], value, got)
		}
	}
	return nil
}

// journal returns everything in systemd's journal.
func journal() string {
	out, err := command("journalctl", "--sync")
	if err == nil {
		out, err = command("journalctl", "--no-pager", "-o", "short-precise")
	}
	if err != nil {
		return err.Error()
	}
	return out
}

// await repeats check until it succeeds, and returns its last error after
// timeout.
func await(check func() error) error {
	for deadline := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// write writes a file, and creates its folder.
func write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

// command runs a command and returns its output.
func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

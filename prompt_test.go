package main

import (
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"iscbot/internal/venue"
)

// TestQuitAtPrompt types Ctrl-\ at the password prompt. That must not leave the
// terminal without echo, so it is ignored.
func TestQuitAtPrompt(t *testing.T) {
	t.Parallel()
	master, slave := openTerminal(t)
	s := newSite(t, "First_PDU")
	cmd := s.command(t, []string{"ISCBOT_TOKEN=" + testToken, "ISCBOT_PASSWORD="})
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	shown := new(screen)
	go io.Copy(shown, master)
	shown.await(t, "Password of the PDUs' super user apc: ")
	io.WriteString(master, "\x1c")
	io.WriteString(master, testPassword+"\n")
	s.ask(t, venue.Private(ann), ann, "/reset 1", "First_PDU (.1) reset")
	if strings.Contains(shown.String(), testPassword) {
		t.Errorf("the password was echoed:\n%s", shown)
	}
}

// TestSecretFile covers the files with a token or a password.
func TestSecretFile(t *testing.T) {
	for name, tt := range map[string]struct{ text, want, err string }{
		"one line":          {"hunter2\n", "hunter2", ""},
		"spaces":            {" hunter 2 \r\n", " hunter 2 ", ""},
		"empty lines after": {"hunter2\n\n", "hunter2", ""},
		"empty":             {"\n", "", "is empty"},
		"two lines":         {"hunter2\nhunter3\n", "", "has more than one line: want the secret alone"},
		"a comment before":  {"# password\r\nhunter2", "", "has more than one line"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "secret", tt.text)
			t.Setenv("ISCBOT_X", "")
			t.Setenv("ISCBOT_X_FILE", path)
			s, err := readSecret("ISCBOT_X")
			text := fmt.Sprint(err)
			if s.reveal() != tt.want || (err != nil) != (tt.err != "") || !strings.Contains(text, tt.err) {
				t.Errorf("got %q, %v", s.reveal(), err)
			}
			if err != nil && (!strings.Contains(text, "ISCBOT_X_FILE: "+path) || strings.Contains(text, "hunter")) {
				t.Errorf("got %v", err)
			}
		})
	}
}

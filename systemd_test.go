package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"iscbot/internal/venue"
)

// TestExitCodes checks that mistakes in flags, environment and files end the
// program with 78, which prevents a restart, and that a crash does not.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	good := []string{"ISCBOT_TOKEN=" + testToken, "ISCBOT_PASSWORD=" + testPassword}
	for name, tt := range map[string]struct {
		env   []string
		args  []string
		files map[string]string
		want  string // on standard error
	}{
		"an unknown flag":  {args: []string{"-colour"}, want: "-colour"},
		"a flag's value":   {args: []string{"-limit", "3 kW"}, want: `invalid value "3 kW" for flag -limit`},
		"an argument":      {args: []string{"101"}, want: "101"},
		"a flag of -check": {args: []string{"-limit", "0", "-check"}, want: `-limit: "0"`},
		"a flag of -demo":  {args: []string{"-limit", "0", "-demo"}, want: `-limit: "0"`},
		"the demo alone": {
			env: []string{"ISCBOT_TOKEN=", "ISCBOT_PASSWORD="}, args: []string{"-demo", "-limt", "3", "-near", "-1s"},
			files: map[string]string{"ips.csv": "?", "accesslist.conf": "?"},
			want:  "(iscbot -h has the manual):\nflag provided but not defined: -limt\n-near: \"-1s\": want",
		},
		"no token": {env: []string{"ISCBOT_TOKEN=", "ISCBOT_PASSWORD=x"}, want: "ISCBOT_TOKEN is not set"},
		"no such secret's file": {
			env:  []string{"ISCBOT_TOKEN=", "ISCBOT_TOKEN_FILE=nowhere", "ISCBOT_PASSWORD=x"},
			want: "nowhere",
		},
		"no password": {
			env:  []string{"ISCBOT_TOKEN=" + testToken, "ISCBOT_PASSWORD="},
			want: "ISCBOT_PASSWORD is not set",
		},
		"no such file":     {args: []string{"-pdus", "nowhere.csv"}, want: "nowhere.csv: no such file"},
		"the PDU list":     {files: map[string]string{"ips.csv": "1,A\n1,B\n"}, want: "ips.csv:2: "},
		"the access list":  {files: map[string]string{"accesslist.conf": "@ann\n"}, want: "accesslist.conf:1: "},
		"-check's numbers": {args: []string{"-check", "7"}, want: `-check: "7"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "First_PDU")
			for file, text := range tt.files {
				s.write(t, file, text)
			}
			env := tt.env
			if env == nil {
				env = good
			}
			p := s.startWith(t, env, tt.args...)
			if code := p.await(t); code != exitConfig {
				t.Errorf("exit code %d, want %d", code, exitConfig)
			}
			wants(t, p.log(), "not started: fix these errors", tt.want)
			if n := len(s.api.Calls("")); n != 0 {
				t.Errorf("%d calls of the Bot API", n)
			}
		})
	}

	t.Run("SIGABRT", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, "First_PDU")
		p := s.start(t)
		p.awaitLog(t, "waiting for Telegram")
		p.Process.Signal(syscall.SIGABRT)
		if code := p.await(t); code == exitConfig || code == exitOK {
			t.Errorf("exit code %d, which prevents a restart", code)
		}
	})
	unit, err := os.ReadFile("iscbot.service")
	if err != nil {
		t.Fatal(err)
	}
	wants(t, string(unit), fmt.Sprintf("\nRestartPreventExitStatus=%d\n", exitConfig), "\nRestart=on-failure\n")
}

// await waits for the program to end and returns its exit code.
func (p *program) await(t testing.TB) (code int) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(testWait):
		t.Fatal("the program does not end")
	}
	return p.ProcessState.ExitCode()
}

// TestLogRefused checks that the program rejects a log that is not a regular
// file at the start, even with -check: opening a pipe would block.
func TestLogRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pipe", "folder", "device"} {
		for _, check := range [][]string{nil, {"-check"}} {
			t.Run(fmt.Sprint(name, check), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, "First_PDU")
				path := filepath.Join(s.dir, "log")
				makeFile := map[string]func() error{
					"pipe":   func() error { return syscall.Mkfifo(path, 0o600) },
					"folder": func() error { return os.Mkdir(path, 0o700) },
					"device": func() error { return os.Symlink(os.DevNull, path) },
				}
				if err := makeFile[name](); err != nil {
					t.Fatal(err)
				}
				p := s.start(t, append([]string{"-log", path}, check...)...)
				if code := p.await(t); code != exitConfig {
					t.Errorf("exit code %d, want %d", code, exitConfig)
				}
				wants(t, p.log(), "-log: ", "not a regular file")
			})
		}
	}
}

// openTerminal opens a pseudo-terminal. What a program writes to slave can be
// read from master.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux's pseudo-terminals")
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	const (
		unlock    = 0x40045431 // TIOCSPTLCK
		getNumber = 0x80045430 // TIOCGPTN
	)
	var unlocked, number int32
	for request, arg := range map[uintptr]*int32{unlock: &unlocked, getNumber: &number} {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(arg)))
		if errno != 0 {
			t.Fatal(errno)
		}
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// A screen is what a program has written to a terminal.
type screen struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until a text is on the screen.
func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	for ctx := limit(t); !strings.Contains(s.String(), text); pause(ctx, 5*time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("%q was not shown:\n%s", text, s)
		}
	}
}

// TestHangupAtPrompt sends SIGHUP while the program waits for the password, on
// a terminal and on a pipe. That must not end the program or echo the password.
func TestHangupAtPrompt(t *testing.T) {
	t.Parallel()
	env := []string{"ISCBOT_TOKEN=" + testToken, "ISCBOT_PASSWORD="}
	works := func(t *testing.T, s *site, process *os.Process) {
		s.ask(t, venue.Private(ann), ann, "/reset 1", "First_PDU (.1) reset") // the password is right
		s.write(t, "accesslist.conf", fmt.Sprintln(stranger.ID))
		process.Signal(syscall.SIGHUP)
		s.untilAsked(t, venue.Private(stranger), stranger, "/help", "/reset")
	}

	t.Run("terminal", func(t *testing.T) {
		t.Parallel()
		master, slave := openTerminal(t)
		s := newSite(t, "First_PDU")
		cmd := s.command(t, env)
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
		cmd.Process.Signal(syscall.SIGHUP)
		cmd.Process.Signal(syscall.SIGHUP)
		io.WriteString(master, testPassword+"\n")
		works(t, s, cmd.Process)
		if strings.Contains(shown.String(), testPassword) {
			t.Errorf("the password was echoed:\n%s", shown)
		}
	})

	t.Run("pipe", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, "First_PDU")
		s.write(t, "token", testToken)
		if err := os.Chmod(filepath.Join(s.dir, "token"), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := s.command(t, []string{"ISCBOT_TOKEN=", "ISCBOT_TOKEN_FILE=token", "ISCBOT_PASSWORD="})
		shown := new(screen)
		cmd.Stderr = shown
		stdin, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
		shown.await(t, "can read a secret") // logged right before the password is read
		cmd.Process.Signal(syscall.SIGHUP)
		io.WriteString(stdin, testPassword+"\n")
		works(t, s, cmd.Process)
	})
}

// untilAsked repeats a request until an answer has all the words.
func (s *site) untilAsked(t *testing.T, c venue.Chat, u venue.User, text string, words ...string) {
	t.Helper()
	for ctx := limit(t); ctx.Err() == nil; pause(ctx, time.Second) {
		m := s.ask(t, c, u, text, "")
		missing := false
		for _, w := range words {
			missing = missing || !strings.Contains(m.Text, w)
		}
		if !missing {
			return
		}
	}
	t.Fatalf("%s was never answered with %q", text, words)
}

// command returns the command that starts the program at the site.
func (s *site) command(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	if s.web == 0 {
		s.web = 80
	}
	cmd := exec.Command(path, append([]string{
		"-net", "127.0.0", "-snmp-port", fmt.Sprint(s.port), "-api", s.api.URL(),
		"-interval", siteInterval, "-web", fmt.Sprintf("http:%d", s.web),
	}, args...)...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), env...)
	return cmd
}

package nmc

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// TestSubmitsLikeELinks resets the peak of one card with the text browser
// ELinks, key by key as scripts did before this package existed, and that of
// another with the client. Both cards must see the same submission.
func TestSubmitsLikeELinks(t *testing.T) {
	t.Parallel()
	elinks := needs(t, "elinks")
	needs(t, "script") // it gives ELinks a terminal

	byHand := newCard(t, venue.TokenPath, 1, nil)
	before := byHand.units[0].State()
	resetByKeys(startELinks(t, elinks, byHand.URL()))
	if n := byHand.Open(); n != 0 {
		t.Errorf("ELinks left %d sessions open", n)
	}
	if got := byHand.units[0].State(); got.Peak != 1500 || got.Resets != 1 || got.Energy != before.Energy {
		t.Errorf("after the reset with ELinks: %+v", got)
	}

	// Unlike other browsers, ELinks submits disabled fields.
	const disabled = "&Dev4=AP8858"
	want := byHand.Posts()
	if len(want) != 1 || strings.Count(want[0], disabled) != 1 {
		t.Fatalf("ELinks submitted %q", want)
	}
	want[0] = strings.Replace(want[0], disabled, "", 1)
	if got := byHand.Complaints(); !slices.Equal(got, []string{"configuration: field Dev4 does not belong there"}) {
		t.Errorf("the card's owner complains about ELinks: %q", got)
	}

	byClient := newCard(t, venue.TokenPath, 1, nil)
	if _, err := byClient.reset(t, t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := byClient.Posts(); !slices.Equal(got, want) {
		t.Errorf("the client submitted %q, ELinks %q", got, want)
	}
}

// resetByKeys resets the peak of a card of generation TokenPath, from the
// log-in form to the end of the session.
func resetByKeys(s *screen) {
	s.t.Helper()
	s.await("log-in form", func() bool { return strings.Contains(s.status(), "login_username") })
	s.press("apc")
	s.goTo("Password", "login_password")
	s.press(testPassword)
	s.goTo("Log On", "Post form")

	s.press(enter)
	s.await("home page", func() bool { return strings.Contains(s.status(), "/home.htm") })
	s.goTo("Device", "/cfgdev.htm")

	s.press(enter)
	s.await("settings", func() bool { return s.shows("Reset (last") && s.shows("[ Apply ]") })
	s.goTo("Reset (last", "Checkbox")
	s.press(enter)
	s.await("check mark", func() bool { return s.shows("[X] Reset (last") })
	s.goTo("[ Apply ]", "Post form")

	s.press(enter)
	s.await("new settings", func() bool {
		return strings.Contains(s.status(), "/home.htm") && s.shows("[ Apply ]") && !s.shows("[X] Reset (last")
	})
	s.goTo("Log Off", "/logout.htm")
	s.press(enter)
	s.await("end of the session", func() bool { return s.shows("logged off") })
}

// needs returns the path of a program. If it is missing, the test is skipped,
// or fails if all programs must be there.
func needs(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("ISCBOT_TEST_ALL") != "" {
			t.Fatalf("%s is missing, and ISCBOT_TEST_ALL is set", program)
		}
		t.Skipf("%s is missing", program)
	}
	return path
}

// Keys as a terminal sends them.
const (
	down  = "\x1b[B"
	enter = "\r"
	quit  = "Q" // without confirmation
)

// A screen is a terminal in which ELinks runs.
type screen struct {
	t       *testing.T
	keys    io.Writer
	changed chan struct{} // has a value after a change, and is closed when ELinks has ended

	mu       sync.Mutex // guards what follows
	cells    [60][120]byte
	row, col int // of the cursor
}

// settings keep ELinks from asking questions, and make it enter what is typed
// at a text field at once. The screen has a byte for each character.
const settings = `set document.browse.forms.auto_submit = 0
set document.browse.forms.confirm_submit = 0
set document.browse.forms.insert_mode = 0
set document.browse.links.wraparound = 0
set terminal.vt100.charset = "ISO-8859-1"
`

// startELinks opens a page in ELinks, which ends with the test.
func startELinks(t *testing.T, elinks, url string) *screen {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "elinks.conf"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, changed: make(chan struct{}, 1)}
	command := fmt.Sprintf("stty rows %d cols %d; exec '%s' -no-connect -config-dir '%s' '%s'",
		len(s.cells), len(s.cells[0]), elinks, dir, url)
	cmd := exec.Command("script", "-qfc", command, "/dev/null")
	cmd.Env = append(os.Environ(), "TERM=vt100", "LC_ALL=C", "HOME="+dir, "SHELL=/bin/sh", "no_proxy=127.0.0.1")
	keys, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	s.keys = keys
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.show(out)
	}()
	t.Cleanup(func() {
		io.WriteString(keys, quit) // best effort: it may have ended
		select {
		case <-done:
		case <-time.After(screenWait):
			t.Error("ELinks does not end")
			cmd.Process.Kill() // which also ends the terminal
		}
		cmd.Wait()
	})
	return s
}

// show draws the output of ELinks until it ends.
func (s *screen) show(out io.Reader) {
	defer close(s.changed)
	buf := make([]byte, 1<<16)
	rest := ""
	for {
		n, err := out.Read(buf)
		s.mu.Lock()
		rest = s.draw(rest + string(buf[:n]))
		s.mu.Unlock()
		select {
		case s.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// draw draws text with the few VT100 control sequences that ELinks uses, and
// returns an incomplete sequence at its end.
func (s *screen) draw(text string) (rest string) {
	for text != "" {
		switch c := text[0]; {
		case c == '\x1b':
			n := s.control(text)
			if n == 0 {
				return text
			}
			text = text[n:]
			continue
		case c == '\r':
			s.col = 0
		case c >= ' ' && s.row < len(s.cells) && s.col < len(s.cells[0]):
			s.cells[s.row][s.col] = c
			s.col++
		}
		text = text[1:]
	}
	return ""
}

// control executes the control sequence at the start of text and returns its
// length, or 0 if it is incomplete. Only the position of the cursor matters.
func (s *screen) control(text string) int {
	if len(text) < 3 {
		return 0
	}
	if text[1] != '[' {
		if strings.IndexByte("()", text[1]) >= 0 {
			return 3 // a character set
		}
		return 2
	}
	end := strings.IndexFunc(text[2:], func(r rune) bool { return r >= '@' && r <= '~' })
	if end < 0 {
		return 0
	}
	args := text[2 : 2+end]
	switch text[2+end] {
	case 'H':
		row, col, _ := strings.Cut(args, ";")
		s.row, _ = strconv.Atoi(row)
		s.col, _ = strconv.Atoi(col)
		s.row, s.col = max(s.row-1, 0), max(s.col-1, 0)
	case 'J':
		clear(s.cells[:])
	}
	return 2 + end + 1
}

// line returns a row of the screen.
func (s *screen) line(n int) string {
	return strings.TrimRight(strings.ReplaceAll(string(s.cells[n][:]), "\x00", " "), " ")
}

// status returns the line in which ELinks describes the link or the control at
// the cursor.
func (s *screen) status() string { return s.line(len(s.cells) - 1) }

func (s *screen) shows(text string) bool {
	for n := range s.cells {
		if strings.Contains(s.line(n), text) {
			return true
		}
	}
	return false
}

// press types keys.
func (s *screen) press(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		s.t.Fatal(err)
	}
}

// screenWait is how long the screen may take to change.
const screenWait = 20 * time.Second

// await waits until the screen is as wanted.
func (s *screen) await(what string, wanted func() bool) {
	s.t.Helper()
	timeout := time.After(screenWait)
	for {
		s.mu.Lock()
		ok := wanted()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case _, open := <-s.changed:
			if open {
				continue
			}
		case <-timeout:
		}
		s.t.Fatalf("no %s on the screen:\n%s", what, s.text())
	}
}

// goTo moves down to a line that has a text, until the status line has the
// other.
func (s *screen) goTo(text, status string) {
	s.t.Helper()
	for {
		s.mu.Lock()
		was := s.status()
		there := strings.Contains(was, status) && strings.Contains(s.line(s.row), text)
		s.mu.Unlock()
		if there {
			return
		}
		s.press(down)
		s.await(text, func() bool { return s.status() != was })
	}
}

// text returns the screen.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for n := range s.cells {
		if l := s.line(n); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

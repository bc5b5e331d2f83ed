package nmc

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestRefusals covers what cards answer to a log-in that they do not accept: a
// password that may be right must be tried again some time.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const untilRestart = 1000 * time.Hour
	again := func(message string) string { return "200 <html><h1>APC</h1>" + message + loginPage }
	for _, tt := range []struct {
		name, answer string // a status and a page, or a redirect
		err          error
		said         string        // in the error
		remembered   time.Duration // how long the password is not tried again
		second       time.Duration // likewise, after a second visit with this answer
	}{
		{"403", "403 Invalid User Name or Password.", ErrPassword, `"Invalid User Name or Password."`,
			untilRestart, untilRestart},
		{"form again", again("Invalid User Name or Password"), ErrPassword, `"Invalid User Name or Password"`, untilRestart,
			untilRestart},
		{"form again, in other words", again("<p>The password you entered is incorrect!</p>"), ErrPassword, "incorrect",
			untilRestart, untilRestart},
		{"not valid", again("User name or password not valid"), ErrPassword, "not valid", untilRestart, untilRestart},
		{"echo", again("Wrong password pa/ss for apc"), ErrPassword, `"Wrong password ... for ..."`,
			untilRestart, untilRestart},

		{"users", "403 Maximum number of users reached", ErrBusy, "Maximum number of users", 0, 0},
		{"logged on", "403 Another user is already logged on", ErrBusy, "already logged on", 0, 0},
		{"sessions", again("Maximum sessions reached."), ErrBusy, "Maximum sessions", 0, 0},
		{"503 busy", "503 Too many sessions", ErrBusy, "Too many sessions", 0, 0},
		{"starting", again("The card is starting"), ErrNotReady, "The card is starting", 0, 0},
		{"timed out", again("Session timed out"), ErrNotReady, "Session timed out", 0, 0},
		{"invalid session", again("Invalid session. Enter the user name and the password."), ErrRefused, "Invalid session",
			3 * time.Minute, untilRestart},

		{"403 without a word", "403 ", ErrRefused, "perhaps because of a wrong user name or password", 3 * time.Minute, 3 * time.Minute},
		{"401 without a word", "401 ", ErrRefused, "perhaps because of a wrong user name or password", 3 * time.Minute, 3 * time.Minute},
		{"403 for another reason", "403 Not from this address", ErrRefused, "Not from this address", 3 * time.Minute,
			3 * time.Minute},
		{"either", "403 Invalid password, or maximum sessions reached", ErrRefused, "or maximum sessions", 3 * time.Minute,
			3 * time.Minute},
		{"form again without a word", again(""), ErrRefused, "log-in page again", 3 * time.Minute, untilRestart},
		{"redirect back", "-> /", ErrRefused, "log-in page again", 3 * time.Minute, untilRestart},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var posts atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					fmt.Fprint(w, strings.TrimPrefix(again(""), "200 "))
					return
				}
				posts.Add(1)
				first, text, _ := strings.Cut(tt.answer, " ")
				if first == "->" {
					http.Redirect(w, r, text, http.StatusSeeOther)
					return
				}
				var status int
				fmt.Sscan(first, &status)
				w.WriteHeader(status)
				fmt.Fprint(w, text)
			}))
			defer srv.Close()
			c := Client{URL: srv.URL, User: "apc", Password: "pa/ss", Memory: new(Memory)}
			with := credentials{c.URL, c.User, c.Password}
			for n, remembered := range []time.Duration{tt.remembered, tt.second} {
				posts.Store(0)
				err := c.FindPeak(t.Context(), 1)
				if !errors.Is(err, tt.err) || n == 0 && !strings.Contains(err.Error(), tt.said) {
					isRefusedTwice := n == 1 && errors.Is(err, ErrPassword)
					if !isRefusedTwice {
						t.Errorf("visit %d: got %v, want %v with %q", n, err, tt.err, tt.said)
					}
				}
				if got := posts.Load(); got > 1 || got == 0 && n == 0 {
					t.Errorf("visit %d: %d log-ins", n, got)
				}
				now := time.Now()
				within, after := now.Add(remembered-10*time.Second), now.Add(remembered+time.Second)
				if remembered > 0 && c.Memory.refusal(with, within) == nil {
					t.Errorf("visit %d: forgotten too early", n)
				}
				if remembered < untilRestart && c.Memory.refusal(with, after) != nil {
					t.Errorf("visit %d: remembered for too long", n)
				}
				if r := c.Memory.refused[with]; !r.until.IsZero() { // the next visit is later
					r.until = now
					c.Memory.refused[with] = r
				}
			}
		})
	}
}

// TestRefusalForgotten checks that a log-in that succeeded ends a row of
// refusals.
func TestRefusalForgotten(t *testing.T) {
	var m Memory
	c := credentials{"http://c", "apc", "pw"}
	now := time.Now()
	m.refuse(c, errLedBack, now)
	if err := m.refusal(c, now); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	m.accept(c)
	m.refuse(c, errLedBack, now)
	if err := m.refusal(c, now.Add(refusalTime)); err != nil {
		t.Errorf("got %v", err)
	}
	m.refuse(c, errLedBack, now)
	if err := m.refusal(c, now.Add(refusalTime)); !errors.Is(err, ErrPassword) {
		t.Errorf("got %v", err)
	}
}

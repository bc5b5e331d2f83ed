package nmc

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// sessionTimeout is how long a card keeps a session that was not ended.
const sessionTimeout = 3 * time.Minute

// refusalTime is how long to wait before trying a refused password again, if the
// card did not say that it is wrong.
const refusalTime = 3 * time.Minute

// A Memory remembers what matters after a visit: passwords that cards refused,
// because they lock an account after a few failed attempts, and sessions that
// may still be open. The zero value is ready for use, also by several
// goroutines.
type Memory struct {
	mu      sync.Mutex // guards the fields below
	refused map[credentials]refusal
	open    map[string]time.Time // by URL: when the session should have ended
}

// credentials are what a client logs in with.
type credentials struct{ url, user, password string }

// A refusal is a log-in that a card refused.
type refusal struct {
	err   error
	until time.Time // when the log-in may be tried again; zero means never
}

// errLedBack is the ErrRefused of a card that shows its log-in page again, as
// many do if the password is wrong.
var errLedBack = fmt.Errorf("%w: it shows its log-in page again, as after a wrong user name or password", ErrRefused)

// refuse remembers that a card refused credentials with an error: for good if it
// says that they are wrong, or if it led back to its log-in page twice in a row.
func (m *Memory) refuse(c credentials, err error, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(err, errLedBack) && errors.Is(m.refused[c].err, errLedBack) {
		err = fmt.Errorf("%w: twice, %w", ErrPassword, err)
	}
	r := refusal{err: err}
	if !errors.Is(err, ErrPassword) {
		r.until = now.Add(refusalTime)
	}
	if m.refused == nil {
		m.refused = make(map[credentials]refusal)
	}
	m.refused[c] = r
}

// accept remembers that a card accepted credentials.
func (m *Memory) accept(c credentials) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.refused, c)
}

// refusal returns the error with which a card refused credentials before, or nil
// if they may be tried.
func (m *Memory) refusal(c credentials, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.refused[c]
	if !r.until.IsZero() && !now.Before(r.until) {
		return nil
	}
	return r.err
}

// leaveOpen remembers that a session may still be open.
func (m *Memory) leaveOpen(url string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == nil {
		m.open = make(map[string]time.Time)
	}
	m.open[url] = at
}

// forgetSession says that a session is known to have ended.
func (m *Memory) forgetSession(url string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, url)
}

// openSession returns how long ago a session that may still be open should have
// ended. ok is false if there is none.
func (m *Memory) openSession(url string, now time.Time) (ago time.Duration, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.open[url]
	ago = now.Sub(at)
	return ago, ok && ago < sessionTimeout
}

package nmc

import (
	"sync"
	"time"
)

// sessionTimeout is how long a card keeps a session that was not ended.
const sessionTimeout = 3 * time.Minute

// A Memory remembers what matters after a visit: passwords that cards refused,
// because they lock an account after a few failed attempts, and sessions that
// may still be open. The zero value is ready for use, also by several
// goroutines.
type Memory struct {
	mu      sync.Mutex // guards the fields below
	refused map[credentials]bool
	open    map[string]time.Time // by URL: when the session should have ended
}

// credentials are what a client logs in with.
type credentials struct{ url, user, password string }

// refuse remembers that a card refused credentials.
func (m *Memory) refuse(c credentials) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused == nil {
		m.refused = make(map[credentials]bool)
	}
	m.refused[c] = true
}

// hasRefused reports whether a card refused credentials before.
func (m *Memory) hasRefused(c credentials) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refused[c]
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

package nmc

import "sync"

// Refusals remember the passwords that cards refused: a card locks an account
// after a few failed attempts. The zero value is ready for use, also by several
// goroutines.
type Refusals struct {
	mu      sync.Mutex // guards refused
	refused map[credentials]bool
}

// credentials are what a client logs in with.
type credentials struct{ url, user, password string }

// add remembers that a card refused the credentials.
func (r *Refusals) add(c credentials) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused == nil {
		r.refused = make(map[credentials]bool)
	}
	r.refused[c] = true
}

// has reports whether a card refused the credentials before.
func (r *Refusals) has(c credentials) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused[c]
}

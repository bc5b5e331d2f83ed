package nmc

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
)

// Pins remember the first certificate of each card. The certificates of cards
// are self-signed, so only a change can be noticed. The zero value is ready for
// use, also by several goroutines.
type Pins struct {
	mu    sync.Mutex // guards cards
	cards map[string][sha256.Size]byte
}

// check pins the certificate of a card, or compares it with the pinned one.
func (p *Pins) check(host string, state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the card has no certificate")
	}
	pin := sha256.Sum256(state.PeerCertificates[0].Raw)

	p.mu.Lock()
	defer p.mu.Unlock()
	old, ok := p.cards[host]
	if !ok {
		if p.cards == nil {
			p.cards = make(map[string][sha256.Size]byte)
		}
		p.cards[host] = pin
		return nil
	}
	if old != pin {
		return fmt.Errorf("%w since this program started", ErrCertificate)
	}
	return nil
}

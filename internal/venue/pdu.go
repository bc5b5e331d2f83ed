// Package venue imitates what iscbot meets at a competition: rack PDUs that answer SNMP and serve web pages, and a
// Telegram Bot API. Everything listens on loopback with real sockets. The simulators have the good and the bad
// manners of the real things; they serve the tests and the demo, and the product knows nothing of them.
package venue

import (
	"sync"
	"time"
)

// A PDU is one simulated rack PDU: the state that its SNMP agent and its web interface share.
type PDU struct {
	Num  int    // last number of its address
	Name string // as the PDU list has it

	mu      sync.Mutex // guards what follows
	watts   int        // present power in W, a multiple of 10
	peak    int        // peak power register in W
	peakAt  time.Time
	resetAt time.Time // when the peak register was last reset
	booted  time.Time
	energy  int // hundredths of kWh; only a reset by mistake changes it
	resets  int // of the peak
	manners Manners
	asked   int // SNMP requests that came in
}

// State is a copy of a PDU's registers. Powers are in W.
type State struct {
	Watts, Peak     int
	PeakAt, ResetAt time.Time
	Resets          int // resets of the peak so far
	Energy          int // hundredths of kWh
}

// NewPDU returns a PDU that draws and has peaked at the given power.
func NewPDU(num int, name string, watts int) *PDU {
	now := time.Now().Truncate(time.Second)
	return &PDU{Num: num, Name: name, watts: watts, peak: watts, peakAt: now, resetAt: now, booted: now, energy: 35128}
}

// Draw sets the power that the PDU delivers, in W. The peak register follows it upwards.
func (p *PDU) Draw(watts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watts = watts
	if watts > p.peak {
		p.peak, p.peakAt = watts, time.Now()
	}
}

// Spike lets the PDU draw watts for an instant between two readings: only the peak register sees it.
func (p *PDU) Spike(watts int) {
	p.mu.Lock()
	now := p.watts
	p.mu.Unlock()
	p.Draw(watts)
	p.Draw(now)
}

// SetPeak puts a peak register as it stood before the test began.
func (p *PDU) SetPeak(watts int, at, reset time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peak, p.peakAt, p.resetAt = watts, at, reset
}

// ResetPeak sets the peak register to the present load, as the device does, and notes when.
func (p *PDU) ResetPeak() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !now.Truncate(time.Second).After(p.resetAt) { // the register has whole seconds, and a reset moves it
		now = p.resetAt.Add(time.Second)
	}
	p.peak, p.peakAt, p.resetAt = p.watts, now, now.Truncate(time.Second)
	p.resets++
}

// ResetEnergy clears the energy meter, which nobody may do by way of the bot.
func (p *PDU) ResetEnergy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.energy = 0
}

// State returns a copy of the registers.
func (p *PDU) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return State{p.watts, p.peak, p.peakAt, p.resetAt, p.resets, p.energy}
}

// Restart restarts the card: its uptime begins anew, its registers stay.
func (p *PDU) Restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.booted = time.Now()
}

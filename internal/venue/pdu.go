// Package venue simulates what iscbot meets at a competition: rack PDUs that
// answer SNMP and serve web pages, and Telegram's Bot API. The tests and the demo
// use it. Everything listens on loopback with real sockets, behaves as the real
// thing does, and can be given the faults of the real thing.
//
//	pdu.go          a PDU's registers, the units chained to it, and the demo's load
//	agent.go        the SNMP agent of a PDU's card
//	mib.go          the objects that it has
//	agentfaults.go  its faults
//	web.go          the web interface of a PDU's card: sessions and posted forms
//	webfaults.go    its faults
//	webpages.go     its pages
//	webforms.go     the forms on them, and what a browser sends of a form
//	generations.go  how the pages differ by firmware; a new generation goes here
//	api.go          the Bot API: NewAPI
//	apicalls.go     its methods, as the bot calls them
//	apiparams.go    the parameters of a call, and its answer
//	apihtml.go      formatted text
//	apistate.go     what is behind it: people, chats, topics, messages, updates
//	apifaults.go    its faults
//	apinet.go       the connections to it
//	terminal.go     a chat with the bot in a terminal
package venue

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// dateTime is how a card writes times, which are local.
const dateTime = "01/02/2006 15:04:05"

// A PDU is one simulated rack PDU: the state that its SNMP agent and its web
// interface share.
type PDU struct {
	Num  int    // last number of its address
	Name string // as the PDU list has it

	agentState

	mu     sync.Mutex // guards what follows
	state  State
	old    *State // before the last reset, until the next request
	booted time.Time
	chain  []*PDU
}

// State is a copy of a PDU's registers. Powers are in W.
type State struct {
	Watts, Peak     int
	PeakAt, ResetAt time.Time
	Resets          int // resets of the peak so far
	Energy          int // hundredths of kWh; only a reset by mistake changes it
}

// NewPDU returns a PDU that draws and has peaked at the given power.
func NewPDU(num int, name string, watts int) *PDU {
	now := time.Now().Truncate(time.Second)
	return &PDU{Num: num, Name: name, booted: now, agentState: agentState{inFlight: map[uint32]int{}},
		state: State{Watts: watts, Peak: watts, PeakAt: now, ResetAt: now, Energy: 35128}}
}

// Chain puts up to three more units behind p's card. They are the rows 2 to 4 of
// its tables, and have no cards of their own.
func (p *PDU) Chain(units ...*PDU) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chain = units
}

// Units returns p and the units behind its card.
func (p *PDU) Units() []*PDU {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Concat([]*PDU{p}, p.chain)
}

// Draw sets the power that the PDU delivers, in W. The peak register follows it
// upwards.
func (p *PDU) Draw(watts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draw(watts)
}

// Spike makes the PDU draw watts for an instant between two readings, so that
// only the peak register shows it.
func (p *PDU) Spike(watts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	present := p.state.Watts
	p.draw(watts)
	p.draw(present)
}

func (p *PDU) draw(watts int) {
	p.state.Watts = watts
	if watts > p.state.Peak {
		p.state.Peak, p.state.PeakAt = watts, time.Now()
	}
}

// SetPeak sets the peak register and its times.
func (p *PDU) SetPeak(watts int, at, reset time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Peak, p.state.PeakAt, p.state.ResetAt = watts, at, reset
}

// ResetPeak sets the peak register to the present load, as the device does, and
// its start time.
func (p *PDU) ResetPeak() {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.state
	now := time.Now()
	if !now.Truncate(time.Second).After(old.ResetAt) { // the start time has whole seconds, and a reset changes it
		now = old.ResetAt.Add(time.Second)
	}
	p.old = &old
	p.state.Peak, p.state.PeakAt, p.state.ResetAt = old.Watts, now, now.Truncate(time.Second)
	p.state.Resets++
}

// ResetEnergy clears the energy meter, which the bot must never do.
func (p *PDU) ResetEnergy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Energy = 0
}

// State returns a copy of the registers.
func (p *PDU) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// read returns the registers as a request sees them. With some faults, the first
// request after a reset sees only half of it.
func (p *PDU) read(f AgentFaults) State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, old := p.state, p.old
	p.old = nil
	switch {
	case old == nil:
	case f.StartFirst:
		s.Peak, s.PeakAt = old.Peak, old.PeakAt
	case f.PeakFirst:
		s.ResetAt = old.ResetAt
	}
	return s
}

// Restart restarts the card: its uptime starts at 0, and its registers stay.
func (p *PDU) Restart() { p.SetUptime(0) }

// SetUptime sets sysUpTime, in hundredths of a second. It runs on from there, and
// wraps after 497 days.
func (p *PDU) SetUptime(ticks uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.booted = time.Now().Add(-time.Duration(ticks) * 10 * time.Millisecond)
}

func (p *PDU) uptime() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return uint32(time.Since(p.booted) / (10 * time.Millisecond))
}

// Play makes the PDUs draw varying power below limit, in W, until ctx ends. Every
// twenty seconds the next one exceeds it for six.
func Play(ctx context.Context, pdus []*PDU, limit int) {
	const step, round, over = 500 * time.Millisecond, 40, 12 // steps
	tick := time.NewTicker(step)
	defer tick.Stop()
	for n := 0; ; n++ {
		for i, p := range pdus {
			share := 60 + 5*(i*7%6) // per cent of the limit
			if at := n % round; n/round%len(pdus) == i && at >= round/4 && at < round/4+over {
				share = 106
			}
			p.Draw((limit*share/100 + rand.IntN(limit/50+1)) / 10 * 10)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

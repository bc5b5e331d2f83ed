package venue

import (
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"
)

// AgentFaults are what is wrong with a card's SNMP agent. The zero value is a
// good agent.
type AgentFaults struct {
	OnlyV1     bool           // ignores SNMPv2c
	Old        bool           // has no rPDU2 status, only the power object of older models
	NoPeak     bool           // has no peak objects
	PowerType  gosnmp.Asn1BER // of powers; 0 means INTEGER
	StartFirst bool           // the first request after a reset gets the new start time and the old peak
	PeakFirst  bool           // the first request after a reset gets the new peak and the old start time

	Mute   bool          // answers nothing
	Strays int           // with Mute: answers this many requests all the same
	Lose   int           // loses every Lose-th answer
	Twice  bool          // sends each answer twice
	Delay  time.Duration // that each answer takes, one after the other

	// Falsify changes each answer before it is sent.
	Falsify func(*gosnmp.SnmpPacket)
	// First returns a datagram to send before the answer, even if Mute, or nil.
	First func(request, answer []byte) []byte
}

// datagrams returns what is sent for the n-th request.
func (f AgentFaults) datagrams(n int, request, answer []byte) (list [][]byte) {
	if f.First != nil {
		if d := f.First(request, answer); d != nil {
			list = append(list, d)
		}
	}
	isLost := f.Lose > 0 && n%f.Lose == 0
	if !f.Mute && !isLost {
		list = append(list, answer)
		if f.Twice {
			list = append(list, answer)
		}
	}
	return list
}

// Datagrams for [Datagram] that make gosnmp 1.47.0 panic: the length of a
// variable binding is near the greatest int of 64 and of 32 bits.
const (
	Overflow64 = "301c0201010400a215020100020100020100300a30887ffffffffffffff5"
	Overflow32 = "30180201010400a211020100020100020100300630847ffffff9"
)

// Datagram returns a function for [AgentFaults.First] that sends bytes given in
// hexadecimal. With Mute, they replace the answer.
func Datagram(digits string) func(request, answer []byte) []byte {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic("venue: datagram: " + err.Error())
	}
	return func(_, _ []byte) []byte { return b }
}

// RefuseSeveral returns a function for [AgentFaults.Falsify] that refuses requests
// for several objects with an error status. Each object alone is answered.
func RefuseSeveral(status gosnmp.SNMPError) func(*gosnmp.SnmpPacket) {
	return func(a *gosnmp.SnmpPacket) {
		if len(a.Variables) > 1 {
			a.Error, a.ErrorIndex = status, 1
			withoutValues(a)
		}
	}
}

// NoMeter is for [AgentFaults.Falsify]: it answers as a model without a power
// meter does, such as the AP7900B.
func NoMeter(a *gosnmp.SnmpPacket) {
	for i := range a.Variables {
		switch v := &a.Variables[i]; v.Type {
		case gosnmp.Integer:
			v.Value = -1
		case gosnmp.OctetString:
			v.Value = "notsupported "
		}
	}
}

// withoutValues replaces all values by Null, as in answers with an error.
func withoutValues(a *gosnmp.SnmpPacket) {
	for i := range a.Variables {
		a.Variables[i].Type, a.Variables[i].Value = gosnmp.Null, nil
	}
}

// swapVersion gives an answer the version in which the request was not sent.
func swapVersion(a *gosnmp.SnmpPacket) {
	if a.Version == gosnmp.Version1 {
		a.Version = gosnmp.Version2c
	} else {
		a.Version = gosnmp.Version1
	}
}

// WrongAnswers returns functions for [AgentFaults.Falsify], by what they do. A
// client must not take the answers for values.
func WrongAnswers() map[string]func(*gosnmp.SnmpPacket) {
	return map[string]func(*gosnmp.SnmpPacket){
		"another community":  func(a *gosnmp.SnmpPacket) { a.Community = "private" },
		"another version":    swapVersion,
		"request id 0":       func(a *gosnmp.SnmpPacket) { a.RequestID = 0 },
		"stale request id":   func(a *gosnmp.SnmpPacket) { a.RequestID -= 1000 },
		"no variables":       func(a *gosnmp.SnmpPacket) { a.Variables = nil },
		"a variable missing": func(a *gosnmp.SnmpPacket) { a.Variables = a.Variables[:len(a.Variables)-1] },
		"other OIDs":         func(a *gosnmp.SnmpPacket) { a.Variables[0].Name += ".7" },
		"OIDs swapped":       func(a *gosnmp.SnmpPacket) { v := a.Variables; v[0], v[1] = v[1], v[0] },
		"genErr":             func(a *gosnmp.SnmpPacket) { a.Error, a.ErrorIndex = gosnmp.GenErr, 1 },
		"a report":           func(a *gosnmp.SnmpPacket) { a.PDUType = gosnmp.Report },
		"the request echoed": func(a *gosnmp.SnmpPacket) { a.PDUType = gosnmp.GetRequest },
		"noSuchInstance":     func(a *gosnmp.SnmpPacket) { setPower(a, gosnmp.NoSuchInstance, nil) },
		"text for a number":  func(a *gosnmp.SnmpPacket) { setPower(a, gosnmp.OctetString, "241") },
		"a power too high":   func(a *gosnmp.SnmpPacket) { setPower(a, gosnmp.Integer, 2147483647) },
		"a negative power":   func(a *gosnmp.SnmpPacket) { setPower(a, gosnmp.Integer, -241) },
	}
}

// setPower replaces the powers in an answer, and leaves the peaks.
func setPower(a *gosnmp.SnmpPacket, t gosnmp.Asn1BER, value any) {
	for i := range a.Variables {
		v := &a.Variables[i]
		if strings.HasPrefix(v.Name, statusEntry+"5.") || v.Name == oldPower {
			v.Type, v.Value = t, value
		}
	}
}

// An agentState has the faults of a card's SNMP agent, and counts its requests.
type agentState struct {
	mu          sync.Mutex // guards what follows
	faults      AgentFaults
	asked       int
	inFlight    map[uint32]int // copies of each request, by request ID
	maxInFlight int
}

// SetFaults sets the faults of the PDU's agent, from the next request on.
func (s *agentState) SetFaults(f AgentFaults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Asked returns the number of SNMP requests received.
func (s *agentState) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// MaxInFlight returns the highest number of SNMP requests in flight at once. A
// request is in flight until its answer is sent, so this needs a Delay to be
// meaningful. A request that is sent again counts once.
func (s *agentState) MaxInFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maxInFlight
}

// begin counts a request, and returns its number and the faults that it meets.
func (s *agentState) begin(id uint32) (n int, f AgentFaults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.inFlight[id]++
	s.maxInFlight = max(s.maxInFlight, len(s.inFlight))

	f = s.faults
	if f.Mute && f.Strays > 0 {
		s.faults.Strays--
		f.Mute = false
	}
	return s.asked, f
}

// end ends a request that begin counted.
func (s *agentState) end(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight[id]--; s.inFlight[id] == 0 {
		delete(s.inFlight, id)
	}
}

package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"iscbot/internal/venue"
)

// simulate starts the SNMP agent of a PDU that draws and has peaked at watts.
func simulate(t testing.TB, num int, name string, watts int) (*venue.PDU, pdu) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := venue.NewPDU(num, name, watts)
	t.Cleanup(venue.ServeSNMP(p, "public", conn).Close)
	return p, pdu{num: num, unit: 1, name: name, team: name, snmp: conn.LocalAddr().String()}
}

// openSession starts a session with the card of a PDU. Without units, only the
// first one is wanted.
func openSession(t testing.TB, p pdu, interval time.Duration, units ...int) *session {
	t.Helper()
	if units == nil {
		units = []int{1}
	}
	cfg := snmpConfig{community: "public", write: newSecret(venue.WriteCommunity), interval: interval}
	s := newSession(p.snmp, units, cfg)
	if interval == unhurried {
		s.timeout = patient
	}
	t.Cleanup(s.close)
	return s
}

const (
	// soon is the interval of sessions whose requests time out in a test, and
	// unhurried that of those that get answers, even on a busy machine.
	soon      = 100 * time.Millisecond
	unhurried = 20 * time.Second
	// patient is the time for each of their attempts.
	patient = 10 * time.Second
)

// wantReading reads the first unit and reports what differs.
func wantReading(t testing.TB, s *session, watts, peak int) {
	t.Helper()
	r, err := s.read(t.Context(), 1)
	if err != nil || r.watts != watts || r.peak != peak {
		t.Errorf("got %d W, peak %d W, %v; want %d W, peak %d W", r.watts, r.peak, err, watts, peak)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	peakAt := time.Date(2026, 6, 15, 10, 32, 7, 0, time.UTC)
	resetAt := peakAt.Add(-time.Hour)
	sim.SetPeak(2800, peakAt, resetAt)
	s := openSession(t, p, unhurried)

	before := time.Now()
	r, err := s.read(t.Context(), 1)
	rightTimes := r.peakAt.Equal(peakAt) && r.resetAt.Equal(resetAt) && r.uptime >= 0
	if err != nil || r.watts != 2410 || r.peak != 2800 || !rightTimes {
		t.Errorf("got %+v, %v", r, err)
	}
	if r.asked.Before(before) || r.at.Before(r.asked) {
		t.Errorf("asked at %v, answered at %v", r.asked, r.at)
	}
	if n := sim.Asked(); n != 1 {
		t.Errorf("%d requests for one reading", n)
	}
}

// TestWrongAnswers covers what gosnmp lets pass: it is no value, and the
// session goes on after it.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	for name, falsify := range venue.WrongAnswers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, p := simulate(t, 101, "A", 2410)
			s := openSession(t, p, soon)
			sim.SetFaults(venue.AgentFaults{Falsify: falsify})
			if r, err := s.read(t.Context(), 1); err == nil {
				t.Errorf("got %+v", r)
			}
			sim.SetFaults(venue.AgentFaults{})
			s.timeout = patient
			wantReading(t, s, 2410, 2410)
		})
	}
}

// reworked returns faults that send a changed copy of each answer ahead of it.
func reworked(t *testing.T, change func(*gosnmp.SnmpPacket)) venue.AgentFaults {
	return venue.AgentFaults{First: func(_, answer []byte) []byte {
		codec := &gosnmp.GoSNMP{}
		packet, err := codec.SnmpDecodePacket(answer)
		if err != nil {
			t.Error(err)
		}
		packet.Variables[1].Value = 999
		change(packet)
		out, err := packet.MarshalMsg()
		if err != nil {
			t.Error(err)
		}
		return out
	}}
}

// TestStrayAnswers covers wrong answers ahead of the right one: they do not
// hide it. Where nothing else comes, what is unrelated is no answer.
func TestStrayAnswers(t *testing.T) {
	t.Parallel()
	first := func(f func(request, answer []byte) []byte) venue.AgentFaults { return venue.AgentFaults{First: f} }
	tests := map[string]struct {
		faults venue.AgentFaults
		alone  error // where the right answer is lost
	}{
		"stale":             {reworked(t, func(p *gosnmp.SnmpPacket) { p.RequestID -= 7 }), errNoAnswer},
		"request id 0":      {reworked(t, func(p *gosnmp.SnmpPacket) { p.RequestID = 0 }), errNoAnswer},
		"another community": {reworked(t, func(p *gosnmp.SnmpPacket) { p.Community = "x" }), errWrong},
		"stale, of another community": {reworked(t, func(p *gosnmp.SnmpPacket) {
			p.Community, p.RequestID = "x", p.RequestID-7
		}), errNoAnswer},
		"the request": {first(func(request, _ []byte) []byte { return request }), errWrong},
		"garbage":     {first(func(_, _ []byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n") }), errWrong},
		"half of it":  {first(func(_, answer []byte) []byte { return answer[:len(answer)/2] }), errWrong},
		"nothing":     {first(func(_, _ []byte) []byte { return []byte{} }), errWrong},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, p := simulate(t, 101, "A", 2410)
			sim.SetFaults(tt.faults)
			wantReading(t, openSession(t, p, unhurried), 2410, 2410)

			tt.faults.Mute = true
			sim.SetFaults(tt.faults)
			s := openSession(t, p, soon)
			_, err := s.read(t.Context(), 1)
			for range 20 { // on a busy machine, nothing may come in time
				if tt.alone != errNoAnswer && errors.Is(err, errNoAnswer) {
					_, err = s.read(t.Context(), 1)
				}
			}
			if !errors.Is(err, tt.alone) {
				t.Errorf("alone: got %v, want %v", err, tt.alone)
			}
		})
	}
}

// TestPanickingDatagram covers datagrams that make gosnmp panic: they end no
// exchange, and the right answer behind them is taken.
func TestPanickingDatagram(t *testing.T) {
	for _, digits := range []string{venue.Overflow64, venue.Overflow32} {
		sim, p := simulate(t, 101, "A", 2410)
		sim.SetFaults(venue.AgentFaults{First: venue.Datagram(digits)})
		s := openSession(t, p, unhurried)
		log := loggedBy(func() {
			wantReading(t, s, 2410, 2410)
			wantReading(t, s, 2410, 2410)
			sim.SetFaults(venue.AgentFaults{First: venue.Datagram(digits), Mute: true})
			s.timeout = 20 * time.Millisecond
			if _, err := s.read(t.Context(), 1); !errors.Is(err, errWrong) {
				t.Errorf("got %v", err)
			}
		})
		if n := strings.Count(log, "internal error"); n > 1 {
			t.Errorf("logged %d times", n)
		}
	}
}

// panickingReport answers a request with a Report of SNMP v3 whose lengths make
// gosnmp panic while the client learns of the card's engine.
func panickingReport(request []byte) []byte {
	tlv := func(tag byte, content ...string) string {
		s := strings.Join(content, "")
		return string([]byte{tag, byte(len(s))}) + s
	}
	bindings := "\x30\x0a\x30\x88\x7f\xff\xff\xff\xff\xff\xff\xf5"
	if strconv.IntSize == 32 {
		bindings = "\x30\x06\x30\x84\x7f\xff\xff\xf9"
	}
	id, _ := v3MessageID(request)
	zero := tlv(0x02, "\x00")
	security := tlv(0x30, tlv(0x04, "engine"), zero, zero, tlv(0x04), tlv(0x04), tlv(0x04))
	return []byte(tlv(0x30, tlv(0x02, "\x03"),
		tlv(0x30, tlv(0x02, string(binary.BigEndian.AppendUint32(nil, uint32(id)))), tlv(0x02, "\x04\x00"), tlv(0x04, "\x00"), tlv(0x02, "\x03")),
		tlv(0x04, security),
		tlv(0x30, tlv(0x04, "engine"), tlv(0x04), tlv(0xa8, zero, zero, zero, bindings))))
}

// TestPanickingReport covers the same for SNMP v3.
func TestPanickingReport(t *testing.T) {
	addr, asked := answerAlways(t, panickingReport)
	s := newSession(addr, []int{1}, snmpConfig{interval: unhurried, v3: v3Config{
		user: "apc", auth: gosnmp.SHA, priv: gosnmp.AES, authPass: newSecret("authentic0"), privPass: newSecret("private000"),
	}})
	defer s.close()
	log := loggedBy(func() {
		for range 3 {
			if _, err := s.read(t.Context(), 1); !errors.Is(err, errWrong) {
				t.Errorf("got %v", err)
			}
		}
	})
	if n := strings.Count(log, "internal error"); n != 1 || !strings.Contains(log, "gosnmp") {
		t.Errorf("the panic was logged %d times, want once with its stack:\n%s", n, log)
	}
	if n := asked(); n != 6 {
		t.Errorf("%d requests for 3 readings, want two attempts each", n)
	}
}

// answerAlways starts an agent that sends an answer to each request. asked returns
// how many came.
func answerAlways(t *testing.T, answer func(request []byte) []byte) (addr string, asked func() int) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var mu sync.Mutex // guards n
	n := 0
	go func() {
		buf := make([]byte, 2048)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			mu.Lock()
			n++
			mu.Unlock()
			conn.WriteTo(answer(buf[:size]), from)
		}
	}()
	return conn.LocalAddr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	s := openSession(t, p, time.Second)
	sim.SetFaults(venue.AgentFaults{Lose: 2})
	for range 4 {
		wantReading(t, s, 2410, 2410)
	}

	sim.SetFaults(venue.AgentFaults{Mute: true})
	s.timeout = 20 * time.Millisecond
	for range 4 { // the session makes a new connection on the way
		if _, err := s.read(t.Context(), 1); err == nil || err.Error() != "no answer" {
			t.Errorf("got %v", err)
		}
	}

	// Later than the first attempt waits: its answer still counts. Perhaps the
	// other version is tried first.
	sim.SetFaults(venue.AgentFaults{Delay: 100 * time.Millisecond})
	s.timeout = 80 * time.Millisecond
	s.read(t.Context(), 1)
	s.timeout = patient
	wantReading(t, s, 2410, 2410)
}

// TestLateAnswers covers a card that answers later than a reading may take. It
// is told apart from a dead one, its community is not blamed, and it is not
// asked with the other version because of that.
func TestLateAnswers(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]gosnmp.SnmpVersion{"v2c": gosnmp.Version2c, "v1": gosnmp.Version1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			late := ""
			for attempt := 0; late == "" && attempt < 20; attempt++ {
				late = readLate(t, version)
			}
			if !strings.Contains(late, "answers too late for -interval 20s") {
				t.Errorf("got %q, want that it answers too late", late)
			}
		})
	}
}

// readLate reads a card whose answers come late, and returns the error. It returns ""
// if no answer was seen to be late: on a busy machine, answers may also be in time, or
// too late to be seen.
func readLate(t *testing.T, version gosnmp.SnmpVersion) (late string) {
	t.Helper()
	sim, p := simulate(t, 101, "A", 2410)
	s := openSession(t, p, unhurried)
	s.plain.versions.version = version
	wantReading(t, s, 2410, 2410)

	sim.SetFaults(venue.AgentFaults{Delay: 90 * time.Millisecond, Twice: true})
	s.timeout = 35 * time.Millisecond // for each of two attempts
	for range 4 {
		_, err := s.read(t.Context(), 1)
		if err != nil && !errors.Is(err, errNoAnswer) {
			t.Errorf("got %v", err)
		}
		if errors.Is(err, errLate) {
			late = err.Error()
		}
	}
	if v := s.plain.versions.version; late != "" && v != version {
		t.Errorf("then asked with %v", v)
	}
	return late
}

// TestLateFirstAnswers covers a slow card that answers only one version: the
// late answers tell which.
func TestLateFirstAnswers(t *testing.T) {
	for _, version := range []gosnmp.SnmpVersion{gosnmp.Version1, gosnmp.Version2c} {
		request, _ := requestAndAnswer(t)
		client := newPlainClient(new(panicGuard))
		client.versions.noteAnswer(gosnmp.Version1)
		client.timedOut = []uint32{request.RequestID - 1}

		late := request
		late.PDUType, late.Version, late.RequestID = gosnmp.GetResponse, version, request.RequestID-1
		datagram, err := late.MarshalMsg()
		if err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		go func() {
			there.Write(datagram)
			here.SetReadDeadline(time.Unix(1, 0))
		}()
		wrong := errNoAnswer
		if answer, err := client.receive(here, request, &wrong); answer != nil || err != nil || !errors.Is(wrong, errLate) {
			t.Errorf("got %v, %v, %v", answer, err, wrong)
		}
		if client.versions.version != version {
			t.Errorf("a late answer of %v: then asked with %v", version, client.versions.version)
		}
	}
}

// TestDuplicateAnswers covers answers that come twice: the second is none to
// the next request.
func TestDuplicateAnswers(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	s := openSession(t, p, unhurried)
	sim.SetFaults(venue.AgentFaults{Twice: true})
	for watts := 2420; watts < 2500; watts += 10 {
		sim.Draw(watts)
		wantReading(t, s, watts, watts)
	}
	sim.SetFaults(venue.AgentFaults{Mute: true})
	s.timeout = 20 * time.Millisecond
	if _, err := s.read(t.Context(), 1); err == nil || err.Error() != "no answer" {
		t.Errorf("got %v", err)
	}
}

// TestErrorStatus covers cards that refuse several objects together although
// each object alone is answered, or have no peak: they are asked for less, which
// is remembered, and for everything again from time to time.
func TestErrorStatus(t *testing.T) {
	t.Parallel()
	faults := map[string]venue.AgentFaults{
		"genErr":                 {Falsify: venue.RefuseSeveral(gosnmp.GenErr)},
		"tooBig":                 {Falsify: venue.RefuseSeveral(gosnmp.TooBig)},
		"noAccess":               {Falsify: venue.RefuseSeveral(gosnmp.NoAccess)},
		"resourceUnavailable":    {Falsify: venue.RefuseSeveral(gosnmp.ResourceUnavailable)},
		"noSuchName":             {Falsify: venue.RefuseSeveral(gosnmp.NoSuchName)},
		"an unknown status":      {Falsify: venue.RefuseSeveral(gosnmp.SNMPError(77))},
		"the old object only":    {Old: true},
		"v1, no peak":            {OnlyV1: true, NoPeak: true},
		"v1, the old object":     {OnlyV1: true, Old: true},
		"no peak, and no status": {NoPeak: true},
	}
	for name, m := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, p := simulate(t, 101, "A", 2410)
			s := openSession(t, p, unhurried)
			readings := 4 * fullEvery
			if m.OnlyV1 { // each trial of the full query waits for an answer to v2c
				s.plain.versions.noteAnswer(gosnmp.Version1)
				s.timeout = 3 * time.Second
				readings = 2
			}
			sim.SetFaults(m)
			for range 3 {
				wantReading(t, s, 2410, -1)
			}

			asked := sim.Asked()
			for range readings {
				wantReading(t, s, 2410, -1)
			}
			if n, most := sim.Asked()-asked, readings+24; n > most {
				t.Errorf("%d requests for %d readings, want at most %d", n, readings, most)
			}

			sim.SetFaults(venue.AgentFaults{OnlyV1: m.OnlyV1})
			var r reading
			for range fullEvery {
				r, _ = s.read(t.Context(), 1)
			}
			if r.peak != 2410 || r.resetAt.IsZero() || r.uptime < 0 {
				t.Errorf("the peak did not come back: got %+v", r)
			}
		})
	}
}

// TestErrorStatusOnce covers one refusal by a busy card: the peak is back with
// the second reading after it.
func TestErrorStatusOnce(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	s := openSession(t, p, unhurried)
	wantReading(t, s, 2410, 2410)
	sim.SetFaults(venue.AgentFaults{Falsify: venue.RefuseSeveral(gosnmp.GenErr)})
	wantReading(t, s, 2410, -1)
	sim.SetFaults(venue.AgentFaults{})
	wantReading(t, s, 2410, 2410)
	wantReading(t, s, 2410, 2410)
}

// TestErrorStatusAlways covers a card that refuses everything.
func TestErrorStatusAlways(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	s := openSession(t, p, unhurried)
	sim.SetFaults(venue.AgentFaults{Falsify: venue.WrongAnswers()["genErr"]})
	for range 3 {
		if _, err := s.read(t.Context(), 1); !errors.Is(err, errErrorStatus) || !strings.Contains(err.Error(), "GenErr") {
			t.Errorf("got %v", err)
		}
	}
	sim.SetFaults(venue.AgentFaults{})
	wantReading(t, s, 2410, 2410)
}

// TestTimeoutKeepsQuery covers time-outs, as a busy machine makes them: they say
// nothing about what a card answers, and do not make the session ask less.
func TestTimeoutKeepsQuery(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	s := openSession(t, p, unhurried)
	wantReading(t, s, 2410, 2410)
	for lost := 1; lost <= 2*maxSilent; lost++ {
		sim.SetFaults(venue.AgentFaults{Mute: true})
		s.timeout = 10 * time.Millisecond
		for range lost {
			s.read(t.Context(), 1)
		}
		sim.SetFaults(venue.AgentFaults{})
		s.timeout = 4 * time.Second
		r, err := s.read(t.Context(), 1)
		if err != nil || r.peak != 2410 || r.resetAt.IsZero() || r.uptime < 0 {
			t.Errorf("after %d readings without an answer: got %+v, %v", lost, r, err)
		}
	}
}

// TestTimeoutKeepsVersion covers a card that was asked with v1 because it was
// busy when it was asked with v2c. A missing object makes it refuse v1, so it is
// asked with v2c again.
func TestTimeoutKeepsVersion(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	s := openSession(t, p, unhurried)
	sim.SetFaults(venue.AgentFaults{NoPeak: true})
	s.plain.versions.noteAnswer(gosnmp.Version1)
	if r, err := s.read(t.Context(), 1); err != nil || r.uptime >= 0 {
		t.Errorf("by v1: got %+v, %v; want the power alone", r, err)
	}
	for range 2 {
		if r, err := s.read(t.Context(), 1); err != nil || r.watts != 2410 || r.uptime < 0 {
			t.Errorf("then got %+v, %v; want the uptime as well", r, err)
		}
	}
}

// TestOnlyV1 covers a card that ignores v2c: it is read by v1, which is
// remembered. A dead one is asked no more often than another.
func TestOnlyV1(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	s := openSession(t, p, soon)
	sim.SetFaults(venue.AgentFaults{OnlyV1: true})
	if _, err := s.read(t.Context(), 1); !errors.Is(err, errNoAnswer) {
		t.Errorf("got %v", err)
	}
	s.timeout = patient
	for range 3 {
		wantReading(t, s, 2410, 2410)
	}

	sim.SetFaults(venue.AgentFaults{Mute: true})
	s.timeout = 10 * time.Millisecond
	asked := sim.Asked()
	for range 6 {
		s.read(t.Context(), 1)
	}
	if n := sim.Asked() - asked; n > 12 {
		t.Errorf("a dead PDU was asked %d times in 6 polls, want two attempts each", n)
	}

	sim.SetFaults(venue.AgentFaults{}) // it was replaced by one that speaks both
	s.timeout = patient
	wantReading(t, s, 2410, 2410)
}

func TestVersionState(t *testing.T) {
	const v1, v2c = gosnmp.Version1, gosnmp.Version2c
	tests := map[string]struct {
		events string // a for an answer, s for silence
		want   gosnmp.SnmpVersion
	}{
		"never asked":                         {"", v2c},
		"silent once":                         {"s", v1},
		"silent twice":                        {"ss", v2c},
		"answered":                            {"a", v2c},
		"answered, then silent once":          {"as", v2c},
		"answered, then silent twice":         {"ass", v2c},
		"answered, then silent thrice":        {"asss", v1},
		"answered in between":                 {"assass", v2c},
		"answered the other":                  {"sa", v1},
		"answered the other, silent twice":    {"sass", v1},
		"answered the other, silent thrice":   {"sasss", v2c},
		"replaced by one that speaks neither": {"assss", v2c},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			state := versionState{version: v2c}
			for _, e := range tt.events {
				if e == 'a' {
					state.noteAnswer(state.version)
				} else {
					state.noteSilence()
				}
			}
			if state.version != tt.want {
				t.Errorf("asked with %v, want %v", state.version, tt.want)
			}
		})
	}
}

func TestNoMeter(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	sim.SetFaults(venue.AgentFaults{Falsify: venue.NoMeter})
	if _, err := openSession(t, p, unhurried).read(t.Context(), 1); !errors.Is(err, errNoMeter) {
		t.Errorf("got %v", err)
	}
}

// TestIntegerTypesRead reads powers of all integer types over the wire.
func TestIntegerTypesRead(t *testing.T) {
	t.Parallel()
	types := []gosnmp.Asn1BER{gosnmp.Integer, gosnmp.Gauge32, gosnmp.Counter32, gosnmp.Uinteger32, gosnmp.Counter64}
	for _, typ := range types {
		sim, p := simulate(t, 101, "A", 2410)
		sim.SetFaults(venue.AgentFaults{PowerType: typ})
		wantReading(t, openSession(t, p, unhurried), 2410, 2410)
	}
}

// TestNobodyThere covers a refused datagram, which ends a poll at once: the
// next one finds the PDU that came meanwhile.
func TestNobodyThere(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := pdu{num: 101, unit: 1, name: "A", team: "A", snmp: conn.LocalAddr().String()}
	conn.Close()
	s := openSession(t, p, unhurried)
	if _, err := s.read(t.Context(), 1); !errors.Is(err, errNoAnswer) || !strings.Contains(err.Error(), "refused") {
		t.Fatalf("got %v", err)
	}
	if conn, err = net.ListenPacket("udp4", p.snmp); err != nil {
		t.Skip("the port was taken meanwhile")
	}
	t.Cleanup(venue.ServeSNMP(venue.NewPDU(101, "A", 700), "public", conn).Close)
	wantReading(t, s, 700, 700)
}

// TestUnits covers chained units: each is a row of the card's tables.
func TestUnits(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 1500)
	second, third := venue.NewPDU(101, "B", 2100), venue.NewPDU(101, "C", 2100)
	sim.Chain(second, third)
	s := openSession(t, p, unhurried, 1, 2, 3, 4)

	for unit, want := range map[int]int{1: 1500, 2: 2100, 3: 2100} {
		r, err := s.read(t.Context(), unit)
		if err != nil || r.watts != want || r.peak != want {
			t.Errorf("unit %d: got %+v, %v; want %d W", unit, r, err, want)
		}
		if asked := r.uptime >= 0; asked != (unit == 1) {
			t.Errorf("unit %d: uptime %d, want that of the card once", unit, r.uptime)
		}
	}
	if r, err := s.read(t.Context(), 4); !errors.Is(err, errNoObject) {
		t.Errorf("a unit that is not there: got %+v, %v", r, err)
	}

	third.Draw(2800)
	third.Draw(2000)
	if err := s.resetPeak(t.Context(), 3); err != nil {
		t.Errorf("reset: %v", err)
	}
	if r, err := s.read(t.Context(), 3); err != nil || r.peak != 2000 {
		t.Errorf("after the reset: got %+v, %v", r, err)
	}
	if sim.State().Resets+second.State().Resets != 0 || third.State().Resets != 1 {
		t.Errorf("%d, %d and %d resets, want one of the third unit",
			sim.State().Resets, second.State().Resets, third.State().Resets)
	}
}

// TestUnitsOldModel covers the power object of older models, which has no rows:
// it is not taken for the power of a unit that is not there.
func TestUnitsOldModel(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 1500)
	sim.SetFaults(venue.AgentFaults{Old: true})
	s := openSession(t, p, unhurried, 1, 2)
	wantReading(t, s, 1500, -1)
	if r, err := s.read(t.Context(), 2); !errors.Is(err, errNoObject) {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestReadingTime covers cards that do not answer: reading all units stays
// within the interval.
func TestReadingTime(t *testing.T) {
	t.Parallel()
	for units := 1; units <= maxUnits; units++ {
		s := newSession("127.0.0.1:161", []int{1, 2, 3, 4}[:units], snmpConfig{interval: time.Second})
		if most := 2 * s.timeout * time.Duration(units); most > 800*time.Millisecond {
			t.Errorf("%d units may take %s of 1 s", units, most)
		}
	}
}

func TestResetPeak(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 1500)
	sim.Draw(2800)
	sim.Draw(1500)
	s := openSession(t, p, unhurried)
	if err := s.resetPeak(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	wantReading(t, s, 1500, 1500)
	if state := sim.State(); state.Resets != 1 || state.Energy == 0 {
		t.Errorf("got %+v, want one reset of the peak and none of the energy", state)
	}

	// A SET is sent once, even if its answer is lost.
	sim.SetFaults(venue.AgentFaults{Mute: true})
	s.timeout = 300 * time.Millisecond
	asked := sim.Asked()
	if err := s.resetPeak(t.Context(), 1); !errors.Is(err, errNoAnswer) {
		t.Errorf("got %v", err)
	}
	if n := sim.Asked() - asked; n != 1 {
		t.Errorf("the SET was sent %d times", n)
	}

	cfg := snmpConfig{community: "public", write: newSecret("public"), interval: soon}
	readOnly := newSession(p.snmp, []int{1}, cfg)
	defer readOnly.close()
	sim.SetFaults(venue.AgentFaults{})
	if err := readOnly.resetPeak(t.Context(), 1); err == nil || sim.State().Resets != 2 {
		t.Errorf("with a community that may not write: %v, %d resets", err, sim.State().Resets)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	_, p := simulate(t, 101, "A", 1500)
	s := openSession(t, p, unhurried)
	if got := s.text(t.Context(), instance(rPDU2IdentModelNumber, 1)); got != "AP8858" {
		t.Errorf("model: got %q", got)
	}
	if got := s.text(t.Context(), instance(rPDU2DeviceStatusPower, 1)); got != "" {
		t.Errorf("a number: got %q", got)
	}
	if got := s.text(t.Context(), rPDU2+"9.9"); got != "" {
		t.Errorf("no object: got %q", got)
	}
	if got := printable("a \x00b\tc\n\xff" + strings.Repeat("x", 200)); len(got) > 110 || strings.ContainsAny(got, "\x00\n\t") {
		t.Errorf("not printable: %q", got)
	}
}

// TestSecretsInErrors checks that errors of a session hold no secret.
func TestSecretsInErrors(t *testing.T) {
	t.Parallel()
	cfg := snmpConfig{interval: soon, v3: v3Config{
		user: "apc", auth: gosnmp.SHA, priv: gosnmp.AES, authPass: newSecret("something1"), privPass: newSecret("something2"),
	}}
	digits, _ := hex.DecodeString("3003020103")
	addr, _ := answerAlways(t, func([]byte) []byte { return digits })
	s := newSession(addr, []int{1}, cfg)
	defer s.close()
	_, err := s.read(t.Context(), 1)
	if err == nil || strings.Contains(err.Error(), "something") {
		t.Errorf("got %v", err)
	}
}

// TestSlowCard covers cards that need most of the time that they are given: they
// are asked once, as sending a request again would only give them more to do.
func TestSlowCard(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		interval time.Duration
		units    []int
		delay    time.Duration
	}{
		"a single PDU":  {2 * time.Second, []int{1}, time.Second},
		"chained units": {4 * time.Second, []int{1, 2}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sims, pdus := simulateChain(t, len(tt.units))
			sims[0].SetFaults(venue.AgentFaults{Delay: tt.delay})
			s := openSession(t, pdus[0], tt.interval, tt.units...)
			read := false
			for try := 0; !read && try < 4; try++ { // on a busy machine, an answer may not be read in time
				read = readSlow(t, s, sims[0], tt.units)
			}
			if !read {
				t.Error("the card was not read")
			}
		})
	}
}

// readSlow reads the units of a slow card several times, and reports whether all answers
// came in time. Whether or not they did, the card must be asked once for each reading.
func readSlow(t *testing.T, s *session, card *venue.PDU, units []int) (ok bool) {
	t.Helper()
	answered := 0
	for reads := 0; answered < 2; reads++ { // before it knows the card, it may ask twice
		if reads == 12 {
			t.Fatal("no two readings in a row were answered")
		}
		if _, err := s.read(t.Context(), 1); err != nil {
			answered = 0
			continue
		}
		answered++
	}

	const rounds = 3
	before := card.Asked()
	ok = true
	for range rounds {
		for _, unit := range units {
			r, err := s.read(t.Context(), unit)
			if errors.Is(err, errNoAnswer) {
				ok = false
			} else if err != nil || r.watts != 1900 {
				t.Errorf("unit %d: got %d W, %v", unit, r.watts, err)
			}
		}
	}
	if n := card.Asked() - before; n != rounds*len(units) {
		t.Errorf("%d requests for %d readings", n, rounds*len(units))
	}
	return ok
}

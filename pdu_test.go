package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	return p, pdu{num: num, name: name, team: name, snmp: conn.LocalAddr().String()}
}

// listen starts a session with a PDU.
func listen(t testing.TB, p pdu, interval time.Duration) *session {
	s := newSession(p, snmpConfig{community: "public", interval: interval})
	t.Cleanup(s.close)
	return s
}

func TestRead(t *testing.T) {
	sim, p := simulate(t, 101, "A", 2410)
	peakAt := time.Date(2026, 6, 15, 10, 32, 7, 0, time.UTC)
	sim.SetPeak(2800, peakAt, peakAt.Add(-time.Hour))
	s := listen(t, p, time.Second)
	before := time.Now()
	r, err := s.read(t.Context())
	if err != nil || r.watts != 2410 || r.peak != 2800 || !r.peakAt.Equal(peakAt) || !r.resetAt.Equal(peakAt.Add(-time.Hour)) {
		t.Errorf("got %+v, %v", r, err)
	}
	if r.began.Before(before) || r.at.Before(r.began) {
		t.Errorf("began %v, at %v", r.began, r.at)
	}
	if n := sim.Asked(); n != 1 {
		t.Errorf("%d requests for one reading", n)
	}
}

// TestWrongAnswers holds that what gosnmp lets pass is no value, and that the session goes on after it.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	for name, twist := range venue.Twists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, p := simulate(t, 101, "A", 2410)
			s := listen(t, p, 400*time.Millisecond)
			sim.Behave(venue.Manners{Twist: twist})
			if r, err := s.read(t.Context()); err == nil {
				t.Errorf("got %+v", r)
			}
			sim.Behave(venue.Manners{})
			if r, err := s.read(t.Context()); err != nil || r.watts != 2410 {
				t.Errorf("then got %+v, %v", r, err)
			}
		})
	}
}

// TestStrayAnswers holds that a wrong answer ahead of the true one does not hide it.
func TestStrayAnswers(t *testing.T) {
	t.Parallel()
	forge := func(f func(*gosnmp.SnmpPacket)) func(request, sent []byte) []byte {
		return func(_, sent []byte) []byte {
			codec := &gosnmp.GoSNMP{Version: gosnmp.Version2c, Community: "public"}
			packet, err := codec.SnmpDecodePacket(sent)
			if err != nil {
				t.Error(err)
			}
			packet.Variables[0].Value = 999
			f(packet)
			out, err := packet.MarshalMsg()
			if err != nil {
				t.Error(err)
			}
			return out
		}
	}
	for name, first := range map[string]func(request, sent []byte) []byte{
		"stale":             forge(func(p *gosnmp.SnmpPacket) { p.RequestID -= 7 }),
		"request id 0":      forge(func(p *gosnmp.SnmpPacket) { p.RequestID = 0 }),
		"another community": forge(func(p *gosnmp.SnmpPacket) { p.Community = "x" }),
		"the request":       func(request, _ []byte) []byte { return request },
		"garbage":           func(_, _ []byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n") },
		"half of it":        func(_, sent []byte) []byte { return sent[:len(sent)/2] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, p := simulate(t, 101, "A", 2410)
			sim.Behave(venue.Manners{First: first})
			if r, err := listen(t, p, time.Second).read(t.Context()); err != nil || r.watts != 2410 {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func TestLostAnswers(t *testing.T) {
	sim, p := simulate(t, 101, "A", 2410)
	s := listen(t, p, 400*time.Millisecond)
	sim.Behave(venue.Manners{Lose: 2})
	for range 4 {
		if r, err := s.read(t.Context()); err != nil || r.watts != 2410 {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	sim.Behave(venue.Manners{Mute: true})
	for range 4 { // the session gives up its socket on the way
		if _, err := s.read(t.Context()); err == nil || err.Error() != "no answer" {
			t.Errorf("got %v", err)
		}
	}
	sim.Behave(venue.Manners{Delay: 200 * time.Millisecond}) // later than the first try waits: its answer still counts
	if r, err := s.read(t.Context()); err != nil || r.watts != 2410 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestNoMeter(t *testing.T) {
	sim, p := simulate(t, 101, "A", 2410)
	sim.Behave(venue.Manners{Twist: venue.NoMeter})
	if _, err := listen(t, p, time.Second).read(t.Context()); !errors.Is(err, errNoMeter) {
		t.Errorf("got %v", err)
	}
}

// TestNobodyThere: a refused datagram is answered at once, and the next poll finds the PDU that came meanwhile.
func TestNobodyThere(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := pdu{num: 101, name: "A", team: "A", snmp: conn.LocalAddr().String()}
	conn.Close()
	s := listen(t, p, time.Second)
	if _, err := s.read(t.Context()); err == nil {
		t.Fatal("read a PDU that is not there")
	}
	if conn, err = net.ListenPacket("udp4", p.snmp); err != nil {
		t.Skip("the port was taken meanwhile")
	}
	t.Cleanup(venue.ServeSNMP(venue.NewPDU(101, "A", 700), "public", conn).Close)
	if r, err := s.read(t.Context()); err != nil || r.watts != 700 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestNewReading(t *testing.T) {
	integer := func(n int) gosnmp.SnmpPDU { return gosnmp.SnmpPDU{Type: gosnmp.Integer, Value: n} }
	text := func(s string) gosnmp.SnmpPDU { return gosnmp.SnmpPDU{Type: gosnmp.OctetString, Value: []byte(s)} }
	none := gosnmp.SnmpPDU{Type: gosnmp.NoSuchInstance}
	uptime := gosnmp.SnmpPDU{Type: gosnmp.TimeTicks, Value: uint32(4000000000)}
	at := time.Date(2022, 3, 4, 9, 20, 45, 0, time.UTC)
	for name, tt := range map[string]struct {
		vars []gosnmp.SnmpPDU
		want reading
		err  error
	}{
		"an AP8853":          {vars: []gosnmp.SnmpPDU{integer(114), integer(143), text("03/04/2022 09:20:45"), text("01/02/2020 13:26:52")}, want: reading{watts: 1140, peak: 1430, peakAt: at, resetAt: time.Date(2020, 1, 2, 13, 26, 52, 0, time.UTC)}},
		"an AP7900B":         {vars: []gosnmp.SnmpPDU{integer(-1), integer(-1), text("notsupported "), text("notsupported ")}, err: errNoMeter},
		"nothing drawn":      {vars: []gosnmp.SnmpPDU{integer(0), integer(0), text(""), text("")}},
		"no times":           {vars: []gosnmp.SnmpPDU{integer(1), integer(2), none, text("13/40/2022 99:00:00")}, want: reading{watts: 10, peak: 20}},
		"blanks about times": {vars: []gosnmp.SnmpPDU{integer(1), integer(2), text(" 03/04/2022 09:20:45 "), none}, want: reading{watts: 10, peak: 20, peakAt: at}},
		"no peak":            {vars: []gosnmp.SnmpPDU{integer(1), none, none, none}, want: reading{watts: 10, peak: -1}},
		"a peak as text":     {vars: []gosnmp.SnmpPDU{integer(1), text("143"), none, none}, want: reading{watts: 10, peak: -1}},
		"power as text":      {vars: []gosnmp.SnmpPDU{text("114"), integer(1), none, none}, err: errWrong},
		"no power":           {vars: []gosnmp.SnmpPDU{none, integer(1), none, none}, err: errWrong},
		"below zero":         {vars: []gosnmp.SnmpPDU{integer(-2), integer(1), none, none}, err: errWrong},
		"the most":           {vars: []gosnmp.SnmpPDU{integer(10000), integer(1), none, none}, want: reading{watts: 100000, peak: 10}},
		"more than that":     {vars: []gosnmp.SnmpPDU{integer(10001), integer(1), none, none}, err: errWrong},
		"a gauge":            {vars: []gosnmp.SnmpPDU{{Type: gosnmp.Gauge32, Value: uint(114)}, integer(1), none, none}, err: errWrong},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := newReading(append(tt.vars, uptime))
			if tt.want.uptime = 4000000000; tt.err != nil {
				tt.want = reading{}
			}
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// FuzzAnswer holds that whatever comes by UDP gives a sane reading or an error.
func FuzzAnswer(f *testing.F) {
	packet := gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse, RequestID: 7, Variables: []gosnmp.SnmpPDU{
		{Name: readingOIDs[0], Type: gosnmp.Integer, Value: 114},
		{Name: readingOIDs[1], Type: gosnmp.Integer, Value: 143},
		{Name: readingOIDs[2], Type: gosnmp.OctetString, Value: "03/04/2022 09:20:45"},
		{Name: readingOIDs[3], Type: gosnmp.OctetString, Value: "01/02/2020 13:26:52"},
		{Name: readingOIDs[4], Type: gosnmp.TimeTicks, Value: uint32(7)},
	}}
	seed, err := packet.MarshalMsg()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	request := packet
	request.PDUType = gosnmp.GetRequest
	f.Fuzz(func(t *testing.T, data []byte) {
		var codec gosnmp.GoSNMP
		answer, err := answerTo(request, data, &codec)
		if err != nil || answer.Error != gosnmp.NoError {
			return
		}
		r, err := newReading(answer.Variables)
		if err == nil && (r.watts < 0 || r.watts > maxWatts || r.peak < -1 || r.peak > maxWatts || r.uptime < -1) {
			t.Errorf("got %+v", r)
		}
	})
}

// needs skips the test where a program is missing, or fails it where all must be there.
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

// recordings are what real PDUs answered, as far as iscbot asks for it.
var recordings = map[string]string{
	"ap8853": `1.3.6.1.2.1.1.1.0|4|APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.8.2 PN:apc_hw05_aos_682.bin AF1:v6.8.0 AN1:apc_hw05_rpdu2g_680.bin MN:AP8853 HR:02 SN: ZA2001002384 MD:01/03/2020) 
1.3.6.1.4.1.318.1.1.26.4.3.1.4.1|2|2
1.3.6.1.4.1.318.1.1.26.4.3.1.5.1|2|114
1.3.6.1.4.1.318.1.1.26.4.3.1.6.1|2|143
1.3.6.1.4.1.318.1.1.26.4.3.1.7.1|4|03/04/2022 09:20:45
1.3.6.1.4.1.318.1.1.26.4.3.1.8.1|4|01/02/2020 13:26:52
1.3.6.1.4.1.318.1.1.26.4.3.1.9.1|2|35128
`,
	"ap7900b": `1.3.6.1.2.1.1.1.0|4|APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.8.2 PN:apc_hw05_aos_682.bin AF1:v6.8.0 AN1:apc_hw05_rpdu2g_680.bin MN:AP7900B HR:B2 SN: ZA1732000177 MD:08/07/2017) 
1.3.6.1.4.1.318.1.1.12.1.16.0|2|312
1.3.6.1.4.1.318.1.1.26.4.3.1.4.1|2|5
1.3.6.1.4.1.318.1.1.26.4.3.1.5.1|2|-1
1.3.6.1.4.1.318.1.1.26.4.3.1.6.1|2|-1
1.3.6.1.4.1.318.1.1.26.4.3.1.7.1|4|notsupported 
1.3.6.1.4.1.318.1.1.26.4.3.1.8.1|4|notsupported 
`,
}

// serveRecordings lets snmpsim answer as real PDUs did; the community is the name of a recording.
func serveRecordings(t *testing.T) (addr string) {
	simulator := needs(t, "snmpsimd")
	dir, err := os.MkdirTemp("", "snmpsim") // t.TempDir is not for nobody to read
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { // nor to write a cache
		t.Fatal(err)
	}
	for name, text := range recordings {
		if err := os.WriteFile(filepath.Join(dir, name+".snmprec"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = conn.LocalAddr().String()
	conn.Close()
	args := []string{"--data-dir=" + dir, "--cache-dir=" + filepath.Join(dir, "cache"), "--agent-udpv4-endpoint=" + addr}
	if os.Getuid() == 0 {
		args = append(args, "--process-user=nobody", "--process-group=nogroup")
	}
	var log strings.Builder
	cmd := exec.Command(simulator, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return addr
}

// TestRecordings reads what real PDUs answered from snmpsim, a real agent.
func TestRecordings(t *testing.T) {
	t.Parallel()
	addr := serveRecordings(t)
	read := func(community string) (reading, error) {
		s := newSession(pdu{snmp: addr}, snmpConfig{community: community, interval: time.Second})
		defer s.close()
		for range 100 { // the simulator needs some seconds to start, and refuses until then
			r, err := s.read(t.Context())
			if err == nil || errors.Is(err, errNoMeter) {
				return r, err
			}
			pause(t.Context(), 100*time.Millisecond)
		}
		return reading{}, errors.New("the simulator does not answer")
	}
	r, err := read("ap8853")
	if err != nil || r.watts != 1140 || r.peak != 1430 || r.peakAt.Format(time.DateTime) != "2022-03-04 09:20:45" {
		t.Errorf("ap8853: got %+v, %v", r, err)
	}
	if r, err := read("ap7900b"); err != nil || r.watts != 312 || r.peak != -1 { // by the object of older models
		t.Errorf("ap7900b: got %+v, %v", r, err)
	}
}

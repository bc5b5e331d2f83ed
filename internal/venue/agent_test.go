package venue

import (
	"fmt"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
)

const (
	powerOID = statusEntry + "5."
	peakOID  = statusEntry + "6."
	startOID = statusEntry + "8."
)

// serveChain serves a PDU of 1500 W with a second unit of 420 W, and returns a
// client of its agent.
func serveChain(t *testing.T) (first, second *PDU, client *gosnmp.GoSNMP) {
	t.Helper()
	first, second = NewPDU(101, "A", 1500), NewPDU(1, "B", 420)
	first.Spike(2800)
	second.Spike(990)
	first.Chain(second)
	conns, port, err := ListenSNMP("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ServeSNMP(first, "public", conns[0]).Close)
	client = &gosnmp.GoSNMP{Target: "127.0.0.1", Port: uint16(port), Community: "public", Version: gosnmp.Version2c,
		Timeout: 5 * time.Second}
	if err := client.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Conn.Close() })
	return first, second, client
}

// get returns the values of instances, or what went wrong.
func get(c *gosnmp.GoSNMP, oids ...string) string {
	answer, err := c.Get(oids)
	if err != nil {
		return err.Error()
	}
	if answer.Error != gosnmp.NoError {
		return answer.Error.String()
	}
	var values []any
	for _, v := range answer.Variables {
		values = append(values, v.Value)
	}
	return fmt.Sprint(values...)
}

func TestAgent(t *testing.T) {
	const v1, v2c = gosnmp.Version1, gosnmp.Version2c
	power, powerAndPeak := []string{powerOID + "1"}, []string{powerOID + "1", peakOID + "1"}
	for name, tt := range map[string]struct {
		faults  AgentFaults
		version gosnmp.SnmpVersion
		oids    []string
		want    string
	}{
		"none":             {AgentFaults{}, v2c, powerAndPeak, "150 280"},
		"by SNMPv1":        {AgentFaults{OnlyV1: true}, v1, power, "150"},
		"another unit":     {AgentFaults{}, v2c, []string{powerOID + "2"}, "42"},
		"no such unit":     {AgentFaults{}, v2c, []string{powerOID + "3"}, "<nil>"},
		"old":              {AgentFaults{Old: true}, v2c, []string{powerOID + "1", oldPower}, "<nil> 1500"},
		"no peak":          {AgentFaults{NoPeak: true}, v2c, powerAndPeak, "150 <nil>"},
		"no peak, SNMPv1":  {AgentFaults{NoPeak: true}, v1, powerAndPeak, "NoSuchName"},
		"refuses several":  {AgentFaults{Falsify: RefuseSeveral(gosnmp.TooBig)}, v2c, powerAndPeak, "TooBig"},
		"answers only one": {AgentFaults{Falsify: RefuseSeveral(gosnmp.TooBig)}, v2c, power, "150"},
		"Counter64":        {AgentFaults{PowerType: gosnmp.Counter64}, v2c, power, "150"},
		"no meter":         {AgentFaults{Falsify: NoMeter}, v2c, powerAndPeak, "-1 -1"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _, c := serveChain(t)
			p.SetFaults(tt.faults)
			c.Version = tt.version
			if got := get(c, tt.oids...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestAgentReset resets the second unit of a chain by a SET, and reads it back
// from cards that show it at once or little by little.
func TestAgentReset(t *testing.T) {
	for name, tt := range map[string]struct {
		faults     AgentFaults
		peak       string // at the first reading
		startMoves bool
	}{
		"at once":     {AgentFaults{}, "42", true},
		"start first": {AgentFaults{StartFirst: true}, "99", true},
		"peak first":  {AgentFaults{PeakFirst: true}, "42", false},
	} {
		t.Run(name, func(t *testing.T) {
			p, _, c := serveChain(t)
			p.SetFaults(tt.faults)
			start := get(c, startOID+"2")
			c.Community = WriteCommunity
			if _, err := c.Set([]gosnmp.SnmpPDU{{Name: configEntry + "10.2", Type: gosnmp.Integer, Value: 2}}); err != nil {
				t.Fatal(err)
			}
			answer, err := c.Get([]string{peakOID + "2", startOID + "2"})
			if err != nil {
				t.Fatal(err)
			}
			peak, moved := fmt.Sprint(answer.Variables[0].Value), fmt.Sprint(answer.Variables[1].Value) != start
			if peak != tt.peak || moved != tt.startMoves {
				t.Errorf("peak %s, start time moved: %t", peak, moved)
			}
			if got := get(c, peakOID+"1", peakOID+"2"); got != "280 42" {
				t.Errorf("in the end the peaks are %s", got)
			}
		})
	}
}

// TestAgentDatagrams sends a request three times.
func TestAgentDatagrams(t *testing.T) {
	p, _, c := serveChain(t)
	packet := gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetRequest,
		RequestID: 7, Variables: []gosnmp.SnmpPDU{{Name: powerOID + "1", Type: gosnmp.Null}}}
	request, err := packet.MarshalMsg()
	if err != nil {
		t.Fatal(err)
	}
	overflow := Datagram(Overflow64)
	for name, tt := range map[string]struct {
		faults AgentFaults
		want   string // for each datagram: a for an answer, o for the overflow
	}{
		"none":                          {AgentFaults{}, "aaa"},
		"twice":                         {AgentFaults{Twice: true}, "aaaaaa"},
		"every second one lost":         {AgentFaults{Lose: 2}, "aa"},
		"one stray answer":              {AgentFaults{Mute: true, Strays: 1}, "a"},
		"a datagram ahead":              {AgentFaults{First: overflow}, "oaoaoa"},
		"a datagram instead of answers": {AgentFaults{First: overflow, Mute: true}, "ooo"},
	} {
		p.SetFaults(tt.faults)
		p.agentState.mu.Lock()
		p.asked = 0
		p.agentState.mu.Unlock()
		for range 3 {
			c.Conn.Write(request)
		}
		got, buf := "", make([]byte, 2048)
		c.Conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		for {
			n, err := c.Conn.Read(buf)
			if err != nil {
				break
			}
			if got += "a"; string(buf[:n]) == string(overflow(nil, nil)) {
				got = got[:len(got)-1] + "o"
			}
			if len(got) >= len(tt.want) {
				c.Conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) // for one too many
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestAgentUptime(t *testing.T) {
	p, _, c := serveChain(t)
	p.SetUptime(1<<32 - 60_000)
	if got := get(c, sysUpTime); got < "4294907" {
		t.Errorf("got %s before the wrap", got)
	}
}

package venue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
)

const (
	powerOID = rPDU2 + "4.3.1.5."
	peakOID  = rPDU2 + "4.3.1.6."
	startOID = rPDU2 + "4.3.1.8."
	resetOID = rPDU2 + "4.1.1.10."
)

// serveAgent serves the PDU, and returns a client of its agent.
func serveAgent(t *testing.T, p *PDU) *gosnmp.GoSNMP {
	t.Helper()
	conns, port, err := ListenSNMP("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ServeSNMP(p, "public", conns[0]).Close)
	client := &gosnmp.GoSNMP{Target: "127.0.0.1", Port: uint16(port), Community: "public", Version: gosnmp.Version2c,
		Timeout: 5 * time.Second}
	if err := client.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Conn.Close() })
	return client
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
	for _, tt := range []struct {
		name    string
		manners AgentFaults
		version gosnmp.SnmpVersion
		oids    []string
		want    string
	}{
		{"good manners", AgentFaults{}, v2c, powerAndPeak, "150 280"},
		{"by SNMPv1", AgentFaults{OnlyV1: true}, v1, power, "150"},
		{"another unit", AgentFaults{}, v2c, []string{powerOID + "2"}, "42"},
		{"no such unit", AgentFaults{}, v2c, []string{powerOID + "3"}, "<nil>"},
		{"old", AgentFaults{Old: true}, v2c, []string{powerOID + "1", oldPower + ".0"}, "<nil> 1500"},
		{"no peak", AgentFaults{NoPeak: true}, v2c, powerAndPeak, "150 <nil>"},
		{"no peak, by SNMPv1", AgentFaults{NoPeak: true}, v1, powerAndPeak, "NoSuchName"},
		{"several objects", AgentFaults{Falsify: RefuseSeveral(gosnmp.TooBig)}, v2c, powerAndPeak, "TooBig"},
		{"one object", AgentFaults{Falsify: RefuseSeveral(gosnmp.TooBig)}, v2c, power, "150"},
		{"Gauge32", AgentFaults{PowerType: gosnmp.Gauge32}, v2c, power, "150"},
		{"Counter64", AgentFaults{PowerType: gosnmp.Counter64}, v2c, power, "150"},
		{"no meter", AgentFaults{Falsify: NoMeter}, v2c, powerAndPeak, "-1 -1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPDU(101, "A", 1500)
			p.Spike(2800)
			p.Chain(NewPDU(1, "B", 420))
			p.SetFaults(tt.manners)
			c := serveAgent(t, p)
			c.Version = tt.version
			if got := get(c, tt.oids...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestAgentReset resets the second unit of a chain by a SET, and reads it back
// from cards that tell of it at once or little by little.
func TestAgentReset(t *testing.T) {
	for name, tt := range map[string]struct {
		manners    AgentFaults
		peak       string // at the first reading
		startMoves bool
	}{
		"at once":     {AgentFaults{}, "42", true},
		"start first": {AgentFaults{StartFirst: true}, "99", true},
		"peak first":  {AgentFaults{PeakFirst: true}, "42", false},
	} {
		t.Run(name, func(t *testing.T) {
			p, second := NewPDU(101, "A", 1500), NewPDU(1, "B", 420)
			p.Chain(second)
			p.Spike(2800)
			second.Spike(990)
			p.SetFaults(tt.manners)
			c := serveAgent(t, p)
			start := get(c, startOID+"2")
			c.Community = WriteCommunity
			if _, err := c.Set([]gosnmp.SnmpPDU{{Name: resetOID + "2", Type: gosnmp.Integer, Value: 2}}); err != nil {
				t.Fatal(err)
			}
			answer, err := c.Get([]string{peakOID + "2", startOID + "2"})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(answer.Variables[0].Value); got != tt.peak {
				t.Errorf("peak %s, want %s", got, tt.peak)
			}
			if got := fmt.Sprint(answer.Variables[1].Value); got != start != tt.startMoves {
				t.Errorf("start time %s, before the reset %s", got, start)
			}
			if got := get(c, peakOID+"1", peakOID+"2"); got != "280 42" {
				t.Errorf("in the end the peaks are %s", got)
			}
		})
	}
}

func TestAgentDatagrams(t *testing.T) {
	p := NewPDU(101, "A", 1500)
	c := serveAgent(t, p)
	packet := gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetRequest,
		RequestID: 7, Variables: []gosnmp.SnmpPDU{{Name: powerOID + "1", Type: gosnmp.Null}}}
	request, err := packet.MarshalMsg()
	if err != nil {
		t.Fatal(err)
	}
	overflow := Datagram(Overflow64)
	raw := string(overflow(nil, nil))
	for _, tt := range []struct {
		name    string
		manners AgentFaults
		want    []bool // of three requests' datagrams: whether each is the raw one
	}{
		{"once", AgentFaults{}, []bool{false, false, false}},
		{"twice", AgentFaults{Twice: true}, []bool{false, false, false, false, false, false}},
		{"lost", AgentFaults{Lose: 2}, []bool{false, false}},
		{"mute with one stray", AgentFaults{Mute: true, Strays: 1}, []bool{false}},
		{"a datagram ahead", AgentFaults{First: overflow}, []bool{true, false, true, false, true, false}},
		{"a datagram instead", AgentFaults{First: overflow, Mute: true}, []bool{true, true, true}},
	} {
		p.SetFaults(tt.manners)
		for range 3 {
			c.Conn.Write(request)
		}
		buf := make([]byte, 2048)
		for i, isRaw := range tt.want {
			c.Conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if n, err := c.Conn.Read(buf); err != nil || (string(buf[:n]) == raw) != isRaw {
				t.Errorf("%s: datagram %d: %x, %v", tt.name, i, buf[:n], err)
			}
		}
		c.Conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, err := c.Conn.Read(buf); err == nil {
			t.Errorf("%s: one datagram more: %x", tt.name, buf[:n])
		}
	}

	p.SetFaults(AgentFaults{Delay: 20 * time.Millisecond})
	for range 3 {
		c.Conn.Write(request)
	}
	get(c, powerOID+"1")
	if p.Asked() != 22 || p.MaxInFlight() != 2 { // one is the same three times
		t.Errorf("%d requests, %d at once", p.Asked(), p.MaxInFlight())
	}
}

func TestAgentUptime(t *testing.T) {
	const oid = ".1.3.6.1.2.1.1.3.0"
	p := NewPDU(101, "A", 1500)
	c := serveAgent(t, p)
	p.SetUptime(1<<32 - 60_000)
	if got := get(c, oid); !strings.HasPrefix(got, "42949") {
		t.Errorf("got %s before the wrap", got)
	}
	p.SetUptime(1<<32 - 1)
	for deadline := time.Now().Add(5 * time.Second); len(get(c, oid)) > 3; { // it wraps within 10 ms
		if time.Now().After(deadline) {
			t.Fatal("the uptime does not wrap")
		}
	}
}

package venue

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"
)

// Manners are the bad manners of a card's SNMP agent. The zero value is a good agent.
type Manners struct {
	OnlyV1 bool                              // is deaf to SNMP v2c
	Old    bool                              // is a model without rPDU2 power, which has the older object for it
	Mute   bool                              // answers nothing
	Lose   int                               // loses every Lose-th answer
	Delay  time.Duration                     // before each answer
	Twist  func(*gosnmp.SnmpPacket)          // falsifies an answer before it is sent
	First  func(request, sent []byte) []byte // a datagram sent ahead of the true answer, nil for none
}

// Behave gives the PDU's agent new manners from the next request on.
func (p *PDU) Behave(m Manners) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.manners = m
}

// Asked returns how many SNMP requests have come in.
func (p *PDU) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Twists are wrong answers that a reader must not take for values, by what is wrong with them.
var Twists = map[string]func(*gosnmp.SnmpPacket){
	"another community":  func(a *gosnmp.SnmpPacket) { a.Community = "private" },
	"another version":    func(a *gosnmp.SnmpPacket) { a.Version = gosnmp.Version1 },
	"request id 0":       func(a *gosnmp.SnmpPacket) { a.RequestID = 0 },
	"stale request id":   func(a *gosnmp.SnmpPacket) { a.RequestID -= 1000 },
	"no variables":       func(a *gosnmp.SnmpPacket) { a.Variables = nil },
	"a variable short":   func(a *gosnmp.SnmpPacket) { a.Variables = a.Variables[:len(a.Variables)-1] },
	"other OIDs":         func(a *gosnmp.SnmpPacket) { a.Variables[0].Name += ".7" },
	"OIDs swapped":       func(a *gosnmp.SnmpPacket) { v := a.Variables; v[0], v[1] = v[1], v[0] },
	"genErr":             func(a *gosnmp.SnmpPacket) { a.Error, a.ErrorIndex = gosnmp.GenErr, 1 },
	"a report":           func(a *gosnmp.SnmpPacket) { a.PDUType = gosnmp.Report },
	"the request echoed": func(a *gosnmp.SnmpPacket) { a.PDUType = gosnmp.GetRequest },
	"noSuchInstance":     func(a *gosnmp.SnmpPacket) { a.Variables[0].Type, a.Variables[0].Value = gosnmp.NoSuchInstance, nil },
	"text for a number": func(a *gosnmp.SnmpPacket) {
		a.Variables[0].Type, a.Variables[0].Value = gosnmp.OctetString, "241"
	},
	"far too much": func(a *gosnmp.SnmpPacket) { a.Variables[0].Value = 2147483647 },
	"below zero":   func(a *gosnmp.SnmpPacket) { a.Variables[0].Value = -241 },
}

// NoMeter makes answers those of a model without a power meter, such as the AP7900B.
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

// status is the entry of rPDU2DeviceStatusTable for a PDU on its own.
const status = ".1.3.6.1.4.1.318.1.1.26.4.3.1."

// object returns the value of the instance that the PowerNet-MIB has under oid.
func (p *PDU) object(oid string) (gosnmp.Asn1BER, any) {
	const stamp = "01/02/2006 15:04:05"
	if p.manners.Old && strings.HasPrefix(oid, status) {
		return gosnmp.NoSuchInstance, nil
	}
	switch oid {
	case ".1.3.6.1.4.1.318.1.1.12.1.16.0": // rPDUIdentDevicePowerWatts, in W
		if p.manners.Old {
			return gosnmp.Integer, p.watts
		}
	case status + "4.1": // LoadState: normal
		return gosnmp.Integer, 2
	case status + "5.1": // Power, in hundredths of kW
		return gosnmp.Integer, p.watts / 10
	case status + "6.1": // PeakPower
		return gosnmp.Integer, p.peak / 10
	case status + "7.1": // PeakPowerTimestamp
		return gosnmp.OctetString, p.peakAt.Format(stamp)
	case status + "8.1": // PeakPowerStartTime
		return gosnmp.OctetString, p.resetAt.Format(stamp)
	case ".1.3.6.1.4.1.318.1.1.26.4.1.1.10.1": // rPDU2DeviceConfigDevicePeakPowerReset: no operation
		return gosnmp.Integer, 1
	case ".1.3.6.1.4.1.318.1.1.26.2.1.8.1": // rPDU2IdentModelNumber
		return gosnmp.OctetString, "AP8858"
	case ".1.3.6.1.4.1.318.1.1.26.2.1.6.1": // rPDU2IdentFirmwareRev
		return gosnmp.OctetString, "v6.8.0"
	case ".1.3.6.1.4.1.318.2.1.6.1.0": // mconfigClockDate
		return gosnmp.OctetString, time.Now().Format("01/02/2006")
	case ".1.3.6.1.4.1.318.2.1.6.2.0": // mconfigClockTime
		return gosnmp.OctetString, time.Now().Format("15:04:05")
	case ".1.3.6.1.2.1.1.1.0": // sysDescr
		return gosnmp.OctetString, "APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.8.2 PN:apc_hw05_aos_682.bin " +
			"AF1:v6.8.0 AN1:apc_hw05_rpdu2g_680.bin MN:AP8858 HR:02 SN: ZA2001002384 MD:01/03/2020) "
	case ".1.3.6.1.2.1.1.3.0": // sysUpTime, in hundredths of a second
		return gosnmp.TimeTicks, uint32(time.Since(p.booted) / (10 * time.Millisecond))
	}
	return gosnmp.NoSuchInstance, nil
}

// WriteCommunity is the community whose SETs the agents obey.
const WriteCommunity = "private"

// set does what a SET of the reset objects says: 2 resets.
func (p *PDU) set(vars []gosnmp.SnmpPDU) {
	for _, v := range vars {
		switch {
		case v.Value != 2:
		case v.Name == ".1.3.6.1.4.1.318.1.1.26.4.1.1.10.1":
			p.ResetPeak()
		case v.Name == ".1.3.6.1.4.1.318.1.1.26.4.1.1.11.1":
			p.ResetEnergy()
		}
	}
}

// An Agent answers SNMP v2c requests for one PDU on a UDP socket.
type Agent struct {
	pdu       *PDU
	community string
	conn      net.PacketConn
	codec     *gosnmp.GoSNMP
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
}

// ServeSNMP starts an agent for p on conn. Close ends it.
func ServeSNMP(p *PDU, community string, conn net.PacketConn) *Agent {
	a := &Agent{pdu: p, community: community, conn: conn,
		codec: &gosnmp.GoSNMP{Version: gosnmp.Version2c, Community: community}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.wg.Go(a.serve)
	return a
}

// Close ends the agent, those answers included that were to be late.
func (a *Agent) Close() {
	a.cancel()
	a.conn.Close()
	a.wg.Wait()
}

func (a *Agent) serve() {
	buf := make([]byte, 2048)
	for n := 0; ; n++ {
		size, from, err := a.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		a.answer(n, append([]byte(nil), buf[:size]...), from)
	}
}

// answer answers the n-th request as the PDU's manners have it.
func (a *Agent) answer(n int, request []byte, from net.Addr) {
	packet, err := a.codec.SnmpDecodePacket(request)
	may := packet.PDUType == gosnmp.GetRequest && (packet.Community == a.community || packet.Community == WriteCommunity) ||
		packet.PDUType == gosnmp.SetRequest && packet.Community == WriteCommunity
	if err != nil || !may {
		return // as the device does: silence
	}
	if packet.PDUType == gosnmp.SetRequest {
		a.pdu.set(packet.Variables)
	}
	a.pdu.mu.Lock()
	a.pdu.asked++
	m := a.pdu.manners
	if m.OnlyV1 && packet.Version != gosnmp.Version1 {
		a.pdu.mu.Unlock()
		return
	}
	packet.PDUType = gosnmp.GetResponse
	for i := range packet.Variables {
		v := &packet.Variables[i]
		v.Type, v.Value = a.pdu.object(v.Name)
		if v.Type == gosnmp.NoSuchInstance && packet.Version == gosnmp.Version1 && packet.Error == gosnmp.NoError {
			packet.Error, packet.ErrorIndex = gosnmp.NoSuchName, uint8(i+1)
		}
	}
	if packet.Error != gosnmp.NoError { // then v1 gives no value at all
		for i := range packet.Variables {
			packet.Variables[i].Type, packet.Variables[i].Value = gosnmp.Null, nil
		}
	}
	a.pdu.mu.Unlock()
	if m.Mute || m.Lose > 0 && n%m.Lose == 0 {
		return
	}
	if m.Twist != nil {
		m.Twist(packet)
	}
	sent, err := packet.MarshalMsg()
	if err != nil {
		panic(fmt.Sprintf("venue: answer for %s: %v", a.pdu.Name, err))
	}
	send := func() {
		if m.First != nil {
			if first := m.First(request, sent); first != nil {
				a.conn.WriteTo(first, from)
			}
		}
		a.conn.WriteTo(sent, from)
	}
	if m.Delay == 0 {
		send()
		return
	}
	a.wg.Go(func() {
		select {
		case <-time.After(m.Delay):
			send()
		case <-a.ctx.Done():
		}
	})
}

// ListenSNMP opens a UDP socket for each address, all at one free port, as PDUs at port 161 are. Where the machine has no
// such addresses (only Linux has the whole of 127.0.0.0/8) it fails.
func ListenSNMP(addrs ...string) (conns []net.PacketConn, port int, err error) {
	for range 20 {
		if conns, port, err = listenAll(addrs); err == nil || !strings.Contains(err.Error(), "in use") {
			return conns, port, err
		}
	}
	return nil, 0, err
}

func listenAll(addrs []string) (conns []net.PacketConn, port int, err error) {
	for _, addr := range addrs {
		conn, err := net.ListenPacket("udp", fmt.Sprintf("%s:%d", addr, port))
		if err != nil {
			for _, c := range conns {
				c.Close()
			}
			return nil, 0, err
		}
		conns, port = append(conns, conn), conn.LocalAddr().(*net.UDPAddr).Port
	}
	return conns, port, nil
}

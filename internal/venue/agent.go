package venue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gosnmp/gosnmp"
)

// WriteCommunity is the community whose SETs the agents obey.
const WriteCommunity = "private"

// Objects of the PowerNet-MIB. Those of the Rack PDU 2G are in tables, and end
// with the row of a unit.
const (
	rPDU2 = ".1.3.6.1.4.1.318.1.1.26."

	statusEntry   = rPDU2 + "4.3.1."   // rPDU2DeviceStatusEntry
	peakPower     = statusEntry + "6"  // rPDU2DeviceStatusPeakPower
	peakTimestamp = statusEntry + "7"  // rPDU2DeviceStatusPeakPowerTimestamp
	peakStartTime = statusEntry + "8"  // rPDU2DeviceStatusPeakPowerStartTime
	peakReset     = rPDU2 + "4.1.1.10" // rPDU2DeviceConfigDevicePeakPowerReset
	energyReset   = rPDU2 + "4.1.1.11" // rPDU2DeviceConfigDeviceEnergyReset

	oldPower = ".1.3.6.1.4.1.318.1.1.12.1.16" // rPDUIdentDevicePowerWatts, of older models, in W
)

// A power is sent as the type of integer that the faults say.
type power int

// columns are the objects that have an instance for each unit.
var columns = map[string]func(u *PDU, s State) any{
	rPDU2 + "2.1.3":   func(u *PDU, _ State) any { return u.Name },              // rPDU2IdentName
	rPDU2 + "2.1.6":   func(*PDU, State) any { return "v6.8.0" },                // rPDU2IdentFirmwareRev
	rPDU2 + "2.1.8":   func(*PDU, State) any { return "AP8858" },                // rPDU2IdentModelNumber
	peakReset:         func(*PDU, State) any { return 1 },                       // no operation
	energyReset:       func(*PDU, State) any { return 1 },                       // no operation
	statusEntry + "4": func(*PDU, State) any { return 2 },                       // rPDU2DeviceStatusLoadState: normal
	statusEntry + "5": func(_ *PDU, s State) any { return power(s.Watts / 10) }, // rPDU2DeviceStatusPower, in 10 W
	peakPower:         func(_ *PDU, s State) any { return power(s.Peak / 10) },
	peakTimestamp:     func(_ *PDU, s State) any { return s.PeakAt.Format("01/02/2006 15:04:05") },
	peakStartTime:     func(_ *PDU, s State) any { return s.ResetAt.Format("01/02/2006 15:04:05") },
}

// scalars are the objects with the single instance 0.
var scalars = map[string]func(card *PDU) any{
	".1.3.6.1.2.1.1.1": func(*PDU) any { // sysDescr
		return "APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.8.2 PN:apc_hw05_aos_682.bin " +
			"AF1:v6.8.0 AN1:apc_hw05_rpdu2g_680.bin MN:AP8858 HR:02 SN: ZA2001002384 MD:01/03/2020) "
	},
	".1.3.6.1.2.1.1.3":         func(card *PDU) any { return card.uptime() },              // sysUpTime
	".1.3.6.1.4.1.318.2.1.6.1": func(*PDU) any { return time.Now().Format("01/02/2006") }, // mconfigClockDate
	".1.3.6.1.4.1.318.2.1.6.2": func(*PDU) any { return time.Now().Format("15:04:05") },   // mconfigClockTime
	oldPower:                   func(card *PDU) any { return power(card.State().Watts) },
}

// lacks reports whether a card with these faults has no such object.
func lacks(f AgentFaults, object string) bool {
	switch object {
	case oldPower:
		return !f.Old
	case peakPower, peakTimestamp, peakStartTime:
		return f.Old || f.NoPeak
	}
	return f.Old && strings.HasPrefix(object, statusEntry)
}

// An Agent answers SNMP v1 and v2c requests to the card of a PDU on a UDP
// socket.
type Agent struct {
	card      *PDU
	community string
	conn      net.PacketConn
	codec     *gosnmp.GoSNMP
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
}

// ServeSNMP starts an agent for p, and for the units chained to it, on conn.
// Close ends it.
func ServeSNMP(p *PDU, community string, conn net.PacketConn) *Agent {
	a := &Agent{card: p, community: community, conn: conn,
		codec: &gosnmp.GoSNMP{Version: gosnmp.Version2c, Community: community}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.wg.Go(a.serve)
	return a
}

// Close ends the agent. Delayed answers are not sent.
func (a *Agent) Close() {
	a.cancel()
	a.conn.Close()
	a.wg.Wait()
}

func (a *Agent) serve() {
	buf := make([]byte, 2048)
	for {
		size, from, err := a.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		a.handle(append([]byte(nil), buf[:size]...), from)
	}
}

// handle answers one request, if it is one that the card answers.
func (a *Agent) handle(request []byte, from net.Addr) {
	packet, err := a.codec.SnmpDecodePacket(request)
	if err != nil || !a.permits(packet) {
		return // the device is silent as well
	}

	id := packet.RequestID // which the faults may falsify
	n, faults := a.card.begin(id)
	if faults.OnlyV1 && packet.Version != gosnmp.Version1 {
		a.card.end(id)
		return
	}
	a.answer(packet, faults)
	answer, err := packet.MarshalMsg()
	if err != nil {
		panic(fmt.Sprintf("venue: answer of %s: %v", a.card.Name, err))
	}

	send := func() {
		a.card.end(id) // before the answer lets the next request come
		for _, d := range faults.datagrams(n, request, answer) {
			a.conn.WriteTo(d, from)
		}
	}
	if faults.Delay == 0 {
		send()
		return
	}
	a.wg.Go(func() {
		select {
		case <-time.After(faults.Delay):
			send()
		case <-a.ctx.Done():
		}
	})
}

// permits reports whether the community of a request suffices.
func (a *Agent) permits(packet *gosnmp.SnmpPacket) bool {
	switch packet.PDUType {
	case gosnmp.GetRequest:
		return packet.Community == a.community || packet.Community == WriteCommunity
	case gosnmp.SetRequest:
		return packet.Community == WriteCommunity
	}
	return false
}

// answer turns a request into its answer.
func (a *Agent) answer(packet *gosnmp.SnmpPacket, f AgentFaults) {
	units := a.card.Units()
	if packet.PDUType == gosnmp.SetRequest {
		for _, v := range packet.Variables {
			set(units, v)
		}
	} else {
		a.get(packet, units, f)
	}
	packet.PDUType = gosnmp.GetResponse
	if f.Falsify != nil {
		f.Falsify(packet)
	}
}

// get fills in the values. An SNMPv1 agent refuses the whole request if one of
// them is missing.
func (a *Agent) get(packet *gosnmp.SnmpPacket, units []*PDU, f AgentFaults) {
	readings := map[*PDU]State{}
	for i := range packet.Variables {
		v := &packet.Variables[i]
		object, unit := instance(v.Name, units)
		var value any
		switch {
		case lacks(f, object):
		case scalars[object] != nil && unit == nil:
			value = scalars[object](a.card)
		case columns[object] != nil && unit != nil:
			if _, ok := readings[unit]; !ok {
				readings[unit] = unit.read(f)
			}
			value = columns[object](unit, readings[unit])
		}
		v.Type, v.Value = encode(value, f.PowerType)

		missing := v.Type == gosnmp.NoSuchInstance
		if missing && packet.Version == gosnmp.Version1 && packet.Error == gosnmp.NoError {
			packet.Error, packet.ErrorIndex = gosnmp.NoSuchName, uint8(i+1)
		}
	}
	if packet.Error != gosnmp.NoError {
		withoutValues(packet)
	}
}

// set does what the SET of an object says: 2 resets.
func set(units []*PDU, v gosnmp.SnmpPDU) {
	object, unit := instance(v.Name, units)
	switch {
	case unit == nil || v.Value != 2:
	case object == peakReset:
		unit.ResetPeak()
	case object == energyReset:
		unit.ResetEnergy()
	}
}

// instance splits the name of an instance into the object and its unit; scalars,
// and rows that are not there, have none.
func instance(oid string, units []*PDU) (object string, unit *PDU) {
	dot := strings.LastIndexByte(oid, '.')
	row, err := strconv.Atoi(oid[dot+1:])
	if err != nil || row < 0 || row > len(units) {
		return "", nil
	}
	if row > 0 {
		unit = units[row-1]
	}
	return oid[:dot], unit
}

// encode returns a value as gosnmp wants it.
func encode(value any, powers gosnmp.Asn1BER) (gosnmp.Asn1BER, any) {
	switch v := value.(type) {
	case int:
		return gosnmp.Integer, v
	case string:
		return gosnmp.OctetString, v
	case uint32:
		return gosnmp.TimeTicks, v
	case power:
		switch powers {
		case 0, gosnmp.Integer:
			return gosnmp.Integer, int(v)
		case gosnmp.Counter64:
			return powers, uint64(v)
		default:
			return powers, uint32(v)
		}
	}
	return gosnmp.NoSuchInstance, nil
}

// ListenSNMP opens a UDP socket at each address, all with one free port, as PDUs
// have the port 161. It fails where the machine has no such addresses: only Linux
// has the whole of 127.0.0.0/8.
func ListenSNMP(addrs ...string) (conns []net.PacketConn, port int, err error) {
	for range 20 {
		if conns, port, err = listenAll(addrs); !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return conns, port, err
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

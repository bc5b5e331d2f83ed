package venue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/gosnmp/gosnmp"
)

// WriteCommunity is the community whose SETs the agents obey.
const WriteCommunity = "private"

// objects returns the value of each object of a card, by the OID of its instance.
func objects(card *PDU, f AgentFaults) map[string]any {
	all := map[string]any{
		sysUpTime: card.uptime(),
		clockDate: time.Now().Format("01/02/2006"),
		clockTime: time.Now().Format("15:04:05"),
	}
	if f.Old {
		all[oldPower] = power(card.State().Watts)
	}
	for i, u := range card.Units() {
		row, s := "."+strconv.Itoa(i+1), u.read(f)
		all[identEntry+"6"+row] = "v6.8.0" // rPDU2IdentFirmwareRev
		all[identEntry+"8"+row] = "AP8858" // rPDU2IdentModelNumber
		if f.Old {
			continue
		}
		all[statusEntry+"5"+row] = power(s.Watts / 10) // rPDU2DeviceStatusPower, in 10 W
		if f.NoPeak {
			continue
		}
		all[statusEntry+"6"+row] = power(s.Peak / 10)         // rPDU2DeviceStatusPeakPower
		all[statusEntry+"7"+row] = s.PeakAt.Format(dateTime)  // rPDU2DeviceStatusPeakPowerTimestamp
		all[statusEntry+"8"+row] = s.ResetAt.Format(dateTime) // rPDU2DeviceStatusPeakPowerStartTime
	}
	return all
}

// set executes the SET of an object: the value 2 resets.
func set(card *PDU, v gosnmp.SnmpPDU) {
	for i, u := range card.Units() {
		row := "." + strconv.Itoa(i+1)
		switch {
		case v.Value != 2:
		case v.Name == configEntry+"10"+row: // rPDU2DeviceConfigDevicePeakPowerReset
			u.ResetPeak()
		case v.Name == configEntry+"11"+row: // rPDU2DeviceConfigDeviceEnergyReset
			u.ResetEnergy()
		}
	}
}

// A power is sent as the integer type that the faults choose.
type power int

// encode returns a value as gosnmp wants it.
func encode(value any, powers gosnmp.Asn1BER) (gosnmp.Asn1BER, any) {
	switch v := value.(type) {
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
	free      time.Time // when the card has answered what it was asked so far
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
		return // real devices are silent, too
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
	if now := time.Now(); a.free.Before(now) {
		a.free = now
	}
	a.free = a.free.Add(faults.Delay)
	answerAt := a.free
	a.wg.Go(func() {
		select {
		case <-time.After(time.Until(answerAt)):
			send()
		case <-a.ctx.Done():
		}
	})
}

// permits reports whether the community allows the request.
func (a *Agent) permits(packet *gosnmp.SnmpPacket) bool {
	if packet.Community == WriteCommunity {
		return packet.PDUType == gosnmp.GetRequest || packet.PDUType == gosnmp.SetRequest
	}
	return packet.Community == a.community && packet.PDUType == gosnmp.GetRequest
}

// answer turns a request into its answer. SNMPv1 fails the whole request if an
// object is missing.
func (a *Agent) answer(packet *gosnmp.SnmpPacket, f AgentFaults) {
	if packet.PDUType == gosnmp.SetRequest {
		for _, v := range packet.Variables {
			set(a.card, v)
		}
	} else {
		all := objects(a.card, f)
		for i := range packet.Variables {
			v := &packet.Variables[i]
			v.Type, v.Value = encode(all[v.Name], f.PowerType)
			isMissing := v.Type == gosnmp.NoSuchInstance
			if isMissing && packet.Version == gosnmp.Version1 && packet.Error == gosnmp.NoError {
				packet.Error, packet.ErrorIndex = gosnmp.NoSuchName, uint8(i+1)
			}
		}
		if packet.Error != gosnmp.NoError {
			withoutValues(packet)
		}
	}
	packet.PDUType = gosnmp.GetResponse
	if f.Falsify != nil {
		f.Falsify(packet)
	}
}

// ListenSNMP opens a UDP socket at each address, all on the same free port. It
// fails if the machine lacks an address: only Linux has the whole of 127.0.0.0/8.
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

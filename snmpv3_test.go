package main

import (
	"errors"
	"net"
	"os"
	"slices"
	"testing"
)

// A fakeConn returns the datagrams that arrived, and then that the time is over.
type fakeConn struct {
	net.Conn
	arrived [][]byte
}

func (c *fakeConn) Write(b []byte) (int, error) { return len(b), nil }

func (c *fakeConn) Read(b []byte) (int, error) {
	if len(c.arrived) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(b, c.arrived[0])
	c.arrived = c.arrived[1:]
	return n, nil
}

// v3Message returns the beginning of an SNMP v3 message: all of its header.
func v3Message(id byte) []byte {
	return []byte{
		0x30, 0x13, 0x02, 1, 3,
		0x30, 0x0e, 0x02, 1, id, 0x02, 3, 0, 0xff, 0xe3, 0x04, 1, 4, 0x02, 1, 3,
	}
}

// TestV3Conn checks what gosnmp gets while it waits for the answer to message 6 or
// 7, the attempts at a request. Message 4 was answered, message 5 was not.
func TestV3Conn(t *testing.T) {
	garbage, v2c := []byte("garbage"), []byte{0x30, 0x08, 0x02, 1, 1, 0x04, 1, 'x', 0xa2, 0}
	for name, tt := range map[string]struct {
		arrived [][]byte
		passes  []uint64 // their IDs
		late    bool
		wrong   error
	}{
		"the answer":                   {[][]byte{v3Message(7)}, []uint64{7}, false, nil},
		"twice":                        {[][]byte{v3Message(7), v3Message(7)}, []uint64{7}, false, nil},
		"to the first attempt":         {[][]byte{v3Message(6)}, []uint64{6}, true, nil},
		"to both attempts":             {[][]byte{v3Message(6), v3Message(7)}, []uint64{6}, true, nil},
		"to an earlier request":        {[][]byte{v3Message(5)}, nil, true, nil},
		"after a late one":             {[][]byte{v3Message(5), v3Message(7)}, []uint64{7}, true, nil},
		"after a repeated one":         {[][]byte{v3Message(4), v3Message(7)}, []uint64{7}, false, nil},
		"after another ID":             {[][]byte{v3Message(99), v3Message(7)}, []uint64{99, 7}, false, nil},
		"after garbage":                {[][]byte{garbage, nil, v3Message(7)}, []uint64{7}, false, errMalformed},
		"after one of another version": {[][]byte{v2c, v3Message(7)}, []uint64{7}, false, errMalformed},
		"nothing":                      {nil, nil, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			card := &fakeConn{arrived: [][]byte{v3Message(4)}}
			c, buf := &v3Conn{Conn: card}, make([]byte, 100)
			c.Write(v3Message(4))
			c.Read(buf)
			c.Write(v3Message(5))
			c.begin()
			c.Write(v3Message(6))
			c.Write(v3Message(7))
			card.arrived = tt.arrived
			var passed []uint64
			for {
				n, err := c.Read(buf)
				if err != nil {
					break
				}
				id, _ := v3MessageID(buf[:n])
				passed = append(passed, id)
			}
			if !slices.Equal(passed, tt.passes) || c.late != tt.late || !errors.Is(c.wrong, tt.wrong) {
				t.Errorf("got %v, late %v, %v; want %v, %v, %v", passed, c.late, c.wrong, tt.passes, tt.late, tt.wrong)
			}
		})
	}
}

// TestV3MessageID covers lengths in the long forms that encoders use.
func TestV3MessageID(t *testing.T) {
	for name, tt := range map[string]struct {
		datagram []byte
		ok       bool
	}{
		"short":     {v3Message(7), true},
		"one byte":  {append([]byte{0x30, 0x81}, v3Message(7)[1:]...), true},
		"two bytes": {append([]byte{0x30, 0x82, 0}, v3Message(7)[1:]...), true},
		"four":      {append([]byte{0x30, 0x84, 0, 0, 0}, v3Message(7)[1:]...), true},
		"five":      {append([]byte{0x30, 0x85, 0, 0, 0, 0}, v3Message(7)[1:]...), false},
		"too long":  {append([]byte{0x30, 0x84, 0xff, 0xff, 0xff}, v3Message(7)[1:]...), false},
		"truncated": {v3Message(7)[:12], false},
		"empty":     {nil, false},
	} {
		if id, ok := v3MessageID(tt.datagram); ok != tt.ok || ok && id != 7 {
			t.Errorf("%s: got %d, %v", name, id, ok)
		}
	}
}

func FuzzV3MessageID(f *testing.F) {
	f.Add(v3Message(7))
	f.Add(v3Message(7)[:9])
	f.Fuzz(func(t *testing.T, datagram []byte) {
		if _, ok := v3MessageID(datagram); ok && len(datagram) < 8 {
			t.Errorf("%x has an ID", datagram)
		}
	})
}

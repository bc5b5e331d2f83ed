package main

import (
	"encoding/hex"
	"errors"
	"net"
	"os"
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

// TestV3Conn checks that gosnmp gets nothing but the first answer to any attempt
// of a request.
func TestV3Conn(t *testing.T) {
	garbage, v2c := []byte("garbage"), []byte{0x30, 0x08, 0x02, 1, 1, 0x04, 1, 'x', 0xa2, 0}
	for name, tt := range map[string]struct {
		arrived [][]byte
		passes  int // how many of them
		wrong   error
	}{
		"the answer":                   {[][]byte{v3Message(7)}, 1, nil},
		"to the first attempt":         {[][]byte{v3Message(6)}, 1, nil},
		"to both attempts":             {[][]byte{v3Message(6), v3Message(7)}, 1, errLate},
		"to an earlier request":        {[][]byte{v3Message(5)}, 0, errLate},
		"after a late one":             {[][]byte{v3Message(5), v3Message(7)}, 1, errLate},
		"after garbage":                {[][]byte{garbage, nil, v3Message(7)}, 1, errMalformed},
		"after one of another version": {[][]byte{v2c, v3Message(7)}, 1, errMalformed},
		"nothing":                      {nil, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := &v3Conn{Conn: &fakeConn{arrived: tt.arrived}}
			c.Write(v3Message(5))
			c.begin()
			c.Write(v3Message(6))
			c.Write(v3Message(7))
			passed, buf := 0, make([]byte, 100)
			for {
				n, err := c.Read(buf)
				if err != nil {
					break
				}
				if id, _ := v3MessageID(buf[:n]); id != 6 && id != 7 {
					t.Errorf("got %s", hex.EncodeToString(buf[:n]))
				}
				passed++
			}
			if passed != tt.passes || !errors.Is(c.wrong, tt.wrong) {
				t.Errorf("got %d answers, then %v, want %d, %v", passed, c.wrong, tt.passes, tt.wrong)
			}
		})
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

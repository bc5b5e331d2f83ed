package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/gosnmp/gosnmp"
)

// TestRequestID checks that a request whose id was changed in its encoding is
// the same as one that gosnmp encodes with that id.
func TestRequestID(t *testing.T) {
	t.Parallel()
	ids := []uint32{firstRequestID, firstRequestID + 1, 0x02040204, 0x7f000000, lastRequestID}
	longest := strings.Repeat("c", maxCommunity)
	requests := map[string]*request{
		"one object":                      newGet("public", askPower.objects(1, false)),
		"all objects":                     newGet("public", askEverything.objects(4, true)),
		"a SET":                           newSet("private", instance(rPDU2DeviceConfigDevicePeakPowerReset, 1), 2),
		"without a community":             newGet("", askOldPower.objects(1, false)),
		"a community like an id's header": newGet("\x02\x04\x02\x04\x01\x00\x00\x00", []string{sysDescr}),
		"the longest community":           newGet(longest, []string{sysDescr}),
		"a long message":                  newGet(longest, slices.Repeat([]string{sysDescr}, 1000)),
	}
	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, id := range ids {
				for _, version := range []gosnmp.SnmpVersion{gosnmp.Version1, gosnmp.Version2c} {
					got, err := r.datagram(version, id)
					if err != nil {
						t.Fatal(err)
					}
					packet := r.SnmpPacket
					packet.Version, packet.RequestID = version, id
					if want, err := packet.MarshalMsg(); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%v, id %#x: got\n%x, want\n%x (%v)", version, id, got, want, err)
					}
				}
			}
		})
	}
}

// TestRequestRefused covers requests in which the id is not where it must be:
// they are not sent.
func TestRequestRefused(t *testing.T) {
	t.Parallel()
	get := func(community string) *request { return newGet(community, []string{sysDescr}) }
	tests := map[string]struct {
		request *request
		id      uint32
	}{
		"an id of three bytes":                                {get("public"), firstRequestID>>1 - 1},
		"an id of five bytes":                                 {get("public"), lastRequestID + 1},
		"a community that gosnmp encodes with a wrong length": {get(strings.Repeat("c", maxCommunity+1)), firstRequestID},
		"an object that is none":                              {newGet("public", []string{"power"}), firstRequestID},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := tt.request.datagram(gosnmp.Version2c, tt.id); err == nil {
				t.Errorf("got %x", got)
			}
		})
	}
}

func TestRequestAllocations(t *testing.T) {
	r := newGet("public", askEverything.objects(1, true))
	id := uint32(firstRequestID)
	n := allocations(func() {
		id++
		if _, err := r.datagram(gosnmp.Version2c, id); err != nil {
			t.Error(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for another id", n)
	}
}

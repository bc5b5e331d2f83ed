package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"iscbot/internal/venue"
)

// value returns the value of an object.
func value(typ gosnmp.Asn1BER, v any) gosnmp.SnmpPDU { return gosnmp.SnmpPDU{Type: typ, Value: v} }

// kilowatts returns a power in the PDUs' unit, hundredths of kW.
func kilowatts(n int) gosnmp.SnmpPDU { return value(gosnmp.Integer, n) }

func octets(s string) gosnmp.SnmpPDU { return value(gosnmp.OctetString, []byte(s)) }

func TestNewReading(t *testing.T) {
	none := value(gosnmp.NoSuchInstance, nil)
	peakAt := octets("03/04/2022 09:20:45")
	at := time.Date(2022, 3, 4, 9, 20, 45, 0, time.UTC)
	tests := map[string]struct {
		vars []gosnmp.SnmpPDU // peak, power, time of the peak, time of the last reset
		want reading
		err  error
	}{
		"all values": {
			vars: []gosnmp.SnmpPDU{kilowatts(143), kilowatts(114), peakAt, octets("01/02/2020 13:26:52")},
			want: reading{watts: 1140, peak: 1430, peakAt: at, resetAt: time.Date(2020, 1, 2, 13, 26, 52, 0, time.UTC)},
		},
		"zero": {
			vars: []gosnmp.SnmpPDU{kilowatts(0), kilowatts(0), none, none},
		},
		"a time with blanks": {
			vars: []gosnmp.SnmpPDU{kilowatts(2), kilowatts(1), octets(" 03/04/2022 09:20:45 "), none},
			want: reading{watts: 10, peak: 20, peakAt: at},
		},
		"a time as a number": {
			vars: []gosnmp.SnmpPDU{kilowatts(2), kilowatts(1), kilowatts(3), none},
			want: reading{watts: 10, peak: 20},
		},
		"a time in another order": {
			vars: []gosnmp.SnmpPDU{kilowatts(2), kilowatts(1), octets("31/12/2022 09:20:45"), none},
			want: reading{watts: 10, peak: 20},
		},
		"no peak": {
			vars: []gosnmp.SnmpPDU{none, kilowatts(1), none, none},
			want: reading{watts: 10, peak: -1},
		},
		"a peak as text": {
			vars: []gosnmp.SnmpPDU{octets("143"), kilowatts(1), none, none},
			want: reading{watts: 10, peak: -1},
		},
		"the greatest power": {
			vars: []gosnmp.SnmpPDU{kilowatts(1), kilowatts(10000), none, none},
			want: reading{watts: 100000, peak: 10},
		},
		"more than that": {
			vars: []gosnmp.SnmpPDU{kilowatts(1), kilowatts(10001), none, none},
			err:  errWrong,
		},
		"below zero": {
			vars: []gosnmp.SnmpPDU{kilowatts(1), kilowatts(-2), none, none},
			err:  errWrong,
		},
		"power as text": {
			vars: []gosnmp.SnmpPDU{kilowatts(1), octets("114"), none, none},
			err:  errWrong,
		},
		"no power": {
			vars: []gosnmp.SnmpPDU{kilowatts(1), none, none, none},
			err:  errNoObject,
		},
		"no power meter": {
			vars: []gosnmp.SnmpPDU{kilowatts(-1), kilowatts(-1), octets("notsupported "), octets("notsupported ")},
			err:  errNoMeter,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			vars := append(tt.vars, value(gosnmp.TimeTicks, uint32(4000000000)))
			got, err := newReading(vars, noon, noon.Add(time.Second))
			tt.want.asked, tt.want.at = noon, noon.Add(time.Second)
			if tt.err == nil {
				tt.want.uptime = 4000000000
			}
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %+v, %v\nwant %+v, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

// TestIntegerTypes covers powers of any integer type, all with the same range.
func TestIntegerTypes(t *testing.T) {
	tests := map[string]struct {
		value gosnmp.SnmpPDU
		watts int // -1 for a wrong answer
	}{
		"INTEGER":               {value(gosnmp.Integer, 114), 1140},
		"Gauge32":               {value(gosnmp.Gauge32, uint(114)), 1140},
		"Counter32":             {value(gosnmp.Counter32, uint(114)), 1140},
		"Uinteger32":            {value(gosnmp.Uinteger32, uint32(114)), 1140},
		"Counter64":             {value(gosnmp.Counter64, uint64(114)), 1140},
		"the greatest Gauge32":  {value(gosnmp.Gauge32, uint(math.MaxUint32)), -1},
		"the greatest Uinteger": {value(gosnmp.Uinteger32, uint32(math.MaxUint32)), -1},
		"the greatest Counter":  {value(gosnmp.Counter64, uint64(math.MaxUint64)), -1},
		"Counter64 over 100 kW": {value(gosnmp.Counter64, uint64(10001)), -1},
		"TimeTicks":             {value(gosnmp.TimeTicks, uint32(114)), -1},
		"OCTET STRING":          {octets("114"), -1},
		"Null":                  {value(gosnmp.Null, nil), -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := wattsOf(tt.value, 10)
			if got != tt.watts || (err == nil) != (tt.watts >= 0) || err != nil && !errors.Is(err, errWrong) {
				t.Errorf("got %d, %v; want %d", got, err, tt.watts)
			}
		})
	}
}

// requestAndAnswer returns the request for a reading, and the answer as it is
// sent.
func requestAndAnswer(t testing.TB) (r *request, answer []byte) {
	t.Helper()
	values := []gosnmp.SnmpPDU{
		kilowatts(143), kilowatts(114), value(gosnmp.OctetString, "03/04/2022 09:20:45"),
		value(gosnmp.OctetString, "01/02/2020 13:26:52"), value(gosnmp.TimeTicks, uint32(7)),
	}
	for i, oid := range askEverything.objects(1, true) {
		values[i].Name = oid
	}
	packet := gosnmp.SnmpPacket{
		Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse, RequestID: 1 << 25, Variables: values,
	}
	answer, err := packet.MarshalMsg()
	if err != nil {
		t.Fatal(err)
	}
	packet.PDUType = gosnmp.GetRequest
	return &request{SnmpPacket: packet}, answer
}

// loggedBy returns what f logs. The test must not be parallel.
func loggedBy(f func()) string {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	f()
	return log.String()
}

// TestDecodeSurvives decodes datagrams whose lengths are near the greatest int,
// some of which make the decoder of gosnmp panic: which of them, depends on
// the size of int. Such a panic is logged once, with its stack.
func TestDecodeSurvives(t *testing.T) {
	request, answer := requestAndAnswer(t)
	var panics panicGuard
	client := newPlainClient(&panics)
	var datagrams [][]byte
	for _, digits := range []string{venue.Overflow64, venue.Overflow32} {
		d, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		datagrams = append(datagrams, d)
	}
	for i := range answer {
		for _, length := range []uint64{math.MaxInt32 - 6, math.MaxUint32, math.MaxInt64 - 10, math.MaxUint64} {
			datagrams = append(datagrams, slices.Concat(answer[:i], longLength(length), answer[i+1:]))
		}
		for _, short := range []string{"", "\x80", "\xff"} {
			datagrams = append(datagrams, slices.Concat(answer[:i], []byte(short), answer[i+1:]))
		}
	}

	known := slices.Concat(datagrams[:2], datagrams[:2])
	log := loggedBy(func() {
		for _, d := range known {
			if _, err := client.decode(request, d); !errors.Is(err, errWrong) {
				t.Errorf("%x: got %v", d, err)
			}
		}
	})
	if n := strings.Count(log, "internal error"); n != 1 || !strings.Contains(log, "SnmpDecodePacket") {
		t.Errorf("the panic was logged %d times, want once with its stack:\n%s", n, log)
	}

	loggedBy(func() {
		for _, d := range datagrams {
			client.decode(request, d) // whatever comes of it, it returns
		}
	})
	if packet, err := client.decode(request, answer); err != nil || len(packet.Variables) != 5 {
		t.Errorf("then got %v, %v", packet, err)
	}
}

// FuzzDecode feeds the decoder what may come by UDP: it gives a sane reading or
// an error. Of the datagram, some bytes are lengths near the greatest int.
func FuzzDecode(f *testing.F) {
	request, answer := requestAndAnswer(f)
	for at := range len(answer) {
		f.Add(answer, uint8(at), uint64(math.MaxInt64-10))
		f.Add(answer, uint8(at), uint64(math.MaxInt32-6))
	}
	for _, digits := range []string{venue.Overflow64, venue.Overflow32} {
		d, err := hex.DecodeString(digits)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(d, uint8(255), uint64(0))
	}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	f.Cleanup(func() { slog.SetDefault(before) })
	f.Fuzz(func(t *testing.T, datagram []byte, at uint8, length uint64) {
		if int(at) < len(datagram) {
			datagram = slices.Concat(datagram[:at], longLength(length), datagram[at+1:])
		}
		var panics panicGuard
		client := newPlainClient(&panics)
		packet, err := client.decode(request, datagram)
		if err != nil || packet.Error != gosnmp.NoError {
			return
		}
		r, err := newReading(packet.Variables, noon, noon)
		sane := r.watts >= 0 && r.watts <= maxWatts && r.peak >= -1 && r.peak <= maxWatts && r.uptime >= -1
		if err == nil && !sane {
			t.Errorf("got %+v", r)
		}
	})
}

// longLength returns a length in the long form of BER.
func longLength(n uint64) []byte {
	size := 4
	if n > math.MaxUint32 {
		size = 8
	}
	b := []byte{0x80 | byte(size)}
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// needs returns the path of a program. Where it is missing, the test is
// skipped, or fails if all programs must be there.
func needs(t testing.TB, program string) string {
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

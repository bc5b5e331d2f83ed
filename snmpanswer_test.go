package main

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"testing"

	"github.com/gosnmp/gosnmp"
)

// encodeAnswer returns an answer with values as a card would send it.
func encodeAnswer(t testing.TB, id uint32, values ...gosnmp.SnmpPDU) []byte {
	t.Helper()
	oids := askEverything.objects(1, true)
	for i := range values {
		values[i].Name = oids[i]
	}
	packet := gosnmp.SnmpPacket{
		Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse, RequestID: id, Variables: values,
	}
	answer, err := packet.MarshalMsg()
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// learnForm returns the form of an answer.
func learnForm(t testing.TB, datagram []byte) *answerForm {
	t.Helper()
	var panics panicGuard
	client := newPlainClient(&panics)
	packet, err := client.decodePacket(bytes.Clone(datagram))
	if err != nil {
		t.Fatal(err)
	}
	form := new(answerForm)
	form.learn(datagram, packet)
	return form
}

// checkRead checks that a form reads a datagram as gosnmp decodes it, if it
// does.
func checkRead(t *testing.T, form *answerForm, datagram []byte) (ok bool) {
	t.Helper()
	got, ok := form.read(datagram)
	if !ok {
		return false
	}
	var panics panicGuard
	client := newPlainClient(&panics)
	want, err := client.decodePacket(bytes.Clone(datagram))
	if err != nil {
		t.Fatalf("%x: read %v, but gosnmp says: %v", datagram, got, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%x:\ngot  %+v,\nwant %+v", datagram, got, want)
	}
	return true
}

// TestAnswerForm covers which answers have the form of another one.
func TestAnswerForm(t *testing.T) {
	t.Parallel()
	const first, second = firstRequestID + 7, lastRequestID
	date := func(text string) gosnmp.SnmpPDU { return value(gosnmp.OctetString, text) }
	ticks := func(n uint32) gosnmp.SnmpPDU { return value(gosnmp.TimeTicks, n) }
	answer := func(id uint32, power gosnmp.SnmpPDU, peak int, reset string, uptime uint32) []byte {
		return encodeAnswer(t, id, kilowatts(peak), power, date("03/04/2022 09:20:45"), date(reset), ticks(uptime))
	}
	old := answer(first, kilowatts(300), 400, "none", 70000)
	tests := map[string]struct {
		answer []byte
		same   bool
	}{
		"nothing changed":              {old, true},
		"everything changed":           {answer(second, kilowatts(301), 401, "some", 70001), true},
		"a negative power":             {answer(second, kilowatts(-300), 400, "none", 70000), true},
		"a shorter power":              {answer(second, kilowatts(3), 400, "none", 70000), false},
		"a shorter and a longer value": {answer(second, kilowatts(3), 400, "none ", 70000), false},
		"another type":                 {answer(second, value(gosnmp.Gauge32, uint(300)), 400, "none", 70000), false},
		"a value less":                 {encodeAnswer(t, first, kilowatts(300)), false},
		"cut off":                      {old[:len(old)-1], false},
		"empty":                        {nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := learnForm(t, old)
			if ok := checkRead(t, form, tt.answer); ok != tt.same {
				t.Errorf("got %t, want %t", ok, tt.same)
			}
			if !checkRead(t, form, old) {
				t.Error("the first answer does not have its own form any more")
			}
		})
	}
	if _, ok := new(answerForm).read(nil); ok {
		t.Error("nothing has the form of nothing")
	}
}

// TestAnswerFormRefused covers answers whose form is not learned: gosnmp
// decodes each of them.
func TestAnswerFormRefused(t *testing.T) {
	t.Parallel()
	tests := map[string][]byte{
		"Counter64":                encodeAnswer(t, firstRequestID, value(gosnmp.Counter64, uint64(3))),
		"five bytes":               encodeAnswer(t, firstRequestID, value(gosnmp.Gauge32, uint(1<<31))),
		"an ID of another length":  encodeAnswer(t, 7, kilowatts(3)),
		"an address":               encodeAnswer(t, firstRequestID, value(gosnmp.IPAddress, "10.0.0.1")),
		"a second value too large": encodeAnswer(t, firstRequestID, kilowatts(3), value(gosnmp.Counter64, uint64(1<<40))),
	}
	for name, datagram := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if form := learnForm(t, datagram); form.packet != nil {
				t.Errorf("learned %+v", form)
			}
		})
	}
}

// FuzzAnswerForm changes an answer to a request, with bytes anywhere and with
// another ID: what is read by the form of the first one is what gosnmp decodes.
func FuzzAnswerForm(f *testing.F) {
	_, answer := requestAndAnswer(f)
	f.Add(answer, uint8(0), []byte{}, uint32(firstRequestID))
	f.Add(answer, uint8(len(answer)-1), []byte{0xff}, uint32(lastRequestID))
	at := bytes.Index(answer, []byte("03/04/2022"))
	f.Add(answer, uint8(at), []byte("11/30/1999"), uint32(firstRequestID))
	f.Fuzz(func(t *testing.T, first []byte, at uint8, change []byte, id uint32) {
		var panics panicGuard
		client := newPlainClient(&panics)
		packet, err := client.decodePacket(bytes.Clone(first))
		if err != nil {
			return
		}
		var form answerForm
		form.learn(first, packet)
		if form.packet == nil {
			return
		}
		second := bytes.Clone(first)
		if int(at) < len(second) {
			copy(second[at:], change)
		}
		binary.BigEndian.PutUint32(form.id.of(second), id)
		checkRead(t, &form, second)
		if !slices.Equal(form.datagram, first) && !slices.Equal(form.datagram, second) {
			t.Errorf("kept %x", form.datagram)
		}
	})
}

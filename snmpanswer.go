package main

import (
	"bytes"
	"reflect"

	"github.com/gosnmp/gosnmp"
)

// An answerForm is the form of the answers to one request. From one answer to
// the next only the ID and a few values change, mostly with the same lengths:
// once gosnmp has decoded an answer, another one of the same form is read by
// replacing what changed, at a tenth of the cost. The zero value fits nothing.
type answerForm struct {
	datagram []byte             // the last answer
	packet   *gosnmp.SnmpPacket // what it says
	id       span
	values   []span // one for each of the packet's variables
}

// idBytes is the length of an ID in BER.
const idBytes = 4

// A span is a part of a datagram.
type span struct{ from, to int }

func (s span) of(datagram []byte) []byte { return datagram[s.from:s.to] }

// read returns what a datagram says, or false if it is not of this form. The
// packet is valid until the next call.
func (f *answerForm) read(datagram []byte) (*gosnmp.SnmpPacket, bool) {
	if !f.fits(datagram) {
		return nil, false
	}
	f.packet.RequestID = uint32(unsigned(f.id.of(datagram)))
	for i, s := range f.values {
		v := &f.packet.Variables[i]
		if value := s.of(datagram); !bytes.Equal(value, s.of(f.datagram)) {
			v.Value = decodeValue(v.Type, value)
		}
	}
	copy(f.datagram, datagram)
	return f.packet, true
}

// fits reports whether a datagram differs from the last one in nothing but the
// ID and values.
func (f *answerForm) fits(datagram []byte) bool {
	if f.packet == nil || len(datagram) != len(f.datagram) {
		return false
	}
	from := f.id.to
	if !bytes.Equal(datagram[:f.id.from], f.datagram[:f.id.from]) {
		return false
	}
	for _, s := range f.values {
		if !bytes.Equal(datagram[from:s.from], f.datagram[from:s.from]) {
			return false
		}
		from = s.to
	}
	return bytes.Equal(datagram[from:], f.datagram[from:])
}

// learn makes the form that of a datagram which gosnmp decoded as packet, if
// what read would make of it is the same.
func (f *answerForm) learn(datagram []byte, packet *gosnmp.SnmpPacket) {
	*f = answerForm{}
	id, values, ok := locate(datagram)
	if !ok || len(values) != len(packet.Variables) || uint32(unsigned(id.of(datagram))) != packet.RequestID {
		return
	}
	for i, s := range values {
		v := &packet.Variables[i]
		if !decodable(v.Type, s.to-s.from) {
			return
		}
		value := decodeValue(v.Type, s.of(datagram))
		if !reflect.DeepEqual(value, v.Value) {
			return
		}
		v.Value = value // a text decoded by gosnmp shares the memory of the datagram
	}
	*f = answerForm{datagram: bytes.Clone(datagram), packet: packet, id: id, values: values}
}

// locate returns where the ID and the values are in a datagram with a request or
// an answer. ok is false if it is malformed or its ID does not have four bytes:
//
//	message { version, community, PDU { id, error status, error index, list { { name, value } ... } } }
func locate(datagram []byte) (id span, values []span, ok bool) {
	b := berCursor{datagram: datagram}
	b.enter() // message
	b.skip()  // version
	b.skip()  // community
	b.enter() // PDU
	id = b.skip()
	b.skip() // error status
	b.skip() // error index
	list := b.enter()
	for !b.failed && b.at < list.to {
		binding := b.enter()
		b.skip() // name
		values = append(values, b.skip())
		b.failed = b.failed || b.at != binding.to
	}
	isID := !b.failed && id.to-id.from == idBytes && datagram[id.from-2] == byte(gosnmp.Integer)
	return id, values, isID
}

// A berCursor steps over the elements of a datagram in BER: a byte for the
// type, the length of the contents, and the contents.
type berCursor struct {
	datagram []byte
	at       int
	failed   bool // the datagram ended, or has a length that is not supported
}

// enter steps to the contents of the next element.
func (b *berCursor) enter() (contents span) {
	const longForm = 0x80 // from here on, the byte says how many bytes with the length follow
	rest := b.datagram[b.at:]
	if b.failed || len(rest) < 2 {
		b.failed = true
		return span{}
	}
	header, length := 2, int(rest[1])
	if length >= longForm {
		n := length - longForm
		header += n
		if n > 4 || len(rest) < header {
			b.failed = true
			return span{}
		}
		length = int(unsigned(rest[2:header])) // negative if it does not fit into 32 bits
	}
	if length < 0 || length > len(rest)-header {
		b.failed = true
		return span{}
	}
	b.at += header
	return span{b.at, b.at + length}
}

// skip steps over the next element.
func (b *berCursor) skip() (contents span) {
	contents = b.enter()
	if !b.failed {
		b.at = contents.to
	}
	return contents
}

// decodable reports whether decodeValue can decode a value of a type and a
// length in bytes. All integers of rack PDUs fit into four bytes.
func decodable(t gosnmp.Asn1BER, length int) bool {
	switch t {
	case gosnmp.Integer, gosnmp.Gauge32, gosnmp.Counter32, gosnmp.TimeTicks:
		return 1 <= length && length <= 4
	case gosnmp.OctetString:
		return true
	case gosnmp.NoSuchObject, gosnmp.NoSuchInstance:
		return length == 0
	}
	return false
}

// decodeValue returns the value that gosnmp would return for these bytes.
func decodeValue(t gosnmp.Asn1BER, b []byte) any {
	switch t {
	case gosnmp.Integer:
		unused := 64 - 8*len(b)
		return int(int64(unsigned(b)<<unused) >> unused) // extends the sign
	case gosnmp.Gauge32, gosnmp.Counter32:
		return uint(unsigned(b))
	case gosnmp.TimeTicks:
		return uint32(unsigned(b))
	case gosnmp.OctetString:
		return bytes.Clone(b)
	}
	return nil
}

// unsigned returns a big-endian number of up to eight bytes.
func unsigned(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

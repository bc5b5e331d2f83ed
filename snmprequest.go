package main

import (
	"encoding/binary"
	"errors"

	"github.com/gosnmp/gosnmp"
)

// A request is a GET or a SET. It is encoded once for each SNMP version; after
// that, only its ID changes.
type request struct {
	gosnmp.SnmpPacket            // as last encoded
	encoded           [2]encoded // v1, v2c
	answers           answerForm
}

// An encoded is a request in BER.
type encoded struct {
	datagram []byte
	id       []byte // the part of the datagram with the ID
}

const (
	// firstRequestID is the first ID that takes four bytes in BER, and
	// lastRequestID the last one.
	firstRequestID = 1 << 24
	lastRequestID  = 1<<31 - 1
)

// newGet returns a request for the values of objects.
func newGet(community string, oids []string) *request {
	vars := make([]gosnmp.SnmpPDU, len(oids))
	for i, oid := range oids {
		vars[i] = gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Null}
	}
	return &request{SnmpPacket: gosnmp.SnmpPacket{
		PDUType: gosnmp.GetRequest, Community: community, Variables: vars,
	}}
}

// newSet returns a request to set an object to a value.
func newSet(community, oid string, value int) *request {
	return &request{SnmpPacket: gosnmp.SnmpPacket{
		PDUType: gosnmp.SetRequest, Community: community,
		Variables: []gosnmp.SnmpPDU{{Name: oid, Type: gosnmp.Integer, Value: value}},
	}}
}

// datagram returns the request encoded for an SNMP version, v1 or v2c, with an ID
// from firstRequestID to lastRequestID. It is valid until the next call.
func (r *request) datagram(version gosnmp.SnmpVersion, id uint32) ([]byte, error) {
	r.Version, r.RequestID = version, id
	e := &r.encoded[version]
	if e.datagram == nil {
		var err error
		if *e, err = encode(&r.SnmpPacket); err != nil {
			return nil, err
		}
	}
	binary.BigEndian.PutUint32(e.id, id)
	return e.datagram, nil
}

// encode returns a packet in BER.
func encode(packet *gosnmp.SnmpPacket) (encoded, error) {
	datagram, err := packet.MarshalMsg()
	if err != nil {
		return encoded{}, err
	}
	id, _, ok := locate(datagram)
	if !ok {
		return encoded{}, errors.New("the request is malformed, or its ID does not have four bytes")
	}
	return encoded{datagram: datagram, id: id.of(datagram)}, nil
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"
)

// A v3Config has the credentials of the bot for SNMP v3.
type v3Config struct {
	user               string
	auth               gosnmp.SnmpV3AuthProtocol
	priv               gosnmp.SnmpV3PrivProtocol
	authPass, privPass secret
}

// A v3Client speaks SNMP v3 with one card, using gosnmp's client.
type v3Client struct {
	client *gosnmp.GoSNMP
	conn   *v3Conn
	slow   bool // the card needs more than half of the time for an attempt
	panics *panicGuard
}

// newV3Client returns a client for the card at addr.
func newV3Client(
	ctx context.Context, addr string, timeout time.Duration, cfg v3Config, panics *panicGuard,
) (*v3Client, error) {
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.ParseUint(port, 10, 16)
	client := &gosnmp.GoSNMP{
		Target: host, Port: uint16(n), Timeout: timeout, Context: ctx,
		Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel,
		SecurityParameters: &gosnmp.UsmSecurityParameters{
			UserName:               cfg.user,
			AuthenticationProtocol: cfg.auth, AuthenticationPassphrase: cfg.authPass.reveal(),
			PrivacyProtocol: cfg.priv, PrivacyPassphrase: cfg.privPass.reveal(),
		},
	}
	switch {
	case cfg.priv != gosnmp.NoPriv:
		client.MsgFlags = gosnmp.AuthPriv
	case cfg.auth != gosnmp.NoAuth:
		client.MsgFlags = gosnmp.AuthNoPriv
	}
	if err := client.Connect(); err != nil {
		return nil, err
	}
	conn := &v3Conn{Conn: client.Conn}
	client.Conn = conn
	return &v3Client{client: client, conn: conn, panics: panics}, nil
}

// exchange sends a request and returns the answer. A slow card is given the time
// of all attempts for one. A card from which nothing comes is tried both ways
// alternately.
func (c *v3Client) exchange(ctx context.Context, t timeouts, request *gosnmp.SnmpPacket) (*gosnmp.SnmpPacket, error) {
	ctx, cancel := context.WithDeadline(ctx, t.until)
	defer cancel()
	c.conn.begin()
	first, allowed := t.each, t.each/2
	if c.slow {
		t = t.once()
	}
	c.client.Context, c.client.Retries, c.client.Timeout = ctx, t.attempts-1, t.each
	sent := time.Now()
	answer, err := c.send(request)
	if errors.Is(err, errPanic) && t.attempts > 1 { // the right answer may follow the one that caused it
		answer, err = c.send(request)
	}
	switch took := time.Since(sent); {
	case err == nil:
		inTime := took <= allowed || took >= first && t.attempts > 1 // the first answer may have been lost
		c.slow = c.conn.late || !inTime
		return answer, checkAnswer(request, answer)
	case errors.Is(err, errPanic):
		return nil, errMalformed
	case c.conn.hint != "":
		return nil, errors.New(c.conn.hint)
	case strings.Contains(err.Error(), "not authentic"):
		return nil, errors.New("not authentic: the user, a passphrase or a protocol of SNMP v3 is wrong")
	case c.conn.late:
		c.slow = true
		return nil, errLate
	case errors.Is(err, gosnmp.ErrMaxRetriesExceeded) || ctx.Err() != nil || !time.Now().Before(t.until):
		c.slow = !c.slow
		return nil, cmp.Or(c.conn.wrong, errNoAnswer)
	}
	return nil, err
}

// send sends a request through gosnmp. Its decoder panics on some datagrams,
// and its client recovers from most of these panics: then the error has the
// stack.
func (c *v3Client) send(request *gosnmp.SnmpPacket) (answer *gosnmp.SnmpPacket, err error) {
	const what = "SNMP v3 answer"
	defer c.panics.catch(what, &err)
	if request.PDUType == gosnmp.SetRequest {
		answer, err = c.client.Set(request.Variables)
	} else {
		var oids []string
		for _, v := range request.Variables {
			oids = append(oids, v.Name)
		}
		answer, err = c.client.Get(oids)
	}
	if err == nil {
		return answer, nil
	}

	if text, recovered := strings.CutPrefix(err.Error(), "recover: "); recovered {
		panicked, stack, _ := strings.Cut(text, " Stack:")
		err = c.panics.record(what, panicked, stack)
	}
	return nil, err
}

// reportHints are the reasons that an SNMP v3 Report gives, by the last number
// of its usmStats object (RFC 3414, 1.3.6.1.6.3.15.1.1). Those that are part of
// every first contact are left out.
var reportHints = map[byte]string{
	1: "the PDU's SNMP v3 user does not have this -v3-auth or -v3-priv", // usmStatsUnsupportedSecLevels
	3: "the PDU does not know the SNMP v3 user: check -v3-user",         // usmStatsUnknownUserNames
	5: "the SNMP v3 authentication passphrase, or -v3-auth, is wrong",   // usmStatsWrongDigests
	6: "the SNMP v3 privacy passphrase, or -v3-priv, is wrong",          // usmStatsDecryptionErrors
}

// A v3Conn is the connection with a card. It hides from gosnmp garbage and answers
// to earlier requests, for some of which gosnmp would give up the request. It also
// records why a card refuses a request: gosnmp only says that a Report is not
// authentic. As that is true, the reason is only a hint.
type v3Conn struct {
	net.Conn
	open     []uint64 // message IDs of the attempts at the current request
	missed   []uint64 // those of the last attempts at earlier ones that were not answered
	answered uint64   // that of the last attempt that was answered

	late  bool  // in this exchange, an attempt was answered after the next one was made
	wrong error // what came instead of an answer
	hint  string
}

// begin prepares the connection for an exchange, which may take several requests.
func (c *v3Conn) begin() {
	c.endRequest()
	c.late, c.wrong, c.hint = false, nil, ""
}

// endRequest ends the current request. Answers to its attempts are late from now on.
func (c *v3Conn) endRequest() {
	c.missed = append(c.missed, c.open...)
	c.missed = slices.Delete(c.missed, 0, max(0, len(c.missed)-maxTimedOut))
	c.open = c.open[:0]
}

// Write implements net.Conn.
func (c *v3Conn) Write(datagram []byte) (int, error) {
	if id, ok := v3MessageID(datagram); ok {
		c.open = append(c.open, id)
	}
	return c.Conn.Write(datagram)
}

// Read implements net.Conn.
func (c *v3Conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil {
			return n, err
		}
		if c.take(b[:n]) {
			return n, nil
		}
	}
}

// take reports whether to pass a datagram to gosnmp.
func (c *v3Conn) take(datagram []byte) bool {
	id, ok := v3MessageID(datagram)
	attempt := slices.Index(c.open, id)
	switch {
	case !ok:
		c.wrong = errMalformed
		return false
	case attempt >= 0:
		c.late = c.late || attempt < len(c.open)-1
		c.open = slices.Delete(c.open, attempt, attempt+1)
		c.answered = id
		c.endRequest()
	case id == c.answered: // the answer came twice
		return false
	case slices.Contains(c.missed, id):
		c.late = true
		return false
	} // gosnmp checks other IDs in the encrypted part

	_, report, _ := bytes.Cut(datagram, []byte{0x2b, 6, 1, 6, 3, 15, 1, 1})
	if len(report) > 0 {
		c.hint = cmp.Or(reportHints[report[0]], c.hint)
	}
	return true
}

// v3MessageID returns the ID of an SNMP v3 message, which an answer and a Report
// have in common with their request (RFC 3412, section 6.2):
//
//	message { version, header { ID, ... }, ... }
func v3MessageID(datagram []byte) (id uint64, ok bool) {
	b := berCursor{datagram: datagram}
	b.enter() // message
	b.skip()  // version
	b.enter() // header
	s := b.skip()
	return unsigned(s.of(datagram)), !b.failed
}

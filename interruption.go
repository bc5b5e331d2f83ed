package main

import (
	"context"
	"net"
	"time"
)

// An interruption makes reads from a connection fail as soon as a context ends.
// It is set up once for all exchanges with the same context and connection. The
// zero value interrupts nothing.
type interruption struct {
	ctx  context.Context
	conn net.Conn
	stop func() // returns when no more reads will be interrupted
}

// by makes the end of ctx, and nothing else, interrupt reads from conn.
func (i *interruption) by(ctx context.Context, conn net.Conn) {
	if ctx == i.ctx && conn == i.conn {
		return
	}
	i.end()
	*i = interruption{ctx: ctx, conn: conn, stop: interruptReads(ctx, conn)}
}

// end stops interrupting reads.
func (i *interruption) end() {
	if i.stop != nil {
		i.stop()
	}
	*i = interruption{}
}

func interruptReads(ctx context.Context, conn net.Conn) (stop func()) {
	interrupted := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		conn.SetReadDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	return func() {
		if !cancel() {
			<-interrupted
		}
	}
}

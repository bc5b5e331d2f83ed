package main

import (
	"context"
	"net"
	"time"
)

// An interruption lets reads from a connection fail as soon as a context ends.
// It serves all exchanges with the same context and connection. The zero value
// interrupts nothing.
type interruption struct {
	ctx  context.Context
	conn net.Conn
	stop func() // returns when it will not interrupt any more
}

// by lets the end of ctx interrupt reads from conn, and nothing else.
func (i *interruption) by(ctx context.Context, conn net.Conn) {
	if ctx == i.ctx && conn == i.conn {
		return
	}
	i.end()
	*i = interruption{ctx: ctx, conn: conn, stop: interruptReads(ctx, conn)}
}

// end lets nothing interrupt reads any more.
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

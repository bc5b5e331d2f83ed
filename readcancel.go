package main

import (
	"context"
	"net"
	"time"
)

// A readCanceler makes reads from a connection fail as soon as a context ends.
// It is set up once for all exchanges with the same context and connection. The
// zero value cancels nothing.
type readCanceler struct {
	ctx  context.Context
	conn net.Conn
	stop func() // returns when no more reads will be canceled
}

// arm makes the end of ctx, and nothing else, cancel reads from conn.
func (c *readCanceler) arm(ctx context.Context, conn net.Conn) {
	if ctx == c.ctx && conn == c.conn {
		return
	}
	c.end()
	*c = readCanceler{ctx: ctx, conn: conn, stop: cancelReads(ctx, conn)}
}

// end stops canceling reads.
func (c *readCanceler) end() {
	if c.stop != nil {
		c.stop()
	}
	*c = readCanceler{}
}

func cancelReads(ctx context.Context, conn net.Conn) (stop func()) {
	canceled := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		conn.SetReadDeadline(time.Unix(1, 0))
		close(canceled)
	})
	return func() {
		if !cancel() {
			<-canceled
		}
	}
}

package venue

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// A network is the Bot API's address on loopback and the connections to it, which
// can be cut, refused and frozen.
type network struct {
	handler http.Handler
	addr    string
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc

	serving sync.WaitGroup
	mu      sync.Mutex // guards what follows
	server  *http.Server
	conns   []*conn // since Up
}

// newNetwork serves handler on a free port of 127.0.0.1.
func newNetwork(handler http.HandlerFunc) *network {
	n := &network{handler: handler, addr: "127.0.0.1:0"}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.Up()
	return n
}

// URL returns the server's address for the bot's -api flag.
func (n *network) URL() string { return "http://" + n.addr }

// Up accepts connections again, on the same port.
func (n *network) Up() {
	l, err := net.Listen("tcp", n.addr)
	if err != nil {
		panic(fmt.Sprintf("venue: Bot API: %v", err))
	}
	server := &http.Server{
		Handler:     n.handler,
		ErrorLog:    log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return n.ctx },
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addr, n.server = l.Addr().String(), server
	n.serving.Go(func() { server.Serve(listener{l, n}) })
}

// Down ends all connections and refuses new ones until Up.
func (n *network) Down() {
	n.mu.Lock()
	server := n.server
	n.mu.Unlock()
	server.Close()
	n.serving.Wait() // no connection comes after that

	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns { // even if the server did not know it yet, or it is frozen
		c.Conn.Close()
	}
	n.conns = nil
}

// Close stops the server and cancels its calls.
func (n *network) Close() {
	n.cancel()
	n.Down()
}

// Freeze turns the present connections into black holes: they swallow what they
// receive and never send anything again, not even that they are closed. New
// connections work.
func (n *network) Freeze() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		c.frozen.Store(true)
	}
}

type listener struct {
	net.Listener
	network *network
}

func (l listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	c := &conn{Conn: accepted}
	l.network.conns = append(l.network.conns, c)
	return c, nil
}

// A conn is a connection that can be frozen.
type conn struct {
	net.Conn
	frozen atomic.Bool
}

func (c *conn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.frozen.Load() {
			return n, err
		}
	}
}

func (c *conn) Write(p []byte) (int, error) {
	if c.frozen.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// Close leaves a frozen connection to Down.
func (c *conn) Close() error {
	if c.frozen.Load() {
		return nil
	}
	return c.Conn.Close()
}

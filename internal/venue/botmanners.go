package venue

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Fault is bad manners of the server towards calls of one method. A getUpdates that already hangs is not touched.
type Fault struct {
	Method string // "" for any
	Chat   int64  // only calls for this chat; 0 for any
	Times  int    // calls until it is over; 0 until it is cleared
	Do     Manner
}

// A Manner answers a call; serve would do it properly.
type Manner func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc)

// Misbehave puts a fault in place. Of several that fit the first counts.
func (a *API) Misbehave(f Fault) (clear func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, &f)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.faults = slices.DeleteFunc(a.faults, func(g *Fault) bool { return g == &f })
	}
}

// fault returns what the first fault that fits does, nil if there is none. The caller holds mu.
func (a *API) fault(method string, chat int64) Manner {
	for i, f := range a.faults {
		if f.Method != "" && f.Method != method || f.Chat != 0 && f.Chat != chat {
			continue
		}
		if f.Times--; f.Times == 0 {
			a.faults = slices.Delete(a.faults, i, i+1)
		}
		return f.Do
	}
	return nil
}

// What a Fault can do. Those that end in a closed connection say nothing of it.

// TooMany answers 429.
func TooMany(retryAfter int) Manner {
	return refuse(&refusal{429, fmt.Sprintf("Too Many Requests: retry after %d", retryAfter), map[string]any{"retry_after": retryAfter}})
}

// Refuse answers with an error of the Bot API.
func Refuse(code int, description string) Manner {
	return refuse(&refusal{code: code, text: description})
}

func refuse(no *refusal) Manner {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { answerJSON(w, nil, no) }
}

// Redirect answers 302.
func Redirect(url string) Manner {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		w.Header().Set("Location", url)
		w.WriteHeader(http.StatusFound)
	}
}

// BadGateway answers 502 with a page in HTML.
func BadGateway(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	htmlPage(w, http.StatusBadGateway, "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>")
}

// Portal answers 200 with a captive portal's page.
func Portal(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	htmlPage(w, http.StatusOK, "<html><body>Please log in to the Wi-Fi.</body></html>")
}

func htmlPage(w http.ResponseWriter, code int, html string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	io.WriteString(w, html)
}

// Empty answers 200 with nothing.
func Empty(http.ResponseWriter, *http.Request, http.HandlerFunc) {}

// Hang never answers.
func Hang(_ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// Cut closes the connection instead of doing what was asked.
func Cut(http.ResponseWriter, *http.Request, http.HandlerFunc) { panic(http.ErrAbortHandler) }

// Reset is Cut with a TCP reset.
func Reset(_ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	if c, ok := r.Context().Value(connKey{}).(*apiConn); ok {
		c.Conn.(*net.TCPConn).SetLinger(0)
	}
	panic(http.ErrAbortHandler)
}

// Lose does what was asked and loses the answer.
func Lose(_ http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	serve(&kept{header: http.Header{}}, r)
	panic(http.ErrAbortHandler)
}

// Truncated breaks off in the middle of the true answer.
func Truncated(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	truth := overhear(w, r, serve)
	w.Write(truth[:len(truth)/2])
	http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// Drip sends the true answer byte by byte.
func Drip(pause time.Duration) Manner {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		for _, b := range overhear(w, r, serve) {
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
			w.Write([]byte{b})
			http.NewResponseController(w).Flush()
		}
	}
}

// Huge sends the true answer with blanks before it, n bytes in all.
func Huge(n int) Manner {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		answer := &kept{header: w.Header()}
		serve(answer, r)
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.code)
		w.Write(bytes.Repeat([]byte(" "), max(0, n-answer.body.Len())))
		w.Write(answer.body.Bytes())
	}
}

// overhear serves a call, sends the answer's head to w and returns its body.
func overhear(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) []byte {
	answer := &kept{header: w.Header()}
	serve(answer, r)
	w.WriteHeader(answer.code)
	return answer.body.Bytes()
}

// A kept answer goes nowhere by itself.
type kept struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *kept) Header() http.Header         { return r.header }
func (r *kept) WriteHeader(code int)        { r.code = code }
func (r *kept) Write(p []byte) (int, error) { return r.body.Write(p) }

// The network.

// Up ends Down, on the same port.
func (a *API) Up() {
	l, err := net.Listen("tcp", a.addr)
	if err != nil {
		panic(fmt.Sprintf("venue: Bot API: %v", err))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.HasSuffix(a.addr, ":0") {
		a.addr = l.Addr().String()
	}
	server := &http.Server{Handler: http.HandlerFunc(a.handle), ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return a.ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			return context.WithValue(ctx, connKey{}, c)
		}}
	serve := server.Serve
	if a.cert != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*a.cert}}
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	a.server = server
	a.wg.Go(func() { serve(apiListener{l, a, server}) })
}

// Down ends all connections and refuses new ones until Up.
func (a *API) Down() {
	a.mu.Lock()
	server, conns := a.server, a.conns
	a.server, a.conns = nil, map[*apiConn]bool{}
	a.mu.Unlock()
	if server != nil {
		server.Close()
	}
	for c := range conns {
		c.Conn.Close()
	}
	a.wg.Wait()
}

// Close ends the server, and what hangs in it.
func (a *API) Close() {
	a.cancel()
	a.Down()
}

// Freeze makes black holes of all connections that exist now: they swallow what comes and never say anything again, not
// even that they are closed. New ones work.
func (a *API) Freeze() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.conns {
		c.frozen = true
	}
}

type connKey struct{}

// An apiConn is a connection that can be frozen.
type apiConn struct {
	net.Conn
	api    *API
	frozen bool // guarded by api.mu
}

type apiListener struct {
	net.Listener
	api    *API
	server *http.Server
}

func (l apiListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &apiConn{Conn: conn, api: l.api}
	l.api.mu.Lock()
	defer l.api.mu.Unlock()
	if l.api.server != l.server { // down since
		conn.Close()
		return nil, net.ErrClosed
	}
	l.api.conns[c] = true
	return c, nil
}

func (c *apiConn) dead() bool {
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	return c.frozen
}

func (c *apiConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.dead() {
			return n, err
		}
	}
}

func (c *apiConn) Write(p []byte) (int, error) {
	if c.dead() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *apiConn) Close() error {
	if c.dead() && c.api.ctx.Err() == nil {
		return nil // Down and Close end it
	}
	c.api.mu.Lock()
	delete(c.api.conns, c)
	c.api.mu.Unlock()
	return c.Conn.Close()
}

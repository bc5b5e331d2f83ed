package venue

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// An APIFault is what goes wrong with calls of one method. It does not affect a
// getUpdates that is already waiting.
type APIFault struct {
	Method string // "" for any
	Chat   int64  // only calls for this chat; 0 for any
	Times  int    // number of calls; 0 for all until it is cleared
	Do     FaultFunc
}

// A FaultFunc answers a call instead of serve, which answers properly.
type FaultFunc func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc)

type apiFaults struct {
	mu   sync.Mutex
	list []*APIFault
}

// Inject adds a fault. If several match a call, the first one counts.
func (f *apiFaults) Inject(fault APIFault) (clear func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, &fault)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.list = slices.DeleteFunc(f.list, func(g *APIFault) bool { return g == &fault })
	}
}

// take returns what the first matching fault does, or nil if there is none.
func (f *apiFaults) take(method string, chat int64) FaultFunc {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, g := range f.list {
		if g.Method != "" && g.Method != method || g.Chat != 0 && g.Chat != chat {
			continue
		}
		if g.Times--; g.Times == 0 {
			f.list = slices.Delete(f.list, i, i+1)
		}
		return g.Do
	}
	return nil
}

// Refusals that may pass by themselves.
var (
	NoRights    = Refuse(400, "Bad Request: not enough rights to send text messages to the chat")
	TopicClosed = Refuse(400, "Bad Request: TOPIC_CLOSED")
	Blocked     = Refuse(403, "Forbidden: bot was blocked by the user")
)

// Refuse answers with an error of the Bot API.
func Refuse(code int, description string) FaultFunc { return refuseWith(refuse(code, description)) }

// TooMany answers 429.
func TooMany(retryAfter int) FaultFunc {
	return refuseWith(&apiError{Code: http.StatusTooManyRequests,
		Description: fmt.Sprintf("Too Many Requests: retry after %d", retryAfter),
		Parameters:  map[string]any{"retry_after": retryAfter}})
}

func refuseWith(err error) FaultFunc {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { respond(w, nil, err) }
}

// Answers that do not come from the Bot API.
var (
	BadGateway = page(http.StatusBadGateway, "<html><body><center><h1>502 Bad Gateway</h1></center></body></html>")
	Portal     = page(http.StatusOK, "<html><body>Please log in to the Wi-Fi.</body></html>") // a captive one
)

func page(code int, html string) FaultFunc {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(code)
		io.WriteString(w, html)
	}
}

// Redirect answers 302.
func Redirect(url string) FaultFunc {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		w.Header().Set("Location", url)
		w.WriteHeader(http.StatusFound)
	}
}

// Empty answers 200 with nothing.
func Empty(http.ResponseWriter, *http.Request, http.HandlerFunc) {}

// Hang never answers.
func Hang(_ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// Cut closes the connection instead of serving the call.
func Cut(http.ResponseWriter, *http.Request, http.HandlerFunc) { panic(http.ErrAbortHandler) }

// Reset is Cut with a TCP reset.
func Reset(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		c.(*conn).Conn.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// Lose serves the call and loses the answer.
func Lose(_ http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	serve(&recorder{header: http.Header{}}, r)
	panic(http.ErrAbortHandler)
}

// Truncated closes the connection in the middle of the answer.
func Truncated(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	answer := record(w, r, serve)
	w.WriteHeader(answer.code)
	w.Write(answer.body.Next(answer.body.Len() / 2))
	http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// Drip sends the answer byte by byte.
func Drip(pause time.Duration) FaultFunc {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		answer := record(w, r, serve)
		w.WriteHeader(answer.code)
		for _, b := range answer.body.Bytes() {
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

// Huge pads the answer with leading blanks to n bytes.
func Huge(n int) FaultFunc {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		answer := record(w, r, serve)
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.code)
		w.Write(bytes.Repeat([]byte(" "), max(0, n-answer.body.Len())))
		w.Write(answer.body.Bytes())
	}
}

// record serves a call; w gets the header of the answer but neither its status
// nor its body.
func record(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) *recorder {
	answer := &recorder{header: w.Header()}
	serve(answer, r)
	return answer
}

type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(code int)        { r.code = code }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

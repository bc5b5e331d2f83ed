package venue

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An API is a simulated Telegram Bot API server with one bot, and the people who
// write to it. Its methods are those of its parts: what people do and what tests
// look at, the connections, the faults, the terminal.
type API struct {
	*network
	*telegram
	*terminal
	*apiFaults
	token string
}

// NewAPI starts a server for the bot with this token and name on a free port of
// 127.0.0.1.
func NewAPI(token, username string) *API {
	number, _, _ := strings.Cut(token, ":")
	id, _ := strconv.ParseInt(number, 10, 64)
	t := newTelegram(User{ID: id, Name: username, Username: username, IsBot: true})
	a := &API{telegram: t, terminal: &terminal{telegram: t, wait: pressWait}, apiFaults: &apiFaults{}, token: token}
	a.network = newNetwork(a.handle)
	return a
}

// handle serves a request, or has the first matching fault do it.
func (a *API) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	token, method, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/bot"), "/")
	p, raw, mistake := readParameters(r.Header.Get("Content-Type"), body)
	a.change(func() {
		if mistake != nil {
			a.complain("%s: %v", method, mistake)
		}
		a.calls = append(a.calls, Call{method, raw, time.Now()})
	})

	serve := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case token != a.token:
			respond(w, nil, refuse(http.StatusUnauthorized, "Unauthorized"))
		case mistake != nil:
			respond(w, nil, badRequest("%v", mistake))
		default:
			result, err := (&call{a.telegram, p, r.Context()}).serve(method)
			if r.Context().Err() != nil { // the client or the server has gone
				panic(http.ErrAbortHandler)
			}
			a.setDate(w) // again: it may have taken long
			respond(w, result, err)
		}
	}
	a.setDate(w)
	if do := a.take(method, p.Chat); do != nil {
		do(w, r, serve)
		return
	}
	serve(w, r)
}

// setDate sets the Date of an answer by the server's clock.
func (a *API) setDate(w http.ResponseWriter) {
	a.telegram.mu.Lock()
	defer a.telegram.mu.Unlock()
	w.Header().Set("Date", a.now().UTC().Format(http.TimeFormat))
}

package venue

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Web is the web interface of a card, behind which one PDU or several chained
// ones stand. It lets one person in at a time, takes what a browser sends, and
// complains of what no browser would send and of what nobody may do by way of
// the bot.
type Web struct {
	pdus   []*PDU
	g      Generation
	url    string
	srv    *http.Server
	cancel context.CancelFunc
	wg     sync.WaitGroup // the server and its connections

	mu             sync.Mutex // guards what follows
	user, password string
	manners        WebFaults
	settings       [][]control // of the configuration page, by unit
	session        *webSession // nil while nobody is logged in
	early          map[string]string
	ended          map[string]bool // cookies of ended sessions
	refused        map[string]bool // what was refused, user and password
	occupied       time.Time       // until when somebody else is logged in
	complaints     []string
	in, out        int // log-ins taken and refused
	applied        int
	asked          map[string]int // requests by stage
	posts          []string       // forms of the configuration page that came in
}

// sessionTime is how long a session lasts that nobody uses.
const sessionTime = 3 * time.Minute

// ServeWeb starts the web interface of a PDU on l, for the user apc with the
// password apc. Close ends it.
func ServeWeb(p *PDU, g Generation, l net.Listener) *Web {
	return serveWeb([]*PDU{p}, g, l, "http")
}

// ServeWebTLS is ServeWeb over TLS.
func ServeWebTLS(p *PDU, g Generation, l net.Listener, cfg *tls.Config) *Web {
	return serveWeb([]*PDU{p}, g, tls.NewListener(l, cfg), "https")
}

// ServeWebChain is ServeWeb for chained units.
func ServeWebChain(units []*PDU, g Generation, l net.Listener) *Web {
	return serveWeb(units, g, l, "http")
}

func serveWeb(units []*PDU, g Generation, l net.Listener, scheme string) *Web {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Web{
		pdus: units, g: g, url: scheme + "://" + l.Addr().String() + "/", cancel: cancel, user: "apc", password: "apc",
		early: map[string]string{}, ended: map[string]bool{}, refused: map[string]bool{}, asked: map[string]int{},
	}
	for _, p := range units {
		w.settings = append(w.settings, g.settings(p.Name))
	}
	w.srv = &http.Server{
		Handler:     http.HandlerFunc(w.serve),
		ErrorLog:    log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				w.wg.Add(1)
			case http.StateClosed:
				w.wg.Done()
			}
		},
	}
	w.srv.SetKeepAlivesEnabled(g.keepAlive)
	w.wg.Go(func() { w.srv.Serve(l) })
	return w
}

// URL returns the card's address with a slash at its end.
func (w *Web) URL() string { return w.url }

// Close ends the web interface with all that hangs in it.
func (w *Web) Close() {
	w.cancel()
	w.srv.Close()
	w.wg.Wait()
}

// Behave gives the card new manners from the next request on.
func (w *Web) SetFaults(m WebFaults) { w.locked(func() { w.manners = m }) }

// Credentials sets who may log in.
func (w *Web) Credentials(user, password string) {
	w.locked(func() { w.user, w.password = user, password })
}

// Occupy logs somebody else in for d, 0 logs him off. He does not count as an
// open session.
func (w *Web) Occupy(d time.Duration) { w.locked(func() { w.occupied = time.Now().Add(d) }) }

// Open returns how many sessions are open: more than 0 once a client is done
// is a leak.
func (w *Web) Open() (n int) {
	w.locked(func() {
		if w.expire(time.Now()); w.session != nil {
			n = 1
		}
	})
	return n
}

// Logins returns how many log-ins were taken and how many refused for a wrong
// user or password.
func (w *Web) Logins() (ok, refused int) {
	w.locked(func() { ok, refused = w.in, w.out })
	return ok, refused
}

// Applies returns how often settings took effect, with or without a reset of
// the peak.
func (w *Web) Applies() (n int) {
	w.locked(func() { n = w.applied })
	return n
}

// Asked returns how many requests have come in at a stage of those that
// WebFaults has, answered or not.
func (w *Web) Asked(stage string) (n int) {
	w.locked(func() { n = w.asked[stage] })
	return n
}

// Posts returns the forms of the configuration page that came in, each with
// its fields in their order and without the session's token.
func (w *Web) Posts() (all []string) {
	w.locked(func() { all = slices.Clone(w.posts) })
	return all
}

// Complaints returns what the card's owner has to complain of, in the order in
// which it happened.
func (w *Web) Complaints() (all []string) {
	w.locked(func() { all = slices.Clone(w.complaints) })
	return all
}

// pages returns the card's pages as they are now.
func (w *Web) pages() cardPages {
	return cardPages{w.g, w.pdus, w.settings, w.manners, w.session}
}

func (w *Web) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *Web) complain(format string, args ...any) {
	w.complaints = append(w.complaints, fmt.Sprintf(format, args...))
}

// A visit is one request as the card reads it.
type visit struct {
	*http.Request
	token, page, stage string
	posted             []pair
	unit               int
	bad                string // what is wrong with it
}

func lead(code int, location string) webReply { return webReply{code: code, location: location} }

// lead redirects to a path on the card. An absolute address is made of the
// Host header, as cards do.
func (w *Web) lead(v *visit, path string) webReply {
	switch {
	case !w.g.absolute:
		return lead(http.StatusSeeOther, path)
	case v.TLS != nil:
		return lead(http.StatusSeeOther, "https://"+v.Host+path)
	}
	return lead(http.StatusSeeOther, "http://"+v.Host+path)
}

// read takes a request apart.
func (w *Web) read(r *http.Request) *visit {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	v := &visit{Request: r, page: strings.TrimPrefix(r.URL.EscapedPath(), "/")}
	if after, ok := strings.CutPrefix(v.page, "NMC/"); ok {
		v.token, v.page, _ = strings.Cut(after, "/")
	}
	v.stage = w.g.stage(v.token, v.page)
	unit := r.URL.Query().Get("pdu")
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	isForm := strings.HasPrefix(v.page, "Forms/")
	switch {
	case err != nil:
		v.bad = "body: " + err.Error()
	case r.Method != "GET" && r.Method != "HEAD" && r.Method != "POST", isForm != (r.Method == "POST"):
		v.bad = "no such method here"
	case r.Method != "POST" && len(body) > 0:
		v.bad = "a body"
	case r.Method == "POST" && contentType != "application/x-www-form-urlencoded":
		v.bad = fmt.Sprintf("content type %q", contentType)
	case r.Method == "POST":
		if v.posted, err = w.g.decode(string(body)); err != nil {
			v.bad = err.Error()
		}
		unit, _ = lookup(v.posted, "pdu")
	}
	v.unit = 1
	if n, err := strconv.Atoi(unit); err == nil && n >= 1 && n <= len(w.pdus) {
		v.unit = n
	}
	return v
}

func (w *Web) serve(rw http.ResponseWriter, r *http.Request) {
	v := w.read(r)
	w.mu.Lock()
	w.asked[v.stage]++
	m := w.manners
	w.mu.Unlock()
	strikes := m.At == "" || m.At == v.stage
	if m.Hang && strikes {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	if m.Delay > 0 {
		select {
		case <-time.After(m.Delay):
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}

	var a webReply
	switch {
	case strikes && m.Redirect == "endless":
		n, _ := strconv.Atoi(r.URL.RawQuery)
		a = lead(http.StatusFound, r.URL.EscapedPath()+"?"+strconv.Itoa(n+1))
	case strikes && m.Redirect != "":
		a = lead(http.StatusFound, m.Redirect)
	case strikes && m.Garbage:
		a = webReply{code: http.StatusOK, page: garbage()}
	default:
		w.locked(func() { a = w.answer(v) })
	}
	if a.cut {
		panic(http.ErrAbortHandler)
	}
	w.write(rw, a)
}

func (w *Web) write(rw http.ResponseWriter, a webReply) {
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if w.g.latin1 {
		h.Set("Content-Type", "text/html; charset=ISO-8859-1")
	}
	h.Set("Cache-Control", "no-cache")
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.cookie != "" {
		h.Set("Set-Cookie", w.g.cookie+"="+a.cookie+"; path=/; HttpOnly")
	}
	if a.code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="APC Management Card"`)
	}
	body := w.g.encode(a.page)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	rw.WriteHeader(a.code)
	io.WriteString(rw, body)
}

// end ends the session, if there is one.
func (w *Web) end() {
	if w.session != nil && w.session.cookie != "" {
		w.ended[w.session.cookie] = true
	}
	w.session = nil
}

func (w *Web) expire(now time.Time) {
	if w.session != nil && now.Sub(w.session.used) >= sessionTime {
		w.end()
	}
}

func (w *Web) busy() bool {
	return w.session != nil || w.manners.Busy || time.Now().Before(w.occupied)
}

// answer finds the answer to a request.
func (w *Web) answer(v *visit) webReply {
	w.expire(time.Now())
	switch {
	case w.manners.OtherDevice:
		if v.Method == "POST" {
			w.complain("%s: a stranger was sent a form", v.page)
		}
		return webReply{code: http.StatusOK, page: strangerPage}
	case w.manners.BasicAuth:
		return webReply{code: http.StatusUnauthorized, page: "<html><body>Authorization required</body></html>"}
	case w.manners.NeedsHTTPS:
		return w.pages().message(http.StatusForbidden, "Protected Object",
			"Protected Object: this object requires a secure socket connection.")
	case v.bad != "":
		w.complain("malformed request: %s %s: %s", v.Method, v.page, v.bad)
		return w.pages().message(http.StatusBadRequest, "Bad Request", "The request could not be understood.")
	}
	cookie := ""
	if c, err := v.Cookie(w.g.cookie); err == nil {
		cookie = c.Value
	}
	s := w.session
	here := s != nil && v.token == s.token && (s.cookie == "" || cookie == s.cookie)
	if here {
		s.used = time.Now()
	}
	isFront := v.token == "" && slices.Contains(w.g.hops, v.page) || w.g.early && v.stage == "login"
	switch {
	case v.stage == "root" && here:
		return lead(http.StatusSeeOther, s.base()+"home.htm")
	case isFront, v.stage == "root":
		return w.front(v)
	case v.stage == "logon":
		return w.logon(v, cookie)
	case !here && w.g.has(v.page):
		return w.away(v)
	case !here, !w.g.has(v.page):
		return w.pages().message(http.StatusNotFound, "Not Found", "The page was not found on this server.")
	}
	return w.inside(v)
}

// inside answers who is logged in.
func (w *Web) inside(v *visit) webReply {
	s := w.session
	switch {
	case v.stage == "logout":
		w.end()
		return w.pages().message(http.StatusOK, "Log Off", `You are now logged off. <a href="/">Log On</a>`)
	case s.change && v.Method == "POST":
		w.complain("%s: the password was to be changed", v.page)
		return lead(http.StatusSeeOther, s.base()+passwordPage)
	case s.change && v.page != passwordPage:
		return lead(http.StatusSeeOther, s.base()+passwordPage)
	case v.stage == "apply":
		return w.post(v)
	case v.stage == "confirm":
		return w.confirm(v)
	case v.Method == "POST":
		w.complain("%s: form posted", v.page)
		return lead(http.StatusSeeOther, s.base()+"home.htm")
	}
	if page := w.g.pageOf(v.page); slices.Contains(dangerous, page) {
		w.complain("%s: dangerous page opened", webMenu[menuIndex(page)].text)
	}
	return webReply{code: http.StatusOK, page: w.pages().content(v.page, v.unit)}
}

// away leads to the first page on the way to the log-in form.
func (w *Web) away(v *visit) webReply {
	if !w.g.early {
		return w.lead(v, "/"+w.g.hops[0])
	}
	token, cookie := newToken(), "apc"+newToken()
	if len(w.early) > 64 {
		clear(w.early)
	}
	w.early[token] = cookie
	a := w.lead(v, "/NMC/"+token+"/"+w.g.hops[0])
	a.cookie = cookie
	return a
}

// front answers who comes from outside: with the log-in page, or with the next
// step to it.
func (w *Web) front(v *visit) webReply {
	hop := slices.Index(w.g.hops, v.page)
	switch {
	case hop < 0, w.g.early && w.early[v.token] == "":
		return w.away(v)
	case hop < len(w.g.hops)-1:
		return w.lead(v, "/"+w.g.hops[hop+1])
	case w.g.busyFirst && w.busy():
		return w.pages().message(w.g.busyStatus, "Access Denied", someone)
	}
	return webReply{code: http.StatusOK, page: w.pages().loginPage(v.token, "")}
}

// logon takes or refuses a log-in.
func (w *Web) logon(v *visit, cookie string) webReply {
	switch {
	case w.ended[cookie]:
		return w.pages().message(http.StatusBadRequest, "Bad Request", "The session has ended.")
	case w.g.early && (cookie == "" || w.early[v.token] != cookie):
		return w.away(v)
	}
	w.check("log-in", w.g.loginForm(w.pages().preselected()), v.posted)
	user, _ := lookup(v.posted, "login_username")
	password, _ := lookup(v.posted, "login_password")
	if user != w.user || password != w.password {
		return w.refuse(v, user+"\n"+password)
	}
	if w.busy() {
		return w.pages().message(w.g.busyStatus, "Access Denied", someone)
	}

	s := &webSession{form: newToken(), used: time.Now(), change: w.manners.ForcedPasswordChange}
	language, _ := lookup(v.posted, "prefLanguage")
	s.foreign = language != webLanguages[0][0]
	switch {
	case w.g.early:
		s.token, s.cookie = v.token, cookie
		delete(w.early, v.token)
	case w.g.tokens:
		s.token = newToken()
	}
	if w.g.cookie != "" && !w.g.early {
		s.cookie = newToken()
	}
	w.in++
	w.session = s
	a := w.lead(v, s.base()+"home.htm")
	if s.change {
		a = w.lead(v, s.base()+passwordPage)
	}
	if !w.g.early {
		a.cookie = s.cookie
	}
	return a
}

// refuse answers a wrong password.
func (w *Web) refuse(v *visit, what string) webReply {
	w.out++
	if w.refused[what] {
		w.complain("log-in: what was refused was tried again")
	}
	w.refused[what] = true
	switch w.g.refusal {
	case refuseByRedirect:
		return w.away(v)
	case refuseByForm:
		return webReply{code: http.StatusOK, page: w.pages().loginPage(v.token, invalid)}
	}
	return w.pages().message(http.StatusForbidden, "Access Denied", invalid)
}

// post takes the form of the configuration page.
func (w *Web) post(v *visit) webReply {
	s := w.session
	form := w.pages().form(v.unit)
	button := w.check("configuration", form, v.posted)
	var fields []string
	for _, p := range v.posted {
		if p[1] != s.form {
			fields = append(fields, p[0]+"="+p[1])
		}
	}
	w.posts = append(w.posts, strings.Join(fields, "&"))
	switch {
	case button == "Cancel":
		return lead(http.StatusSeeOther, s.base()+"home.htm")
	case w.manners.CutBeforeApply:
		return webReply{cut: true}
	case w.g.confirm:
		s.pending = v.posted
		return webReply{code: http.StatusOK, page: w.pages().confirmPage()}
	}
	return w.apply(v.unit, v.posted)
}

// confirm takes the form of the confirm page.
func (w *Web) confirm(v *visit) webReply {
	s := w.session
	button, posted := w.check("confirm page", w.pages().confirmForm(), v.posted), s.pending
	switch {
	case posted == nil:
		w.complain("confirm page: nothing to confirm")
		return lead(http.StatusSeeOther, s.base()+"home.htm")
	case w.manners.CutConfirm:
		return webReply{cut: true}
	}
	s.pending = nil
	if button == "Cancel" {
		return lead(http.StatusSeeOther, s.base()+"home.htm")
	}
	unit := 1
	if n, ok := lookup(posted, "pdu"); ok {
		unit, _ = strconv.Atoi(n)
	}
	return w.apply(unit, posted)
}

// apply puts what was posted into effect, wrong or right: a field that is
// missing clears its setting.
func (w *Web) apply(unit int, posted []pair) webReply {
	w.applied++
	for i := range w.settings[unit-1] {
		c := &w.settings[unit-1][i]
		value, has := lookup(posted, c.name)
		switch {
		case c.off, c.isButton(), c.kind == "hidden":
		case c.role == "peak":
			if c.sets(value, has) && !w.manners.NoEffect && !w.manners.NoPeak {
				w.pdus[unit-1].ResetPeak()
			}
		case c.role == "energy":
			if c.sets(value, has) {
				w.pdus[unit-1].ResetEnergy()
				w.complain("the energy meter was reset")
			}
		case c.kind == "checkbox":
			c.on = has
		default:
			c.value = strings.ReplaceAll(value, "\r\n", "\n")
		}
	}
	switch {
	case w.manners.CutAfterApply:
		return webReply{cut: true}
	case w.g.applied == "":
		page := w.pages().skin("Device", "<p>The changes have been applied.</p>", "cfgdev", "../")
		return webReply{code: http.StatusOK, page: page}
	}
	return lead(http.StatusSeeOther, w.session.base()+w.g.fileOf(w.g.applied))
}

// check compares what was posted with what a browser would send of the form
// and returns the text of the button that was pressed.
func (w *Web) check(what string, form []control, posted []pair) string {
	want, button := fromBrowser(form, posted)
	if slices.Equal(want, posted) {
		return button
	}
	rest, before := slices.Clone(posted), len(w.complaints)
	for _, f := range want {
		i := slices.IndexFunc(rest, func(p pair) bool { return p[0] == f[0] })
		if i < 0 {
			w.complain("%s: field %s is missing", what, f[0])
			continue
		}
		if rest[i][1] != f[1] {
			w.complain("%s: field %s changed from %q to %q", what, f[0], f[1], rest[i][1])
		}
		rest = slices.Delete(rest, i, i+1)
	}
	for _, f := range rest {
		w.complain("%s: field %s does not belong there", what, f[0])
	}
	if len(w.complaints) == before {
		w.complain("%s: the fields are out of order", what)
	}
	return button
}

// fromBrowser returns what a browser sends of a form in which the free controls
// were set as posted, and the button's text.
func fromBrowser(form []control, posted []pair) (sent []pair, button string) {
	pressed := slices.IndexFunc(form, func(c control) bool {
		return c.isButton() && slices.Contains(posted, pair{c.name, c.value})
	})
	if pressed < 0 { // Enter presses the first one
		pressed = slices.IndexFunc(form, control.isButton)
	}
	for i, c := range form {
		value, has := lookup(posted, c.name)
		on := c.on
		if c.role != "" && c.kind == "checkbox" {
			on = has
		} else if c.role != "" && (c.sets(value, has) || c.opts == nil || c.role == "free") {
			c.value = value
		}
		switch {
		case c.off, c.kind == "reset", c.isButton() && i != pressed, c.kind == "checkbox" && !on:
			continue
		case c.kind == "textarea":
			c.value = strings.ReplaceAll(c.value, "\n", "\r\n")
		}
		sent = append(sent, pair{c.name, c.value})
	}
	return sent, form[pressed].label
}

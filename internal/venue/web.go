package venue

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Web is the web interface of one PDU's card. It lets one person in at a time, takes what a browser sends and
// complains of what no browser would send, and of what nobody may do by way of the bot.
type Web struct {
	pdu    *PDU
	g      Generation
	url    string
	srv    *http.Server
	cancel context.CancelFunc
	wg     sync.WaitGroup // the server and its connections

	mu             sync.Mutex // guards what follows
	user, password string
	timeout        time.Duration // of a session that nobody uses
	manners        WebManners
	settings       []control   // of the configuration page
	session        *webSession // nil while nobody is logged in
	early          map[string]string
	ended          map[string]bool // cookies of ended sessions
	refused        map[string]bool // what was refused, user and password
	occupied       time.Time       // until when somebody else is logged in
	complaints     []string
	in, out        int // log-ins taken and refused
	applied        int
	asked          map[string]int // requests by stage
}

type webSession struct {
	token, cookie, form string // form is the token of its forms
	used                time.Time
	pending             []pair // posted and not yet confirmed
	change              bool   // a new password is wanted first
}

// WebManners are the bad manners of a card's web interface. The zero value is a good card.
//
// Hang, Garbage and Redirect strike at one stage, or at every request where At is empty. The stages: root (GET /, which
// is the log-in page of CookieAlone), login (the log-in page), logon (its post), menu (home and all other pages),
// config (the page with the peak's control), apply (its post), confirm (the second post), logout.
type WebManners struct {
	At       string
	Hang     bool   // accepts a request and never answers
	Garbage  bool   // answers 200 and what is no HTML
	Redirect string // answers 302 to this address; "endless" for one after the other

	Delay time.Duration // before each answer
	Drip  time.Duration // between every 16 bytes of a page

	CutBeforeApply       bool   // drops the connection when the form is posted, before anything takes effect
	CutConfirm           bool   // the same at the post of the confirm page
	CutAfterApply        bool   // drops the connection after the setting took effect
	Busy                 bool   // somebody else is logged in
	ForcedPasswordChange bool   // after the log-in a new password is demanded and nothing else shown
	NoEffect             bool   // Apply looks well and leaves the peak as it is
	NoPeak               bool   // the configuration page has no control for the peak
	TwoPeaks             bool   // it has two
	BigPage              bool   // it has more than 1 MiB ahead of its form
	Stranger             bool   // the address is that of some other device, which has a log-in form too
	NoLogout             string // "500" or "cut": what comes of a log-off, and the session stays
}

// ServeWeb starts the web interface of p on l, for the user apc with the password apc. Close ends it.
func ServeWeb(p *PDU, g Generation, l net.Listener) *Web {
	return serveWeb(p, g, l, "http")
}

// ServeWebTLS is ServeWeb over TLS.
func ServeWebTLS(p *PDU, g Generation, l net.Listener, cfg *tls.Config) *Web {
	return serveWeb(p, g, tls.NewListener(l, cfg), "https")
}

func serveWeb(p *PDU, g Generation, l net.Listener, scheme string) *Web {
	w := &Web{pdu: p, g: g, url: scheme + "://" + l.Addr().String() + "/", user: "apc", password: "apc",
		timeout: 3 * time.Minute, settings: g.settings(p.Name),
		early: map[string]string{}, ended: map[string]bool{}, refused: map[string]bool{}, asked: map[string]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	w.srv = &http.Server{Handler: http.HandlerFunc(w.serve), ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				w.wg.Add(1)
			case http.StateClosed:
				w.wg.Done()
			}
		}}
	w.srv.SetKeepAlivesEnabled(g == CookieAndToken || g == CookieAlone)
	w.wg.Go(func() { w.srv.Serve(l) })
	return w
}

// OldTLS is what the oldest cards speak: TLS 1.0 with RSA key exchange and 3DES, nothing else.
func OldTLS(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
		CipherSuites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}}
}

// SelfSigned makes a certificate with an RSA key, as cards do when they first start.
func SelfSigned(host string) tls.Certificate {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("venue: " + err.Error())
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		panic("venue: " + err.Error())
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
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
func (w *Web) Behave(m WebManners) { w.locked(func() { w.manners = m }) }

// Credentials sets who may log in.
func (w *Web) Credentials(user, password string) {
	w.locked(func() { w.user, w.password = user, password })
}

// SetTimeout sets how long a session lasts that nobody uses: 3 minutes at first.
func (w *Web) SetTimeout(d time.Duration) { w.locked(func() { w.timeout = d }) }

// Occupy logs somebody else in for d, 0 logs him off. He does not count as an open session.
func (w *Web) Occupy(d time.Duration) { w.locked(func() { w.occupied = time.Now().Add(d) }) }

// Expire ends a session as if its time were over.
func (w *Web) Expire() { w.locked(w.end) }

// Open returns how many sessions are open: more than 0 once a client is done is a leak.
func (w *Web) Open() (n int) {
	w.locked(func() {
		if w.expire(time.Now()); w.session != nil {
			n = 1
		}
	})
	return n
}

// Logins returns how many log-ins were taken and how many refused for a wrong user or password.
func (w *Web) Logins() (ok, refused int) {
	w.locked(func() { ok, refused = w.in, w.out })
	return ok, refused
}

// Applies returns how often settings took effect, with or without a reset of the peak.
func (w *Web) Applies() (n int) {
	w.locked(func() { n = w.applied })
	return n
}

// Asked returns how many requests have come in at a stage of those that WebManners has, answered or not.
func (w *Web) Asked(stage string) (n int) {
	w.locked(func() { n = w.asked[stage] })
	return n
}

// Complaints returns what the card's owner has to complain of, in the order in which it happened.
func (w *Web) Complaints() (all []string) {
	w.locked(func() { all = slices.Clone(w.complaints) })
	return all
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
	bad                string // what is wrong with it
}

// A webReply is the card's answer: a page, a redirection, or the end of the connection.
type webReply struct {
	code                   int
	location, cookie, page string
	cut                    bool
}

func lead(code int, location string) webReply { return webReply{code: code, location: location} }

// abs makes a path on the card an address, of the Host header as the cards do.
func (v *visit) abs(path string) string {
	if v.TLS != nil {
		return "https://" + v.Host + path
	}
	return "http://" + v.Host + path
}

// read takes a request apart.
func (w *Web) read(r *http.Request) *visit {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	v := &visit{Request: r, page: strings.TrimPrefix(r.URL.EscapedPath(), "/")}
	if after, ok := strings.CutPrefix(v.page, "NMC/"); ok {
		v.token, v.page, _ = strings.Cut(after, "/")
	}
	v.stage = w.g.stage(v.token, v.page)
	form := strings.HasPrefix(v.page, "Forms/")
	switch {
	case err != nil:
		v.bad = "body: " + err.Error()
	case r.Method != "GET" && r.Method != "HEAD" && r.Method != "POST", form != (r.Method == "POST"):
		v.bad = "no such method here"
	case r.Method != "POST":
		if len(body) > 0 {
			v.bad = "a body"
		}
	default:
		if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); ct != "application/x-www-form-urlencoded" {
			v.bad = fmt.Sprintf("content type %q", ct)
		}
		if v.posted, err = w.g.decode(string(body)); err != nil {
			v.bad = err.Error()
		}
	}
	return v
}

// decode returns the pairs of a form's body in their order.
func (g Generation) decode(body string) (form []pair, err error) {
	for field := range strings.SplitSeq(body, "&") {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return nil, fmt.Errorf("form field %q without =", field)
		}
		for _, s := range []*string{&name, &value} {
			if *s, err = url.QueryUnescape(*s); err != nil {
				return nil, err
			}
			if g == TokenPath { // ISO-8859-1
				runes := make([]rune, 0, len(*s))
				for _, b := range []byte(*s) {
					runes = append(runes, rune(b))
				}
				*s = string(runes)
			}
		}
		form = append(form, pair{name, value})
	}
	return form, nil
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
	pause(r.Context(), m.Delay)
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
	h := rw.Header()
	h.Set("Content-Type", w.g.contentType())
	h.Set("Cache-Control", "no-cache")
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.cookie != "" {
		h.Set("Set-Cookie", w.g.cookie()+"="+a.cookie+"; path=/; HttpOnly")
	}
	body := w.g.encode(a.page)
	if m.Drip == 0 {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		rw.WriteHeader(a.code)
		io.WriteString(rw, body)
		return
	}
	rw.WriteHeader(a.code)
	for drop := range slices.Chunk([]byte(body), 16) {
		rw.Write(drop)
		rw.(http.Flusher).Flush()
		pause(r.Context(), m.Drip)
	}
}

// pause lets d pass, or ends the handler when the client or the server goes first.
func pause(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	}
}

// end ends the session, if there is one.
func (w *Web) end() {
	if w.session != nil && w.session.cookie != "" {
		w.ended[w.session.cookie] = true
	}
	w.session = nil
}

func (w *Web) expire(now time.Time) {
	if w.session != nil && now.Sub(w.session.used) >= w.timeout {
		w.end()
	}
}

func (w *Web) busy() bool {
	return w.session != nil || w.manners.Busy || time.Now().Before(w.occupied)
}

// answer finds the answer to a request.
func (w *Web) answer(v *visit) webReply {
	w.expire(time.Now())
	if w.manners.Stranger {
		if v.Method == "POST" {
			w.complain("%s: a stranger was sent a form", v.page)
		}
		return webReply{code: http.StatusOK, page: strangerPage}
	}
	if v.bad != "" {
		w.complain("malformed request: %s %s: %s", v.Method, v.page, v.bad)
		return w.message(http.StatusBadRequest, "Bad Request", "The request could not be understood.")
	}
	cookie := ""
	if c, err := v.Cookie(w.g.cookie()); err == nil {
		cookie = c.Value
	}
	s := w.session
	here := s != nil && v.token == s.token && (s.cookie == "" || cookie == s.cookie)
	if here {
		s.used = time.Now()
	}
	switch {
	case v.stage == "root" && here:
		return lead(http.StatusSeeOther, s.base()+"home.htm")
	case v.stage == "root", v.stage == "login", v.page == "index.htm" && v.token == "" && w.g == Redirects:
		return w.front(v)
	case v.stage == "logon":
		return w.logon(v, cookie)
	case !here && w.g.has(v.page):
		return w.away(v)
	case !here, !w.g.has(v.page):
		return w.message(http.StatusNotFound, "Not Found", "The page was not found on this server.")
	case v.stage == "logout":
		return w.logout()
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
	if slices.ContainsFunc(dangerous, func(page string) bool { return v.page == w.g.file(page) }) {
		w.complain("%s: dangerous page opened", w.g.title(v.page))
	}
	return webReply{code: http.StatusOK, page: w.content(v.page)}
}

// base is the folder of a session's pages.
func (s *webSession) base() string {
	if s.token == "" {
		return "/"
	}
	return "/NMC/" + s.token + "/"
}

// away leads to the log-in page.
func (w *Web) away(v *visit) webReply {
	switch w.g {
	case TokenPath:
		return lead(http.StatusSeeOther, "/logon.htm")
	case CookieAndToken:
		token, cookie := newToken(), "apc"+newToken()
		if len(w.early) > 64 {
			clear(w.early)
		}
		w.early[token] = cookie
		return webReply{code: http.StatusSeeOther, location: "/NMC/" + token + "/logon.htm", cookie: cookie}
	case Redirects:
		return lead(http.StatusSeeOther, v.abs("/logon.htm"))
	}
	return lead(http.StatusSeeOther, "/")
}

// front answers who comes from outside: with the log-in page, or with the next step to it.
func (w *Web) front(v *visit) webReply {
	switch {
	case v.stage == "root" && w.g == Redirects:
		return lead(http.StatusFound, v.abs("/index.htm"))
	case v.page == "index.htm":
		return lead(http.StatusFound, v.abs("/logon.htm"))
	case v.stage == "root" && w.g != CookieAlone,
		w.g == CookieAndToken && w.early[v.token] == "":
		return w.away(v)
	case w.g == CookieAlone && w.busy():
		return w.message(http.StatusForbidden, "Access Denied", someone)
	}
	return webReply{code: http.StatusOK, page: w.loginPage(v.token, "")}
}

// logon takes or refuses a log-in.
func (w *Web) logon(v *visit, cookie string) webReply {
	s := &webSession{token: v.token, cookie: cookie, form: newToken(), used: time.Now()}
	switch {
	case w.ended[cookie]:
		return w.message(http.StatusBadRequest, "Bad Request", "The session has ended.")
	case w.g == CookieAndToken && (cookie == "" || w.early[v.token] != cookie):
		return w.away(v)
	case w.g == TokenPath, w.g == Redirects:
		s.token = newToken()
	case w.g == CookieAlone:
		s.token, s.cookie = "", newToken()
	}
	w.check("log-in", w.g.login(), v.posted)
	var user, password string
	for _, p := range v.posted {
		switch p[0] {
		case "login_username":
			user = p[1]
		case "login_password":
			password = p[1]
		}
	}
	if user != w.user || password != w.password {
		w.out++
		if w.refused[user+"\n"+password] {
			w.complain("log-in: what was refused was tried again")
		}
		w.refused[user+"\n"+password] = true
		switch w.g {
		case TokenPath:
			return w.away(v)
		case CookieAndToken:
			return webReply{code: http.StatusOK, page: w.loginPage(v.token, invalid)}
		}
		return w.message(http.StatusForbidden, "Access Denied", invalid)
	}
	if w.busy() {
		if w.g == CookieAndToken {
			return w.message(http.StatusOK, "Log On", someone)
		}
		return w.message(http.StatusForbidden, "Access Denied", someone)
	}
	w.in++
	s.change = w.manners.ForcedPasswordChange
	w.session = s
	delete(w.early, v.token)
	page := "home.htm"
	if s.change {
		page = passwordPage
	}
	a := lead(http.StatusSeeOther, v.abs(s.base()+page))
	switch w.g {
	case Redirects:
		a.location = v.abs(s.base())
	case CookieAlone:
		a.location, a.cookie = s.base()+page, s.cookie
	}
	return a
}

func (w *Web) logout() webReply {
	switch w.manners.NoLogout {
	case "500":
		return w.message(http.StatusInternalServerError, "Error", "Internal error.")
	case "cut":
		return webReply{cut: true}
	}
	w.end()
	if w.g == TokenPath {
		return lead(http.StatusSeeOther, "/")
	}
	return w.message(http.StatusOK, "Log Off", `You are now logged off. <a href="/">Log On</a>`)
}

// post takes the form of the configuration page.
func (w *Web) post(v *visit) webReply {
	s := w.session
	button := w.check("configuration", w.form(), v.posted)
	switch {
	case button == "Cancel":
		return lead(http.StatusSeeOther, s.base()+"home.htm")
	case w.manners.CutBeforeApply:
		return webReply{cut: true}
	case w.g == CookieAndToken:
		s.pending = v.posted
		return webReply{code: http.StatusOK, page: w.confirmPage()}
	}
	return w.apply(v.posted)
}

// confirm takes the form of the confirm page.
func (w *Web) confirm(v *visit) webReply {
	s := w.session
	button, posted := w.check("confirm page", w.confirmForm(), v.posted), s.pending
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
	return w.apply(posted)
}

// apply puts what was posted into effect, wrong or right: a field that is missing clears its setting.
func (w *Web) apply(posted []pair) webReply {
	w.applied++
	for i := range w.settings {
		c := &w.settings[i]
		value, has := lookup(posted, c.name)
		switch {
		case c.off, c.kind == "submit", c.kind == "hidden":
		case c.role == "peak":
			if c.set(value, has) && !w.manners.NoEffect && !w.manners.NoPeak {
				w.pdu.ResetPeak()
			}
		case c.role == "energy":
			if c.set(value, has) {
				w.pdu.ResetEnergy()
				w.complain("the energy meter was reset")
			}
		case c.kind == "checkbox":
			c.on = has
		default:
			c.value = strings.ReplaceAll(value, "\r\n", "\n")
		}
	}
	base := w.session.base()
	switch {
	case w.manners.CutAfterApply:
		return webReply{cut: true}
	case w.g == TokenPath:
		return lead(http.StatusSeeOther, base+w.g.file("cfgdev"))
	case w.g == CookieAndToken:
		return lead(http.StatusSeeOther, "../"+w.g.file("statdev"))
	case w.g == Redirects:
		return webReply{code: http.StatusOK, page: w.skin("Device", "<p>The changes have been applied.</p>", "cfgdev", "../")}
	}
	return lead(http.StatusFound, base+w.g.file("statdev"))
}

// check compares what was posted with what a browser would send of the form and returns the button that was pressed.
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

// fromBrowser returns what a browser sends of a form in which the free controls were set as posted, and the button's text.
func fromBrowser(form []control, posted []pair) (sent []pair, button string) {
	pressed := slices.IndexFunc(form, func(c control) bool {
		return c.kind == "submit" && slices.Contains(posted, pair{c.name, c.value})
	})
	if pressed < 0 { // Enter presses the first one
		pressed = slices.IndexFunc(form, func(c control) bool { return c.kind == "submit" })
	}
	for i, c := range form {
		value, has := lookup(posted, c.name)
		on := c.on
		if c.role != "" && c.kind == "checkbox" {
			on = has
		} else if c.role != "" && (c.set(value, has) || c.opts == nil) {
			c.value = value
		}
		switch {
		case c.off, c.kind == "reset", c.kind == "submit" && i != pressed, c.kind == "checkbox" && !on:
			continue
		case c.kind == "textarea":
			c.value = strings.ReplaceAll(c.value, "\n", "\r\n")
		}
		sent = append(sent, pair{c.name, c.value})
	}
	return sent, form[pressed].label
}

func lookup(form []pair, name string) (string, bool) {
	i := slices.IndexFunc(form, func(p pair) bool { return p[0] == name })
	if i < 0 {
		return "", false
	}
	return form[i][1], true
}

// newToken makes one of the 22 characters that stand in paths and cookies, with a + and a - in each.
func newToken() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
	b := make([]byte, 22)
	rand.Read(b)
	for i := range b {
		b[i] = letters[b[i]%64]
	}
	b[7], b[15] = '+', '-'
	return string(b)
}

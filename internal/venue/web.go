package venue

import (
	"cmp"
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
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Web is the web interface of a card with one PDU or several chained ones. It
// lets one person in at a time, takes what a browser sends, and complains of what
// no browser would send and of what the bot must not do.
type Web struct {
	generation Generation
	units      []*PDU
	url        string
	server     *http.Server
	cancel     context.CancelFunc

	mu             sync.Mutex // guards what follows
	user, password string
	faults         WebFaults
	session        *webSession       // nil while nobody is logged in
	early          map[string]string // cookies of log-in pages, by token
	ended          map[string]bool   // cookies of ended sessions
	refused        map[string]bool   // what was refused, user and password

	loggedIn, refusals, applied int
	asked                       map[string]int // requests by stage
	posts                       []string
	complaints                  []string
}

// sessionTime is how long an unused session lasts.
const sessionTime = 3 * time.Minute

// ServeWeb starts the web interface of a PDU and the units chained to it on l, for
// the user apc with the password apc. Close ends it.
func ServeWeb(p *PDU, g Generation, l net.Listener) *Web { return serveWeb(p, g, l, "http") }

// ServeWebTLS is ServeWeb over TLS.
func ServeWebTLS(p *PDU, g Generation, l net.Listener, cfg *tls.Config) *Web {
	return serveWeb(p, g, tls.NewListener(l, cfg), "https")
}

func serveWeb(p *PDU, g Generation, l net.Listener, scheme string) *Web {
	w := &Web{
		generation: g, units: p.Units(), url: scheme + "://" + l.Addr().String() + "/", user: "apc", password: "apc",
		early: map[string]string{}, ended: map[string]bool{}, refused: map[string]bool{}, asked: map[string]int{},
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	w.server = &http.Server{
		Handler:     http.HandlerFunc(w.serve),
		ErrorLog:    log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	w.server.SetKeepAlivesEnabled(g.keepAlive)
	go w.server.Serve(l)
	return w
}

// URL returns the card's address with a slash at its end.
func (w *Web) URL() string { return w.url }

// Close stops the web interface and cancels its requests.
func (w *Web) Close() {
	w.cancel()
	w.server.Close()
}

// SetFaults sets the faults of the card, from the next request on.
func (w *Web) SetFaults(f WebFaults) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = f
}

// Credentials sets the user who may log in.
func (w *Web) Credentials(user, password string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.user, w.password = user, password
}

// Open returns the number of open sessions. A client that is done must leave none.
func (w *Web) Open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session != nil {
		return 1
	}
	return 0
}

// Logins returns how many log-ins succeeded, and how many were refused because of
// a wrong user or password.
func (w *Web) Logins() (ok, refused int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loggedIn, w.refusals
}

// Applies returns how often settings were applied, with or without a reset.
func (w *Web) Applies() int { return locked(w, func() int { return w.applied }) }

// Asked returns the number of requests received at a stage of WebFaults, answered
// or not.
func (w *Web) Asked(stage string) int { return locked(w, func() int { return w.asked[stage] }) }

// Posts returns the submissions of the configuration page, each with its fields in
// order and without the session's token.
func (w *Web) Posts() []string { return locked(w, func() []string { return slices.Clone(w.posts) }) }

// Complaints returns what clients did wrong, in order.
func (w *Web) Complaints() []string {
	return locked(w, func() []string { return slices.Clone(w.complaints) })
}

func locked[T any](w *Web, f func() T) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f()
}

func (w *Web) complain(format string, args ...any) {
	w.complaints = append(w.complaints, fmt.Sprintf(format, args...))
}

// pages returns the card's pages as they are now.
func (w *Web) pages() cardPages {
	return cardPages{w.generation, w.units, w.faults, w.session}
}

// A webRequest is one request as the card reads it.
type webRequest struct {
	*http.Request
	token, file, stage string
	posted             []pair
	unit               int
	mistake            error
}

// read parses a request.
func (w *Web) read(r *http.Request) *webRequest {
	q := &webRequest{Request: r, file: strings.TrimPrefix(r.URL.EscapedPath(), "/")}
	if after, ok := strings.CutPrefix(q.file, "NMC/"); ok {
		q.token, q.file, _ = strings.Cut(after, "/")
	}
	q.stage = w.stage(q.token, q.file)

	unit := r.URL.Query().Get("pdu")
	isForm := strings.HasPrefix(q.file, "Forms/")
	switch {
	case isForm != (r.Method == http.MethodPost):
		q.mistake = fmt.Errorf("method %s", r.Method)
	case isForm && r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
		q.mistake = fmt.Errorf("content type %q", r.Header.Get("Content-Type"))
	case isForm:
		var body []byte
		if body, q.mistake = io.ReadAll(r.Body); q.mistake == nil {
			q.posted, q.mistake = decodeForm(string(body), w.generation.latin1)
			unit, _ = lookup(q.posted, "pdu")
		}
	}
	q.unit = w.unit(unit)
	return q
}

// unit returns the unit of that number, the first one if there is no such.
func (w *Web) unit(number string) int {
	if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= len(w.units) {
		return n
	}
	return 1
}

// stage returns the stage of WebFaults at which a file is requested.
func (w *Web) stage(token, file string) string {
	switch file {
	case "":
		if token == "" {
			return "root"
		}
	case "logon.htm":
		return "login"
	case "Forms/login1":
		return "logon"
	case "Forms/confirm1":
		return "confirm"
	case "logout.htm":
		return "logout"
	case w.generation.fileOf("cfgdev"):
		return "config"
	case w.generation.action("cfgdev"):
		return "apply"
	}
	return "menu"
}

func (w *Web) serve(rw http.ResponseWriter, r *http.Request) {
	q := w.read(r)
	faults := locked(w, func() WebFaults {
		w.asked[q.stage]++
		return w.faults
	})
	strikes := faults.At == "" || faults.At == q.stage
	var wait <-chan time.Time // forever
	if !faults.Hang || !strikes {
		wait = time.After(faults.Delay)
	}
	select {
	case <-wait:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}

	var reply webReply
	switch {
	case strikes && faults.Redirect == "endless":
		n, _ := strconv.Atoi(r.URL.RawQuery)
		reply = webReply{code: http.StatusFound, location: r.URL.EscapedPath() + "?" + strconv.Itoa(n+1)}
	case strikes && faults.Redirect != "":
		reply = webReply{code: http.StatusFound, location: faults.Redirect}
	case strikes && faults.Garbage:
		reply = webReply{page: garbage()}
	default:
		reply = locked(w, func() webReply { return w.reply(q) })
	}
	if reply.cut {
		panic(http.ErrAbortHandler)
	}
	if isPath := strings.HasPrefix(reply.location, "/"); isPath && w.generation.absolute {
		reply.location = w.address(r) + reply.location
	}
	w.write(rw, reply)
}

// address is the card's address as the client wrote it; cards know no other.
func (w *Web) address(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (w *Web) write(rw http.ResponseWriter, reply webReply) {
	code := cmp.Or(reply.code, http.StatusOK)
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if w.generation.latin1 {
		h.Set("Content-Type", "text/html; charset=ISO-8859-1")
		reply.page = toLatin1(reply.page)
	}
	h.Set("Cache-Control", "no-cache")
	if reply.location != "" {
		code = cmp.Or(reply.code, http.StatusSeeOther)
		h.Set("Location", reply.location)
	}
	if reply.cookie != "" {
		h.Set("Set-Cookie", w.generation.cookie+"="+reply.cookie+"; path=/; HttpOnly")
	}
	if code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="APC Management Card"`)
	}
	h.Set("Content-Length", strconv.Itoa(len(reply.page)))
	rw.WriteHeader(code)
	io.WriteString(rw, reply.page)
}

// reply answers a request.
func (w *Web) reply(q *webRequest) webReply {
	switch {
	case w.faults.OtherDevice:
		if q.Method == http.MethodPost {
			w.complain("%s: another device was sent a form", q.file)
		}
		return webReply{page: otherDevice}
	case w.faults.BasicAuth:
		return webReply{code: http.StatusUnauthorized, page: "<html><body>Authorization required</body></html>"}
	case w.faults.NeedsHTTPS:
		return w.pages().message(http.StatusForbidden, "Protected Object",
			"Protected Object: this object requires a secure socket connection.")
	case q.mistake != nil:
		w.complain("malformed request: %s %s: %v", q.Method, q.file, q.mistake)
		return w.pages().message(http.StatusBadRequest, "Bad Request", "The request could not be understood.")
	}

	if w.session != nil && time.Since(w.session.used) >= sessionTime {
		w.endSession()
	}
	cookie := ""
	if c, err := q.Cookie(w.generation.cookie); err == nil {
		cookie = c.Value
	}
	s, g := w.session, w.generation
	isInside := s != nil && q.token == s.token && (s.cookie == "" || cookie == s.cookie)
	if isInside {
		s.used = time.Now()
	}
	isFront := q.token == "" && slices.Contains(g.hops, q.file) || g.early && q.stage == "login"
	isKnown := q.file == "" || q.file == passwordPage || strings.HasPrefix(q.file, "Forms/") || g.pageOf(q.file) != ""
	switch {
	case q.stage == "root" && isInside:
		return webReply{location: s.folder() + "home.htm"}
	case isFront, q.stage == "root":
		return w.front(q)
	case q.stage == "logon":
		return w.logon(q, cookie)
	case !isKnown:
		return w.pages().message(http.StatusNotFound, "Not Found", "The page was not found on this server.")
	case !isInside:
		return w.away()
	}
	return w.inside(q)
}

// front answers somebody who is not logged in with the log-in page, or with the
// next step to it.
func (w *Web) front(q *webRequest) webReply {
	g := w.generation
	hop := slices.Index(g.hops, q.file)
	switch {
	case hop < 0, g.early && w.early[q.token] == "":
		return w.away()
	case hop < len(g.hops)-1:
		return webReply{location: "/" + g.hops[hop+1]}
	case g.busyFirst && w.isBusy():
		return w.pages().message(g.busyStatus, "Access Denied", someone)
	}
	return webReply{page: w.pages().loginPage(folderOf(q.token), "")}
}

// away redirects to the first page on the way to the log-in form.
func (w *Web) away() webReply {
	first := w.generation.hops[0]
	if !w.generation.early {
		return webReply{location: "/" + first}
	}
	token, cookie := newToken(), "apc"+newToken()
	w.early[token] = cookie
	return webReply{location: folderOf(token) + first, cookie: cookie}
}

func (w *Web) isBusy() bool { return w.session != nil || w.faults.Busy }

// logon accepts or refuses a log-in.
func (w *Web) logon(q *webRequest, cookie string) webReply {
	g := w.generation
	switch {
	case w.ended[cookie]:
		return w.pages().message(http.StatusBadRequest, "Bad Request", "The session has ended.")
	case g.early && (cookie == "" || w.early[q.token] != cookie):
		return w.away()
	}
	w.check("log-in", w.pages().loginForm(), q.posted)
	user, _ := lookup(q.posted, "login_username")
	password, _ := lookup(q.posted, "login_password")
	if user != w.user || password != w.password {
		return w.refuse(q, user+"\n"+password)
	}
	if w.isBusy() {
		return w.pages().message(g.busyStatus, "Access Denied", someone)
	}

	language, _ := lookup(q.posted, "prefLanguage")
	s := &webSession{form: newToken(), used: time.Now(), foreign: language != webLanguages[0][0]}
	fresh := "" // a cookie that the session sets
	switch {
	case g.early:
		s.token, s.cookie = q.token, cookie
		delete(w.early, q.token)
	case g.cookie != "":
		fresh = newToken()
		s.cookie = fresh
	}
	if g.tokens && !g.early {
		s.token = newToken()
	}
	w.loggedIn++
	w.session = s
	first := "home.htm"
	if w.faults.ForcedPasswordChange {
		first = passwordPage
	}
	return webReply{location: s.folder() + first, cookie: fresh}
}

// refuse answers a wrong password.
func (w *Web) refuse(q *webRequest, what string) webReply {
	w.refusals++
	if w.refused[what] {
		w.complain("log-in: what was refused was tried again")
	}
	w.refused[what] = true
	switch w.generation.refusal {
	case refuseByRedirect:
		return w.away()
	case refuseByForm:
		return webReply{page: w.pages().loginPage(folderOf(q.token), invalid)}
	}
	return w.pages().message(http.StatusForbidden, "Access Denied", invalid)
}

// endSession logs off.
func (w *Web) endSession() {
	if w.session.cookie != "" {
		w.ended[w.session.cookie] = true
	}
	w.session = nil
}

// inside answers somebody who is logged in.
func (w *Web) inside(q *webRequest) webReply {
	home := webReply{location: w.session.folder() + "home.htm"}
	page := w.generation.pageOf(q.file)
	switch {
	case q.stage == "logout":
		w.endSession()
		return w.pages().message(http.StatusOK, "Log Off", `You are now logged off. <a href="/">Log On</a>`)
	case w.faults.ForcedPasswordChange && q.Method == http.MethodPost:
		w.complain("%s: the password was to be changed", q.file)
		return home
	case w.faults.ForcedPasswordChange:
		return webReply{page: w.pages().passwordPage()}
	case q.stage == "apply":
		return w.post(q)
	case q.stage == "confirm":
		return w.confirm(q, home)
	case q.Method == http.MethodPost:
		w.complain("%s: form posted", q.file)
		return home
	case slices.Contains(dangerous, page):
		w.complain("%s: dangerous page opened", webMenu[menuIndex(page)].text)
	case page == "":
		page = "home"
	}
	return webReply{page: w.pages().menuPage(page, q.unit)}
}

// post handles the form of the configuration page.
func (w *Web) post(q *webRequest) webReply {
	w.check("configuration", w.pages().settingsForm(q.unit), q.posted)
	var fields []string
	for _, p := range q.posted {
		if p[1] != w.session.form {
			fields = append(fields, p[0]+"="+p[1])
		}
	}
	w.posts = append(w.posts, strings.Join(fields, "&"))
	switch {
	case w.faults.CutBeforeApply:
		return webReply{cut: true}
	case w.generation.confirm:
		w.session.pending = q.posted
		return webReply{page: w.pages().confirmPage()}
	}
	return w.apply(q.posted)
}

// confirm handles the form of the confirm page.
func (w *Web) confirm(q *webRequest, home webReply) webReply {
	w.check("confirm page", w.pages().confirmForm(), q.posted)
	posted := w.session.pending
	switch {
	case w.faults.CutConfirm:
		return webReply{cut: true}
	case posted == nil:
		return home
	}
	w.session.pending = nil
	return w.apply(posted)
}

// apply executes the resets in a submission. Other changes of settings have no
// effect but a complaint.
func (w *Web) apply(posted []pair) webReply {
	w.applied++
	number, _ := lookup(posted, "pdu")
	unit := w.unit(number)
	for _, c := range w.pages().settingsForm(unit) {
		value, has := lookup(posted, c.name)
		switch {
		case !c.resets(value, has):
		case c.role == "peak" && !w.faults.NoEffect:
			w.units[unit-1].ResetPeak()
		case c.role == "energy":
			w.units[unit-1].ResetEnergy()
			w.complain("the energy meter was reset")
		}
	}
	switch g := w.generation; {
	case w.faults.CutAfterApply:
		return webReply{cut: true}
	case g.applied == "":
		page := w.pages().page("Device", "<p>The changes have been applied.</p>", "cfgdev", "../")
		return webReply{page: page}
	default:
		return webReply{location: w.session.folder() + g.fileOf(g.applied)}
	}
}

// check compares a submission with what a browser would send of the form.
func (w *Web) check(what string, form []control, posted []pair) {
	want := browserSends(form, posted)
	before := len(w.complaints)
	for _, p := range want {
		if !slices.Contains(posted, p) {
			w.complain("%s: field %s is missing, with the value %q", what, p[0], p[1])
		}
	}
	for _, p := range posted {
		if !slices.Contains(want, p) {
			w.complain("%s: field %s does not belong there", what, p[0])
		}
	}
	if len(w.complaints) == before && !slices.Equal(want, posted) {
		w.complain("%s: the fields are out of order", what)
	}
}

// newToken returns a token for paths and cookies: 22 characters, with a + and a -.
func newToken() string {
	t := rand.Text()
	return t[:7] + "+" + t[7:14] + "-" + t[14:20]
}

// OldTLS is what the oldest cards speak: only TLS 1.0 with RSA key exchange and
// 3DES.
func OldTLS(cert tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS10,
		MaxVersion:   tls.VersionTLS10,
		CipherSuites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
	}
}

// SelfSigned makes a certificate with an RSA key, as cards do when they first
// start.
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

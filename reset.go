package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A patience has the times that a reset may take. The cards' processors are slow.
type patience struct {
	whole   time.Duration
	request time.Duration // a page
	busy    time.Duration // until somebody else has logged off
	verify  time.Duration // until the PDU shows the reset
}

var usualPatience = patience{45 * time.Second, 10 * time.Second, 20 * time.Second, 10 * time.Second}

var (
	errPassword = errors.New("the user name or password is wrong: check ISCBOT_PASSWORD and -user")
	errBusy     = errors.New("somebody else is logged in: log off there, or wait three minutes")
	errPage     = errors.New("not the expected page")
	errChange   = errors.New("the card demands a new password: set one in a browser and start the bot with it")
	errBroken   = errors.New("it broke off")
)

// A pinboard remembers the certificates that PDUs have shown in this run: they are self-signed, so that it can only be told
// whether one changes.
type pinboard struct {
	mu   sync.Mutex // guards pins
	pins map[string][sha256.Size]byte
}

func (b *pinboard) check(host string, state tls.ConnectionState) error {
	pin := sha256.Sum256(state.PeerCertificates[0].Raw)
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.pins[host]; ok && old != pin {
		return errors.New("the certificate has changed since the bot was started: if that is right, start it again")
	}
	b.pins[host] = pin
	return nil
}

// A card is a visit to the web interface of a PDU's management card.
type card struct {
	patience
	base      *url.URL // its scheme, host and port are kept, whatever a redirect says
	user      string
	password  secret
	http      http.Client // with a jar of its own: a cookie of an ended session is answered 400
	transport *http.Transport

	here     *url.URL // of the page
	status   int      // its HTTP status
	page     page
	whole    bool     // the page did not break off
	logoff   *url.URL // nil while there is no session
	entering bool     // the log-in is sent, and where it leads is not known yet
	seen     []string // summaries of the pages on the way
}

func newCard(web, user string, password secret, pins *pinboard, times patience) (*card, error) {
	base, err := url.Parse(web + "/")
	if err != nil {
		return nil, err
	}
	c := &card{patience: times, base: base, user: user, password: password}
	var suites []uint16 // the oldest cards speak TLS 1.0 with RSA and 3DES and nothing else
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		suites = append(suites, s.ID)
	}
	c.transport = &http.Transport{
		DialContext:        (&net.Dialer{Timeout: times.request}).DialContext,
		Protocols:          new(http.Protocols),
		DisableCompression: true, // so that the length tells whether a page is whole
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, // no authority knows them; pins are what there is
			MinVersion:         tls.VersionTLS10,
			CipherSuites:       suites,
			VerifyConnection:   func(s tls.ConnectionState) error { return pins.check(base.Host, s) },
		},
	}
	c.transport.Protocols.SetHTTP1(true)
	return c, c.forget()
}

// forget begins anew, without cookies.
func (c *card) forget() error {
	jar, err := cookiejar.New(nil)
	c.http = http.Client{Transport: c.transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // load follows them
	}}
	c.here, c.logoff = c.base, nil
	return err
}

// resetPeak resets the peak of a PDU through its web interface, once, and logs off. It calls begin right before. It returns an error that wraps errBroken
// where the reset may have taken effect all the same.
func (c *card) resetPeak(ctx context.Context, step func(string), begin func()) error {
	step("logging in")
	err := c.login(ctx)
	defer c.leave(ctx)
	if err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	step("looking for the page")
	f, button, err := c.findPeak(ctx)
	if err != nil {
		return fmt.Errorf("looking for the peak's reset: %w", err)
	}
	step("resetting")
	begin()
	if err := c.apply(ctx, f, button); err != nil {
		return fmt.Errorf("resetting: %w", err)
	}
	return nil
}

// login goes from the root to the log-in page and through it. While somebody else is logged in it tries again.
func (c *card) login(ctx context.Context) error {
	for until := time.Now().Add(c.patience.busy); ; pause(ctx, c.patience.busy/10) {
		err := c.loginOnce(ctx)
		if !errors.Is(err, errBusy) || time.Now().After(until) || ctx.Err() != nil {
			return err
		}
		if err := c.forget(); err != nil {
			return err
		}
	}
}

func (c *card) loginOnce(ctx context.Context) error {
	if err := c.get(ctx, "/"); err != nil {
		return err
	}
	if c.occupied() {
		return errBusy
	}
	f, user, password := loginForm(c.page)
	if password < 0 {
		return fmt.Errorf("%w: there is no log-in form: is it a PDU, and is -web right?", errPage)
	}
	f = f.fill(user, c.user).fill(password, string(c.password))
	button := slices.IndexFunc(f.controls, func(c control) bool { return c.kind == "submit" && !c.disabled })
	action, err := c.resolve(f.action)
	if err != nil {
		return err
	}
	// If the answer is lost, there may be a session all the same.
	c.logoff, c.entering = action.JoinPath("..", "..", "logout.htm"), true
	if err := c.post(ctx, f, button); err != nil {
		return err
	}
	_, _, again := loginForm(c.page)
	in := c.logoffLink() != nil
	passwords := 0
	for _, f := range c.page.forms {
		for _, control := range f.controls {
			if control.kind == "password" {
				passwords++
			}
		}
	}
	switch {
	case !in && c.occupied():
		err = errBusy
	case again >= 0 || (c.status == http.StatusForbidden || c.status == http.StatusUnauthorized) && c.here.Path == action.Path:
		err = errPassword
	case c.status >= 400:
		return fmt.Errorf("the card answers with status %d", c.status)
	case passwords > 1:
		return errChange
	default:
		return nil
	}
	c.logoff = nil // there is no session
	return err
}

// logoffLink returns where the page's link to log off leads, or nil.
func (c *card) logoffLink() *url.URL {
	i := slices.IndexFunc(c.page.links, func(l link) bool { return saysLogoff.MatchString(l.text) })
	if i < 0 {
		return nil
	}
	u, err := c.resolve(c.page.links[i].href)
	if err != nil {
		return nil
	}
	return u
}

func (c *card) occupied() bool {
	return strings.Contains(strings.ToLower(c.page.text), "currently logged in")
}

// loginForm returns the log-in form and its two fields, or -1 for them.
func loginForm(p page) (f form, user, password int) {
	for _, f := range p.forms {
		user = slices.IndexFunc(f.controls, func(c control) bool { return c.name == "login_username" })
		password = slices.IndexFunc(f.controls, func(c control) bool { return c.name == "login_password" })
		if user >= 0 && password >= 0 && f.method == "post" {
			return f, user, password
		}
	}
	return form{}, -1, -1
}

// menu has the words of which the menu's way to the configuration of the device is made: "Configuration", "RPDU",
// "Device", or in older firmware "Device Manager". No link with any other word is followed: there are pages that
// reboot the card or switch outlets.
var menu = strings.Fields("configuration configure rpdu pdu rack device manager settings")

// findPeak walks the menu to the page with the control for the peak's reset. It returns the form with that control set, and
// nothing else changed, and the index of its Apply button.
func (c *card) findPeak(ctx context.Context) (form, int, error) {
	const most = 20 // pages
	visited := map[string]bool{c.here.String(): true}
	var way []*url.URL
	for {
		f, button, err := peakForm(c.page)
		if err == nil && !c.whole {
			err = fmt.Errorf("%w: it broke off", errPage) // a field that is not sent may be cleared
		}
		if err == nil || !errors.Is(err, errNoPeak) {
			return f, button, err
		}
		c.seen = append(c.seen, c.page.summary())
		var next []*url.URL
		for _, l := range c.page.links {
			words := strings.FieldsFunc(strings.ToLower(l.text), func(r rune) bool { return r < 'a' || r > 'z' })
			if len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(menu, w) }) {
				continue
			}
			u, err := c.resolve(l.href)
			if err != nil || visited[u.String()] {
				continue
			}
			visited[u.String()] = true
			if slices.Contains(words, "device") {
				next = slices.Insert(next, 0, u)
			} else {
				next = append(next, u)
			}
		}
		way = append(next, way...)
		if len(way) == 0 || len(visited) > most && len(c.seen) >= most {
			return form{}, 0, fmt.Errorf("%w in %d pages: %w", errNoPeak, len(c.seen), errPage)
		}
		u := way[0]
		way = way[1:]
		if err := c.load(ctx, http.MethodGet, u, ""); err != nil {
			return form{}, 0, err
		}
		if _, _, password := loginForm(c.page); password >= 0 {
			return form{}, 0, fmt.Errorf("%w: the card logged the bot off", errPage)
		}
	}
}

var (
	errNoPeak = errors.New("no control for the peak's reset")

	saysPeak   = regexp.MustCompile(`(?i)peak`)
	saysEnergy = regexp.MustCompile(`(?i)energy|kwh`)
	saysReset  = regexp.MustCompile(`(?i)reset`)
	saysYes    = regexp.MustCompile(`(?i)\b(reset|yes|clear|on|enabled?)\b`)
	saysNo     = regexp.MustCompile(`(?i)\b(no|not|don't|none|never|keep|cancel|off|disabled?)\b`)
	saysApply  = regexp.MustCompile(`(?i)^\s*(apply|ok|save|save changes|submit)\s*$`)
)

// peakForm returns the form of a page with the peak's control set, and the index of its Apply button. Which control that is
// can only be told by what the page says beside it; unless that is exactly one, it is an error.
func peakForm(p page) (form, int, error) {
	var found []form
	var labels []string
	for _, f := range p.forms {
		var radios []string // names of those that were seen
		for i, c := range f.controls {
			says := c.label + " " + c.own
			for _, o := range c.options {
				says += " " + o.text
			}
			if c.disabled || !saysPeak.MatchString(c.label) || saysEnergy.MatchString(c.label) || !saysReset.MatchString(says) {
				continue
			}
			switch c.kind {
			case "checkbox":
				found, labels = append(found, f.check(i)), append(labels, c.label)
			case "select":
				if k, ok := one(c.options, func(o option) bool { return !o.disabled && meansYes(o.text) }); ok {
					found, labels = append(found, f.choose(i, k)), append(labels, c.label)
				}
			case "radio":
				if slices.Contains(radios, c.name) {
					continue
				}
				radios = append(radios, c.name)
				if i, ok := one(f.controls, func(r control) bool { return r.kind == c.kind && r.name == c.name && !r.disabled && meansYes(r.own) }); ok {
					found, labels = append(found, f.check(i)), append(labels, c.label)
				}
			}
		}
	}
	if len(found) == 0 {
		return form{}, 0, errNoPeak
	}
	if len(found) > 1 {
		return form{}, 0, fmt.Errorf("%w: %d controls for the peak's reset: %q", errPage, len(found), labels)
	}
	f := found[0]
	button := slices.IndexFunc(f.controls, isApply)
	if button < 0 || f.method != "post" || !f.encoded {
		return form{}, 0, fmt.Errorf("%w: its form cannot be applied", errPage)
	}
	return f, button, nil
}

func isApply(c control) bool {
	return c.kind == "submit" && !c.disabled && (saysApply.MatchString(c.value) || saysApply.MatchString(c.own))
}

// meansYes reports whether a choice that says so stands for the reset.
func meansYes(says string) bool { return saysYes.MatchString(says) && !saysNo.MatchString(says) }

// one returns the index of the only element for which ok holds.
func one[T any](all []T, ok func(T) bool) (int, bool) {
	found, n := -1, 0
	for i, x := range all {
		if ok(x) {
			found = i
			n++
		}
	}
	return found, n == 1
}

// apply submits the form, and the page that may ask for a confirmation. It never submits twice.
func (c *card) apply(ctx context.Context, f form, button int) error {
	if err := c.post(ctx, f, button); err != nil {
		return fmt.Errorf("%w after Apply: the connection broke: %w", errBroken, err)
	}
	if confirm, button, ok := confirmForm(c.page); ok {
		if err := c.post(ctx, confirm, button); err != nil {
			return fmt.Errorf("%w after Apply: the connection broke: %w", errBroken, err)
		}
	}
	if c.status >= 400 {
		return fmt.Errorf("%w: the card answers with status %d", errBroken, c.status)
	}
	return nil
}

// confirmForm returns the form of a page that only asks whether to go on: it has the buttons Apply and Cancel, and nothing
// that could be filled in.
func confirmForm(p page) (form, int, bool) {
	for _, f := range p.forms {
		apply, buttons := -1, 0
		for i, c := range f.controls {
			switch {
			case c.kind == "hidden":
			case c.kind == "submit" && isApply(c):
				apply = i
				buttons++
			case c.kind == "submit" || c.kind == "button" || c.kind == "reset":
				buttons++
			default:
				buttons = 99
			}
		}
		if apply >= 0 && buttons == 2 && f.method == "post" {
			return f, apply, true
		}
	}
	return form{}, 0, false
}

var saysLogoff = regexp.MustCompile(`(?i)^\s*log\s?(off|out)\s*$`)

// leave logs off, if there is a session: otherwise nobody could log in for three minutes. It does so also when ctx has ended.
func (c *card) leave(ctx context.Context) {
	defer c.transport.CloseIdleConnections()
	if c.logoff == nil {
		return
	}
	within := c.patience.request
	if ctx.Err() != nil {
		within = 1500 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	for range 2 { // once more where the connection breaks
		if c.load(ctx, http.MethodGet, c.logoff, "") == nil {
			return
		}
	}
}

func (c *card) get(ctx context.Context, ref string) error {
	u, err := c.resolve(ref)
	if err != nil {
		return err
	}
	return c.load(ctx, http.MethodGet, u, "")
}

// post submits a form of the page by the button with that index, as a browser does.
func (c *card) post(ctx context.Context, f form, button int) error {
	u, err := c.resolve(f.action)
	if err != nil {
		return err
	}
	c.transport.CloseIdleConnections() // net/http sends again what went into a connection that was found dead
	return c.load(ctx, http.MethodPost, u, f.submit(button))
}

// resolve returns the URL that a reference on the page means. Scheme, host and port are ours; to another host nothing leads.
func (c *card) resolve(ref string) (*url.URL, error) {
	u, err := c.here.Parse(ref)
	if err != nil {
		return nil, fmt.Errorf("%w: a link that cannot be read", errPage)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() != c.base.Hostname() {
		return nil, fmt.Errorf("%w: it leads to another host, %q", errPage, cut(u.Hostname(), 60))
	}
	u.Scheme, u.Host, u.User, u.Fragment = c.base.Scheme, c.base.Host, nil, ""
	return u, nil
}

// load requests a page and follows where it leads.
func (c *card) load(ctx context.Context, method string, u *url.URL, body string) error {
	for range 11 {
		next, err := c.fetch(ctx, method, u, body)
		if err != nil {
			return err
		}
		if u := c.logoffLink(); u != nil {
			c.logoff = u
		}
		if next == "" {
			return nil
		}
		from := u
		if u, err = c.resolve(next); err != nil {
			return err
		}
		if c.status == http.StatusOK && u.String() == from.String() {
			return nil // a page that renews itself
		}
		if c.entering { // a session's pages are where the log-in leads
			c.entering = false
			if logoff, err := u.Parse("logout.htm"); err == nil {
				c.logoff = logoff
			}
		}
		method, body = http.MethodGet, ""
	}
	return fmt.Errorf("%w: it leads from one page to another without an end", errPage)
}

// fetch makes one request and reads the page. It returns where that leads to, or "".
func (c *card) fetch(ctx context.Context, method string, u *url.URL, body string) (next string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience.request, fmt.Errorf("nothing in %s", c.patience.request))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return "", cause(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return "", c.noAnswer(ctx, err)
	}
	defer resp.Body.Close()
	const most = 1 << 20
	var text bytes.Buffer
	if _, err = io.Copy(&text, io.LimitReader(resp.Body, most)); err != nil {
		return "", c.noAnswer(ctx, err)
	}
	c.here, c.status = u, resp.StatusCode
	c.page = parsePage(text.Bytes(), resp.Header.Get("Content-Type"))
	// Of an answer that ends with its connection nobody knows whether it ended too soon.
	c.whole = text.Len() < most && (resp.ContentLength >= 0 || resp.TransferEncoding != nil || bytes.Contains(bytes.ToLower(text.Bytes()), []byte("</html")))
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location"), nil
	}
	return c.page.refresh, nil
}

// noAnswer tells why there is none, without the URL, which holds the session's token.
func (c *card) noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	if err = cause(err); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the card dropped the connection")
	}
	return fmt.Errorf("no answer: %w", err)
}

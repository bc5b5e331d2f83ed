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
	errNoPeak   = errors.New("no control for the peak's reset")
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
	base     *url.URL // its scheme, host and port are kept, whatever a redirect says
	user     string
	password secret
	http     http.Client

	here   *url.URL // of the page
	status int      // its HTTP status
	page   page
	whole  bool     // the page did not break off
	logoff *url.URL // nil while there is no session
	seen   []string // summaries of the pages on the way
}

func newCard(web, user string, password secret, pins *pinboard, times patience) (*card, error) {
	base, err := url.Parse(web + "/")
	if err != nil {
		return nil, err
	}
	var suites []uint16 // the oldest cards speak TLS 1.0 with RSA and 3DES and nothing else
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		suites = append(suites, s.ID)
	}
	transport := &http.Transport{
		DialContext:        (&net.Dialer{Timeout: times.request}).DialContext,
		DisableCompression: true, // so that the length tells whether a page is whole
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, // no authority knows them; pins are what there is
			MinVersion:         tls.VersionTLS10,
			CipherSuites:       suites,
			VerifyConnection:   func(s tls.ConnectionState) error { return pins.check(base.Host, s) },
		},
	}
	return &card{patience: times, base: base, user: user, password: password, http: http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // load follows them
	}}, nil
}

// resetPeak resets the peak of a PDU through its web interface, once, and logs off. It calls begin right before. It returns an
// error that wraps errBroken where the reset may have taken effect all the same.
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
	begin()
	if err := c.apply(ctx, f, button); err != nil {
		return fmt.Errorf("resetting: %w", err)
	}
	return nil
}

// login goes from the root to the log-in page and through it. While somebody else is logged in it tries again.
func (c *card) login(ctx context.Context) error {
	for until := time.Now().Add(c.patience.busy); ; pause(ctx, c.patience.busy/10) {
		c.http.Jar, _ = cookiejar.New(nil) // a cookie of an ended session is answered 400
		c.here, c.logoff = c.base, nil
		err := c.loginOnce(ctx)
		if !errors.Is(err, errBusy) || time.Now().After(until) || ctx.Err() != nil {
			return err
		}
	}
}

func (c *card) loginOnce(ctx context.Context) error {
	if err := c.load(ctx, http.MethodGet, c.base, ""); err != nil {
		return err
	}
	if saysBusy.MatchString(c.page.text) {
		return errBusy
	}
	f, ok := c.loginForm()
	if !ok {
		return fmt.Errorf("%w: there is no log-in form: is it a PDU, and is -web right?", errPage)
	}
	action, err := c.resolve(f.action)
	if err != nil {
		return err
	}
	c.logoff = nil
	err = c.post(ctx, f, slices.IndexFunc(f.controls, func(c control) bool { return c.kind == "submit" && !c.disabled }))
	if c.logoff == nil { // if the answer is lost, there may be a session all the same
		c.logoff = action.JoinPath("..", "..", "logout.htm")
	}
	if err != nil {
		return err
	}
	_, again := c.loginForm()
	switch {
	case c.logoffLink() == nil && saysBusy.MatchString(c.page.text):
		err = errBusy
	case again || (c.status == http.StatusForbidden || c.status == http.StatusUnauthorized) && c.here.Path == action.Path:
		err = errPassword
	case c.status >= 400:
		return fmt.Errorf("the card answers with status %d", c.status)
	case slices.ContainsFunc(c.page.forms, func(f form) bool { return f.count("password") > 1 }):
		return errChange
	default:
		return nil
	}
	c.logoff = nil // there is no session
	return err
}

// logoffLink returns where the page's link to log off leads, or nil.
func (c *card) logoffLink() *url.URL {
	for _, l := range c.page.links {
		if saysLogoff.MatchString(l.text) {
			u, _ := c.resolve(l.href)
			return u
		}
	}
	return nil
}

// loginForm returns the page's log-in form, filled in, if it has one.
func (c *card) loginForm() (form, bool) {
	for _, f := range c.page.forms {
		user := slices.IndexFunc(f.controls, func(c control) bool { return c.name == "login_username" })
		password := slices.IndexFunc(f.controls, func(c control) bool { return c.name == "login_password" })
		if user >= 0 && password >= 0 && f.method == "post" {
			return f.fill(user, c.user).fill(password, string(c.password)), true
		}
	}
	return form{}, false
}

// count returns how many controls of these kinds a form has.
func (f form) count(kinds ...string) (n int) {
	for _, c := range f.controls {
		if slices.Contains(kinds, c.kind) {
			n++
		}
	}
	return n
}

// findPeak walks the menu to the page with the control for the peak's reset. It returns the form with that control set, and
// nothing else changed, and the index of its Apply button.
func (c *card) findPeak(ctx context.Context) (form, int, error) {
	const most = 20 // pages
	met := map[string]bool{c.here.String(): true}
	var titles []string
	var way []*url.URL
	for {
		f, button, err := peakForm(c.page)
		if err == nil && !c.whole {
			err = fmt.Errorf("%w: it broke off", errPage) // a field that is not sent may be cleared
		}
		if err != nil {
			c.seen = append(c.seen, c.page.summary())
		}
		if !errors.Is(err, errNoPeak) {
			return f, button, err
		}
		titles = append(titles, cut(c.page.title, 40))
		for _, l := range c.page.links {
			u, err := c.resolve(l.href)
			if err != nil || !saysMenu.MatchString(l.text) || met[u.String()] {
				continue
			}
			met[u.String()] = true
			if saysDevice.MatchString(l.text) { // it is most likely there
				way = slices.Insert(way, 0, u)
			} else {
				way = append(way, u)
			}
		}
		if len(way) == 0 || len(c.seen) == most {
			return form{}, 0, fmt.Errorf("%w in the pages seen, %q: %w", errNoPeak, titles, errPage)
		}
		u := way[0]
		way = way[1:]
		if err := c.load(ctx, http.MethodGet, u, ""); err != nil {
			return form{}, 0, err
		}
		if _, ok := c.loginForm(); ok {
			return form{}, 0, fmt.Errorf("%w: the card logged the bot off", errPage)
		}
	}
}

var (
	saysBusy   = regexp.MustCompile(`(?i)currently logged in`)
	saysLogoff = regexp.MustCompile(`(?i)^\s*log\s?(off|out)\s*$`)
	// The menu's way to the configuration of the device is made of these words. No link with any other word is followed: there
	// are pages that reboot the card or switch outlets.
	saysMenu   = regexp.MustCompile(`(?i)^[^a-z]*((configuration|configure|rpdu|pdu|rack|device|manager|settings)([^a-z]+|$))+$`)
	saysDevice = regexp.MustCompile(`(?i)device`) // in older firmware "Device Manager"
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
		for i, c := range f.controls {
			var set []form // by each choice that stands for the reset
			says := c.label + " " + c.own
			for k, o := range c.options {
				says += " " + o.text
				if !o.disabled && meansYes(o.text) {
					set = append(set, f.choose(i, k))
				}
			}
			if c.kind == "checkbox" || c.kind == "radio" && meansYes(c.own) {
				set = append(set, f.check(i))
			}
			if len(set) == 1 && !c.disabled && saysPeak.MatchString(c.label) && !saysEnergy.MatchString(c.label) && saysReset.MatchString(says) {
				found, labels = append(found, set[0]), append(labels, c.label)
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

// apply submits the form, and the page that may ask for a confirmation. It never submits twice.
func (c *card) apply(ctx context.Context, f form, button int) error {
	for range 2 {
		if err := c.post(ctx, f, button); err != nil {
			return fmt.Errorf("%w after Apply: the connection broke: %w", errBroken, err)
		}
		if f, button = confirmForm(c.page); button < 0 {
			break
		}
	}
	if c.status >= 400 {
		return fmt.Errorf("%w: the card answers with status %d", errBroken, c.status)
	}
	return nil
}

// confirmForm returns the form of a page that only asks whether to go on, and the index of its Apply button, or -1: it has the
// buttons Apply and Cancel, and nothing that could be filled in.
func confirmForm(p page) (form, int) {
	for _, f := range p.forms {
		apply := slices.IndexFunc(f.controls, isApply)
		if apply >= 0 && f.method == "post" && f.count("submit", "button", "reset") == 2 && f.count("hidden") == len(f.controls)-2 {
			return f, apply
		}
	}
	return form{}, -1
}

// leave logs off, if there is a session: otherwise nobody could log in for three minutes. It does so also when ctx has ended.
func (c *card) leave(ctx context.Context) {
	defer c.http.CloseIdleConnections()
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

// post submits a form of the page by the button with that index, as a browser does.
func (c *card) post(ctx context.Context, f form, button int) error {
	u, err := c.resolve(f.action)
	if err != nil {
		return err
	}
	c.http.CloseIdleConnections() // net/http sends again what went into a connection that was found dead
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
		to, err := c.resolve(next)
		if err != nil {
			return err
		}
		if c.status == http.StatusOK && to.String() == u.String() {
			return nil // a page that renews itself
		}
		if method == http.MethodPost && c.logoff == nil { // a session's pages are where the log-in leads
			c.logoff = to.ResolveReference(&url.URL{Path: "logout.htm"})
		}
		method, u, body = http.MethodGet, to, ""
	}
	return fmt.Errorf("%w: it leads from one page to another without an end", errPage)
}

// fetch makes one request and reads the page. It returns where that leads to, or "". Its errors are without the URL, which holds
// the session's token.
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
	const most = 1 << 20
	var text []byte
	resp, err := c.http.Do(req)
	if err == nil {
		defer resp.Body.Close()
		text, err = io.ReadAll(io.LimitReader(resp.Body, most))
	}
	switch err = cause(err); {
	case err == nil:
	case ctx.Err() != nil:
		return "", fmt.Errorf("no answer: %w", context.Cause(ctx))
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "", errors.New("the card dropped the connection")
	default:
		return "", fmt.Errorf("no answer: %w", err)
	}
	c.here, c.status, c.page = u, resp.StatusCode, parsePage(text, resp.Header.Get("Content-Type"))
	// Of an answer that ends with its connection nobody knows whether it ended too soon.
	c.whole = len(text) < most && (resp.ContentLength >= 0 || resp.TransferEncoding != nil || bytes.Contains(bytes.ToLower(text), []byte("</html")))
	if resp.StatusCode/100 == 3 {
		return resp.Header.Get("Location"), nil
	}
	return c.page.refresh, nil
}

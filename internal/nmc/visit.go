package nmc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A visit is a session with a card's web interface.
type visit struct {
	*browser
	user, password string
	chained        bool          // other units of the card are in use
	busy           time.Duration // how long to wait for somebody else to log off
	logoff         *url.URL      // nil while there is no session
	isGuess        bool          // it may have a wrong path
	seen           []summary     // of the pages that were not understood
	redactor       redactor
	foreign        string // the language of a page, if not English
}

// login goes from the root to the log-in page and logs in. While somebody else
// is logged in, it tries again.
func (v *visit) login(ctx context.Context, step func(string)) error {
	deadline := time.Now().Add(v.busy)
	for {
		v.forget()
		v.logoff = nil
		err := v.loginOnce(ctx)
		if !errors.Is(err, ErrBusy) || !time.Now().Before(deadline) || ctx.Err() != nil {
			return err
		}
		if step != nil {
			step("waiting, as somebody else is logged in")
			step = nil
		}
		sleep(ctx, v.busy/10)
	}
}

func (v *visit) loginOnce(ctx context.Context) error {
	if err := v.get(ctx, v.base); err != nil {
		return err
	}
	v.record()
	f, ok := v.loginForm()
	switch {
	case saysBusy(v.page):
		return ErrBusy
	case ok:
	case saysNeedsHTTPS(v.page):
		return ErrNeedsHTTPS
	case v.basic:
		return ErrBasicAuth
	default:
		return fmt.Errorf("%w: no log-in form", ErrPage)
	}

	action, err := v.resolve(f.action)
	if err != nil {
		return err
	}
	v.logoff = nil
	asked := v.page.text
	err = v.submit(ctx, f, f.firstButton())
	v.setLogoff(action)
	if err != nil {
		return err
	}
	v.record()
	err = v.refusal(action, asked)
	hasNoSession := errors.Is(err, ErrBusy) || errors.Is(err, ErrPassword) || errors.Is(err, ErrRefused) ||
		errors.Is(err, ErrNotReady)
	if hasNoSession {
		v.logoff = nil
	}
	return err
}

// refusal returns why the card refused an answered log-in, or nil. asked is the
// text of the log-in page.
func (v *visit) refusal(action *url.URL, asked string) error {
	_, again := v.loginForm()
	refused := v.status == http.StatusForbidden || v.status == http.StatusUnauthorized
	said := addedText(asked, v.page.text)
	switch {
	case v.logoffLink() == nil && saysBusy(v.page):
		return ErrBusy
	case again, refused && v.here.Path == action.Path:
		return v.refusedError(said, again)
	case v.status >= 400 && saysFull(words(said)):
		return fmt.Errorf("%w: %s", ErrBusy, v.quote(said))
	case v.status >= 400:
		return statusError(v.status)
	case slices.ContainsFunc(v.page.forms, func(f form) bool { return f.count("password") > 1 }):
		return ErrPasswordChange
	case v.isDeadEnd():
		return fmt.Errorf("%w after the log-in: %s", ErrPage, v.quote(v.page.text))
	}
	return nil
}

// refusedError returns the error for a log-in that was refused, by what the card
// said; again says that it shows the log-in form again.
func (v *visit) refusedError(said string, again bool) error {
	err := ErrRefused
	isWrong, isFull := saysWrongPassword(said), saysFull(words(said))
	switch {
	case isWrong && !isFull:
		err = ErrPassword
	case isFull && !isWrong:
		err = ErrBusy
	case saysNotReady(words(said)) && !isWrong:
		err = ErrNotReady
	case again:
		err = errLedBack
	}
	switch {
	case said != "":
		return fmt.Errorf("%w: %s", err, v.quote(said))
	case err == ErrRefused:
		return fmt.Errorf("%w, perhaps because of a wrong user name or password", err)
	}
	return err
}

// quote quotes the beginning of a text of the card.
func (v *visit) quote(text string) string {
	return strconv.Quote(shorten(v.redactor.mask(shorten(text, 1000)), 120))
}

// isDeadEnd reports whether a page has nothing but a message, such as that the
// user is locked.
func (v *visit) isDeadEnd() bool {
	hasMenu := slices.ContainsFunc(v.page.links, func(l link) bool {
		u, err := v.resolve(l.href)
		return err == nil && isMenuLink(l.text, u)
	})
	leadsOn := len(v.page.forms) > 0 || hasMenu || v.logoffLink() != nil
	return v.page.text != "" && !leadsOn && v.foreign == ""
}

// loginForm returns the page's log-in form, filled in, if it has one.
func (v *visit) loginForm() (form, bool) {
	for _, f := range v.page.forms {
		user, password := f.find("login_username"), f.find("login_password")
		if user >= 0 && password >= 0 && f.isPost() {
			return inEnglish(f).fill(user, v.user).fill(password, v.password), true
		}
	}
	return form{}, false
}

// record records what is needed later: the link to log off, and what to keep
// out of summaries.
func (v *visit) record() {
	if u := v.logoffLink(); u != nil {
		v.logoff, v.isGuess = u, false
	}
	_, inSession, _ := strings.Cut(v.here.Path, "/NMC/")
	if token, _, _ := strings.Cut(inSession, "/"); token != "" {
		v.redactor.token = token
		v.redactor.hide(token)
	}
	v.redactor.hidePage(v.page)
	if _, ok := v.loginForm(); !ok && v.foreign == "" {
		v.foreign = foreignLanguage(v.page)
	}
}

// logoffLink returns the URL of the page's link to log off, or nil.
func (v *visit) logoffLink() *url.URL {
	for _, l := range v.page.links {
		u, err := v.resolve(l.href)
		if err == nil && (isLogoff(l.text) || strings.EqualFold(path.Base(u.Path), "logout.htm")) {
			return u
		}
	}
	return nil
}

// setLogoff guesses the URL to log off after the log-in form was sent. There
// may be a session even if no page of it was seen; its pages are where the
// log-in led, or else above the action of the form.
func (v *visit) setLogoff(action *url.URL) {
	if u := v.logoffLink(); u != nil {
		v.logoff, v.isGuess = u, false
		return
	}
	led := cmp.Or(v.refused, v.target)
	v.isGuess = led.Path == action.Path
	if v.isGuess {
		v.logoff = action.JoinPath("..", "..", "logout.htm")
		return
	}
	v.logoff = led.ResolveReference(&url.URL{Path: "logout.htm"})
}

// searchMenu follows the menu to the page with the control that resets the peak
// of a unit.
func (v *visit) searchMenu(ctx context.Context, unit int) (reset, error) {
	const maxPages = 20
	visited := map[string]bool{v.here.String(): true}
	var pending []*url.URL
	var unitErr, pageErr error // of a page about another unit, and of one that the card did not show
	for n := 1; ; n++ {
		r, err := v.resetHere(ctx, unit)
		switch {
		case errors.Is(err, ErrUnit):
			unitErr = err
		case !errors.Is(err, ErrNoControl):
			return r, err
		}
		device, others := v.menu(visited)
		pending = slices.Concat(device, pending, others)
		if len(pending) == 0 || n == maxPages {
			err := v.notFound(n)
			if pageErr != nil {
				err = fmt.Errorf("%w; %w", pageErr, err)
			}
			return reset{}, cmp.Or(unitErr, err)
		}
		if err := v.open(ctx, pending[0]); err != nil {
			return reset{}, err
		}
		if v.status >= 400 {
			pageErr = cmp.Or(pageErr, v.pageError())
		}
		pending = pending[1:]
	}
}

// menu returns the URLs in the menu, except those visited before. The page with
// the configuration is most likely called "Device" or, in older firmware,
// "Device Manager".
func (v *visit) menu(visited map[string]bool) (device, others []*url.URL) {
	for _, l := range v.page.links {
		u, err := v.resolve(l.href)
		if err != nil || !isMenuLink(l.text, u) || visited[u.String()] {
			continue
		}
		visited[u.String()] = true
		if has(words(l.text), "device") {
			device = append(device, u)
		} else {
			others = append(others, u)
		}
	}
	return device, others
}

// notFound returns the error for a walk through all pages.
func (v *visit) notFound(pages int) error {
	where := "on the only page found"
	if pages > 1 {
		where = fmt.Sprintf("on any of %d pages", pages)
	}
	if v.foreign != "" {
		return fmt.Errorf("%w but seem to be in %s (%w %s)",
			ErrLanguage, v.redactor.mask(v.foreign), ErrNoControl, where)
	}
	return fmt.Errorf("%w %s", ErrNoControl, where)
}

// open opens a page of the session.
func (v *visit) open(ctx context.Context, u *url.URL) error {
	if err := v.get(ctx, u); err != nil {
		return err
	}
	return v.checkSession()
}

// checkSession returns an error if the answer shows that there is no session
// any more.
func (v *visit) checkSession() error {
	v.record()
	if _, ok := v.loginForm(); ok {
		return fmt.Errorf("%w: the card ended the session", ErrPage)
	}
	switch v.status {
	case http.StatusForbidden: // this page may not be for this user
		if saysBusy(v.page) || saysFull(words(v.page.text)) {
			return ErrBusy
		}
	case http.StatusBadRequest, http.StatusUnauthorized:
		return fmt.Errorf("%w: the card ended the session: %w", ErrPage, statusError(v.status))
	}
	return nil
}

// pageError returns the error for a page that the card did not show.
func (v *visit) pageError() error {
	return fmt.Errorf("%w: %s: %w", ErrPage, lastPart(v.redactor.name(v.here.Path)), statusError(v.status))
}

// resetHere returns how the page resets the peak of a unit. If the page is
// about another unit, it goes to the page of that one first.
func (v *visit) resetHere(ctx context.Context, unit int) (reset, error) {
	u, r, err := v.unitReset(unit)
	isHere := u.current == unit || !u.offered && r.unit
	if err != nil || isHere {
		return r, err
	}
	if err := v.chooseUnit(ctx, u, unit); err != nil {
		v.keepSummary()
		return reset{}, err
	}
	if v.status >= 400 {
		return reset{}, v.pageError()
	}
	u, r, err = v.unitReset(unit)
	if err == nil && u.current != unit {
		v.keepSummary()
		return reset{}, fmt.Errorf("%w: the card did not show the page of unit %d", ErrUnit, unit)
	}
	return r, err
}

// unitReset returns the units that the page offers, and how it resets the peak
// of the unit that it is about.
func (v *visit) unitReset(unit int) (units, reset, error) {
	u, ok := findUnits(v.page, v.here, v.resolve)
	about := u.current
	if !u.offered || about == 0 {
		about = unit // a page without a choice may have a row for each unit
	}
	r, err := findReset(v.page, about, v.redactor.mask)
	isUnclear := !ok || u.isUnclear(about, v.chained) && !r.unit
	if err == nil && isUnclear {
		err = fmt.Errorf("%w: it is not clear which unit the page is about", ErrUnit)
	}
	if err == nil && !v.complete {
		err = fmt.Errorf("%w: it was cut off", ErrPage) // the card may clear a field that is not sent
	}
	if err != nil {
		v.keepSummary()
	}
	return u, r, err
}

// keepSummary keeps a summary of the page.
func (v *visit) keepSummary() { v.seen = append(v.seen, v.page.summary(v.redactor.name)) }

// summaries returns the summaries kept or, if there are none, that of the page
// shown.
func (v *visit) summaries() []string {
	pages := v.seen
	if pages == nil && v.here != v.base {
		pages = []summary{v.page.summary(v.redactor.name)}
	}
	var redacted []string
	for _, p := range pages {
		redacted = append(redacted, v.redactor.redact(p))
	}
	return redacted
}

// chooseUnit goes to the page of another unit, by a link or by a form that does
// nothing else.
func (v *visit) chooseUnit(ctx context.Context, u units, unit int) error {
	if to := u.links[unit]; to != nil {
		return v.open(ctx, to)
	}
	option, ok := u.options[unit]
	if !ok {
		return fmt.Errorf("%w: unit %d", ErrUnit, unit)
	}
	if err := v.submit(ctx, u.form.choose(u.control, option), u.form.firstButton()); err != nil {
		return err
	}
	return v.checkSession()
}

// apply submits a form, and then the page that may ask for confirmation. It
// never submits anything twice.
func (v *visit) apply(ctx context.Context, f form, button int) error {
	for range 2 { // the form, then at most one page that asks for confirmation
		if err := v.submit(ctx, f, button); err != nil {
			return fmt.Errorf("%w: %w", ErrInterrupted, err)
		}
		v.record()
		if f, button = confirmForm(v.page); button < 0 {
			break
		}
		if path.Base(v.here.Path) == outletsPage || !isHarmless(v.page) {
			v.keepSummary()
			return fmt.Errorf("%w: the card asked to confirm something else", ErrInterrupted)
		}
	}
	if v.status >= 400 {
		return fmt.Errorf("%w: %w", ErrInterrupted, statusError(v.status))
	}
	if _, ok := v.loginForm(); ok {
		return fmt.Errorf("%w: the card ended the session", ErrInterrupted)
	}
	return nil
}

// leave logs off if there is a session: otherwise nobody could log in for three
// minutes. It does so even after ctx has ended, but then gives up sooner. It
// returns an error if the session may still be open.
func (v *visit) leave(ctx context.Context) error {
	const hurriedTimeout = 1500 * time.Millisecond
	defer v.close()
	if v.logoff == nil {
		return nil
	}
	timeout := v.timeout
	if ctx.Err() != nil {
		timeout = min(timeout, hurriedTimeout)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	var err error
	for range 2 { // once more if the connection breaks or the card is in trouble
		if err = v.get(ctx, v.logoff); err == nil && v.status >= 500 {
			err = statusError(v.status)
		}
		if err == nil {
			break
		}
	}
	if err == nil && (v.isGuess || v.status == http.StatusNotFound) {
		err = errors.New("its address had to be guessed")
	}
	return err
}

// statusError returns the error for an answer with a status of 400 or more.
func statusError(status int) error { return fmt.Errorf("the card answered with status %d", status) }

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

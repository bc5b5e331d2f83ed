// Package nmc resets the peak power register of a rack PDU through the web
// interface of its network management card (NMC), as a person with a browser
// would: it logs in, finds the control by the words on the pages, applies the
// form and logs off. It relies on no file, form or field name of any card, and
// stops if a page is ambiguous.
//
// Use a client like this:
//
//	var pins nmc.Pins // for all cards, as long as the program runs
//	var memory nmc.Memory
//	card := nmc.Client{
//		URL:      "https://10.0.0.101",
//		User:     "apc",
//		Password: password,
//		Pins:     &pins,
//		Memory:   &memory,
//		Timeouts: nmc.DefaultTimeouts,
//	}
//	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
//	defer cancel()
//	err := card.ResetPeak(ctx, 1, step, applying)
//	switch {
//	case errors.Is(err, nmc.ErrInterrupted): // check whether the peak has changed
//	case errors.Is(err, nmc.ErrBusy): // try again later
//	}
//
// A card's own answer to a reset proves little: read the register back, over
// SNMP for example.
//
// The files, from the top: client.go is the interface, with errors.go and with
// memory.go, which remembers refused passwords and open sessions. visit.go is a
// session and the walk through its pages. peak.go, wording.go, notes.go, unit.go,
// menu.go and language.go know what the words on pages mean, and summary.go
// describes a page that was not understood. browser.go makes requests and follows
// redirects; certpins.go recognizes certificates. reader.go turns the tokens of
// htmlscanner.go into the page of page.go: elementtree.go has its layout, made of
// the elements of element.go, controls.go its controls, entities.go its character
// references, and labels.go the rules that tie labels to controls. form.go writes
// what a browser sends. words.go splits texts into words.
package nmc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// A Client accesses the card of one PDU, or of several chained ones. Only one
// goroutine at a time may call its methods: a card lets one person in.
type Client struct {
	URL      string // http or https, without a path
	User     string
	Password string
	Chained  bool    // other units of the card are in use too, so its pages must say which one they are about
	Pins     *Pins   // shared by all clients; nil for none
	Memory   *Memory // likewise
	Timeouts Timeouts
}

// String returns the URL, without the password.
func (c Client) String() string { return c.URL }

// GoString is like String, for %#v.
func (c Client) GoString() string { return fmt.Sprintf("nmc.Client{URL: %q}", c.URL) }

// Timeouts limit the parts of a visit. The context limits the whole.
type Timeouts struct {
	Request time.Duration // for a request; cards need up to 8 s after Apply; 0 means the default
	Busy    time.Duration // for somebody else to log off; 0 means no waiting
}

// DefaultTimeouts suit the cards' slow processors. Allow 90 seconds for a whole
// visit with them.
var DefaultTimeouts = Timeouts{Request: 20 * time.Second, Busy: 20 * time.Second}

// ResetPeak resets the peak of a unit, once, and logs off. The unit is 1 to
// MaxUnits of chained PDUs; a PDU on its own is unit 1. ResetPeak calls step
// with what it does next, and applying right before it sends the form. Its
// errors are of type *Error; if one wraps ErrInterrupted, the reset may have
// taken effect.
func (c *Client) ResetPeak(ctx context.Context, unit int, step func(string), applying func()) error {
	return c.withReset(ctx, unit, step, func(v *visit, r reset) error {
		applying()
		return v.apply(ctx, r.form, r.button)
	})
}

// FindPeak logs in, looks for the control that resets the peak of a unit, and
// logs off. It changes nothing.
func (c *Client) FindPeak(ctx context.Context, unit int) error {
	return c.withReset(ctx, unit, func(string) {}, func(*visit, reset) error { return nil })
}

// login logs in, unless the card refused the password before.
func (c *Client) login(ctx context.Context, v *visit, step func(string)) error {
	memory := c.memory()
	with := credentials{c.URL, c.User, c.Password}
	if err := memory.refusal(with, time.Now()); err != nil {
		return &Error{Op: "logging in", Err: err}
	}
	err := v.login(ctx, step)
	switch {
	case err == nil:
		memory.accept(with)
		memory.forgetSession(c.URL) // the card admits one at a time
		return nil
	case errors.Is(err, ErrPassword), errors.Is(err, ErrRefused):
		memory.refuse(with, err, time.Now())
		return &Error{Op: "logging in", Err: err} // the log-in page explains nothing
	case errors.Is(err, ErrBusy):
		if ago, ok := memory.openSession(c.URL, time.Now()); ok {
			err = fmt.Errorf("%w, or this program's own session of %s ago is still open, as logging off failed",
				err, ago.Round(time.Second))
		}
	}
	return &Error{Op: "logging in", Err: err, Pages: v.summaries()}
}

// leave logs off. A failure does not change the outcome of the visit.
func (c *Client) leave(ctx context.Context, v *visit) {
	if err := v.leave(ctx); err != nil {
		slog.Warn("logging off may have failed: the card may admit nobody for three minutes", "card", c.URL, "err", err)
		c.memory().leaveOpen(c.URL, time.Now())
	}
}

// memory returns the memory of the client.
func (c *Client) memory() *Memory { return cmp.Or(c.Memory, new(Memory)) }

// withReset logs in, finds out how to reset the peak, calls do with that, and logs
// off.
func (c *Client) withReset(ctx context.Context, unit int, step func(string), do func(*visit, reset) error) error {
	base, err := url.Parse(c.URL + "/")
	if err != nil || base.Host == "" {
		return &Error{Op: "logging in", Err: fmt.Errorf("%q: want a URL such as http://10.0.0.101", c.URL)}
	}
	pins := cmp.Or(c.Pins, new(Pins))
	v := &visit{
		browser:  newBrowser(base, pins, cmp.Or(c.Timeouts.Request, DefaultTimeouts.Request)),
		user:     c.User,
		password: c.Password,
		chained:  c.Chained,
		busy:     c.Timeouts.Busy,
	}
	v.redactor.password = c.Password
	v.redactor.hide(c.Password)
	v.redactor.hide(c.User)
	v.redactor.hide(base.Hostname())
	defer c.leave(ctx, v)

	step("logging in")
	if err := c.login(ctx, v, step); err != nil {
		return err
	}
	step("looking for the page")
	r, err := v.searchMenu(ctx, unit)
	if err != nil {
		return &Error{Op: "looking for the peak's reset", Err: err, Pages: v.summaries()}
	}
	if err := do(v, r); err != nil {
		return &Error{Op: "resetting", Err: err, Pages: v.summaries()}
	}
	return nil
}

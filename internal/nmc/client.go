// Package nmc resets the peak power register of a rack PDU through the web
// interface of its network management card (NMC), as a person with a browser
// would: it logs in, finds the control by what the pages say, applies the form
// and logs off. It knows no card by its file, form or field names, and stops
// where a page leaves a doubt.
//
// A client of a PDU is used like this:
//
//	var pins nmc.Pins // for all cards, as long as the program runs
//	card := nmc.Client{
//		URL:      "https://10.0.0.101",
//		User:     "apc",
//		Password: password,
//		Pins:     &pins,
//		Timeouts: nmc.DefaultTimeouts,
//	}
//	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
//	defer cancel()
//	err := card.ResetPeak(ctx, 1, step, applying)
//	switch {
//	case errors.Is(err, nmc.ErrInterrupted): // look whether the peak has changed
//	case errors.Is(err, nmc.ErrBusy): // try again later
//	}
//
// What a card says of itself after a reset proves little: read the register
// back, over SNMP for example.
//
// Files, from the top: client.go is the interface, visit.go a session and the
// walk through its pages; peak.go, unit.go, menu.go and language.go know what
// the words on pages mean; browser.go makes requests and follows redirects;
// reader.go makes a page of the tokens of scanner.go, with the layout from
// tree.go, the controls from controls.go and the rules in labels.go that tie
// the two; form.go writes what a browser sends.
package nmc

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"
)

// A Client is the card of one PDU, or of several chained ones. Its methods may
// be called by one goroutine at a time: a card lets one person in.
type Client struct {
	URL      string // http or https, without a path
	User     string
	Password string
	Pins     *Pins // shared by all clients; nil for none
	Timeouts Timeouts
}

// String returns the URL. The password is not printed.
func (c Client) String() string { return c.URL }

// GoString is like String, for %#v.
func (c Client) GoString() string { return fmt.Sprintf("nmc.Client{URL: %q}", c.URL) }

// Timeouts are how long parts of a visit may take. The whole is limited by its
// context.
type Timeouts struct {
	Request time.Duration // a request; cards need up to 8 s after Apply; 0 is the default
	Busy    time.Duration // waiting for somebody else to log off; 0 is not at all
}

// DefaultTimeouts suit the slow processors of cards. Allow a whole visit 90
// seconds with them.
var DefaultTimeouts = Timeouts{Request: 20 * time.Second, Busy: 20 * time.Second}

// ResetPeak resets the peak of a unit, once, and logs off. The unit is 1 to
// MaxUnits of chained PDUs; a PDU on its own is unit 1. ResetPeak calls step
// with what it does next, and applying right before the form is sent. Its
// errors are of type *Error; one that wraps ErrInterrupted says that the reset
// may have taken effect all the same.
func (c *Client) ResetPeak(ctx context.Context, unit int, step func(string), applying func()) error {
	return c.visit(ctx, unit, step, func(v *visit, r reset) error {
		applying()
		return v.apply(ctx, r.form, r.button)
	})
}

// FindPeak logs in, looks for the control that resets the peak of a unit, and
// logs off. It changes nothing.
func (c *Client) FindPeak(ctx context.Context, unit int) error {
	return c.visit(ctx, unit, func(string) {}, func(*visit, reset) error { return nil })
}

// visit logs in, finds how to reset the peak, and does something with that.
func (c *Client) visit(ctx context.Context, unit int, step func(string), do func(*visit, reset) error) error {
	base, err := url.Parse(c.URL + "/")
	if err != nil || base.Host == "" {
		return &Error{Op: "logging in", Err: fmt.Errorf("%q: want a URL such as http://10.0.0.101", c.URL)}
	}
	pins := c.Pins
	if pins == nil {
		pins = new(Pins)
	}
	v := &visit{
		browser:  newBrowser(base, pins, cmp.Or(c.Timeouts.Request, DefaultTimeouts.Request)),
		user:     c.User,
		password: c.Password,
		busy:     c.Timeouts.Busy,
	}
	for _, secret := range []string{c.User, c.Password, base.Hostname()} {
		v.redactor.hide(secret)
	}
	defer v.leave(ctx)

	step("logging in")
	if err := v.login(ctx, step); err != nil {
		return &Error{"logging in", err, v.summaries()}
	}
	step("looking for the page")
	r, err := v.findReset(ctx, unit)
	if err != nil {
		return &Error{"looking for the peak's reset", err, v.summaries()}
	}
	if err := do(v, r); err != nil {
		return &Error{"resetting", err, v.summaries()}
	}
	return nil
}

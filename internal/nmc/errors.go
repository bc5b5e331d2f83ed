package nmc

import (
	"errors"
	"fmt"
)

// What can be wrong with a visit. Test for these with errors.Is.
var (
	// ErrPassword: the card refused the user name or the password.
	ErrPassword = errors.New("wrong user name or password")
	// ErrBusy: a card lets one person in at a time, and somebody else is.
	ErrBusy = errors.New("somebody else is logged in to the card")
	// ErrPasswordChange: the card demands a new password after the log-in, and
	// shows nothing else.
	ErrPasswordChange = errors.New("the card demands a new password")
	// ErrPage: a page is not what is expected of a card.
	ErrPage = errors.New("unexpected page")
	// ErrNoControl: none of the pages has a control that resets the peak.
	ErrNoControl = errors.New("no control for the peak's reset")
	// ErrSeveralControls: a page has several controls that may reset the peak.
	ErrSeveralControls = errors.New("several controls for the peak's reset")
	// ErrUnit: the card offers no such unit of several chained ones.
	ErrUnit = errors.New("unit not offered by the card")
	// ErrLanguage: the pages are in another language than English.
	ErrLanguage = errors.New("the card's pages are not in English")
	// ErrNeedsHTTPS: the URL begins with http, and the card wants https.
	ErrNeedsHTTPS = errors.New("the card wants https")
	// ErrBasicAuth: the card has HTTP Basic authentication instead of a log-in
	// page. Such cards, of the AP79xx, have no peak register.
	ErrBasicAuth = errors.New("the card has neither a log-in form nor a peak register")
	// ErrCertificate: the card shows another certificate than before.
	ErrCertificate = errors.New("the card's certificate has changed")
	// ErrInterrupted: the visit broke off after the form was sent, so that the
	// reset may have taken effect all the same.
	ErrInterrupted = errors.New("interrupted after Apply")
)

// An Error says what was tried when a visit failed.
type Error struct {
	Op  string // "logging in", "looking for the peak's reset" or "resetting"
	Err error
	// Pages has a summary of every page that was seen and not understood: its
	// forms, controls with labels, and links, without values of fields, session
	// tokens and addresses.
	Pages []string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Op, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

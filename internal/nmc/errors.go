package nmc

import (
	"errors"
	"fmt"
)

// The reasons why a visit may fail. Test for them with errors.Is.
var (
	// ErrUnreachable: no connection to the card could be made.
	ErrUnreachable = errors.New("no answer")
	// ErrPassword: the card refused the user name or the password.
	ErrPassword = errors.New("wrong user name or password")
	// ErrRefused: the card refused the log-in, but not clearly because of the
	// user name or the password.
	ErrRefused = errors.New("the card refused the log-in")
	// ErrNotReady: the card is starting, or ended the log-in page's own session.
	ErrNotReady = errors.New("the card is not ready for a log-in")
	// ErrBusy: somebody else is logged in, and a card lets in only one person
	// at a time.
	ErrBusy = errors.New("somebody else is logged in to the card")
	// ErrPasswordChange: after the log-in the card demands a new password and
	// shows nothing else.
	ErrPasswordChange = errors.New("the card demands a new password")
	// ErrPage: a page is not what a card is expected to show.
	ErrPage = errors.New("unexpected page")
	// ErrNoControl: none of the pages has a control that resets the peak.
	ErrNoControl = errors.New("no control for the peak's reset")
	// ErrSeveralControls: a page has several controls that may reset the peak.
	ErrSeveralControls = errors.New("several controls for the peak's reset")
	// ErrUnit: the card does not offer this unit of several chained ones.
	ErrUnit = errors.New("unit not offered by the card")
	// ErrLanguage: the pages are not in English.
	ErrLanguage = errors.New("the card's pages are not in English")
	// ErrNeedsHTTPS: the URL begins with http, and the card wants https.
	ErrNeedsHTTPS = errors.New("the card wants https")
	// ErrBasicAuth: the card uses HTTP Basic authentication instead of a log-in
	// page. Such cards, in the AP79xx, have no peak register.
	ErrBasicAuth = errors.New("the card has neither a log-in form nor a peak register")
	// ErrCertificate: the card shows a different certificate than before.
	ErrCertificate = errors.New("the card's certificate has changed")
	// ErrInterrupted: the visit failed after the form was sent, so the reset
	// may have taken effect.
	ErrInterrupted = errors.New("interrupted after Apply")
)

// An Error says what a failed visit was doing.
type Error struct {
	Op  string // "logging in", "looking for the peak's reset" or "resetting"
	Err error
	// Pages has a summary of every page that was not understood: its forms,
	// controls with labels, and links, without field values, session tokens and
	// addresses.
	Pages []string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Op, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

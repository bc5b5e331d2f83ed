package venue

import (
	"crypto/rand"
	"time"
)

// WebFaults are the bad manners of a card's web interface. The zero value is a
// good card.
//
// Hang, Garbage and Redirect strike at one stage, or at every request where At
// is empty. The stages: root (GET /, which is the log-in page of CookieAlone),
// login (the log-in page), logon (its post), menu (home and all other pages),
// config (the page with the peak's control), apply (its post), confirm (the
// second post), logout.
type WebFaults struct {
	At       string
	Hang     bool   // accepts a request and never answers
	Garbage  bool   // answers 200 and what is no HTML
	Redirect string // answers 302 to this address; "endless" for one after the other

	Delay time.Duration // before each answer

	CutBeforeApply       bool   // drops the connection when the form is posted, before anything takes effect
	CutConfirm           bool   // the same at the post of the confirm page
	CutAfterApply        bool   // drops the connection after the setting took effect
	Busy                 bool   // somebody else is logged in
	ForcedPasswordChange bool   // after the log-in a new password is demanded and nothing else shown
	NoEffect             bool   // Apply looks well and leaves the peak as it is
	NoPeak               bool   // the configuration page has no control for the peak
	TwoPeaks             bool   // it has two
	BigPage              bool   // it has more than 1 MiB ahead of its form
	OtherDevice          bool   // the address is that of some other device, which has a log-in form too
	BasicAuth            bool   // HTTP Basic authentication instead of a log-in form, as the AP79xx
	NeedsHTTPS           bool   // says that it wants https
	Language             string // the number of the language that is preselected
}

// A webSession is that of somebody who is logged in.
type webSession struct {
	token, cookie, form string // form is the token of its forms
	used                time.Time
	pending             []pair // posted and not yet confirmed
	change              bool   // a new password is wanted first
	foreign             bool   // not in English
}

// base is the folder of a session's pages.
func (s *webSession) base() string {
	if s.token == "" {
		return "/"
	}
	return "/NMC/" + s.token + "/"
}

// newToken makes one of the 22 characters that stand in paths and cookies, with
// a + and a - in each.
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

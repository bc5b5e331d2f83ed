package venue

import (
	"math/rand/v2"
	"time"
)

// WebFaults are what is wrong with a card's web interface. The zero value is a
// good card.
//
// Hang, Garbage and Redirect strike at one stage, or at every request if At is
// empty. The stages: root (GET /, which is the log-in page of CookieAlone), login
// (the log-in page), logon (its post), menu (home and all other pages), config
// (the page with the peak's control), apply (its post), confirm (the second
// post), logout.
type WebFaults struct {
	At       string
	Hang     bool   // accepts a request and never answers
	Garbage  bool   // answers 200 with something that is not HTML
	Redirect string // answers 302 to this address; "endless" for one after the other

	Delay time.Duration // before each answer

	OtherDevice          bool   // the address is that of some other device, which has a log-in form too
	BasicAuth            bool   // HTTP Basic authentication instead of a log-in form, as the AP79xx
	NeedsHTTPS           bool   // says that it requires https
	Busy                 bool   // somebody else is logged in
	Language             string // preselected value of prefLanguage; "" for English
	ForcedPasswordChange bool   // every page after the log-in demands a new password
	NoPeak               bool   // the configuration page has no control for the peak
	TwoPeaks             bool   // it has two
	BigPage              bool   // it has more than 1 MiB before its form
	CutBeforeApply       bool   // drops the connection when the form is posted, before anything takes effect
	CutConfirm           bool   // the same at the post of the confirm page
	CutAfterApply        bool   // drops the connection after the reset
	NoEffect             bool   // Apply seems to succeed and leaves the peak as it is
}

// otherDevice is the page of a device that is not a card.
const otherDevice = `<html><head><title>LaserWriter 4100</title></head><body><h1>Office printer, 2nd floor</h1>
<p>Toner 34 %
<form action="/login.cgi" method="post">User <input name="user"> Password <input type="password" name="pw">
<input type="submit" value="Sign in"></form>
<p><a href="/device.html">Device</a> <a href="/cfg.html">Configuration</a></body></html>
`

// garbage returns 64 KiB that are not HTML, the same each time.
func garbage() string {
	r, b := rand.New(rand.NewPCG(1, 2)), make([]byte, 0, 64<<10)
	for len(b) < cap(b)-16 {
		b = append(b, byte(r.Uint32()))
		if r.IntN(9) == 0 {
			b = append(b, []string{"<form ", "<!--", "<script>", "<td", "='", "&#", `="`, "</"}[r.IntN(8)]...)
		}
	}
	return string(b)
}

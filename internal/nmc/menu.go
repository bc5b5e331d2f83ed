package nmc

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// outletsPage is where cards ask to confirm the switching of outlets.
const outletsPage = "rpduconf.htm"

// isMenuLink reports whether a link may lead through the menu to the
// configuration of the device. No other link is followed: some pages reboot the
// card or switch outlets.
func isMenuLink(text string, u *url.URL) bool {
	list := slices.DeleteFunc(words(text), func(w string) bool { return strings.Trim(w, "0123456789") == "" })
	return len(list) > 0 && !strings.EqualFold(path.Base(u.Path), outletsPage) &&
		isMadeOf(list, "configuration", "configure", "rpdu", "pdu", "rack", "device", "manager", "settings")
}

func isLogoff(text string) bool {
	return slices.Contains([]string{"log off", "log out", "logoff", "logout"}, strings.Join(words(text), " "))
}

func saysBusy(p page) bool { return strings.Contains(strings.ToLower(p.text), "currently logged in") }

// saysFull reports whether a card that refused a log-in says that others are
// logged in.
func saysFull(list []string) bool {
	hasOthers := has(list, "already", "another", "else", "currently") && has(list, "logged", "user", "session", "use")
	isLimit := has(list, "maximum", "max", "many", "limit") &&
		has(list, "users", "sessions", "connections", "logins", "logons")
	return (hasOthers || isLimit) && !has(list, "attempts", "failed", "failures", "locked", "expired", "timed")
}

// saysNotReady reports whether a card that refused a log-in says that it would
// refuse any.
func saysNotReady(list []string) bool {
	isStarting := has(list, "starting", "restarting", "rebooting", "booting", "initializing", "initialising")
	return isStarting || has(list, "session") && has(list, "timed", "timeout", "expired")
}

// saysWrongPassword reports whether a sentence says that the user name or the
// password is wrong.
func saysWrongPassword(text string) bool {
	const near = 4 // words
	for sentence := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(".!;", r) }) {
		list := words(sentence)
		for i, w := range list {
			isNot := i > 0 && list[i-1] == "not" && has(list[i:i+1], "valid", "correct", "recognized")
			if !isNot && !slices.Contains([]string{"invalid", "incorrect", "wrong", "denied"}, w) {
				continue
			}
			around := list[max(0, i-near):min(len(list), i+near+1)]
			isAboutLogin := has(around, "password", "username", "credentials") ||
				has(around, "user") && has(around, "name")
			if isAboutLogin && !has(list, "session") {
				return true
			}
		}
	}
	return false
}

// addedText returns what a text has more than another one, between the words
// with which both begin and end.
func addedText(without, with string) string {
	a, b := strings.Fields(without), strings.Fields(with)
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return strings.Join(b, " ")
}

func saysNeedsHTTPS(p page) bool {
	return strings.Contains(strings.ToLower(p.text), "requires a secure socket connection")
}

// confirmForm returns the form of a page that only asks for confirmation, and
// the index of its Apply button, or -1: it has the buttons Apply and Cancel and
// nothing to fill in.
func confirmForm(p page) (form, int) {
	for _, f := range p.forms {
		apply := applyButton(f)
		isApplied := apply >= 0 && f.isPost() && !f.controls[apply].overrides
		hasTwoButtons := f.count("submit", "button", "reset") == 2
		hasNothingElse := f.count("hidden") == len(f.controls)-2
		onlyAsks := hasTwoButtons && hasNothingElse
		if isApplied && onlyAsks {
			return f, apply
		}
	}
	return form{}, -1
}

// isHarmless reports whether the text of a page that asks for confirmation,
// without its links, mentions nothing dangerous.
func isHarmless(p page) bool {
	list := words(p.prose)
	return !namesParts(list) && !namesEnergy(list) && !hasPart(list, "reboot", "restart", "shut", "default")
}

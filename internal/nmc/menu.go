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

func saysNeedsHTTPS(p page) bool {
	return strings.Contains(strings.ToLower(p.text), "requires a secure socket connection")
}

// confirmForm returns the form of a page that only asks for confirmation, and
// the index of its Apply button, or -1: it has the buttons Apply and Cancel and
// nothing to fill in.
func confirmForm(p page) (form, int) {
	for _, f := range p.forms {
		apply := applyButton(f)
		hasTwoButtons := f.count("submit", "button", "reset") == 2
		hasNothingElse := f.count("hidden") == len(f.controls)-2
		if apply >= 0 && f.isPost() && hasTwoButtons && hasNothingElse && !f.controls[apply].overrides {
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

package venue

import (
	"fmt"
	"net/http"
)

var (
	yesNo          = []pair{{"00000000", "No"}, {"01000000", "Yes"}}
	numberedDelays = []pair{{"00000000", "Immediate"}, {"01000000", "Wait 15 s"}, {"02000000", "Never"}}
	plainDelays    = []pair{{"Immediate", "Immediate"}, {"Wait 15 s", "Wait 15 s"}, {"Never", "Never"}}
)

// TokenPath has tokens in its paths and no cookie, the whole menu on each
// page, and upper-case tags that it does not close.
var TokenPath = Generation{
	name:       "token in the path",
	tokens:     true,
	hops:       []string{"logon.htm"},
	absolute:   true,
	refusal:    refuseByRedirect,
	busyStatus: http.StatusForbidden,
	latin1:     true,
	tags:       tagStyle{upper: true, bare: true},
	frame:      oldFrame,
	menu:       flatMenu,
	table:      [2]string{"<TABLE BORDER=0>\n", "</TABLE>\n"},
	row: func(label, control, note string) string {
		return "<TR><TD CLASS=lbl NOWRAP>" + label + "<TD>" + control + " " + note + "\n"
	},
	file:        func(page string) string { return page + ".htm" },
	languages:   "hidden",
	deviceLink:  "Device Manager",
	field:       func(n int) string { return fmt.Sprintf("Dev%d", n) },
	reset:       control{kind: "checkbox", value: "01000000"},
	resetLabels: [2]string{"Peak Power", "Device Energy"},
	delays:      numberedDelays,
	buttons: []control{{kind: "submit", name: "Apply", label: "Apply", value: "Apply"},
		{kind: "submit", name: "Cancel", label: "Cancel", value: "Cancel"}},
	applied: "cfgdev",
	units:   "link",
}

// CookieAndToken wants a cookie and a token that both stem from the log-in
// page. Its menu must be walked. Each page has a form for the language first,
// and scripts and comments with markup, all in nested tables.
var CookieAndToken = Generation{
	name:       "cookie and token",
	tokens:     true,
	cookie:     "C0",
	early:      true,
	hops:       []string{"logon.htm"},
	absolute:   true,
	keepAlive:  true,
	refusal:    refuseByForm,
	busyStatus: http.StatusOK,
	tags:       tagStyle{xhtml: true},
	frame:      nestedFrame,
	menu:       walkedMenu,
	table:      [2]string{"<table>\n", "</table>\n"},
	row: func(label, control, note string) string {
		return `<tr><td class="lbl">` + label + `:</td><td><table cellpadding="0"><tr><td>` + control +
			`</td><td>&nbsp;` + note + "</td></tr></table></td></tr>\n"
	},
	file:        func(page string) string { return fmt.Sprintf("m%d.htm", 104+7*menuIndex(page)) },
	form:        "HashForm1",
	languages:   "select",
	deviceLink:  "Device",
	field:       func(n int) string { return fmt.Sprintf("HX%04X", 0x100+n) },
	reset:       control{kind: "checkbox", value: "on"},
	resetLabels: [2]string{"Device Peak Power Reset", "Total Energy (kWh)"},
	delays:      numberedDelays,
	buttons:     []control{applyButton, cancelButton},
	confirm:     true,
	applied:     "statdev",
	units:       "select",
}

// Redirects has tokens, leads to the log-in page in two steps, and has selects
// in a list of definitions.
var Redirects = Generation{
	name:       "redirects and selects",
	tokens:     true,
	hops:       []string{"index.htm", "logon.htm"},
	absolute:   true,
	refusal:    refuseByStatus,
	busyStatus: http.StatusForbidden,
	tags:       tagStyle{quote: "'"},
	frame:      listFrame,
	menu:       nestedMenu("<li><a href='#'>%s</a><ul>\n", "<li><a href='%s'>%s</a>\n"),
	table:      [2]string{"<dl>\n", "</dl>\n"},
	row: func(label, control, note string) string {
		return "<dt>" + label + "<dd>" + control + " " + note + "\n"
	},
	file:        func(page string) string { return "rpdu2_" + page + ".htm" },
	languages:   "hidden",
	deviceLink:  "Device",
	field:       func(n int) string { return fmt.Sprintf("ident%c", 'A'+n) },
	reset:       control{kind: "select", value: "No", opts: []pair{{"No", "No"}, {"Reset", "Reset"}}},
	resetLabels: [2]string{"Peak Power", "Energy (kWh)"},
	delays:      plainDelays,
	buttons: []control{{kind: "reset", label: "Reset", value: "Reset"},
		{kind: "button", name: "submit", label: "Apply", value: "1"},
		{kind: "button", name: "submit", label: "Cancel", value: "0"}},
	units: "link",
}

// CookieAlone has a cookie and no tokens, its log-in page at the root, and
// radio buttons in blocks.
var CookieAlone = Generation{
	name:       "cookie alone",
	cookie:     "APC9F2A41",
	hops:       []string{""},
	keepAlive:  true,
	refusal:    refuseByStatus,
	busyStatus: http.StatusForbidden,
	busyFirst:  true,
	frame:      plainFrame,
	menu:       walkedMenu,
	labels:     true,
	row: func(label, control, note string) string {
		return `<div class="row"><span class="lbl">` + label + `</span> <span class="ctl">` + control +
			"</span> <small>" + note + "</small></div>\n"
	},
	file:        func(page string) string { return "p" + page + ".html" },
	languages:   "select",
	deviceLink:  "Device",
	field:       func(n int) string { return fmt.Sprintf("?%d", n) },
	reset:       control{kind: "radio", value: "00000000", opts: yesNo},
	resetLabels: [2]string{"Reset Peak Power", "Reset Energy Meter"},
	energyFirst: true,
	delays:      numberedDelays,
	buttons:     []control{cancelButton, applyButton},
	applied:     "statdev",
	units:       "select",
}

// NestedLists is AOS 6.0: nested lists as the menu, a form with the language
// and a picture as its button in the header of each page, and rows of blocks.
var NestedLists = Generation{
	name:        "nested lists and block rows",
	tokens:      true,
	cookie:      "C0",
	hops:        []string{"logon.htm"},
	absolute:    true,
	refusal:     refuseByRedirect,
	busyStatus:  http.StatusForbidden,
	frame:       navFrame,
	menu:        nestedMenu(`<li><a href="#" class="top_link">%s</a><ul>`+"\n", `<li><a href="%s">%s</a></li>`+"\n"),
	row:         blockRow,
	file:        shortFile,
	form:        "HashForm1",
	languages:   "header",
	deviceLink:  "Device",
	field:       func(n int) string { return fmt.Sprintf("f%02d", n) },
	reset:       control{kind: "checkbox", value: "1"},
	resetLabels: [2]string{"Peak Power", "Energy"},
	delays:      numberedDelays,
	buttons:     []control{applyButton, resetButton},
	onlyChanges: true,
	confirm:     true,
	applied:     "statdev",
	units:       "link",
}

// Bootstrap is later firmware: dropdown menus, rows of blocks with labels.
var Bootstrap = Generation{
	name:       "Bootstrap",
	tokens:     true,
	hops:       []string{"logon.htm"},
	refusal:    refuseByForm,
	busyStatus: http.StatusForbidden,
	busyFirst:  true,
	keepAlive:  true,
	frame:      bootstrapFrame,
	labels:     true,
	menu: nestedMenu(`<li class="dropdown"><a class="dropdown-toggle" data-toggle="dropdown" href="#">`+
		`%s <b class="caret"></b></a><ul class="dropdown-menu">`+"\n",
		`<li><a href="%s">%s</a></li>`+"\n"),
	row: func(label, control, note string) string {
		return `<div class="control-group"><div class="control-label">` + label + `</div><div class="controls"><p>` +
			control + "</p>" + note + "</div></div>\n"
	},
	file:        shortFile,
	form:        "HashForm1",
	languages:   "header",
	deviceLink:  "Device",
	field:       func(n int) string { return fmt.Sprintf("rpdu_%d", n) },
	reset:       control{kind: "checkbox", value: "on"},
	resetLabels: [2]string{"Peak Power", "Energy"},
	delays:      plainDelays,
	buttons:     []control{applyButton, resetButton},
	onlyChanges: true,
	applied:     "cfgdev",
	units:       "select",
}

// Generations are all of them.
var Generations = []Generation{TokenPath, CookieAndToken, Redirects, CookieAlone, NestedLists, Bootstrap}

// blockRow is a row as the status pages of AOS 6.0 have it.
func blockRow(label, control, note string) string {
	return `<div class="dataField"><div class="dataName">` + label + `</div><div class="dataValue">` +
		control + " " + note + "</div></div>\n"
}

// shortFile returns the files of later cards. That of outlets is the page where
// they are switched.
func shortFile(page string) string {
	if page == "ctldev" {
		return "rpduconf.htm"
	}
	return page + ".htm"
}

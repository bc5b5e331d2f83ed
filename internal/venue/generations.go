package venue

import (
	"fmt"
	"net/http"
	"strings"
)

// A Generation is how the web interface looks and behaves in a series of
// firmware. Its templates have words in braces that are replaced.
type Generation struct {
	name string

	// Sessions.
	tokens     bool     // pages stand below /NMC/<token>/
	cookie     string   // the name of a cookie that pages need; "" for none
	early      bool     // token and cookie come with the log-in page
	hops       []string // the redirects from the root; the last page has the log-in form
	absolute   bool     // redirects are absolute
	keepAlive  bool
	refusal    logonRefusal
	busyStatus int  // of the answer to a log-in while somebody else is logged in
	busyFirst  bool // that comes instead of the log-in page, too

	// Markup.
	latin1 bool // in ISO-8859-1, otherwise in UTF-8
	tags   tagStyle
	frame  string // of a page: {title}, {name} of the PDU, {menu}, {body}, {languages}, {now}, {up}
	menu   menuStyle
	table  pair   // around rows
	row    string // of a form: {label}, {control}, {note}

	// Pages.
	file           string // of a page of the menu: {page}, {number}
	outletsPage    bool   // Control > Device switches outlets
	formName       string // the name of forms; "" is one for each
	field          string // the names of settings by their number, as a format
	deviceLink     string // the menu's text for the settings
	hiddenLanguage bool   // the log-in form does not let users choose it
	reset          control
	resetLabels    pair // of the peak and the energy
	energyFirst    bool
	buttons        []control
	onlyChanges    bool   // a hidden field asks to apply only what has changed
	confirm        bool   // Apply leads to a page that asks for confirmation
	applied        string // the page to which it leads then; "" for a message
	unitLinks      bool   // chained units are chosen by links, otherwise by a select
}

// String describes the generation in a few words.
func (g Generation) String() string { return g.name }

// A logonRefusal is how a card answers a wrong password.
type logonRefusal int

const (
	refuseByRedirect logonRefusal = iota // back to the log-in page
	refuseByForm                         // by the form again, with a message
	refuseByStatus                       // 403
)

// A menuStyle has templates of menu entries: {text}, {href}, {depth}.
type menuStyle struct {
	parent, leaf, end string // end comes after the entries below a parent
	walked            bool   // a page shows only the entries beside and below it, and parents are leaves
}

var (
	applyButton  = control{kind: "submit", name: "submit", label: "Apply", value: "Apply"}
	cancelButton = control{kind: "submit", name: "submit", label: "Cancel", value: "Cancel"}
	resetButton  = control{kind: "reset", label: "Cancel", value: "Cancel"}
)

// Generations has all generations. Add a new one here.
var Generations = []Generation{TokenPath, CookieAndToken, Redirects, CookieAlone, NestedLists, Bootstrap}

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
	tags:       tagStyle{upper: true, bare: true, quote: `"`},
	frame: `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">
<HTML><HEAD><TITLE>Rack PDU - {title}</TITLE><STYLE>.lbl{color:#036} td > a{color:red}</STYLE></HEAD>
<BODY BGCOLOR=#FFFFFF><TABLE WIDTH="100%"><TR><TD COLSPAN=2>Rack PDU Management: <B>{name}</B>
<TR><TD VALIGN=top WIDTH=180>{menu}<TD VALIGN=top><H2>{title}</H2>
{body}<TR><TD COLSPAN=2><HR><A HREF="http://www.apc.com/">APC Web Site</A>
&copy; 2009 American Power Conversion. {now}
</TABLE></BODY></HTML>
`,
	menu:           menuStyle{parent: "<BR><B>{text}</B>\n", leaf: "<BR>&nbsp; <A HREF={href} CLASS=mnu>{text}</A>\n"},
	table:          pair{"<TABLE BORDER=0>\n", "</TABLE>\n"},
	row:            "<TR><TD CLASS=lbl NOWRAP>{label}<TD>{control} {note}\n",
	file:           "{page}.htm",
	field:          "Dev%d",
	deviceLink:     "Device Manager",
	hiddenLanguage: true,
	reset:          control{kind: "checkbox", value: "01000000"},
	resetLabels:    pair{"Peak Power", "Device Energy"},
	buttons: []control{{kind: "submit", name: "Apply", label: "Apply", value: "Apply"},
		{kind: "submit", name: "Cancel", label: "Cancel", value: "Cancel"}},
	applied:   "cfgdev",
	unitLinks: true,
}

// CookieAndToken requires a cookie and a token, which both come with the log-in
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
	tags:       tagStyle{xhtml: true, quote: `"`},
	frame: `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html><head><title>{title} | Rack PDU 2G</title>
<script type="text/javascript"><!--
var row = '<form action="Forms/old1" method="post"><table><tr><td>Peak Power Reset</td>' +
	'<td><input type="checkbox" name="rst" /></td></tr></table></form>';
if (1 < 2 && document.all) document.write(row.substr(0, 0));
//--></script></head>
<body><table width="100%"><tr><td>{name}</td><td align="right">
<form name="langForm" method="post" action="{up}Forms/lang1">{languages}
<noscript><input type="submit" name="submit" value="Go" /></noscript></form></td></tr>
<tr><td valign="top"><table><tr><td>{menu}</td></tr></table></td>
<td valign="top"><table><tr><td><h1>{title}</h1>
<!-- <form name="HashForm1" action="Forms/v5"><tr><td>Peak Power Reset</td>
<td><input type="checkbox" name="pk" /></td></tr> -->
{body}</td></tr></table></td></tr>
<tr><td colspan="2"><a href="http://www.apc.com/support">Support</a> | {now}</td></tr></table>
</body></html>
`,
	menu:  menuStyle{leaf: `<a class="d{depth}" href="{href}"><span>{text}</span></a><br>` + "\n", walked: true},
	table: pair{"<table>\n", "</table>\n"},
	row: `<tr><td class="lbl">{label}:</td><td><table cellpadding="0"><tr><td>{control}</td>` +
		"<td>&nbsp;{note}</td></tr></table></td></tr>\n",
	file:        "m{number}.htm",
	formName:    "HashForm1",
	field:       "HX01%02X",
	deviceLink:  "Device",
	reset:       control{kind: "checkbox", value: "on"},
	resetLabels: pair{"Device Peak Power Reset", "Total Energy (kWh)"},
	buttons:     []control{applyButton, cancelButton},
	confirm:     true,
	applied:     "statdev",
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
	frame: `<html><head><title>{title}</title></head>
<body><div id='top'>Schneider Electric | {name}</div>
<ul id='menu'>{menu}</ul>
<div id='main'><h1>{title}</h1>
{body}</div><p>&copy; 2016 Schneider Electric. {now}</body></html>
`,
	menu: menuStyle{parent: "<li><a href='#'>{text}</a><ul>\n", leaf: "<li><a href='{href}'>{text}</a>\n",
		end: "</ul></li>"},
	table:          pair{"<dl>\n", "</dl>\n"},
	row:            "<dt>{label}<dd>{control} {note}\n",
	file:           "rpdu2_{page}.htm",
	field:          "ident%d",
	deviceLink:     "Device",
	hiddenLanguage: true,
	reset:          control{kind: "select", value: "No", options: []pair{{"No", "No"}, {"Reset", "Reset"}}},
	resetLabels:    pair{"Peak Power", "Energy (kWh)"},
	buttons: []control{{kind: "reset", label: "Reset", value: "Reset"},
		{kind: "button", name: "submit", label: "Apply", value: "1"},
		{kind: "button", name: "submit", label: "Cancel", value: "0"}},
	unitLinks: true,
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
	tags:       tagStyle{quote: `"`, labels: true},
	frame: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name} – {title}</title></head>
<body><header>Network Management Card | {name}</header><nav>
{menu}</nav><main><h1>{title}</h1>
{body}</main><footer>{now} <a href="https://www.se.com/">Schneider Electric</a></footer></body></html>
`,
	menu: menuStyle{leaf: `<a class="d{depth}" href="{href}"><span>{text}</span></a><br>` + "\n", walked: true},
	row: `<div class="row"><span class="lbl">{label}</span> <span class="ctl">{control}</span>` +
		" <small>{note}</small></div>\n",
	file:       "p{page}.html",
	field:      "?%d",
	deviceLink: "Device",
	reset: control{kind: "radio", value: "00000000",
		options: []pair{{"00000000", "No"}, {"01000000", "Yes"}}},
	resetLabels: pair{"Reset Peak Power", "Reset Energy Meter"},
	energyFirst: true,
	buttons:     []control{cancelButton, applyButton},
	applied:     "statdev",
}

// NestedLists is AOS 6.0: nested lists as the menu, a form with the language
// and a picture as its button in the header of each page, and rows of blocks.
var NestedLists = Generation{
	name:       "nested lists and block rows",
	tokens:     true,
	cookie:     "C0",
	hops:       []string{"logon.htm"},
	absolute:   true,
	refusal:    refuseByRedirect,
	busyStatus: http.StatusForbidden,
	tags:       tagStyle{quote: `"`},
	frame: `<html><head><title>Rack PDU 2G | {title}</title>
<meta http-equiv="refresh" content="185;url={up}logout.htm"></head>
<body><div id="header"><form name="langForm" method="post" action="{up}Forms/lang1">{languages}
<input type="image" src="go.gif" name="go" alt="Apply"></form>
<span>Rack PDU 2G {name}</span></div>
<ul id="nav">{menu}</ul>
<div id="content"><div class="sectionTitle">{title}</div>
{body}</div><div id="footer">{now}</div></body></html>
`,
	menu: menuStyle{parent: `<li><a href="#" class="top_link">{text}</a><ul>` + "\n",
		leaf: `<li><a href="{href}">{text}</a></li>` + "\n", end: "</ul></li>"},
	row: `<div class="dataField"><div class="dataName">{label}</div>` +
		`<div class="dataValue">{control} {note}</div></div>` + "\n",
	file:        "{page}.htm",
	outletsPage: true,
	formName:    "HashForm1",
	field:       "f%02d",
	deviceLink:  "Device",
	reset:       control{kind: "checkbox", value: "1"},
	resetLabels: pair{"Peak Power", "Energy"},
	buttons:     []control{applyButton, resetButton},
	onlyChanges: true,
	confirm:     true,
	applied:     "statdev",
	unitLinks:   true,
}

// Bootstrap is later firmware: dropdown menus, rows of blocks with labels.
var Bootstrap = Generation{
	name:       "Bootstrap",
	tokens:     true,
	hops:       []string{"logon.htm"},
	keepAlive:  true,
	refusal:    refuseByForm,
	busyStatus: http.StatusForbidden,
	busyFirst:  true,
	tags:       tagStyle{quote: `"`, labels: true},
	frame: `<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="refresh" content="185;url={up}logout.htm">
</head><body><div class="navbar navbar-fixed-top"><div class="navbar-inner"><div class="container">
<a class="brand" href="#">Rack PDU 2G</a>
<ul class="nav">{menu}</ul>
<form name="langForm" method="post" action="{up}Forms/lang1">{languages}
<input type="image" src="go.gif" alt="Go"></form></div></div></div>
<div class="container"><h3>{title}</h3>
{body}<footer><p>{name} {now}</p></footer></div></body></html>
`,
	menu: menuStyle{
		parent: `<li class="dropdown"><a class="dropdown-toggle" data-toggle="dropdown" href="#">{text} ` +
			`<b class="caret"></b></a><ul class="dropdown-menu">` + "\n",
		leaf: `<li><a href="{href}">{text}</a></li>` + "\n", end: "</ul></li>"},
	row: `<div class="control-group"><div class="control-label">{label}</div>` +
		`<div class="controls"><p>{control}</p>{note}</div></div>` + "\n",
	file:        "{page}.htm",
	outletsPage: true,
	formName:    "HashForm1",
	field:       "rpdu_%d",
	deviceLink:  "Device",
	reset:       control{kind: "checkbox", value: "on"},
	resetLabels: pair{"Peak Power", "Energy"},
	buttons:     []control{applyButton, resetButton},
	onlyChanges: true,
	applied:     "cfgdev",
}

// webMenu is the menu of all generations.
var webMenu = []menuEntry{
	{0, "Home", "home"},
	{0, "Status", "stat"}, {1, "RPDU", "statrpdu"}, {2, "Device", "statdev"}, {2, "Outlet", "statout"},
	{1, "Network", "statnet"},
	{0, "Control", "ctl"}, {1, "RPDU", "ctlrpdu"}, {2, "Outlet", "ctlout"}, {2, "Device", "ctldev"},
	{1, "Security", "ctlsec"},
	{1, "Network", "ctlnet"}, {2, "Reset/Reboot", "ctlreset"}, {2, "Reboot Management Interface", "ctlboot"},
	{0, "Configuration", "cfg"}, {1, "RPDU", "cfgrpdu"}, {2, "Device", "cfgdev"}, {2, "Outlet", "cfgout"},
	{1, "Security", "cfgsec"}, {1, "Network", "cfgnet"}, {1, "Notification", "cfgnote"},
	{0, "Logs", "logs"}, {0, "About", "about"}, {0, "Log Off", "logout"},
}

type menuEntry struct {
	depth      int
	text, page string
}

// dangerous are the pages that switch something off, restore defaults or end
// sessions.
var dangerous = []string{"ctlout", "ctldev", "ctlsec", "ctlreset", "ctlboot"}

// menuIndex returns where a page is in the menu; a page that is not there
// belongs to home.
func menuIndex(page string) int {
	for i, m := range webMenu {
		if m.page == page {
			return i
		}
	}
	return 0
}

// fileOf returns the file of a menu page. Some have the same in all generations.
func (g Generation) fileOf(page string) string {
	switch {
	case page == "home", page == "logout":
		return page + ".htm"
	case page == "ctldev" && g.outletsPage:
		return "rpduconf.htm"
	}
	return fill(g.file, "{page}", page, "{number}", fmt.Sprint(104+7*menuIndex(page)))
}

// action returns where the form of a menu page goes.
func (g Generation) action(page string) string {
	name, _, _ := strings.Cut(g.fileOf(page), ".")
	return "Forms/" + name + "1"
}

// pageOf returns the menu page that has the file, "" if there is none.
func (g Generation) pageOf(file string) string {
	for _, m := range webMenu {
		if g.has(m.page) && g.fileOf(m.page) == file {
			return m.page
		}
	}
	return ""
}

// has reports whether the generation has a page of the menu.
func (g Generation) has(page string) bool { return page != "ctldev" || g.outletsPage }

// fill replaces words of a template, each by the argument after it.
func fill(template string, words ...string) string {
	return strings.NewReplacer(words...).Replace(template)
}

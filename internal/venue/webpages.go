package venue

import (
	"fmt"
	"html"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A Generation is how the web interface looks and behaves in a series of firmware.
type Generation int

const (
	// TokenPath has tokens in its paths and no cookie, the whole menu on each page, checkboxes, ISO-8859-1 and
	// upper-case tags that it does not close. A refused log-in leads to the log-in page.
	TokenPath Generation = iota
	// CookieAndToken wants a cookie and a token that both stem from the log-in page. Its menu must be walked. Each page
	// has a form for the language first and scripts and comments with markup, all in nested tables. Apply leads to
	// a confirm page. Refusals have status 200.
	CookieAndToken
	// Redirects has tokens, leads to the log-in page in two steps with absolute addresses, and has selects.
	Redirects
	// CookieAlone has a cookie and no tokens, its log-in page at the root, and radio buttons.
	CookieAlone
)

// Generations are all of them.
var Generations = []Generation{TokenPath, CookieAndToken, Redirects, CookieAlone}

func (g Generation) String() string {
	return [...]string{"token in the path", "cookie and token", "redirects and selects", "cookie alone"}[g]
}

// A pair is a form field's name and value, or an option's value and text.
type pair [2]string

// A control is one control of a form, in its present state.
type control struct {
	kind  string // the type of an input, or select, textarea
	name  string
	label string // of its row; the text on a button
	value string
	note  string // behind the control
	opts  []pair
	on    bool   // a checkbox is
	off   bool   // disabled
	role  string // peak, energy, or free: what a browser's user may change without a complaint
}

// set says whether the posted value sets a reset.
func (c *control) set(value string, has bool) bool {
	return has && (c.kind == "checkbox" || len(c.opts) > 1 && value == c.opts[1][0])
}

const (
	someone      = "Someone is currently logged into the APC Management Web Server. Please try again later."
	invalid      = "Invalid User Name or Password."
	passwordPage = "pwd.htm"
)

// webMenu is the menu of all generations.
var webMenu = []struct {
	depth      int
	text, page string
}{
	{0, "Home", "home"},
	{0, "Status", "stat"}, {1, "RPDU", "statrpdu"}, {2, "Device", "statdev"}, {2, "Outlet", "statout"}, {1, "Network", "statnet"},
	{0, "Control", "ctl"}, {1, "RPDU", "ctlrpdu"}, {2, "Outlet", "ctlout"}, {1, "Security", "ctlsec"},
	{1, "Network", "ctlnet"}, {2, "Reset/Reboot", "ctlreset"}, {2, "Reboot Management Interface", "ctlboot"},
	{0, "Configuration", "cfg"}, {1, "RPDU", "cfgrpdu"}, {2, "Device", "cfgdev"}, {2, "Outlet", "cfgout"},
	{1, "Security", "cfgsec"}, {1, "Network", "cfgnet"}, {1, "Notification", "cfgnote"},
	{0, "Logs", "logs"}, {0, "About", "about"}, {0, "Log Off", "logout"},
}

// dangerous are the pages that switch something off, put it back to its defaults or end sessions.
var dangerous = []string{"ctlout", "ctlsec", "ctlreset", "ctlboot"}

func menuIndex(page string) int {
	for i, m := range webMenu {
		if m.page == page {
			return i
		}
	}
	return 0
}

// file returns the file name of a menu page.
func (g Generation) file(page string) string {
	switch {
	case page == "home", page == "logout", g == TokenPath:
		return page + ".htm"
	case g == CookieAndToken:
		return fmt.Sprintf("m%d.htm", 104+7*menuIndex(page))
	case g == Redirects:
		return "rpdu2_" + page + ".htm"
	}
	return "p" + page + ".html"
}

// role returns the menu page that has the file name, "" if there is none.
func (g Generation) role(file string) string {
	for _, m := range webMenu {
		if g.file(m.page) == file {
			return m.page
		}
	}
	return ""
}

func (g Generation) title(file string) string { return webMenu[menuIndex(g.role(file))].text }

func (g Generation) has(page string) bool {
	return page == "" || page == passwordPage || strings.HasPrefix(page, "Forms/") || g.role(page) != ""
}

// action returns where a page's form goes.
func (g Generation) action(page string) string {
	name, _, _ := strings.Cut(g.file(page), ".")
	return "Forms/" + name + "1"
}

func (g Generation) stage(token, page string) string {
	switch page {
	case "":
		if token == "" {
			return "root"
		}
	case "logon.htm":
		return "login"
	case "Forms/login1":
		return "logon"
	case "Forms/confirm1":
		return "confirm"
	case "logout.htm":
		return "logout"
	case g.file("cfgdev"):
		return "config"
	case g.action("cfgdev"):
		return "apply"
	}
	return "menu"
}

func (g Generation) cookie() string { return [...]string{"", "C0", "", "APC9F2A41"}[g] }

func (g Generation) contentType() string {
	if g == TokenPath {
		return "text/html; charset=ISO-8859-1"
	}
	return "text/html; charset=utf-8"
}

// encode puts a page into the generation's character set.
func (g Generation) encode(page string) string {
	if g != TokenPath {
		return page
	}
	b := make([]byte, 0, len(page))
	for _, r := range page {
		if r > 255 {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// settings are the controls of the configuration page as the card comes to the venue.
func (g Generation) settings(name string) []control {
	if g == TokenPath {
		name = strings.Map(func(r rune) rune {
			if r > 255 {
				return '?'
			}
			return r
		}, name)
	}
	n := strings.Fields([...]string{
		"Token DevName DevLoc Contact Near Over Low Delay Beep Lcd Model Unit PkRst KwhRst",
		"HX0101 HX0102 HX0103 HX0104 HX0105 HX0106 HX0107 HX0108 HX0109 HX010A HX010B HX010C HX010D HX010E",
		"formtoken identName identLocation identContact nearOver overload lowLoad coldStart audible display partNo idx rst2 rst1",
		"?1 ?2 ?3 ?4 ?5 ?6 ?7 ?8 ?9 ?10 ?11 ?12 ?13 ?14"}[g])
	labels := [...][2]string{{"Peak Power", "Device Energy"}, {"Device Peak Power Reset", "Total Energy (kWh)"},
		{"Peak Power", "Energy (kWh)"}, {"Reset Peak Power", "Reset Energy Meter"}}[g]
	delays := []pair{{"00000000", "Immediate"}, {"01000000", "Wait 15 s"}, {"02000000", "Never"}}
	reset := control{kind: "checkbox", value: "01000000"}
	switch g {
	case CookieAndToken:
		reset.value = "on" // what a checkbox without a value sends
	case Redirects:
		delays = []pair{{"Immediate", "Immediate"}, {"Wait 15 s", "Wait 15 s"}, {"Never", "Never"}}
		reset = control{kind: "select", value: "No", opts: []pair{{"No", "No"}, {"Reset", "Reset"}}}
	case CookieAlone:
		reset = control{kind: "radio", value: "00000000", opts: []pair{{"00000000", "No"}, {"01000000", "Yes"}}}
	}
	peak, energy := reset, reset
	peak.name, peak.label, peak.role = n[12], labels[0], "peak"
	energy.name, energy.label, energy.role = n[13], labels[1], "energy"
	list := []control{
		{kind: "hidden", name: n[0]},
		{kind: "text", name: n[1], label: "Name", value: name},
		{kind: "text", name: n[2], label: "Location", value: `Zürich & "Halle 3" <Nord>`},
		{kind: "textarea", name: n[3], label: "Contact", value: "Jörg O'Neill\nHall & floor, ext. 12"},
		{kind: "text", name: n[6], label: "Low Load Warning", value: "0.0", note: "kW"},
		{kind: "text", name: n[4], label: "Near Overload Warning", value: "2.8", note: "kW"},
		{kind: "hidden", name: n[11], value: " 1"},
		{kind: "text", name: n[5], label: "Overload Alarm", value: "3.0", note: "kW"},
		{kind: "select", name: n[7], label: "Coldstart Delay", value: delays[1][0], opts: delays},
		{kind: "checkbox", name: n[8], label: "Audible Alarm", value: "1", note: "Enable"},
		{kind: "checkbox", name: n[9], label: "Display", value: "on", on: true, note: "Enable"},
		{kind: "text", name: n[10], label: "Model Number", value: "AP8858", off: true},
		peak, energy,
	}
	apply := control{kind: "submit", name: "submit", label: "Apply", value: "Apply"}
	cancel := control{kind: "submit", name: "submit", label: "Cancel", value: "Cancel"}
	switch g {
	case TokenPath:
		apply.name, cancel.name = "Apply", "Cancel"
	case Redirects: // button elements
		apply.value, cancel.value = "1", "0"
		list = append(list, control{kind: "reset", label: "Reset", value: "Reset"})
	case CookieAlone: // the other way round, and the energy first
		apply, cancel = cancel, apply
		slices.Reverse(list[12:])
	}
	return append(list, apply, cancel)
}

// form returns the configuration page's form as it stands.
func (w *Web) form() []control {
	form := slices.Clone(w.settings)
	form[0].value = w.session.form
	for i := range form {
		switch c := &form[i]; c.role {
		case "peak":
			c.note = "Reset (last reset " + w.pdu.State().ResetAt.Format("01/02/2006 15:04:05") + ")"
		case "energy":
			c.note = "Reset (last reset 05/18/2018 08:00:00)"
		}
	}
	i := slices.IndexFunc(form, func(c control) bool { return c.role == "peak" })
	if w.manners.TwoPeaks {
		second := form[i]
		second.name, second.label, second.role = second.name+"b", "Peak Power, Unit 2", ""
		form = slices.Insert(form, i+1, second)
	}
	if w.manners.NoPeak {
		form = slices.Delete(form, i, i+1)
	}
	return form
}

func (w *Web) confirmForm() []control {
	return []control{
		{kind: "hidden", name: "HX0001", value: w.session.form},
		{kind: "submit", name: "submit", label: "Apply", value: "Apply"},
		{kind: "submit", name: "submit", label: "Cancel", value: "Cancel"},
	}
}

var languages = []pair{{"00000000", "English"}, {"01000000", "Deutsch"}, {"02000000", "Français"}}

func (g Generation) login() []control {
	language := control{kind: "hidden", name: "prefLanguage", value: "00000000"}
	if g == CookieAndToken || g == CookieAlone {
		language.kind, language.label, language.opts = "select", "Language", languages
	}
	return []control{
		{kind: "text", name: "login_username", label: "User Name", role: "free"},
		{kind: "password", name: "login_password", label: "Password", role: "free"},
		language,
		{kind: "submit", name: "submit", label: "Log On", value: "Log On"},
	}
}

// tag writes a start tag with attributes and their values in turn; those without a value come last, as flags.
func (g Generation) tag(name string, attrs ...string) string {
	var b strings.Builder
	up := func(s string) string {
		if g == TokenPath {
			return strings.ToUpper(s)
		}
		return s
	}
	b.WriteString("<" + up(name))
	for i := 0; i+1 < len(attrs); i += 2 {
		k, v := attrs[i], attrs[i+1]
		bare := v != "" && strings.Trim(v, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
		switch {
		case k == "":
			continue
		case bare && (g == TokenPath || name == "option"):
			b.WriteString(" " + up(k) + "=" + v)
		case g == Redirects:
			b.WriteString(" " + k + "='" + html.EscapeString(v) + "'")
		default:
			b.WriteString(" " + up(k) + `="` + strings.ReplaceAll(html.EscapeString(v), "&#34;", "&quot;") + `"`)
		}
	}
	if len(attrs)%2 == 1 && attrs[len(attrs)-1] != "" {
		flag := up(attrs[len(attrs)-1])
		switch g {
		case CookieAndToken:
			flag += `="true"`
		case Redirects:
			flag += "='" + flag + "'"
		}
		b.WriteString(" " + flag)
	}
	if g == CookieAndToken && name == "input" {
		b.WriteString(" /")
	}
	return b.String() + ">"
}

func when(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

// input writes a control without its label.
func (g Generation) input(c control) string {
	id := when(g == CookieAlone, "id")
	switch c.kind {
	case "textarea":
		return g.tag("textarea", "name", c.name, id, "i"+c.name, "rows", "2", "cols", "30") +
			html.EscapeString(c.value) + g.tag("/textarea")
	case "select":
		s := g.tag("select", "name", c.name, id, "i"+c.name)
		for _, o := range c.opts {
			s += g.tag("option", when(o[0] != o[1], "value"), o[0],
				when(o[0] == c.value && (g != CookieAlone || o != c.opts[0]), "selected")) + o[1]
		}
		return s + g.tag("/select")
	case "radio":
		s := ""
		for _, o := range c.opts {
			s += g.tag("input", "type", "radio", "name", c.name, "id", c.name+o[0], "value", o[0],
				when(o[0] == c.value, "checked")) + g.tag("label", "for", c.name+o[0]) + o[1] + "</label> "
		}
		return s
	case "submit":
		if g == Redirects && c.value != c.label {
			return g.tag("button", "type", "submit", "name", c.name, "value", c.value) + c.label + "</button>"
		}
	case "checkbox":
		return g.tag("input", "type", c.kind, "name", c.name, id, "i"+c.name, when(c.value != "on", "value"), c.value, when(c.on, "checked"))
	}
	return g.tag("input", "type", c.kind, when(c.name != "", "name"), c.name, id, "i"+c.name, "value", c.value, when(c.off, "disabled"))
}

// row writes a label and what stands beside it.
func (g Generation) row(label, what, note string) string {
	switch g {
	case TokenPath:
		return "<TR><TD CLASS=lbl NOWRAP>" + label + "<TD>" + what + " " + note + "\n"
	case CookieAndToken:
		return `<tr><td class="lbl">` + label + `:</td><td><table cellpadding="0"><tr><td>` + what + `</td><td>&nbsp;` + note +
			"</td></tr></table></td></tr>\n"
	case Redirects:
		return "<dt>" + label + "<dd>" + what + " " + note + "\n"
	}
	return `<div class="row"><span class="lbl">` + label + `</span> <span class="ctl">` + what + "</span> <small>" + note + "</small></div>\n"
}

// rows puts rows together.
func (g Generation) rows(s string) string {
	switch g {
	case TokenPath:
		return "<TABLE BORDER=0>\n" + s + "</TABLE>\n"
	case CookieAndToken:
		return "<table>\n" + s + "</table>\n"
	case Redirects:
		return "<dl>\n" + s + "</dl>\n"
	}
	return s
}

// formHTML writes a form.
func (g Generation) formHTML(name, action string, form []control) string {
	if g == CookieAndToken {
		name = "HashForm1"
	}
	rows, buttons := "", ""
	for _, c := range form {
		switch label := c.label; {
		case c.kind == "hidden":
			rows += g.input(c)
		case c.kind == "submit", c.kind == "reset":
			buttons += g.input(c) + "\n"
		default:
			if g == CookieAlone && c.kind != "radio" {
				label = g.tag("label", "for", "i"+c.name) + label + "</label>"
			}
			rows += g.row(label, g.input(c), c.note)
		}
	}
	return g.tag("form", when(g != Redirects, "name"), name, "method", "post", "action", action) +
		"\n" + g.rows(rows) + buttons + g.tag("/form") + "\n"
}

// menu writes the menu as it shows beside a page.
func (w *Web) menu(at, up string) string {
	section := func(i, depth int) int { // the menu entry of that depth above entry i
		for webMenu[i].depth > depth {
			i--
		}
		return i
	}
	here, depth := menuIndex(at), 0
	var b strings.Builder
	for i, m := range webMenu {
		text, href := m.text, up+w.g.file(m.page)
		parent := i+1 < len(webMenu) && webMenu[i+1].depth > m.depth
		if w.g == TokenPath && text == "Device" {
			text = "Device Manager"
		}
		switch w.g {
		case TokenPath:
			b.WriteString("<BR>" + strings.Repeat("&nbsp; ", m.depth))
			if parent {
				b.WriteString("<B>" + text + "</B>\n")
			} else {
				b.WriteString("<A HREF=" + href + " CLASS=mnu>" + text + "</A>\n")
			}
		case CookieAndToken: // top row, and what is beside and below the page
			above := section(i, max(m.depth-1, 0))
			if m.depth == 0 || above == here || above == section(here, max(m.depth-1, 0)) {
				b.WriteString(strings.Repeat("&nbsp;&nbsp;", m.depth) + `<a href="` + href + `">` + text + "</a><br />\n")
			}
		case Redirects:
			for ; depth > m.depth; depth-- {
				b.WriteString("</ul>")
			}
			if parent {
				b.WriteString("<li><a href='#'>" + text + "</a><ul>\n")
				depth++
			} else {
				b.WriteString("<li><a href='" + href + "'>" + text + "</a>\n")
			}
		default: // top row, and the section below it
			if m.depth == 0 || section(i, 0) == section(here, 0) {
				fmt.Fprintf(&b, `<a class="d%d" href="%s"><span>%s</span></a>`+" \n", m.depth, href, text)
			}
		}
	}
	return b.String()
}

// skin puts the card's frame around a page. Without a menu page that it belongs to it has no menu.
func (w *Web) skin(title, body, at, up string) string {
	menu := ""
	if at != "" {
		menu = w.menu(at, up)
	}
	name, now := html.EscapeString(w.pdu.Name), time.Now().Format("01/02/2006 15:04:05")
	switch w.g {
	case TokenPath:
		return `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">
<HTML><HEAD><TITLE>Rack PDU - ` + title + `</TITLE><STYLE>.lbl{color:#036} td > a{color:red}</STYLE></HEAD>
<BODY BGCOLOR=#FFFFFF><TABLE WIDTH="100%"><TR><TD COLSPAN=2>Rack PDU Management: <B>` + name + `</B>
<TR><TD VALIGN=top WIDTH=180>` + menu + `<TD VALIGN=top><H2>` + title + `</H2>
` + body + `<TR><TD COLSPAN=2><HR><A HREF="http://www.apc.com/">APC Web Site</A> &copy; 2009 American Power Conversion. ` + now + `
</TABLE></BODY></HTML>
`
	case CookieAndToken:
		language := control{kind: "select", name: "prefLanguage", value: languages[0][0], opts: languages}
		return `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html><head><title>` + title + ` | Rack PDU 2G</title>
<script type="text/javascript"><!--
var row = '<form action="Forms/old1" method="post"><table><tr><td>Peak Power Reset</td><td><input type="checkbox" name="rst" /></td></tr></table></form>';
if (1 < 2 && document.all) document.write(row.substr(0, 0));
//--></script></head>
<body><table width="100%"><tr><td>` + name + `</td><td align="right"><form name="langForm" method="post" action="` + up + `Forms/lang1">
` + w.g.input(language) + `<noscript><input type="submit" name="submit" value="Go" /></noscript></form></td></tr>
<tr><td valign="top"><table><tr><td>` + menu + `</td></tr></table></td><td valign="top"><table><tr><td><h1>` + title + `</h1>
<!-- <form name="HashForm1" action="Forms/v5"><tr><td>Peak Power Reset</td><td><input type="checkbox" name="pk" /></td></tr> -->
` + body + `</td></tr></table></td></tr><tr><td colspan="2"><a href="http://www.apc.com/support">Support</a> | ` + now + `</td></tr></table>
</body></html>
`
	case Redirects:
		return `<html><head><title>` + title + `</title></head><body><div id='top'>Schneider Electric | ` + name + `</div>
<ul id='menu'>` + menu + `</ul>
<div id='main'><h1>` + title + `</h1>
` + body + `</div><p>&copy; 2016 Schneider Electric. ` + now + `</body></html>
`
	}
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>` + name + ` – ` + title + `</title></head>
<body><header>Network Management Card | ` + name + `</header><nav>
` + menu + `</nav><main><h1>` + title + `</h1>
` + body + `</main><footer>` + now + ` <a href="https://www.se.com/">Schneider Electric</a></footer></body></html>
`
}

// message is a page with a text and no menu.
func (w *Web) message(code int, title, text string) webReply {
	return webReply{code: code, page: w.skin(title, "<p>"+text+"</p>\n", "", "/")}
}

func (w *Web) loginPage(token, message string) string {
	action := [...]string{"/Forms/login1", "/NMC/" + token + "/Forms/login1", "Forms/login1", "/Forms/login1"}[w.g]
	return w.skin("Log On", when(message != "", "<p class=\"err\">"+message+"</p>\n")+w.g.formHTML("frmLogin", action, w.g.login()), "", "")
}

func (w *Web) confirmPage() string {
	return w.skin("Device", "<p>The changes to the device are about to be applied. Continue?</p>\n"+
		w.g.formHTML("", w.session.base()+"Forms/confirm1", w.confirmForm()), "cfgdev", "../")
}

// content is what a page of the menu has in it.
func (w *Web) content(file string) string {
	page, s, body := w.g.role(file), w.pdu.State(), ""
	kW := func(watts int) string { return fmt.Sprintf("%.2f kW", float64(watts)/1000) }
	submit := control{kind: "submit", name: "submit", label: "Next >>", value: "Next >>"}
	form := func(form ...control) string {
		return w.g.formHTML("frm"+page, w.g.action(page), append(form, submit))
	}
	switch {
	case file == passwordPage:
		return w.skin("Change Password", "<p>The password must be changed before the first use.</p>\n"+w.g.formHTML("frmPwd", "Forms/pwd1", []control{
			{kind: "password", name: "cur_password", label: "Current Password"},
			{kind: "password", name: "new_password", label: "New Password"},
			{kind: "password", name: "new_password2", label: "Confirm Password"},
			{kind: "submit", name: "submit", label: "Apply", value: "Apply"}})+"<p><a href=\"logout.htm\">Log Off</a>\n", "", "")
	case page == "" || page == "home":
		page = "home"
		body = w.g.rows(w.g.row("Active Alarms", "No Alarms Present", "")+w.g.row("Device Load", kW(s.Watts), "")) +
			"<p>Recent Device Events: System: Web user 'apc' logged in.</p>\n"
	case page == "statdev":
		body = w.g.rows(w.g.row("Device Load", kW(s.Watts), "") +
			w.g.row("Peak Power", kW(s.Peak), "on "+s.PeakAt.Format("01/02/2006 15:04:05")) +
			w.g.row("Energy", fmt.Sprintf("%.2f kWh", float64(s.Energy)/100), "") + w.g.row("Load State", "Normal", ""))
	case page == "statout":
		body = w.g.rows(w.g.row("1", "Outlet 1", "On") + w.g.row("2", "Outlet 2", "On"))
	case page == "cfgout":
		body = form(control{kind: "text", name: "o1", label: "Outlet 1 Name", value: "Outlet 1"},
			control{kind: "text", name: "o2", label: "Outlet 2 Name", value: "Outlet 2"})
	case page == "cfgdev":
		if w.manners.BigPage {
			body = strings.Repeat("<p>Power &lt; limit &amp; no alarm present on this device.</p>\n", 20000)
		}
		action := w.g.action(page)
		if w.g == CookieAndToken {
			action = w.session.base() + action
		}
		body += w.g.formHTML("frmDevice", action, w.form())
	case page == "ctlout":
		body = form(control{kind: "select", name: "o1", label: "Outlet 1", value: "0", opts: []pair{{"0", "No Action"}, {"1", "Off"}, {"2", "Reboot"}}})
	case page == "ctlsec":
		body = form(control{kind: "checkbox", name: "s1", label: "Session", value: "1", note: "apc, Web: terminate"})
	case slices.Contains(dangerous, page):
		body = form(control{kind: "radio", name: "mode", label: "Management Interface", value: "0", opts: []pair{{"0", "Reboot"}, {"1", "Reset All"}}})
	default:
		body = "<p>Select an item of the menu.</p>\n"
	}
	return w.skin(webMenu[menuIndex(page)].text, body, page, "")
}

const strangerPage = `<html><head><title>LaserWriter 4100</title></head><body><h1>Office printer, 2nd floor</h1><p>Toner 34 %
<form action="/login.cgi" method="post">User <input name="user"> Password <input type="password" name="pw"> <input type="submit" value="Sign in"></form>
<p><a href="/device.html">Device</a> <a href="/cfg.html">Configuration</a></body></html>
`

// garbage is 64 KiB of no HTML, the same each time.
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

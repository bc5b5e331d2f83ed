package venue

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	someone = "Someone is currently logged into the APC Management Web Server. Please try again later."
	invalid = "Invalid User Name or Password."

	passwordPage = "pwd.htm" // where a new password is demanded
)

// webLanguages are the values of prefLanguage.
var webLanguages = []pair{{"00000000", "English"}, {"01000000", "Deutsch"}, {"02000000", "Français"}}

// german is what pages say to those who did not choose English.
var german = map[string]string{
	"Home":          "Startseite",
	"Configuration": "Konfiguration",
	"Device":        "Gerät",
	"Log Off":       "Abmelden",
	"Peak Power":    "Spitzenleistung",
}

// A webSession is the session of the user who is logged in.
type webSession struct {
	token, cookie, form string // form is the token of its forms
	used                time.Time
	pending             []pair // posted and not yet confirmed
	foreign             bool   // not in English
}

// folder is where a session's pages are.
func (s *webSession) folder() string { return folderOf(s.token) }

func folderOf(token string) string {
	if token == "" {
		return "/"
	}
	return "/NMC/" + token + "/"
}

// A webReply is the card's answer: a page, a redirection, or the end of the
// connection.
type webReply struct {
	code     int // 0 for 303 with a location, and 200 without
	page     string
	location string // a path on the card, or an address
	cookie   string // to be set
	cut      bool   // no answer
}

// cardPages makes the pages of a card in its present state.
type cardPages struct {
	Generation
	units   []*PDU
	faults  WebFaults
	session *webSession // nil while nobody is logged in
}

// settingsForm returns the form of the configuration page of a unit.
func (p cardPages) settingsForm(unit int) []control {
	pdu := p.units[unit-1]
	name := pdu.Name
	if p.latin1 {
		name = fromLatin1(toLatin1(name))
	}
	field := func(n int) string { return fmt.Sprintf(p.field, n) }
	delays := []pair{{"00000000", "Immediate"}, {"01000000", "Wait 15 s"}, {"02000000", "Never"}}
	form := []control{{kind: "hidden", name: field(1), value: p.session.form}}
	if len(p.units) > 1 {
		form = append(form, control{kind: "hidden", name: "pdu", value: fmt.Sprint(unit)})
	}
	form = append(form, []control{
		{kind: "text", name: field(5), label: "Name", value: name},
		{kind: "text", name: field(6), label: "Location", value: `Zürich & "Halle 3" <Nord>`},
		{kind: "textarea", name: field(7), label: "Contact", value: "Jörg O'Neill\nHall & floor, ext. 12"},
		{kind: "text", name: field(8), label: "Low Load Warning", value: "0.0", note: "kW"},
		{kind: "hidden", name: field(9), value: " 1"},
		{kind: "text", name: field(10), label: "Overload Alarm", value: "3.0", note: "kW"},
		{kind: "select", name: field(2), label: "Coldstart Delay", value: "01000000", options: delays},
		{kind: "checkbox", name: field(11), label: "Audible Alarm", value: "1", note: "Enable"},
		{kind: "checkbox", name: field(3), label: "Display", value: "on", note: "Enable", checked: true},
		{kind: "text", name: field(4), label: "Model Number", value: "AP8858", disabled: true},
	}...)
	if p.onlyChanges {
		form = append(form, control{kind: "hidden", name: "apply_only_changes", value: "1"})
	}

	peak, energy := p.reset, p.reset
	peak.name, peak.label, peak.role = field(12), p.resetLabels[0], "peak"
	peak.note = "Reset (last reset " + pdu.State().ResetAt.Format(dateTime) + ")"
	energy.name, energy.label, energy.role = field(13), p.resetLabels[1], "energy"
	energy.note = "Reset (last reset 05/18/2018 08:00:00)"

	resets := []control{peak, energy}
	switch {
	case p.faults.NoPeak:
		resets = []control{energy}
	case p.faults.TwoPeaks:
		second := peak
		second.name, second.label, second.role = field(12)+"b", "Peak Load", ""
		resets = []control{peak, second, energy}
	}
	if p.energyFirst {
		slices.Reverse(resets)
	}
	return slices.Concat(form, resets, p.buttons)
}

func (p cardPages) confirmForm() []control {
	return []control{{kind: "hidden", name: "HX0001", value: p.session.form}, applyButton, cancelButton}
}

// loginForm returns the form of the log-in page.
func (p cardPages) loginForm() []control {
	language := control{kind: "hidden", name: "prefLanguage", value: webLanguages[0][0]}
	if p.faults.Language != "" {
		language.value = p.faults.Language
	}
	if !p.hiddenLanguage {
		language.kind, language.label, language.options, language.role = "select", "Language", webLanguages, "free"
	}
	return []control{
		{kind: "text", name: "login_username", label: "User Name", role: "free"},
		{kind: "password", name: "login_password", label: "Password", role: "free"},
		language,
		{kind: "submit", name: "submit", label: "Log On", value: "Log On"},
	}
}

// formHTML writes a form.
func (p cardPages) formHTML(name, action string, form []control) string {
	rows, buttons := "", ""
	for _, c := range form {
		label := c.label
		if p.tags.labels && c.kind != "radio" {
			label = p.tags.tag("label", attribute("for", c.id())) + label + "</label>"
		}
		switch input := p.tags.input(c); {
		case c.kind == "hidden":
			rows += input
		case c.isButton(), c.kind == "reset":
			buttons += input + "\n"
		default:
			rows += fill(p.row, "{label}", label, "{control}", input, "{note}", c.note)
		}
	}
	if p.formName != "" {
		name = p.formName
	}
	return p.tags.tag("form", attribute("name", name), ` method="post"`, attribute("action", action)) + "\n" +
		p.table[0] + rows + p.table[1] + buttons + "</form>\n"
}

// page puts the card's frame around a body. The menu is as at a page of the menu;
// there is none if at is "". The prefix up leads to the folder of the pages.
func (p cardPages) page(title, body, at, up string) string {
	language := control{kind: "select", name: "prefLanguage", value: webLanguages[0][0], options: webLanguages}
	isForeign := p.session != nil && p.session.foreign
	if isForeign {
		language.value = webLanguages[1][0]
	}
	menu := ""
	if at != "" {
		menu = p.menuAt(at, up)
	}
	page := fill(p.frame, "{title}", title, "{name}", escapeHTML(p.units[0].Name), "{menu}", menu,
		"{body}", body, "{languages}", p.tags.input(language), "{now}", time.Now().Format(dateTime), "{up}", up)
	if isForeign {
		for word, translated := range german {
			page = strings.ReplaceAll(page, ">"+word, ">"+translated)
		}
	}
	return page
}

// menuAt writes the menu of a page.
func (p cardPages) menuAt(at, up string) string {
	ancestor := func(i, depth int) int { // of entry i, or itself
		for webMenu[i].depth > depth {
			i--
		}
		return i
	}
	here := menuIndex(at)
	isNear := func(i int) bool { // beside or below this page or an ancestor of it
		depth := webMenu[i].depth - 1
		return depth < 0 || ancestor(i, depth) == ancestor(here, depth)
	}

	text, depth := "", 0
	for i, m := range webMenu {
		if !p.has(m.page) || p.menu.walked && !isNear(i) {
			continue
		}
		for ; depth > m.depth; depth-- {
			text += p.menu.end
		}
		template := p.menu.leaf
		if isParent := i+1 < len(webMenu) && webMenu[i+1].depth > m.depth; isParent && !p.menu.walked {
			template = p.menu.parent
			depth++
		}
		if m.page == "cfgdev" || m.page == "statdev" {
			m.text = p.deviceLink
		}
		text += fill(template, "{text}", m.text, "{href}", up+p.fileOf(m.page), "{depth}", fmt.Sprint(m.depth))
	}
	return text
}

// message answers with a text, without a menu.
func (p cardPages) message(code int, title, text string) webReply {
	return webReply{code: code, page: p.page(title, "<p>"+text+"</p>\n", "", "/")}
}

// loginPage is the page with the log-in form, which posts to a folder.
func (p cardPages) loginPage(folder, message string) string {
	body := p.formHTML("frmLogin", folder+"Forms/login1", p.loginForm())
	if message != "" {
		body = `<p class="err">` + message + "</p>\n" + body
	}
	return p.page("Log On", body, "", "")
}

func (p cardPages) confirmPage() string {
	form := p.formHTML("frmConfirm", p.session.folder()+"Forms/confirm1", p.confirmForm())
	const question = "<p>The changes to the device are about to be applied. Continue?</p>\n"
	return p.page("Device", question+form, "cfgdev", "../")
}

// passwordPage demands a new password.
func (p cardPages) passwordPage() string {
	form := p.formHTML("frmPwd", "Forms/pwd1", []control{
		{kind: "password", name: "new_password", label: "New Password"},
		{kind: "password", name: "new_password2", label: "Confirm Password"},
		applyButton,
	})
	return p.page("Change Password", "<p>The password must be changed before the first use.</p>\n"+form+
		"<p><a href=\"logout.htm\">Log Off</a>\n", "", "")
}

// menuPage is a page of the menu, for a unit.
func (p cardPages) menuPage(page string, unit int) string {
	body := "<p>Select an item of the menu.</p>\n"
	switch page {
	case "statdev":
		body = p.status(p.units[unit-1].State())
	case "cfgdev":
		body = p.unitChoice(page, unit) +
			p.formHTML("frmDevice", p.session.folder()+p.action(page), p.settingsForm(unit))
		if p.faults.BigPage {
			body = strings.Repeat("<p>Power &lt; limit &amp; no alarm present on this device.</p>\n", 20000) + body
		}
	}
	return p.page(webMenu[menuIndex(page)].text, body, page, "")
}

// status writes the registers.
func (p cardPages) status(s State) string {
	row := func(label, unit string, value float64, note string) string {
		return fill(p.row, "{label}", label, "{control}", fmt.Sprintf("%.2f %s", value, unit), "{note}", note)
	}
	return p.table[0] +
		row("Device Load", "kW", float64(s.Watts)/1000, "") +
		row("Peak Power", "kW", float64(s.Peak)/1000, "on "+s.PeakAt.Format(dateTime)) +
		row("Energy", "kWh", float64(s.Energy)/100, "") + p.table[1]
}

// unitChoice writes what leads to the pages of the other chained units.
func (p cardPages) unitChoice(page string, unit int) string {
	file, links := p.fileOf(page), ""
	choice := control{kind: "select", name: "pdu", value: fmt.Sprint(unit)}
	for n := range len(p.units) {
		links += fmt.Sprintf("<a href=\"%s?pdu=%d\">%d</a> \n", file, n+1, n+1)
		choice.options = append(choice.options, pair{fmt.Sprint(n + 1), fmt.Sprintf("Rack PDU %d", n+1)})
	}
	switch {
	case len(p.units) == 1:
		return ""
	case p.unitLinks:
		return "<p>Rack PDU: " + links + "</p>\n"
	}
	return p.tags.tag("form", ` method="get"`, attribute("action", file)) + p.tags.input(choice) +
		`<noscript><input type="submit" value="Go"></noscript></form>` + "\n"
}

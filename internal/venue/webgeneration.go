package venue

import (
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
)

// A Generation is how the web interface looks and behaves in a series of
// firmware.
type Generation struct {
	name string

	// Sessions.
	tokens     bool     // pages stand below /NMC/<token>/
	cookie     string   // the name of a cookie that pages need; "" for none
	early      bool     // token and cookie come with the log-in page
	hops       []string // pages to which one is led from the root; the last one has the log-in form
	absolute   bool     // redirects are absolute
	keepAlive  bool
	refusal    logonRefusal
	busyStatus int  // of the answer while somebody else is logged in
	busyFirst  bool // that comes instead of the log-in page, too

	// Markup.
	latin1 bool // in ISO-8859-1, otherwise in UTF-8
	tags   tagStyle
	frame  func(page framed) string
	menu   func(g Generation, at, up string) string
	table  [2]string // around rows
	row    func(label, control, note string) string
	labels bool // <label for>

	// Pages.
	file        func(page string) string // the file of a page of the menu
	form        string                   // the name of forms; "" is one for each
	languages   string                   // "hidden", "select" or "header": where the language is chosen
	deviceLink  string                   // the menu's text for the configuration page
	field       func(n int) string       // the names of its fields
	reset       control                  // what the controls for resets have in common
	resetLabels [2]string                // of the peak and the energy
	energyFirst bool
	delays      []pair
	buttons     []control
	onlyChanges bool   // a hidden field asks to apply only what has changed
	confirm     bool   // Apply leads to a page that asks for confirmation
	applied     string // the page to which it leads then; "" for a message
	units       string // "link" or "select": how one of chained units is chosen
}

// String returns a few words that tell the generation from others.
func (g Generation) String() string { return g.name }

// A logonRefusal is how a card answers a wrong password.
type logonRefusal int

const (
	refuseByRedirect logonRefusal = iota // back to the log-in page
	refuseByForm                         // by the form again, with a message
	refuseByStatus                       // 403
)

// The buttons of most forms.
var (
	applyButton  = control{kind: "submit", name: "submit", label: "Apply", value: "Apply"}
	cancelButton = control{kind: "submit", name: "submit", label: "Cancel", value: "Cancel"}
	resetButton  = control{kind: "reset", label: "Cancel", value: "Cancel"}
)

// passwordPage is where a new password is demanded.
const passwordPage = "pwd.htm"

// webMenu is the menu of all generations.
var webMenu = []struct {
	depth      int
	text, page string
}{
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

// dangerous are the pages that switch something off, put it back to its
// defaults or end sessions.
var dangerous = []string{"ctlout", "ctldev", "ctlsec", "ctlreset", "ctlboot"}

// german is what the menu says to who did not choose English.
var german = map[string]string{
	"Home":          "Startseite",
	"Configuration": "Konfiguration",
	"Device":        "Gerät",
	"Log Off":       "Abmelden",
	"Peak Power":    "Spitzenleistung",
}

func menuIndex(page string) int {
	for i, m := range webMenu {
		if m.page == page {
			return i
		}
	}
	return 0
}

// fileOf returns the file name of a menu page. Some have one in all
// generations.
func (g Generation) fileOf(page string) string {
	if page == "home" || page == "logout" {
		return page + ".htm"
	}
	return g.file(page)
}

// pageOf returns the menu page that has the file name, "" if there is none.
// Control > Device is there only where it is the outlets' page.
func (g Generation) pageOf(file string) string {
	for _, m := range webMenu {
		if g.fileOf(m.page) == file && (m.page != "ctldev" || g.hasOutletsPage()) {
			return m.page
		}
	}
	return ""
}

func (g Generation) hasOutletsPage() bool { return g.file("ctldev") == "rpduconf.htm" }

func (g Generation) has(file string) bool {
	return file == "" || file == passwordPage || strings.HasPrefix(file, "Forms/") || g.pageOf(file) != ""
}

// action returns where a page's form goes.
func (g Generation) action(page string) string {
	name, _, _ := strings.Cut(g.fileOf(page), ".")
	return "Forms/" + name + "1"
}

// stage returns the stage of a visit in which a page is asked for.
func (g Generation) stage(token, file string) string {
	switch file {
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
	case g.fileOf("cfgdev"):
		return "config"
	case g.action("cfgdev"):
		return "apply"
	}
	return "menu"
}

// encode puts a page into the generation's character set.
func (g Generation) encode(page string) string {
	if !g.latin1 {
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

// settings are the controls of the configuration page as the card comes to the
// venue.
func (g Generation) settings(name string) []control {
	if g.latin1 {
		name = strings.Map(func(r rune) rune { return min(r, 255) }, name)
	}
	n := 0
	field := func(kind, label, value string) control {
		n++
		return control{kind: kind, name: g.field(n), label: label, value: value}
	}
	with := func(c control, note string) control { c.note = note; return c }
	token := field("hidden", "", "")
	delay := field("select", "Coldstart Delay", g.delays[1][0])
	delay.opts = g.delays
	display := field("checkbox", "Display", "on")
	display.on = true
	model := field("text", "Model Number", "AP8858")
	model.off = true
	list := []control{
		token,
		field("text", "Name", name),
		field("text", "Location", `Zürich & "Halle 3" <Nord>`),
		field("textarea", "Contact", "Jörg O'Neill\nHall & floor, ext. 12"),
		with(field("text", "Low Load Warning", "0.0"), "kW"),
		field("hidden", "", " 1"),
		with(field("text", "Overload Alarm", "3.0"), "kW"),
		delay,
		with(field("checkbox", "Audible Alarm", "1"), "Enable"),
		with(display, "Enable"),
		model,
	}
	if g.onlyChanges {
		list = append(list, control{kind: "hidden", name: "apply_only_changes", value: "1"})
	}
	resets := []control{g.reset, g.reset}
	for i := range resets {
		n++
		resets[i].name, resets[i].label, resets[i].role = g.field(n), g.resetLabels[i], []string{"peak", "energy"}[i]
	}
	if g.energyFirst {
		slices.Reverse(resets)
	}
	return slices.Concat(list, resets, g.buttons)
}

var webLanguages = []pair{{"00000000", "English"}, {"01000000", "Deutsch"}, {"02000000", "Français"}}

// loginForm returns the form of the log-in page, with a language preselected.
func (g Generation) loginForm(language string) []control {
	choice := control{kind: "hidden", name: "prefLanguage", value: language}
	if g.languages != "hidden" {
		choice.kind, choice.label, choice.opts, choice.role = "select", "Language", webLanguages, "free"
	}
	return []control{
		{kind: "text", name: "login_username", label: "User Name", role: "free"},
		{kind: "password", name: "login_password", label: "Password", role: "free"},
		choice,
		{kind: "submit", name: "submit", label: "Log On", value: "Log On"},
	}
}

// input writes a control without its label.
func (g Generation) input(c control) string {
	id := when(g.labels, "id")
	switch c.kind {
	case "textarea":
		return g.tags.tag("textarea", "name", c.name, id, "i"+c.name, "rows", "2", "cols", "30") +
			html.EscapeString(c.value) + "</textarea>"
	case "select":
		s := g.tags.tag("select", "name", c.name, id, "i"+c.name)
		for _, o := range c.opts {
			s += g.tags.tag("option", when(o[0] != o[1], "value"), o[0], when(o[0] == c.value, "selected")) + o[1]
		}
		return s + "</select>"
	case "radio":
		s := ""
		for _, o := range c.opts {
			s += g.tags.tag("input", "type", "radio", "name", c.name, "id", c.name+o[0], "value", o[0],
				when(o[0] == c.value, "checked")) +
				g.tags.tag("label", "for", c.name+o[0]) + o[1] + "</label> "
		}
		return s
	case "button":
		return g.tags.tag("button", "type", "submit", "name", c.name, "value", c.value) + c.label + "</button>"
	case "checkbox":
		return g.tags.tag("input", "type", c.kind, "name", c.name, id, "i"+c.name,
			when(c.value != "on", "value"), c.value, when(c.on, "checked"))
	}
	return g.tags.tag("input", "type", c.kind, when(c.name != "", "name"), c.name, id, "i"+c.name,
		"value", c.value, when(c.off, "disabled"))
}

// formHTML writes a form.
func (g Generation) formHTML(name, action string, form []control) string {
	rows, buttons := "", ""
	for _, c := range form {
		switch label := c.label; {
		case c.kind == "hidden":
			rows += g.input(c)
		case c.isButton(), c.kind == "reset":
			buttons += g.input(c) + "\n"
		default:
			if g.labels && c.kind != "radio" {
				label = g.tags.tag("label", "for", "i"+c.name) + label + "</label>"
			}
			rows += g.row(label, g.input(c), c.note)
		}
	}
	if g.form != "" {
		name = g.form
	}
	return g.tags.tag("form", "name", name, "method", "post", "action", action) + "\n" +
		g.table[0] + rows + g.table[1] + buttons + "</form>\n"
}

// decode returns the pairs of a form's body in their order.
func (g Generation) decode(body string) (form []pair, err error) {
	for field := range strings.SplitSeq(body, "&") {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return nil, fmt.Errorf("form field %q without =", field)
		}
		for _, s := range []*string{&name, &value} {
			if *s, err = url.QueryUnescape(*s); err != nil {
				return nil, err
			}
			if g.latin1 {
				runes := make([]rune, 0, len(*s))
				for _, b := range []byte(*s) {
					runes = append(runes, rune(b))
				}
				*s = string(runes)
			}
		}
		form = append(form, pair{name, value})
	}
	return form, nil
}

// menuText returns the text and the address of a menu entry, and whether
// others stand below it. ok is false where a generation does not have it.
func (g Generation) menuText(i int, up string) (text, href string, parent, ok bool) {
	m := webMenu[i]
	text, href = m.text, up+g.fileOf(m.page)
	if m.page == "cfgdev" || m.page == "statdev" {
		text = g.deviceLink
	}
	parent = i+1 < len(webMenu) && webMenu[i+1].depth > m.depth
	return text, href, parent, m.page != "ctldev" || g.hasOutletsPage()
}

// A framed is a page for which there is a frame.
type framed struct {
	g                 Generation
	title, body, menu string
	up                string // the way to the folder of the pages
	name, now         string
	foreign           bool // not in English
}

// languageForm writes the small form ahead of each page of a session.
func (p framed) languageForm(button string) string {
	language := control{kind: "select", name: "prefLanguage", value: webLanguages[0][0], opts: webLanguages}
	if p.foreign {
		language.value = webLanguages[1][0]
	}
	return `<form name="langForm" method="post" action="` + p.up + `Forms/lang1">` +
		p.g.input(language) + button + `</form>`
}

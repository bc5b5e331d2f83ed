package venue

import (
	"fmt"
	"html"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	someone  = "Someone is currently logged into the APC Management Web Server. Please try again later."
	invalid  = "Invalid User Name or Password."
	dateTime = "01/02/2006 15:04:05"
)

// cardPages are the pages of a card as they are at the moment.
type cardPages struct {
	g        Generation
	pdus     []*PDU
	settings [][]control // of the configuration page, by unit
	manners  WebFaults
	session  *webSession // nil while nobody is logged in
}

// A webReply is the card's answer: a page, a redirection, or the end of the
// connection.
type webReply struct {
	code                   int
	location, cookie, page string
	cut                    bool
}

// form returns the configuration page's form for a unit as it stands.
func (c cardPages) form(unit int) []control {
	form := slices.Clone(c.settings[unit-1])
	form[0].value = c.session.form
	for i := range form {
		switch field := &form[i]; field.role {
		case "peak":
			field.note = "Reset (last reset " + c.pdus[unit-1].State().ResetAt.Format(dateTime) + ")"
		case "energy":
			field.note = "Reset (last reset 05/18/2018 08:00:00)"
		}
	}
	if len(c.pdus) > 1 {
		form = append([]control{form[0], {kind: "hidden", name: "pdu", value: fmt.Sprint(unit)}}, form[1:]...)
	}
	i := slices.IndexFunc(form, func(f control) bool { return f.role == "peak" })
	if c.manners.TwoPeaks {
		second := form[i]
		second.name, second.label, second.role = second.name+"b", "Peak Current", ""
		form = slices.Insert(form, i+1, second)
	}
	if c.manners.NoPeak {
		form = slices.Delete(form, i, i+1)
	}
	return form
}

func (c cardPages) confirmForm() []control {
	return []control{{kind: "hidden", name: "HX0001", value: c.session.form}, applyButton, cancelButton}
}

// skin puts the card's frame around a page. Without a menu page that it belongs
// to it has no menu.
func (c cardPages) skin(title, body, at, up string) string {
	p := framed{
		g: c.g, title: title, body: body, up: up,
		name:    html.EscapeString(c.pdus[0].Name),
		now:     time.Now().Format(dateTime),
		foreign: c.session != nil && c.session.foreign,
	}
	if at != "" {
		p.menu = c.g.menu(c.g, at, up)
	}
	page := c.g.frame(p)
	if p.foreign {
		for word, translated := range german {
			page = strings.ReplaceAll(page, ">"+word, ">"+translated)
		}
	}
	return page
}

// message is a page with a text and no menu.
func (c cardPages) message(code int, title, text string) webReply {
	return webReply{code: code, page: c.skin(title, "<p>"+text+"</p>\n", "", "/")}
}

func (c cardPages) loginPage(token, message string) string {
	action := "/Forms/login1"
	if c.g.early {
		action = "/NMC/" + token + action
	}
	return c.skin("Log On", when(message != "", "<p class=\"err\">"+message+"</p>\n")+
		c.g.formHTML("frmLogin", action, c.g.loginForm(c.preselected())), "", "")
}

func (c cardPages) preselected() string {
	if c.manners.Language != "" {
		return c.manners.Language
	}
	return webLanguages[0][0]
}

func (c cardPages) confirmPage() string {
	return c.skin("Device", "<p>The changes to the device are about to be applied. Continue?</p>\n"+
		c.g.formHTML("frmConfirm", c.session.base()+"Forms/confirm1", c.confirmForm()), "cfgdev", "../")
}

// content is what a page of the menu has in it.
func (c cardPages) content(file string, unit int) string {
	page, s := c.g.pageOf(file), c.pdus[unit-1].State()
	kW := func(watts int) string { return fmt.Sprintf("%.2f kW", float64(watts)/1000) }
	rows := func(rows ...string) string { return c.g.table[0] + strings.Join(rows, "") + c.g.table[1] }
	body := "<p>Select an item of the menu.</p>\n"
	switch page {
	case "":
		page = "home"
	case "statdev":
		body = rows(c.g.row("Device Load", kW(s.Watts), ""),
			c.g.row("Peak Power", kW(s.Peak), "on "+s.PeakAt.Format(dateTime)),
			c.g.row("Energy", fmt.Sprintf("%.2f kWh", float64(s.Energy)/100), ""))
	case "cfgdev":
		filler := "<p>Power &lt; limit &amp; no alarm present on this device.</p>\n"
		body = when(c.manners.BigPage, strings.Repeat(filler, 20000)) +
			c.unitChoice(page, unit) + c.g.formHTML("frmDevice", c.session.base()+c.g.action(page), c.form(unit))
	case "ctlout", "ctldev":
		body = c.g.formHTML("frmOutlets", c.g.action(page), []control{
			{kind: "select", name: "o1", label: "Outlet 1", value: "0",
				opts: []pair{{"0", "No Action"}, {"1", "Off"}, {"2", "Reboot"}}},
			applyButton,
		})
	}
	if file == passwordPage {
		return c.passwordPage()
	}
	return c.skin(webMenu[menuIndex(page)].text, body, page, "")
}

// passwordPage demands a new password.
func (c cardPages) passwordPage() string {
	form := c.g.formHTML("frmPwd", "Forms/pwd1", []control{
		{kind: "password", name: "new_password", label: "New Password"},
		{kind: "password", name: "new_password2", label: "Confirm Password"},
		applyButton,
	})
	return c.skin("Change Password", "<p>The password must be changed before the first use.</p>\n"+form+
		"<p><a href=\"logout.htm\">Log Off</a>\n", "", "")
}

// unitChoice writes what leads to the pages of other chained units.
func (c cardPages) unitChoice(page string, unit int) string {
	if len(c.pdus) == 1 {
		return ""
	}
	file, s := c.g.fileOf(page), ""
	if c.g.units == "link" {
		for n := range c.pdus {
			s += fmt.Sprintf("<a href=\"%s?pdu=%d\">%d</a> \n", file, n+1, n+1)
		}
		return "<p>Rack PDU: " + s + "</p>\n"
	}
	for n := range c.pdus {
		s += c.g.tags.tag("option", "value", fmt.Sprint(n+1), when(n+1 == unit, "selected")) +
			fmt.Sprintf("Rack PDU %d", n+1)
	}
	return c.g.tags.tag("form", "method", "get", "action", file) + "<select name=\"pdu\">" + s + "</select><noscript>" +
		c.g.tags.tag("input", "type", "submit", "value", "Go") + "</noscript></form>\n"
}

const strangerPage = `<html><head><title>LaserWriter 4100</title></head><body><h1>Office printer, 2nd floor</h1>
<p>Toner 34 %
<form action="/login.cgi" method="post">User <input name="user"> Password <input type="password" name="pw">
<input type="submit" value="Sign in"></form>
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

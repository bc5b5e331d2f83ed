package venue

import (
	"fmt"
	"strings"
)

// flatMenu writes the whole menu with indented lines.
func flatMenu(g Generation, _, up string) string {
	var b strings.Builder
	for i, m := range webMenu {
		text, href, parent, ok := g.menuText(i, up)
		switch indent := strings.Repeat("&nbsp; ", m.depth); {
		case !ok:
		case parent:
			b.WriteString("<BR>" + indent + "<B>" + text + "</B>\n")
		default:
			b.WriteString("<BR>" + indent + "<A HREF=" + href + " CLASS=mnu>" + text + "</A>\n")
		}
	}
	return b.String()
}

// walkedMenu writes the top row, and what is beside and below a page.
func walkedMenu(g Generation, at, up string) string {
	section := func(i, depth int) int { // the menu entry of that depth above entry i
		for webMenu[i].depth > depth {
			i--
		}
		return i
	}
	here := menuIndex(at)
	var b strings.Builder
	for i, m := range webMenu {
		text, href, _, ok := g.menuText(i, up)
		above := section(i, max(m.depth-1, 0))
		if ok && (m.depth == 0 || above == here || above == section(here, max(m.depth-1, 0))) {
			fmt.Fprintf(&b, `<a class="d%d" href="%s"><span>%s</span></a><br>`+"\n", m.depth, href, text)
		}
	}
	return b.String()
}

// nestedMenu returns what writes the whole menu as nested lists.
func nestedMenu(parentForm, leafForm string) func(g Generation, at, up string) string {
	return func(g Generation, _, up string) string {
		var b strings.Builder
		depth := 0
		for i, m := range webMenu {
			text, href, parent, ok := g.menuText(i, up)
			if !ok {
				continue
			}
			for ; depth > m.depth; depth-- {
				b.WriteString("</ul></li>")
			}
			if parent {
				fmt.Fprintf(&b, parentForm, text)
				depth++
			} else {
				fmt.Fprintf(&b, leafForm, href, text)
			}
		}
		return b.String()
	}
}

func oldFrame(p framed) string {
	return `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">
<HTML><HEAD><TITLE>Rack PDU - ` + p.title + `</TITLE><STYLE>.lbl{color:#036} td > a{color:red}</STYLE></HEAD>
<BODY BGCOLOR=#FFFFFF><TABLE WIDTH="100%"><TR><TD COLSPAN=2>Rack PDU Management: <B>` + p.name + `</B>
<TR><TD VALIGN=top WIDTH=180>` + p.menu + `<TD VALIGN=top><H2>` + p.title + `</H2>
` + p.body + `<TR><TD COLSPAN=2><HR><A HREF="http://www.apc.com/">APC Web Site</A>
&copy; 2009 American Power Conversion. ` + p.now + `
</TABLE></BODY></HTML>
`
}

func nestedFrame(p framed) string {
	return `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html><head><title>` + p.title + ` | Rack PDU 2G</title>
<script type="text/javascript"><!--
var row = '<form action="Forms/old1" method="post"><table><tr><td>Peak Power Reset</td>' +
	'<td><input type="checkbox" name="rst" /></td></tr></table></form>';
if (1 < 2 && document.all) document.write(row.substr(0, 0));
//--></script></head>
<body><table width="100%"><tr><td>` + p.name + `</td><td align="right">` +
		p.languageForm(`<noscript><input type="submit" name="submit" value="Go" /></noscript>`) + `</td></tr>
<tr><td valign="top"><table><tr><td>` + p.menu + `</td></tr></table></td>
<td valign="top"><table><tr><td><h1>` + p.title + `</h1>
<!-- <form name="HashForm1" action="Forms/v5"><tr><td>Peak Power Reset</td>
<td><input type="checkbox" name="pk" /></td></tr> -->
` + p.body + `</td></tr></table></td></tr>
<tr><td colspan="2"><a href="http://www.apc.com/support">Support</a> | ` + p.now + `</td></tr></table>
</body></html>
`
}

func listFrame(p framed) string {
	return `<html><head><title>` + p.title + `</title></head>
<body><div id='top'>Schneider Electric | ` + p.name + `</div>
<ul id='menu'>` + p.menu + `</ul>
<div id='main'><h1>` + p.title + `</h1>
` + p.body + `</div><p>&copy; 2016 Schneider Electric. ` + p.now + `</body></html>
`
}

func plainFrame(p framed) string {
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>` + p.name + ` – ` + p.title + `</title></head>
<body><header>Network Management Card | ` + p.name + `</header><nav>
` + p.menu + `</nav><main><h1>` + p.title + `</h1>
` + p.body + `</main><footer>` + p.now + ` <a href="https://www.se.com/">Schneider Electric</a></footer></body></html>
`
}

func navFrame(p framed) string {
	return `<html><head><title>Rack PDU 2G | ` + p.title + `</title>
<meta http-equiv="refresh" content="185;url=` + p.up + `logout.htm"></head>
<body><div id="header">` + p.languageForm(`<input type="image" src="go.gif" name="go" alt="Apply">`) + `
<span>Rack PDU 2G ` + p.name + `</span></div>
<ul id="nav">` + p.menu + `</ul>
<div id="content"><div class="sectionTitle">` + p.title + `</div>
` + p.body + `</div><div id="footer">` + p.now + `</div></body></html>
`
}

func bootstrapFrame(p framed) string {
	return `<!DOCTYPE html><html><head><meta charset="utf-8"><title>` + p.title + `</title>
<meta http-equiv="refresh" content="185;url=` + p.up + `logout.htm">
</head><body><div class="navbar navbar-fixed-top"><div class="navbar-inner"><div class="container">
<a class="brand" href="#">Rack PDU 2G</a>
<ul class="nav">` + p.menu + `</ul>
` + p.languageForm(`<input type="image" src="go.gif" alt="Go">`) + `</div></div></div>
<div class="container"><h3>` + p.title + `</h3>
` + p.body + `<footer><p>` + p.name + ` ` + p.now + `</p></footer></div></body></html>
`
}

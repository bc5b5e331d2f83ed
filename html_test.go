package main

import (
	"bytes"
	"fmt"
	"html"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// find returns the index of the one control that has the label and, if given, the own text.
func (f form) find(t *testing.T, label, own string) int {
	t.Helper()
	found := -1
	for i, c := range f.controls {
		if c.kind != "hidden" && strings.Contains(c.label, label) && strings.Contains(c.own, own) {
			if found >= 0 {
				t.Fatalf("two controls have the label %q: %+v, %+v", label, f.controls[found], c)
			}
			found = i
		}
	}
	if found < 0 {
		t.Fatalf("no control has the label %q and the text %q in %+v", label, own, f.controls)
	}
	return found
}

func (f form) button(t *testing.T, own string) int {
	t.Helper()
	i := slices.IndexFunc(f.controls, func(c control) bool { return c.kind == "submit" && c.own == own })
	if i < 0 {
		t.Fatalf("no button %q in %+v", own, f.controls)
	}
	return i
}

const language = `<FORM name=langForm ACTION="/NMC/k+3-x/Forms/lang" METHOD=POST><select name=lang onchange="submit()">
<option value=01000000 selected="true">English<option value=02000000>Fran&ccedil;ais</select></FORM>`

const checkboxPage = `<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN"><html><head><TITLE>Rack PDU
 Configuration</title><meta http-equiv=Content-Type content="text/html; charset=iso-8859-1">
<script type="text/javascript"><!--
document.write("<form action=evil><input name=evil value=1>");
//--></script><style>td > p { color: red }</style></head><body>
<table border=0><tr><td>` + language + `<td><A HREF="/NMC/k+3-x/logout.htm">Log&nbsp;Off</a></tr></table>
<!-- <form action=old><input name=old> --><table width=100%><tr><td>
<form NAME=cfg ACTION="/NMC/k+3-x/Forms/dev1" Method=Post>
<input type=hidden name=formtoken value="a&amp;b">
<table><tr><td>Name:<td><input name=devName value="Küche 1" maxlength=31>
<tr><td>Near Overload<td><INPUT TYPE=text NAME=near VALUE=80> %
<tr><td>Cold Start Delay<td><select name=cold><option value=0>Never<option value=1 selected>Immediate</select>
<tr><td>Peak Power<td><input type=checkbox name=pk value=1> Reset<br>(last reset 05/18/2018 08:00:00)
<tr><td>Energy<td><input type=checkbox name=en> Reset (last reset 05/18/2018 08:00:00)
<tr><td colspan=2><input type=submit name=submit value=Apply> <input type=submit name=submit value=Cancel>
</table></form></table></body></html>`

const selectPage = `<title>Device</title>` + language + `
<form name=f2 action=dev method="post"><div><table class=t>
<tr><th>Peak Power Reset<td><select name="pkReset"><option value="0">No<option value="1">Yes, energy not</select>
    <tr><th>Last reset</th><td>05/18/2018</td></tr>
<tr><th><label for=e>Energy Reset (kWh)</label><td><select id=e name=enReset><option>No</option><option>Yes</option></select>
</table><button name=go value=apply>Apply <b>now</b></button><button type=reset>Undo</button></div></form>`

const radioPage = `<form method=post action=/x/set><table><tr><td>Peak Load (last reset 05/18/2018)
<td><input type=radio name=p value=0 checked>No<br><input type=radio name=p value=1>Yes</td>
<tr><td>Energy<td><label><input type=radio name=e value=0 checked> No</label> <label><input type=radio name=e value=1> Yes</label>
</table><input type=image name=img alt=Apply><input type=submit value=Apply></form>`

const divPage = `<div class=menu><a href=a.htm>Peak</a></div>` + language + `<form method=post action=d><fieldset><legend>Device</legend>
<div class=row><div class=name>Peak Power</div><div class=val><input type=checkbox name=a id=a> <label for=a>Reset</label><br>(last reset 05/18/2018)</div></div>
<div class=row><div class=name>Energy</div><div class=val><input type=checkbox name=b> Reset (last reset 05/18/2018)</div></div>
</fieldset><dl><dt>Location<dd><div><input name=loc value=""></div><dt>Contact<dd><textarea name=who>
A
B</textarea></dl><p><input type=submit value=Apply></form>`

func TestReset(t *testing.T) {
	for _, tt := range []struct {
		name, page string
		form       int
		change     func(t *testing.T, f form) form
		apply      string
		want       string
	}{
		{"checkbox", checkboxPage, 1, func(t *testing.T, f form) form { return f.check(f.find(t, "Peak Power", "Reset")) }, "Apply",
			"formtoken=a%26b&devName=K%FCche+1&near=80&cold=1&pk=1&submit=Apply"},
		{"nothing changed", checkboxPage, 1, func(_ *testing.T, f form) form { return f }, "Cancel",
			"formtoken=a%26b&devName=K%FCche+1&near=80&cold=1&submit=Cancel"},
		{"select", selectPage, 1, func(t *testing.T, f form) form { return f.choose(f.find(t, "Peak Power Reset", ""), 1) }, "Apply now",
			"pkReset=1&enReset=No&go=apply"},
		{"radio", radioPage, 0, func(t *testing.T, f form) form { return f.check(f.find(t, "Peak Load", "Yes")) }, "Apply",
			"p=1&e=0"},
		{"radio in label", radioPage, 0, func(t *testing.T, f form) form { return f.check(f.find(t, "Energy", "Yes")) }, "Apply",
			"p=0&e=1"},
		{"div", divPage, 1, func(t *testing.T, f form) form { return f.check(f.find(t, "Peak Power", "Reset")) }, "Apply",
			"a=on&loc=&who=A%0D%0AB"},
		{"dl", divPage, 1, func(t *testing.T, f form) form { return f.fill(f.find(t, "Location", ""), "R 1~*") }, "Apply",
			"loc=R+1%7E*&who=A%0D%0AB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := []byte(encodeCharset(tt.page, winCharset))
			f := parsePage(body, "").forms[tt.form]
			before := f.clone()
			changed := tt.change(t, f)
			if got := changed.submit(f.button(t, tt.apply)); got != tt.want {
				t.Errorf("sends %s\nwant  %s", got, tt.want)
			}
			if !reflect.DeepEqual(f, before) {
				t.Error("the change is in the original form too")
			}
		})
	}
}

func TestPage(t *testing.T) {
	p := parsePage([]byte(encodeCharset(checkboxPage, winCharset)), "text/html")
	if p.title != "Rack PDU Configuration" || p.charset != winCharset || len(p.forms) != 2 {
		t.Errorf("title %q, charset %s, %d forms", p.title, p.charset, len(p.forms))
	}
	if want := []link{{"/NMC/k+3-x/logout.htm", "Log Off"}}; !slices.Equal(p.links, want) {
		t.Errorf("links %q, want %q", p.links, want)
	}
	if f := p.forms[1]; f.name != "cfg" || f.action != "/NMC/k+3-x/Forms/dev1" || f.method != "post" {
		t.Errorf("form %q %q %q", f.name, f.action, f.method)
	}
	if strings.Contains(p.text, "evil") || strings.Contains(p.text, "red") || !strings.Contains(p.text, "Peak Power Reset (last reset") {
		t.Errorf("text %q", p.text)
	}
	p = parsePage([]byte(`<base href=/b/><meta http-equiv=Refresh content="0; URL='x.htm?a=1&amp;b'"><frame src=f.htm name=main>
<map><area href=" m.htm " alt=Map></map><a href="?a=1&copy=2&lt;"><img src=i alt="Log"> Off<a href=n title=Next></a><a name=x>y</a>`), "")
	if want := []link{{"f.htm", "main"}, {"m.htm", "Map"}, {"?a=1&copy=2<", "Log Off"}, {"n", "Next"}}; !slices.Equal(p.links, want) {
		t.Errorf("links %q, want %q", p.links, want)
	}
	if p.base != "/b/" || p.refresh != "x.htm?a=1&b" {
		t.Errorf("base %q, refresh %q", p.base, p.refresh)
	}
	for enctype, want := range map[string]bool{"": true, "x": true, "multipart/Form-data": false, "text/plain": false} {
		if f := parsePage([]byte("<form method=GET enctype="+enctype+">"), "").forms[0]; f.encoded != want || f.method != "get" {
			t.Errorf("enctype %q, method %q: encoded %t", enctype, f.method, f.encoded)
		}
	}
	for content, want := range map[string]string{"5": "", "0;u": "u", "9, url = u": "u", "180; url=logout.htm": "", "0": "", "00.5;URL=\"u\"": "u"} {
		if p := parsePage([]byte(`<meta http-equiv=refresh content='`+content+`'>`), ""); p.refresh != want {
			t.Errorf("refresh %q: %q, want %q", content, p.refresh, want)
		}
	}
}

func TestLabels(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{ // label|own of each control
		{"row", `<table><tr><td>A<td><input> B<td>C<tr><td>D`, "A B C|B"},
		{"row without ends", `<table><tr><td>A<td><input><tr><td>B<td><input></table>C`, "A| B|"},
		{"two in a row", `<table><tr><td>A<td><div><input></div><input><td>B<td><input></table>`, "A B| A B| A B|"},
		{"select in a row without an end", `<table><tr><td>A<select><option>x<tr><td>B<input>`, "A| B|"},
		{"end tag of another table", `<div>A<table><tr><td></div></table><input></div>`, "A|"},
		{"label in a row without an end", `<table><tr><td><label>A<tr><td>B<input>`, "B|"},
		{"cells without a row", `<table><td>A<td><input></table>B`, "A|"},
		{"breaks in a row", `<table><tr><td>A<br>B<p>C<div>D</div><td><input><br>E`, "A B C D E|"},
		{"inner table", `<table><tr><td>A<td><table><tr><td>B<td><input></table>C<tr><td>D<input>`, "A C B| D|"},
		{"inner table of several rows", `<table><tr><td>A<td><table><tr><td>B<tr><td>C<td><input></table>`, "C|"},
		{"inner table of several controls", `<table><tr><td>A<td><table><tr><td>B<input></table><input>`, "B| A|"},
		{"table of several rows", `<div>A<table><tr><td>B<tr><td>C<td><input></table></div>`, "C|"},
		{"inner dl", `<table><tr><td>A<td><dl><dt>B<dd><input></dl><tr><td>C<input>`, "A B| C|"},
		{"name in an inner table", `<table><tr><td><table><tr><td>A</table><td><input>B`, "A B|B"},
		{"beside an inner table", `<table><tr><td>A<input>B<td><table><tr><td>C<td><input></table>`, "A B|B C|"},
		{"row of another table", `<table><tr><td><table><tr><td>A<input></table><input>B</tr></table><p>C<input>`, "A| B|B C|"},
		{"form of a row", `<table><tr><td>A<td></form><form><input> B</form>`, "A B|B"},
		{"form in a layout table", `<table><tr><td>Z<td></form><form>A<input><br>B<input><div>C<input></div></form>`, "A| B| C|"},
		{"fieldset in a row", `<table><tr><td>A<td><fieldset><input type=radio name=r>B<br><input type=radio name=r>C</fieldset>`, "A B C|B A B C|C"},
		{"form between rows", `<table></form><form><tr><td>A<td><input></form><tr><td>B`, "A|"},
		{"lines", `A<input>B<br>C<input><hr>D<p>E<input>F<li>G<h2>H</h2><input>`, "A B|B C| E F|F |"},
		{"divs", `<div><div>A</div><div><input>B</div></div><div>C<div><input></div></div>`, "A B|B C|"},
		{"divs of radios", `<div>A<div><input type=radio name=r>B</div><div><input type=radio name=r>C</div></div>D<input>`, "A B C|B A B C|C D|"},
		{"dl", `<dl><dt>A<dd><p><input><dd>B<dt>C<dd><div><input></div>D</dl>E`, "A B| C D|"},
		{"two in a dl", `<dl><dt>A<dd><div><input></div><input></dl>`, "A| A|"},
		{"div in a dd", `<div><dl><dt>A<dd><div></div><input>B</dl></div><p><input>`, "A B|B |"},
		{"label for", `<label for=x>A</label><p>B<input id=x>C<p><input id=x>D`, "B C A|A D|D"},
		{"label around", `<label>A <input> B</label>C<input>`, "A BC|A B A BC|"},
		{"hints", `<p>A<input title="T  t" aria-label=A>`, "A T t|"},
		{"options are no text", `<p>A<select><option>B</select>C`, "A C|C"},
		{"hidden between", `<p>A<input type=checkbox><input type=hidden name=h>B`, "A B|B |"},
		{"button", `<p>A<button type=button>B<br>C</button>D<input type=submit value=E>F`, "A B|B C C D F|E"},
		{"entities and no-break spaces", `<p>A&nbsp;&amp;&#66;<input>`, "A &B|"},
		{"noscript", `<p><noscript>A</noscript><input><template>B</template><script>C</script>`, "A|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range parsePage([]byte("<form>"+tt.page), "").forms {
				for _, c := range f.controls {
					got = append(got, c.label+"|"+c.own)
				}
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("labels %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSubmit(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"text", `<input name=a value=1><input name=b><input name=c type=strange value=' x '><input value=y><input name="" value=z>`, "a=1&b=&c=+x+"},
		{"unquoted", `<INPUT NAME=a VALUE=a/b?c=d"e><input name=b value=/>`, "a=a%2Fb%3Fc%3Dd%22e&b=%2F"},
		{"attributes", `<input name=a NAME=b value=1 value=2><input/name="c"/value="3"/><input name = d value = '4'><input name=e value=>`, "a=1&c=3&d=4&e="},
		{"disabled", `<input name=a disabled><fieldset disabled><input name=b><p><input name=c></fieldset><input name=d>`, "d="},
		{"disabled within", `<fieldset disabled><div><input name=a></div></fieldset>`, ""},
		{"disabled in a row", `<table><tr><td><fieldset disabled><input name=a><tr><td><input name=b>`, "b="},
		{"boxes", `<input type=checkbox name=a><input type=checkbox name=b checked><input type=CheckBox name=b value=2 checked=false>`, "b=on&b=2"},
		{"radios", `<input type=radio name=a value=1 checked><input type=radio name=b value=1 checked><input type=radio name=a value=2 checked>`, "b=1&a=2"},
		{"buttons", `<input type=submit name=a value=1><input type=reset name=b value=2><input type=button name=c><button name=d>x</button><input type=image name=e>`, ""},
		{"file", `<input type=file name=a value=secret>`, "a="},
		{"select", `<select name=a><option value=1>x<option value=2 selected>y<option value=3></select>`, "a=2"},
		{"select by itself", `<select name=a><option disabled>x<optgroup disabled><option>y</optgroup><option> z  z&nbsp;</select>`, "a=z+z%C2%A0"},
		{"select twice", `<select name=a><option selected>x<option selected>y</select>`, "a=y"},
		{"select of nothing", `<select name=a></select><select name=b><option disabled>x</select><select name=c size=3><option>x</select>`, ""},
		{"select multiple", `<select name=a multiple><option selected>x<option>y<option selected>z<option selected disabled>w</select><select multiple name=b><option>x</select>`, "a=x&a=z"},
		{"select without an end", `<table><tr><td><select name=a><option>x<tr><td><input name=b></form>`, "a=x&b="},
		{"select cut off", `<select name=a><option>x<option selected>y`, "a=y"},
		{"textarea", "<textarea name=a>\n\n<b>&lt;x\r\ny</textarea><textarea name=b>x\n</textarea>", "a=%0D%0A%3Cb%3E%3Cx%0D%0Ay&b=x%0D%0A"},
		{"textarea of Windows", "<textarea name='a\r\nb'>\r\n1\r2</textarea>", "a%0D%0Ab=1%0D%0A2"},
		{"line breaks", "<input name=a value='x\ny'><input type=hidden name=a value='x\r\ny&#13;z'>", "a=xy&a=x%0D%0Ay%0D%0Az"},
		{"charset", `<input type=hidden name=_charset_ value=x><input name=a value=ä>`, "_charset_=UTF-8&a=%C3%A4"},
		{"NUL", "<input name=a value='x\x00'>", "a=x%EF%BF%BD"},
		{"not UTF-8", "<meta charset=utf-8><input name=a value='x\xfc&amp;'>", "a=x%FC%26"},
		{"escapes", `<input name="a b" value="+&amp;=*-._~%/">`, "a+b=%2B%26%3D*-._%7E%25%2F"},
		{"form within a form", `<input name=a><form action=y><input name=b></form><input name=c>`, "a=&b="},
		{"form elsewhere", `<input name=a form=other><input name=b></form><input name=c><input name=d form=this><form id=this></form><form id=other></form>`, "b=&d="},
		{"badly nested", `<table><tr><td></table></div></td><input name=a></tr><input name=b>`, "a=&b="},
		{"comments", `<!-- > <input name=a> --><!--><input name=b><!---><input name=c><!-- --!><input name=d><!x><?y><input name=e></><input name=f>`, "b=&c=&d=&e=&f="},
		{"comment without an end", `<input name=a><!-- <input name=b>`, "a="},
		{"scripts", `<script>"<input name=a>"</SCRIPT ><input name=b><script><!-- "<script></script><input name=c>" --></script><input name=d>`, "b=&d="},
		{"script in a comment in a script", `<script><!-- "<script>" --></script><input name=a>`, "a="},
		{"markup that is text", `<style><input name=a></style><textarea name=b></form></textarea><title><input name=c></title><xmp><input name=d></xmp>`, "b=%3C%2Fform%3E"},
		{"not shown", `<template><template></template><input name=a></template><datalist><input name=b></datalist></template><object><input name=c></object>`, "c="},
		{"less-than", `1 < 2 <3 <= <input name=a>`, "a="},
		{"cut off", `<input name=a><input name=b value="x`, "a="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := parsePage([]byte("<form id=this>"+tt.page), "").forms[0]
			if got := f.submit(-1); got != tt.want {
				t.Errorf("sends %s\nwant  %s", got, tt.want)
			}
		})
	}
	f := parsePage([]byte(`<form><input type=submit name=a><input type=submit name=a value=2><button name=b></button><input type=image name=c><input type=image><input type=submit>`), "").forms[0]
	for i, want := range []string{"a=Submit", "a=2", "b=", "c.x=0&c.y=0", "x=0&y=0", ""} {
		if got := f.submit(i); got != want {
			t.Errorf("button %d sends %s, want %s", i, got, want)
		}
	}
}

func TestCharset(t *testing.T) {
	for _, tt := range []struct{ name, contentType, body, value, sent string }{
		{"UTF-8 as it looks", "", "ä", "ä", "%C3%A4"},
		{"windows-1252 as it looks", "text/html", "\xe4\x80x\x81", "ä€x\u0081", "%E4%80x%81"},
		{"header", `text/html; Charset="ISO-8859-1"`, "<meta charset=utf-8>ä", "Ã¤", "%C3%A4"},
		{"meta", "text/html; charset=koi8-r", "<meta charset=latin1>ä", "Ã¤", "%C3%A4"},
		{"http-equiv", "", "<meta http-equiv=content-type content='text/html;charset=windows-1252'>ä", "Ã¤", "%C3%A4"},
		{"meta in a comment", "", "<!--<meta charset=latin1>-->ä", "ä", "%C3%A4"},
		{"byte order mark", "text/html; charset=latin1", "\ufeffä", "ä", "%C3%A4"},
		{"what windows-1252 lacks", "text/html; charset=us-ascii", "&#960;&euro;&auml;", "π€ä", "%26%23960%3B%80%E4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := "<form><textarea name=a>"
			if i := strings.LastIndexAny(tt.body, ">\ufeff"); i >= 0 {
				head := tt.body[:len(tt.body)-len(strings.TrimLeft(tt.body[i:], ">\ufeff"))]
				body, tt.body = head+body, tt.body[len(head):]
			}
			f := parsePage([]byte(body+tt.body), tt.contentType).forms[0]
			if got := f.controls[0].value; got != tt.value {
				t.Errorf("value %q, want %q", got, tt.value)
			}
			if got := f.submit(-1); got != "a="+tt.sent {
				t.Errorf("sends %s, want a=%s", got, tt.sent)
			}
		})
	}
}

func TestUnescapeAttr(t *testing.T) {
	for in, want := range map[string]string{
		"a?x=1&copy=2": "a?x=1&copy=2", "&copy": "©", "&copy;": "©", "&copyx": "&copyx", "&copyx;": "&copyx;", "&copy;x": "©x",
		"&amp;amp;": "&amp;", "&semi;": ";", "&fjlig;": "fj", "&#65x&#x42;=&#67=": "Ax" + "B=C=", "&": "&", "&;": "&;", "&&lt": "&<", "&nonsense;": "&nonsense;",
	} {
		if got := unescapeAttr(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestSummary(t *testing.T) {
	s := parsePage([]byte(strings.NewReplacer("Forms/dev1", "Forms/dev1?t=/k+3-x", "value=Apply", "value=Apply>"+strings.Repeat("<input>", 70)).Replace(checkboxPage)), "").summary()
	for _, want := range []string{`page "Rack PDU Configuration"`, `form "cfg" post dev1`, `checkbox "pk": Peak Power Reset (last reset 05/18/2018 08:00:00)`} {
		if !strings.Contains(s, want) {
			t.Errorf("summary lacks %s:\n%s", want, s)
		}
	}
	for _, secret := range []string{"k+3-x", "che 1", "a&b", "01000000"} {
		if strings.Contains(s, secret) {
			t.Errorf("summary has the secret %s:\n%s", secret, s)
		}
	}
	if n := strings.Count(s, "\n") + 1; n != 60 {
		t.Errorf("summary has %d lines", n)
	}
	if got := parsePage([]byte(divPage), "").summary(); !strings.Contains(got, `link "Peak" a.htm`) {
		t.Error(got)
	}
}

// TestLinear repeats what would cost the square of its length if it were read again for each part: in memory, which is
// compared, or in time, when the test would not end.
func TestLinear(t *testing.T) {
	for _, part := range []string{"<a", "<a ", `<a href="`, "<!--", "<!-", "<!-- --", "<script>", "<script><!--", "</script", "<table><tr>", "<table><tr><td>x<input>",
		"<div>", "<div>x", "<ul></div>", "<div><input type=radio name=a>", "<dl><dt>", "<form>", "<form><input></form>", "<fieldset>x<input>", "<label>x<input id=a>",
		"<label for=a>x", "<input id=a>x", "<select>", "<select><option>", "<option>", "<", "</", "&", "&a", "&#", "<a href=&", "<template>", "<title>", "<textarea>", "-->",
		"<input a", " x=", "</table>", "<p>", "<br>x", "\x00", "\xff", "<b>", "<button>x", "<title></titl", "<meta charset>", "<a href=x>x"} {
		t.Run(part, func(t *testing.T) {
			cost := func(head string, n int) uint64 {
				body := []byte(head + strings.Repeat(part, n))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				parsePage(body, "").summary()
				runtime.ReadMemStats(&after)
				return after.TotalAlloc - before.TotalAlloc
			}
			parsePage(bytes.Repeat([]byte(part), 20_000), "")
			for _, head := range []string{"", "<form>", "<form id=x><select><option>", "<form><table><tr><td>"} {
				if one, four := cost(head, 1_000), cost(head, 4_000); four > 6*one+1<<18 {
					t.Errorf("after %s %d bytes grow to %d when the page is four times as long", head, one, four)
				}
			}
		})
	}
}

// Without a bound to the depth this takes minutes.
func TestDeep(t *testing.T) {
	p := parsePage([]byte("<form>"+strings.Repeat("<div><input type=radio name=a>", 200_000)+strings.Repeat("</div>", 200_000)+"<input name=b>"), "")
	if n := len(p.forms[0].controls); n != 200_001 {
		t.Errorf("%d controls", n)
	}
}

func FuzzPage(f *testing.F) {
	for _, page := range []string{checkboxPage, selectPage, radioPage, divPage, "<form><input name=a value='&#0;\r\n\x00\xff'>", "<!--", "<a href='"} {
		f.Add([]byte(page), "text/html")
		f.Add([]byte(page), "text/html; charset=latin1")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		p := parsePage(body, contentType)
		p.summary()
		s := scanner{src: string(body)}
		for at := -1; ; at = s.pos {
			if _, ok := s.next(); !ok {
				break
			}
			if s.pos <= at {
				t.Fatalf("the scanner stays at %d", at)
			}
		}
		for _, f := range p.forms {
			for button := range len(f.controls) {
				if f.controls[button].kind != "submit" && button > 0 {
					continue
				}
				pairs, sent := f.pairs(button), f.submit(button)
				var b strings.Builder // the same fields, written as a page of their own
				fmt.Fprintf(&b, "<form accept-charset=%s>", f.charset)
				for _, p := range pairs {
					fmt.Fprintf(&b, `<input type=hidden name="%s" value="%s">`, html.EscapeString(p.name), html.EscapeString(p.value))
				}
				again := parsePage([]byte(b.String()), "text/html; charset=utf-8").forms[0]
				if got := again.submit(-1); got != sent && !slices.ContainsFunc(pairs, func(p pair) bool { return p.name == "" }) {
					t.Fatalf("sends %s\nthen  %s", sent, got)
				}
			}
		}
	})
}

package main

import (
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const language = `<FORM name=langForm ACTION="/NMC/k+3-x/Forms/lang" METHOD=POST><select name=lang onchange="submit()">
<option value=01000000 selected="true">English<option value=02000000>Fran&ccedil;ais</select></FORM>`

const checkboxPage = `<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN"><html><head><TITLE>Rack PDU
 Configuration</title><meta http-equiv=Content-Type content="text/html; charset=iso-8859-1">
<script type="text/javascript"><!--
document.write("<form action=evil><input name=evil value=1>");
//--></script><style>td > p { color: red }</style></head><body>
<table border=0><tr><td>` + language + `<td><A HREF="/NMC/k+3-x/logout.htm?a=1&copy=2">Log&nbsp;Off</a></tr></table>
<!-- <form action=old><input name=old> --><table width=100%><tr><td>
<form NAME=cfg ACTION="/NMC/k+3-x/Forms/dev1" Method=Post>
<input type=hidden name=formtoken value="a&amp;b">
<table><tr><td>Name:<td><input name=devName value="K` + "\xfc" + `che 1" maxlength=31>
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
		name, page         string
		form               int
		label, own, button string // of the one control that is changed, and of the button
		change             func(f form, i int) form
		want               string
	}{
		{"checkbox", checkboxPage, 1, "Peak Power", "Reset", "Apply", form.check, "formtoken=a%26b&devName=K%FCche+1&near=80&cold=1&pk=1&submit=Apply"},
		{"nothing changed", checkboxPage, 1, "Peak Power", "", "Cancel", func(f form, _ int) form { return f },
			"formtoken=a%26b&devName=K%FCche+1&near=80&cold=1&submit=Cancel"},
		{"select", selectPage, 1, "Peak Power Reset", "", "Apply now", func(f form, i int) form { return f.choose(i, 1) }, "pkReset=1&enReset=No&go=apply"},
		{"select by label", selectPage, 1, "Energy Reset", "", "Apply now", func(f form, i int) form { return f.choose(i, 1) }, "pkReset=0&enReset=Yes&go=apply"},
		{"radio", radioPage, 0, "Peak Load", "Yes", "Apply", form.check, "p=1&e=0"},
		{"radio in label", radioPage, 0, "Energy", "Yes", "Apply", form.check, "p=0&e=1"},
		{"div", divPage, 1, "Peak Power", "Reset", "Apply", form.check, "a=on&loc=&who=A%0D%0AB"},
		{"dl", divPage, 1, "Location", "", "Apply", func(f form, i int) form { return f.fill(i, "R 1~*") }, "loc=R+1%7E*&who=A%0D%0AB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := parsePage([]byte(tt.page), "").forms[tt.form]
			i, ok := one(f.controls, func(c control) bool { return strings.Contains(c.label, tt.label) && strings.Contains(c.own, tt.own) })
			button, isThere := one(f.controls, func(c control) bool { return c.kind == "submit" && c.own == tt.button })
			if !ok || !isThere {
				t.Fatalf("not one control and one button in %+v", f.controls)
			}
			before := f.submit(button)
			if got := tt.change(f, i).submit(button); got != tt.want || f.submit(button) != before {
				t.Errorf("sends %s\nwant  %s\nand without the change %s, before it %s", got, tt.want, f.submit(button), before)
			}
		})
	}
}

func TestPage(t *testing.T) {
	p := parsePage([]byte(checkboxPage), "text/html")
	if want := []link{{"/NMC/k+3-x/logout.htm?a=1&copy=2", "Log Off"}}; p.title != "Rack PDU Configuration" || !slices.Equal(p.links, want) {
		t.Errorf("title %q, links %q", p.title, p.links)
	}
	if f := p.forms[1]; len(p.forms) != 2 || f.name != "cfg" || f.action != "/NMC/k+3-x/Forms/dev1" || f.method != "post" || !f.encoded {
		t.Errorf("%d forms, the second %+v", len(p.forms), f)
	}
	if f := parsePage([]byte("<meta charset=utf-8><form enctype=multipart/Form-data>"), `text/html; Charset="ISO-8859-1"`).forms[0]; f.encoded || f.method != "get" || !f.latin {
		t.Errorf("multipart form in Latin-1: %+v", f)
	}
	if strings.Contains(p.text, "evil") || strings.Contains(p.text, "red") || !strings.Contains(p.text, "Peak Power Reset (last reset") {
		t.Errorf("text %q", p.text)
	}
	for content, want := range map[string]string{"5": "", "0;u": "u", "9, url = u": "u", "180; url=logout.htm": "", `0;URL="x?a=1&amp;b"`: "x?a=1&b"} {
		if p := parsePage([]byte(`<meta http-equiv=Refresh content='`+content+`'>`), ""); p.refresh != want {
			t.Errorf("refresh %q: %q, want %q", content, p.refresh, want)
		}
	}
}

func TestLabels(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{ // label|own of each control
		{"row", `<table><tr><td>A<td><input> B<td>C<tr><td>D`, "A B C|B"},
		{"two in a row", `<table><tr><td>A<td><input>B<input>C<td>D<input>`, "|B |C D|"},
		{"name in the row before", `<table><tr><td>A<tr><td><input> B`, "B|B"},
		{"select without an end", `<table><tr><td>A<select><option>x<tr><td>B<input>`, "A| B|"},
		{"breaks in a row", `<table><tr><td>A</><br>B<p>C<div>D</div><td><input><br>E`, "A B C D E|"},
		{"inner table", `<table><tr><td>A<td><table><tr><td>B<td><input></table>C<tr><td>D<input>`, "A B C| D|"},
		{"inner table of several rows", `<table><tr><td>A<td><table><tr><td>B<tr><td>C<td><input></table>`, "C|"},
		{"inner table of several controls", `<table><tr><td>A<td><table><tr><td>B<input></table><input>`, "B| |"},
		{"form in a layout table", `<table><tr><td>Z<td></form><form>A<input><br>B<input><div>C<input></div></form>`, "A| B| C|"},
		{"around the form", `</form>Z<div>Y<form><input>A</form></div>`, "A|A"},
		{"behind", `<table><tr><td><input><td>A<tr><td>B<td><input></table><div><div><input>C</div>D</div>`, "A| B| C|C"},
		{"radios of two forms", `<table><tr><td>A<td><input type=radio name=r></form><form><input type=radio name=r>C</form>`, "| C|C"},
		{"lines", `A<input>B<br>C<input><hr>D<p>E<input>F<li>G<h2>H</h2><input>`, "A B|B C| E F|F |"},
		{"a name is near", `<div><h2>A</h2><p>B<input></div><input>`, "B| |"},
		{"divs", `<div><div>A</div><div><input>B</div></div><div>C<div><input></div></div>`, "A B|B C|"},
		{"divs of radios", `<div>A<div><input type=radio name=r>B</div><div><input type=radio name=r>C</div></div>D<input>`, "A B C|B A B C|C D|"},
		{"names before radios", `<p>A: B<input type=radio name=r>C<input type=radio name=r>`, "A: B C| A: B C|"},
		{"dl", `<dl><dt>A<dd><p><input><dd>B<dt>C<dd><div><input></div>D</dl>E`, "A B| C D|"},
		{"label for", `<label for=x>A</label><p>B<input id=x>C<p><label for=y>D</label><input>`, "B C A|A |"},
		{"label for two", `<label for=x>A</label><p>B<input id=x><p>C<input id=x>`, "B| C|"},
		{"labels in one line", `<input id=x><label for=x>A</label> <input id=y><label for=y>B</label>`, "A|A B|B"},
		{"labels around", `<label>A <input> B</label><label>C<input></label>`, "A B|B C|"},
		{"options and captions are no text", `<p>A<select><option>B</select>C<button type=button>D</button>`, "A C|C |D"},
		{"long", `<p>A<input>` + strings.Repeat("x", 2000), "|"},
		{"too deep", `<p>A<div>` + strings.Repeat("<div>", 100) + `<input>`, "|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			for _, f := range parsePage([]byte("<form>"+tt.page), "").forms {
				for _, c := range f.controls {
					got += c.label + "|" + c.own + " "
				}
			}
			if got != tt.want+" " {
				t.Errorf("labels %s, want %s", got, tt.want)
			}
		})
	}
}

// TestLabelsApart holds that no text labels two controls, on pages of any build: w1, w2 and so on stand on each but once.
func TestLabelsApart(t *testing.T) {
	parts := strings.Split(`<table>,<tr>,<td>,<td>,<tr>,</table>,</td>,</tr>,<div>,</div>,<br>,<p>,<dl>,<dt>,<dd>,</dl>,<form>,</form>,<label>,`+
		`</label>,<label for=i1>,<label for=i2>,<input id=i1 name=n%d>,<input id=i2 name=n%d>,<input type=hidden name=n%d>,<select name=n%d><option>w%d</select>,`+
		`<input type=checkbox name=n%d>,<button>w%d</button>,<input name=n%d>,w%d ,w%d ,w%d ,w%d ,w%d `, ",")
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 0))
		src := "<form>"
		for n := range 5 + r.IntN(40) {
			src += strings.ReplaceAll(parts[r.IntN(len(parts))], "%d", fmt.Sprint(n))
		}
		whose := map[string]string{}
		for _, f := range parsePage([]byte(src), "").forms {
			for _, c := range f.controls {
				for _, w := range strings.Fields(c.label) {
					if other, ok := whose[w]; ok && other != c.name {
						t.Fatalf("%s is in the labels of %s and %s: %s", w, other, c.name, src)
					}
					whose[w] = c.name
				}
			}
		}
	}
}

func TestSubmit(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"text", `<input name=a value=1><input name=b><input name=c type=strange value=' x '><input value=y><input name="" value=z>`, "a=1&b=&c=+x+"},
		{"unquoted", `<INPUT NAME=a VALUE=a/b?c=d"e><input name=b value=/>`, "a=a%2Fb%3Fc%3Dd%22e&b=%2F"},
		{"attributes", `<input name=a NAME=b value=1 value=2><input/name="c"/value="3"/><input name = d value = '4>"'><input name=e value=>`, "a=1&c=3&d=4%3E%22&e="},
		{"disabled", `<input name=a disabled><fieldset disabled><input name=b><p><div><input name=c></div></fieldset><input name=d>`, "d="},
		{"boxes", `<input type=checkbox name=a><input type=checkbox name=b checked><input type=CheckBox name=b value=2 checked=false>`, "b=on&b=2"},
		{"radios", `<input type=radio name=a value=1 checked><input type=radio name=b value=1 checked><input type=radio name=a value=2 checked>`, "b=1&a=2"},
		{"buttons", `<input type=submit name=a value=1><input type=reset name=b value=2><input type=button name=c><button name=d>x</button><input type=image name=e>`, ""},
		{"select by itself", `<select name=a><option disabled>x<option> z  z&nbsp;</select>`, "a=z+z%C2%A0"},
		{"select twice", `<select name=a><!-- <select><input name=b> --><option selected>x<option selected>y</select>`, "a=y"},
		{"select multiple", `<select name=a multiple><option selected>x<option>y<option selected>z<option selected disabled>w</select><select multiple name=b><option>x</select>`, "a=x&a=z"},
		{"select without an end", `<table><tr><td><select name=a><option>x<tr><td><input name=b></form>`, "a=x&b="},
		{"button without an end", `<button>x<input name=a>`, "a="},
		{"textarea", "<textarea name=a>\r\n\n<b>&lt;x\r\ny</textarea><textarea name=b>x\n</textarea>", "a=%0D%0A%3Cb%3E%3Cx%0D%0Ay&b=x%0D%0A"},
		{"line breaks", "<input name=a value='x\ny'><input type=hidden name=a value='x\r\ny&#13;z'>", "a=xy&a=x%0D%0Ay%0D%0Az"},
		{"not UTF-8", "<meta charset=utf-8><input name=a value='x\xfc&amp;'>", "a=x%FC%26"},
		{"not declared", "<input name=a value='\xfc\x80'>", "a=%FC%80"},
		{"Latin-1", "<meta charset=latin1><input name=a value='\xfcü'><input name=b value='&#960;&uuml;'>", "a=%FC%C3%BC&b=%26%23960%3B%FC"},
		{"windows-1252", "<meta http-equiv=content-type content='text/html;charset=windows-1252'><input name=a value='ü\x80'>", "a=%C3%BC%80"},
		{"escapes", `<input name="a b" value="+&amp;=*-._~%/&quot;">`, "a+b=%2B%26%3D*-._%7E%25%2F%22"},
		{"form within a form", `<input name=a><form action=y><input name=b></form><input name=c>`, "a=&b="},
		{"comments", `<!-- > <input name=a> --><!--><input name=b><!---><input name=c><!x><?y><input name=e></><input name=f><!-- <input name=g>`, "b=&c=&e=&f="},
		{"scripts", `<script>"<input name=a></scriptx>"</SCRIPT ><input name=b><style><input name=a></style><template><input name=a></template>`, "b="},
		{"less-than", `1 < 2 <3 <= <input name=a>`, "a="},
		{"cut off", `<input name=a><input name=b value="x`, "a="},
	} {
		if got := parsePage([]byte("<form>"+tt.page), "").forms[0].submit(-1); got != tt.want {
			t.Errorf("%s: sends %s\nwant  %s", tt.name, got, tt.want)
		}
	}
	f := parsePage([]byte(`<form><input type=submit name=a><input type=submit name=a value=2><button name=b></button><button type=x name=c value=3>x</button>`), "").forms[0]
	if got := []string{f.submit(0), f.submit(1), f.submit(2), f.submit(3)}; !slices.Equal(got, []string{"a=Submit", "a=2", "b=", "c=3"}) {
		t.Errorf("buttons send %q", got)
	}
}

func TestSummary(t *testing.T) {
	s := parsePage([]byte(strings.NewReplacer("Forms/dev1", "Forms/dev1?t=/k+3-x", "value=Apply", "value=Apply>"+strings.Repeat("<input>", 70)).Replace(checkboxPage)), "").summary()
	for _, want := range []string{`page "Rack PDU Configuration"`, `form "cfg" post dev1`, `checkbox "pk": Peak Power Reset (last reset 05/18/2018 08:00:00)`} {
		if !strings.Contains(s, want) {
			t.Errorf("it lacks %s:\n%s", want, s)
		}
	}
	for _, secret := range []string{"k+3-x", "che 1", "a&b", "01000000"} {
		if strings.Contains(s, secret) || strings.Count(s, "\n") != 59 {
			t.Errorf("it has the secret %s, or not 60 lines:\n%s", secret, s)
		}
	}
}

// TestLinear repeats what would take the square of its length if it were read again for each part.
func TestLinear(t *testing.T) {
	for _, part := range []string{"<a", `<a href="`, "<a x='>", "<!--", "<script>", "</script", "<table><tr><td>x<input>", "<ul></div>", "<a href=x>x", "<dl><dt>",
		"<label for=a>x<input id=a>", "<input type=radio name=a>x", "<select>", "<option>", "<", "&", "<title>", "<input a", " x=", "<button>x"} {
		start := time.Now()
		parsePage([]byte("<form><table><tr><td>"+strings.Repeat(part, 30_000/len(part))), "").summary()
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%s takes %s", part, d)
		}
	}
}

func FuzzPage(f *testing.F) {
	for _, page := range []string{checkboxPage, selectPage, radioPage, divPage, "<form><input name=a value='&#0;\r\n\x00\xff'>", "<!--", "<a href='"} {
		f.Add([]byte(page), "")
	}
	unescape := func(s string) string { s, _ = url.QueryUnescape(s); return s }
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		p := parsePage(body, contentType)
		p.summary()
		for _, f := range p.forms {
			sent := f.submit(0)
			again, charset := "<form>", "charset=utf-8" // the same fields, written as a page of their own
			if f.latin {
				charset = "charset=iso-8859-1"
			}
			for field := range strings.SplitSeq(sent, "&") {
				name, value, _ := strings.Cut(field, "=")
				again += `<input type=hidden name="` + html.EscapeString(unescape(name)) + `" value="` + html.EscapeString(unescape(value)) + `">`
			}
			if got := parsePage([]byte(again), charset).forms[0].submit(0); got != sent {
				t.Fatalf("sends %s\nthen  %s", sent, got)
			}
		}
	})
}

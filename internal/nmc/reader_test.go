package nmc

import (
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPage(t *testing.T) {
	p := parsePage([]byte(checkboxPage), "text/html")
	if want := []link{{"/NMC/k+3-x/logout.htm?a=1&copy=2", "Log Off"}}; p.title != "Rack PDU Configuration" ||
		!slices.Equal(p.links, want) {
		t.Errorf("title %q, links %q", p.title, p.links)
	}
	if len(p.forms) != 2 {
		t.Fatalf("%d forms", len(p.forms))
	}
	f := p.forms[1]
	if f.name != "cfg" || f.action != "/NMC/k+3-x/Forms/dev1" || !f.isPost() {
		t.Errorf("form %+v", f)
	}
	if strings.Contains(p.text, "evil") || strings.Contains(p.text, "red") || !strings.Contains(p.text,
		"Peak Power Reset (last reset") {
		t.Errorf("text %q", p.text)
	}
	if strings.Contains(p.prose, "Log Off") || !strings.Contains(p.prose, "Peak Power") {
		t.Errorf("prose %q", p.prose)
	}
}

func TestPageDetails(t *testing.T) {
	for _, tt := range []struct {
		name, page, contentType string
		ok                      func(p page) bool
	}{
		{"multipart form", "<form method=post enctype=multipart/Form-data>", "",
			func(p page) bool { return !p.forms[0].isPost() }},
		{"get form", "<form>", "", func(p page) bool { return p.forms[0].method == "get" && !p.forms[0].isPost() }},
		{"content type wins", "<meta charset=utf-8><form>", `text/html; Charset="ISO-8859-1"`,
			func(p page) bool { return p.forms[0].latin1 }},
		{"language", "<html lang=de>", "", func(p page) bool { return p.language == "de" }},
		{"base", "<base href=/x/>", "", func(p page) bool { return p.base == "/x/" }},
		{"link around a block", "<a href=x><div>A</div></a>", "",
			func(p page) bool { return p.links[0] == link{"x", "A"} }},
		{"link without an end", "<a href=x>A<a href=y>B", "", func(p page) bool {
			return p.links[0] == link{"x",
				"A"} && len(p.links) == 2
		}},
		{"anchor", "<a name=x>A</a>", "", func(p page) bool { return len(p.links) == 0 }},
		{"many controls", "<form>" + strings.Repeat("<input>", maxFields+1), "", func(p page) bool { return p.tooLarge }},
		{"many links", strings.Repeat("<a href=x>", maxLinks+1), "", func(p page) bool {
			return p.tooLarge &&
				len(p.links) == maxLinks
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if p := parsePage([]byte(tt.page), tt.contentType); !tt.ok(p) {
				t.Errorf("read %+v", p)
			}
		})
	}
}

// TestRefresh checks that only quick refreshes are followed: cards end idle
// sessions with a refresh after 185 s.
func TestRefresh(t *testing.T) {
	for content, want := range map[string]string{
		"5":                     "",
		"0;u":                   "u",
		"0.5; url=u":            "u",
		"9, url = u":            "u",
		"180; url=logout.htm":   "",
		"185;URL=logout.htm":    "",
		`0;URL="x?a=1&amp;b"`:   "x?a=1&b",
		"0; url=home.htm?url=x": "home.htm?url=x",
	} {
		p := parsePage([]byte(`<meta http-equiv=Refresh content='`+content+`'>`), "")
		if p.refresh != want {
			t.Errorf("refresh %q leads to %q, want %q", content, p.refresh, want)
		}
	}
}

// TestLinear repeats parts that would take quadratic time if each made the
// reader start over.
func TestLinear(t *testing.T) {
	for _, part := range []string{"<a", `<a href="`, "<a x='>", "<!--", "<!---", "<script>", "</script",
		"<table><tr><td>x<input>", "<ul></div>",
		"<a href=x>x", "<dl><dt>", "<label for=a>x<input id=a>", "<input type=radio name=a>x", "<select>",
		"<option>", "<", "&", "<title>",
		"<input a", " x=", "<button>x", "<textarea>", "<h1>x", "<tr><th>x<th>y<tr><td rowspan=9><input>",
		"<td rowspan=0 colspan=0>",
		"<fieldset><legend>x</legend><input>", "<input form=f>", "<li>", "<p><label>", "<div><h1>x</h1>x"} {
		t.Run(part, func(t *testing.T) { testLinear(t, "<table><tr><td>", part) })
	}
	for _, first := range []string{"<select><option>", "<button>", "<a href=x>", "<label>Peak", "<h1>", "<textarea>"} {
		t.Run(first, func(t *testing.T) { testLinear(t, first, "x<b>") })
	}
}

func testLinear(t *testing.T, first, part string) {
	start := time.Now()
	p := parsePage([]byte("<form id=f>"+first+strings.Repeat(part, maxPage/8/len(part))), "")
	_, _ = findReset(p, 1, fold)
	p.summary(fold)
	if d := time.Since(start); d > 10*time.Second { // quadratic time would take minutes
		t.Errorf("takes %s", d)
	}
}

// FuzzPage checks that a form of any page sends the same after being written as
// a page of its own, and that parsing and summarizing never panic.
func FuzzPage(f *testing.F) {
	for _, src := range []string{checkboxPage, selectPage, radioPage, divPage,
		"<form><input name=a value='&#0;\r\n\x00\xff'>", "<!--", "<a href='"} {
		f.Add([]byte(src), "")
	}
	unescape := func(s string) string {
		s, _ = url.QueryUnescape(s)
		return html.EscapeString(s)
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		p := parsePage(body, contentType)
		var r redactor
		r.hidePage(p)
		r.redact(p.summary(r.name))
		foreignLanguage(p)
		for _, f := range p.forms {
			sent := f.submit(0)
			again, charset := "<form>", "charset=utf-8"
			if f.latin1 {
				charset = "charset=iso-8859-1"
			}
			for field := range strings.SplitSeq(sent, "&") {
				name, value, _ := strings.Cut(field, "=")
				again += `<input type=hidden name="` + unescape(name) + `" value="` + unescape(value) + `">`
			}
			forms := parsePage([]byte(again), charset).forms
			if got := forms[0].submit(0); len(f.controls) < maxFields/2 && got != sent {
				t.Fatalf("sends %s\nthen  %s", sent, got)
			}
		}
	})
}

func BenchmarkPage(b *testing.B) {
	body := []byte(checkboxPage)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		parsePage(body, "text/html; charset=iso-8859-1")
	}
}

package nmc

import (
	"slices"
	"strings"
	"testing"
)

// formOf returns the first form of a page that begins with one.
func formOf(t *testing.T, src string) form {
	t.Helper()
	p := parsePage([]byte("<form method=post>"+src), "")
	if len(p.forms) == 0 {
		t.Fatalf("no form in %q", src)
	}
	return p.forms[0]
}

func TestSubmit(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"text", `<input name=a value=1><input name=b><input name=c type=strange value=' x '><input value=y>` +
			`<input name="" value=z>`,
			"a=1&b=&c=+x+"},
		{"unquoted", `<INPUT NAME=a VALUE=a/b?c=d"e><input name=b value=/>`, "a=a%2Fb%3Fc%3Dd%22e&b=%2F"},
		{"attributes", `<input name=a NAME=b value=1 value=2><input/name="c"/value="3"/>` +
			`<input name = d value = '4>"'><input name=e value=>`,
			"a=1&c=3&d=4%3E%22&e="},
		{"references", `<input name=a value="&lt;&copy=&copy2&amp x&notit;&#65;&#x42">`,
			"a=%3C%26copy%3D%26copy2%26+x%26notit%3BAB"},
		{"disabled", `<input name=a disabled><fieldset disabled><input name=b><p><div>` +
			`<input name=c></div></fieldset><input name=d>`, "d="},
		{"boxes", `<input type=checkbox name=a><input type=checkbox name=b checked>` +
			`<input type=CheckBox name=b value=2 checked=false>`,
			"b=on&b=2"},
		{"radio buttons", `<input type=radio name=a value=1 checked><input type=radio name=b value=1 checked>` +
			`<input type=radio name=a value=2 checked>`, "b=1&a=2"},
		{"buttons", `<input type=submit name=a value=1><input type=reset name=b value=2><input type=button name=c>` +
			`<button name=d>x</button>` +
			`<input type=image name=e>`, ""},
		{"select", `<select name=a><option disabled>x<option> z  z&nbsp;</select>`, "a=z+z%C2%A0"},
		{"select twice", `<select name=a><!-- <select><input name=b> --><option selected>x` +
			`<option selected>y</select>`, "a=y"},
		{"select multiple", `<select name=a multiple><option selected>x<option>y<option selected>z` +
			`<option selected disabled>w</select>` +
			`<select multiple name=b><option>x</select>`, "a=x&a=z"},
		{"select without an end", `<table><tr><td><select name=a><option>x<tr><td><input name=b></form>`, "a=x&b="},
		{"options of groups", `<select name=a><optgroup label=g><option value=1>x<optgroup>` +
			`<option value=2 selected>y</option></select>`, "a=2"},
		{"button without an end", `<button>x<input name=a>`, "a="},
		{"text area", "<textarea name=a>\r\n\n<b>&lt;x\r\ny</textarea><textarea name=b>x\n</textarea>",
			"a=%0D%0A%3Cb%3E%3Cx%0D%0Ay&b=x%0D%0A"},
		{"line breaks", "<input name=a value='x\ny'><input type=hidden name=a value='x\r\ny&#13;z'>",
			"a=xy&a=x%0D%0Ay%0D%0Az"},
		{"not UTF-8", "<meta charset=utf-8><input name=a value='x\xfc&amp;'>", "a=x%FC%26"},
		{"not declared", "<input name=a value='\xfc\x80'>", "a=%FC%80"},
		{"Latin-1", "<meta charset=latin1><input name=a value='\xfcü'><input name=b value='&#960;&uuml;'>",
			"a=%FC%C3%BC&b=%26%23960%3B%FC"},
		{"windows-1252", "<meta http-equiv=content-type content='text/html;charset=windows-1252'>" +
			"<input name=a value='ü\x80'>", "a=%C3%BC%80"},
		{"escapes", `<input name="a b" value="+&amp;=*-._~%/&quot;">`, "a+b=%2B%26%3D*-._%7E%25%2F%22"},
		{"form within a form", `<input name=a><form action=y><input name=b></form><input name=c>`, "a=&b="},
		{"control of another form", `<input name=a form=f><input name=b></form><form id=f><input name=c>`, "b="},
		{"cut off", `<input name=a><input name=b value="x`, "a="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := formOf(t, tt.page).submit(-1); got != tt.want {
				t.Errorf("sends %s\nwant  %s", got, tt.want)
			}
		})
	}
}

func TestSubmitByButton(t *testing.T) {
	f := formOf(t, `<input type=submit name=a><input type=submit name=a value=2><button name=b></button>`+
		`<button type=x name=c value=3>x</button>`)
	var got []string
	for i := range f.controls {
		got = append(got, f.submit(i))
	}
	if want := []string{"a=Submit", "a=2", "b=", "c=3"}; !slices.Equal(got, want) {
		t.Errorf("buttons send %q, want %q", got, want)
	}
}

// TestChange checks that a changed form is a copy.
func TestChange(t *testing.T) {
	f := formOf(t, `<input name=t value=1><input type=checkbox name=c><input type=radio name=r value=1 checked>`+
		`<input type=radio name=r value=2>`+
		`<select name=s><option>x<option>y</select>`)
	before := f.submit(-1)
	for name, tt := range map[string]struct {
		changed form
		want    string
	}{
		"fill":          {f.fill(0, "1~*"), "t=1%7E*&r=1&s=x"},
		"check":         {f.check(1), "t=1&c=on&r=1&s=x"},
		"check a radio": {f.check(3), "t=1&r=2&s=x"},
		"choose":        {f.choose(4, 1), "t=1&r=1&s=y"},
	} {
		if got := tt.changed.submit(-1); got != tt.want {
			t.Errorf("%s: sends %s, want %s", name, got, tt.want)
		}
	}
	if got := f.submit(-1); got != before {
		t.Errorf("the form itself was changed: sends %s, before it %s", got, before)
	}
	if strings.Contains(before, "c=on") {
		t.Errorf("sends %s", before)
	}
}

package main

import (
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// listed returns a PDU as the parser does. Without a team, the name is also the
// team's.
func listed(num, unit int, name, team string) pdu {
	if team == "" {
		team = name
	}
	return pdu{num: num, unit: unit, name: name, team: team}
}

func TestParsePDUs(t *testing.T) {
	const joinedEmoji = "👩🏽\u200d🔬 🏳\ufe0f\u200d🌈 1\ufe0f\u20e3"
	const scotland = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
	two := []pdu{listed(1, 1, "A", ""), listed(254, 1, "B", "")}
	one := func(name string) []pdu { return []pdu{listed(1, 1, name, "")} }
	rack := []pdu{listed(1, 1, "left, low", "A; B")}
	for name, tt := range map[string]struct {
		text string
		want []pdu
	}{
		"two teams":            {"1,A\n254,B\n", two},
		"CR LF and blanks":     {"\r\n 1 ,\tA \r\n\r\n254, B", two},
		"CR":                   {"1,A\r254,B\r", two},
		"comments":             {"# PDUs, teams\n1,A\n  # 2,C\n254,B\n\"# a note, quoted\",\n", two},
		"a team with two PDUs": {"1,l,A\n2,r,A", []pdu{listed(1, 1, "l", "A"), listed(2, 1, "r", "A")}},
		"a PDU named as one":   {"1,A\n2,r,A", []pdu{listed(1, 1, "A", ""), listed(2, 1, "r", "A")}},
		"one PDU name, teams":  {"1,l,A\n2,l,B", []pdu{listed(1, 1, "l", "A"), listed(2, 1, "l", "B")}},
		"no PDU name":          {"1,,A", one("A")},

		"semicolons":               {"1;A\n254;B\n", two},
		"tabs":                     {"1\tA\n254\tB\n", two},
		"each line its own":        {"1;A\n254\tB\n", two},
		"a declared separator":     {"sep=;\n1;A\n254;B", two},
		"quoted and in capitals":   {"\"SEP=;\"\r\n1;A\r\n254;B", two},
		"a declared tab":           {"sep=\t\n1\tA\n254\tB", two},
		"the declared one wins":    {"sep=;\n1;A, B", one("A, B")},
		"others in names":          {"1;A, B", one("A, B")},
		"a semicolon in a name":    {"1,A; B", one("A; B")},
		"separators in quotes":     {"1;\"left, low\";\"A; B\"", rack},
		"tabs with quotes":         {"1\t\"left, low\"\t\"A; B\"", rack},
		"tabs as blanks":           {"\t1\t,\tA\n254\t;\tB", two},
		"everything quoted":        {`"1","A"` + "\n" + `"254";"B"`, two},
		"trailing columns":         {"1,A,,,\n254,B,", two},
		"trailing tabs":            {"1\tA\t\t\r\n254\tB\t\r\n", two},
		"trailing quoted columns":  {"1;A;\"\"; \n254;B", two},
		"rows without content":     {",,\n1,A\n;;;\n\t\t\n\"\",\"\"\n254,B\n \u00a0\n", two},
		"a declared one, no blank": {"sep=,\n\n1,A\n254,B", two},

		"quoted":                     {`1,"A, or ""B"""`, one(`A, or "B"`)},
		"blanks around quotes":       {` 1 , "A" , " B " `, []pdu{listed(1, 1, "A", "B")}},
		"blanks at inner separators": {`1,"A , "" , B"`, one(`A , " , B`)},
		"bare quotes":                {`1,Team "Rocket"`, one(`Team "Rocket"`)},
		"a bare quote":               {`1,19" rack , "A"`, []pdu{listed(1, 1, `19" rack`, "A")}},
		"no-break spaces":            {"1\u00a0,\u00a0First\u00a0Team\u202f\n", one("First Team")},
		"several blanks":             {"1,First \t Team", one("First Team")},
		"paste marks":                {"\u200e1\u200b,\u200fFirst\u2060 Team\ufeff", one("First Team")},
		"not ASCII":                  {"1,Zürich 清华 ﷲ", one("Zürich 清华 ﷲ")},
		"combining marks":            {"1,Zu\u0308rich", one("Zu\u0308rich")},
		"joined emoji":               {"1," + joinedEmoji, one(joinedEmoji)},
		"a flag made of tags":        {"1," + scotland, one(scotland)},
		"non-joiners":                {"1,می\u200cروم", one("می\u200cروم")},
		"joiners at the ends":        {"1,\u200dA \u200d", one("A")},
		"a number sign":              {"1,#1 Team", one("#1 Team")},
		"the longest name":           {"1," + strings.Repeat("ü", 100), one(strings.Repeat("ü", 100))},

		"units with names": {"1,top,A\n1/2,low,A", []pdu{listed(1, 1, "top", "A"), listed(1, 2, "low", "A")}},
		"units of a team": {"1,A\n1/2,A\n1/4,A",
			[]pdu{listed(1, 1, "unit 1", "A"), listed(1, 2, "unit 2", "A"), listed(1, 4, "unit 4", "A")}},
		"units of two teams":   {"1,A\n1/2,B", []pdu{listed(1, 1, "A", ""), listed(1, 2, "B", "")}},
		"one unit with a name": {"1,top,A\n1/2,A", []pdu{listed(1, 1, "top", "A"), listed(1, 2, "unit 2", "A")}},
		"a unit alone":         {"1/2,A", []pdu{listed(1, 2, "A", "")}},
		"unit 1 in words":      {"1/1,A", one("A")},
		"blanks in a unit":     {"1 / 2,A", []pdu{listed(1, 2, "A", "")}},
		"units and a PDU": {"1,A\n1/2,A\n2,r,A",
			[]pdu{listed(1, 1, "unit 1", "A"), listed(1, 2, "unit 2", "A"), listed(2, 1, "r", "A")}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parsePDUs("p", tt.text); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestPDUMistakes(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		errs []string // one for each mistake
	}{
		"empty":                 {"\n", []string{"p: no PDUs: want one PDU on each line"}},
		"comments alone":        {"# none yet", []string{"p: no PDUs"}},
		"a separator alone":     {"sep=;", []string{"p: no PDUs"}},
		"a number alone":        {"1", []string{`p:1: "1": want NUM,TEAM or NUM,PDU,TEAM`}},
		"no separator":          {"1 First Team", []string{`p:1: "1 First Team": want NUM,TEAM`}},
		"four columns":          {"1,a,b,c", []string{`p:1: "1,a,b,c": want NUM,TEAM`}},
		"no team":               {"1,", []string{"p:1:"}},
		"no number":             {",#1 Team", []string{`p:1: "": want the last number`}},
		"zero":                  {"0,A", []string{`p:1: "0": want the last number of the PDU's address, 1 to 254`}},
		"too large":             {"255,A", []string{`p:1: "255"`}},
		"a leading zero":        {"01,A", []string{`p:1: "01"`}},
		"a full address":        {"192.168.1.101,A", []string{`p:1: "192.168.1.101": want the last number`}},
		"unit 0":                {"1/0,A", []string{`p:1: "1/0": want a unit from 1 to 4 after the slash, such as 1/2`}},
		"unit 5":                {"1/5,A", []string{`p:1: "1/5": want a unit`}},
		"no unit":               {"1/,A", []string{`p:1: "1/": want a unit`}},
		"two units":             {"1/2/3,A", []string{`p:1: "1/2/3": want a unit`}},
		"a date":                {"1,A\n02. Oct,A", []string{`p:2: "02. Oct": want the last number`}},
		"a header":              {"number,team\n1,A", []string{`p:1: "number,team": looks like a header`}},
		"a header after sep=":   {"sep=;\n\n\"Nummer\";Team\n1;A", []string{`p:3: "\"Nummer\";Team": looks like a header`}},
		"a header further down": {"1,A\nnumber,team", []string{`p:2: "number": want the last number`}},
		"an unknown separator":  {"sep=|\n1|A", []string{`p:1: "sep=|": want sep=, or sep=; or`, `p:2: "1|A"`}},
		"against the separator": {"sep=;\n1,A", []string{`p:2: "1,A": want NUM,TEAM`}},
		"sep= on another line":  {"1,A\nsep=;", []string{`p:2: "sep=;`}},
		"a number twice":        {"1,A\n\n1,B", []string{"p:3: PDU 1 is already on line 1: want each PDU once"}},
		"a unit twice":          {"1/2,A\n1/2,B", []string{"p:2: PDU 1/2 is already on line 1"}},
		"unit 1 twice":          {"1,A\n1/1,B", []string{"p:2: PDU 1 is already on line 1"}},
		"a team twice": {"1,A\n2,A",
			[]string{`p:2: team "A" is already on line 1: for a team with several PDUs want 2,PDU,TEAM`}},
		"a team in other blanks": {"1,A B\n2,A\u00a0\u00a0B", []string{`p:2: team "A B" is already on line 1`}},
		"a team in capitals": {"1,l,Third Team\n2,r,third team\n3,r,THIRD TEAM",
			[]string{
				`p:2: team "third team" differs from "Third Team" on line 1 only in capitals: want one spelling`,
				`p:3: team "THIRD TEAM" differs from "Third Team" on line 1`}},
		"a long s and a Kelvin sign": {"1,\u017fo\u212a\n2,x,SOK", []string{"p:2: team \"SOK\" differs from"}},
		"a team, then its units":     {"2,r,A\n1,A\n1/2,A", []string{`p:2: team "A" is already on line 1`, "want 1/2,PDU,TEAM"}},
		"an open quote": {"1,\"A\n2,B\n2,C",
			[]string{`p:1: "1,\"A": want a quote at both ends`, "p:3: PDU 2 is already on line 2"}},
		"an open quote later": {`1,19" rack,"A`, []string{"p:1:"}},
		"text after a quote":  {`1,"A" B,"C"`, []string{"p:1:"}},
		"text before a quote": {`1,x,"A"",B`, []string{"p:1:"}},
		"Windows-1252": {"1,Z\xfcrich",
			[]string{`p:1: "1,Z\xfcrich": not UTF-8: was the file saved as Windows-1252? save it as UTF-8`}},
		"a lost character": {"1,Z\ufffdrich", []string{"p:1: \"Z\ufffdrich\": a character was lost"}},
		"a control character": {"1,A\x1b[31m",
			[]string{`p:1: "A\x1b[31m": want a name of printable characters, without U+001B`}},
		"a direction override": {"1,A\u202eB",
			[]string{`p:1: "A\u202eB": want a name of printable characters, without U+202E`}},
		"a direction isolate": {"1,x,A\u2068B", []string{"without U+2068"}},
		"a control in a PDU":  {"1,x\x7f,A", []string{"without U+007F"}},
		"a soft hyphen":       {"1,A\u00adB", []string{"without U+00AD"}},
		"a long name":         {"1," + strings.Repeat("ü", 101), []string{"p:1:"}},
		"a name of joiners":   {"1,\u200d", []string{"p:1:"}},
		"several mistakes":    {"x1,A\n1,B\n300,C", []string{`p:1: "x1"`, `p:3: "300"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parsePDUs("p", tt.text)
			if err == nil || got != nil {
				t.Fatalf("got %+v, %v", got, err)
			}
			if mistakes := strings.Count("\n"+err.Error(), "\np:"); mistakes != len(tt.errs) {
				t.Errorf("got %d mistakes, want %d", mistakes, len(tt.errs))
			}
			wants(t, err.Error(), tt.errs...)
		})
	}

	_, err := parsePDUs("p", strings.Repeat("x\n", 1000))
	wants(t, fmt.Sprint(err), "p:1:", "p:10:", "p: and 990 more")
}

func FuzzPDUs(f *testing.F) {
	f.Add("101,First\r\n102,\"a, \"\"b\"\"\",Second\n")
	f.Add("sep=;\n101;A\n101/2;A\n103;Team \"Rocket\";\"x\" \n")
	f.Add("1\t19\" rack,\t\"A; \"\"\t\"\"\"\t\t\n# x\n2,🏳\ufe0f\u200d🌈\u00a0\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		pdus, err := parsePDUs("p", text)
		if (err == nil) == (len(pdus) == 0) {
			t.Fatalf("got %+v, %v", pdus, err)
		}

		seen := make(map[string]bool)
		var out strings.Builder
		w := csv.NewWriter(&out)
		for i, p := range pdus {
			if p.num < 1 || p.num > 254 || p.unit < 1 || p.unit > 4 || seen[p.number()] {
				t.Errorf("got PDU %d, unit %d", p.num, p.unit)
			}
			seen[p.number()] = true
			if found, ok := findPDU(pdus, p.number()); !ok || found != i {
				t.Errorf("%s is found at %d, %v, want %d", p.number(), found, ok, i)
			}
			for _, name := range []string{p.name, p.team} {
				if !isPrintable(name) {
					t.Errorf("got the name %q", name)
				}
			}
			w.Write([]string{p.number(), p.name, p.team})
		}
		if err != nil {
			return
		}

		// Written out, the list must be read as the same.
		w.Flush()
		if again, err := parsePDUs("p", out.String()); err != nil || !slices.Equal(again, pdus) {
			t.Errorf("%+v, written as\n%s, is read as %+v, %v", pdus, out.String(), again, err)
		}
	})
}

// isPrintable reports whether a name fits on one line of a log and does not
// change the direction of the text around it.
func isPrintable(name string) bool {
	isBad := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
	return name != "" && name == strings.TrimSpace(name) && utf8.ValidString(name) && !strings.ContainsFunc(name, isBad)
}

func TestPDUFile(t *testing.T) {
	addr := func(num int) (snmp, web string) { return fmt.Sprint("s", num), fmt.Sprint("w", num) }
	want := []pdu{
		{num: 1, unit: 1, name: "Zürich", team: "Zürich", snmp: "s1", web: "w1"},
		{num: 2, unit: 3, name: "a, b", team: "清华", snmp: "s2", web: "w2"},
	}
	for name, text := range map[string]string{
		"UTF-8":                 "1,Zürich\n2/3,\"a, b\",清华\n",
		"UTF-8 with a mark":     "\ufeff1,Zürich\r\n2/3,\"a, b\",清华\r\n",
		"UTF-16, little endian": utf16Text("1\tZürich\t\r\n2/3\t\"a, b\"\t清华\r\n", binary.LittleEndian),
		"UTF-16, big endian":    utf16Text("sep=;\r1;Zürich;\r2/3;a, b;清华\r", binary.BigEndian),
		"a mark before sep=":    "\ufeffsep=;\n1;Zürich\n2/3;a, b;清华\n",
	} {
		if pdus, err := loadPDUs(write(t, "ips.csv", text), addr); err != nil || !slices.Equal(pdus, want) {
			t.Errorf("%s: got %+v, %v", name, pdus, err)
		}
	}

	_, err := loadPDUs("/nowhere/ips.csv", addr)
	wants(t, fmt.Sprint(err), "/nowhere/ips.csv: no such file: want one PDU on each line", "101,First Team")
	path := write(t, "ips.csv", "1,A\nx\n")
	_, err = loadPDUs(path, addr)
	wants(t, fmt.Sprint(err), path+`:2: "x"`)
}

func TestPDUNames(t *testing.T) {
	for _, tt := range []struct {
		pdu                   pdu
		number, log, displays string
	}{
		{listed(101, 1, "First Team", ""), "101", "First Team(.101)", "First Team (.101)"},
		{pdu{num: 101, name: "A", team: "A"}, "101", "A(.101)", "A (.101)"},
		{listed(103, 1, "left rack", "Third Team"), "103", "Third Team left rack(.103)", "Third Team left rack (.103)"},
		{listed(101, 2, "First Team", ""), "101/2", "First Team(.101/2)", "First Team (.101/2)"},
		{listed(101, 2, "unit 2", "A"), "101/2", "A unit 2(.101/2)", "A unit 2 (.101/2)"},
	} {
		if p := tt.pdu; p.number() != tt.number || p.logName() != tt.log || p.displayName() != tt.displays {
			t.Errorf("%+v: got %q, %q, %q", p, p.number(), p.logName(), p.displayName())
		}
	}
}

// someUnits are PDUs with units, as listed at a venue.
var someUnits = []pdu{
	{num: 1, unit: 1, snmp: "10.0.0.1:161"},
	{num: 101, unit: 1, snmp: "10.0.0.101:161"},
	{num: 101, unit: 2, snmp: "10.0.0.101:161"},
	{num: 102, unit: 3, snmp: "10.0.0.102:161"},
	{num: 103, snmp: "10.0.0.103:161"},
}

func TestFindPDU(t *testing.T) {
	for text, want := range map[string]int{
		"1": 0, ".1": 0, "10.0.0.1": 0, "101": 1, ".101": 1, "10.0.0.101": 1, " 101\n": 1, "103": 4,
		"1/1": 0, "101/1": 1, "101/2": 2, ".101/2": 2, "10.0.0.101/2": 2, "102/3": 3, "103/1": 4,
		"": -1, ".": -1, "/": -1, "/1": -1, "0": -1, "01": -1, "10.0.0.2": -1, "-1": -1, "+1": -1, "1e0": -1, "１": -1,
		"102": -1, "102/1": -1, "101/": -1, "101/02": -1, "101/2/1": -1, "101/1/1": -1, "101/3": -1, "101 102": -1, "1/": -1,
	} {
		if i, ok := findPDU(someUnits, text); ok != (want >= 0) || ok && i != want {
			t.Errorf("%q: got %d, %v", text, i, ok)
		}
	}

	shared := []pdu{{num: 101, unit: 1, snmp: "127.0.0.1:1"}, {num: 102, unit: 1, snmp: "127.0.0.1:2"}}
	if i, ok := findPDU(shared, "127.0.0.1"); ok {
		t.Errorf("an address of two PDUs is taken for %d", i)
	}
	if _, ok := findPDU([]pdu{{num: 101}}, ""); ok {
		t.Error("no text is taken for a PDU without an address")
	}
}

func TestFindPDUNamed(t *testing.T) {
	pdus := []pdu{
		{num: 1, name: "Aachen", team: "Aachen"},
		{num: 2, name: "left", team: "Cape Town"}, {num: 3, name: "right", team: "Cape Town"},
		{num: 4, name: "left", team: "Double"}, {num: 5, name: "Aachen 2", team: "Aachen 2"},
		{num: 6, name: "112", team: "104"},
	}
	for name, want := range map[string]int{
		"Aachen": 0, "aachen": 0, " AACHEN  2 ": 4, "right": 2, "Double": 3,
		"": -1, "left": -1, "Cape Town": -1, "Aach": -1, "Aachen 3": -1, "1": -1, "112": -1, "104": -1,
	} {
		if i, ok := findPDUNamed(pdus, name); ok != (want >= 0) || ok && i != want {
			t.Errorf("%q: got %d, %v", name, i, ok)
		}
	}
}

func FuzzFindPDU(f *testing.F) {
	f.Add(".101/2")
	f.Add(" 10.0.0.101 ")
	f.Fuzz(func(t *testing.T, text string) {
		i, ok := findPDU(someUnits, text)
		if !ok {
			return
		}
		p := someUnits[i]
		spelling := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "."), "/1")
		if rest, isAddress := strings.CutPrefix(spelling, "10.0.0."); isAddress {
			spelling = rest
		}
		if spelling != p.number() {
			t.Errorf("%q is taken for %s", text, p.number())
		}
	})
}

func TestSelectPDUs(t *testing.T) {
	for name, tt := range map[string]struct {
		numbers []string
		want    []pdu
		errs    []string
	}{
		"all":          {nil, someUnits, nil},
		"in order":     {[]string{"101/2", ".1"}, []pdu{someUnits[2], someUnits[0]}, nil},
		"one twice":    {[]string{"101", "101/1"}, someUnits[1:2], nil},
		"two mistakes": {[]string{"9", "1", "x"}, nil, []string{`-check: "9": want numbers of listed PDUs`, `-check: "x"`}},
	} {
		got, err := selectPDUs(someUnits, tt.numbers)
		if (err != nil) != (tt.errs != nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		wants(t, fmt.Sprint(err), tt.errs...)
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"iscbot/internal/nmc"
	"iscbot/internal/venue"
)

// TestReport checks that the report about cards of all generations has what is
// on their pages, and nothing that belongs to the cards' owner.
func TestReport(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range venue.Generations {
		names = append(names, fmt.Sprintf("Erewhon %c", 'a'+i))
	}
	s := newSite(t, names...)
	for _, w := range s.webs {
		w.SetFaults(venue.WebFaults{NoPeak: true})
	}
	// The pages contain the name of this team as a word of their own.
	s.write(t, "ips.csv", "1,NOTIFICATION\n2,Erewhon b\n3,Erewhon c\n4,Erewhon d\n5,Erewhon e\n6,Erewhon f\n")
	s.write(t, "report.txt", "the old report")
	code, out := s.check(t, "-check", "-report", "report.txt")
	if strings.Contains(out, "iscbot -check") {
		t.Errorf("it says to make a report:\n%s", out)
	}
	end := "\nreport saved to report.txt: send it to the maintainers of iscbot\n"
	if code != exitFailed || !strings.HasSuffix(out, end) {
		t.Errorf("exit code %d:\n%s", code, out)
	}

	data, err := os.ReadFile(filepath.Join(s.dir, "report.txt"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	wants(t, text, "Read it all the same", "iscbot ",
		"PDU 1 of 6, unit 1: looking for the peak's reset: no control", "PDU 6 of 6",
		`checkbox "Dev13": Device Energy Reset`, `form "HashForm1" post`, "link Log Off -> logout.htm", "link NAME -> ")
	secrets := []string{testPassword, "127.0.0", "Erewhon", "Notification", "NMC/", "the old report",
		"Zürich", "Halle", "Jörg", "floor", "AP8858", "Wait 15"}
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the report:\n%s", secret, text)
		}
	}
	if name := regexp.MustCompile(`(?i)\bapc\b`).FindString(text); name != "" {
		t.Errorf("the user %q is in the report:\n%s", name, text)
	}
	if token := regexp.MustCompile(`[\w+/@-]{21,}`).FindString(strings.ReplaceAll(text, version(), "")); token != "" {
		t.Errorf("%q looks like a session's token in:\n%s", token, text)
	}
	if printed := out[strings.Index(out, "\n      page"):]; strings.Contains(printed, "link Notification") {
		t.Errorf("a team's name was printed of a page:\n%s", out)
	}
}

// TestNothingToReport checks that no report is written if there is nothing to
// report.
func TestNothingToReport(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second_PDU")
	s.webs[1].Credentials("apc", "another")
	code, out := s.check(t, "-check", "-report", "report.txt")
	if code != exitFailed || !strings.HasSuffix(out, "\nnothing to report, so report.txt was not written\n") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "report.txt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a report is there: %v", err)
	}
}

func TestReportFlag(t *testing.T) {
	t.Setenv("ISCBOT_TOKEN", "123:abc")
	t.Setenv("ISCBOT_PASSWORD", "x")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	pdus, log := write(t, "ips.csv", "1,A\n"), write(t, "exceedings.log", "")
	old := write(t, "report.txt", "old")
	if err := errors.Join(os.Symlink(pdus, in("link")), syscall.Mkfifo(in("pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		want string // "" for no mistake
	}{
		"new file":         {[]string{"-check", "-report", in("new.txt")}, ""},
		"old report":       {[]string{"-check", "-report", old}, ""},
		"with numbers":     {[]string{"-report", in("new.txt"), "-check", "1"}, ""},
		"without -check":   {[]string{"-report", in("new.txt")}, "together with -check"},
		"no such folder":   {[]string{"-check", "-report", in("no/new.txt")}, "-report: open "},
		"folder":           {[]string{"-check", "-report", dir}, "not a regular file"},
		"pipe":             {[]string{"-check", "-report", in("pipe")}, "not a regular file"},
		"device":           {[]string{"-check", "-report", "/dev/null"}, "not a regular file"},
		"PDU list":         {[]string{"-check", "-report", pdus}, "would be lost"},
		"link to the list": {[]string{"-check", "-report", in("link")}, "would be lost"},
		"log":              {[]string{"-check", "-report", log}, "would be lost"},
	} {
		args := append([]string{"-access", write(t, "accesslist.conf", "7\n"), "-pdus", pdus, "-log", log}, tt.args...)
		cfg, err := settle(t, "", args...)
		if (err == nil) != (tt.want == "") || err == nil && cfg.reportPath == "" {
			t.Errorf("%s: got %q, %v", name, cfg.reportPath, err)
		}
		wants(t, fmt.Sprint(err), tt.want)
	}
	if _, err := os.Stat(in("new.txt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file is left: %v", err)
	}
	if text, err := os.ReadFile(old); err != nil || string(text) != "old" {
		t.Errorf("the old report is %q, %v", text, err)
	}
}

func TestReportMask(t *testing.T) {
	r := newReport([]pdu{{name: "left", team: "Ünï Erewhon"}, {name: "Ünï", team: "Ünï"}, {}}, "apc")
	for name, tt := range map[string]struct{ text, want string }{
		"name":              {"page Rack of left", "page Rack of NAME"},
		"long before short": {"Ünï Erewhon, Ünï", "NAME, NAME"},
		"other case":        {"link LEFT -> ünÏ.htm", "link NAME -> NAME.htm"},
		"user":              {"APC Web Site", "NAME Web Site"},
		"within words":      {"leftover apcs cleft Ünïon", "leftover apcs cleft Ünïon"},
		"between marks":     {`"left_1" (left) left`, `"NAME_1" (NAME) NAME`},
		"twice in a row":    {"left left", "NAME NAME"},
		"shortened":         {"page of Ünï Ere...\nlink lef... le...", "page of NAME...\nlink NAME... le..."},
		"broken text":       {"left\xff left\xfe", "NAME\xff NAME\xfe"},
		"empty":             {"", ""},
	} {
		if got := r.mask(tt.text); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestMaskQuoted(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"no quotes", "no quotes"},
		{`another host, "10.0.0.1"`, `another host, "..."`},
		{fmt.Sprintf("2 controls, %q, %q", `Peak \`, `"a" b`), `2 controls, "...", "..."`},
		{`unfinished "x`, `unfinished "...`},
	} {
		if got := maskQuoted(tt.text); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestReportable(t *testing.T) {
	units := []pdu{{num: 2, unit: 1, name: "B", team: "B"}, {num: 1, unit: 2, name: "A", team: "A"}}
	r := newReport(units, "apc")
	for _, err := range []error{nmc.ErrPassword, nmc.ErrBusy, nmc.ErrCertificate, errors.New("no answer")} {
		r.add(units[0], &nmc.Error{Op: "logging in", Err: err, Pages: []string{"page"}})
	}
	if saved, err := r.save(filepath.Join(t.TempDir(), "report.txt")); saved || err != nil {
		t.Errorf("saved %t, %v: %s", saved, err, r)
	}
	several := fmt.Errorf("%w: 2 controls, %q", nmc.ErrSeveralControls, "10.0.0.2")
	r.add(units[0], &nmc.Error{Op: "looking", Err: several, Pages: []string{"page B"}})
	r.add(units[1], &nmc.Error{Op: "looking", Err: nmc.ErrUnit})
	want := "\nPDU 1 of 2, unit 2: looking: unit not offered by the card\n" +
		"\nPDU 2 of 2, unit 1: looking: several controls for the peak's reset: 2 controls, \"...\"\n\npage NAME\n"
	if got := r.String(); !strings.HasSuffix(got, version()+"\n"+want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func FuzzReportMask(f *testing.F) {
	f.Add("page Rack of left", "left")
	f.Add("lef...", "left")
	f.Fuzz(func(t *testing.T, text, name string) {
		r := newReport([]pdu{{name: name, team: name}}, "")
		got := r.mask(text)
		if !utf8.ValidString(text) || strings.Contains("NAME", strings.ToUpper(name)) {
			return
		}
		if slices.Contains(strings.Fields(got), name) {
			t.Errorf("%q is left in %q", name, got)
		}
	})
}

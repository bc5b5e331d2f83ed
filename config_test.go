package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// write writes a file into the test's own directory and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wants fails the test unless every one of wanted stands in text.
func wants(t testing.TB, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
}

func TestParseAccess(t *testing.T) {
	for name, tt := range map[string]struct {
		text  string
		group int64
		users []int64
		errs  []string
	}{
		"users":                     {text: "1\n2\n", users: []int64{1, 2}},
		"a group first":             {text: "-1001234567890\n7", group: -1001234567890, users: []int64{7}},
		"empty":                     {text: ""},
		"comments and blanks":       {text: "# all\n\n \t5 # Ann\n#6\n   \n", users: []int64{5}},
		"CRLF":                      {text: "-5\r\n6\r\n", group: -5, users: []int64{6}},
		"twice":                     {text: "5\n5\n", users: []int64{5}},
		"larger than 32 bits":       {text: "6000000000", users: []int64{6000000000}},
		"zero":                      {text: "1\n0\n", errs: []string{`a:2: "0"`}},
		"a name":                    {text: "Ann", errs: []string{`a:1: "Ann"`, "wanted is one chat id"}},
		"two on a line":             {text: "1 2", errs: []string{`a:1: "1 2"`}},
		"a plus":                    {text: "+1", errs: []string{`a:1: "+1"`}},
		"leading zero":              {text: "007", errs: []string{`a:1: "007"`}},
		"too large":                 {text: "9223372036854775808", errs: []string{"a:1:"}},
		"a group that is not first": {text: "1\n-2", errs: []string{"a:2: -2 is a group's id"}},
		"two groups":                {text: "-1\n-2", errs: []string{"a:2: -2"}},
		"several mistakes at once":  {text: "x\n1\ny\n", errs: []string{`a:1: "x"`, `a:3: "y"`}},
		"quite another file":        {text: strings.Repeat("x\n", 1000), errs: []string{"a:10:", "and 990 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			group, users, err := parseAccess("a", tt.text)
			if (err != nil) != (tt.errs != nil) || group != tt.group || !slices.Equal(users, tt.users) {
				t.Errorf("got %d, %v, %v", group, users, err)
			}
			wants(t, fmt.Sprint(err), tt.errs...)
		})
	}
}

func TestMay(t *testing.T) {
	list := &access{group: -100, users: []int64{7}}
	ann := &user{ID: 7, FirstName: "Ann"}
	member := &user{ID: 8}
	private, group, foreign := chat{7, "private"}, chat{-100, "supergroup"}, chat{-200, "group"}
	for name, tt := range map[string]struct {
		m    message
		want bool
	}{
		"a user in private":           {message{From: ann, Chat: private}, true},
		"a user in the group":         {message{From: ann, Chat: group}, true},
		"a user in a foreign group":   {message{From: ann, Chat: foreign}, true},
		"a member in the group":       {message{From: member, Chat: group}, true},
		"a member in private":         {message{From: member, Chat: chat{8, "private"}}, false},
		"a member in a foreign group": {message{From: member, Chat: foreign}, false},
		"a stranger in a user's chat": {message{From: member, Chat: private}, false},
		"nobody":                      {message{Chat: group}, false},
		"an anonymous admin":          {message{From: &user{ID: 1087968824, IsBot: true}, SenderChat: &group, Chat: group}, false},
		"another bot":                 {message{From: &user{ID: 7, IsBot: true}, Chat: group}, false},
		"a linked channel's post":     {message{From: &user{ID: 777000}, SenderChat: &chat{-300, "channel"}, Chat: group}, false},
		"Telegram itself":             {message{From: &user{ID: 777000}, Chat: group}, false},
		"in the name of a channel":    {message{From: ann, SenderChat: &chat{-300, "channel"}, Chat: group}, false},
		"by way of a bot":             {message{From: ann, ViaBot: &user{ID: 9, IsBot: true}, Chat: group}, false},
		"forwarded":                   {message{From: ann, ForwardOrigin: json.RawMessage(`{"type":"user"}`), Chat: private}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := list.mayWrite(&tt.m); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if (&access{}).mayWrite(&message{From: ann, Chat: chat{0, "group"}}) {
		t.Error("without a group in the list, a chat with the id 0 is taken for it")
	}
}

func TestReload(t *testing.T) {
	path := write(t, "accesslist.conf", "-5\n7\n")
	a, err := loadAccess(path)
	if err != nil {
		t.Fatal(err)
	}
	a.needGroup = true
	for _, tt := range []struct {
		text  string
		ok    bool
		chats []int64
	}{
		{"-5\n7\n8\n", true, []int64{7, 8, -5}},
		{"-5\noops\n", false, []int64{7, 8, -5}},
		{"9\n", false, []int64{7, 8, -5}}, // the alerts' group is missing
		{"-6\n", true, []int64{-6}},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := a.reload(); (err == nil) != tt.ok || !slices.Equal(a.chats(), tt.chats) {
			t.Errorf("%q: got %v, %v", tt.text, a.chats(), err)
		}
	}
	a.move(-6, -1006)
	if err := a.reload(); err != nil || !slices.Equal(a.chats(), []int64{-1006}) {
		t.Errorf("after reading the file again: %v, %v", a.chats(), err)
	}
	if a.mayWrite(&message{From: &user{ID: 1}, Chat: chat{-6, "group"}}) || !a.mayWrite(&message{From: &user{ID: 1}, Chat: chat{-1006, "supergroup"}}) {
		t.Error("the group that became a supergroup is not followed")
	}
}

func FuzzAccess(f *testing.F) {
	f.Add("-100\n7 # Ann\r\n\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		group, users, err := parseAccess("a", text)
		if err == nil && (group > 0 || slices.ContainsFunc(users, func(id int64) bool { return id <= 0 })) || err != nil && (group != 0 || users != nil) {
			t.Errorf("got %d, %v, %v", group, users, err)
		}
	})
}

func TestParsePDUs(t *testing.T) {
	two := []pdu{{num: 1, name: "A", team: "A"}, {num: 254, name: "B", team: "B"}}
	for name, tt := range map[string]struct {
		text string
		want []pdu
		errs []string
	}{
		"two teams":                {text: "1,A\n254,B\n", want: two},
		"blanks and CRLF":          {text: "\r\n 1 ,\tA \r\n\n254, B", want: two},
		"quoted":                   {text: `1,"A, or ""B"""`, want: []pdu{{num: 1, name: `A, or "B"`, team: `A, or "B"`}}},
		"blanks around quotes":     {text: ` 1 , "A" , " B " `, want: []pdu{{num: 1, name: "A", team: "B"}}},
		"a team with two PDUs":     {text: "1,l,A\n2,r,A", want: []pdu{{num: 1, name: "l", team: "A"}, {num: 2, name: "r", team: "A"}}},
		"not ASCII":                {text: "1,Zürich 清华", want: []pdu{{num: 1, name: "Zürich 清华", team: "Zürich 清华"}}},
		"empty":                    {text: "\n", errs: []string{"p: no PDU in it", "101,First Team"}},
		"number alone":             {text: "1", errs: []string{`p:1: "1"`, "NUM,TEAM"}},
		"four columns":             {text: "1,a,b,c", errs: []string{"p:1:"}},
		"zero":                     {text: "0,A", errs: []string{`p:1: "0"`, "1 to 254"}},
		"too large":                {text: "255,A", errs: []string{`"255"`}},
		"no number":                {text: "NUM,NAME", errs: []string{`"NUM"`}},
		"leading zero":             {text: "01,A", errs: []string{`"01"`}},
		"number twice":             {text: "1,A\n\n1,B", errs: []string{"p:3: number 1 stands in line 1"}},
		"team twice":               {text: "1,A\n2,A", errs: []string{`p:2: team "A" stands in line 1`, "2,PDU,TEAM"}},
		"no name":                  {text: "1,", errs: []string{"p:1:", "a name is missing"}},
		"no team":                  {text: "1,A,", errs: []string{"a name is missing"}},
		"a quote left open":        {text: "1,\"A\n2,B", errs: []string{"p:1:", "closing quote"}},
		"a quote in the middle":    {text: `1,The "A"`, errs: []string{"p:1:", "quote"}},
		"text behind a quote":      {text: `1,"A" B`, errs: []string{"p:1:", "quote"}},
		"Latin-1":                  {text: "1,Z\xfcrich", errs: []string{"p:1:", "UTF-8"}},
		"a control character":      {text: "1,A\x1b[31m", errs: []string{"p:1:", "printable"}},
		"a long name":              {text: "1," + strings.Repeat("x", 101), errs: []string{"at most 100"}},
		"several mistakes at once": {text: "x,A\n1,B\n300,C", errs: []string{"p:1:", "p:3:"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parsePDUs("p", tt.text)
			if (err != nil) != (tt.errs != nil) || !slices.Equal(got, tt.want) {
				t.Errorf("got %v, %v", got, err)
			}
			wants(t, fmt.Sprint(err), tt.errs...)
		})
	}
}

func FuzzPDUs(f *testing.F) {
	f.Add("101,First\r\n102,\"a, \"\"b\"\"\",Second\n")
	f.Fuzz(func(t *testing.T, text string) {
		pdus, err := parsePDUs("p", text)
		if (err == nil) == (len(pdus) == 0) {
			t.Errorf("got %v, %v", pdus, err)
		}
		seen := make(map[int]bool)
		for _, p := range pdus {
			if p.num < 1 || p.num > 254 || seen[p.num] || p.name == "" || p.team == "" || !utf8.ValidString(p.name+p.team) {
				t.Errorf("got %+v", p)
			}
			seen[p.num] = true
		}
	})
}

func TestByteOrderMark(t *testing.T) {
	a, err := loadAccess(write(t, "accesslist.conf", "\ufeff7\r\n"))
	if err != nil || !slices.Equal(a.users, []int64{7}) {
		t.Errorf("got %v, %v", a, err)
	}
	pdus, err := loadPDUs(write(t, "ips.csv", "\ufeff1,A\r\n"), func(int) (string, string) { return "s", "w" })
	if err != nil || !slices.Equal(pdus, []pdu{{num: 1, name: "A", team: "A", snmp: "s", web: "w"}}) {
		t.Errorf("got %v, %v", pdus, err)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := loadAccess("/nowhere/accesslist.conf")
	wants(t, fmt.Sprint(err), "/nowhere/accesslist.conf", "no such file", "-1001234567890")
	_, err = loadPDUs("/nowhere/ips.csv", nil)
	wants(t, fmt.Sprint(err), "/nowhere/ips.csv", "no such file", "101,First Team")
}

// settle runs parseFlags and configure as run does.
func settle(t *testing.T, stdin string, args ...string) (config, error) {
	f, err := parseFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	return configure(t.Context(), f, err, strings.NewReader(stdin), io.Discard)
}

func TestConfigure(t *testing.T) {
	t.Setenv("ISCBOT_TOKEN", " 123:abc\n")
	t.Setenv("ISCBOT_PASSWORD", "")
	access := write(t, "accesslist.conf", "-5\n7\n")
	pdus := write(t, "ips.csv", "101,A\n")
	cfg, err := settle(t, "pass word\r\nmore\n", "-access", access, "-pdus", pdus, "-net", "10.1.2", "-web", "https:8443",
		"-snmp-port", "1161", "-limit", "3120", "-interval", "500ms", "-notify", "group", "-api", "http://127.0.0.1:8081/")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.token != "123:abc" || cfg.password != "pass word" || cfg.api != "http://127.0.0.1:8081" || cfg.limit != 3120 ||
		cfg.interval != 500*time.Millisecond || !cfg.group || cfg.user != "apc" || cfg.log != "exceedings.log" || cfg.snmp.community != "public" {
		t.Errorf("got %+v", cfg)
	}
	want := pdu{num: 101, name: "A", team: "A", snmp: "10.1.2.101:1161", web: "https://10.1.2.101:8443"}
	if !reflect.DeepEqual(cfg.pdus, []pdu{want}) {
		t.Errorf("got %+v", cfg.pdus)
	}
	cfg, err = settle(t, "last line, no newline", "-access", access, "-pdus", pdus)
	if err != nil || cfg.password != "last line, no newline" || cfg.pdus[0].snmp != "192.168.1.101:161" || cfg.pdus[0].web != "http://192.168.1.101" || cfg.limit != 3000 {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

// TestMistakes holds that all mistakes are named at once, whatever they are in.
func TestMistakes(t *testing.T) {
	t.Setenv("ISCBOT_TOKEN", "")
	t.Setenv("ISCBOT_PASSWORD", "")
	access := write(t, "accesslist.conf", "7\nAnn\n")
	pdus := write(t, "ips.csv", "101,A\n300,B\n")
	_, err := settle(t, "", "-access", access, "-pdus", pdus, "-colour", "-limit", "3 kW", "-net", "192.168", "-interval", "2",
		"-notify", "all", "-snmp-port", "0", "-web", "ftp", "-api", "telegram", "-user", "", "-log", "", "extra")
	wants(t, fmt.Sprint(err), access+`:2: "Ann"`, pdus+`:2: "300"`, "-colour", `-limit: "3 kW": wanted is`, `-net: "192.168"`, `-interval: "2"`,
		`-notify: "all"`, `-snmp-port: "0"`, `-web: "ftp"`, `-api: "telegram"`, `-user: ""`, `-log: ""`, `"extra"`,
		"ISCBOT_TOKEN is not set", "ISCBOT_PASSWORD is not set")

	t.Setenv("ISCBOT_TOKEN", "123:abc def")
	t.Setenv("ISCBOT_PASSWORD", "x")
	_, err = settle(t, "", "-access", write(t, "a", "7"), "-pdus", write(t, "p", "1,A"), "-notify", "group", "-web", "http:")
	wants(t, fmt.Sprint(err), "-notify group: ", "has no group", "ISCBOT_TOKEN has a character", `-web: "http:"`)
	if strings.Contains(fmt.Sprint(err), "abc") {
		t.Error("the token stands in:", err)
	}
}

// TestOddFlags holds that parsing comes to an end, whatever it is given.
func TestOddFlags(t *testing.T) {
	for _, args := range [][]string{{"---x"}, {"-=x"}, {"--=3", "-limit", "5"}, {"-"}, {"--"}, {"--", "x"}, {"-limit"}, {"x", "y"}, {"-demo=perhaps"}, {""}} {
		f, err := parseFlags(args)
		if want := !slices.Equal(args, []string{"--"}); (err != nil) != want {
			t.Errorf("%q: %v", args, err)
		}
		if slices.Contains(args, "5") && f.limit != "5" {
			t.Errorf("%q: what stands behind it is not read", args)
		}
	}
}

func FuzzFlags(f *testing.F) {
	f.Add("-limit 5 ---x -check 1")
	f.Fuzz(func(t *testing.T, line string) {
		f, _ := parseFlags(strings.Split(line, " "))
		f.values()
	})
}

// TestPipe: a pipe in the place of a file would have the bot wait for ever.
func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	_, err := loadAccess(path)
	wants(t, fmt.Sprint(err), "it is no file")
	failed := 0
	j := &journal{path: path, failed: func(error) { failed++ }}
	if j.open(); failed != 1 {
		t.Error("a pipe was taken for a log")
	}
}

// TestPasswordNotAwaited: where other mistakes stand, a pipe that stays open and silent must not keep them back.
func TestPasswordNotAwaited(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	ask := asker{stdin: r, lines: bufio.NewReader(r), stderr: io.Discard}
	password, err := ask.secret(t.Context(), "X", "password", true)
	if password != "" || err != nil {
		t.Errorf("got %q, %v", string(password), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ask = asker{stdin: r, lines: bufio.NewReader(strings.NewReader("")), stderr: io.Discard}
	ask.lines.Reset(r)
	if password, err = ask.secret(ctx, "X", "password", false); password != "" || err != nil {
		t.Errorf("got %q, %v", string(password), err)
	}
}

func TestUsage(t *testing.T) {
	f, err := parseFlags([]string{"-h"})
	if !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	help := manual() + f.usage()
	wants(t, help, "accesslist.conf", "ips.csv", "exceedings.log", "ISCBOT_TOKEN", "ISCBOT_PASSWORD", "/current", "/peakdates", "/exceedings", "/reset", "SIGHUP", "ISCBOT_AUTH_PASS", "_FILE", "-check")
	f.set.VisitAll(func(g *flag.Flag) {
		wants(t, help, "\t-"+g.Name)
		if g.DefValue != "false" && g.DefValue != "" {
			wants(t, help, "(default "+g.DefValue+")")
		}
	})
}

func TestSecret(t *testing.T) {
	s := secret("hunter2")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "err", &fs.PathError{Op: s.String(), Err: fmt.Errorf("%w", errWrong)})
	text := log.String() + fmt.Sprintf("%s %v %+v %#v %q %x %d", s, s, s, s, s, s, s)
	if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e746572") {
		t.Error(text)
	}
}

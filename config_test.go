package main

import (
	"context"
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

// wants fails the test unless text contains all of wanted.
func wants(t testing.TB, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in:\n%s", w, text)
		}
	}
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
	given := cfg.token.reveal() == "123:abc" && cfg.password.reveal() == "pass word" && cfg.limit == 3120 &&
		cfg.api == "http://127.0.0.1:8081" && cfg.interval == 500*time.Millisecond && cfg.alertGroup
	defaults := cfg.user == "apc" && cfg.log == "exceedings.log" && cfg.snmp.community == "public"
	if !given || !defaults {
		t.Errorf("got %+v", cfg)
	}
	want := pdu{num: 101, unit: 1, name: "A", team: "A", snmp: "10.1.2.101:1161", web: "https://10.1.2.101:8443"}
	if !reflect.DeepEqual(cfg.pdus, []pdu{want}) {
		t.Errorf("got %+v", cfg.pdus)
	}
	cfg, err = settle(t, "last line, no newline", "-access", access, "-pdus", pdus)
	defaults = cfg.limit == 3000 && cfg.pdus[0].snmp == "192.168.1.101:161" && cfg.pdus[0].web == "http://192.168.1.101"
	if err != nil || cfg.password.reveal() != "last line, no newline" || !defaults {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

// TestMistakes checks that all mistakes are reported at once, wherever they
// are.
func TestMistakes(t *testing.T) {
	t.Setenv("ISCBOT_TOKEN", "")
	t.Setenv("ISCBOT_PASSWORD", "")
	access := write(t, "accesslist.conf", "7\nAnn\n")
	pdus := write(t, "ips.csv", "101,A\n300,B\n")
	_, err := settle(t, "", "-access", access, "-pdus", pdus, "-colour", "-limit", "3 kW", "-net", "192.168",
		"-interval", "2",
		"-notify", "all", "-snmp-port", "70000", "-web", "ftp", "-api", "telegram", "-user", "", "-log", "", "extra")
	wants(t, fmt.Sprint(err), access+`:2: "Ann"`, pdus+`:2: "300"`, "-colour", `invalid value "3 kW" for flag -limit`,
		`-net: "192.168"`, `invalid value "2" for flag -interval`, `-notify: "all"`, `-snmp-port: "70000": want a port`,
		`-web: "ftp"`, `-api: want a URL`, `-user: ""`, `-log: ""`, `"extra"`,
		"ISCBOT_TOKEN is not set", "ISCBOT_PASSWORD is not set")

	t.Setenv("ISCBOT_TOKEN", "123:abc def")
	t.Setenv("ISCBOT_PASSWORD", "x")
	_, err = settle(t, "", "-access", write(t, "a", "7"), "-pdus", write(t, "p", "1,A"),
		"-notify", "group", "-web", "http:")
	wants(t, fmt.Sprint(err), "-notify group: ", "has no group", "ISCBOT_TOKEN has a character", `-web: "http:"`)
	if strings.Contains(fmt.Sprint(err), "abc") {
		t.Error("the token is in:", err)
	}
}

// TestMistakesHideSecrets checks that a value which may be or have a secret is not
// shown when it is wrong.
func TestMistakesHideSecrets(t *testing.T) {
	long := strings.Repeat("secret", 30)
	f, err := parseFlags([]string{"-community", long, "-write-community", long, "-api", "https://ann:secret@example.org"})
	_, checked := checkFlags(f)
	text := fmt.Sprint(err, checked)
	wants(t, text, "-community: want at most", "-write-community: want at most", "-api: want a URL")
	if strings.Contains(text, "secret") {
		t.Errorf("a secret is in %s", text)
	}
}

// TestShortPassphrase checks that a passphrase that is too short is reported under
// the name by which it was given.
func TestShortPassphrase(t *testing.T) {
	for name, tt := range map[string]struct {
		auth, priv string
		want       []string
	}{
		"one for both": {"short", "short", []string{"ISCBOT_AUTH_PASS"}},
		"both":         {"short", "brief", []string{"ISCBOT_AUTH_PASS", "ISCBOT_PRIV_PASS"}},
		"the second":   {"long enough", "brief", []string{"ISCBOT_PRIV_PASS"}},
		"none":         {"long enough", "long enough", nil},
	} {
		auth := newSecret(tt.auth)
		v3 := v3Config{authPass: auth, privPass: auth}
		if tt.priv != tt.auth {
			v3.privPass = newSecret(tt.priv)
		}
		var got []string
		for line := range strings.Lines(fmt.Sprintln(checkPassphrases(&v3))) {
			if name, _, ok := strings.Cut(line, " is too short"); ok {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: reported %q, want %q", name, got, tt.want)
		}
	}
}

// TestMistakesOfNumbers checks that a zero is a mistake beside one that cannot
// be parsed, too.
func TestMistakesOfNumbers(t *testing.T) {
	f, err := parseFlags([]string{"-limit", "0", "-interval", "5", "-near", "0", "-snmp-port", "x"})
	_, checked := checkFlags(f)
	text := fmt.Sprint(err, checked)
	wants(t, text, `-limit: "0": want`, `invalid value "5" for flag -interval`, `invalid value "x" for flag -snmp-port`)
	if strings.Contains(text, `-interval: "`) || strings.Contains(text, `-snmp-port: "`) {
		t.Errorf("reported twice: %s", text)
	}
}

// TestMistakesOfFlags checks what is said of flags that cannot be parsed.
func TestMistakesOfFlags(t *testing.T) {
	for line, want := range map[string]string{
		"-interval 5":      `invalid value "5" for flag -interval: parse error; want -interval D, such as -interval 2s`,
		"-limit":           "flag needs an argument: -limit; want -limit W, such as -limit 3000",
		"-v3-user":         "flag needs an argument: -v3-user; want -v3-user NAME",
		"-check=perhaps":   `invalid boolean value "perhaps" for -check: parse error; want -check`,
		"-limt 3000 -demo": "flag provided but not defined: -limt",
		"-limt x -limit=a-b": "flag provided but not defined: -limt\n" +
			`invalid value "a-b" for flag -limit: parse error; want -limit W, such as -limit 3000`,
		"-x -y":      "flag provided but not defined: -x\nflag provided but not defined: -y",
		"y -limit 5": `"y": unknown argument; want flags only`,
	} {
		if _, err := parseFlags(strings.Split(line, " ")); fmt.Sprint(err) != want {
			t.Errorf("%s:\n%v\nwant:\n%s", line, err, want)
		}
	}
}

// TestFlagAfterNumbers checks that a flag after the numbers of -check is
// recognized.
func TestFlagAfterNumbers(t *testing.T) {
	f, err := parseFlags([]string{"-check", "101", "-report", "r.txt", "102"})
	wants(t, fmt.Sprint(err), `"-report": flags go before the numbers of PDUs`)
	if !slices.Equal(f.nums, []string{"101"}) {
		t.Errorf("numbers %q", f.nums)
	}
}

// TestCheckDemo checks that -check -demo, which would test nothing, is a mistake.
func TestCheckDemo(t *testing.T) {
	if _, err := parseFlags([]string{"-check", "-demo"}); err == nil || !strings.Contains(err.Error(), "without -check") {
		t.Errorf("got %v", err)
	}
}

// TestChainedCards checks that the clients of chained units know of each other.
func TestChainedCards(t *testing.T) {
	cfg := config{pdus: []pdu{{unit: 1, web: "http://a"}, {unit: 2, web: "http://a"}, {unit: 1, web: "http://b"}}}
	card := cfg.cards()
	for i, want := range []bool{true, true, false} {
		if got := card(cfg.pdus[i]).Chained; got != want {
			t.Errorf("PDU %d: chained %t, want %t", i, got, want)
		}
	}
}

// TestOddFlags checks that parsing ends, whatever the arguments.
func TestOddFlags(t *testing.T) {
	for _, args := range [][]string{
		{"---x"}, {"-=x"}, {"--=3", "-limit", "5"}, {"-"}, {"--"}, {"--", "x"}, {"-limit"}, {"x", "y"},
		{"-demo=perhaps"}, {""},
	} {
		f, err := parseFlags(args)
		if want := !slices.Equal(args, []string{"--"}); (err != nil) != want {
			t.Errorf("%q: %v", args, err)
		}
		if slices.Contains(args, "5") && f.limit != 5 {
			t.Errorf("%q: what follows is not read", args)
		}
	}
}

func FuzzFlags(f *testing.F) {
	f.Add("-limit 5 ---x -check 1")
	f.Fuzz(func(t *testing.T, line string) {
		f, _ := parseFlags(strings.Split(line, " "))
		checkFlags(f)
	})
}

// TestLogNotRegular checks that a log that is not a regular file is rejected at
// the start: opening a pipe would block.
func TestLogNotRegular(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{pipe, dir, os.DevNull} {
		wants(t, fmt.Sprint(checkLogPath(path)), "-log: ", "not a regular file")
	}
	for _, path := range []string{filepath.Join(dir, "new"), write(t, "exceedings.log", "")} {
		if err := checkLogPath(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestPasswordNotAwaited checks that a pipe that stays open and silent does not
// delay the report of mistakes.
func TestPasswordNotAwaited(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	password, err := newPrompter(r, io.Discard).secret(t.Context(), "X", "password", true)
	if password != (secret{}) || err != nil {
		t.Errorf("got %q, %v", password.reveal(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	password, err = newPrompter(r, io.Discard).secret(ctx, "X", "password", false)
	if password != (secret{}) || err != nil {
		t.Errorf("got %q, %v", password.reveal(), err)
	}
}

func TestUsage(t *testing.T) {
	f, err := parseFlags([]string{"-h"})
	if !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	help := manual() + f.usage()
	wants(t, help, "accesslist.conf", "ips.csv", "exceedings.log", "/current", "/peakdates", "/exceedings", "/reset",
		"ISCBOT_TOKEN", "ISCBOT_PASSWORD", "ISCBOT_AUTH_PASS", "_FILE", "SIGHUP", "-check")
	f.set.VisitAll(func(g *flag.Flag) {
		wants(t, help, "\t-"+g.Name)
		if g.DefValue != "false" && g.DefValue != "" {
			wants(t, help, "(default "+g.DefValue+")")
		}
	})
}

func TestSecret(t *testing.T) {
	s := newSecret("hunter2")
	// fmt cannot call the methods of these fields.
	var hidden any = config{password: s, snmp: snmpConfig{write: s, v3: v3Config{authPass: s}}}
	var log strings.Builder
	cause := &fs.PathError{Op: s.String(), Err: fmt.Errorf("%w", errWrong)}
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "err", cause)
	text := log.String() + fmt.Sprintf("%s %v %+v %#v %q %x %d", s, s, s, s, s, s, s)
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x"} {
		text += fmt.Sprintf(verb, hidden)
	}
	if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e746572") {
		t.Error(text)
	}
}

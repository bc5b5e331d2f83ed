package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"
)

// A secret is a token or a password. It prints as asterisks, whatever prints it.
type secret string

// String implements fmt.Stringer, for those who build texts without fmt.
func (secret) String() string { return "*****" }

// Format implements fmt.Formatter for all verbs.
func (s secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// flags are the command line as it was typed.
type flags struct {
	set *flag.FlagSet

	access, pdus, log, net, limit, interval, notify   string
	community, snmpPort, snmp, v3User, v3Auth, v3Priv string
	reset, write, user, web, api                      string
	check, demo, version                              bool
	nums                                              []string // of the PDUs to be checked; none for all
}

// parseFlags returns the flags and every mistake that the flag package sees, not only its first, or flag.ErrHelp.
func parseFlags(args []string) (*flags, error) {
	f := &flags{set: flag.NewFlagSet("iscbot", flag.ContinueOnError)}
	f.set.SetOutput(io.Discard)
	f.set.StringVar(&f.access, "access", "accesslist.conf", "access list, a `FILE`")
	f.set.StringVar(&f.pdus, "pdus", "ips.csv", "PDU list, a `FILE`")
	f.set.StringVar(&f.log, "log", "exceedings.log", "`FILE` to which crossings and resets are appended")
	f.set.StringVar(&f.net, "net", "192.168.1", "`A.B.C`, the first three bytes of the PDUs' addresses")
	f.set.StringVar(&f.limit, "limit", "3000", "power limit of a team, `W` watts")
	f.set.StringVar(&f.interval, "interval", "2s", "time `D` between two readings of a PDU")
	f.set.StringVar(&f.notify, "notify", "users", "who is alerted, `users|group`: the access list's users, or its group")
	f.set.StringVar(&f.community, "community", "public", "SNMP read community `S`")
	f.set.StringVar(&f.snmpPort, "snmp-port", "161", "SNMP port `N` of the PDUs")
	f.set.StringVar(&f.snmp, "snmp", "auto", "SNMP `VERSION`: auto for v2c and v1, whichever a PDU answers, or 3")
	f.set.StringVar(&f.v3User, "v3-user", "", "`NAME` of the SNMP v3 user (default that of -user)")
	f.set.StringVar(&f.v3Auth, "v3-auth", "SHA", "authentication `P` of SNMP v3: none MD5 SHA SHA-224 SHA-256 SHA-384 SHA-512")
	f.set.StringVar(&f.v3Priv, "v3-priv", "AES", "privacy `P` of SNMP v3: none DES AES AES-192 AES-256")
	f.set.StringVar(&f.reset, "reset", "web", "`HOW` peaks are reset: web, or snmp where the PDUs allow that")
	f.set.StringVar(&f.write, "write-community", "", "SNMP community `S` for -reset snmp without v3")
	f.set.StringVar(&f.user, "user", "apc", "`NAME` of the PDUs' super user")
	f.set.StringVar(&f.web, "web", "http", "the PDUs' web interfaces: http or https, or `SCHEME`:PORT")
	f.set.StringVar(&f.api, "api", "https://api.telegram.org", "`URL` of the Bot API server, if it is a local one")
	f.set.BoolVar(&f.check, "check", false, "test everything, change nothing, and end; numbers of PDUs may follow")
	f.set.BoolVar(&f.demo, "demo", false, "try it: simulated PDUs and a chat in this terminal,\nor with ISCBOT_TOKEN set in the real Telegram")
	f.set.BoolVar(&f.version, "version", false, "print the version")

	var errs []error
	for {
		err := f.set.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return f, err
		}
		left := f.set.Args()
		switch {
		case err != nil:
			errs = append(errs, err)
			if len(left) == len(args) {
				left = args[1:] // the flag package does not even take what begins with three dashes
			}
		case f.check:
			f.nums, left = left, nil
		case len(left) > 0:
			errs = append(errs, fmt.Errorf("%q: no such argument; wanted are flags only", left[0]))
			left = left[1:]
		}
		if args = left; len(args) == 0 {
			return f, errors.Join(errs...)
		}
	}
}

// usage lists the flags with their defaults.
func (f *flags) usage() string {
	var b strings.Builder
	f.set.VisitAll(func(g *flag.Flag) {
		arg, text := flag.UnquoteUsage(g)
		if arg != "" && g.DefValue != "" {
			text += " (default " + g.DefValue + ")"
		}
		fmt.Fprintf(&b, "\t%-19s %s\n", strings.TrimSpace("-"+g.Name+" "+arg), strings.ReplaceAll(text, "\n", "\n\t                    "))
	})
	return b.String()
}

// A config is what the flags, the environment and the files come to, checked.
type config struct {
	access    *access
	pdus      []pdu
	log       string        // path of exceedings.log
	limit     int           // W a team
	interval  time.Duration // between two readings of a PDU
	group     bool          // alerts go to the access list's group, not to its users
	snmp      snmpConfig
	resetSNMP bool   // peaks are reset over SNMP
	user      string // of the PDUs' web interfaces
	password  secret
	api       string // URL without a slash at its end
	token     secret
}

// configure checks flags, environment and files, and asks for the password where the environment has none. It returns
// all mistakes together, with those in errs.
func configure(ctx context.Context, f *flags, errs error, stdin io.Reader, stderr io.Writer) (config, error) {
	cfg, err := f.values()
	errs = errors.Join(errs, err)
	if cfg.access, err = loadAccess(f.access); err == nil && cfg.group && cfg.access.group == 0 {
		err = fmt.Errorf("-notify group: %s has no group: wanted is its id, such as -1001234567890, in the first line", f.access)
	}
	errs = errors.Join(errs, err)
	cfg.access.needGroup = cfg.group
	addr := func(num int) (snmp, web string) {
		host := fmt.Sprintf("%s.%d", f.net, num)
		scheme, port, _ := strings.Cut(f.web, ":")
		return host + ":" + f.snmpPort, scheme + "://" + host + strings.TrimSuffix(":"+port, ":")
	}
	if cfg.pdus, err = loadPDUs(f.pdus, addr); err == nil {
		cfg.pdus, err = only(cfg.pdus, f.nums)
	}
	errs = errors.Join(errs, err)

	cfg.token, err = readSecret("ISCBOT_TOKEN")
	cfg.token = secret(strings.TrimSpace(string(cfg.token)))
	switch {
	case err != nil || cfg.token == "" && f.check:
	case cfg.token == "":
		err = errors.New("ISCBOT_TOKEN is not set: wanted is the bot's token, as @BotFather gave it")
	case strings.Trim(string(cfg.token), tokenChars) != "":
		err = errors.New("ISCBOT_TOKEN has a character that no token has: wanted is the bot's token, as @BotFather gave it")
	}
	errs = errors.Join(errs, err)
	ask := asker{stdin, bufio.NewReader(stdin), stderr}
	need := func(name, what string) secret {
		s, err := ask.secret(ctx, name, what, errs != nil)
		errs = errors.Join(errs, err)
		return s
	}
	if !cfg.resetSNMP {
		cfg.password = need("ISCBOT_PASSWORD", "password of the PDUs' super user "+cfg.user)
	}
	if v3 := &cfg.snmp; v3.user != "" && v3.auth != gosnmp.NoAuth {
		v3.authPass = need("ISCBOT_AUTH_PASS", "authentication passphrase of the SNMP user "+v3.user)
		priv, err := readSecret("ISCBOT_PRIV_PASS")
		errs = errors.Join(errs, err)
		v3.privPass = cmp.Or(priv, v3.authPass)
		for name, s := range map[string]secret{"ISCBOT_AUTH_PASS": v3.authPass, "ISCBOT_PRIV_PASS": v3.privPass} {
			if s != "" && len(s) < 8 {
				errs = errors.Join(errs, fmt.Errorf("%s is too short: wanted is a passphrase of SNMP v3, which has 8 characters at least", name))
			}
		}
	}
	return cfg, errs
}

const tokenChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_-"

// readSecret returns a secret from the environment variable of that name, or from the file that the one with _FILE behind it
// names; without both it is empty.
func readSecret(name string) (secret, error) {
	if s := os.Getenv(name); s != "" {
		return secret(strings.TrimRight(s, "\r\n")), nil
	}
	path := os.Getenv(name + "_FILE")
	if path == "" {
		return "", nil
	}
	text, err := readText(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return "", fmt.Errorf("%s_FILE: %s is empty", name, path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&0o004 != 0 {
		slog.Warn("everybody on this machine can read a secret: chmod 600 it", "file", path)
	}
	return secret(text), nil
}

// values turns the flags that name no file into checked values.
func (f *flags) values() (config, error) {
	cfg := config{log: f.log, user: f.user, api: strings.TrimRight(f.api, "/"), group: f.notify == "group", resetSNMP: f.reset == "snmp"}
	var errs []error
	want := func(ok bool, name, wanted string) {
		if !ok {
			errs = append(errs, fmt.Errorf("-%s: %q: wanted is %s", name, f.set.Lookup(name).Value, wanted))
		}
	}
	a, err := netip.ParseAddr(f.net + ".1")
	want(err == nil && a.Is4(), "net", "the first three bytes of the PDUs' addresses, such as 192.168.1")
	cfg.limit, err = strconv.Atoi(f.limit)
	want(err == nil && cfg.limit >= 1 && cfg.limit <= maxWatts, "limit", "a whole number of watts, such as 3000")
	cfg.interval, err = time.ParseDuration(f.interval)
	want(err == nil && cfg.interval >= 10*time.Millisecond && cfg.interval <= time.Minute, "interval", "a time from 10ms to 1m, such as 2s")
	want(cfg.group || f.notify == "users", "notify", "users or group")
	want(isPort(f.snmpPort), "snmp-port", "a port from 1 to 65535")
	scheme, port, hasPort := strings.Cut(f.web, ":")
	want((scheme == "http" || scheme == "https") && (!hasPort || isPort(port)), "web", "http or https, with :PORT where it is another, such as https:8443")
	want(f.user != "", "user", "the name of the PDUs' super user, such as apc")
	want(f.log != "", "log", "the name of a file")
	u, err := url.Parse(f.api)
	want(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil,
		"api", "an address such as https://api.telegram.org")

	v3, authOK, privOK := f.snmp == "3", false, false
	want(v3 || f.snmp == "auto", "snmp", "auto or 3")
	cfg.snmp = snmpConfig{community: f.community, write: secret(f.write), interval: cfg.interval}
	if v3 {
		cfg.snmp.user = cmp.Or(f.v3User, f.user)
	}
	cfg.snmp.auth, authOK = authProtocols[f.v3Auth]
	want(authOK, "v3-auth", "none, MD5, SHA, SHA-224, SHA-256, SHA-384 or SHA-512")
	cfg.snmp.priv, privOK = privProtocols[f.v3Priv]
	want(privOK && (cfg.snmp.auth != gosnmp.NoAuth || cfg.snmp.priv == gosnmp.NoPriv),
		"v3-priv", "none, DES, AES, AES-192 or AES-256, and none without -v3-auth")
	want(cfg.resetSNMP || f.reset == "web", "reset", "web or snmp")
	want(!cfg.resetSNMP || v3 || f.write != "", "reset", "web, or snmp with -write-community or -snmp 3")
	return cfg, errors.Join(errs...)
}

var (
	authProtocols = map[string]gosnmp.SnmpV3AuthProtocol{"none": gosnmp.NoAuth, "MD5": gosnmp.MD5, "SHA": gosnmp.SHA, "SHA-224": gosnmp.SHA224,
		"SHA-256": gosnmp.SHA256, "SHA-384": gosnmp.SHA384, "SHA-512": gosnmp.SHA512}
	privProtocols = map[string]gosnmp.SnmpV3PrivProtocol{"none": gosnmp.NoPriv, "DES": gosnmp.DES, "AES": gosnmp.AES, "AES-192": gosnmp.AES192,
		"AES-256": gosnmp.AES256}
)

// isPort reports whether s is a port's number, and nothing else.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}

// An asker asks for secrets, one a line.
type asker struct {
	stdin  io.Reader
	lines  *bufio.Reader // of stdin; nil when a read that nobody waits for any more has them
	stderr io.Writer
}

// secret returns a secret from the environment or else from one line of the input, with a prompt and without echo where that is
// a terminal. Where other mistakes stand already, nobody is asked: it only sees whether an input that is no terminal has come to
// its end.
func (a *asker) secret(ctx context.Context, name, what string, hopeless bool) (secret, error) {
	if s, err := readSecret(name); s != "" || err != nil {
		return s, err
	}
	terminal, ok := a.stdin.(*os.File)
	ok = ok && isTerminal(terminal)
	switch {
	case a.lines == nil || ok && hopeless:
		return "", nil
	case ok:
		fmt.Fprintf(a.stderr, "%s%s: ", strings.ToUpper(what[:1]), what[1:])
		stty(terminal, "-echo")
		defer stty(terminal, "echo")
		defer fmt.Fprintln(a.stderr)
	case hopeless:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
	}
	lines, line := a.lines, ""
	answered := make(chan error, 1) // the reader stays behind where ctx ends first: a read cannot be called off
	go func() {
		text, err := lines.ReadString('\n')
		line = strings.TrimRight(text, "\r\n")
		answered <- err
	}()
	select {
	case err := <-answered:
		if line == "" {
			return "", fmt.Errorf("%s is not set, and standard input gave none (%w): wanted is the %s", name, cmp.Or(err, errors.New("an empty line")), what)
		}
		return secret(line), nil
	case <-ctx.Done():
		a.lines = nil
		return "", nil
	}
}

func isTerminal(f *os.File) bool { return stty(f, "-g") == nil }

// stty sets a terminal by the system's own command. What is no terminal is an error.
func stty(terminal *os.File, arg string) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := os.StartProcess("/bin/stty", []string{"stty", arg}, &os.ProcAttr{Files: []*os.File{terminal, null, null}})
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err == nil && !state.Success() {
		err = errors.New(state.String())
	}
	return err
}

// readText returns the text of a small file, without a byte order mark.
func readText(name string) (string, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() && info.Mode()&os.ModeDevice == 0 { // a pipe would have the bot wait
		return "", fmt.Errorf("%s: it is no file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const most = 1 << 20
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", err
	}
	if len(data) > most {
		return "", fmt.Errorf("%s: larger than 1 MiB: is it the right file?", name)
	}
	return strings.TrimPrefix(string(data), "\ufeff"), nil
}

// joinFirst joins errs like errors.Join, but only the first ten: a file of quite another kind has a mistake in every line.
func joinFirst(name string, errs []error) error {
	const most = 10
	if len(errs) > most {
		errs = append(errs[:most:most], fmt.Errorf("%s: and %d more mistakes", name, len(errs)-most))
	}
	return errors.Join(errs...)
}

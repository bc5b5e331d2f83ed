package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"iscbot/internal/nmc"
)

// Exit codes. After a panic or the watchdog's SIGABRT, Go exits with 2.
const (
	exitOK     = 0
	exitFailed = 1
	exitConfig = 78 // EX_CONFIG of sysexits.h
)

// A config holds the checked values of the flags, the environment and the
// files.
type config struct {
	access     *accessList
	pdus       []pdu
	toCheck    []pdu         // the PDUs that -check tests
	reportPath string        // of -check's report; "" for none
	log        string        // path of exceedings.log
	limit      int           // W per team
	interval   time.Duration // between two readings of a PDU
	near       time.Duration // the same near the limit; 0 for interval
	alertGroup bool          // alerts go to the access list's group, not to its users
	snmp       snmpConfig
	resetSNMP  bool   // peaks are reset over SNMP
	user       string // of the PDUs' web interfaces
	password   secret
	api        string // URL, without a trailing slash
	token      secret
	metrics    net.Listener // serves /metrics; nil for none
}

// configure checks flags, environment and files, and asks for the password if
// the environment has none. It returns all mistakes at once, including errs.
func configure(ctx context.Context, f *flags, errs error, stdin io.Reader, stderr io.Writer) (config, error) {
	cfg, err := checkFlags(f)
	errs = errors.Join(errs, err, checkLogPath(f.log), checkReport(f))
	if !f.check { // the bot may be running and have the port
		cfg.metrics, err = listenMetrics(f.metrics)
		errs = errors.Join(errs, err)
	}

	cfg.access, err = loadAccess(f.access)
	cfg.access.needGroup = cfg.alertGroup
	if err == nil {
		err = cfg.access.checkGroup()
	}
	errs = errors.Join(errs, err)

	if cfg.pdus, err = loadPDUs(f.pdus, func(num int) (snmp, web string) { return addresses(f, num) }); err == nil {
		cfg.toCheck, err = selectPDUs(cfg.pdus, f.nums)
	}
	errs = errors.Join(errs, err)

	cfg.token, err = readToken(f.check)
	errs = errors.Join(errs, err)

	prompt := newPrompter(stdin, stderr)
	need := func(name, what string) secret {
		s, err := prompt.secret(ctx, name, what, errs != nil)
		errs = errors.Join(errs, err)
		return s
	}
	if !cfg.resetSNMP {
		cfg.password = need("ISCBOT_PASSWORD", "password of the PDUs' super user "+cfg.user)
	}
	if v3 := &cfg.snmp.v3; v3.user != "" && v3.auth != gosnmp.NoAuth {
		v3.authPass = need("ISCBOT_AUTH_PASS", "authentication passphrase of the SNMP user "+v3.user)
		priv, err := readSecret("ISCBOT_PRIV_PASS")
		v3.privPass = cmp.Or(priv, v3.authPass)
		errs = errors.Join(errs, err, checkPassphrases(v3))
	}
	return cfg, errs
}

// notStarted prints why the bot was not started and returns the exit code.
func notStarted(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "iscbot: not started: fix these errors (iscbot -h has the manual):\n%v\n", err)
	return exitConfig
}

// cards returns a function that makes clients for the web interfaces of PDUs'
// cards.
func (c config) cards() func(pdu) *nmc.Client {
	pins, memory := new(nmc.Pins), new(nmc.Memory)
	return func(p pdu) *nmc.Client {
		isOtherUnit := func(other pdu) bool { return other.web == p.web && other.unit != p.unit }
		chained := slices.ContainsFunc(c.pdus, isOtherUnit)
		return &nmc.Client{
			URL: p.web, User: c.user, Password: c.password.reveal(), Chained: chained,
			Pins: pins, Memory: memory, Timeouts: nmc.DefaultTimeouts,
		}
	}
}

// addresses returns the SNMP address and the web URL of PDU num.
func addresses(f *flags, num int) (snmp, web string) {
	host := fmt.Sprintf("%s.%d", f.net, num)
	scheme, port, _ := strings.Cut(f.web, ":")
	return net.JoinHostPort(host, strconv.Itoa(f.snmpPort)), scheme + "://" + host + strings.TrimSuffix(":"+port, ":")
}

// checkLogPath rejects a log that can never be appended to, such as a pipe. A
// temporary obstacle, such as missing permissions, does not prevent the start.
func checkLogPath(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("-log: %q is not a regular file: want the name of a file to which lines can be appended",
			path)
	}
	return nil
}

// checkReport rejects -report without -check, or with a file that cannot be
// used.
func checkReport(f *flags) error {
	switch {
	case f.report == "":
		return nil
	case !f.check:
		return fmt.Errorf("-report: %q: want it together with -check", f.report)
	}
	return checkReportPath(f.report, f.access, f.pdus, f.log)
}

// checkReportPath rejects a file that cannot be written, and the program's own
// files.
func checkReportPath(path string, own ...string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return checkNewFile(path)
	case err != nil:
		return fmt.Errorf("-report: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("-report: %q is not a regular file: want the name of a file for the report", path)
	}
	for _, name := range own {
		if other, err := os.Stat(name); err == nil && os.SameFile(info, other) {
			return fmt.Errorf("-report: %q would be lost: want the name of another file for the report", path)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("-report: %w", err)
	}
	return f.Close()
}

// checkNewFile checks that a file can be created, and removes it again.
func checkNewFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("-report: %w", err)
	}
	f.Close()
	return os.Remove(path)
}

// listenMetrics listens on the address of -metrics. It returns nil if there is
// none, or one that checkFlags rejects.
func listenMetrics(addr string) (net.Listener, error) {
	if !isListenAddr(addr) {
		return nil, nil
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("-metrics: %q: %w: want an address of this host and a free port", addr, cause(err))
	}
	return listener, nil
}

// readToken returns the bot's token. If optional, it may be missing.
func readToken(optional bool) (secret, error) {
	const chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_-"
	token, err := readSecret("ISCBOT_TOKEN")
	token = newSecret(strings.TrimSpace(token.reveal()))
	switch {
	case err != nil || token == (secret{}) && optional:
		return token, err
	case token == (secret{}):
		return token, errors.New("ISCBOT_TOKEN is not set: want the bot's token, as @BotFather gave it")
	case strings.Trim(token.reveal(), chars) != "":
		return token, errors.New("ISCBOT_TOKEN has a character that no token has: " +
			"want the bot's token, as @BotFather gave it")
	}
	return token, nil
}

// checkPassphrases rejects passphrases that SNMP v3 does not allow.
func checkPassphrases(v3 *v3Config) (errs error) {
	const minLength = 8
	check := func(name string, s secret) {
		if n := len(s.reveal()); n > 0 && n < minLength {
			err := fmt.Errorf("%s is too short: want an SNMP v3 passphrase of at least %d characters", name, minLength)
			errs = errors.Join(errs, err)
		}
	}
	check("ISCBOT_AUTH_PASS", v3.authPass)
	if v3.privPass != v3.authPass {
		check("ISCBOT_PRIV_PASS", v3.privPass)
	}
	return errs
}

// checkFlags returns the checked values of the flags that name no file.
func checkFlags(f *flags) (config, error) {
	cfg := config{
		reportPath: f.report, log: f.log, user: f.user, api: strings.TrimRight(f.api, "/"),
		limit: f.limit, interval: f.interval, near: min(f.near, f.interval),
		alertGroup: f.notify == "group", resetSNMP: f.reset == "snmp",
	}
	c := flagCheck{flags: f}
	addr, err := netip.ParseAddr(f.net + ".1")
	c.want(err == nil && addr.Is4(), "net", "the first three bytes of the PDUs' addresses, such as 192.168.1")
	c.want(f.limit >= 1 && f.limit <= maxWatts, "limit",
		fmt.Sprintf("a whole number of watts from 1 to %d, such as 3000", maxWatts))
	c.want(f.interval >= minInterval && f.interval <= time.Minute, "interval", "a time from 10ms to 1m, such as 2s")
	c.want(f.near == 0 || f.near >= minInterval && f.near <= time.Minute, "near",
		"a time from 10ms to 1m, such as 500ms, or 0")
	c.want(cfg.alertGroup || f.notify == "users", "notify", "users or group")
	c.want(f.log != "", "log", "the name of a file")
	c.want(f.user != "", "user", "the name of the PDUs' super user, such as apc")
	scheme, port, hasPort := strings.Cut(f.web, ":")
	c.want((scheme == "http" || scheme == "https") && (!hasPort || isPort(port)), "web",
		"http or https, followed by :PORT if it is not the default, such as https:8443")
	c.want(f.metrics == "" || isListenAddr(f.metrics), "metrics", "HOST:PORT or :PORT, such as :9690")
	c.wantSecret(isServer(f.api), "api", "a URL such as https://api.telegram.org, without user, query or fragment")
	cfg.snmp = c.snmp(cfg.interval)
	c.want(cfg.resetSNMP || f.reset == "web", "reset", "web or snmp")
	c.want(!cfg.resetSNMP || f.snmp == "3" || f.write != "", "reset",
		"web, or snmp together with -write-community or -snmp 3")
	return cfg, errors.Join(c.errs...)
}

// A flagCheck collects the mistakes in the flags.
type flagCheck struct {
	*flags
	errs []error
}

// want records a mistake unless ok is true.
func (c *flagCheck) want(ok bool, name, wanted string) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("-%s: %q: want %s", name, c.set.Lookup(name).Value, wanted))
	}
}

// wantSecret is want for a flag whose value must not be shown.
func (c *flagCheck) wantSecret(ok bool, name, wanted string) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("-%s: want %s", name, wanted))
	}
}

// snmp checks the SNMP flags.
func (c *flagCheck) snmp(interval time.Duration) snmpConfig {
	cfg := snmpConfig{community: c.community, write: newSecret(c.write), interval: interval}
	v3 := c.flags.snmp == "3"
	c.want(v3 || c.flags.snmp == "auto", "snmp", "auto or 3")
	c.want(c.snmpPort >= 1 && c.snmpPort <= 65535, "snmp-port", "a port from 1 to 65535")
	c.wantSecret(len(c.community) <= maxCommunity, "community", fmt.Sprintf("at most %d bytes", maxCommunity))
	c.wantSecret(len(c.write) <= maxCommunity, "write-community", fmt.Sprintf("at most %d bytes", maxCommunity))
	if v3 {
		cfg.v3.user = cmp.Or(c.v3User, c.user)
	}
	var authOK, privOK bool
	cfg.v3.auth, authOK = authProtocols[c.v3Auth]
	c.want(authOK, "v3-auth", "none, MD5, SHA, SHA-224, SHA-256, SHA-384 or SHA-512")
	cfg.v3.priv, privOK = privProtocols[c.v3Priv]
	c.want(privOK && (cfg.v3.auth != gosnmp.NoAuth || cfg.v3.priv == gosnmp.NoPriv), "v3-priv",
		"none, DES, AES, AES-192 or AES-256, and none without -v3-auth")
	return cfg
}

// maxCommunity is the length in bytes of the longest community that gosnmp can
// encode: it has one byte for the length.
const maxCommunity = 127

var (
	authProtocols = map[string]gosnmp.SnmpV3AuthProtocol{
		"none": gosnmp.NoAuth, "MD5": gosnmp.MD5, "SHA": gosnmp.SHA, "SHA-224": gosnmp.SHA224,
		"SHA-256": gosnmp.SHA256, "SHA-384": gosnmp.SHA384, "SHA-512": gosnmp.SHA512,
	}
	privProtocols = map[string]gosnmp.SnmpV3PrivProtocol{
		"none": gosnmp.NoPriv, "DES": gosnmp.DES, "AES": gosnmp.AES, "AES-192": gosnmp.AES192, "AES-256": gosnmp.AES256,
	}
)

// isPort reports whether s is a port number in its canonical form.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}

// isListenAddr reports whether s is HOST:PORT or :PORT.
func isListenAddr(s string) bool {
	_, port, err := net.SplitHostPort(s)
	return err == nil && isPort(port)
}

// isServer reports whether s is an http or https URL of a server, without user,
// query or fragment.
func isServer(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return false
	}
	web := u.Scheme == "http" || u.Scheme == "https"
	bare := u.RawQuery == "" && u.Fragment == "" && u.User == nil
	return web && bare
}

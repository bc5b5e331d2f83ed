package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// flags holds the command line as typed.
type flags struct {
	set *flag.FlagSet

	limit, snmpPort                         int
	interval, near                          time.Duration
	access, pdus, log, net, notify          string
	community, snmp, v3User, v3Auth, v3Priv string
	reset, write, user, web, api, metrics   string
	check, demo, version                    bool
	report                                  string   // of -check; "" for none
	nums                                    []string // of the PDUs to check; none for all
}

const (
	// defaultNear is the time between two readings of a PDU near the limit.
	defaultNear = 500 * time.Millisecond
	// minInterval is the shortest time between two readings of a PDU.
	minInterval = 10 * time.Millisecond
)

// parseFlags returns the flags and all the mistakes that package flag finds,
// not only the first, or flag.ErrHelp.
func parseFlags(args []string) (*flags, error) {
	f := newFlags()
	var errs []error
	for {
		err := f.set.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return f, err
		}
		left := f.set.Args()
		switch {
		case err != nil:
			errs = append(errs, f.explain(err))
			if len(left) == len(args) {
				left = args[1:] // package flag does not consume an argument that begins with three dashes
			}
			if unknown := f.named(err) == nil; unknown && len(left) > 0 && !strings.HasPrefix(left[0], "-") {
				left = left[1:] // its value
			}
		case f.check:
			n := slices.IndexFunc(left, func(arg string) bool { return strings.HasPrefix(arg, "-") })
			if n >= 0 {
				errs = append(errs, fmt.Errorf("%q: flags go before the numbers of PDUs", left[n]))
				left = left[:n]
			}
			f.nums, left = left, nil
		case len(left) > 0:
			errs = append(errs, fmt.Errorf("%q: unknown argument; want flags only", left[0]))
			left = left[1:]
		}
		args = left
		if len(args) == 0 {
			break
		}
	}
	if f.check && f.demo {
		errs = append(errs, errors.New("-demo: want it without -check, which tests the real PDUs"))
	}
	if errs != nil {
		f.restoreDefaults()
	}
	return f, errors.Join(errs...)
}

// named returns the flag that an error of package flag is about, or nil if there
// is no such flag.
func (f *flags) named(err error) *flag.Flag {
	text := err.Error() // such as `invalid value "5" for flag -interval: parse error`
	name, _, _ := strings.Cut(text[strings.LastIndex(text, " -")+1:], ":")
	return f.set.Lookup(strings.TrimPrefix(name, "-"))
}

// explain adds what the flag wants to an error of package flag.
func (f *flags) explain(err error) error {
	g := f.named(err)
	if g == nil {
		return err
	}
	arg, _ := flag.UnquoteUsage(g)
	want := strings.TrimSpace("-" + g.Name + " " + arg)
	if arg != "" && g.DefValue != "" {
		want += ", such as -" + g.Name + " " + g.DefValue
	}
	return fmt.Errorf("%w; want %s", err, want)
}

// restoreDefaults restores the defaults of flags that could not be parsed, so
// that they are not reported again: numbers are 0 now.
func (f *flags) restoreDefaults() {
	parsed := make(map[string]bool)
	f.set.Visit(func(g *flag.Flag) { parsed[g.Name] = true })
	f.set.VisitAll(func(g *flag.Flag) {
		if !parsed[g.Name] {
			g.Value.Set(g.DefValue)
		}
	})
}

// newFlags returns the flags with their defaults.
func newFlags() *flags {
	f := &flags{set: flag.NewFlagSet("iscbot", flag.ContinueOnError)}
	f.set.SetOutput(io.Discard)
	f.set.StringVar(&f.access, "access", "accesslist.conf", "read the access list from `FILE`")
	f.set.StringVar(&f.pdus, "pdus", "ips.csv", "read the PDU list from `FILE`")
	f.set.StringVar(&f.log, "log", "exceedings.log", "append crossings and resets to `FILE`")
	f.set.StringVar(&f.net, "net", "192.168.1", "the first three bytes, `A.B.C`, of the PDUs' addresses")
	f.set.IntVar(&f.limit, "limit", 3000, "power limit of `W` watts for each team")
	f.set.DurationVar(&f.interval, "interval", 2*time.Second, "read each PDU every `D`")
	f.set.DurationVar(&f.near, "near", defaultNear, "read a PDU near the limit every `D`, or every -interval if 0")
	f.set.StringVar(&f.notify, "notify", "users", "alert `users|group`: the access list's users, or its group")
	f.set.StringVar(&f.community, "community", "public", "SNMP read community `S`")
	f.set.IntVar(&f.snmpPort, "snmp-port", 161, "SNMP port `N` of the PDUs")
	f.set.StringVar(&f.snmp, "snmp", "auto", "SNMP `VERSION`: auto (v2c or v1, whichever a PDU answers) or 3")
	f.set.StringVar(&f.v3User, "v3-user", "", "`NAME` of the SNMP v3 user (default that of -user)")
	f.set.StringVar(&f.v3Auth, "v3-auth", "SHA",
		"SNMP v3 authentication protocol `P`: none MD5 SHA SHA-224 SHA-256 SHA-384 SHA-512")
	f.set.StringVar(&f.v3Priv, "v3-priv", "AES", "SNMP v3 privacy protocol `P`: none DES AES AES-192 AES-256")
	f.set.StringVar(&f.reset, "reset", "web", "`HOW` to reset peaks: web, or snmp if the PDUs allow it")
	f.set.StringVar(&f.write, "write-community", "", "SNMP community `S` for -reset snmp without v3")
	f.set.StringVar(&f.user, "user", "apc", "`NAME` of the PDUs' super user")
	f.set.StringVar(&f.web, "web", "http", "the PDUs' web interfaces: http or https, or `SCHEME`:PORT")
	f.set.StringVar(&f.api, "api", "https://api.telegram.org", "`URL` of the Bot API server, for a local one")
	f.set.StringVar(&f.metrics, "metrics", "", "serve /metrics for Prometheus at `ADDR`, such as :9690")
	f.set.BoolVar(&f.check, "check", false, "test everything, change nothing, and exit; PDU numbers may follow")
	f.set.StringVar(&f.report, "report", "",
		"with -check, describe in `FILE` the pages on which the peak's reset was not found")
	f.set.BoolVar(&f.demo, "demo", false,
		"try iscbot with simulated PDUs and a chat in this terminal,\nor in the real Telegram if ISCBOT_TOKEN is set")
	f.set.BoolVar(&f.version, "version", false, "print the version and exit")
	return f
}

// usage lists the flags with their defaults.
func (f *flags) usage() string {
	var b strings.Builder
	b.WriteString("\nThe flags, with their defaults:\n\n")
	f.set.VisitAll(func(g *flag.Flag) {
		arg, text := flag.UnquoteUsage(g)
		if arg != "" && g.DefValue != "" {
			text += " (default " + g.DefValue + ")"
		}
		text = strings.ReplaceAll(text, "\n", "\n\t                    ")
		fmt.Fprintf(&b, "\t%-19s %s\n", strings.TrimSpace("-"+g.Name+" "+arg), text)
	})
	return b.String()
}

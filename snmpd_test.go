package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"iscbot/internal/venue"
)

// recordings are what real PDUs answered, as far as iscbot asks for it, in the
// format of snmpsim: OID, type, value. The lines with sysDescr are that long.
var recordings = map[string]string{
	"ap8853": `1.3.6.1.2.1.1.1.0|4|APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.8.2 PN:apc_hw05_aos_682.bin AF1:v6.8.0 AN1:apc_hw05_rpdu2g_680.bin MN:AP8853 HR:02 SN: ZA2001002384 MD:01/03/2020) 
1.3.6.1.4.1.318.1.1.26.4.3.1.4.1|2|2
1.3.6.1.4.1.318.1.1.26.4.3.1.5.1|2|114
1.3.6.1.4.1.318.1.1.26.4.3.1.6.1|2|143
1.3.6.1.4.1.318.1.1.26.4.3.1.7.1|4|03/04/2022 09:20:45
1.3.6.1.4.1.318.1.1.26.4.3.1.8.1|4|01/02/2020 13:26:52
1.3.6.1.4.1.318.1.1.26.4.3.1.9.1|2|35128
`,
	"ap7900b": `1.3.6.1.2.1.1.1.0|4|APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.8.2 PN:apc_hw05_aos_682.bin AF1:v6.8.0 AN1:apc_hw05_rpdu2g_680.bin MN:AP7900B HR:B2 SN: ZA1732000177 MD:08/07/2017) 
1.3.6.1.4.1.318.1.1.12.1.16.0|2|312
1.3.6.1.4.1.318.1.1.26.4.3.1.4.1|2|5
1.3.6.1.4.1.318.1.1.26.4.3.1.5.1|2|-1
1.3.6.1.4.1.318.1.1.26.4.3.1.6.1|2|-1
1.3.6.1.4.1.318.1.1.26.4.3.1.7.1|4|notsupported 
1.3.6.1.4.1.318.1.1.26.4.3.1.8.1|4|notsupported 
`,
}

// serveRecordings starts snmpsim with the recordings. The community is the name
// of one.
func serveRecordings(t *testing.T) (addr string) {
	t.Helper()
	simulator := needs(t, "snmpsimd")
	dir, err := os.MkdirTemp("", "snmpsim") // t.TempDir cannot be read by nobody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { // nobody writes a cache
		t.Fatal(err)
	}
	for name, text := range recordings {
		if err := os.WriteFile(filepath.Join(dir, name+".snmprec"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	addr = freeUDP(t)
	args := []string{"--data-dir=" + dir, "--cache-dir=" + filepath.Join(dir, "cache"), "--agent-udpv4-endpoint=" + addr}
	if os.Getuid() == 0 {
		args = append(args, "--process-user=nobody", "--process-group=nogroup")
	}
	var log strings.Builder
	cmd := exec.Command(simulator, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return addr
}

// freeUDP returns an address that nobody uses, whose last number is 1. It has a
// network of its own, where other tests take no port before the agent has it.
func freeUDP(t *testing.T) string {
	t.Helper()
	host := "127.0.0.1"
	if runtime.GOOS == "linux" { // which has the whole of 127.0.0.0/8
		host = fmt.Sprintf("127.%d.%d.1", 1+rand.IntN(250), rand.IntN(250))
	}
	conn, err := net.ListenPacket("udp4", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}

// readUntil reads as the watch does until a reading is one for which ok holds:
// an agent needs a while to start, and a busy machine loses answers.
func readUntil(t *testing.T, s *session, ok func(reading, error) bool) (r reading, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if r, err = s.read(ctx, 1); ok(r, err) {
			return r, err
		}
		pause(ctx, 50*time.Millisecond)
	}
	return r, err
}

// wantUntil reads until the values are as wanted.
func wantUntil(t *testing.T, s *session, what string, ok func(reading) bool) {
	t.Helper()
	r, err := readUntil(t, s, func(r reading, err error) bool { return err == nil && ok(r) })
	if err != nil || !ok(r) {
		t.Errorf("%s: got %+v, %v", what, r, err)
	}
}

// TestRecordings reads what real PDUs answered from snmpsim, a real agent.
func TestRecordings(t *testing.T) {
	t.Parallel()
	addr := serveRecordings(t)
	tests := map[string]func(reading) bool{
		"ap8853": func(r reading) bool {
			return r.watts == 1140 && r.peak == 1430 && r.peakAt.Format(time.DateTime) == "2022-03-04 09:20:45"
		},
		"ap7900b": func(r reading) bool { return r.watts == 312 && r.peak == -1 }, // by the object of older models
	}
	for community, ok := range tests {
		s := newSession(addr, []int{1}, snmpConfig{community: community, interval: time.Second})
		t.Cleanup(s.close)
		wantUntil(t, s, community, ok)
	}
}

// snmpd starts Net-SNMP's agent with a configuration, and objects of a rack PDU
// behind it. restart ends it and starts it again with another engine ID.
func snmpd(t *testing.T, conf string) (addr string, restart func()) {
	t.Helper()
	program := needs(t, "snmpd")
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("peak", "280")
	write("cleared", "01/02/2020 13:26:52")
	write("objects", `#!/bin/sh
d=$(dirname "$0") b=.1.3.6.1.4.1.318.1.1.26
case "$1 $2" in
"-g $b.4.3.1.5.1") t=integer v=150 ;;
"-g $b.4.3.1.6.1") t=integer v=$(cat "$d/peak") ;;
"-g $b.4.3.1.7.1") t=string v="03/04/2022 09:20:45" ;;
"-g $b.4.3.1.8.1") t=string v=$(cat "$d/cleared") ;;
"-g $b.4.1.1.10.1") t=integer v=1 ;;
"-s $b.4.1.1.10.1") echo 150 >"$d/peak"; echo "11/24/2026 10:00:00" >"$d/cleared"; exit ;;
*) exit ;;
esac
printf '%s\n' "$2" "$t" "$v"
`)
	addr = freeUDP(t)
	var cmd *exec.Cmd
	stop := func() {
		if cmd != nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	engine := 0
	restart = func() {
		stop()
		engine++
		os.RemoveAll(filepath.Join(dir, "persistent"))
		write("snmpd.conf", fmt.Sprintf(`agentAddress udp:%s
engineID venue%d
pass .1.3.6.1.4.1.318.1.1.26 /bin/sh %s/objects
%s
`, addr, engine, dir, conf))
		cmd = exec.Command(program, "-f", "-Lo", "-C",
			"-c", filepath.Join(dir, "snmpd.conf"), "-p", filepath.Join(dir, "pid"))
		cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+filepath.Join(dir, "persistent"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	t.Cleanup(stop)
	return addr, restart
}

const snmpdV2 = "rocommunity public\nrwcommunity private\n"

const snmpdV3 = `createUser sha SHA "authentic0" AES "private000"
createUser md5 MD5 "authentic0" DES "private000"
createUser strong SHA-256 "authentic0" AES "private000"
createUser open SHA "authentic0"
rwuser sha priv
rwuser md5 priv
rwuser strong priv
rwuser open auth
`

// v3 returns how a user of SNMP v3 asks.
func v3(user string, auth gosnmp.SnmpV3AuthProtocol, priv gosnmp.SnmpV3PrivProtocol) snmpConfig {
	return snmpConfig{interval: 2 * time.Second, v3: v3Config{
		user: user, auth: auth, priv: priv, authPass: newSecret("authentic0"), privPass: newSecret("private000"),
	}}
}

func TestSnmpd(t *testing.T) {
	t.Parallel()
	addr, restart := snmpd(t, snmpdV2+snmpdV3)
	open := func(cfg snmpConfig) *session {
		s := newSession(addr, []int{1}, cfg)
		t.Cleanup(s.close)
		return s
	}
	readsAll := func(r reading) bool {
		return r.watts == 1500 && r.peak == 2800 && r.uptime >= 0 && !r.resetAt.IsZero()
	}

	v2 := open(snmpConfig{community: "public", write: newSecret("private"), interval: 2 * time.Second})
	wantUntil(t, v2, "v2c", readsAll)
	v1 := open(snmpConfig{community: "public", interval: 2 * time.Second})
	v1.plain.versions.noteAnswer(gosnmp.Version1)
	wantUntil(t, v1, "v1", readsAll)
	if v1.plain.versions.version != gosnmp.Version1 {
		t.Error("v1 was given up")
	}
	for name, cfg := range map[string]snmpConfig{
		"SHA and AES":     v3("sha", gosnmp.SHA, gosnmp.AES),
		"MD5 and DES":     v3("md5", gosnmp.MD5, gosnmp.DES),
		"SHA-256 and AES": v3("strong", gosnmp.SHA256, gosnmp.AES),
		"SHA, no privacy": v3("open", gosnmp.SHA, gosnmp.NoPriv),
	} {
		wantUntil(t, open(cfg), name, readsAll)
	}

	returning := open(v3("sha", gosnmp.SHA, gosnmp.AES))
	wantUntil(t, returning, "v3", readsAll)
	restart()
	wantUntil(t, returning, "v3, with another engine ID", readsAll)
	wantUntil(t, v2, "v2c after a restart", readsAll)

	readOnly := open(snmpConfig{community: "public", write: newSecret("public"), interval: time.Second})
	if err := readOnly.resetPeak(t.Context(), 1); err == nil {
		t.Error("a SET with the read community was accepted")
	}
	wantUntil(t, v2, "after a refused SET", readsAll)
	returning.resetPeak(t.Context(), 1) // judged by reading, as the answer may be lost
	wantUntil(t, v2, "after a SET with v3", func(r reading) bool { return r.peak == 1500 && r.resetAt.Year() == 2026 })
	if err := v2.resetPeak(t.Context(), 1); err != nil {
		t.Errorf("SET with v2c: %v", err)
	}
}

// slowly starts a card in front of an agent: it answers one request after the
// other, and takes the delay for each, in nanoseconds. asked returns how many came.
func slowly(t *testing.T, agent string, delay *atomic.Int64) (addr string, asked func() int) {
	t.Helper()
	inner, err := net.Dial("udp", agent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	return answerAlways(t, func(request []byte) []byte {
		pause(t.Context(), time.Duration(delay.Load()))
		inner.Write(request)
		answer := make([]byte, 2048)
		inner.SetReadDeadline(time.Now().Add(time.Second))
		n, _ := inner.Read(answer)
		return answer[:n]
	})
}

// TestSnmpdSlow reads over SNMP v3 from a card that needs longer than an attempt,
// from the start or after a while: the late answers tell that it is slow, and it is
// not asked a second time.
func TestSnmpdSlow(t *testing.T) {
	t.Parallel()
	agent, _ := snmpd(t, snmpdV3)
	for name, first := range map[string]time.Duration{"from the start": 900 * time.Millisecond, "later": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var delay atomic.Int64
			delay.Store(int64(first))
			addr, asked := slowly(t, agent, &delay)
			s := newSession(addr, []int{1}, v3("sha", gosnmp.SHA, gosnmp.AES))
			t.Cleanup(s.close)
			isRead := func(r reading) bool { return r.watts == 1500 }
			wantUntil(t, s, "the first reading", isRead)
			delay.Store(int64(900 * time.Millisecond))
			s.read(t.Context(), 1)             // from which it knows that the card is slow
			pause(t.Context(), s.interval*3/4) // the card has more to do if it was asked twice
			wantUntil(t, s, "a slow reading", isRead)

			const readings = 3
			before := asked()
			for range readings {
				if _, err := s.read(t.Context(), 1); err != nil {
					t.Error(err)
				}
			}
			if n := asked() - before; n != readings {
				t.Errorf("%d requests for %d readings", n, readings)
			}
		})
	}
}

// TestSnmpdRefusals covers what an agent of SNMP v3 refuses: the reason names
// the flag, and no secret.
func TestSnmpdRefusals(t *testing.T) {
	t.Parallel()
	addr, _ := snmpd(t, snmpdV3)
	tests := map[string]struct {
		change func(*v3Config)
		want   string
	}{
		"user":       {func(c *v3Config) { c.user = "nobody" }, "does not know the SNMP v3 user"},
		"passphrase": {func(c *v3Config) { c.authPass = newSecret("something") }, "authentication passphrase"},
		"privacy":    {func(c *v3Config) { c.privPass = newSecret("something") }, "no answer"},
		"protocol":   {func(c *v3Config) { c.auth = gosnmp.MD5 }, "-v3-auth"},
		"level":      {func(c *v3Config) { c.priv = gosnmp.NoPriv }, "wrong answer"},
	}
	for name, tt := range tests {
		t.Run("wrong "+name, func(t *testing.T) {
			cfg := v3("sha", gosnmp.SHA, gosnmp.AES)
			tt.change(&cfg.v3)
			s := newSession(addr, []int{1}, cfg)
			defer s.close()
			_, err := readUntil(t, s, func(_ reading, err error) bool {
				if err != nil && strings.Contains(err.Error(), "something") {
					t.Errorf("a secret in an error: %v", err)
				}
				return err == nil || strings.Contains(err.Error(), tt.want)
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestSnmpdProgram lets the program read and reset a real agent over SNMP v3,
// and check it.
func TestSnmpdProgram(t *testing.T) {
	t.Parallel()
	addr, _ := snmpd(t, snmpdV3)
	s := newSite(t, "First_PDU")
	host, port, _ := net.SplitHostPort(addr)
	fmt.Sscan(port, &s.port)
	network := strings.TrimSuffix(host, ".1")
	env := []string{"ISCBOT_TOKEN=" + testToken, "ISCBOT_AUTH_PASS=authentic0", "ISCBOT_PRIV_PASS=private000"}
	args := []string{"-net", network, "-snmp", "3", "-v3-user", "sha", "-reset", "snmp", "-interval", "5s"}
	p := s.startWith(t, env, args...)
	s.until(t, "/peakdates", "2800 W", "2022-03-04 09:20:45")
	s.ask(t, venue.Private(ann), ann, "/reset 1", "First_PDU (.1) reset: 2800 W -> 1500 W")
	wants(t, s.log(t), "Reset by Ann (424242424), peak was 2800 W")
	if code := p.end(t, syscall.SIGINT); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n, _ := s.count(ann.ID, "somebody else"); n != 0 {
		t.Error("the bot's own reset was reported as somebody else's")
	}

	p = s.startWith(t, env, append(args, "-check")...)
	<-p.exited
	wants(t, p.stdout.String(), "ok    First_PDU (.1) SNMP:", "ok    First_PDU (.1) reset: the object is there")
	p = s.startWith(t, env, "-net", network, "-snmp", "3", "-v3-user", "nobody", "-reset", "snmp", "-check")
	<-p.exited
	wants(t, p.stdout.String(), "WRONG First_PDU (.1) SNMP: no answer: the PDU does not know the SNMP v3 user")
	if strings.Contains(p.log()+p.stdout.String(), "authentic0") {
		t.Error("a secret was printed")
	}
}

func TestV3Flags(t *testing.T) {
	t.Setenv("ISCBOT_TOKEN", "1:x")
	t.Setenv("ISCBOT_PASSWORD", "")
	files := []string{"-access", write(t, "a", "7"), "-pdus", write(t, "p", "1,A")}
	with := func(args ...string) []string { return append(slices.Clone(files), args...) }

	cfg, err := settle(t, "web password\nauthentication\n", with("-snmp", "3", "-v3-auth", "SHA-256", "-v3-priv", "AES-256")...)
	v3 := cfg.snmp.v3
	got := []any{cfg.password.reveal(), v3.user, v3.auth, v3.priv, v3.authPass.reveal(), v3.privPass.reveal()}
	want := []any{"web password", "apc", gosnmp.SHA256, gosnmp.AES256, "authentication", "authentication"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	cfg, err = settle(t, "", with("-reset", "snmp", "-write-community", "private")...) // no password is needed
	if err != nil || cfg.snmp.write.reveal() != "private" || cfg.snmp.v3.user != "" {
		t.Errorf("got %v", err)
	}

	tests := map[string]struct {
		stdin string
		args  []string
		want  []string
	}{
		"a short passphrase": {"web password\nshort\n", []string{"-snmp", "3"}, []string{"ISCBOT_AUTH_PASS is too short"}},
		"unknown values": {"x\n", []string{"-snmp", "2", "-v3-auth", "x", "-v3-priv", "y", "-reset", "telnet"},
			[]string{`-snmp: "2"`, `-v3-auth: "x"`, `-v3-priv: "y"`, `-reset: "telnet"`}},
		"no write community": {"x\n", []string{"-reset", "snmp"}, []string{"-write-community"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := settle(t, tt.stdin, with(tt.args...)...)
			wants(t, fmt.Sprint(err), tt.want...)
		})
	}
}

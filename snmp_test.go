package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
	"iscbot/internal/venue"
)

// TestOnlyV1: a card that is deaf to v2c is read by v1, which is remembered; a dead one is asked no more often than another.
func TestOnlyV1(t *testing.T) {
	t.Parallel()
	sim, p := simulate(t, 101, "A", 2410)
	s := listen(t, p, 400*time.Millisecond)
	sim.Behave(venue.Manners{OnlyV1: true})
	if _, err := s.read(t.Context()); !errors.Is(err, errNoAnswer) {
		t.Errorf("got %v", err)
	}
	for range 3 {
		if r, err := s.read(t.Context()); err != nil || r.watts != 2410 || r.peak != 2410 || r.uptime < 0 {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	sim.Behave(venue.Manners{Mute: true})
	asked := sim.Asked()
	for range 6 {
		s.read(t.Context())
	}
	if n := sim.Asked() - asked; n > 12 { // two tries each, as ever
		t.Errorf("a dead PDU was asked %d times in 6 polls", n)
	}
	sim.Behave(venue.Manners{}) // it was replaced by one that speaks both
	_, first := s.read(t.Context())
	if r, err := s.read(t.Context()); err != nil || r.watts != 2410 {
		t.Errorf("got %v, then %+v, %v", first, r, err)
	}
}

// TestOldModel: where there is no rPDU2 power the object of older models is read, with v1 and with v2c.
func TestOldModel(t *testing.T) {
	t.Parallel()
	for _, onlyV1 := range []bool{false, true} {
		sim, p := simulate(t, 101, "A", 2410)
		s := listen(t, p, 400*time.Millisecond)
		sim.Behave(venue.Manners{Old: true, OnlyV1: onlyV1})
		if onlyV1 {
			s.read(t.Context())
		}
		for range 2 {
			if r, err := s.read(t.Context()); err != nil || r.watts != 2410 || r.peak != -1 {
				t.Errorf("got %+v, %v", r, err)
			}
		}
		asked := sim.Asked()
		if s.read(t.Context()); sim.Asked() != asked+1 {
			t.Errorf("%d requests for a reading", sim.Asked()-asked)
		}
		sim.Behave(venue.Manners{})
		s.read(t.Context())
		if r, err := s.read(t.Context()); err != nil || r.peak != 2410 {
			t.Errorf("then got %+v, %v", r, err)
		}
	}
}

func TestResetOverSNMP(t *testing.T) {
	t.Parallel()
	r := newRack(t, venue.TokenPath, nil)
	r.bot.resetSNMP = true
	_, _, err := r.reset(t) // without a community that may write
	wants(t, fmt.Sprint(err), "SNMP SET", "peak did not change")
	r = newRack(t, venue.TokenPath, nil)
	r.bot.resetSNMP = true
	r.bot.watch.sessions[0].write = venue.WriteCommunity
	result, steps, err := r.reset(t)
	if err != nil || result != (resetResult{2800, 1500}) || fmt.Sprint(steps) != "[resetting reading back]" {
		t.Errorf("got %v, %v, %v", result, steps, err)
	}
	if s := r.State(); s.Resets != 1 || s.Energy == 0 {
		t.Errorf("state %+v", s)
	}
	if ok, _ := r.web.Logins(); ok != 0 {
		t.Error("the web interface was used")
	}
}

// snmpd starts Net-SNMP's agent with the configuration, and objects of a rack PDU behind it. It returns its address, and what
// ends it and starts it anew with another engine id.
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
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = conn.LocalAddr().String()
	conn.Close()
	var cmd *exec.Cmd
	engine := 0
	stop := func() {
		if cmd != nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	start := func() {
		stop()
		engine++
		os.RemoveAll(filepath.Join(dir, "persistent"))
		write("snmpd.conf", fmt.Sprintf("agentAddress udp:%s\nengineID venue%d\npass .1.3.6.1.4.1.318.1.1.26 /bin/sh %s/objects\n%s\n", addr, engine, dir, conf))
		cmd = exec.Command(program, "-f", "-Lo", "-C", "-c", filepath.Join(dir, "snmpd.conf"), "-p", filepath.Join(dir, "pid"))
		cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+filepath.Join(dir, "persistent"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	start()
	t.Cleanup(stop)
	return addr, start
}

// reads polls until a reading comes, as the watch would, for ten seconds at most.
func reads(t *testing.T, s *session) (reading, error) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		r, err := s.read(t.Context())
		if err == nil || time.Now().After(deadline) {
			return r, err
		}
		pause(t.Context(), 50*time.Millisecond)
	}
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

// v3 is a user's way to ask.
func v3(user string, auth gosnmp.SnmpV3AuthProtocol, priv gosnmp.SnmpV3PrivProtocol) snmpConfig {
	return snmpConfig{interval: time.Second, user: user, auth: auth, priv: priv, authPass: "authentic0", privPass: "private000"}
}

func TestSnmpd(t *testing.T) {
	t.Parallel()
	addr, restart := snmpd(t, snmpdV2+snmpdV3)
	want := func(t *testing.T, s *session) {
		t.Helper()
		r, err := reads(t, s)
		if err != nil || r.watts != 1500 || r.peak != 2800 || r.uptime < 0 || r.resetAt.IsZero() {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	open := func(cfg snmpConfig) *session {
		s := newSession(pdu{snmp: addr}, cfg)
		t.Cleanup(s.close)
		return s
	}
	v2 := open(snmpConfig{community: "public", write: "private", interval: time.Second})
	want(t, v2)
	v1 := open(snmpConfig{community: "public", interval: time.Second})
	v1.version = gosnmp.Version1
	want(t, v1)
	if v1.version != gosnmp.Version1 {
		t.Error("v1 was given up")
	}
	for name, cfg := range map[string]snmpConfig{
		"SHA and AES":     v3("sha", gosnmp.SHA, gosnmp.AES),
		"MD5 and DES":     v3("md5", gosnmp.MD5, gosnmp.DES),
		"SHA-256 and AES": v3("strong", gosnmp.SHA256, gosnmp.AES),
		"SHA, no privacy": v3("open", gosnmp.SHA, gosnmp.NoPriv),
	} {
		t.Run(name, func(t *testing.T) { want(t, open(cfg)) })
	}
	wrong := v3("sha", gosnmp.SHA, gosnmp.AES)
	for name, tt := range map[string]struct {
		change func(*snmpConfig)
		want   string
	}{
		"user":       {func(c *snmpConfig) { c.user = "nobody" }, "does not know the SNMP v3 user"},
		"passphrase": {func(c *snmpConfig) { c.authPass = "something" }, "authentication passphrase"},
		"privacy":    {func(c *snmpConfig) { c.privPass = "something" }, "no answer"},
		"protocol":   {func(c *snmpConfig) { c.auth = gosnmp.MD5 }, "-v3-auth"},
		"level":      {func(c *snmpConfig) { c.priv = gosnmp.NoPriv }, "wrong answer"},
	} {
		t.Run("wrong "+name, func(t *testing.T) {
			cfg := wrong
			tt.change(&cfg)
			_, err := open(cfg).read(t.Context())
			wants(t, fmt.Sprint(err), tt.want)
			if strings.Contains(fmt.Sprint(err), "something") {
				t.Error("it told a secret")
			}
		})
	}

	healing := open(wrong)
	want(t, healing)
	restart()
	want(t, healing) // with the new engine id
	want(t, v2)

	if err := open(snmpConfig{community: "public", write: "public", interval: time.Second}).resetPeak(t.Context()); err == nil {
		t.Error("a SET with the read community was taken")
	}
	if err := healing.resetPeak(t.Context()); err != nil {
		t.Errorf("SET with v3: %v", err)
	}
	if r, err := reads(t, v2); err != nil || r.peak != 1500 || r.resetAt.Year() != 2026 {
		t.Errorf("after the reset: %+v, %v", r, err)
	}
	if err := v2.resetPeak(t.Context()); err != nil {
		t.Errorf("SET with v2c: %v", err)
	}
}

// TestSnmpdProgram lets the program read and reset a real agent over SNMP v3, and -check it.
func TestSnmpdProgram(t *testing.T) {
	t.Parallel()
	addr, _ := snmpd(t, snmpdV3)
	s := newSite(t, "First_PDU")
	_, port, _ := net.SplitHostPort(addr)
	fmt.Sscan(port, &s.port)
	env := []string{"ISCBOT_TOKEN=" + testToken, "ISCBOT_AUTH_PASS=authentic0", "ISCBOT_PRIV_PASS=private000"}
	args := []string{"-snmp", "3", "-v3-user", "sha", "-reset", "snmp", "-interval", "1s"}
	p := s.startWith(t, env, args...)
	s.until(t, "/peakdates", "2800 W", "2022-03-04 09:20:45")
	s.ask(t, venue.Private(ann), ann, "/reset 1", "Peak of First_PDU (.1) reset: 2800 W -> 1500 W")
	wants(t, s.log(t), "Reset by Ann (424242424), peak was 2800 W")
	if code := p.end(t, os.Interrupt.(syscall.Signal)); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n, _ := s.count(ann.ID, "somebody else"); n != 0 {
		t.Error("its own reset was told as somebody else's")
	}
	p = s.startWith(t, env, append(args, "-check")...)
	<-p.exited
	wants(t, p.stdout.String(), "ok    First_PDU (.1) SNMP:", "ok    First_PDU (.1) reset: the object is there")
	p = s.startWith(t, env, "-snmp", "3", "-v3-user", "nobody", "-reset", "snmp", "-check")
	<-p.exited
	wants(t, p.stdout.String(), "WRONG First_PDU (.1) SNMP: no answer: the PDU does not know the SNMP v3 user")
	if strings.Contains(p.log()+p.stdout.String(), "authentic0") {
		t.Error("it told a secret")
	}
}

func TestV3Flags(t *testing.T) {
	t.Setenv("ISCBOT_TOKEN", "1:x")
	t.Setenv("ISCBOT_PASSWORD", "")
	files := []string{"-access", write(t, "a", "7"), "-pdus", write(t, "p", "1,A")}
	cfg, err := settle(t, "web password\nauthentication\n", append(files, "-snmp", "3", "-v3-auth", "SHA-256", "-v3-priv", "AES-256")...)
	if err != nil || cfg.password != "web password" || cfg.snmp.user != "apc" || cfg.snmp.authPass != "authentication" || cfg.snmp.privPass != "authentication" {
		t.Errorf("got %+v, %v", cfg, err)
	}
	_, err = settle(t, "web password\nshort\n", append(files, "-snmp", "3")...)
	wants(t, fmt.Sprint(err), "ISCBOT_AUTH_PASS is too short")
	_, err = settle(t, "x\n", append(files, "-snmp", "2", "-v3-auth", "x", "-v3-priv", "y", "-reset", "telnet")...)
	wants(t, fmt.Sprint(err), `-snmp: "2"`, `-v3-auth: "x"`, `-v3-priv: "y"`, `-reset: "telnet"`)
	_, err = settle(t, "x\n", append(files, "-reset", "snmp")...)
	wants(t, fmt.Sprint(err), "-write-community")
	if cfg, err = settle(t, "", append(files, "-reset", "snmp", "-write-community", "private")...); err != nil || cfg.snmp.write != "private" {
		t.Errorf("got %+v, %v", cfg, err) // no password is needed then
	}
}

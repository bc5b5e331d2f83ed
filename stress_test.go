package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// A stressRow is one stress test of the running program. The site has two PDUs,
// and the program has already answered.
type stressRow struct {
	name string
	args []string // of the program
	do   func(t *testing.T, s *site, p *program)
}

func TestStress(t *testing.T) {
	t.Parallel()
	for _, row := range stressRows() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "First_PDU", "Second_PDU")
			p := s.start(t, row.args...)
			p.awaitLog(t, "Telegram answers")
			row.do(t, s, p)
			if code := p.end(t, syscall.SIGTERM); code != 0 {
				t.Errorf("exit code %d", code)
			}
			s.fine(t)
		})
	}
}

// TestStressTable checks that docs/stress.md has the names of the stress rows.
// If ISCBOT_UPDATE is set, it writes the file.
func TestStressTable(t *testing.T) {
	var names []string
	for _, row := range stressRows() {
		names = append(names, row.name)
	}
	slices.Sort(names)
	text := "# What the running program is stress-tested with\n\n" +
		"Each row is a test of the running program: `go test -run 'TestStress/NAME'`. " +
		"`ISCBOT_UPDATE=1 go test -run TestStressTable` writes this file.\n\n" +
		"| area | what is done |\n|---|---|\n"
	for _, n := range names {
		area, what, _ := strings.Cut(n, ": ")
		text += fmt.Sprintf("| %s | %s |\n", area, what)
	}
	const path = "docs/stress.md"
	if os.Getenv("ISCBOT_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != text {
		t.Errorf("%s is out of date (%v): run ISCBOT_UPDATE=1 go test -run TestStressTable", path, err)
	}
}

// TestStressResources checks that long stress does not increase a program's
// goroutines, files and memory.
func TestStressResources(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	s := newSite(t, "First_PDU", "Second_PDU")
	p := s.start(t)
	s.stillWorks(t, 3100)
	use := func() (files, kB int) {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Sscan(regexp.MustCompile(`VmRSS:\s+(\d+)`).FindStringSubmatch(string(status))[1], &kB)
		return len(fds), kB
	}
	var files, kB int // after the first round, which fills buffers and opens connections
	for n := range 3 {
		if n == 1 {
			files, kB = use()
		}
		for _, do := range []venue.FaultFunc{venue.Cut, venue.Reset, venue.Lose, venue.Portal} {
			s.api.Inject(venue.APIFault{Method: "sendMessage", Times: 1, Do: do})
			s.pdus[1].SetFaults(venue.AgentFaults{Mute: true})
			for range 50 {
				s.api.Say(venue.Private(stranger), stranger, "/current")
			}
			s.stillWorks(t, 3100+10*n)
			s.pdus[1].SetFaults(venue.AgentFaults{})
		}
		s.until(t, "/current", ".2 Second_PDU 1500 W")
		s.ask(t, venue.Private(ann), ann, "/reset 2", "Second_PDU (.2) reset")
	}
	if f, k := use(); f > files+6 || k > kB*3/2 {
		t.Errorf("%d open files and %d kB grew to %d and %d", files, kB, f, k)
	}
	idle := s.start(t, "-log", "idle.log") // for comparison
	idle.awaitLog(t, "Telegram answers")
	count := func(p *program) int {
		p.Process.Signal(syscall.SIGQUIT)
		<-p.exited
		return strings.Count(p.log(), "\ngoroutine ")
	}
	if a, b := count(p), count(idle); a > b+8 {
		t.Errorf("%d goroutines, without the stress %d", a, b)
	}
}

// TestStressMany makes 250 PDUs fail and come back.
func TestStressMany(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 250 {
		names = append(names, fmt.Sprintf("Team%03d", i+1))
	}
	s := newSite(t, names...)
	s.start(t, "-interval", "1s")
	s.until(t, "/current", "1500 W")
	for _, p := range s.pdus {
		p.SetFaults(venue.AgentFaults{Mute: true})
	}
	s.await(t, ann.ID, 0, "All PDUs: Out of reach")
	s.logged(t, "Team250(.250): Out of reach")
	s.pdus[199].Spike(3300)
	for _, p := range s.pdus {
		p.SetFaults(venue.AgentFaults{})
	}
	s.await(t, ann.ID, 0, "Team200(.200): Above power limit (3300 W)!")
	s.await(t, ann.ID, 0, "All PDUs: Answer again after ")
	if n := len(s.api.Messages(ann.ID)); n > 4 {
		t.Errorf("%d messages", n)
	}
	s.fine(t)
}

// TestStressAddress changes the bot's own address while it runs, with two
// network namespaces as two machines.
func TestStressAddress(t *testing.T) {
	ip := needs(t, "ip")
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	t.Parallel()
	netns := func(args string) {
		t.Helper()
		if out, err := exec.Command(ip, strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	host, pdus := fmt.Sprintf("iscbot-h%d", os.Getpid()), fmt.Sprintf("iscbot-p%d", os.Getpid())
	for _, ns := range []string{host, pdus} {
		netns("netns add " + ns)
		t.Cleanup(func() { netns("netns del " + ns) })
	}
	netns(fmt.Sprintf("-n %s link add v0 type veth peer name v1 netns %s", host, pdus))
	netns("-n " + host + " addr add 10.77.0.2/24 dev v0")
	netns("-n " + pdus + " addr add 10.77.0.101/24 dev v1")
	netns("-n " + host + " link set v0 up")
	netns("-n " + pdus + " link set v1 up")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	agent := exec.Command(ip, "netns", "exec", pdus, self)
	agent.Env = append(os.Environ(), "ISCBOT_TEST_AGENT=10.77.0.101:1161")
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Process.Kill(); agent.Wait() })
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"ips.csv": "101,First_PDU\n", "accesslist.conf": "7\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(ip, "netns", "exec", host, path, "-net", "10.77.0", "-snmp-port", "1161",
		"-interval", siteInterval, "-api", "http://10.77.0.101:1")
	p := &program{Cmd: cmd, exited: make(chan struct{}), grown: make(chan struct{}, 1)}
	p.Dir, p.Stderr, p.Env = dir, p, append(os.Environ(), "ISCBOT_TOKEN=1:x", "ISCBOT_PASSWORD=x")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.Wait(); close(p.exited) }()
	t.Cleanup(func() { p.Process.Kill(); <-p.exited })
	p.awaitLog(t, "trying again") // there is no Telegram here
	netns("-n " + host + " addr del 10.77.0.2/24 dev v0")
	p.awaitLog(t, "Out of reach")
	netns("-n " + host + " addr add 10.77.0.3/24 dev v0")
	p.awaitLog(t, "Answers again")
}

// serveAgents serves PDUs in a process of their own: one at an address, or a
// given number, whose addresses it prints. With "dead" appended, a tenth of
// them are silent and the rest are slow. It ends with its input.
func serveAgents(what string) {
	var conns []net.PacketConn
	n := 0
	if strings.Contains(what, ".") {
		conn, err := net.ListenPacket("udp4", what)
		if err != nil {
			panic(err)
		}
		conns = append(conns, conn)
	} else {
		fmt.Sscan(what, &n)
		var addrs []string
		for i := range n {
			addrs = append(addrs, fmt.Sprintf("127.0.0.%d", i+1))
		}
		var err error
		if conns, _, err = venue.ListenSNMP(addrs...); err != nil {
			panic(err)
		}
	}
	for i, conn := range conns {
		p := venue.NewPDU(i%254+1, fmt.Sprintf("Team%03d", i+1), 1500)
		if strings.HasSuffix(what, "dead") {
			p.SetFaults(venue.AgentFaults{Mute: i%10 == 9, Delay: 30 * time.Millisecond})
		}
		venue.ServeSNMP(p, "public", conn)
		fmt.Println(conn.LocalAddr())
	}
	if n == 0 {
		select {}
	}
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// TestStressJSON checks that no ID is too large for a 32-bit Pi.
func TestStressJSON(t *testing.T) {
	var u update
	err := json.Unmarshal([]byte(`{"update_id": 9007199254740991, "message": {
		"message_id": 9007199254740991, "date": 4102444800,
		"chat": {"id": -1009007199254740991}, "from": {"id": 9007199254740991}
	}}`), &u)
	if err != nil {
		t.Fatal(err)
	}
	if u.ID != 9007199254740991 || u.Message.Chat.ID != -1009007199254740991 || u.Message.Date != 4102444800 {
		t.Errorf("got %+v, %v", u, err)
	}
}

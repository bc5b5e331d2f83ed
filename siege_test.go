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

// A blow is a row of the siege: what is done to the running program, and held against it. The site has two PDUs; the program
// runs and has answered.
type blow struct {
	name string
	do   func(t *testing.T, s *site, p *program)
}

// well holds that the bot goes on: it answers, and a crossing is told.
func (s *site) well(t *testing.T, watts int) {
	t.Helper()
	s.pdus[0].Draw(watts)
	s.await(t, ann.ID, 0, fmt.Sprintf("First_PDU(.1): Above power limit (%d W)!", watts))
	s.pdus[0].Draw(1500)
	s.until(t, "/current", "1500 W")
}

// both lets the next getUpdates and the next sendMessage fail.
func both(do venue.Manner) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		for _, method := range []string{"getUpdates", "sendMessage"} {
			defer s.api.Misbehave(venue.Fault{Method: method, Times: 1, Do: do})()
		}
		s.api.Say(venue.Private(stranger), stranger, "/help") // ends the poll that hangs
		s.well(t, 3100)
	}
}

// nobody holds that a message of an odd sender resets nothing.
func nobody(change func(m map[string]any)) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		for _, c := range []venue.Chat{venue.Private(ann), venue.Group(groupID), venue.Group(-77), {ID: -1009, Type: "channel"}} {
			for n, text := range []string{"/reset 1", "/reset", "1"} {
				m := map[string]any{"message_id": 100 + n, "date": time.Now().Unix(), "text": text,
					"chat": map[string]any{"id": c.ID, "type": c.Type}, "from": map[string]any{"id": ann.ID, "is_bot": false, "first_name": "Ann"}}
				change(m)
				s.api.Update(map[string]any{"message": m})
			}
		}
		s.well(t, 3100)
		s.unharmed(t, 0, 0)
		for _, m := range s.api.Messages(0) {
			if strings.Contains(m.Text, "Which PDU") {
				t.Errorf("asked: %+v", m)
			}
		}
	}
}

// pressedBy holds that a press of the button of Ann's question by somebody else, or of a forged one, resets nothing.
func pressedBy(c venue.Chat, u venue.User) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		m := s.ask(t, venue.Private(ann), ann, "/reset", "Which PDU")
		s.pressData(t, c, u, m.ID, m.Buttons[0][0].Data)
		s.pressData(t, c, u, 0, m.Buttons[0][0].Data)
		s.well(t, 3100)
		s.unharmed(t, 0, 0)
	}
}

// wrongly lets a PDU's agent have bad manners, and holds that what it says is never taken for a value, and that it recovers.
func wrongly(m venue.Manners, tell string) func(*testing.T, *site, *program) {
	return func(t *testing.T, s *site, p *program) {
		s.pdus[1].Behave(m)
		s.until(t, "/current", tell, "1500 W")
		for _, m := range s.api.Messages(0) {
			if strings.Contains(m.Text, "-1") || strings.Contains(m.Text, "-10") || strings.Contains(m.Text, "9990 W") {
				t.Errorf("a wrong value: %s", m.Text)
			}
		}
		s.pdus[1].Behave(venue.Manners{})
		s.until(t, "/current", ".2 Second_PDU 1500 W")
		s.well(t, 3100)
	}
}

var blows = []blow{
	{"network: a connection is cut", both(venue.Cut)},
	{"network: a connection is reset", both(venue.Reset)},
	{"network: an answer is lost", both(venue.Lose)},
	{"network: an answer is truncated", both(venue.Truncated)},
	{"network: an answer is empty", both(venue.Empty)},
	{"network: 502 with HTML", both(venue.BadGateway)},
	{"network: a captive portal answers 200 with HTML", both(venue.Portal)},
	{"network: a redirect is not followed", both(venue.Redirect("http://127.0.0.1:1/login"))},
	{"network: 429 on polls and messages", both(venue.TooMany(1))},
	{"network: 401", both(venue.Refuse(401, "Unauthorized"))},
	{"network: 404", both(venue.Refuse(404, "Not Found"))},
	{"network: 409, another poller", both(venue.Refuse(409, "Conflict: terminated by other getUpdates request"))},
	{"network: an answer of 4 MiB", both(venue.Huge(4 << 20))},
	{"network: a server that hangs", both(venue.Hang)},
	{"network: 409, a webhook is deleted", func(t *testing.T, s *site, p *program) {
		s.api.SetWebhook("https://example.org/")
		s.api.Say(venue.Private(stranger), stranger, "/help")
		s.well(t, 3100)
	}},
	{"network: the connections die silently while new ones work", func(t *testing.T, s *site, p *program) {
		s.api.Freeze()
		s.pdus[0].Draw(3100)
		s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
		s.pdus[0].Draw(1500)
		s.api.Say(venue.Private(stranger), stranger, "/current")
		deadline := time.Now().Add(40 * time.Second)
		for len(s.api.Messages(stranger.ID)) == 0 && time.Now().Before(deadline) {
			pause(t.Context(), 50*time.Millisecond)
		}
		if len(s.api.Messages(stranger.ID)) == 0 {
			t.Error("no answer in 40 s")
		}
	}},
	{"network: the server refuses connections and comes back", func(t *testing.T, s *site, p *program) {
		s.api.Down()
		s.pdus[0].Draw(3100)
		s.logged(t, "Above power limit (3100 W)!")
		s.api.Up()
		s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
		s.pdus[0].Draw(1500)
		s.await(t, ann.ID, 0, "Back under power limit")
		s.well(t, 3200)
	}},

	{"updates: ids that restart lower", func(t *testing.T, s *site, p *program) {
		s.api.NextID(5)
		s.until(t, "/current", "1500 W")
		s.well(t, 3100)
	}},
	{"updates: some that cannot be decoded", func(t *testing.T, s *site, p *program) {
		for _, odd := range []any{
			map[string]any{"message": map[string]any{"message_id": "x"}}, map[string]any{"message": 7}, map[string]any{"callback_query": []int{1}},
			map[string]any{"message": map[string]any{"chat": map[string]any{"id": 1e300}}}, map[string]any{"poll": map[string]any{}}, map[string]any{},
			map[string]any{"message": map[string]any{"text": "/reset 1", "chat": map[string]any{}}},
			map[string]any{"message": map[string]any{"text": "/current", "chat": map[string]any{"id": 1, "type": "private"}, "entities": []any{map[string]any{"type": "bot_command", "offset": -5, "length": int64(1) << 40}}}},
			map[string]any{"callback_query": map[string]any{"id": "1", "from": nil, "message": nil, "data": strings.Repeat("x", 5000)}},
		} {
			s.api.Update(odd)
		}
		p.awaitLog(t, "cannot be decoded")
		s.well(t, 3100)
	}},
	{"updates: a flood of 1,000 commands of a stranger", func(t *testing.T, s *site, p *program) {
		for range 1000 {
			s.api.Say(venue.Private(stranger), stranger, "/peakdates")
		}
		s.well(t, 3100)
		s.await(t, stranger.ID, 0, "That was a lot at once")
		if n, _ := s.count(stranger.ID, "Peaks at"); n > 20 {
			t.Errorf("%d answers", n)
		}
		if n, _ := s.count(stranger.ID, "a lot at once"); n != 1 {
			t.Errorf("told %d times", n)
		}
	}},
	{"updates: a backlog of hours, the Pi's clock hours wrong", func(t *testing.T, s *site, p *program) {
		s.api.Skew(-7 * time.Hour)
		old := time.Now().Add(-9 * time.Hour)
		for range 50 {
			s.api.SayAt(old, venue.Private(ann), ann, "/reset 1")
			s.api.SayAt(old, venue.Private(ann), ann, "1")
		}
		s.await(t, ann.ID, 0, "more than two minutes old")
		s.well(t, 3100)
		s.unharmed(t, 0, 0)
		s.ask(t, venue.Private(ann), ann, "/reset 2", "Second_PDU (.2) reset")
		s.unharmed(t, 0, 1)
	}},

	{"people: no sender", nobody(func(m map[string]any) { delete(m, "from") })},
	{"people: another bot", nobody(func(m map[string]any) { m["from"] = map[string]any{"id": ann.ID, "is_bot": true} })},
	{"people: an anonymous admin", nobody(func(m map[string]any) {
		m["from"], m["sender_chat"] = map[string]any{"id": 1087968824, "is_bot": true}, map[string]any{"id": groupID, "type": "supergroup"}
	})},
	{"people: in the name of a channel", nobody(func(m map[string]any) { m["sender_chat"] = map[string]any{"id": -1009, "type": "channel"} })},
	{"people: a linked channel", nobody(func(m map[string]any) { m["from"] = map[string]any{"id": 777000, "is_bot": false} })},
	{"people: by way of a bot", nobody(func(m map[string]any) { m["via_bot"] = map[string]any{"id": 9, "is_bot": true} })},
	{"people: forwarded", nobody(func(m map[string]any) { m["forward_origin"] = map[string]any{"type": "hidden_user"} })},
	{"people: a stranger's commands and numbers", func(t *testing.T, s *site, p *program) {
		s.ask(t, venue.Private(ann), ann, "/reset", "Which PDU")
		for _, c := range []venue.Chat{venue.Private(stranger), venue.Group(-77)} {
			s.ask(t, c, stranger, "/reset 1", "Your id is 5000000001")
			s.api.Say(c, stranger, "1")
		}
		s.well(t, 3100)
		s.unharmed(t, 0, 0)
	}},
	{"people: a stranger presses", pressedBy(venue.Private(stranger), stranger)},
	{"people: a stranger presses in a user's chat", pressedBy(venue.Private(ann), stranger)},
	{"people: a member presses what was asked in private", pressedBy(venue.Group(groupID), member)},
	{"people: a user presses in a foreign group", pressedBy(venue.Group(-77), ann)},
	{"people: a bot presses", pressedBy(venue.Private(ann), venue.User{ID: ann.ID, IsBot: true})},
	{"people: markup in names is no markup", func(t *testing.T, s *site, p *program) {
		m := s.ask(t, venue.Private(stranger), venue.User{ID: stranger.ID, Name: "<b>&amp;</b><a href='x'>\x1b[31m\u202e"}, "/reset 1", "<b>&amp;</b><a href='x'>")
		if strings.ContainsAny(p.log(), "\x1b\u202e") || strings.Contains(m.HTML, "<a ") {
			t.Errorf("unescaped: %q", m.HTML)
		}
	}},

	{"PDUs: one is silent", wrongly(venue.Manners{Mute: true}, "no answer")},
	{"PDUs: every second answer is lost", wrongly(venue.Manners{Lose: 2}, ".2 Second_PDU 1500 W")},
	{"PDUs: a slow one", wrongly(venue.Manners{Delay: 60 * time.Millisecond}, ".2 Second_PDU 1500 W")},
	{"PDUs: answers too late", wrongly(venue.Manners{Delay: 400 * time.Millisecond}, "no answer")},
	{"PDUs: no power meter", wrongly(venue.Manners{Twist: venue.NoMeter}, "no power meter")},
	{"PDUs: garbage ahead of each answer", wrongly(venue.Manners{First: func(_, _ []byte) []byte { return []byte("garbage") }}, ".2 Second_PDU 1500 W")},
	{"PDUs: the request comes back ahead of each answer", wrongly(venue.Manners{First: func(r, _ []byte) []byte { return r }}, ".2 Second_PDU 1500 W")},
	{"PDUs: a card restarts", func(t *testing.T, s *site, p *program) {
		s.pdus[1].Restart()
		s.await(t, ann.ID, 0, "Second_PDU(.2): The PDU's card was restarted")
	}},
	{"PDUs: a reset while the card hangs delays nothing", func(t *testing.T, s *site, p *program) {
		s.webs[1].Behave(venue.WebManners{At: "config", Hang: true})
		s.ask(t, venue.Private(ann), ann, "/reset 2", "looking for the page")
		s.well(t, 3100)
		s.ask(t, venue.Private(ann), ann, "/reset 2", "is already being reset")
		s.await(t, ann.ID, 0, "was not reset", "looking for the peak's reset: no answer")
		s.unharmed(t, 0, 0)
	}},
}

func init() {
	for name, twist := range venue.Twists {
		blows = append(blows, blow{"PDUs: answers with " + name, wrongly(venue.Manners{Twist: twist}, "answer\n")})
	}
}

func TestSiege(t *testing.T) {
	t.Parallel()
	for _, b := range blows {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "First_PDU", "Second_PDU")
			p := s.start(t)
			p.awaitLog(t, "Telegram answers")
			b.do(t, s, p)
			if code := p.end(t, syscall.SIGTERM); code != 0 {
				t.Errorf("exit code %d", code)
			}
			s.fine(t)
		})
	}
}

// TestSiegeTable holds that docs/siege.md has the names of the siege's rows; with ISCBOT_UPDATE set it writes them there.
func TestSiegeTable(t *testing.T) {
	var names []string
	for _, b := range blows {
		names = append(names, b.name)
	}
	slices.Sort(names)
	text := "# What the siege tests\n\nEach row is a test of the running program: `go test -run 'TestSiege/NAME'`. Made by `ISCBOT_UPDATE=1 go test -run TestSiegeTable`.\n\n| of | what is done |\n|---|---|\n"
	for _, n := range names {
		of, what, _ := strings.Cut(n, ": ")
		text += fmt.Sprintf("| %s | %s |\n", of, what)
	}
	const path = "docs/siege.md"
	if os.Getenv("ISCBOT_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != text {
		t.Errorf("%s is not of today (%v): ISCBOT_UPDATE=1 go test -run TestSiegeTable", path, err)
	}
}

// TestSiegeResources holds that after a long siege of one program its goroutines, files and memory are what they were.
func TestSiegeResources(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	s := newSite(t, "First_PDU", "Second_PDU")
	p := s.start(t)
	s.well(t, 3100)
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
	var files, kB int // after the first round, in which buffers and connections come to their usual number
	for n := range 3 {
		if n == 1 {
			files, kB = use()
		}
		for _, do := range []venue.Manner{venue.Cut, venue.Reset, venue.Lose, venue.Portal} {
			s.api.Misbehave(venue.Fault{Method: "sendMessage", Times: 1, Do: do})
			s.pdus[1].Behave(venue.Manners{Mute: true})
			for range 50 {
				s.api.Say(venue.Private(stranger), stranger, "/current")
			}
			s.well(t, 3100+10*n)
			s.pdus[1].Behave(venue.Manners{})
		}
		s.until(t, "/current", ".2 Second_PDU 1500 W")
		s.ask(t, venue.Private(ann), ann, "/reset 2", "Second_PDU (.2) reset")
	}
	if f, k := use(); f > files+6 || k > kB*3/2 {
		t.Errorf("%d open files and %d kB grew to %d and %d", files, kB, f, k)
	}
	idle := s.start(t) // what a program has that was not besieged
	idle.awaitLog(t, "Telegram answers")
	count := func(p *program) int {
		p.Process.Signal(syscall.SIGQUIT)
		<-p.exited
		return strings.Count(p.log(), "\ngoroutine ")
	}
	if a, b := count(p), count(idle); a > b+8 {
		t.Errorf("%d goroutines, without the siege %d", a, b)
	}
}

// TestSiegeMany lets 250 PDUs die and come back.
func TestSiegeMany(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 250 {
		names = append(names, fmt.Sprintf("Team%03d", i+1))
	}
	s := newSite(t, names...)
	s.start(t, "-interval", "1s")
	s.until(t, "/current", "1500 W")
	for _, p := range s.pdus {
		p.Behave(venue.Manners{Mute: true})
	}
	s.await(t, ann.ID, 0, "All PDUs: Out of reach")
	s.logged(t, "Team250(.250): Out of reach")
	s.pdus[199].Spike(3300)
	for _, p := range s.pdus {
		p.Behave(venue.Manners{})
	}
	s.await(t, ann.ID, 0, "Team200(.200): Above power limit (3300 W)!")
	s.await(t, ann.ID, 0, "All PDUs: Answer again after ")
	if n := len(s.api.Messages(ann.ID)); n > 4 {
		t.Errorf("%d messages", n)
	}
	s.fine(t)
}

// TestSiegeAddress lets the bot's own address change while it runs, in two network namespaces that stand for two machines.
func TestSiegeAddress(t *testing.T) {
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
	p := &program{Cmd: exec.Command(ip, "netns", "exec", host, path, "-net", "10.77.0", "-snmp-port", "1161", "-interval", "200ms",
		"-api", "http://10.77.0.101:1"), exited: make(chan struct{}), grown: make(chan struct{}, 1)}
	p.Dir, p.Stderr, p.Env = dir, p, append(os.Environ(), "ISCBOT_TOKEN=1:x", "ISCBOT_PASSWORD=x")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.Wait(); close(p.exited) }()
	t.Cleanup(func() { p.Process.Kill(); <-p.exited })
	p.awaitLog(t, "trying again") // Telegram is not there, nor need it be
	netns("-n " + host + " addr del 10.77.0.2/24 dev v0")
	p.awaitLog(t, "Out of reach")
	netns("-n " + host + " addr add 10.77.0.3/24 dev v0")
	p.awaitLog(t, "Answers again")
}

// serveAgents is PDUs in a process of their own, at an address or, for a number, at so many: then it prints the addresses, a
// port for all where the machine has 127.0.0.0/8. A tenth of them is dead after "dead", and the rest slow. It ends with its input.
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
			p.Behave(venue.Manners{Mute: i%10 == 9, Delay: 30 * time.Millisecond})
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

// TestSiegeJSON holds that no id is too large for a 32-bit Pi.
func TestSiegeJSON(t *testing.T) {
	var u update
	err := json.Unmarshal([]byte(`{"update_id":9007199254740991,"message":{"message_id":9007199254740991,"date":4102444800,"chat":{"id":-1009007199254740991},"from":{"id":9007199254740991}}}`), &u)
	if err != nil || u.ID != 9007199254740991 || u.Message.Chat.ID != -1009007199254740991 || u.Message.Date != 4102444800 {
		t.Errorf("got %+v, %v", u, err)
	}
}

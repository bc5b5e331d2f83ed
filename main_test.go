package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

const (
	testToken    = "123456:TEST-token_x"
	testPassword = "s3cret pass"
	groupID      = int64(-1001234567890)
)

var (
	ann      = venue.User{ID: 424242424, Name: "Ann"}
	stranger = venue.User{ID: 5000000001, Name: "Bob <b>"}
	member   = venue.User{ID: 7, Name: "Carol"}
)

// build builds the program once. If all programs must be there, it uses the
// race detector.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "iscbot")
	if err != nil {
		return "", err
	}
	buildDir = dir
	path := filepath.Join(dir, "iscbot")
	args := []string{"build", "-o", path}
	if os.Getenv("ISCBOT_TEST_ALL") != "" {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// buildDir is where build puts the program; "" if it was not called.
var buildDir string

func TestMain(m *testing.M) {
	if what := os.Getenv("ISCBOT_TEST_AGENT"); what != "" {
		serveAgents(what)
	}
	flag.Parse()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // a passing run prints nothing
	if flag.Lookup("test.fuzz").Value.String() == "" {
		flag.Set("test.parallel", "48") // the tests mostly wait
	}
	code := m.Run()
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// A site is a venue with simulated PDUs, numbered from 1, and a simulated Bot
// API.
type site struct {
	api  *venue.API
	pdus []*venue.PDU
	webs []*venue.Web // of each PDU's card
	port int          // of the PDUs' SNMP agents
	web  int          // of their web interfaces
	dir  string

	logPath string // of exceedings.log; "" for the default
}

// siteInterval is the -interval of the tests. It leaves time for two attempts
// of 200 ms each, which is enough even on a busy machine.
const siteInterval = "500ms"

// newSite sets up a site with a PDU for each name. The access list has the
// group and Ann.
func newSite(t testing.TB, names ...string) *site {
	t.Helper()
	var cards [][]string
	for _, name := range names {
		cards = append(cards, []string{name})
	}
	return newChainedSite(t, cards...)
}

// newChainedSite is newSite for cards with several units, each unit given by
// its name.
func newChainedSite(t testing.TB, cards ...[]string) *site {
	t.Helper()
	if runtime.GOOS != "linux" && len(cards) > 1 {
		t.Skip("several PDUs with addresses of their own need the whole of 127.0.0.0/8, which only Linux has")
	}
	var addrs []string
	for i := range cards {
		addrs = append(addrs, fmt.Sprintf("127.0.0.%d", i+1))
	}
	conns, port, err := venue.ListenSNMP(addrs...)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{api: venue.NewAPI(testToken, "isc_bot"), port: port, dir: t.TempDir()}
	t.Cleanup(s.api.Close)
	listeners := listenAll(t, addrs)

	list := ""
	for i, names := range cards {
		var units []*venue.PDU
		for n, name := range names {
			units = append(units, venue.NewPDU(i+1, name, 1500))
			list += pdu{num: i + 1, unit: n + 1}.number() + "," + name + "\n"
		}
		units[0].Chain(units[1:]...)
		t.Cleanup(venue.ServeSNMP(units[0], "public", conns[i]).Close)
		w := venue.ServeWeb(units[0], venue.Generations[i%len(venue.Generations)], listeners[i])
		w.Credentials("apc", testPassword)
		t.Cleanup(w.Close)
		s.pdus = append(s.pdus, units...)
		s.webs = append(s.webs, slices.Repeat([]*venue.Web{w}, len(units))...)
		s.web = listeners[i].Addr().(*net.TCPAddr).Port
	}
	s.write(t, "ips.csv", list)
	s.write(t, "accesslist.conf", fmt.Sprintf("%d\n%d\n", groupID, ann.ID))
	s.api.Know(venue.Private(ann))
	s.api.Know(venue.Group(groupID))
	return s
}

// listenAll listens on the same TCP port at each address.
func listenAll(t testing.TB, addrs []string) (all []net.Listener) {
	t.Helper()
	for range 20 {
		port := 0
		for _, a := range addrs {
			l, err := net.Listen("tcp4", fmt.Sprintf("%s:%d", a, port))
			if err != nil {
				break
			}
			all, port = append(all, l), l.Addr().(*net.TCPAddr).Port
		}
		if len(all) == len(addrs) {
			return all
		}
		for _, l := range all {
			l.Close()
		}
		all = nil
	}
	t.Fatal("no port is free at all addresses")
	return nil
}

func (s *site) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A program is the built binary as a running process.
type program struct {
	*exec.Cmd
	mu     sync.Mutex // guards stderr
	stderr bytes.Buffer
	grown  chan struct{} // receives a value after stderr has grown
	stdout bytes.Buffer
	exited chan struct{}
}

// Write implements io.Writer for the standard error of the program.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.grown <- struct{}{}:
	default:
	}
	return p.stderr.Write(b)
}

// log returns what the program has written to its standard error.
func (p *program) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// awaitLog waits until the program has written a text to its standard error.
func (p *program) awaitLog(t testing.TB, text string) {
	t.Helper()
	late := time.After(testWait)
	for !strings.Contains(p.log(), text) {
		select {
		case <-p.grown:
		case <-late:
			t.Fatalf("%q was not logged:\n%s", text, p.log())
		}
	}
}

// start starts the program in the site's directory. At the end of the test it
// kills the program and checks that no secret was printed.
func (s *site) start(t testing.TB, args ...string) *program {
	t.Helper()
	return s.startWith(t, []string{"ISCBOT_TOKEN=" + testToken, "ISCBOT_PASSWORD=" + testPassword}, args...)
}

func (s *site) startWith(t testing.TB, env []string, args ...string) *program {
	t.Helper()
	p := &program{Cmd: s.command(t, env, args...), exited: make(chan struct{}), grown: make(chan struct{}, 1)}
	p.Stdout, p.Stderr = &p.stdout, p
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.exited
		if out := p.log() + p.stdout.String(); strings.Contains(out, testToken) || strings.Contains(out, testPassword) {
			t.Error("a secret was printed")
		}
		if strings.Contains(p.log(), "DATA RACE") || t.Failed() {
			t.Errorf("standard error:\n%s", p.log())
		}
	})
	return p
}

// end sends a signal and waits for the program to end, which must happen soon.
func (p *program) end(t testing.TB, sig syscall.Signal) (code int) {
	t.Helper()
	p.Process.Signal(sig)
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		t.Fatalf("still running 10 s after %v", sig)
	}
	return p.ProcessState.ExitCode()
}

// testWait is how long a test waits for something, even on a busy machine.
const testWait = 90 * time.Second

// limit returns a context that ends after testWait.
func limit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	t.Cleanup(cancel)
	return ctx
}

// await waits for a message to a chat that is newer than after and has all the
// words.
func (s *site) await(t testing.TB, chat int64, after int64, words ...string) venue.Message {
	t.Helper()
	m, err := s.api.Await(limit(t), func(m venue.Message) bool {
		for _, w := range words {
			if !strings.Contains(m.Text, w) {
				return false
			}
		}
		return m.Chat == chat && m.ID > after
	})
	if err != nil {
		t.Fatalf("no message with %q: %v", words, err)
	}
	return m
}

// ask sends a text to the bot and waits for an answer with all the words.
func (s *site) ask(t testing.TB, c venue.Chat, u venue.User, text string, words ...string) venue.Message {
	t.Helper()
	last := s.last(c)
	s.api.Say(c, u, text)
	return s.await(t, c.ID, last, words...)
}

// last returns the ID of the bot's last message to a chat.
func (s *site) last(c venue.Chat) (id int64) {
	for _, m := range s.api.Messages(c.ID) {
		id = max(id, m.ID)
	}
	return id
}

// fine fails the test if the bot did something that Telegram does not like, or
// sent a secret.
func (s *site) fine(t testing.TB) {
	t.Helper()
	if c := s.api.Complaints(); c != nil {
		t.Errorf("Telegram complains: %q", c)
	}
	for _, m := range s.api.Messages(0) {
		if strings.Contains(m.HTML, testToken) || strings.Contains(m.HTML, testPassword) {
			t.Errorf("a secret was sent: %s", m.HTML)
		}
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU", "Second & <PDU>")
	s.pdus[1].Draw(3120)
	s.pdus[1].Draw(2410)
	p := s.start(t, "-interval", "2s") // a list without values would pass as well
	private, group, foreign := venue.Private(ann), venue.Group(groupID), venue.Group(-77)

	s.ask(t, private, ann, "/start", "/current", "/peaks", "/reset")
	m := s.ask(t, private, ann, "/current", ".1 First_PDU", "1500 W", ".2 Second & <PDU>", "2410 W", "limit 3000 W")
	if !m.Pre || strings.Contains(m.Text, "!") {
		t.Errorf("got %+v", m)
	}
	m = s.ask(t, group, member, "/PEAKS@ISC_bot now", "1500 W", "3120 W !")
	if m.ReplyTo == 0 {
		t.Errorf("no reply: %+v", m)
	}
	s.ask(t, venue.Private(stranger), stranger, "/peakdates", "3120 W", time.Now().Format("2006-01-02 "))

	// Messages meant for somebody else are ignored: the first answer must be to
	// the last message.
	before := len(s.api.Messages(foreign.ID))
	s.api.Say(foreign, stranger, "/current@other_bot")
	s.api.Say(foreign, stranger, "/unknown")
	s.api.Say(foreign, stranger, "hello")
	s.ask(t, foreign, stranger, "/current@isc_bot", "Power at")
	if n := len(s.api.Messages(foreign.ID)) - before; n != 1 {
		t.Errorf("%d answers in a group", n)
	}
	s.ask(t, private, ann, "/unknown", "do not know", "/help")

	s.ask(t, venue.Private(stranger), stranger, "/reset", "Bob <b>", "5000000001")
	p.awaitLog(t, "5000000001")

	s.pdus[0].SetFaults(venue.AgentFaults{Mute: true})
	p.awaitLog(t, "Out of reach")
	m = s.ask(t, private, ann, "/current", "no answer", "since", "2410 W")
	if strings.Contains(m.Text, "1500") || strings.Contains(m.Text, "-1") {
		t.Errorf("got an old value: %s", m.Text)
	}
	s.pdus[0].SetFaults(venue.AgentFaults{Falsify: venue.NoMeter})
	p.awaitLog(t, "no power meter")
	s.ask(t, private, ann, "/current", "no power meter", "2410 W")

	s.ask(t, private, ann, "/peaks", "Peaks at")
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if err := s.api.AwaitConfirmed(limit(t)); err != nil {
		t.Errorf("the last update was not confirmed: %v", err)
	}
	if n := len(s.api.Calls("setMyCommands")); n != 3 {
		t.Errorf("%d command menus", n)
	}
	s.fine(t)
}

func TestProgramMistakes(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.write(t, "ips.csv", "1,A\n1,B\n")
	s.write(t, "accesslist.conf", "0\n")
	p := s.start(t, "-limit", "much")
	<-p.exited
	if code := p.ProcessState.ExitCode(); code != exitConfig {
		t.Errorf("exit code %d", code)
	}
	wants(t, p.log(), "ips.csv:2: ", "accesslist.conf:1: ", `invalid value "much" for flag -limit`)
	if n := len(s.api.Calls("")); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// TestProgramAlone starts without access to Telegram, and answers once it is
// back.
func TestProgramAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.api.Down()
	p := s.start(t)
	p.awaitLog(t, "trying again")
	private := venue.Private(ann)
	s.api.Say(private, ann, "/current")
	s.api.Up()
	s.await(t, private.ID, 0, "1500 W")
	if code := p.end(t, syscall.SIGINT); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestProgramReload(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	p := s.start(t)
	c := venue.Private(stranger)
	s.ask(t, c, stranger, "/reset", "Your ID is 5000000001")
	s.write(t, "accesslist.conf", "what?\n")
	p.Process.Signal(syscall.SIGHUP)
	p.awaitLog(t, "the access list is unchanged")
	s.ask(t, c, stranger, "/reset", "Your ID is 5000000001")
	s.write(t, "accesslist.conf", fmt.Sprintln(stranger.ID))
	p.Process.Signal(syscall.SIGHUP)
	p.awaitLog(t, "access list reloaded")
	s.ask(t, c, stranger, "/help", "/reset")
}

// TestProgramTwice starts a second program while the first runs, and another one
// while it ends.
func TestProgramTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	first := s.start(t)
	first.awaitLog(t, "Telegram answers")
	if runtime.GOOS == "linux" {
		second := s.start(t)
		if code := second.await(t); code != exitFailed {
			t.Errorf("exit code %d", code)
		}
		wants(t, second.log(), `-log: "exceedings.log": it is in use by another iscbot`)
	}

	first.Process.Signal(syscall.SIGTERM)
	third := s.start(t)
	third.awaitLog(t, "Telegram answers")
	s.fine(t)
}

// TestRehearsalReload runs the demo with a real token: it rereads the access list at
// a SIGHUP as the bot does.
func TestRehearsalReload(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	s.write(t, "accesslist.conf", "")
	p := s.start(t, "-demo")
	c := venue.Private(ann)
	s.ask(t, c, ann, "/reset", fmt.Sprint("Your ID is ", ann.ID))
	s.write(t, "accesslist.conf", fmt.Sprintln(ann.ID))
	p.Process.Signal(syscall.SIGHUP)
	p.awaitLog(t, "access list reloaded")
	s.ask(t, c, ann, "/reset", "Which PDU")
}

// demonstration runs the demo with an input and returns its output.
func demonstration(t *testing.T, input string) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(limit(t), path, "-demo")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "ISCBOT_TOKEN=", "ISCBOT_PASSWORD=", "TMPDIR="+t.TempDir())
	cmd.Stdin = strings.NewReader(input)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &errs)
	}
	if left, _ := os.ReadDir(cmd.Dir); len(left) != 0 {
		t.Errorf("the demo left %v behind", left)
	}
	return string(out)
}

func TestDemo(t *testing.T) {
	t.Parallel()
	out := demonstration(t, "/current\n/peaks\n")
	wants(t, out, "> /current", "> /peaks", "Power at", "Peaks at", ".101 Aachen", ".106 Fukuoka")
	if strings.Contains(out, "no answer") {
		t.Errorf("a PDU had not been read:\n%s", out)
	}
}

// TestDemoPicture checks that a picture is shown in blocks, and that its file
// is still there after the demo.
func TestDemoPicture(t *testing.T) {
	t.Parallel()
	out := demonstration(t, "/graph 101 30s\n")
	_, shown, _ := strings.Cut(out, "[picture, 888 x 608, ")
	_, name, _ := strings.Cut(shown, " kB: ")
	name, shown, _ = strings.Cut(name, "]\n")
	line, _, _ := strings.Cut(shown, "\n")
	if !strings.ContainsAny(line, "▃▄▅▆▇█") || strings.Trim(line, " ▁▂▃▄▅▆▇█") != "" {
		t.Errorf("no blocks in %q:\n%s", line, out)
	}
	if data, err := os.ReadFile(name); err != nil || !bytes.HasPrefix(data, []byte("\x89PNG")) {
		t.Errorf("%q holds %d bytes, %v", name, len(data), err)
	}
	wants(t, out, "  Aachen\n  Highest ")
}

// TestDemoAlert checks that the demo shows an alert even if nothing is typed.
func TestDemoAlert(t *testing.T) {
	t.Parallel()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(limit(t), path, "-demo")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "ISCBOT_TOKEN=", "ISCBOT_PASSWORD=")
	shown, logged := new(screen), new(screen)
	cmd.Stdout, cmd.Stderr = shown, logged
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	shown.await(t, "Aachen(.101): Above power limit (")
	shown.await(t, "Aachen(.101): Back under power limit after ")
	stdin.Close()
	if err := cmd.Wait(); err != nil || strings.Contains(logged.String(), "chat not found") {
		t.Errorf("%v\n%s", err, logged)
	}
}

// TestDemoTwice checks that two demos can run at the same time.
func TestDemoTwice(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { wants(t, demonstration(t, "/current\n"), "Power at") })
	}
	wg.Wait()
}

// freeAddr returns a loopback address that nobody listens on.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

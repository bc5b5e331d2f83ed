package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// A trial is the running program with simulated PDUs and a simulated Bot API,
// which run in the process of the test.
type trial struct {
	*testing.T
	api   *venue.API
	pdus  []*venue.PDU
	cmd   *exec.Cmd
	first time.Duration // until the first /current was answered

	crossings int // of the first PDU
}

// startTrial starts the program with n PDUs that draw watts.
func startTrial(t *testing.T, command []string, n, watts int, args ...string) *trial {
	t.Helper()
	tr := &trial{T: t, api: venue.NewAPI(testToken, "isc_bot")}
	t.Cleanup(tr.api.Close)
	tr.api.Know(venue.Private(ann))

	var addrs []string
	list := ""
	for i := range n {
		addrs = append(addrs, fmt.Sprintf("127.0.0.%d", i+1))
		list += fmt.Sprintf("%d,Team%03d\n", i+1, i+1)
	}
	conns, port, err := venue.ListenSNMP(addrs...)
	if err != nil {
		t.Skip(err)
	}
	for i, conn := range conns {
		p := venue.NewPDU(i+1, fmt.Sprintf("Team%03d", i+1), watts)
		t.Cleanup(venue.ServeSNMP(p, "public", conn).Close)
		tr.pdus = append(tr.pdus, p)
	}

	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ips.csv", list)
	write("accesslist.conf", fmt.Sprintln(ann.ID))

	args = slices.Concat(command[1:],
		[]string{"-net", "127.0.0", "-snmp-port", fmt.Sprint(port), "-api", tr.api.URL()}, args)
	tr.cmd = exec.Command(command[0], args...)
	tr.cmd.Dir = dir
	tr.cmd.Env = append(os.Environ(), "ISCBOT_TOKEN="+testToken, "ISCBOT_PASSWORD=x")
	tr.api.Say(venue.Private(ann), ann, "/current")
	start := time.Now()
	if err := tr.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tr.cmd.Process.Signal(syscall.SIGTERM)
		tr.cmd.Wait()
	})
	tr.await("Power at")
	tr.first = time.Since(start)
	return tr
}

// await waits for a message with a text.
func (tr *trial) await(text string) {
	tr.Helper()
	hasText := func(m venue.Message) bool { return strings.Contains(m.Text, text) }
	if _, err := tr.api.Await(tr.Context(), hasText); err != nil {
		tr.Fatalf("waiting for %q: %v", text, err)
	}
}

// stat returns a number from a file about the program in /proc.
func (tr *trial) stat(file, re string) (n int) {
	tr.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", tr.cmd.Process.Pid, file))
	if err != nil {
		tr.Fatal(err)
	}
	fmt.Sscan(regexp.MustCompile(re).FindStringSubmatch(string(text))[1], &n)
	return n
}

// resident returns the resident memory in MB.
func (tr *trial) resident() float64 { return float64(tr.stat("status", `VmRSS:\s+(\d+)`)) / 1000 }

// used returns the CPU time that the program's threads have used. The times in
// /proc/PID/stat would be wrong: they are sampled at clock ticks, which are
// also when the program wakes up.
func (tr *trial) used() (sum time.Duration) {
	tr.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", tr.cmd.Process.Pid))
	if err != nil || files == nil {
		tr.Fatalf("cannot read the CPU time: %v", err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // empty if the thread has ended
		var ns time.Duration
		fmt.Sscan(string(text), (*int64)(&ns))
		sum += ns
	}
	return sum
}

// TestFootprint measures the running program; bench/footprint runs it.
func TestFootprint(t *testing.T) {
	dir := os.Getenv("ISCBOT_FOOTPRINT") // with the builds
	if dir == "" {
		t.Skip("bench/footprint measures this")
	}
	amd64 := []string{filepath.Join(dir, "iscbot-amd64")}
	tests := []struct {
		name     string
		command  []string
		n, watts int
		window   time.Duration
		args     []string
	}{
		{"12 PDUs", amd64, 12, 1500, 20 * time.Second, nil},
		{"250 PDUs", amd64, 250, 1500, 20 * time.Second, nil},
		{"250 PDUs near the limit", amd64, 250, 2850, 20 * time.Second, nil},
		{"12 PDUs after an hour's 1800 polls", amd64, 12, 1500, 36 * time.Second, []string{"-interval", "20ms"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := startTrial(t, tt.command, tt.n, tt.watts, tt.args...)
			time.Sleep(5 * time.Second) // until the start is over
			fresh, before := tr.resident(), tr.used()
			time.Sleep(tt.window)
			share := 100 * float64(tr.used()-before) / float64(tt.window)
			t.Logf("| the program with %s | %.2f %% of a core, %.1f MB resident | %.1f MB after the start, "+
				"first /current after %d ms |", tt.name, share, tr.resident(), fresh, tr.first.Milliseconds())
		})
	}
}

// TestLoad measures alerts, polls and memory under load, twice: 250 PDUs that all
// change, 20 live lists, ten pictures a second for a minute and a thousand
// commands at once. bench/footprint runs it.
func TestLoad(t *testing.T) {
	dir := os.Getenv("ISCBOT_FOOTPRINT") // with the builds
	if dir == "" {
		t.Skip("bench/footprint measures this")
	}
	tr := startTrial(t, []string{filepath.Join(dir, "iscbot-amd64")}, 250, 1500)
	people := tr.introduce(20)
	time.Sleep(5 * time.Second)
	before := tr.highest(time.Now().Add(time.Minute))

	first := tr.load(people)
	again := tr.load(people)
	latencies := slices.Concat(first.latencies, again.latencies)
	slices.Sort(latencies)
	t.Logf("| alerts under load, from 95 %% to above the limit | %d ms in the median, %d ms at worst | %d alerts |",
		latencies[len(latencies)/2].Milliseconds(), latencies[len(latencies)-1].Milliseconds(), len(latencies))
	t.Logf("| polls under load, of the PDU with the fewest | %d a minute | the interval allows 30 |",
		min(first.fewestPolls, again.fewestPolls))
	t.Logf("| resident memory under load | at most %.1f MB | %.1f MB before, %.1f MB three minutes later, "+
		"%.1f MB after the same load again |", max(first.highest, again.highest), before, first.after, again.after)
}

// A loadResult is what was measured under load.
type loadResult struct {
	latencies   []time.Duration // from crossings to alerts
	fewestPolls int             // of a PDU in the minute
	highest     float64         // resident memory in MB
	after       float64         // resident memory in the third minute afterwards, in MB
}

// load puts the program under load for a minute.
func (tr *trial) load(people []venue.User) (r loadResult) {
	asked := make([]int, len(tr.pdus))
	for i, p := range tr.pdus {
		asked[i] = p.Asked()
	}

	end := time.Now().Add(time.Minute)
	go tr.vary(end)
	for _, u := range people {
		tr.api.Say(venue.Private(u), u, "/live")
	}
	go tr.say(end, 100*time.Millisecond, people, "/graph")
	measured := make(chan bool)
	go func() {
		r.highest = tr.highest(end)
		r.fewestPolls = tr.pdus[0].Asked() - asked[0]
		for i, p := range tr.pdus {
			r.fewestPolls = min(r.fewestPolls, p.Asked()-asked[i])
		}
		close(measured)
	}()
	for i := range 1000 {
		u := people[i%len(people)]
		tr.api.Say(venue.Private(u), u, []string{"/current", "/peaks", "/exceedings", "/peakdates"}[i/len(people)%4])
	}
	r.latencies = tr.cross(end)

	<-measured
	tr.stopLists(people)
	time.Sleep(2 * time.Minute) // the program returns unused memory every minute
	r.after = tr.highest(time.Now().Add(time.Minute))
	return r
}

// introduce returns n people with private chats.
func (tr *trial) introduce(n int) (people []venue.User) {
	for i := range n {
		u := venue.User{ID: int64(1000 + i), Name: fmt.Sprint("Person ", i)}
		tr.api.Know(venue.Private(u))
		people = append(people, u)
	}
	return people
}

// vary changes the power of all PDUs but the first until end.
func (tr *trial) vary(end time.Time) {
	for time.Now().Before(end) {
		for _, p := range tr.pdus[1:] {
			p.Draw(1500 + 10*rand.IntN(100))
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// say sends a text from people in turn until end.
func (tr *trial) say(end time.Time, step time.Duration, people []venue.User, text string) {
	for i := 0; time.Now().Before(end); i++ {
		u := people[i%len(people)]
		tr.api.Say(venue.Private(u), u, text)
		time.Sleep(step)
	}
}

// highest returns the highest resident memory until end, in MB.
func (tr *trial) highest(end time.Time) (mb float64) {
	for time.Now().Before(end) {
		mb = max(mb, tr.resident())
		time.Sleep(50 * time.Millisecond)
	}
	return mb
}

// cross makes the first PDU cross the limit, from 95 % of it, again and again
// until end, and returns how long the alerts took.
func (tr *trial) cross(end time.Time) (latencies []time.Duration) {
	p := tr.pdus[0]
	p.Draw(2850)
	time.Sleep(3 * time.Second)
	for time.Now().Before(end) {
		time.Sleep(rand.N(2 * time.Second))
		tr.crossings++
		watts := 3000 + 10*tr.crossings // different each time
		start := time.Now()
		p.Draw(watts)
		tr.await(fmt.Sprintf("Team001(.1): Above power limit (%d W)!", watts))
		latencies = append(latencies, time.Since(start))
		p.Draw(2850)
		time.Sleep(time.Second)
	}
	p.Draw(1500)
	return latencies
}

// stopLists stops the live lists of people.
func (tr *trial) stopLists(people []venue.User) {
	for _, u := range people {
		for _, m := range tr.api.Messages(u.ID) {
			if len(m.Buttons) > 0 && m.Buttons[0][0].Data == "stop" {
				tr.api.Press(venue.Private(u), u, m.ID, "stop")
			}
		}
	}
}

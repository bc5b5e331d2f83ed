package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"iscbot/internal/venue"
)

// agents starts PDUs in a process of their own, so that what they cost is not
// counted. what is how many, and "dead" where a tenth of them are.
func agents(t testing.TB, what string) (list []pdu) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "ISCBOT_TEST_AGENT="+what)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})

	n := 0
	fmt.Sscan(what, &n)
	for lines := bufio.NewScanner(out); len(list) < n && lines.Scan(); {
		name := fmt.Sprintf("Team%03d", len(list)+1)
		list = append(list, pdu{num: len(list)%254 + 1, unit: 1, name: name, team: name, snmp: lines.Text()})
	}
	if len(list) < n {
		t.Skip("so many addresses are only on Linux")
	}
	return list
}

// cpu returns the CPU time that f takes, of this process or of those that it
// ran.
func cpu(who int, f func()) time.Duration {
	used := func() time.Duration {
		var r syscall.Rusage
		syscall.Getrusage(who, &r)
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	start := used()
	f()
	return used() - start
}

// useProcessors makes Go code run on as few processors as in the program, until restore
// is called. Call it in each subbenchmark: package testing sets the number for each.
func useProcessors() (restore func()) {
	before := runtime.GOMAXPROCS(processors)
	return func() { runtime.GOMAXPROCS(before) }
}

// repeat calls f n times.
func repeat(n int, f func()) {
	for range n {
		f()
	}
}

// snmpget runs Net-SNMP's command on a PDU, as the predecessor of the bot did
// for each.
func snmpget(b *testing.B, program string, p pdu) {
	args := append([]string{"-v2c", "-cpublic", "-t0.8", "-r1", p.snmp}, askEverything.objects(p.unit, true)...)
	exec.CommandContext(b.Context(), program, args...).Run()
}

// benchSession starts a session with a PDU.
func benchSession(b *testing.B, p pdu) *session {
	s := newSession(p.snmp, []int{p.unit}, snmpConfig{community: "public", interval: 2 * time.Second})
	b.Cleanup(s.close)
	return s
}

// bareExchange returns a function that makes the same exchange as a poll over a
// plain UDP socket.
func bareExchange(b *testing.B, p pdu) func() {
	conn, err := net.Dial("udp", p.snmp)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	get := newGet("public", askEverything.objects(p.unit, true))
	request, err := get.datagram(gosnmp.Version2c, firstRequestID)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 2048)
	return func() {
		conn.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write(request); err != nil {
			b.Error(err)
		} else if _, err := conn.Read(buf); err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkPoll compares the CPU time of a poll with that of the same exchange
// over a plain UDP socket, and with a process of snmpget, side by side. What
// gosnmp takes to decode the answer is part of the poll.
func BenchmarkPoll(b *testing.B) {
	p := agents(b, "1")[0]
	s := benchSession(b, p)
	bare := bareExchange(b, p)
	poll := func() {
		if _, err := s.read(b.Context(), p.unit); err != nil {
			b.Fatal(err)
		}
	}
	_, answer := requestAndAnswer(b)
	decode := func() {
		if _, err := s.plain.decodePacket(answer); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("session", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			poll()
		}
	})
	b.Run("decoder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			decode()
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bare()
		}
	})
	b.Run("ratio", func(b *testing.B) {
		defer useProcessors()()
		const n = 200
		var ours, decoder, least time.Duration
		for b.Loop() {
			ours += cpu(syscall.RUSAGE_SELF, func() { repeat(n, poll) })
			decoder += cpu(syscall.RUSAGE_SELF, func() { repeat(n, decode) })
			least += cpu(syscall.RUSAGE_SELF, func() { repeat(n, bare) })
		}
		b.ReportMetric(float64(ours)/float64(least), "x-bare-CPU")
		b.ReportMetric(float64(decoder)/float64(least), "x-bare-CPU-decoder")
		b.ReportMetric(float64(least.Microseconds())/float64(n*b.N), "us-bare-CPU")
		b.ReportMetric(0, "ns/op")
	})
	b.Run("snmpget", func(b *testing.B) {
		defer useProcessors()()
		program := needs(b, "snmpget")
		const n, polls = 10, 20 // so many polls for each process
		var ours, theirs time.Duration
		for b.Loop() {
			theirs += polls * cpu(syscall.RUSAGE_CHILDREN, func() { repeat(n, func() { snmpget(b, program, p) }) })
			ours += cpu(syscall.RUSAGE_SELF, func() { repeat(polls*n, poll) })
		}
		b.ReportMetric(float64(theirs)/float64(ours), "x-less-CPU-than-snmpget")
		b.ReportMetric(0, "ns/op")
	})
}

// sweep reads all PDUs, each in a goroutine, and returns when the last one
// answered that does.
func sweep(b *testing.B, sessions []*session) (last time.Duration) {
	start := time.Now()
	var mu sync.Mutex // guards last
	var wg sync.WaitGroup
	for _, s := range sessions {
		wg.Go(func() {
			_, err := s.read(b.Context(), 1)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				last = max(last, time.Since(start))
			}
		})
	}
	wg.Wait()
	return last
}

// BenchmarkSweep reads many PDUs: the time is that until all living ones have
// answered. With "dead", a tenth are dead, and the others take 30 ms.
func BenchmarkSweep(b *testing.B) {
	for _, what := range []string{"10", "10 dead", "50", "50 dead", "250", "250 dead"} {
		b.Run(strings.ReplaceAll(what, " ", "-"), func(b *testing.B) {
			defer useProcessors()()
			list := agents(b, what)
			var sessions []*session
			for _, p := range list {
				sessions = append(sessions, benchSession(b, p))
			}
			var total time.Duration
			for b.Loop() {
				total += sweep(b, sessions)
			}
			b.ReportMetric(float64(total.Microseconds())/float64(b.N)/1000, "ms-until-all-living")
			b.ReportMetric(0, "ns/op")

			program, err := exec.LookPath("snmpget")
			if err != nil || strings.HasSuffix(what, "dead") {
				return
			}
			start := time.Now()
			for _, p := range list {
				snmpget(b, program, p)
			}
			b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-one-snmpget-after-the-other")
		})
	}
}

func BenchmarkJudge(b *testing.B) {
	t := newTeam("P")
	judgePoll(&t, 0, testPoll{watts: 1500, peak: 2000}.poll())
	p := testPoll{second: 2, watts: 1510, peak: 2000}.poll()
	var next team
	b.ReportAllocs()
	for b.Loop() {
		judge(&next, &t, 0, &p, 3000)
	}
}

// BenchmarkNote takes a poll of one of 250 PDUs.
func BenchmarkNote(b *testing.B) {
	watch, polls := notedWatch(250)
	b.ReportAllocs()
	for b.Loop() {
		watch.note(7, polls)
	}
}

func BenchmarkCurrent(b *testing.B) {
	var all []status
	for i := range 250 {
		name := fmt.Sprintf("Team%03d", i)
		all = append(all, seen(i%254+1, name, name, 1500, 2000))
	}
	teams := grouped(all...)
	b.ReportAllocs()
	for b.Loop() {
		currentList(teams, 3000, noon)
	}
}

func BenchmarkUpdates(b *testing.B) {
	var batch []json.RawMessage
	for i := range 100 {
		batch = append(batch, fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":%d,"date":1700000000,`+
			`"text":"/current","chat":{"id":7,"type":"private"},"from":{"id":7,"first_name":"Ann"},`+
			`"entities":[{"type":"bot_command","offset":0,"length":8}]}}`, i, i))
	}
	body, err := json.Marshal(batch)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var raws []json.RawMessage
		if err := json.Unmarshal(body, &raws); err != nil {
			b.Fatal(err)
		}
		for _, raw := range raws {
			var u update
			if err := json.Unmarshal(raw, &u); err != nil {
				b.Fatal(err)
			}
			parseCommand(u.Message, "isc_bot")
		}
	}
}

// BenchmarkAlert measures the time from a crossing to the message at the Bot
// API, of teams that were far from the limit or near it, with a tenth of the
// PDUs dead. It cannot be better than the time between two readings allows,
// which is shown beside it: half of that on average.
func BenchmarkAlert(b *testing.B) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for _, n := range []int{12, 250} {
		for name, idle := range map[string]int{"far": 1500, "near": 2850} {
			b.Run(fmt.Sprintf("%d PDUs/%s", n, name), func(b *testing.B) { benchmarkAlert(b, n, idle) })
		}
	}
}

func benchmarkAlert(b *testing.B, n, idle int) {
	const interval = 2 * time.Second
	var living []*venue.PDU
	var names []string
	var list []pdu
	for i := range n {
		sim, p := simulate(b, i%254+1, fmt.Sprintf("Team%03d", i+1), idle)
		list = append(list, p)
		if i%10 == 9 {
			sim.SetFaults(venue.AgentFaults{Mute: true})
			continue
		}
		living, names = append(living, sim), append(names, p.logName())
	}
	api := venue.NewAPI(testToken, "isc_bot")
	defer api.Close()
	api.Know(venue.Private(ann))
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		serve(ctx, ctx, config{
			access: newAccessList(0, ann.ID), pdus: list, limit: 3000, interval: interval, near: defaultNear,
			log: b.TempDir() + "/log", api: api.URL(), token: newSecret(testToken),
			snmp: snmpConfig{community: "public", interval: interval},
		}, nil)
	})
	await := func(text string) {
		if _, err := api.Await(ctx, func(m venue.Message) bool { return strings.Contains(m.Text, text) }); err != nil {
			b.Fatal(err)
		}
	}
	api.Say(venue.Private(ann), ann, "/current")
	await(fmt.Sprint(idle, " W"))

	// Multiples of the golden ratio spread the crossings evenly over the time between
	// two polls. Crossings are at least a second apart, the pace of the chat.
	origin := time.Now()
	sleepUntilPhase := func(i int) {
		_, phase := math.Modf(math.Phi * float64(i))
		at := time.Duration(phase*float64(interval)) - time.Since(origin)
		time.Sleep(at + (time.Second - at + interval - 1).Truncate(interval))
	}

	var times []time.Duration
	for i := 0; b.Loop(); i++ {
		sleepUntilPhase(i)
		k, watts := i%len(living), 3010+10*i
		start := time.Now()
		living[k].Draw(watts)
		await(fmt.Sprintf("%s: Above power limit (%d W)!", names[k], watts))
		times = append(times, time.Since(start))
		living[k].Draw(idle)
		await(fmt.Sprintf("at most %d W", watts))
	}

	var sum time.Duration
	for _, t := range times {
		sum += t
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(sum/time.Duration(len(times))), "ms-mean")
	b.ReportMetric(ms(slices.Max(times)), "ms-worst")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkWatch lets the watch read PDUs that draw 1500 W, far from the limit
// and near it, and reports its share of a core. It includes what the kernel
// takes to deliver a request on loopback. The same exchanges at the same times
// over plain UDP sockets are measured beside it.
func BenchmarkWatch(b *testing.B) {
	for _, n := range []int{12, 250} {
		list := agents(b, fmt.Sprint(n))
		const interval = 2 * time.Second
		for name, tt := range map[string]struct {
			limit int // W
			every time.Duration
		}{
			"far":  {3000, interval},
			"near": {1600, defaultNear},
		} {
			b.Run(fmt.Sprintf("%d PDUs/%s", n, name), func(b *testing.B) {
				defer useProcessors()()
				watch := newSnoop(list, tt.limit, interval, snmpConfig{community: "public", interval: interval})
				watch.near, watch.report = defaultNear, func(event) {}
				stop := inBackground(b, watch.run)
				<-watch.allPolled
				used := coreShare(b, interval)
				stop()

				stop = inBackground(b, func(ctx context.Context) { bareWatch(ctx, b, list, tt.every) })
				bare := coreShare(b, interval)
				stop()

				b.ReportMetric(used, "%-of-a-core")
				b.ReportMetric(used/bare, "x-bare-CPU")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// inBackground runs f until stop is called.
func inBackground(b *testing.B, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { f(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// coreShare returns the share of a core, in percent, that this process takes for
// b.N intervals.
func coreShare(b *testing.B, interval time.Duration) float64 {
	time.Sleep(interval) // until it is steady
	period := time.Duration(b.N) * interval
	used := cpu(syscall.RUSAGE_SELF, func() { time.Sleep(period) })
	return 100 * used.Seconds() / period.Seconds()
}

// bareWatch exchanges datagrams with all PDUs at the same moments, until ctx ends.
func bareWatch(ctx context.Context, b *testing.B, list []pdu, every time.Duration) {
	moments := schedule{start: time.Now(), interval: every}
	var wg sync.WaitGroup
	for _, p := range list {
		exchange := bareExchange(b, p)
		wg.Go(func() {
			timer := time.NewTimer(0)
			defer timer.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-timer.C:
				}
				exchange()
				timer.Reset(time.Until(moments.after(time.Now(), 1)))
			}
		})
	}
	wg.Wait()
}

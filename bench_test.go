package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
	"iscbot/internal/venue"
)

// agents starts PDUs in a process of their own, so that what they cost is not counted.
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
		list = append(list, pdu{num: len(list)%254 + 1, name: name, team: name, snmp: lines.Text()})
	}
	if len(list) < n {
		t.Skip("so many addresses are only on Linux")
	}
	return list
}

// cpu returns the CPU time that f takes, of this process or of those that it ran.
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

// snmpget runs Net-SNMP's command on a PDU, as the predecessor of the bot did for each.
func snmpget(b *testing.B, program string, p pdu) {
	args := append([]string{"-v2c", "-cpublic", "-t0.8", "-r1", p.snmp}, readingOIDs...)
	exec.CommandContext(b.Context(), program, args...).Run()
}

// BenchmarkPoll compares the CPU time of a poll with that of the same exchange over a plain UDP socket, and with a process of
// snmpget, side by side.
func BenchmarkPoll(b *testing.B) {
	p := agents(b, "1")[0]
	s := newSession(p, snmpConfig{community: "public", interval: 2 * time.Second})
	defer s.close()
	conn, err := net.Dial("udp", p.snmp)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	codec := gosnmp.GoSNMP{Version: gosnmp.Version2c, Community: "public"}
	var vars []gosnmp.SnmpPDU
	for _, oid := range readingOIDs {
		vars = append(vars, gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Null})
	}
	request, err := codec.SnmpEncodePacket(gosnmp.GetRequest, vars, 0, 0)
	if err != nil {
		b.Fatal(err)
	}
	bare := func(buf []byte) {
		conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
	poll := func() {
		if _, err := s.read(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("session", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			poll()
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 2048)
		for b.Loop() {
			bare(buf)
		}
	})
	b.Run("ratio", func(b *testing.B) {
		buf := make([]byte, 2048)
		var ours, least time.Duration
		for b.Loop() {
			const n = 200
			ours += cpu(syscall.RUSAGE_SELF, func() {
				for range n {
					poll()
				}
			})
			least += cpu(syscall.RUSAGE_SELF, func() {
				for range n {
					bare(buf)
				}
			})
		}
		b.ReportMetric(float64(ours)/float64(least), "x-bare-CPU")
		b.ReportMetric(0, "ns/op")
	})
	b.Run("snmpget", func(b *testing.B) {
		program, err := exec.LookPath("snmpget")
		if err != nil {
			b.Skip("snmpget is missing")
		}
		var ours, theirs time.Duration
		for b.Loop() {
			const n = 10
			theirs += cpu(syscall.RUSAGE_CHILDREN, func() {
				for range n {
					snmpget(b, program, p)
				}
			}) * 20
			ours += cpu(syscall.RUSAGE_SELF, func() {
				for range 20 * n {
					poll()
				}
			})
		}
		b.ReportMetric(float64(theirs)/float64(ours), "x-less-CPU-than-snmpget")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkSweep reads many PDUs, each in its goroutine: the time is that until all have answered that live. With "dead" a
// tenth does not live, and the others take 30 ms.
func BenchmarkSweep(b *testing.B) {
	for _, n := range []int{10, 50, 250} {
		for _, dead := range []string{"", " dead"} {
			b.Run(fmt.Sprintf("%d%s", n, strings.ReplaceAll(dead, " ", "-")), func(b *testing.B) {
				list := agents(b, fmt.Sprintf("%d%s", n, dead))
				var sessions []*session
				for _, p := range list {
					s := newSession(p, snmpConfig{community: "public", interval: 2 * time.Second})
					defer s.close()
					sessions = append(sessions, s)
				}
				var slowest time.Duration
				for b.Loop() {
					start := time.Now()
					var mu sync.Mutex // guards last
					var last time.Duration
					var wg sync.WaitGroup
					for _, s := range sessions {
						wg.Go(func() {
							_, err := s.read(b.Context())
							mu.Lock()
							defer mu.Unlock()
							if err == nil {
								last = max(last, time.Since(start))
							}
						})
					}
					wg.Wait()
					slowest += last
				}
				b.ReportMetric(float64(slowest.Microseconds())/float64(b.N)/1000, "ms-until-all-living")
				if program, err := exec.LookPath("snmpget"); err == nil && dead == "" {
					start := time.Now()
					for _, p := range list {
						snmpget(b, program, p)
					}
					b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-one-snmpget-after-the-other")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	t := newTeam("P")
	t, _ = judge(t, 0, beat{watts: 1500, peak: 2000}.poll(), 3000)
	p := beat{second: 2, watts: 1510, peak: 2000}.poll()
	b.ReportAllocs()
	for b.Loop() {
		judge(t, 0, p, 3000)
	}
}

func BenchmarkCurrent(b *testing.B) {
	var all []status
	for i := range 250 {
		all = append(all, seen(i%254+1, fmt.Sprintf("Team%03d", i), fmt.Sprintf("Team%03d", i), 1500, 2000))
	}
	teams := grouped(all...)
	b.ReportAllocs()
	for b.Loop() {
		powerList("/current", teams, 3000, noon)
	}
}

func BenchmarkPage(b *testing.B) {
	body := []byte(strings.Repeat(checkboxPage, 1))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		parsePage(body, "text/html; charset=iso-8859-1")
	}
}

func BenchmarkUpdates(b *testing.B) {
	var batch []json.RawMessage
	for i := range 100 {
		raw, err := json.Marshal(map[string]any{"update_id": i, "message": map[string]any{"message_id": i, "date": 1700000000, "text": "/current",
			"chat": map[string]any{"id": 7, "type": "private"}, "from": map[string]any{"id": 7, "first_name": "Ann"},
			"entities": []any{map[string]any{"type": "bot_command", "offset": 0, "length": 8}}}})
		if err != nil {
			b.Fatal(err)
		}
		batch = append(batch, raw)
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

// BenchmarkAlert measures the time from a PDU's change to the message at the Bot API, with a tenth of the PDUs dead. It cannot
// be better than the interval of the polls allows, so that stands beside it: the worst should not be 150 ms above that.
func BenchmarkAlert(b *testing.B) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	for _, n := range []int{12, 250} {
		b.Run(fmt.Sprintf("%d PDUs", n), func(b *testing.B) {
			const interval = 500 * time.Millisecond
			var sims []*venue.PDU
			var list []pdu
			for i := range n {
				sim, p := simulate(b, i%254+1, fmt.Sprintf("Team%03d", i+1), 1500)
				sim.Behave(venue.Manners{Mute: i%10 == 9})
				sims, list = append(sims, sim), append(list, p)
			}
			api := venue.NewAPI(testToken, "isc_bot")
			defer api.Close()
			api.Know(venue.Private(ann))
			bot := newBot(config{access: &access{users: []int64{ann.ID}}, pdus: list, limit: 3000, interval: interval, log: b.TempDir() + "/log",
				api: api.URL(), token: testToken, snmp: snmpConfig{community: "public", interval: interval}})
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan struct{})
			go func() { bot.run(ctx, ctx); close(ended) }()
			<-bot.watch.swept
			var times []time.Duration
			for i := 0; b.Loop(); i++ {
				time.Sleep(rand.N(interval)) // the change comes at any time between two polls
				k := i % (n * 9 / 10)
				sim, watts := sims[k+k/9], 3010+10*(i/(n*9/10))
				start := time.Now()
				sim.Draw(watts)
				text := fmt.Sprintf("%s: Above power limit (%d W)!", entry(list[k+k/9]), watts)
				if _, err := api.Await(ctx, func(m venue.Message) bool { return strings.Contains(m.Text, text) }); err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(start))
				sim.Draw(1500)
			}
			cancel()
			<-ended
			slices.Sort(times)
			ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
			b.ReportMetric(ms(times[len(times)/2]), "ms-median")
			b.ReportMetric(ms(times[len(times)-1]), "ms-worst")
			b.ReportMetric(ms(interval), "ms-interval")
			b.ReportMetric(0, "ns/op")
		})
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// madeUpTeams returns a team with an open crossing, one with two PDUs, one of
// which is out of reach, and two whose PDUs have no readings.
func madeUpTeams() []team {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	above := newTeam("Çà \"va\" \\o/\n日本")
	above.above, above.opened, above.lastSeen = true, at(4), at(10)
	above.crossings, above.total = 3, 1500*time.Millisecond
	above.pdus[0].reading = reading{watts: 3120, peak: 3240, at: at(10)}
	above.pdus[0].err, above.pdus[0].polled, above.pdus[0].resets = errLate, at(12), 2
	above.pdus[0].polls = pollCounts{ok: 5, noAnswer: 4, wrongAnswer: 3, noMeter: 2}

	pair := newTeam("left", "right")
	pair.pdus[0].reading = reading{watts: 0, peak: -1, at: at(10)}
	pair.pdus[0].err = nil
	pair.pdus[1].reading = reading{watts: 900, peak: 1000, at: at(2)}
	pair.pdus[1].unit, pair.pdus[1].unreachable = 2, true

	return []team{above, pair, newTeam("Not polled"), withoutMeter()}
}

// withoutMeter returns a team whose PDU had a reading before it reported that
// it has no power meter.
func withoutMeter() team {
	t := newTeam("No meter")
	t.pdus[0].reading = reading{watts: 100, peak: 200, at: noon}
	t.pdus[0].err = errNoMeter
	return t
}

const madeUpPage = `# HELP iscbot_power_watts Power of a PDU, by its last reading.
# TYPE iscbot_power_watts gauge
iscbot_power_watts{team="Çà \"va\" \\o/\n日本",pdu="102"} 3120
iscbot_power_watts{team="Team",pdu="102"} 0
# HELP iscbot_peak_watts Highest power of a PDU since its peak register was reset.
# TYPE iscbot_peak_watts gauge
iscbot_peak_watts{team="Çà \"va\" \\o/\n日本",pdu="102"} 3240
# HELP iscbot_reachable 1 if a PDU answers, 0 if it is out of reach.
# TYPE iscbot_reachable gauge
iscbot_reachable{team="Çà \"va\" \\o/\n日本",pdu="102"} 1
iscbot_reachable{team="Team",pdu="102"} 1
iscbot_reachable{team="Team",pdu="103/2"} 0
iscbot_reachable{team="No meter",pdu="102"} 1
# HELP iscbot_resets_total Resets of a PDU's peak register that were observed.
# TYPE iscbot_resets_total counter
iscbot_resets_total{team="Çà \"va\" \\o/\n日本",pdu="102"} 2
iscbot_resets_total{team="Team",pdu="102"} 0
iscbot_resets_total{team="Team",pdu="103/2"} 0
iscbot_resets_total{team="Not polled",pdu="102"} 0
iscbot_resets_total{team="No meter",pdu="102"} 0
# HELP iscbot_polls_total Polls of a PDU, by result.
# TYPE iscbot_polls_total counter
iscbot_polls_total{team="Çà \"va\" \\o/\n日本",pdu="102",result="ok"} 5
iscbot_polls_total{team="Çà \"va\" \\o/\n日本",pdu="102",result="no_answer"} 4
iscbot_polls_total{team="Çà \"va\" \\o/\n日本",pdu="102",result="wrong_answer"} 3
iscbot_polls_total{team="Çà \"va\" \\o/\n日本",pdu="102",result="no_meter"} 2
iscbot_polls_total{team="Team",pdu="102",result="ok"} 0
iscbot_polls_total{team="Team",pdu="102",result="no_answer"} 0
iscbot_polls_total{team="Team",pdu="102",result="wrong_answer"} 0
iscbot_polls_total{team="Team",pdu="102",result="no_meter"} 0
iscbot_polls_total{team="Team",pdu="103/2",result="ok"} 0
iscbot_polls_total{team="Team",pdu="103/2",result="no_answer"} 0
iscbot_polls_total{team="Team",pdu="103/2",result="wrong_answer"} 0
iscbot_polls_total{team="Team",pdu="103/2",result="no_meter"} 0
iscbot_polls_total{team="Not polled",pdu="102",result="ok"} 0
iscbot_polls_total{team="Not polled",pdu="102",result="no_answer"} 0
iscbot_polls_total{team="Not polled",pdu="102",result="wrong_answer"} 0
iscbot_polls_total{team="Not polled",pdu="102",result="no_meter"} 0
iscbot_polls_total{team="No meter",pdu="102",result="ok"} 0
iscbot_polls_total{team="No meter",pdu="102",result="no_answer"} 0
iscbot_polls_total{team="No meter",pdu="102",result="wrong_answer"} 0
iscbot_polls_total{team="No meter",pdu="102",result="no_meter"} 0
# HELP iscbot_crossings_total Times that a team went above the limit.
# TYPE iscbot_crossings_total counter
iscbot_crossings_total{team="Çà \"va\" \\o/\n日本"} 3
iscbot_crossings_total{team="Team"} 0
iscbot_crossings_total{team="Not polled"} 0
iscbot_crossings_total{team="No meter"} 0
# HELP iscbot_above_limit_seconds_total Time that a team was seen above the limit.
# TYPE iscbot_above_limit_seconds_total counter
iscbot_above_limit_seconds_total{team="Çà \"va\" \\o/\n日本"} 7.500
iscbot_above_limit_seconds_total{team="Team"} 0.000
iscbot_above_limit_seconds_total{team="Not polled"} 0.000
iscbot_above_limit_seconds_total{team="No meter"} 0.000
# HELP iscbot_limit_watts Power limit of a team.
# TYPE iscbot_limit_watts gauge
iscbot_limit_watts 3000
# HELP iscbot_queue_length Messages waiting to be sent to Telegram.
# TYPE iscbot_queue_length gauge
iscbot_queue_length 7
`

func TestMetricsPage(t *testing.T) {
	got := metricsPage(madeUpTeams(), 3000, 7)
	if got == madeUpPage {
		return
	}
	want := strings.Split(madeUpPage, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("line %d is %q in:\n%s", i+1, line, got)
		}
	}
	t.Errorf("too short:\n%s", got)
}

// TestTimeAbove follows the time above the limit of a team whose PDUs are
// polled in turn: it never decreases.
func TestTimeAbove(t *testing.T) {
	tests := []struct {
		second, pdu, watts int
		want               time.Duration
	}{
		{0, 0, 1400, 0},
		{1, 1, 1400, 0},
		{2, 0, 1700, 0},
		{3, 1, 1400, 0}, // it begins
		{4, 0, 1700, 1 * time.Second},
		{9, 1, 1400, 6 * time.Second},
		{8, 0, 1500, 6 * time.Second}, // it ends, with a poll that was judged late
		{11, 1, 1400, 6 * time.Second},
		{12, 0, 1700, 6 * time.Second},
		{13, 1, 1400, 6 * time.Second}, // and begins again
		{14, 0, 1700, 7 * time.Second},
	}
	both := newTeam("left", "right")
	for _, tt := range tests {
		at := noon.Add(time.Duration(tt.second) * time.Second)
		judgePoll(&both, tt.pdu, poll{reading: reading{watts: tt.watts, peak: -1, uptime: -1, at: at}, at: at})
		if got := both.timeAbove(); got != tt.want {
			t.Errorf("second %d: got %v, want %v", tt.second, got, tt.want)
		}
	}
}

func TestPollCounts(t *testing.T) {
	tests := map[string]struct {
		err  error
		want pollCounts
	}{
		"a reading":    {nil, pollCounts{ok: 1}},
		"no answer":    {errNoAnswer, pollCounts{noAnswer: 1}},
		"late":         {errLate, pollCounts{noAnswer: 1}},
		"wrong answer": {fmt.Errorf("%w: of type Null", errWrong), pollCounts{wrongAnswer: 1}},
		"no object":    {errNoObject, pollCounts{wrongAnswer: 1}},
		"no meter":     {errNoMeter, pollCounts{noMeter: 1}},
		"another":      {errors.New("no route to host"), pollCounts{noAnswer: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			team := newTeam("A")
			judgePoll(&team, 0, poll{err: tt.err, at: noon})
			if got := team.pdus[0].polls; got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestOutboxLength counts the waiting messages while nothing can be sent.
func TestOutboxLength(t *testing.T) {
	sending, proceed := make(chan struct{}), make(chan struct{})
	out := newOutbox(func(context.Context, post) (int64, error) {
		sending <- struct{}{}
		<-proceed
		return 1, nil
	})
	out.put(outgoing{post: post{chat: 1, html: "being sent"}})
	<-sending
	out.put(outgoing{post: post{chat: 1, html: "an answer"}})
	out.put(outgoing{post: post{chat: 1, html: "an alert"}, alert: true})
	if n := out.length(); n != 2 {
		t.Errorf("%d messages wait, want 2", n)
	}
	go func() {
		for range sending {
		}
	}()
	close(proceed)
	out.drain()
	close(sending)
	if n := out.length(); n != 0 {
		t.Errorf("%d messages wait after all were sent", n)
	}
}

// metricsHandler returns a server for a watch of one PDU that has not been
// polled.
func metricsHandler() *metricsServer {
	watch := newSnoop([]pdu{{num: 101, unit: 1, name: "A", team: "A"}}, 3000, time.Second, snmpConfig{})
	return &metricsServer{snoop: watch, out: newOutbox(nil)}
}

func TestMetricsHandler(t *testing.T) {
	tests := map[string]struct {
		method, target string
		status         int
	}{
		"the page":         {"GET", "/metrics", http.StatusOK},
		"with a query":     {"GET", "/metrics?name[]=x", http.StatusOK},
		"its head":         {"HEAD", "/metrics", http.StatusOK},
		"posted":           {"POST", "/metrics", http.StatusMethodNotAllowed},
		"deleted":          {"DELETE", "/metrics", http.StatusMethodNotAllowed},
		"the root":         {"GET", "/", http.StatusNotFound},
		"below it":         {"GET", "/metrics/", http.StatusNotFound},
		"beside it":        {"GET", "/metrics/../exceedings.log", http.StatusNotFound},
		"the profiler":     {"GET", "/debug/pprof/", http.StatusNotFound},
		"posted elsewhere": {"POST", "/", http.StatusNotFound},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			metricsHandler().ServeHTTP(answer, httptest.NewRequest(tt.method, tt.target, nil))
			if answer.Code != tt.status {
				t.Errorf("status %d, want %d", answer.Code, tt.status)
			}
			shown := strings.Contains(answer.Body.String(), "iscbot_")
			if shown != (tt.status == http.StatusOK) {
				t.Errorf("got %q", answer.Body)
			}
		})
	}
}

// serveMetrics runs a server on loopback. The function that it returns stops it.
func serveMetrics(t *testing.T, m *metricsServer) (addr string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		m.run(ctx, listener)
		close(ended)
	}()
	return listener.Addr().String(), func() {
		cancel()
		<-ended
	}
}

// TestMetricsRun covers what does not reach the handler, and the end.
func TestMetricsRun(t *testing.T) {
	addr, stop := serveMetrics(t, metricsHandler())

	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "OPTIONS * HTTP/1.1\r\nHost: pi\r\n\r\n")
	line := make([]byte, len("HTTP/1.1 404"))
	if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 404" {
		t.Errorf("OPTIONS: got %q, %v", line, err)
	}

	stop()
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("an idle connection was not closed: %v", err)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("still listening")
	}
}

// TestMetricsPanic checks that a panic is logged and ends only the request.
func TestMetricsPanic(t *testing.T) {
	log := captureLog(t)
	stdlog.SetOutput(io.Discard)                    // as in run
	addr, stop := serveMetrics(t, &metricsServer{}) // it has nothing to serve
	for range 2 {
		if _, err := http.Get("http://" + addr + "/metrics"); !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
	}
	stop()
	log.wantTimes(t, "http: panic serving", 2)
}

// TestMetricsFlag covers addresses that cannot be used. With -check nothing is
// served, because the bot itself may be running.
func TestMetricsFlag(t *testing.T) {
	t.Setenv("ISCBOT_TOKEN", "123:abc")
	t.Setenv("ISCBOT_PASSWORD", "x")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const form = "want HOST:PORT or :PORT, such as :9690"
	tests := map[string]struct {
		args []string
		want string // of the error; "" for none
	}{
		"a port alone":      {[]string{"-metrics", "9690"}, `-metrics: "9690": ` + form},
		"a host alone":      {[]string{"-metrics", "localhost"}, `-metrics: "localhost": ` + form},
		"a URL":             {[]string{"-metrics", "http://127.0.0.1:9690"}, form},
		"port 0":            {[]string{"-metrics", "127.0.0.1:0"}, form},
		"port 65536":        {[]string{"-metrics", ":65536"}, form},
		"a service's name":  {[]string{"-metrics", ":http"}, form},
		"IPv6, no brackets": {[]string{"-metrics", "::1:9690"}, form},
		"taken":             {[]string{"-metrics", taken.Addr().String()}, "already in use: want an address of this host"},
		"another host's":    {[]string{"-metrics", "192.0.2.1:9690"}, "want an address of this host"},
		"with -check":       {[]string{"-metrics", taken.Addr().String(), "-check"}, ""},
		"wrong with -check": {[]string{"-metrics", "9690", "-check"}, form},
		"free":              {[]string{"-metrics", freeAddr(t)}, ""},
		"none":              {nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := []string{"-access", write(t, "a", "7\n"), "-pdus", write(t, "p", "1,A\n")}
			cfg, err := settle(t, "", append(files, tt.args...)...)
			if cfg.metrics != nil {
				cfg.metrics.Close()
			}
			if tt.want != "" {
				wants(t, fmt.Sprint(err), tt.want)
			} else if err != nil {
				t.Error(err)
			}
			if listens := cfg.metrics != nil; listens != (name == "free") {
				t.Errorf("listens: %v", listens)
			}
		})
	}
}

// get returns the status and the body of a page.
func get(t testing.TB, url string) (status int, body string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(limit(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// scrape returns a program's page of metrics.
func scrape(t testing.TB, addr string) string {
	t.Helper()
	status, page, err := get(t, "http://"+addr+"/metrics")
	if err != nil || status != http.StatusOK {
		t.Fatalf("status %d, %v", status, err)
	}
	if strings.Contains(page, testToken) || strings.Contains(page, testPassword) {
		t.Error("a secret was served")
	}
	return page
}

// startMetrics starts the program at a site where the second of two teams is
// above the limit, and waits for the alert.
func startMetrics(t testing.TB) (s *site, p *program, addr string) {
	t.Helper()
	s = newSite(t, "First Team", "日本 \"quoted\" é")
	s.pdus[1].Draw(3120)
	addr = freeAddr(t)
	p = s.start(t, "-metrics", addr)
	s.await(t, ann.ID, 0, "Above power limit (3120 W)!")
	s.until(t, "/current", "1500 W", "3120 W") // all have been read
	return s, p, addr
}

func TestProgramMetrics(t *testing.T) {
	t.Parallel()
	s, p, addr := startMetrics(t)
	page := scrape(t, addr)
	wants(t, page, "iscbot_power_watts{team=\"First Team\",pdu=\"1\"} 1500\n",
		`iscbot_power_watts{team="日本 \"quoted\" é",pdu="2"} 3120`, `iscbot_peak_watts{team="First Team",pdu="1"} 1500`,
		`iscbot_crossings_total{team="First Team"} 0`, `iscbot_crossings_total{team="日本 \"quoted\" é"} 1`,
		`iscbot_reachable{team="First Team",pdu="1"} 1`, "iscbot_limit_watts 3000\n")
	if strings.Contains(page, `pdu="1",result="ok"} 0`) {
		t.Errorf("no poll was counted:\n%s", page)
	}
	if status, body, err := get(t, "http://"+addr+"/"); err != nil || status != http.StatusNotFound {
		t.Errorf("the root: %d, %q, %v", status, body, err)
	}

	s.pdus[0].SetFaults(venue.AgentFaults{Mute: true})
	p.awaitLog(t, "Out of reach")
	page = scrape(t, addr)
	wants(t, page, `iscbot_reachable{team="First Team",pdu="1"} 0`)
	if strings.Contains(page, `iscbot_power_watts{team="First Team"`) {
		t.Errorf("the power of a PDU that is out of reach:\n%s", page)
	}

	second := s.start(t, "-metrics", addr, "-log", "second.log")
	<-second.exited
	if code := second.ProcessState.ExitCode(); code != exitConfig {
		t.Errorf("the second program's exit code is %d", code)
	}
	wants(t, second.log(), "not started", `-metrics: "`+addr+`": address already in use`)
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, _, err := get(t, "http://"+addr+"/metrics"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
	s.fine(t)
}

// TestPromtool lets Prometheus' own tool check the syntax and the names on the
// page.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool := needs(t, "promtool")
	cmd := exec.CommandContext(limit(t), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(metricsPage(madeUpTeams(), 3000, 7))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPrometheus lets a real Prometheus scrape the program with the
// configuration in the README, and runs the queries given there.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	program := needs(t, "prometheus")
	readme, config, queries := readMetricsSection(t)
	_, p, addr := startMetrics(t)
	config = strings.NewReplacer("raspberrypi:9690", addr, "scrape_interval: 2s", "scrape_interval: 1s").Replace(config)
	prometheus := startPrometheus(t, program, config)

	queries = append(queries, "iscbot_power_watts")
	for _, query := range queries {
		awaitQuery(t, prometheus, query, `日本 \"quoted\" é`)
	}
	if len(queries) != 4 {
		t.Errorf("%d queries in:\n%s", len(queries)-1, readme)
	}
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// readMetricsSection returns the section about Prometheus of the README, its
// scrape configuration, and its queries.
func readMetricsSection(t *testing.T) (section, config string, queries []string) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ = strings.Cut(string(text), "\n## Prometheus\n")
	section, _, _ = strings.Cut(section, "\n## ")
	config, rest, _ := strings.Cut(section, "\n\n| ")
	for line := range strings.Lines(rest) {
		if cells := strings.Split(line, "`"); strings.HasPrefix(line, "| ") && len(cells) == 3 {
			queries = append(queries, cells[1])
		}
	}
	var lines []string
	for line := range strings.Lines(config) {
		if code, ok := strings.CutPrefix(line, "    "); ok && !strings.HasPrefix(code, "./") {
			lines = append(lines, code)
		}
	}
	return section, strings.Join(lines, ""), queries
}

// startPrometheus starts Prometheus with a configuration and returns its
// address. It is killed at the end of the test.
func startPrometheus(t *testing.T, program, config string) (addr string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	addr = freeAddr(t)
	cmd := exec.Command(program, "--config.file="+path, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--log.level=warn")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus with\n%s\nsays:\n%s", config, &log)
		}
	})
	return addr
}

// awaitQuery waits until Prometheus answers a query with a value for a team,
// whose name is in JSON notation.
func awaitQuery(t *testing.T, addr, query, team string) {
	t.Helper()
	ctx := limit(t)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		_, body, err := get(t, "http://"+addr+"/api/v1/query?query="+url.QueryEscape(query))
		var answer struct {
			Data struct{ Result []json.RawMessage }
		}
		if err == nil {
			err = json.Unmarshal([]byte(body), &answer)
		}
		for _, result := range answer.Data.Result {
			if strings.Contains(string(result), `"team":"`+team+`"`) {
				t.Logf("%s: %s", query, result)
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v\n%s", query, err, body)
		}
	}
}

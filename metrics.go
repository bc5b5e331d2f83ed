package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A metricsServer serves the state of the PDUs to Prometheus, and nothing else.
// It exposes no secrets, because anybody who can reach it may read it.
type metricsServer struct {
	snoop *snoop
	out   *outbox
}

// run serves on a listener until ctx ends, and closes it.
func (m *metricsServer) run(ctx context.Context, listener net.Listener) {
	server := &http.Server{
		Handler:           m,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       2 * time.Minute, // longer than the usual time between two scrapes
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),

		DisableGeneralOptionsHandler: true, // or "OPTIONS *" would be answered
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("metrics are no longer served", "err", err)
	}
}

// ServeHTTP implements http.Handler.
func (m *metricsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/metrics":
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "want GET or HEAD", http.StatusMethodNotAllowed)
	default:
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		io.WriteString(w, metricsPage(m.snoop.snapshot(), m.snoop.limit, m.out.length()))
	}
}

// metricsPage returns the page for Prometheus: the state of the teams, each of
// which may draw limit watts, and the number of queued messages. Unknown values
// are left out, because 0 would be taken for a value.
func metricsPage(teams []team, limit, queued int) string {
	var page metricsText
	page.pduMetrics(teams)
	page.teamMetrics(teams)

	page.metric("iscbot_limit_watts", "gauge", "Power limit of a team.")
	page.sample(strconv.Itoa(limit))
	page.metric("iscbot_queue_length", "gauge", "Messages waiting to be sent to Telegram.")
	page.sample(strconv.Itoa(queued))
	return page.String()
}

// A metricsText is a page in Prometheus' text format under construction.
type metricsText struct {
	strings.Builder
	name string // of the metric whose samples follow
}

// metric begins a metric of a kind, such as gauge.
func (m *metricsText) metric(name, kind, help string) {
	m.name = name
	fmt.Fprintf(m, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// sample adds a value with its labels, which are pairs of name and value.
func (m *metricsText) sample(value string, labels ...string) {
	m.WriteString(m.name)
	separator := "{"
	for i := 0; i < len(labels); i += 2 {
		fmt.Fprintf(m, `%s%s="%s"`, separator, labels[i], labelEscaper.Replace(labels[i+1]))
		separator = ","
	}
	if len(labels) > 0 {
		m.WriteString("}")
	}
	m.WriteString(" " + value + "\n")
}

// pduMetrics adds the metrics of each PDU.
func (m *metricsText) pduMetrics(teams []team) {
	metrics := []struct {
		name, kind, help string
		value            func(status) (value int, known bool)
	}{
		{"iscbot_power_watts", "gauge", "Power of a PDU, by its last reading.",
			func(p status) (int, bool) { return p.watts, hasReading(p) }},
		{"iscbot_peak_watts", "gauge", "Highest power of a PDU since its peak register was reset.",
			func(p status) (int, bool) { return p.peak, hasReading(p) && p.peak >= 0 }},
		{"iscbot_reachable", "gauge", "1 if a PDU answers, 0 if it is out of reach.", reachable},
		{"iscbot_resets_total", "counter", "Resets of a PDU's peak register that were observed.",
			func(p status) (int, bool) { return p.resets, true }},
	}
	for _, metric := range metrics {
		m.metric(metric.name, metric.kind, metric.help)
		for _, t := range teams {
			for _, p := range t.pdus {
				if value, known := metric.value(p); known {
					m.sample(strconv.Itoa(value), "team", p.team, "pdu", p.number())
				}
			}
		}
	}

	m.metric("iscbot_polls_total", "counter", "Polls of a PDU, by result.")
	for _, t := range teams {
		for _, p := range t.pdus {
			m.polls(p)
		}
	}
}

// polls adds the poll counts of a PDU.
func (m *metricsText) polls(p status) {
	add := func(count int, result string) {
		m.sample(strconv.Itoa(count), "team", p.team, "pdu", p.number(), "result", result)
	}
	add(p.polls.ok, "ok")
	add(p.polls.noAnswer, "no_answer")
	add(p.polls.wrongAnswer, "wrong_answer")
	add(p.polls.noMeter, "no_meter")
}

// teamMetrics adds the metrics of each team.
func (m *metricsText) teamMetrics(teams []team) {
	m.metric("iscbot_crossings_total", "counter", "Times that a team went above the limit.")
	for _, t := range teams {
		m.sample(strconv.Itoa(t.crossings), "team", t.name)
	}
	m.metric("iscbot_above_limit_seconds_total", "counter", "Time that a team was seen above the limit.")
	for _, t := range teams {
		m.sample(strconv.FormatFloat(t.timeAbove().Seconds(), 'f', 3, 64), "team", t.name)
	}
}

// hasReading reports whether the last reading of a PDU is still valid: losing
// one answer makes no gap, but being out of reach does.
func hasReading(p status) bool {
	return p.isCurrent() && !errors.Is(p.err, errNoMeter)
}

// reachable returns 1 if a PDU answers and 0 if it is out of reach. That is
// unknown until the PDU first answers or is reported out of reach.
func reachable(p status) (value int, known bool) {
	switch {
	case p.unreachable:
		return 0, true
	case !p.at.IsZero() || errors.Is(p.err, errNoMeter):
		return 1, true
	}
	return 0, false
}

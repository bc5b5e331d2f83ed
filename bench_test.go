package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"iscbot/internal/venue"
)

// manyPDUs starts n simulated PDUs, of which a tenth is dead if so wished, and the others answer after a delay.
func manyPDUs(t testing.TB, n int, dead bool, delay time.Duration) (sims []*venue.PDU, list []pdu) {
	for i := range n {
		sim, p := simulate(t, i%254+1, fmt.Sprintf("Team%03d", i+1), 1500)
		sim.Behave(venue.Manners{Mute: dead && i%10 == 9, Delay: delay})
		sims, list = append(sims, sim), append(list, p)
	}
	return sims, list
}

// BenchmarkAlert measures the time from a PDU's change to the message at the Bot API. It cannot be better than the interval
// of the polls allows, so that stands beside it: the worst should not be 150 ms above that.
func BenchmarkAlert(b *testing.B) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	for _, n := range []int{12, 250} {
		b.Run(fmt.Sprintf("%d PDUs", n), func(b *testing.B) {
			const interval = 500 * time.Millisecond
			sims, list := manyPDUs(b, n, true, 0)
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

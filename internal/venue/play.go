package venue

import (
	"context"
	"math/rand/v2"
	"time"
)

// Play lets the PDUs draw varying power below limit, in W, until ctx ends. Every
// twenty seconds the next one goes over it for six.
func Play(ctx context.Context, pdus []*PDU, limit int) {
	const step, round, over = 500 * time.Millisecond, 40, 12 // steps
	tick := time.NewTicker(step)
	defer tick.Stop()
	for n := 0; ; n++ {
		for i, p := range pdus {
			share := 60 + 5*(i*7%6) // per cent of the limit
			if at := n % round; n/round%len(pdus) == i && at >= round/4 && at < round/4+over {
				share = 106
			}
			p.Draw((limit*share/100 + rand.IntN(limit/50+1)) / 10 * 10)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

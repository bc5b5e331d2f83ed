package main

import (
	"testing"
	"time"
)

// TestQuotas checks that a flood gets few answers, that the chat is warned
// once, and that other chats are not affected.
func TestQuotas(t *testing.T) {
	var b quotas
	take := func(chat int64, n int, at time.Duration) (taken, warned int) {
		for range n {
			ok, warn := b.take(chat, noon.Add(at))
			if ok {
				taken++
			}
			if warn {
				warned++
			}
		}
		return taken, warned
	}
	for _, tt := range []struct {
		chat          int64
		n             int
		at            time.Duration
		taken, warned int
	}{
		{1, 1000, 0, maxQuota, 1},
		{2, 5, 0, 5, 0},
		{1, 1000, 10 * quotaInterval, 10, 0},
		{1, 1000, time.Hour, maxQuota, 1},
		{2, maxQuota, 0, maxQuota - 5, 1},
	} {
		if taken, warned := take(tt.chat, tt.n, tt.at); taken != tt.taken || warned != tt.warned {
			t.Errorf("chat %d took %d of %d after %v and was told %d times, want %d and %d",
				tt.chat, taken, tt.n, tt.at, warned, tt.taken, tt.warned)
		}
	}

	for chat := range int64(10 * maxQuotas) {
		take(100+chat, 1, 2*time.Hour+time.Duration(chat)*time.Second)
	}
	if n := len(b.chats); n > maxQuotas+1 {
		t.Errorf("%d quotas are remembered", n)
	}
}

package main

import (
	"maps"
	"time"
)

const (
	maxQuota      = 20              // answers that a chat may request at once
	quotaInterval = 3 * time.Second // until it may request one more
	maxQuotas     = 1000            // above this, full quotas are forgotten
)

// quotas limit how many answers each chat of strangers may request, so that a
// flood of commands gets few answers. The zero value is ready for use.
type quotas struct {
	chats map[int64]quota
}

// A quota is the quota of one chat.
type quota struct {
	full   time.Time // when the quota is full again
	warned bool      // the chat was told that its quota is used up
}

// take takes one answer from a chat's quota. It reports whether one was left
// and, if not, whether to warn the chat, which is done once.
func (q *quotas) take(chat int64, now time.Time) (ok, warn bool) {
	if q.chats == nil {
		q.chats = make(map[int64]quota)
	}
	if len(q.chats) > maxQuotas {
		maps.DeleteFunc(q.chats, func(_ int64, c quota) bool { return !c.full.After(now) })
	}

	c := q.chats[chat]
	if !c.full.After(now) {
		c = quota{full: now}
	}
	ok = c.full.Sub(now) <= (maxQuota-1)*quotaInterval
	if ok {
		c.full = c.full.Add(quotaInterval)
	} else {
		warn = !c.warned
		c.warned = true
	}
	q.chats[chat] = c
	return ok, warn
}

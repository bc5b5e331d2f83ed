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
// flood of commands or presses gets few answers. The zero value is ready for
// use.
type quotas struct {
	chats map[int64]quota
}

// take takes one answer from a chat's quota; see quota.take.
func (q *quotas) take(chat int64, now time.Time) (ok, warn bool) {
	if q.chats == nil {
		q.chats = make(map[int64]quota)
	}
	if len(q.chats) > maxQuotas {
		maps.DeleteFunc(q.chats, func(_ int64, c quota) bool { return !c.full.After(now) })
	}

	c := q.chats[chat]
	ok, warn = c.take(now)
	q.chats[chat] = c
	return ok, warn
}

// A quota allows maxQuota things at once, and one more every quotaInterval. The
// zero value is a full quota.
type quota struct {
	full   time.Time // when the quota is full again
	warned bool      // it was used up, and take said so
}

// take takes one from the quota. It reports whether one was left and, if not,
// whether to warn about it, which is done once.
func (q *quota) take(now time.Time) (ok, warn bool) {
	if !q.full.After(now) {
		*q = quota{full: now}
	}
	if q.full.Sub(now) <= (maxQuota-1)*quotaInterval {
		q.full = q.full.Add(quotaInterval)
		return true, false
	}
	warn = !q.warned
	q.warned = true
	return false, warn
}

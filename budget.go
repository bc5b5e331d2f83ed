package main

import (
	"maps"
	"time"
)

const (
	budgetMost  = 20              // answers that a chat may ask for at once
	budgetEvery = 3 * time.Second // in which it may ask for one more
	budgetChats = 1000            // from so many on, those with a full budget are forgotten
)

// budgets are what chats of strangers may still ask for, so that a flood of
// commands has few answers. The zero value is ready for use.
type budgets struct {
	chats map[int64]budget
}

// A budget is that of one chat.
type budget struct {
	full   time.Time // when nothing of it will be used up any more
	warned bool      // that it is used up
}

// take takes an answer from the budget of a chat. It reports whether there was
// one left, and if not, whether that is to be said, which is done once.
func (b *budgets) take(chat int64, now time.Time) (ok, warn bool) {
	if b.chats == nil {
		b.chats = make(map[int64]budget)
	}
	if len(b.chats) > budgetChats {
		maps.DeleteFunc(b.chats, func(_ int64, c budget) bool { return !c.full.After(now) })
	}

	c := b.chats[chat]
	if !c.full.After(now) {
		c = budget{full: now}
	}
	ok = c.full.Sub(now) <= (budgetMost-1)*budgetEvery
	if ok {
		c.full = c.full.Add(budgetEvery)
	} else {
		warn = !c.warned
		c.warned = true
	}
	b.chats[chat] = c
	return ok, warn
}

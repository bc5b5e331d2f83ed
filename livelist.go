package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	liveTime     = time.Hour // until a live list ends by itself
	maxLiveLists = 20        // at the same time, of strangers and of officials each

	// The time between two changes of a live list.
	livePrivatePause = 3 * time.Second
	liveGroupPause   = 6 * time.Second
)

// liveLists are messages that show /current and keep it up to date. They show
// what the watch knows, so they cause no requests to the PDUs.
type liveLists struct {
	client  *client
	out     *outbox
	current func(now time.Time) []string // the pages of /current

	mu    sync.Mutex          // guards lists
	lists map[int64]*liveList // by chat
}

// A liveList is the live list of a chat. A chat has at most one, even if it has
// topics, because Telegram's limits apply to the chat.
type liveList struct {
	message  *progress
	official bool // started by somebody on the access list
	until    time.Time
	ended    chan string // receives the reason when the list must end
}

// stopKeys is the keyboard of a live list.
var stopKeys = [][]button{{{Text: "Stop", Data: "stop"}}}

func newLiveLists(c *client, out *outbox, current func(now time.Time) []string) *liveLists {
	return &liveLists{client: c, out: out, current: current, lists: make(map[int64]*liveList)}
}

// start starts a live list, which replaces the chat's present one. It reports
// whether there was room for it; if so, keep must be called. Lists of strangers
// take no room from those of officials.
func (l *liveLists) start(where post, official bool, now time.Time) (*liveList, bool) {
	list := &liveList{official: official, until: now.Add(liveTime), ended: make(chan string, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.lists[where.chat]
	alike := 0 // other lists of officials, or of strangers
	for _, other := range l.lists {
		if other != old && other.official == official {
			alike++
		}
	}
	if alike >= maxLiveLists {
		return nil, false
	}
	if old != nil {
		old.end("Continued in the newer list.")
	}

	where.html, where.keys = l.text(list, now), stopKeys
	list.message = newProgress(l.client, l.out, where)
	list.message.bestEffort = true
	l.lists[where.chat] = list
	return list, true
}

// end ends a list, which then says why.
func (list *liveList) end(why string) {
	select {
	case list.ended <- why:
	default: // it is already ending
	}
}

// stop ends the live list in a message. It reports whether there is one.
func (l *liveLists) stop(chat, message int64) bool {
	l.mu.Lock()
	list := l.lists[chat]
	l.mu.Unlock()
	if list == nil {
		return false
	}
	id, _, _ := list.message.state()
	if id == message {
		list.end("Stopped.")
	}
	return id == message
}

// text returns the text of a live list.
func (l *liveLists) text(list *liveList, now time.Time) string {
	return l.firstPage(now) + "\nlive until " + list.until.Format("15:04")
}

// firstPage returns the part of /current that fits into one message.
func (l *liveLists) firstPage(now time.Time) string {
	pages := l.current(now)
	if n := len(pages); n > 1 {
		return fmt.Sprintf("%s\nthe first of %d pages: see /current", pages[0], n)
	}
	return pages[0]
}

// keep keeps a live list up to date until it or ctx ends.
func (l *liveLists) keep(ctx context.Context, list *liveList) {
	chat := list.message.first.chat
	defer l.remove(chat, list)
	gone := make(chan struct{})
	var showing taskGroup
	showing.Go(func() {
		defer close(gone)
		list.message.run(ctx)
	})

	every := livePrivatePause
	if chat < 0 {
		every = liveGroupPause
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	shown := list.message.first.html
	why := ""
	for why == "" {
		select {
		case now := <-tick.C:
			text := l.text(list, now)
			if now.After(list.until) {
				why = "Ended after an hour."
			} else if !sameList(text, shown) {
				list.message.show(text)
				shown = text
			}
		case why = <-list.ended:
		case <-gone:
			return
		case <-ctx.Done():
			why = "The bot was stopped."
		}
	}
	list.message.finish(l.firstPage(time.Now()) + "\n" + why)
	<-gone
}

// remove removes a live list that has ended.
func (l *liveLists) remove(chat int64, list *liveList) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lists[chat] == list {
		delete(l.lists, chat)
	}
}

// sameList reports whether two lists differ only in the time in their heads.
func sameList(a, b string) bool {
	_, a, _ = strings.Cut(a, "\n")
	_, b, _ = strings.Cut(b, "\n")
	return a == b
}

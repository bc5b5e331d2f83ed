package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	boardTime = time.Hour // until a live list ends by itself
	maxBoards = 20        // live lists at the same time

	// The time between two changes of a live list.
	boardPrivate = 3 * time.Second
	boardGroup   = 6 * time.Second
)

// liveBoards are messages that show /current and keep it up to date. They show
// what the watch knows, so they cause no requests to the PDUs.
type liveBoards struct {
	client  *client
	out     *outbox
	current func(now time.Time) []string // the pages of /current

	mu     sync.Mutex // guards boards
	boards map[int64]*board
}

// A board is one live list. A chat has at most one, even if it has topics,
// because Telegram's limits apply to the chat.
type board struct {
	message *progress
	until   time.Time
	ended   chan string // receives the reason when the board must end
}

// stopKeys is the keyboard of a live list.
var stopKeys = [][]button{{{Text: "Stop", Data: "stop"}}}

func newLiveBoards(c *client, out *outbox, current func(now time.Time) []string) *liveBoards {
	return &liveBoards{client: c, out: out, current: current, boards: make(map[int64]*board)}
}

// start starts a board, which replaces the chat's present one. It reports
// whether there was room for it; if so, keep must be called.
func (l *liveBoards) start(where post, now time.Time) (*board, bool) {
	b := &board{until: now.Add(boardTime), ended: make(chan string, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.boards[where.chat]
	if old == nil && len(l.boards) >= maxBoards {
		return nil, false
	}
	if old != nil {
		old.end("Continued in the newer list.")
	}

	where.html, where.keys = l.text(b, now), stopKeys
	b.message = newProgress(l.client, l.out, where)
	b.message.bestEffort = true
	l.boards[where.chat] = b
	return b, true
}

// end ends a board, which then says why.
func (b *board) end(why string) {
	select {
	case b.ended <- why:
	default: // it is already ending
	}
}

// stop ends the board in a message. It reports whether there is one.
func (l *liveBoards) stop(chat, message int64) bool {
	l.mu.Lock()
	b := l.boards[chat]
	l.mu.Unlock()
	if b == nil {
		return false
	}
	id, _, _ := b.message.state()
	if id == message {
		b.end("Stopped.")
	}
	return id == message
}

// text returns the text of a board.
func (l *liveBoards) text(b *board, now time.Time) string {
	return l.list(now) + "\nlive until " + b.until.Format("15:04")
}

// list returns the part of /current that fits into one message.
func (l *liveBoards) list(now time.Time) string {
	pages := l.current(now)
	if n := len(pages); n > 1 {
		return fmt.Sprintf("%s\nthe first of %d pages: see /current", pages[0], n)
	}
	return pages[0]
}

// keep keeps a board up to date until it or ctx ends.
func (l *liveBoards) keep(ctx context.Context, b *board) {
	chat := b.message.first.chat
	defer l.remove(chat, b)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		b.message.run(ctx)
	}()

	every := boardPrivate
	if chat < 0 {
		every = boardGroup
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	shown := b.message.first.html
	why := ""
	for why == "" {
		select {
		case now := <-tick.C:
			text := l.text(b, now)
			if now.After(b.until) {
				why = "Ended after an hour."
			} else if !sameList(text, shown) {
				b.message.show(text)
				shown = text
			}
		case why = <-b.ended:
		case <-gone:
			return
		case <-ctx.Done():
			why = "The bot was stopped."
		}
	}
	b.message.finish(l.list(time.Now()) + "\n" + why)
	<-gone
}

// remove forgets a board that has ended.
func (l *liveBoards) remove(chat int64, b *board) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.boards[chat] == b {
		delete(l.boards, chat)
	}
}

// sameList reports whether two lists differ only in the time in their heads.
func sameList(a, b string) bool {
	_, a, _ = strings.Cut(a, "\n")
	_, b, _ = strings.Cut(b, "\n")
	return a == b
}

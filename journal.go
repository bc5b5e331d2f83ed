package main

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// journalWait is how long after its event an alert waits at most for its
	// line to be on the disk.
	journalWait = time.Second
	// maxJournalLines is how many lines may wait for a disk that hangs.
	maxJournalLines = 10_000
)

// A journal writes exceedings.log: the evidence of who went over the limit and
// who reset what. A separate goroutine writes the lines, so that a disk that
// hangs delays nobody for long.
type journal struct {
	path   string
	append func(line string) error // returns when the line is on the disk
	failed func(error)             // called when writing begins to fail

	failures failureLog    // used by run only
	done     chan struct{} // closed when run has returned

	mu      sync.Mutex // guards the fields below
	changed *sync.Cond // a line was queued, or the journal closed
	waiting []*journalLine
	closed  bool
	lost    int // lines dropped because too many were waiting
}

// A journalLine is a line to be written.
type journalLine struct {
	text    string
	at      time.Time     // of the event
	written chan struct{} // closed when it is on the disk, or writing it failed
}

// newJournal returns a journal that writes to a file. Its run must be called.
func newJournal(path string) *journal {
	file := &logFile{path: path}
	j := &journal{
		path:     path,
		append:   file.append,
		failed:   func(error) {},
		failures: failureLog{what: path},
		done:     make(chan struct{}),
	}
	j.changed = sync.NewCond(&j.mu)
	return j
}

// add appends a line about a PDU or a team. It returns when the line is on the
// disk or writing it has failed, but at the latest a second after the event.
// While the disk hangs, only the first line is waited for.
func (j *journal) add(at time.Time, who, what string) {
	slog.Info(who + ": " + what)
	line := &journalLine{
		text:    fmt.Sprintf("%s --- %s: %s\n", at.Format(time.DateTime), who, what),
		at:      at,
		written: make(chan struct{}),
	}
	oldest, ok := j.queue(line)
	if !ok {
		return
	}

	late := time.NewTimer(time.Until(oldest.Add(journalWait)))
	defer late.Stop()
	select {
	case <-line.written:
	case <-late.C:
	}
}

// queue passes a line to run, unless too many are waiting. It returns the time
// of the oldest line that is not yet on the disk.
func (j *journal) queue(line *journalLine) (oldest time.Time, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || len(j.waiting) >= maxJournalLines {
		j.lost++
		return time.Time{}, false
	}
	j.waiting = append(j.waiting, line)
	j.changed.Signal()
	return j.waiting[0].at, true
}

// run writes the lines that are added until close is called.
func (j *journal) run() {
	defer close(j.done)
	j.wrote(j.append("")) // report at once a file that cannot be written
	for line := j.next(); line != nil; line = j.next() {
		j.wrote(j.append(line.text))
		close(line.written)
		j.drop()
	}
}

// close lets run return after it has written the lines that are waiting. If the
// disk hangs, close waits for journalWait only.
func (j *journal) close() {
	j.mu.Lock()
	j.closed = true
	j.changed.Signal()
	j.mu.Unlock()
	select {
	case <-j.done:
	case <-time.After(journalWait):
		slog.Error("the last lines could not be written", "file", j.path)
	}
}

// next waits for a line and returns the oldest one, or nil after the last one.
// The line stays in the queue while it is being written, so that add can tell
// how long the disk has been hanging.
func (j *journal) next() *journalLine {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.waiting) == 0 && !j.closed {
		j.changed.Wait()
	}
	if len(j.waiting) == 0 {
		return nil
	}
	return j.waiting[0]
}

// drop removes the oldest line.
func (j *journal) drop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = slices.Delete(j.waiting, 0, 1)
	if j.lost > 0 && len(j.waiting) == 0 {
		slog.Error("the disk hung for so long that lines were lost", "file", j.path, "lines", j.lost)
		j.lost = 0
	}
}

// wrote handles the result of a write. It reports when writes begin to fail.
func (j *journal) wrote(err error) {
	if err != nil && j.failures.last == nil {
		j.failed(err)
	}
	j.failures.record(err)
}

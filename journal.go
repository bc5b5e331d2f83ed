package main

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// journalWait is how long after its event an alert waits at most until its
	// line is on the disk.
	journalWait = time.Second
	// maxJournalLines is how many lines wait at most for a disk that hangs.
	maxJournalLines = 10_000
)

// A journal writes exceedings.log: the evidence of who went over the limit and
// of who reset what. A goroutine of its own writes the lines, so that a disk
// that hangs holds up nobody for long.
type journal struct {
	path   string
	append func(line string) error // returns when the line is on the disk
	failed func(error)             // called when the file cannot be written any more

	failures failureLog    // only run uses it
	done     chan struct{} // closed when run has returned

	mu      sync.Mutex // guards what follows
	changed *sync.Cond // a line came, or the journal was closed
	waiting []*journalLine
	closed  bool
	lost    int // lines, because too many waited
}

// A journalLine is a line on its way to the disk.
type journalLine struct {
	text    string
	at      time.Time     // of the event
	written chan struct{} // closed when it is on the disk, or cannot be
}

// newJournal returns the journal in a file. Its run must be called.
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

// add appends a line about a PDU or a team. It returns when the line is on
// the disk or cannot be, but waits no longer than until a second after the
// event. While the disk hangs, only the first line is waited for.
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

// queue hands a line to run, unless too many wait. It returns the time of the
// oldest line that is not yet on the disk.
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

// run writes what is added until close is called.
func (j *journal) run() {
	defer close(j.done)
	j.wrote(j.append("")) // a file that cannot be written is reported at once
	for line := j.next(); line != nil; line = j.next() {
		j.wrote(j.append(line.text))
		close(line.written)
		j.drop()
	}
}

// close lets run return after the lines that wait have been written. It does
// not wait for a disk that hangs longer than for a line.
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

// next waits for the line that has waited longest, or returns nil after the
// last one. The line stays in the queue while it is being written, so that
// others see how long that takes.
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

// drop removes the line that has waited longest.
func (j *journal) drop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = slices.Delete(j.waiting, 0, 1)
	if j.lost > 0 && len(j.waiting) == 0 {
		slog.Error("the disk hung for so long that lines were lost", "file", j.path, "lines", j.lost)
		j.lost = 0
	}
}

// wrote reports when the file cannot be written any more.
func (j *journal) wrote(err error) {
	if err != nil && j.failures.last == nil {
		j.failed(err)
	}
	j.failures.record(err)
}

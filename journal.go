package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// journalWait is how long after its event an alert waits at most for its
	// line to be on the disk.
	journalWait = time.Second
	// journalRetry is the time between attempts while writing fails.
	journalRetry = time.Second
	// maxJournalLines is how many lines may wait, besides a line that stands
	// for earlier ones.
	maxJournalLines = 10_000
	// maxJournalBatch is how many lines are written at once.
	maxJournalBatch = 100
)

// A journal writes exceedings.log: the evidence of who went over the limit and
// who reset what. A separate goroutine writes the lines, so that a disk that
// hangs delays nobody for long. Lines that cannot be written wait in memory
// until they can.
type journal struct {
	path     string
	append   func(lines string) error // returns when all lines are on the disk, or an error if none is
	failed   func(error)              // called when writing begins to fail
	restored func(late, lost int)     // called when everything is on the disk again, except lost lines

	failures failureLog    // used by run only
	queued   chan struct{} // holds a value after a line was queued
	closing  chan struct{} // closed by close
	done     chan struct{} // closed when run has returned

	mu         sync.Mutex // guards the fields below
	waiting    []journalLine
	writing    int  // how many of them, the oldest ones, are being written
	failing    bool // until everything is on the disk again
	late, lost int  // lines written late and lines lost since it began to fail
	closed     bool
}

// A journalLine is a line to be written.
type journalLine struct {
	text  string
	at    time.Time     // of the event
	tried chan struct{} // closed after the first attempt to write it, and then nil
	lost  int           // lines that this line stands for, because too many were waiting
}

// release lets add return.
func (l *journalLine) release() {
	if l.tried != nil {
		close(l.tried)
		l.tried = nil
	}
}

// newJournal returns a journal that writes to a file. Its run must be called.
func newJournal(path string) *journal {
	return &journal{
		path:     path,
		append:   newLogFile(path).append,
		failed:   func(error) {},
		restored: func(late, lost int) {},
		failures: failureLog{what: path},
		queued:   make(chan struct{}, 1),
		closing:  make(chan struct{}),
		done:     make(chan struct{}),
	}
}

// add appends a line about a PDU or a team. It returns when the line is on the
// disk or writing it has failed, but at the latest a second after the event.
// While the disk hangs, only the first line is waited for.
func (j *journal) add(at time.Time, who, what string) {
	slog.Info(who + ": " + what)
	line := journalLine{text: lineText(at, who, what), at: at, tried: make(chan struct{})}
	oldest, wait := j.queue(line)
	if !wait {
		return
	}

	late := time.NewTimer(time.Until(oldest.Add(journalWait)))
	defer late.Stop()
	select {
	case <-line.tried:
	case <-late.C:
	}
}

// lineText returns a line in the log's format.
func lineText(at time.Time, who, what string) string {
	return fmt.Sprintf("%s --- %s: %s\n", at.Format(time.DateTime), who, what)
}

// queue passes a line to run. It returns the time of the oldest line that is
// not yet on the disk, and whether to wait for the line.
func (j *journal) queue(line journalLine) (oldest time.Time, wait bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		j.logUnwritten(line)
		return time.Time{}, false
	}

	j.waiting = append(j.waiting, line)
	if len(j.waiting) > maxJournalLines+1 {
		j.dropOldest()
	}
	select {
	case j.queued <- struct{}{}:
	default:
	}
	return j.waiting[0].at, !j.failing
}

// dropOldest replaces the two oldest lines that are not being written by one
// that stands for both. j.mu must be held.
func (j *journal) dropOldest() {
	a, b := j.waiting[j.writing], j.waiting[j.writing+1]
	n := max(a.lost, 1) + max(b.lost, 1)
	what := fmt.Sprintf("%d lines are missing here: they could not be written", n)
	j.waiting[j.writing+1] = journalLine{text: lineText(b.at, "Log file", what), at: b.at, lost: n}
	j.waiting = slices.Delete(j.waiting, j.writing, j.writing+1)
}

// run writes the lines that are added until close is called.
func (j *journal) run() {
	defer close(j.done)
	j.handleResult(0, j.append("")) // report at once a file that cannot be written
	for open := true; open; {
		open = j.wait()
		j.write()
	}
}

// close lets run return after one more attempt to write the lines that are
// waiting. If the disk hangs, close waits for journalWait only. Lines that are
// not on the disk then are logged to stderr.
func (j *journal) close() {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	close(j.closing)
	select {
	case <-j.done:
	case <-time.After(journalWait):
	}

	j.mu.Lock()
	unwritten := slices.Clone(j.waiting)
	j.mu.Unlock()
	for _, line := range unwritten {
		j.logUnwritten(line)
	}
}

// logUnwritten logs a line that is not on the disk when the bot ends.
func (j *journal) logUnwritten(line journalLine) {
	slog.Error("could not be written", "file", j.path, "line", strings.TrimSuffix(line.text, "\n"))
}

// wait waits until there may be something to write. It reports false if the
// journal was closed.
func (j *journal) wait() bool {
	queued, retry := j.queued, (<-chan time.Time)(nil)
	if j.isFailing() {
		t := time.NewTimer(journalRetry)
		defer t.Stop()
		queued, retry = nil, t.C
	}
	select {
	case <-queued:
	case <-retry:
	case <-j.closing:
		return false
	}
	return true
}

// write writes the waiting lines until that fails. After a failure it first
// tries a single line, which may fit even if the disk has little room.
func (j *journal) write() {
	limit := maxJournalBatch
	if j.isFailing() {
		limit = 1
	}
	for {
		text, n := j.next(limit)
		if n == 0 && !j.isFailing() {
			return
		}
		err := j.append(text) // even of nothing: it shows whether the file can be opened
		j.handleResult(n, err)
		if err != nil {
			return
		}
		limit = maxJournalBatch
	}
}

// next returns the oldest lines and their number, up to a limit. They stay in
// the queue while they are being written, so that add can tell how long the
// disk has been hanging.
func (j *journal) next(limit int) (text string, n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writing = min(len(j.waiting), limit)
	for _, line := range j.waiting[:j.writing] {
		text += line.text
	}
	return text, j.writing
}

// handleResult updates the queue after an attempt to write its n oldest lines.
// It reports when writing begins to fail, and when everything is on the disk
// again.
func (j *journal) handleResult(n int, err error) {
	if err != nil {
		if j.fail() {
			j.failed(err)
		}
		j.failures.record(err)
		return
	}
	if late, lost, recovered := j.remove(n); recovered {
		j.restored(late, lost)
		j.failures.record(nil)
	}
}

// fail records that lines could not be written, and reports whether this is
// new. No alert waits for them anymore.
func (j *journal) fail() (began bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	began = !j.failing
	j.writing, j.failing = 0, true
	for i := range j.waiting {
		j.waiting[i].release()
	}
	return began
}

// remove removes the n oldest lines, which are on the disk. If no others are
// left after a failure, it reports that, and how many lines were written late
// and lost.
func (j *journal) remove(n int) (late, lost int, recovered bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range n {
		j.waiting[i].release()
		switch missing := j.waiting[i].lost; {
		case !j.failing:
		case missing > 0:
			j.lost += missing
		default:
			j.late++
		}
	}
	j.waiting = slices.Delete(j.waiting, 0, n)
	j.writing = 0
	if !j.failing || len(j.waiting) > 0 {
		return 0, 0, false
	}
	late, lost = j.late, j.lost
	j.failing, j.late, j.lost = false, 0, 0
	return late, lost, true
}

func (j *journal) isFailing() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failing
}

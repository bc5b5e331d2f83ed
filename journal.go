package main

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// A journal is exceedings.log: the evidence of who went over the limit and of who reset what. Other tools read it as well.
type journal struct {
	path   string
	failed func(error) // called when it cannot be written any more; it must not wait

	mu     sync.Mutex // guards what follows
	file   *os.File
	broken bool
}

// add appends a line on a PDU or a team, and returns when it is in the file, or cannot be. A line goes out in one write,
// so that no reader sees half of it.
func (j *journal) add(at time.Time, who, what string) {
	line := fmt.Sprintf("%s --- %s: %s\n", at.Format(time.DateTime), who, what)
	j.mu.Lock()
	defer j.mu.Unlock()
	slog.Info(who + ": " + what)
	j.note(j.write(line))
}

// open opens the file at the start, so that it is told soon if it cannot be.
func (j *journal) open() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.note(j.reopen())
}

// note tells when the file cannot be written any more. j.mu is held.
func (j *journal) note(err error) {
	if err != nil {
		slog.Error("the log cannot be written", "err", err)
		if !j.broken {
			j.failed(err)
		}
	}
	j.broken = err != nil
}

// write appends a line. j.mu is held.
func (j *journal) write(line string) error {
	if err := j.reopen(); err != nil {
		return err
	}
	before, err := j.file.Stat()
	if err != nil {
		return err
	}
	if n, err := j.file.WriteString(line); err != nil {
		if n > 0 {
			j.file.Truncate(before.Size()) // half a line
		}
		j.close()
		return err
	}
	return nil
}

// reopen opens the file where it is not open, or was rotated away. j.mu is held.
func (j *journal) reopen() error {
	named, err := os.Stat(j.path)
	if j.file != nil {
		opened, openErr := j.file.Stat()
		if err == nil && openErr == nil && os.SameFile(named, opened) {
			return nil
		}
		j.close()
	}
	if err == nil && named.Mode()&os.ModeNamedPipe != 0 {
		return fmt.Errorf("%s is a pipe, which would have the bot wait", j.path)
	}
	j.file, err = os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return err
}

func (j *journal) close() {
	if j.file != nil {
		j.file.Close()
		j.file = nil
	}
}

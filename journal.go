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
	failed func(error) // called when it cannot be written any more

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
	err := j.write(line)
	if err != nil {
		slog.Error("the log cannot be written, and lacks this line", "err", err, "line", line)
		if !j.broken {
			j.failed(err)
		}
	}
	if j.broken = err != nil; !j.broken {
		slog.Info(who + ": " + what)
	}
}

// write opens the file first where it is not open, or was rotated away.
func (j *journal) write(line string) error {
	if j.file != nil {
		named, err := os.Stat(j.path)
		opened, _ := j.file.Stat()
		if err != nil || !os.SameFile(named, opened) {
			j.close()
		}
	}
	if j.file == nil {
		f, err := os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		j.file = f
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

func (j *journal) close() {
	if j.file != nil {
		j.file.Close()
		j.file = nil
	}
}

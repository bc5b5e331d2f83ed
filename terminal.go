package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// A terminalWriter buffers lines for a terminal, which may be stopped (Ctrl-S)
// while the bot must go on. Writing never blocks: lines that do not fit are
// lost.
type terminalWriter struct {
	lines   chan []byte
	closing chan struct{}
	closed  chan struct{} // closed when the last line is written
	once    sync.Once
}

// newTerminalWriter returns a writer whose lines go to out.
func newTerminalWriter(out io.Writer) *terminalWriter {
	t := &terminalWriter{
		lines:   make(chan []byte, 1000),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	go t.copy(out)
	return t
}

// copy writes the lines to out until the writer is closed and no lines are
// left.
func (t *terminalWriter) copy(out io.Writer) {
	defer close(t.closed)
	for {
		select {
		case line := <-t.lines:
			out.Write(line)
			continue
		default:
		}
		select {
		case line := <-t.lines:
			out.Write(line)
		case <-t.closing:
			return
		}
	}
}

// Write implements io.Writer.
func (t *terminalWriter) Write(line []byte) (int, error) {
	select {
	case t.lines <- bytes.Clone(line):
	default:
	}
	return len(line), nil
}

// Close gives the last lines a moment to be written. Lines that are written
// later are lost.
func (t *terminalWriter) Close() error {
	t.once.Do(func() { close(t.closing) })
	select {
	case <-t.closed:
	case <-time.After(300 * time.Millisecond):
	}
	return nil
}

// shortTime shortens a log line's time to what a person at the terminal needs,
// and drops it if systemd records it anyway.
func shortTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		if os.Getenv("JOURNAL_STREAM") != "" {
			return slog.Attr{}
		}
		a.Value = slog.StringValue(a.Value.Time().Format("15:04:05"))
	}
	return a
}

// isTerminal reports whether a file is a terminal.
func isTerminal(f *os.File) bool { return stty(f, "-g") == nil }

// stty changes a terminal's settings with the system's own command. It returns
// an error if the file is not a terminal.
func stty(terminal *os.File, arg string) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	p, err := os.StartProcess("/bin/stty", []string{"stty", arg}, &os.ProcAttr{Files: []*os.File{terminal, null, null}})
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err == nil && !state.Success() {
		err = errors.New(state.String())
	}
	return err
}

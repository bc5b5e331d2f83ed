package main

import (
	"io"
	"log/slog"
	"strings"
	"testing"
)

// TestTerminalWriterClosed checks that a log call after run has returned does no
// harm.
func TestTerminalWriterClosed(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var stdout, stderr strings.Builder
	if code := run(t.Context(), []string{"-version"}, strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	wants(t, stdout.String(), "iscbot ")
	for range 2000 { // more than the writer keeps
		slog.Info("too late")
	}
}

// TestTerminalWriterStopped checks that nobody waits for a terminal that takes no
// lines, and that those that fit come when it does.
func TestTerminalWriterStopped(t *testing.T) {
	r, w := io.Pipe()
	terminal := newTerminalWriter(w)
	for range 5000 {
		io.WriteString(terminal, "line\n")
	}
	if err := terminal.Close(); err != nil {
		t.Error(err)
	}
	go func() {
		<-terminal.closed
		w.Close()
	}()
	text, err := io.ReadAll(r)
	if n := strings.Count(string(text), "line\n"); err != nil || n < 1000 || n > 1001 {
		t.Errorf("%d lines, %v; want the thousand that fit and the one that was being written", n, err)
	}
}

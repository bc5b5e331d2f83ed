package main

import (
	"io"
	"log"
	"log/slog"
	"strings"
	"testing"
)

// TestTerminalWriterClosed checks that logging after run has returned is
// harmless.
func TestTerminalWriterClosed(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var stdout, stderr strings.Builder
	if code := run(t.Context(), []string{"-version"}, strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	wants(t, stdout.String(), "iscbot ")
	for range 2000 { // more than the writer buffers
		slog.Info("too late")
	}
}

// A loggingWriter uses package log when it is written to, as net/http does when a
// card sends bytes unasked.
type loggingWriter struct{}

func (loggingWriter) Write(p []byte) (int, error) {
	log.Print("Unsolicited response received on idle HTTP channel starting with \"<html>\"")
	return len(p), nil
}

// TestTerminalOnlyOwnLines checks that the terminal does not show what cards send.
func TestTerminalOnlyOwnLines(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var stderr strings.Builder
	if code := run(t.Context(), []string{"-version"}, strings.NewReader(""), loggingWriter{}, &stderr); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if stderr.Len() > 0 {
		t.Errorf("the terminal shows %q", &stderr)
	}
}

// TestTerminalWriterStopped checks that writing does not wait for a terminal
// that takes no lines, and that the lines that fit appear when it does.
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

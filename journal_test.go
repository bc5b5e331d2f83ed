package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// writeJournal runs a journal while f adds lines to it, and returns what was
// logged to stderr.
func writeJournal(j *journal, f func()) string {
	return loggedBy(func() {
		go j.run()
		f()
		j.close()
	})
}

// wantFile fails the test unless a file has the text.
func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	j := newJournal(path)
	j.failed = func(err error) { t.Errorf("failed: %v", err) }
	now := time.Now()
	line := func(text string) string { return now.Format(time.DateTime) + " --- A(.1): " + text + "\n" }
	log := writeJournal(j, func() {
		j.add(now, "A(.1)", "one")
		wantFile(t, path, line("one"))
		j.add(now, "A(.1)", "two")
	})
	wantFile(t, path, line("one")+line("two"))
	if !strings.Contains(log, "A(.1): one") {
		t.Errorf("not on the terminal:\n%s", log)
	}
}

// TestJournalBrokenEnd checks that the next line after a power cut begins on a
// line of its own.
func TestJournalBrokenEnd(t *testing.T) {
	tests := map[string]struct{ before, want string }{
		"no file":        {"", "next\n"},
		"whole lines":    {"one\n", "one\nnext\n"},
		"half a line":    {"one\n2026-06-15 10:3", "one\n2026-06-15 10:3\nnext\n"},
		"NUL bytes":      {"one\n\x00\x00\x00", "one\n\x00\x00\x00\nnext\n"},
		"only NUL bytes": {"\x00\x00", "\x00\x00\nnext\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if tt.before != "" {
				if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f := &logFile{path: path}
			if err := f.append("next\n"); err != nil {
				t.Fatal(err)
			}
			defer f.close()
			wantFile(t, path, tt.want)
			if err := f.append("last\n"); err != nil {
				t.Fatal(err)
			}
			wantFile(t, path, tt.want+"last\n")
		})
	}
}

func TestLogFileRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := &logFile{path: path}
	write := func(line string) {
		t.Helper()
		if err := f.append(line); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("two\n")
	wantFile(t, path+".1", "one\n")
	wantFile(t, path, "two\n")

	if err := os.Rename(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil { // created by the program that rotates it
		t.Fatal(err)
	}
	write("between\n")
	wantFile(t, path, "between\n")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write("three\n")
	wantFile(t, path, "three\n")

	if err := os.WriteFile(path, nil, 0o600); err != nil { // rotated by copying and truncating
		t.Fatal(err)
	}
	write("four\n")
	wantFile(t, path, "four\n")

	f.file.Close() // whatever went wrong with it, the next line opens it again
	write("five\n")
	wantFile(t, path, "four\nfive\n")
	f.close()
}

// TestLogFileRefused checks that names of other things than regular files are
// refused without blocking.
func TestLogFileRefused(t *testing.T) {
	dir := t.TempDir()
	tests := map[string]struct{ path, want string }{
		"a directory":       {dir, "not a regular file"},
		"a missing one":     {filepath.Join(dir, "missing", "log"), "no such file"},
		"a device":          {os.DevNull, "not a regular file"},
		"the end of a pipe": {fmt.Sprintf("/dev/fd/%d", pipeEnd(t)), "not a regular file"},
	}
	for name, tt := range tests {
		err := (&logFile{path: tt.path}).append("line\n")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

// pipeEnd returns the file descriptor of a pipe to which nobody writes.
func pipeEnd(t *testing.T) uintptr {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r.Fd()
}

// TestJournalFailure checks that failing writes are reported once, do not block
// alerts, and that later lines are written again.
func TestJournalFailure(t *testing.T) {
	full, broken := errors.New("no space left on device"), errors.New("input/output error")
	const lines = 7
	results := []error{nil, nil, full, full, nil, broken, broken, nil} // the first is of opening the file
	var reported []error
	j := newJournal("exceedings.log")
	j.failed = func(err error) { reported = append(reported, err) }
	j.append = func(string) error {
		result := results[0]
		results = results[1:]
		return result
	}
	log := writeJournal(j, func() {
		for range lines {
			j.add(time.Now(), "A(.1)", "line")
		}
	})
	if len(reported) != 2 || !errors.Is(reported[0], full) || !errors.Is(reported[1], broken) {
		t.Errorf("reported %v, want each failure once", reported)
	}
	if n := strings.Count(log, "failed, trying again"); n != 2 || strings.Count(log, "works again") != 2 {
		t.Errorf("logged:\n%s", log)
	}
}

// A hangingDisk is a disk that hangs until it is released.
type hangingDisk struct {
	released chan struct{}
	mu       sync.Mutex // guards lines
	lines    []string
}

func (d *hangingDisk) append(line string) error {
	if line == "" {
		return nil
	}
	<-d.released
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
	return nil
}

// TestJournalHangingDisk covers a disk that hangs: the first line waits a
// second, later ones do not wait, and none is lost when the disk recovers.
func TestJournalHangingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &hangingDisk{released: make(chan struct{})}
		j := newJournal("log")
		j.append = disk.append
		writeJournal(j, func() {
			for i, most := range []time.Duration{journalWait, 0, 0, 0} {
				start := time.Now()
				j.add(start, "A(.1)", fmt.Sprint("line ", i))
				if took := time.Since(start); took != most {
					t.Errorf("line %d took %s, want %s", i, took, most)
				}
			}
			time.Sleep(time.Minute)
			start := time.Now()
			j.add(start, "A(.1)", "line 4")
			if took := time.Since(start); took != 0 {
				t.Errorf("a minute later a line took %s", took)
			}
			close(disk.released)
			synctest.Wait()
			j.add(time.Now(), "A(.1)", "line 5")
		})
		for i, line := range disk.lines {
			if !strings.HasSuffix(line, fmt.Sprintf("A(.1): line %d\n", i)) {
				t.Errorf("line %d is %q", i, line)
			}
		}
		if len(disk.lines) != 6 {
			t.Errorf("%d lines, want 6", len(disk.lines))
		}
	})
}

// TestJournalSlowDisk checks that no alert is delayed by more than a second if
// many events occur at once and the disk needs most of a second for each line.
func TestJournalSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal("log")
		j.append = func(line string) error {
			time.Sleep(900 * time.Millisecond)
			return nil
		}
		loggedBy(func() {
			go j.run()
			time.Sleep(time.Second)
			events := time.Now()
			for range 250 {
				j.add(events, "A(.1)", "line")
			}
			if took := time.Since(events); took > journalWait {
				t.Errorf("250 alerts took %s", took)
			}
			time.Sleep(time.Hour)
			j.close()
		})
	})
}

// TestJournalBounds checks that a bounded number of lines wait for a disk that
// hangs for long, and that lost lines are reported.
func TestJournalBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &hangingDisk{released: make(chan struct{})}
		j := newJournal("log")
		j.append = disk.append
		log := writeJournal(j, func() {
			for range maxJournalLines + 7 {
				j.add(time.Now(), "A(.1)", "line")
			}
			close(disk.released)
			synctest.Wait()
		})
		if len(disk.lines) != maxJournalLines || !strings.Contains(log, "lines=7") {
			t.Errorf("%d lines were written, want %d, and 7 reported as lost", len(disk.lines), maxJournalLines)
		}
	})
}

// TestJournalClose checks that close waits for lines to be written but not for
// a disk that hangs, and that a line added later does not panic.
func TestJournalClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &hangingDisk{released: make(chan struct{})}
		j := newJournal("log")
		j.append = disk.append
		log := loggedBy(func() {
			go j.run()
			j.add(time.Now(), "A(.1)", "line")
			start := time.Now()
			j.close()
			if took := time.Since(start); took != journalWait {
				t.Errorf("close took %s", took)
			}
			j.add(time.Now(), "A(.1)", "too late")
			close(disk.released)
			<-j.done
		})
		if len(disk.lines) != 1 || !strings.Contains(log, "could not be written") {
			t.Errorf("%d lines were written; logged:\n%s", len(disk.lines), log)
		}
	})
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
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
			f := newLogFile(path)
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
	f := newLogFile(path)
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
		err := newLogFile(tt.path).append("line\n")
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

// TestLogFileUndo checks that a write that fails leaves neither half a line nor
// lines that are written again.
func TestLogFileUndo(t *testing.T) {
	reopen := func(f *logFile, flags int) {
		f.file.Close()
		f.file, _ = os.OpenFile(f.path, flags, 0)
	}
	full := func(file *os.File, text string) (int, error) {
		n, _ := file.WriteString(text[:len(text)/2])
		return n, errors.New("no space left on device")
	}
	for name, tt := range map[string]struct {
		before, next string
		fail         func(f *logFile) (repair func())
		left, want   string // in the file while it fails, and in the end
	}{
		"full": {"one\n", "two\nthree\n", func(f *logFile) func() {
			f.write = full
			return func() {}
		}, "one\n", "one\ntwo\nthree\n"},
		"full, other lines follow": {"one\n", "four\n", func(f *logFile) func() {
			f.write = full
			return func() {}
		}, "one\n", "one\nfour\n"},
		"full after half a line": {"on", "two\n", func(f *logFile) func() {
			f.write = full
			return func() {}
		}, "on", "on\ntwo\n"},
		"not on the disk": {"one\n", "two\nthree\n", func(f *logFile) func() {
			f.write = func(file *os.File, text string) (int, error) {
				n, _ := file.WriteString(text)
				return n, errors.New("input/output error")
			}
			return func() {}
		}, "one\n", "one\ntwo\nthree\n"},
		"not removable until it is repaired": {"one\n", "two\nthree\n", func(f *logFile) func() {
			f.write = func(file *os.File, text string) (int, error) {
				n, _ := file.WriteString(text)
				reopen(f, os.O_RDONLY)
				return n, errors.New("read-only file system")
			}
			return func() { reopen(f, os.O_APPEND|os.O_RDWR) }
		}, "one\ntwo\nthree\n", "one\ntwo\nthree\n"},
		"followed by a note of somebody": {"one\n", "two\n", func(f *logFile) func() {
			f.write = func(file *os.File, text string) (int, error) {
				n, err := full(file, text)
				file.WriteString("note")
				f.write = writeAndSync
				return n, err
			}
			f.append("two\n")
			f.write = func(*os.File, string) (int, error) { return 0, errors.New("no space left on device") }
			return func() {}
		}, "one\ntwnote", "one\ntwnote\ntwo\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
				t.Fatal(err)
			}
			f := newLogFile(path)
			defer func() { f.close() }()
			repair := tt.fail(f)
			for range 3 {
				if err := f.append("two\nthree\n"); err == nil {
					t.Error("no error")
				}
			}
			wantFile(t, path, tt.left)
			repair()
			f.write = writeAndSync
			if err := f.append(tt.next); err != nil {
				t.Error(err)
			}
			wantFile(t, path, tt.want)
		})
	}
}

// TestJournalKeepsLines checks that lines are added, in order and with their
// own times, when the file can be written again, and that alerts do not wait
// for them.
func TestJournalKeepsLines(t *testing.T) {
	const lines = 3*maxJournalBatch/2 + 1
	path := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(path)
		var told []string
		j.failed = func(err error) { told = append(told, err.Error()) }
		j.restored = func(late, lost int) { told = append(told, fmt.Sprintf("%d late, %d lost", late, lost)) }
		var want string
		add := func(n int) {
			now := time.Now()
			j.add(now, "A(.1)", fmt.Sprint("line ", n))
			want += fmt.Sprintf("%s --- A(.1): line %d\n", now.Format(time.DateTime), n)
			if took := time.Since(now); took != 0 {
				t.Errorf("line %d took %s", n, took)
			}
		}
		log := writeJournal(j, func() {
			for n := range lines {
				add(n)
				time.Sleep(3 * time.Second)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			time.Sleep(journalRetry)
			synctest.Wait()
			wantFile(t, path, want)
			add(lines)
			wantFile(t, path, want)
		})
		wantFile(t, path, want)
		wantTold := []string{path + ": not a regular file", fmt.Sprintf("%d late, 0 lost", lines)}
		if !slices.Equal(told, wantTold) {
			t.Errorf("told %q, want %q", told, wantTold)
		}
		if strings.Count(log, "failed, trying again") != 1 || strings.Count(log, "works again") != 1 {
			t.Errorf("logged:\n%s", log)
		}
	})
}

// TestJournalFailureAtStart checks that people are told when a log that could
// not be written from the start can be, even if nothing happened meanwhile.
func TestJournalFailureAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFakeDisk()
		disk.set(errors.New("read-only file system"))
		j := newJournal("log")
		j.append = disk.append
		restored := 0
		j.restored = func(late, lost int) { restored += 1 + late + lost }
		writeJournal(j, func() {
			time.Sleep(time.Minute)
			if _, tries := disk.list(); tries > 61 {
				t.Errorf("%d tries in a minute", tries)
			}
			disk.set(nil)
			time.Sleep(journalRetry)
			synctest.Wait()
		})
		if restored != 1 {
			t.Errorf("restored: %d", restored)
		}
	})
}

// TestJournalLittleRoom checks that the lines that fit are written even if all
// of them together do not, and that people are told only about the end.
func TestJournalLittleRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFakeDisk()
		j := newJournal("log")
		j.append = disk.append
		var told []string
		j.failed = func(err error) { told = append(told, err.Error()) }
		j.restored = func(late, lost int) { told = append(told, fmt.Sprintf("%d late, %d lost", late, lost)) }
		writeJournal(j, func() {
			disk.setRoom(1)
			for n := range 8 {
				j.add(time.Now(), "A(.1)", fmt.Sprint("line ", n))
			}
			disk.setRoom(2)
			time.Sleep(time.Minute)
			if lines, tries := disk.list(); len(lines) != 3 || tries > 75 {
				t.Errorf("%d lines after %d tries", len(lines), tries)
			}
			disk.setRoom(100)
			time.Sleep(journalRetry)
			synctest.Wait()

			disk.set(errors.New("input/output error"))
			j.add(time.Now(), "A(.1)", "line 8")
			disk.set(nil)
			time.Sleep(journalRetry)
			synctest.Wait()
		})
		disk.wantLines(t, 9)
		want := []string{"no space left on device", "7 late, 0 lost", "input/output error", "1 late, 0 lost"}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// A fakeDisk has the lines that were written to it.
type fakeDisk struct {
	mu    sync.Mutex // guards the fields below
	hang  chan struct{}
	err   error
	room  int // for lines
	lines []string
	tries int
}

func newFakeDisk() *fakeDisk { return &fakeDisk{room: 1 << 30} }

// newHangingDisk returns a disk that hangs until release is called.
func newHangingDisk() (disk *fakeDisk, release func()) {
	disk = newFakeDisk()
	disk.hang = make(chan struct{})
	return disk, func() { close(disk.hang) }
}

func (d *fakeDisk) append(lines string) error {
	if d.hang != nil && lines != "" {
		<-d.hang
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	n := strings.Count(lines, "\n")
	switch {
	case d.err != nil:
		return d.err
	case n > d.room:
		return errors.New("no space left on device")
	}
	d.room -= n
	d.lines = append(d.lines, slices.Collect(strings.Lines(lines))...)
	return nil
}

// set sets what fails from now on.
func (d *fakeDisk) set(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// setRoom sets for how many lines there is room.
func (d *fakeDisk) setRoom(lines int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = lines
}

// list returns what was written so far, and the number of attempts.
func (d *fakeDisk) list() (lines []string, tries int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines), d.tries
}

// wantLines fails the test unless lines 0 to n-1 were written.
func (d *fakeDisk) wantLines(t *testing.T, n int) {
	t.Helper()
	lines, _ := d.list()
	for i, line := range lines {
		if !strings.HasSuffix(line, fmt.Sprintf("A(.1): line %d\n", i)) {
			t.Errorf("line %d is %q", i, line)
		}
	}
	if len(lines) != n {
		t.Errorf("%d lines, want %d", len(lines), n)
	}
}

// TestJournalHangingDisk covers a disk that hangs: the first line waits a
// second, later ones do not wait, and none is lost when the disk recovers.
func TestJournalHangingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, release := newHangingDisk()
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
			release()
			synctest.Wait()
			j.add(time.Now(), "A(.1)", "line 5")
		})
		disk.wantLines(t, 6)
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

// TestJournalBounds checks that a bounded number of lines wait for a disk, the
// newest ones, and that the log says where lines are missing and how many.
func TestJournalBounds(t *testing.T) {
	const extra = 7
	failing, hanging := newFakeDisk(), newFakeDisk()
	for name, tt := range map[string]struct {
		disk        *fakeDisk
		before      int // lines written before the gap
		stop, start func()
	}{
		"fails": {
			failing, 0,
			func() { failing.set(errors.New("no space left on device")) }, func() { failing.set(nil) },
		},
		"hangs": {
			hanging, 1,
			func() { hanging.hang = make(chan struct{}) }, func() { close(hanging.hang) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.stop()
				j := newJournal("log")
				j.append = tt.disk.append
				start, lost := time.Now(), 0
				j.restored = func(_, n int) { lost = n }
				writeJournal(j, func() {
					for n := range extra + maxJournalLines {
						j.add(start.Add(time.Duration(n)*time.Second), "A(.1)", fmt.Sprint("line ", n))
						if n == 0 {
							time.Sleep(journalWait)
						}
					}
					tt.start()
					time.Sleep(journalRetry)
					synctest.Wait()
				})

				lines, _ := tt.disk.list()
				if len(lines) != 1+maxJournalLines {
					t.Fatalf("%d lines", len(lines))
				}
				at := start.Add(time.Duration(tt.before+extra-1) * time.Second).Format(time.DateTime)
				want := at + " --- Log file: 7 lines are missing here: they could not be written\n"
				if got := lines[tt.before]; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				for i, line := range slices.Delete(lines, tt.before, tt.before+1) {
					n := i
					if i >= tt.before {
						n += extra
					}
					if !strings.HasSuffix(line, fmt.Sprintf("A(.1): line %d\n", n)) {
						t.Fatalf("line %d is %q", i, line)
					}
				}
				if name == "fails" && lost != extra {
					t.Errorf("restored with %d lost", lost)
				}
			})
		})
	}
}

// TestJournalClose checks that close tries once more to write the waiting
// lines, for a bounded time, and logs those that cannot be written. A line
// added later is logged too.
func TestJournalClose(t *testing.T) {
	full := errors.New("no space left on device")
	for name, tt := range map[string]struct {
		hang      bool
		err, last error // of the disk before close, and then
		took      time.Duration
		unwritten int
	}{
		"works":    {false, nil, nil, 0, 0},
		"repaired": {false, full, nil, 0, 0},
		"full":     {false, full, full, 0, 2},
		"hangs":    {true, nil, nil, journalWait, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk, release := newHangingDisk()
				if !tt.hang {
					release()
				}
				disk.set(tt.err)
				j := newJournal("log")
				j.append = disk.append
				log := loggedBy(func() {
					go j.run()
					j.add(time.Now(), "A(.1)", "line 0")
					j.add(time.Now(), "A(.1)", "line 1")
					synctest.Wait()
					disk.set(tt.last)
					start := time.Now()
					j.close()
					if took := time.Since(start); took != tt.took {
						t.Errorf("close took %s", took)
					}
					j.add(time.Now(), "A(.1)", "too late")
					if tt.hang {
						release()
					}
					<-j.done
				})
				if n := strings.Count(log, "could not be written\" file=log line="); n != tt.unwritten+1 {
					t.Errorf("%d lines were logged, want %d:\n%s", n, tt.unwritten+1, log)
				}
				if !tt.hang {
					disk.wantLines(t, 2-tt.unwritten)
				}
				wants(t, log, "A(.1): too late\"\n")
			})
		})
	}
}

// TestLateEvidence checks the whole program: people are told when the log fails
// and when it works again, and crossings meanwhile are in it.
func TestLateEvidence(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	p := s.start(t, "-log", "logs/exceedings.log")
	s.await(t, ann.ID, 0, "exceedings.log cannot be written", "do not stop it")
	s.pdus[0].Draw(3100)
	s.await(t, ann.ID, 0, "Above power limit (3100 W)!")
	s.pdus[0].Draw(2000)
	s.await(t, ann.ID, 0, "Back under power limit", "at most 3100 W")

	s.logPath = filepath.Join(s.dir, "logs", "exceedings.log")
	if err := os.Mkdir(filepath.Dir(s.logPath), 0o700); err != nil {
		t.Fatal(err)
	}
	s.await(t, ann.ID, 0, "exceedings.log can be written again", "Lines added late: 2, lost: 0.")
	wants(t, s.log(t), "Above power limit (3100 W)!", "at most 3100 W\n")

	if err := os.RemoveAll(filepath.Dir(s.logPath)); err != nil {
		t.Fatal(err)
	}
	s.pdus[0].Draw(3200)
	s.await(t, ann.ID, 0, "Above power limit (3200 W)!")
	if code := p.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	wants(t, p.log(), "could not be written\" file=logs/exceedings.log line=", "Above power limit (3200 W)!\"\n")
}

package main

import (
	"errors"
	"fmt"
	"os"
)

// A logFile is a file to which lines are appended. Other programs may read it
// and rotate it, and a power cut may leave half a line in it.
type logFile struct {
	path  string
	write func(*os.File, string) (n int, err error) // returns when it is on the disk

	file   *os.File // nil if it is not open
	midway bool     // the file may end in the middle of a line

	// A failed write left what is between these offsets. Both are 0 if it left
	// nothing, or if that has been removed.
	start, end int64
}

func newLogFile(path string) *logFile {
	return &logFile{path: path, write: writeAndSync}
}

func writeAndSync(f *os.File, text string) (n int, err error) {
	n, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	return n, err
}

// append appends lines and returns when they are on the disk. If it fails, none
// of them is in the file when the next ones are appended. It uses a single
// write, so that no reader sees half a line. An empty text only opens the file.
func (l *logFile) append(lines string) error {
	if err := l.open(); err != nil || lines == "" {
		return err
	}
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if l.midway {
		lines = "\n" + lines
	}

	n, err := l.write(l.file, lines)
	if err != nil {
		l.start, l.end = info.Size(), info.Size()+int64(n)
		if l.undo() == nil { // otherwise open tries again
			l.close()
		}
		return err
	}
	l.midway = false
	return nil
}

// undo removes what a failed write left at the end of the file, which would
// become half a line or a duplicate.
func (l *logFile) undo() error {
	if l.start == l.end {
		return nil
	}
	info, err := l.file.Stat()
	if err == nil && info.Size() == l.end { // otherwise another program has changed the file
		err = l.file.Truncate(l.start)
	}
	if err != nil && !errors.Is(err, os.ErrPermission) { // a file may be for appending only
		return err
	}
	l.start, l.end = 0, 0
	l.midway = !endsWithLine(l.file)
	return nil
}

// open opens the file if it is not open or was rotated.
func (l *logFile) open() error {
	named, err := os.Stat(l.path)
	if l.file != nil {
		opened, openErr := l.file.Stat()
		if err == nil && openErr == nil && os.SameFile(named, opened) {
			return l.undo()
		}
		l.close()
	}
	if err == nil && !named.Mode().IsRegular() { // opening a pipe would block
		return fmt.Errorf("%s: not a regular file", l.path)
	}

	// Open it for reading too: the last byte shows whether the last line is
	// whole.
	const flags = os.O_CREATE | os.O_APPEND
	f, err := os.OpenFile(l.path, flags|os.O_RDWR, 0o644)
	if errors.Is(err, os.ErrPermission) {
		f, err = os.OpenFile(l.path, flags|os.O_WRONLY, 0o644)
	}
	if err != nil {
		return err
	}
	l.file, l.midway = f, !endsWithLine(f)
	return nil
}

func (l *logFile) close() {
	l.undo() // best effort: it may have failed before
	l.file.Close()
	l.file, l.start, l.end = nil, 0, 0
}

// endsWithLine reports whether a file is empty or ends with a whole line. A
// power cut may leave half a line, or NUL bytes. If the file cannot be read, it
// reports false: an empty line does less harm than two lines joined into one.
func endsWithLine(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	if info.Size() == 0 {
		return true
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] == '\n'
}

package main

import (
	"errors"
	"fmt"
	"os"
)

// A logFile is a file to which lines are appended. Other programs may read it
// and rotate it, and a power cut may leave half a line in it.
type logFile struct {
	path   string
	file   *os.File // nil if it is not open
	midway bool     // the file may end in the middle of a line
}

// append appends a line and returns when it is on the disk. It uses a single
// write, so that no reader sees half a line. An empty line only opens the file.
func (l *logFile) append(line string) error {
	if err := l.open(); err != nil || line == "" {
		return err
	}
	if l.midway {
		line = "\n" + line
	}
	_, err := l.file.WriteString(line)
	if err == nil {
		l.midway = false
		err = l.file.Sync()
	}
	if err != nil { // half a line may be in the file: open checks
		l.close()
	}
	return err
}

// open opens the file if it is not open or was rotated.
func (l *logFile) open() error {
	named, err := os.Stat(l.path)
	if l.file != nil {
		opened, openErr := l.file.Stat()
		if err == nil && openErr == nil && os.SameFile(named, opened) {
			return nil
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
	l.file.Close()
	l.file = nil
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

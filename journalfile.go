package main

import (
	"errors"
	"fmt"
	"os"
)

// A logFile is a file to which lines are appended. Other programs may read it
// and rotate it away, and a power cut may leave half a line in it.
type logFile struct {
	path   string
	file   *os.File // nil while it is not open
	midway bool     // it may end in the middle of a line
}

// append appends a line and returns when it is on the disk. It goes out in one
// write, so that no reader sees half of it. An empty line only opens the file.
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
	if err != nil { // half a line may be in the file: open looks
		l.close()
	}
	return err
}

// open opens the file where it is not open, or was rotated away.
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

	// For reading, too: the last byte tells whether the last line is whole.
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
// power cut may leave half of one, or NUL bytes. Where the file cannot be read,
// an empty line is better than one that follows half a line.
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

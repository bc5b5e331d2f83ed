package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode"
)

const (
	logFileName = "exceedings.log"
	maxLogBytes = 1_000_000        // of the end of the log that are sent
	maxLogLines = 10               // shown in the message
	maxLogLine  = 180              // characters of such a line, so that all fit into one message
	logWait     = 5 * time.Second  // for another /log to finish, and for the disk
	logSendTime = 40 * time.Second // for the file and the message before it
)

// A logSender answers /log with the last lines of exceedings.log as a message,
// then the file. The file bypasses the send queue, where a megabyte on a slow
// uplink would delay alerts.
type logSender struct {
	ctx    context.Context // of all sending
	client *client
	out    *outbox
	read   func() logTail
	busy   chan struct{} // holds a value while a log is being read or sent
}

func newLogSender(ctx context.Context, c *client, out *outbox, path string) *logSender {
	read := func() logTail { return readTail(path) }
	return &logSender{ctx: ctx, client: c, out: out, read: read, busy: make(chan struct{}, 1)}
}

// answer answers a /log in the chat of p, and returns when everything is sent.
// It does not wait long for a disk that hangs, but then no other /log is
// answered until the disk responds.
func (l *logSender) answer(p post) {
	late := time.NewTimer(logWait)
	defer late.Stop()
	select {
	case l.busy <- struct{}{}:
	case <-late.C: // one log at a time bounds the memory
		l.say(p, logFileName+" is being sent already: try again in a minute.")
		return
	case <-l.ctx.Done():
		return
	}

	done := make(chan logTail, 1)
	var reading taskGroup
	reading.Go(func() {
		tail := logTail{err: errPanic} // unless there is a result
		defer func() { done <- tail }()
		tail = l.read()
	})
	late.Reset(logWait)
	select {
	case tail := <-done:
		defer func() { <-l.busy }()
		l.show(p, tail)
		return
	case <-late.C:
		l.say(p, logFileName+" cannot be read: the disk does not answer.")
	case <-l.ctx.Done():
	}
	go func() {
		<-done
		<-l.busy
	}()
}

// show sends the end of the log, or says why it cannot.
func (l *logSender) show(p post, tail logTail) {
	switch {
	case tail.err != nil:
		l.say(p, fmt.Sprintf("%s cannot be read: %v.", logFileName, tail.err))
		return
	case len(tail.data) == 0:
		l.say(p, logFileName+" is empty: nothing has been logged yet.")
		return
	}

	ctx, cancel := context.WithTimeout(l.ctx, logSendTime)
	defer cancel()
	l.sayAndWait(ctx, p, lastLines(tail.data))
	if tail.truncated {
		p.html = "The log is longer: this is the end of it."
	}
	p.file = &file{kind: document, name: logFileName, data: tail.data}
	if err := l.send(ctx, p); err != nil && l.ctx.Err() == nil {
		p.file = nil
		l.say(p, fmt.Sprintf("%s could not be sent: %v.", logFileName, err))
	}
}

// say sends a text.
func (l *logSender) say(p post, text string) {
	p.html = escape(text)
	l.out.put(outgoing{post: p})
}

// sayAndWait sends a text and waits until it is sent or ctx ends.
func (l *logSender) sayAndWait(ctx context.Context, p post, html string) {
	sent := make(chan struct{})
	p.html = html
	l.out.put(outgoing{post: p, sent: func(int64) { close(sent) }})
	select {
	case <-sent:
	case <-ctx.Done():
	}
}

// send sends a file as soon as Telegram's limits allow it.
func (l *logSender) send(ctx context.Context, p post) error {
	for !l.out.mayEdit(p.chat, true) {
		if pause(ctx, time.Second); ctx.Err() != nil {
			return errors.New("too much else is waiting: try again in a minute")
		}
	}
	_, err := l.client.sendMessage(ctx, p)
	l.out.hold(p.chat, retryAfter(err))
	return err
}

// A logTail is the end of a log, or the error of reading it.
type logTail struct {
	data      []byte
	truncated bool // the beginning is missing
	err       error
}

// readTail reads a file. If it is large, only the end is read, from the start
// of a line.
func readTail(path string) logTail {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return logTail{err: errors.New("there is no such file")}
	case err != nil:
		return logTail{err: err}
	case !info.Mode().IsRegular(): // opening a pipe would block
		return logTail{err: errors.New("it is not a regular file")}
	}

	f, err := os.Open(path)
	if err != nil {
		return logTail{err: err}
	}
	defer f.Close()
	start := max(info.Size()-maxLogBytes, 0)
	before := min(start, 1) // the byte before start shows whether a line starts there
	data := make([]byte, before+info.Size()-start)
	n, err := f.ReadAt(data, start-before)
	if err != nil && err != io.EOF { // EOF: it was truncated meanwhile
		return logTail{err: err}
	}
	data = data[:n]
	if start > 0 {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	return logTail{data: data, truncated: start > 0}
}

// lastLines returns a message with the last lines of a log.
func lastLines(data []byte) string {
	var lines []string
	for len(lines) < maxLogLines && len(data) > 0 {
		data = bytes.TrimRight(data, "\n")
		i := bytes.LastIndexByte(data, '\n') + 1
		if line := strings.TrimSpace(withoutControls(data[i:])); line != "" {
			lines = append([]string{shorten(line, maxLogLine)}, lines...)
		}
		data = data[:i]
	}
	if len(lines) == 0 {
		return logFileName + " has no text."
	}
	return fmt.Sprintf("The end of %s:\n<pre>%s</pre>", logFileName, escape(strings.Join(lines, "\n")))
}

// withoutControls removes control characters, such as the NUL bytes that a
// power cut may leave in a file.
func withoutControls(data []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, string(data))
}

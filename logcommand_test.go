package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"iscbot/internal/venue"
)

// awaitFile waits for a file that is newer than a message.
func (s *site) awaitFile(t testing.TB, c venue.Chat, after int64) venue.Message {
	t.Helper()
	m, err := s.api.Await(limit(t), func(m venue.Message) bool {
		return m.Chat == c.ID && m.ID > after && m.File.Data != nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.File.Name != "exceedings.log" || m.Topic != c.Topic {
		t.Errorf("file %s in topic %d", m.File.Name, m.Topic)
	}
	return m
}

// TestProgramLog checks who gets the log, and what they get.
func TestProgramLog(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First <&> PDU")
	p := s.start(t)
	private, group := venue.Private(ann), venue.Group(groupID)
	s.api.OpenTopic(groupID, 42)
	s.ask(t, private, ann, "/log", "exceedings.log is empty: nothing has been logged yet.")

	s.pdus[0].Draw(3120)
	s.await(t, ann.ID, 0, "Above power limit (3120 W)!")
	for _, asked := range []struct {
		chat venue.Chat
		who  venue.User
	}{{private, ann}, {group.In(42), member}} {
		m := s.ask(t, asked.chat, asked.who, "/log", "The end of exceedings.log:\n",
			"First <&> PDU(.1): Above power limit (3120 W)!")
		file := s.awaitFile(t, asked.chat, m.ID)
		if string(file.File.Data) != s.log(t) || file.Text != "" || !m.Pre || m.Topic != asked.chat.Topic {
			t.Errorf("in chat %d: %q, below %+v", asked.chat.ID, file.File.Data, m)
		}
	}

	for _, c := range []venue.Chat{venue.Private(stranger), venue.Group(-77)} {
		s.ask(t, c, stranger, "/log", "Sorry, Bob <b>, /log is for those on the access list. Your ID is 5000000001: "+
			"whoever runs the bot can add it.")
	}
	p.awaitLog(t, "refused /log")
	for _, m := range s.api.Messages(0) {
		ours := m.Chat == ann.ID || m.Chat == groupID
		if !ours && (m.File.Data != nil || strings.Contains(m.Text, "First")) {
			t.Errorf("a stranger got %+v", m)
		}
	}

	s.api.Inject(venue.APIFault{Method: "sendDocument",
		Do: venue.Refuse(400, "Bad Request: not enough rights to send documents to the chat")})
	s.ask(t, group, member, "/log", "exceedings.log could not be sent: ", "not enough rights to send documents")
	s.fine(t)
}

// TestProgramLargeLog checks that the end of a large log is sent, from the
// start of a line, and that something other than a regular file does not block.
func TestProgramLargeLog(t *testing.T) {
	t.Parallel()
	s := newSite(t, "First_PDU")
	var old strings.Builder
	for i := 0; old.Len() < 3*maxLogBytes/2; i++ {
		fmt.Fprintf(&old, "2026-06-15 10:00:00 --- First_PDU(.1): line %d\n", i)
	}
	s.write(t, "exceedings.log", old.String())
	s.start(t)
	private := venue.Private(ann)
	m := s.awaitFile(t, private, s.ask(t, private, ann, "/log", "The end of exceedings.log:\n").ID)
	log := m.File.Data
	if !bytes.HasPrefix(log, []byte("2026-06-15 ")) || !strings.HasSuffix(old.String(), string(log)) {
		t.Errorf("it begins with %.60q", log)
	}
	if n := len(log); n > maxLogBytes || n < maxLogBytes-100 || m.Text != "The log is longer: this is the end of it." {
		t.Errorf("%d bytes, with %q", n, m.Text)
	}

	path := filepath.Join(s.dir, "exceedings.log")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.ask(t, private, ann, "/log", "exceedings.log cannot be read: there is no such file.")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	s.ask(t, private, ann, "/log", "exceedings.log cannot be read: it is not a regular file.")
	s.ask(t, private, ann, "/current", "1500 W")
	s.fine(t)
}

func TestReadTail(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	most := strings.Repeat(line, maxLogBytes/len(line))
	for name, tt := range map[string]struct {
		text, want string
		truncated  bool
	}{
		"empty":              {"", "", false},
		"half a line":        {"a\nb", "a\nb", false},
		"as much as is sent": {most, most, false},
		"one line more":      {"a\n" + most, most, true},
		"one byte more":      {"a" + most, most[len(line):], true},
		"another line start": {"b\n" + most[3:] + "a\n", most[3:] + "a\n", true},
		"a single long line": {"a" + strings.Repeat("x", 2*maxLogBytes), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			tail := readTail(write(t, "exceedings.log", tt.text))
			if tail.err != nil || string(tail.data) != tt.want || tail.truncated != tt.truncated {
				t.Errorf("got %d bytes from %.40q on, %v, %v; want %d bytes",
					len(tail.data), tail.data, tail.truncated, tail.err, len(tt.want))
			}
		})
	}
	if tail := readTail(t.TempDir()); tail.err == nil {
		t.Error("a directory can be read")
	}
}

func TestLastLines(t *testing.T) {
	var many strings.Builder
	for i := range 25 {
		fmt.Fprintf(&many, "line %d\n", i)
	}
	ten := strings.TrimSuffix(many.String()[strings.Index(many.String(), "line 15"):], "\n")
	long := strings.Repeat(strings.Repeat("🏁", 400)+"\n", 12)
	cut := strings.Repeat("🏁", maxLogLine) + "..."
	const head = "The end of exceedings.log:\n<pre>"
	for name, tt := range map[string]struct{ text, want string }{
		"one":             {"a\n", head + "a</pre>"},
		"half a line":     {"a\nb", head + "a\nb</pre>"},
		"markup":          {"<b> & c\n", head + "&lt;b&gt; &amp; c</pre>"},
		"the last ten":    {many.String(), head + ten + "</pre>"},
		"blank lines":     {"\na\n\n \n\x00\x00\nb\n\n", head + "a\nb</pre>"},
		"NUL bytes":       {"a\x00\x00\nb\n", head + "a\nb</pre>"},
		"not UTF-8":       {"a\xff\n", head + "a\ufffd</pre>"},
		"nothing at all":  {"\n\x00\n", "exceedings.log has no text."},
		"very long lines": {long, head + strings.Repeat(cut+"\n", 9) + cut + "</pre>"},
	} {
		t.Run(name, func(t *testing.T) {
			got := lastLines([]byte(tt.text))
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if n := textLen(plainText(got)); n > maxText-maxJoinText {
				t.Errorf("%d characters", n)
			}
		})
	}
}

// TestLogHangs checks that /log does not wait long for a disk that hangs, that
// only one goroutine hangs with it, and that /log works again afterwards.
func TestLogHangs(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		disk, reads := make(chan logTail), atomic.Int32{}
		l := newLogSender(t.Context(), nil, o, "")
		l.read = func() logTail {
			reads.Add(1)
			return <-disk
		}
		begin := time.Now()
		l.answer(post{chat: 1})
		if took := time.Since(begin); took != logWait {
			t.Errorf("it took %v", took)
		}
		l.answer(post{chat: 2})
		synctest.Wait()
		if n := reads.Load(); n != 1 {
			t.Errorf("%d reads", n)
		}
		disk <- logTail{data: []byte("too late")}
		synctest.Wait()
		go l.answer(post{chat: 3})
		disk <- logTail{err: errors.New("input/output error")}
		time.Sleep(time.Second)

		want := map[int64]string{
			1: "exceedings.log cannot be read: the disk does not answer.",
			2: "exceedings.log is being sent already: try again in a minute.",
			3: "exceedings.log cannot be read: input/output error.",
		}
		for _, m := range p.taken() {
			if m.html != want[m.chat] {
				t.Errorf("chat %d was told %q", m.chat, m.html)
			}
			delete(want, m.chat)
		}
		if len(want) != 0 {
			t.Errorf("not told: %v", want)
		}
	})
}

// TestLogEnds checks that the end of the bot does not wait for a disk that
// hangs.
func TestLogEnds(t *testing.T) {
	testOutbox(t, func(t *testing.T, o *outbox, p *fakeSender) {
		ctx, cancel := context.WithCancel(t.Context())
		disk := make(chan logTail)
		l := newLogSender(ctx, nil, o, "")
		l.read = func() logTail { return <-disk }
		cancel()
		l.answer(post{chat: 1})
		p.want(t)
		close(disk)
	})
}

// TestLogDelaysNoAlert checks that alerts to the same chat do not wait while a
// file is being sent.
func TestLogDelaysNoAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := make(chan string, 10)
		c := network(func(r *http.Request) (*http.Response, error) {
			if path.Base(r.URL.Path) == "sendDocument" { // on a slow uplink
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			var in struct{ Text string }
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				return nil, err
			}
			texts <- in.Text
			return answer(io.NopCloser(strings.NewReader(okTrue))), nil
		}).client()
		out := newOutbox(c.sendMessage)
		l := newLogSender(t.Context(), c, out, "")
		l.read = func() logTail { return logTail{data: []byte("a line\n")} }
		go l.answer(post{chat: 1})
		wants(t, <-texts, "a line")
		time.Sleep(2 * time.Second)
		begin := time.Now()
		out.put(alertTo(1, "alert"))
		if text := <-texts; text != "alert" || time.Since(begin) >= time.Second {
			t.Errorf("after %v: %q", time.Since(begin), text)
		}
		wants(t, <-texts, "exceedings.log could not be sent: sendDocument: ")
		out.drain()
	})
}

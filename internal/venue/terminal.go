package venue

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pressWait is how long to wait for a button that is typed, as lines from a
	// file are faster than the bot, and then for the answer to the press.
	pressWait = 3 * time.Second
	// liveEvery is how often a message that changes by itself is shown.
	liveEvery = 5 * time.Second
)

// A terminal is a chat with the bot in a terminal.
type terminal struct {
	*telegram
	wait    time.Duration // pressWait, or less in tests
	out     sync.Mutex    // held while something is written
	pressed atomic.Int64  // the message whose button was pressed last
}

// Print writes the bot's messages to a chat as they come, and again when they are
// edited; one that has buttons and changes by itself, at most every five seconds.
// A picture is kept in a file, and shown as the lines that sketch makes of it.
// When ctx is done, Print writes what is left and returns.
func (t *terminal) Print(ctx context.Context, chat int64, out io.Writer, sketch func(picture []byte) []string) {
	written := make(map[int64]time.Time) // by message
	for n := 0; ; {
		done := ctx.Err() != nil
		t.mu.Lock()
		shown, changed := t.shown[n:], t.changed
		t.mu.Unlock()
		for _, m := range shown {
			isLive := len(m.Edits) > 0 && m.Buttons != nil && !t.pressed.CompareAndSwap(m.ID, 0)
			tooSoon := isLive && time.Since(written[m.ID]) < liveEvery
			if m.Chat == chat && !tooSoon {
				written[m.ID] = time.Now()
				var picture []string
				if m.Photo != nil {
					picture = append([]string{t.keep(m.Photo)}, sketch(m.Photo)...)
				}
				t.write(out, bubble(t.bot.Username, m, picture))
			}
		}
		n += len(shown)
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (t *terminal) write(out io.Writer, text string) {
	t.out.Lock()
	defer t.out.Unlock()
	io.WriteString(out, text)
}

// keep writes a picture to a file that outlasts the program, and says where it is.
func (t *terminal) keep(picture []byte) string {
	size, format, _ := image.DecodeConfig(bytes.NewReader(picture)) // sendPhoto has checked it
	what := fmt.Sprintf("picture, %d x %d, %d kB", size.Width, size.Height, kilobytes(picture))
	f, err := os.CreateTemp("", "iscbot-*."+format)
	if err != nil {
		return fmt.Sprintf("[%s, not kept: %v]", what, err)
	}
	defer f.Close()
	if _, err := f.Write(picture); err != nil {
		os.Remove(f.Name())
		return fmt.Sprintf("[%s, not kept: %v]", what, err)
	}
	return fmt.Sprintf("[%s: %s]", what, f.Name())
}

// bubble is a message as the terminal shows it, with lines about its picture.
func bubble(from string, m Message, picture []string) string {
	var b strings.Builder
	at := m.At
	if len(m.Edits) > 0 {
		at = m.Edits[len(m.Edits)-1].At
	}
	fmt.Fprintf(&b, "%s, %s", from, at.Format("15:04:05"))
	if m.Silent {
		b.WriteString(", silently")
	}
	if len(m.Edits) > 0 {
		b.WriteString(", edited")
	}
	b.WriteString(":\n")

	for _, line := range picture {
		b.WriteString(strings.TrimRight("  "+line, " ") + "\n")
	}
	if m.File.Data != nil {
		fmt.Fprintf(&b, "  [file, %s, %d kB]\n", m.File.Name, kilobytes(m.File.Data))
	}
	for line := range strings.Lines(m.Text) {
		b.WriteString(strings.TrimRight("  "+line, " \n") + "\n")
	}
	for _, row := range m.Buttons {
		b.WriteString(" ")
		for _, button := range row {
			b.WriteString(" [" + button.Text + "]")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	return b.String()
}

func kilobytes(data []byte) int { return (len(data) + 999) / 1000 }

// Type sends the lines of in to c as texts of u. A line [TEXT] presses the newest
// button TEXT, and waits for the bot's answer to that. With echo, for input that
// is not a terminal, out shows what is typed. Type returns when the bot has
// confirmed everything up to the end of in, or when ctx is done; a read from in
// may still be waiting then.
func (t *terminal) Type(ctx context.Context, c Chat, u User, in io.Reader, out io.Writer, echo bool) {
	t.Know(c)
	lines := readLines(ctx, in)
	for {
		select {
		case <-ctx.Done():
			return
		case line, ok := <-lines:
			if !ok {
				t.AwaitConfirmed(ctx)
				return
			}
			if echo {
				t.write(out, "> "+line+"\n")
			}
			t.enter(ctx, c, u, line, out)
		}
	}
}

// readLines sends the lines of in that are not blank.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(in)
		for s.Scan() {
			line := strings.TrimSpace(s.Text())
			if line == "" {
				continue
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// enter sends a typed line, or presses the button that it names.
func (t *terminal) enter(ctx context.Context, c Chat, u User, line string, out io.Writer) {
	isButton := strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]")
	if isButton {
		t.pressButton(ctx, c, u, strings.TrimSpace(line[1:len(line)-1]), out)
		return
	}
	t.Say(c, u, line)
}

// pressButton presses the newest button with that text, as soon as there is one.
func (t *terminal) pressButton(ctx context.Context, c Chat, u User, name string, out io.Writer) {
	soon, cancel := context.WithTimeout(ctx, t.wait)
	defer cancel()
	var message int64
	var data string
	err := t.Until(soon, func() (ok bool) {
		message, data, ok = button(t.Messages(c.ID), name)
		return ok
	})
	if err != nil {
		t.write(out, fmt.Sprintf("There is no button [%s] now.\n", name))
		return
	}

	t.pressed.Store(message)
	soon, cancel = context.WithTimeout(ctx, t.wait)
	defer cancel()
	if text, _ := t.AwaitAnswer(soon, t.Press(c, u, message, data)); text != "" {
		t.write(out, fmt.Sprintf("(%s)\n\n", text))
	}
}

// button finds the newest button with a text.
func button(list []Message, name string) (message int64, data string, ok bool) {
	for _, m := range slices.Backward(list) {
		for _, b := range slices.Concat(m.Buttons...) {
			if b.Text == name {
				return m.ID, b.Data, true
			}
		}
	}
	return 0, "", false
}

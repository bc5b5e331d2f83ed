package venue

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"
	"sync"
)

// A terminal is a chat with the bot in a terminal.
type terminal struct {
	*telegram
	out sync.Mutex // held while something is written
}

// Print writes the bot's messages to a chat as they come, and new texts of old
// ones. When ctx is done it writes what is left and returns.
func (t *terminal) Print(ctx context.Context, chat int64, out io.Writer) {
	for n := 0; ; {
		done := ctx.Err() != nil
		t.mu.Lock()
		shown, changed := t.shown[n:], t.changed
		t.mu.Unlock()
		for _, m := range shown {
			if m.Chat == chat {
				t.write(out, bubble(t.bot.Username, m))
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

// bubble is a message as the terminal shows it.
func bubble(from string, m Message) string {
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

	if m.Photo != nil {
		size, _, _ := image.DecodeConfig(bytes.NewReader(m.Photo)) // sendPhoto has checked it
		fmt.Fprintf(&b, "  [picture, %d x %d, %d kB]\n", size.Width, size.Height, kilobytes(m.Photo))
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

// Type lets u say the lines of in in c, which the bot knows from the start; a
// line [TEXT] presses the button TEXT of the newest message that has buttons.
// With echo, for input that is no terminal, out shows what is typed. At the end
// of in it returns once the bot has confirmed all that was said. When ctx is done
// before, it returns its cause, and a read from in may be left waiting.
func (t *terminal) Type(ctx context.Context, c Chat, u User, in io.Reader, out io.Writer, echo bool) error {
	t.Know(c)
	lines, failed := readLines(ctx, in)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case line, ok := <-lines:
			if !ok {
				return cmp.Or(t.AwaitConfirmed(ctx), <-failed)
			}
			if echo {
				t.write(out, "> "+line+"\n")
			}
			t.enter(c, u, line, out)
		}
	}
}

// readLines sends the lines of in that are not blank, and at its end the error of
// reading it.
func readLines(ctx context.Context, in io.Reader) (<-chan string, <-chan error) {
	lines, failed := make(chan string), make(chan error, 1)
	go func() {
		defer close(lines)
		defer close(failed)
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
		failed <- s.Err()
	}()
	return lines, failed
}

// enter does what a typed line asks for. What follows a question with force_reply
// answers it, as in Telegram's apps.
func (t *terminal) enter(c Chat, u User, line string, out io.Writer) {
	list := t.Messages(c.ID)
	isButton := strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]")
	if isButton {
		message, data, ok := button(list, strings.TrimSpace(line[1:len(line)-1]))
		if !ok {
			t.write(out, fmt.Sprintf("There is no button %s now.\n", line))
			return
		}
		t.Press(c, u, message, data)
		return
	}
	if n := len(list); n > 0 && list[n-1].ForceReply {
		t.Reply(c, u, list[n-1].ID, line)
		return
	}
	t.Say(c, u, line)
}

// button finds a button of the newest message that has any.
func button(list []Message, name string) (message int64, data string, ok bool) {
	for _, m := range slices.Backward(list) {
		for _, row := range m.Buttons {
			for _, b := range row {
				if b.Text == name {
					return m.ID, b.Data, true
				}
			}
		}
		if m.Buttons != nil {
			break
		}
	}
	return 0, "", false
}

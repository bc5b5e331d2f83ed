package venue

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// Print shows the bot's messages to a chat as they come, and new texts of old ones. When ctx is done it prints what is
// left and returns.
func (a *API) Print(ctx context.Context, chat int64, out io.Writer) {
	for n := 0; ; {
		done := ctx.Err() != nil
		a.mu.Lock()
		shown, changed := a.shown[n:], a.changed
		a.mu.Unlock()
		for _, m := range shown {
			if m.Chat == chat {
				a.print(out, a.bubble(m))
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

// bubble is a message as the terminal shows it.
func (a *API) bubble(m Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s", a.username, m.At.Format("15:04:05"))
	if m.Silent {
		b.WriteString(", silently")
	}
	if m.Edited > 0 {
		b.WriteString(", edited")
	}
	b.WriteString(":\n")
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

func (a *API) print(out io.Writer, text string) {
	a.out.Lock()
	defer a.out.Unlock()
	io.WriteString(out, text)
}

// Type lets u say the lines of in in c; a line [TEXT] presses the button TEXT of the newest message that has buttons. With
// echo, for input that is no terminal, out shows what is typed. At the end of in it returns once the bot has confirmed all
// that was said. When ctx is done before, it returns its cause, and a read from in may be left waiting.
func (a *API) Type(ctx context.Context, c Chat, u User, in io.Reader, out io.Writer, echo bool) error {
	lines, failed := make(chan string), make(chan error, 1)
	go func() {
		defer close(lines)
		defer close(failed)
		s := bufio.NewScanner(in)
		for s.Scan() {
			select {
			case lines <- strings.TrimSpace(s.Text()):
			case <-ctx.Done():
				return
			}
		}
		failed <- s.Err()
	}()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case line, ok := <-lines:
			if !ok {
				return a.typed(ctx, failed)
			}
			if line != "" && echo {
				a.print(out, "> "+line+"\n")
			}
			if line != "" {
				a.enter(c, u, line, out)
			}
		}
	}
}

// typed waits until the bot has taken all that was typed, and passes on the error of reading it.
func (a *API) typed(ctx context.Context, failed <-chan error) error {
	if err := a.AwaitConfirmed(ctx); err != nil {
		return err
	}
	return <-failed
}

// enter does what a typed line asks for. What follows a question with force_reply answers it, as in Telegram's apps.
func (a *API) enter(c Chat, u User, line string, out io.Writer) {
	name, isButton := strings.CutPrefix(line, "[")
	name, closed := strings.CutSuffix(name, "]")
	if !isButton || !closed {
		if list := a.Messages(c.ID); len(list) > 0 && list[len(list)-1].ForceReply {
			a.Reply(c, u, list[len(list)-1].ID, line)
		} else {
			a.Say(c, u, line)
		}
		return
	}
	message, data, ok := a.button(c, strings.TrimSpace(name))
	if !ok {
		a.print(out, fmt.Sprintf("There is no button %s now.\n", line))
		return
	}
	a.Press(c, u, message, data)
}

// button finds the button name of the newest message that has buttons.
func (a *API) button(c Chat, name string) (message int64, data string, ok bool) {
	list := a.Messages(c.ID)
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Deleted || len(list[i].Buttons) == 0 {
			continue
		}
		for _, row := range list[i].Buttons {
			for _, b := range row {
				if b.Text == name {
					return list[i].ID, b.Data, true
				}
			}
		}
		break
	}
	return 0, "", false
}

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// A prompter reads secrets from standard input, one per line.
type prompter struct {
	stdin  io.Reader
	lines  *bufio.Reader // of stdin; nil if an abandoned read still uses it
	stderr io.Writer
}

func newPrompter(stdin io.Reader, stderr io.Writer) *prompter {
	return &prompter{stdin, bufio.NewReader(stdin), stderr}
}

// secret returns a secret from the environment, or else from one line of the
// input. If that is a terminal, it prompts for the line and turns the echo off.
// If failed, because there are other mistakes already, it does not prompt: it
// only gives an input that is not a terminal a moment to supply the line or to
// end.
func (p *prompter) secret(ctx context.Context, name, what string, failed bool) (secret, error) {
	if s, err := readSecret(name); s != (secret{}) || err != nil {
		return s, err
	}
	file, ok := p.stdin.(*os.File)
	interactive := ok && isTerminal(file)
	switch {
	case p.lines == nil || interactive && failed:
		return secret{}, nil
	case interactive:
		signal.Ignore(syscall.SIGQUIT) // which Ctrl-\ sends: it would end the program without echo
		defer signal.Reset(syscall.SIGQUIT)
		stty(file, "-echo") // before the prompt, so that nothing typed is shown
		defer stty(file, "echo")
		fmt.Fprintf(p.stderr, "%s%s: ", strings.ToUpper(what[:1]), what[1:])
		defer fmt.Fprintln(p.stderr)
	case failed:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
	}

	line, err := p.readLine(ctx)
	if p.lines == nil {
		return secret{}, nil
	}
	if line == "" && err == nil && interactive {
		return secret{}, fmt.Errorf("no %s was typed: type it at the prompt, or set %s", what, name)
	}
	if line == "" {
		return secret{}, fmt.Errorf("%s is not set, and standard input had none (%w): want the %s",
			name, cmp.Or(err, errors.New("an empty line")), what)
	}
	return newSecret(line), nil
}

// readLine reads a line of the input. A read cannot be canceled: if ctx ends
// first, readLine abandons it together with the input.
func (p *prompter) readLine(ctx context.Context) (string, error) {
	type result struct {
		line string
		err  error
	}
	lines := p.lines
	done := make(chan result, 1)
	go func() {
		line, err := lines.ReadString('\n')
		done <- result{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		p.lines = nil
		return "", ctx.Err()
	}
}

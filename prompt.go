package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A prompter asks for secrets, one a line.
type prompter struct {
	stdin  io.Reader
	lines  *bufio.Reader // of stdin; nil when an abandoned read has them
	stderr io.Writer
}

func newPrompter(stdin io.Reader, stderr io.Writer) *prompter {
	return &prompter{stdin, bufio.NewReader(stdin), stderr}
}

// secret returns a secret from the environment or else from one line of the
// input, with a prompt and without echo where that is a terminal. With
// hopeless, because there are other mistakes already, nobody is asked: then it
// only sees whether an input that is not a terminal has come to its end.
func (p *prompter) secret(ctx context.Context, name, what string, hopeless bool) (secret, error) {
	if s, err := readSecret(name); s != (secret{}) || err != nil {
		return s, err
	}
	file, ok := p.stdin.(*os.File)
	interactive := ok && isTerminal(file)
	switch {
	case p.lines == nil || interactive && hopeless:
		return secret{}, nil
	case interactive:
		stty(file, "-echo") // before somebody is asked to type
		defer stty(file, "echo")
		fmt.Fprintf(p.stderr, "%s%s: ", strings.ToUpper(what[:1]), what[1:])
		defer fmt.Fprintln(p.stderr)
	case hopeless:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
	}

	line, err := p.readLine(ctx)
	if p.lines == nil {
		return secret{}, nil
	}
	if line == "" {
		return secret{}, fmt.Errorf("%s is not set, and standard input gave none (%w): want the %s",
			name, cmp.Or(err, errors.New("an empty line")), what)
	}
	return newSecret(line), nil
}

// readLine reads a line of the input. A read cannot be called off: where ctx
// ends first it is abandoned, together with the input.
func (p *prompter) readLine(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	lines := p.lines
	answered := make(chan answer, 1)
	go func() {
		line, err := lines.ReadString('\n')
		answered <- answer{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case a := <-answered:
		return a.line, a.err
	case <-ctx.Done():
		p.lines = nil
		return "", ctx.Err()
	}
}

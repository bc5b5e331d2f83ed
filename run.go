package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// run is the whole program. It returns the exit code after everything it
// started has ended.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	terminal := newTerminalWriter(stderr)
	defer terminal.Close()
	slog.SetDefault(slog.New(slog.NewTextHandler(terminal, &slog.HandlerOptions{ReplaceAttr: shortTime})))
	log.SetOutput(io.Discard)      // net/http logs bytes that a card sends unasked
	signal.Ignore(syscall.SIGPIPE) // the reader of standard error may go away
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // must not end the program, even before there is a list to reload
	defer signal.Stop(hangup)

	flags, err := parseFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, manual(), flags.usage())
		return exitOK
	case flags.version:
		fmt.Fprintln(stdout, version())
		return exitOK
	case flags.demo:
		return demo(ctx, flags, err, stdin, stdout, stderr, hangup)
	}

	cfg, err := configure(ctx, flags, err, stdin, stderr)
	switch {
	case ctx.Err() != nil:
		return exitOK // interrupted at the password prompt
	case err != nil:
		return notStarted(stderr, err)
	case flags.check:
		return newChecker(cfg).run(ctx, stdout)
	}
	unlock, err := lockLog(ctx, cfg.log, stopTime)
	switch {
	case ctx.Err() != nil:
		return exitOK
	case err != nil: // not a mistake in the configuration: systemd may try again
		fmt.Fprintf(stderr, "iscbot: not started: -log: %q: %v: stop that one first, or use another file\n",
			cfg.log, err)
		return exitFailed
	}
	defer unlock()
	select {
	case <-hangup: // sent before there was a list to reload
	default:
	}
	serve(ctx, ctx, cfg, hangup)
	return exitOK
}

//go:embed main.go
var mainSource string

// manual returns the comment at the top of main.go, which -h prints.
func manual() string {
	text, _, _ := strings.Cut(mainSource, "*/")
	return strings.TrimPrefix(text, "/*\n")
}

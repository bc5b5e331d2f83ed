package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff(t *testing.T) {
	b := backoff{first: 10 * time.Second, max: 5 * time.Minute}
	for range 3 {
		for _, want := range []time.Duration{10, 20, 40, 80, 160, 300, 300, 300} {
			if got := b.next(); got > want*time.Second || got < want*time.Second*8/10 {
				t.Errorf("got %v, want %d s", got, want)
			}
		}
		b.reset()
	}
}

// TestBackoffSpreads checks that many clients do not come back at once.
func TestBackoffSpreads(t *testing.T) {
	waits := make(map[time.Duration]bool)
	for range 100 {
		b := backoff{first: time.Minute, max: time.Minute}
		waits[b.next()] = true
	}
	if len(waits) < 50 {
		t.Errorf("only %d different times of 100", len(waits))
	}
}

// TestWaitAfter checks that a time for which Telegram asked does not lengthen the
// next wait of a backoff.
func TestWaitAfter(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want time.Duration
	}{
		"another error": {io.EOF, time.Second},
		"none":          {nil, time.Second},
		"without":       {&apiError{Code: 429}, time.Second},
		"with":          {fmt.Errorf("x: %w", &apiError{Code: 429, RetryAfter: 77 * time.Second}), 77 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			b := backoff{first: time.Second, max: time.Minute}
			for range 5 {
				waitAfter(&apiError{Code: 429, RetryAfter: 9 * time.Second}, &b)
			}
			if got := waitAfter(tt.err, &b); got > tt.want || got < tt.want*4/5 {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := func(ctx context.Context, d time.Duration) time.Duration {
			begin := time.Now()
			pause(ctx, d)
			return time.Since(begin)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, tt := range []struct{ d, want time.Duration }{
			{time.Second, time.Second},
			{-time.Second, 0},
			{time.Hour, 59 * time.Second}, // ctx ends
			{time.Hour, 0},
		} {
			if got := took(ctx, tt.d); got != tt.want {
				t.Errorf("pause(%v) took %v, want %v", tt.d, got, tt.want)
			}
		}
	})
}

// TestFailureLog checks that a failure is logged when it begins, changes and
// ends.
func TestFailureLog(t *testing.T) {
	log := captureLog(t)
	l := failureLog{what: "Telegram"}
	for _, err := range []error{
		nil, nil, // nothing to log
		errors.New("no route"), errors.New("no route"), errors.New("no route"),
		errors.New("no answer"),
		nil, nil,
		errors.New("no answer"),
	} {
		l.record(err)
	}
	log.wantTimes(t, `msg="Telegram: failed, trying again" err="no route"`, 1)
	log.wantTimes(t, `msg="Telegram: failed, trying again" err="no answer"`, 2)
	log.wantTimes(t, `msg="Telegram: works again"`, 1)
	log.wantTimes(t, "\n", 4)
}

// TestPanicGuard checks that a panic becomes an error, and is logged once with
// its stack.
func TestPanicGuard(t *testing.T) {
	log := captureLog(t)
	var g panicGuard
	handle := func(f func() error) (err error) {
		defer g.catch("update", &err)
		return f()
	}
	for range 3 {
		err := handle(func() error { panic("no such thing") })
		if !errors.Is(err, errPanic) || err.Error() != "internal error: no such thing" {
			t.Errorf("got %v", err)
		}
	}
	log.wantTimes(t, "stack=", 1)
	log.wantTimes(t, `panic="no such thing"`, 1)

	if err := handle(func() error { panic(io.EOF) }); !errors.Is(err, errPanic) {
		t.Errorf("got %v", err)
	}
	log.wantTimes(t, "stack=", 2)
	if err := handle(func() error { return io.EOF }); err != io.EOF {
		t.Errorf("got %v", err)
	}
	if err := handle(func() error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
	log.wantTimes(t, "stack=", 2)
}

// TestTaskGroup checks that a panic ends only its own task, and is logged once
// with its stack.
func TestTaskGroup(t *testing.T) {
	log := captureLog(t)
	var tasks taskGroup
	ended := make(chan string, 3)
	for _, name := range []string{"first", "second", "third"} {
		tasks.Go(func() {
			defer func() { ended <- name }()
			if name != "second" {
				panic("no such thing")
			}
		})
	}
	tasks.Wait()
	if len(ended) != 3 {
		t.Errorf("%d tasks ended, want 3", len(ended))
	}
	log.wantTimes(t, "stack=", 1)
}

func TestCause(t *testing.T) {
	inURL := func(err error) error {
		return &url.Error{Op: "Post", URL: "https://api/bot" + testToken + "/getMe", Err: err}
	}
	refused := &net.OpError{
		Op: "dial", Net: "tcp", Source: &net.TCPAddr{Port: 40000}, Addr: &net.TCPAddr{Port: 443},
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
	}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"refused": {inURL(refused), ":443: connection refused"},
		"no host": {inURL(&net.DNSError{Name: "example.org", IsNotFound: true}), "there is no host example.org"},
		"no server": {
			inURL(&net.DNSError{Name: "example.org"}),
			"the address of example.org cannot be found: no DNS server answers",
		},
		"deadline": {inURL(context.DeadlineExceeded), "no answer in time"},
		"the end":  {inURL(io.EOF), "the connection was closed without an answer"},
		"plain":    {io.ErrUnexpectedEOF, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := cause(tt.err).Error(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

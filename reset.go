package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"iscbot/internal/nmc"
)

const (
	// resetTime is how long a whole reset may take, without the wait for other
	// units behind the same card. The cards' processors are slow: one page was
	// seen to take 8 s.
	resetTime = 90 * time.Second
	// readBackTime is how long the PDU may take to show the reset.
	readBackTime = 15 * time.Second
	// lateTime is how long a reset that did not show may still take effect.
	lateTime = time.Minute
	// firstReadingTime is how long a reset waits for a first reading.
	firstReadingTime = 5 * time.Second
)

// A resetter resets the peaks of PDUs. It judges by reading back whether a
// reset took effect.
type resetter struct {
	snoop    *snoop
	journal  *journal
	overSNMP bool
	card     func(p pdu) *nmc.Client // returns the client for a PDU's card
	within   time.Duration           // resetTime
	late     time.Duration           // lateTime
	panics   panicGuard

	awaiting sync.WaitGroup // for resets that may take effect late

	mu    sync.Mutex               // guards the fields below
	busy  map[int]bool             // PDUs that are being reset
	cards map[string]chan struct{} // by URL; holds a value while the bot is logged in
	// awaited maps a PDU whose reset may still take effect to the function that
	// stops waiting for it.
	awaited map[int]func()
}

// newResetter returns a resetter for the watched PDUs. card returns the client
// for the web interface of a PDU's card.
func newResetter(watch *snoop, log *journal, overSNMP bool, card func(pdu) *nmc.Client) *resetter {
	return &resetter{
		snoop: watch, journal: log, overSNMP: overSNMP, card: card, within: resetTime, late: lateTime,
		busy: make(map[int]bool), cards: make(map[string]chan struct{}), awaited: make(map[int]func()),
	}
}

// close stops awaiting the late effects of resets. No reset may be under way.
func (r *resetter) close() {
	r.mu.Lock()
	for _, stop := range r.awaited {
		stop()
	}
	r.mu.Unlock()
	r.awaiting.Wait()
}

// begin reports whether PDU i may be reset, as no other reset of it is under
// way. If so, end must be called.
func (r *resetter) begin(i int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[i] {
		return false
	}
	r.busy[i] = true
	return true
}

func (r *resetter) end(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, i)
}

// visit waits until no other unit of a PDU's card is being reset over the web
// interface, because a card admits one user at a time. The function that it
// returns ends the visit.
func (r *resetter) visit(ctx context.Context, p pdu, step func(string)) (leave func(), err error) {
	if r.overSNMP {
		return func() {}, nil
	}
	r.mu.Lock()
	visitor := r.cards[p.web]
	if visitor == nil {
		visitor = make(chan struct{}, 1)
		r.cards[p.web] = visitor
	}
	r.mu.Unlock()

	leave = sync.OnceFunc(func() { <-visitor })
	select {
	case visitor <- struct{}{}:
		return leave, nil
	default:
		step("waiting for another unit of the card")
	}
	select {
	case visitor <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// reset resets the peak of PDU i on behalf of who, and logs it. It returns the
// register before and after, in W. It calls step with what is being done. The error
// wraps errUnknownOutcome or errUnchanged if the reset may still take effect.
func (r *resetter) reset(ctx context.Context, i int, who string, step func(string)) (from, to int, err error) {
	p := r.snoop.status(i).pdu
	running, end := untilStopped(ctx)
	defer end()
	before, after, err := r.resetAndReadBack(running, i, step)
	note := fmt.Sprintf("Reset by %s, peak was %d W", who, after.resetFrom)
	switch {
	case errors.Is(err, errUnknownOutcome):
		note = fmt.Sprintf("Reset by %s, outcome unknown, peak was %d W: %v", who, before.register, err)
	case err != nil:
		note = fmt.Sprintf("Reset by %s failed: %v", who, err)
	}
	r.journal.add(time.Now(), p.logName(), note)
	if errors.Is(err, errUnknownOutcome) || errors.Is(err, errUnchanged) {
		r.awaitLate(ctx, i, who, before)
	}
	return after.resetFrom, after.register, err
}

// errStopped ends a reset when the bot is stopped.
var errStopped = errors.New("the bot was stopped")

// untilStopped returns a context that ends with ctx, because of errStopped and
// not of a signal. The function that it returns releases the context.
func untilStopped(ctx context.Context) (running context.Context, end func()) {
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, func() { cancel(errStopped) })
	return running, func() {
		release()
		cancel(nil)
	}
}

// awaitLate logs the reset of PDU i on behalf of who if it takes effect late.
// before is the status right before the reset. Afterwards a reset is somebody
// else's again.
func (r *resetter) awaitLate(ctx context.Context, i int, who string, before status) {
	ctx, cancel := context.WithTimeout(ctx, r.late)
	r.mu.Lock()
	r.awaited[i] = cancel
	r.snoop.expectReset(i, r.late)
	r.mu.Unlock()
	r.awaiting.Go(func() {
		defer cancel()
		for ; ctx.Err() == nil; pause(ctx, time.Second) {
			if s := r.snoop.status(i); s.resets > before.resets {
				note := fmt.Sprintf("Reset by %s took effect late, or somebody else reset it; peak was %d W",
					who, s.resetFrom)
				r.journal.add(time.Now(), s.logName(), note)
				break
			}
		}
		if !errors.Is(ctx.Err(), context.Canceled) {
			r.expectNoMore(i)
		}
	})
}

// expectNoMore stops waiting for a late reset of PDU i, unless a newer reset already
// has.
func (r *resetter) expectNoMore(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.awaited[i] != nil {
		delete(r.awaited, i)
		r.snoop.expectReset(i, 0)
	}
}

// expect prepares for the reset of PDU i that is about to be submitted, and
// returns the status right before it.
func (r *resetter) expect(i int) status {
	r.mu.Lock()
	defer r.mu.Unlock()
	if stop := r.awaited[i]; stop != nil {
		stop() // a reset from now on is this one
		delete(r.awaited, i)
	}
	r.snoop.expectReset(i, r.within+r.late)
	return r.snoop.status(i)
}

// resetAndReadBack resets the peak of PDU i and reads the PDU until the reset
// shows. It never submits a reset twice, as the second one could erase the peak of
// the next run. It returns the status right before and after it. After the reset may
// have been submitted, only the reading decides: some cards drop the connection
// after an Apply that took effect, and some answer genErr to an SNMP SET that
// did.
func (r *resetter) resetAndReadBack(ctx context.Context, i int, step func(string)) (before, after status, err error) {
	leave, err := r.visit(ctx, r.snoop.status(i).pdu, step)
	if err != nil {
		return before, after, err
	}
	defer leave()
	ctx, cancel := context.WithTimeoutCause(ctx, r.within, fmt.Errorf("it took more than %s", durationText(r.within)))
	defer cancel()
	before, err = r.readBefore(ctx, i)
	if err != nil {
		return before, after, err
	}

	err = r.submit(ctx, i, step, func() {
		step("resetting")
		before = r.expect(i) // finding the form may have taken long
	})
	leave() // the other units need not wait for the reading
	perhaps := r.overSNMP || errors.Is(err, nmc.ErrInterrupted) || errors.Is(err, errPanic)
	if err != nil && !perhaps {
		return before, after, err
	}

	step("reading back")
	applied := time.Now() // earlier requests may return the old peak
	after, ok := r.snoop.await(ctx, i, readBackTime, func(s status) bool {
		return s.resets > before.resets && s.asked.After(applied)
	})
	if ok {
		r.snoop.expectReset(i, 0)
		return before, after, nil
	}

	last := r.snoop.status(i)
	unread := ctx.Err() != nil || last.err != nil || !last.asked.After(applied)
	return before, after, unconfirmedError(err, unread)
}

// readBefore returns the status of PDU i right before a reset. Without a
// reading, a reset could not be verified.
func (r *resetter) readBefore(ctx context.Context, i int) (status, error) {
	if !errors.Is(r.snoop.status(i).err, errNoMeter) { // one lost answer is no reason to refuse
		r.snoop.await(ctx, i, firstReadingTime, func(status) bool { return true })
	}
	s := r.snoop.status(i)
	if s.err == nil && s.peak < 0 {
		s.err = errors.New("no peak register")
	}
	if s.err != nil {
		return s, fmt.Errorf("the PDU cannot be read (%w), so a reset could not be verified", s.err)
	}
	return s, nil
}

// submit resets the peak of PDU i over its web interface or over SNMP. It calls
// applying right before. An error over SNMP, or one that wraps
// nmc.ErrInterrupted, does not mean that the peak was not reset.
func (r *resetter) submit(ctx context.Context, i int, step func(string), applying func()) (err error) {
	defer r.panics.catch("reset", &err)
	p := r.snoop.status(i).pdu
	if !r.overSNMP {
		return r.submitForm(ctx, p, step, applying)
	}
	applying()
	err = r.snoop.do(ctx, i, func(s *session) error { return s.resetPeak(ctx, p.unit) })
	if err != nil {
		return fmt.Errorf("SNMP SET: %w: may the community or user write, and is nobody logged in to the card?", err)
	}
	return nil
}

// submitForm resets a peak over the web interface. If it does not find the
// control, it logs what the pages have.
func (r *resetter) submitForm(ctx context.Context, p pdu, step func(string), applying func()) error {
	err := r.card(p).ResetPeak(ctx, p.unit, step, applying)
	if e, ok := errors.AsType[*nmc.Error](err); ok {
		for _, page := range e.Pages {
			slog.Info("page seen", "pdu", p.displayName(), "page", page)
		}
	}
	return withHint(err)
}

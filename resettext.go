package main

import (
	"errors"
	"fmt"

	"iscbot/internal/nmc"
)

// errUnknownOutcome is wrapped by the error of a reset that may or may not have
// taken effect, such as when a card drops the connection and then cannot be
// read.
var errUnknownOutcome = errors.New("it is not known whether it was reset")

// errUnchanged is wrapped by the error of a reset that did not show although
// the PDU could be read.
var errUnchanged = errors.New("the peak did not change")

// resetResultText describes a finished reset in the chat: the register before
// and after in W, or why it failed. by names the person who reset it; it is
// empty in a private chat.
func resetResultText(p pdu, by string, before, after int, err error) string {
	switch {
	case errors.Is(err, errUnknownOutcome):
		return fmt.Sprintf("The peak of %s may have been reset.\n%v", p.displayName(), err)
	case err != nil:
		return fmt.Sprintf("The peak of %s was not reset.\n%v", p.displayName(), err)
	case by != "":
		return fmt.Sprintf("🔁 Peak of %s reset by %s: %d W -> %d W", p.displayName(), by, before, after)
	}
	return fmt.Sprintf("🔁 Peak of %s reset: %d W -> %d W", p.displayName(), before, after)
}

// unconfirmedError returns the error of a reset that did not show when the PDU
// was read back. cause is what went wrong at the card, such as a dropped
// connection, or nil. unread says that the PDU could not be read afterwards.
func unconfirmedError(cause error, unread bool) error {
	if cause == nil {
		cause = errors.New("reading back: the card took the reset")
	}
	if unread {
		return fmt.Errorf("%w; %w, as the PDU could not be read any more: see /peakdates", cause, errUnknownOutcome)
	}
	return fmt.Errorf("%w, but %w: send /reset again, or reset it in a browser", cause, errUnchanged)
}

// reportHint is the hint to let -check make a report.
const reportHint = "iscbot -check -report FILE saves what its pages have"

// cardHints say what to do about the errors of a visit to a card. The first one
// that fits an error counts.
var cardHints = []struct {
	err  error
	hint string
}{
	{nmc.ErrPassword, "correct ISCBOT_PASSWORD or -user and start iscbot again: " +
		"it tries a refused password only once, as cards may lock the account"},
	{nmc.ErrRefused, "check ISCBOT_PASSWORD and -user, and wait three minutes before the next attempt"},
	{nmc.ErrNotReady, "try again in a minute"},
	{nmc.ErrBusy, "log off there, or wait three minutes"},
	{nmc.ErrPasswordChange, "set one in a browser and restart the bot with it"},
	{nmc.ErrNeedsHTTPS, "use -web https"},
	{nmc.ErrCertificate, "if that is right, restart the bot"},
	{nmc.ErrLanguage, "set English for this user on the card"},
	{nmc.ErrNoControl, reportHint},
	{nmc.ErrSeveralControls, reportHint},
	{nmc.ErrUnit, reportHint},
	{nmc.ErrInterrupted, ""}, // the card could be reached, and the form was found
	{nmc.ErrPage, reportHint},
	{nmc.ErrUnreachable, "is its web interface on, and are -net and -web right?"},
}

// hintFor returns what to do about an error of a visit to a card, or "".
func hintFor(err error) string {
	for _, known := range cardHints {
		if errors.Is(err, known.err) {
			return known.hint
		}
	}
	return ""
}

// withHint adds a hint to an error that has one.
func withHint(err error) error {
	if hint := hintFor(err); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}

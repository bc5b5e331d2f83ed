package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"iscbot/internal/nmc"
)

// A report describes to the maintainers of this program the pages of cards' web
// interfaces that it did not understand. Package nmc leaves out values, tokens,
// addresses and the password; a report leaves out names as well.
type report struct {
	names []string

	mu      sync.Mutex // guards entries
	entries []*reportEntry
}

// A reportEntry is what a card showed during the search for one of its units.
type reportEntry struct {
	pdu   pdu
	text  string
	pages []string
}

// reportHead is followed by the version.
const reportHead = `Web pages of rack PDUs that iscbot did not understand.

Passwords, session tokens, addresses and field values are left out, and names are
replaced with NAME. Read it all the same before you send it to the maintainers of
iscbot. It helps to add the card's model and firmware version, and how a person
resets the peak on it.

`

// newReport returns an empty report that masks the names of PDUs and teams, and
// that of the user who logs in.
func newReport(pdus []pdu, user string) *report {
	r := new(report)
	for _, p := range pdus {
		r.names = append(r.names, p.name, p.team)
	}
	r.names = append(r.names, user)
	return r
}

// reportable are the errors that only the pages can explain.
var reportable = []error{nmc.ErrNoControl, nmc.ErrSeveralControls, nmc.ErrPage, nmc.ErrLanguage, nmc.ErrUnit}

// add adds the pages seen on the way to a unit, if they explain the error.
func (r *report) add(p pdu, e *nmc.Error) {
	if !slices.ContainsFunc(reportable, func(known error) bool { return errors.Is(e, known) }) {
		return
	}
	entry := &reportEntry{pdu: p, text: r.mask(maskQuoted(e.Error()))}
	for _, page := range e.Pages {
		entry.pages = append(entry.pages, r.mask(page))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, entry)
}

// save writes the report to a file, replacing its contents, unless there is
// nothing to report.
func (r *report) save(path string) (saved bool, err error) {
	text := r.String()
	if text == "" {
		return false, nil
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return false, err
	}
	return true, nil
}

// String returns the report, with its entries in the order of the PDUs'
// numbers, or "" if there are none. The numbers themselves are parts of addresses,
// so they are left out.
func (r *report) String() string {
	r.mu.Lock()
	entries := slices.Clone(r.entries)
	r.mu.Unlock()
	if len(entries) == 0 {
		return ""
	}
	slices.SortFunc(entries, func(a, b *reportEntry) int {
		return cmp.Or(a.pdu.num-b.pdu.num, a.pdu.unit-b.pdu.unit)
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", reportHead, version())
	for i, e := range entries {
		fmt.Fprintf(&b, "\nPDU %d of %d, unit %d: %s\n", i+1, len(entries), e.pdu.unit, e.text)
		for _, page := range e.pages {
			fmt.Fprintf(&b, "\n%s\n", page)
		}
	}
	return b.String()
}

// mask replaces names that stand as separate words, in upper or lower case, with
// NAME.
func (r *report) mask(text string) string {
	var b strings.Builder
	before := ' '
	for text != "" {
		if n := r.nameAt(text); n > 0 && !isInWord(before) {
			b.WriteString("NAME")
			text, before = text[n:], 'E'
			continue
		}
		c, size := utf8.DecodeRuneInString(text)
		b.WriteString(text[:size])
		text, before = text[size:], c
	}
	return b.String()
}

// nameAt returns the length in bytes of the longest name at the start of text, or
// 0 if there is none.
func (r *report) nameAt(text string) (length int) {
	for _, name := range r.names {
		length = max(length, nameAt(text, name))
	}
	return length
}

// nameAt returns the length in bytes of a name at the start of text, or 0 if it
// is not there. If the text was shortened, three characters of the name are
// enough.
func nameAt(text, name string) int {
	end := lengthOf(text, utf8.RuneCountInString(name))
	after, _ := utf8.DecodeRuneInString(text[end:])
	if strings.EqualFold(text[:end], name) && !isInWord(after) {
		return end
	}
	start, _, shortened := strings.Cut(text, "...")
	n := utf8.RuneCountInString(start)
	if shortened && n >= 3 && strings.EqualFold(start, name[:lengthOf(name, n)]) {
		return len(start)
	}
	return 0
}

// lengthOf returns the length in bytes of the first n characters of text.
func lengthOf(text string, n int) int {
	for i := range text {
		if n == 0 {
			return i
		}
		n--
	}
	return len(text)
}

func isInWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// maskQuoted masks the quoted parts of an error, which are written with %q and
// come from pages and addresses.
func maskQuoted(text string) string {
	var b strings.Builder
	quoted, escaped := false, false
	for _, r := range text {
		switch {
		case quoted && escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			if quoted = !quoted; quoted {
				b.WriteString(`"...`)
				continue
			}
			b.WriteRune(r)
		case !quoted:
			b.WriteRune(r)
		}
	}
	return b.String()
}

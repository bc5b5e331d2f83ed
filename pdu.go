package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"iscbot/internal/nmc"
)

// A pdu is one rack PDU of the list.
type pdu struct {
	num  int    // last number of its address
	unit int    // 1, or 2 to 4 for units chained behind the first one
	name string // the team's if the list gives the PDU no name
	team string
	snmp string // host:port of the card's SNMP agent
	web  string // URL of the card's web interface, without a path
}

// maxUnits is the maximum number of units that share a card and its address.
const maxUnits = nmc.MaxUnits

// number returns the number of a PDU as written in the list: 101, or 101/2 for
// a chained unit.
func (p pdu) number() string {
	if p.unit <= 1 {
		return strconv.Itoa(p.num)
	}
	return fmt.Sprintf("%d/%d", p.num, p.unit)
}

// fullName returns the name of the PDU's team and, if it has one, its own.
func (p pdu) fullName() string {
	if p.name == p.team {
		return p.team
	}
	return p.team + " " + p.name
}

// logName returns the name of a PDU in exceedings.log.
func (p pdu) logName() string { return fmt.Sprintf("%s(.%s)", p.fullName(), p.number()) }

// displayName returns the name of a PDU in messages.
func (p pdu) displayName() string { return fmt.Sprintf("%s (.%s)", p.fullName(), p.number()) }

// findPDU returns the index of the PDU that a text means: 101, .101 or its full
// address, followed by a unit such as /2 unless it is the first.
func findPDU(pdus []pdu, text string) (index int, ok bool) {
	card, unit, hasUnit := strings.Cut(strings.TrimSpace(text), "/")
	if !hasUnit {
		unit = "1"
	}
	if card == "" {
		return 0, false
	}

	matches := 0 // more than one if PDUs share an address, as simulated ones do
	for i, p := range pdus {
		num := strconv.Itoa(p.num)
		host, _, _ := net.SplitHostPort(p.snmp)
		sameCard := card == num || card == "."+num || card == host
		if sameCard && unit == strconv.Itoa(max(p.unit, 1)) {
			index = i
			matches++
		}
	}
	return index, matches == 1
}

// findPDUNamed returns the index of the only PDU with a name, or of the only PDU of
// the team with that name. A number is not a name: it may be that of another PDU.
func findPDUNamed(pdus []pdu, name string) (index int, ok bool) {
	if _, _, err := parseNumber(name); err == nil {
		return 0, false
	}
	name = strings.Join(strings.Fields(name), " ")
	matches := 0
	for i, p := range pdus {
		if strings.EqualFold(p.name, name) || strings.EqualFold(p.team, name) {
			index = i
			matches++
		}
	}
	return index, matches == 1
}

// selectPDUs returns the PDUs with the given numbers, or all PDUs if none are
// given.
func selectPDUs(pdus []pdu, numbers []string) ([]pdu, error) {
	if len(numbers) == 0 {
		return pdus, nil
	}

	var selected []pdu
	var errs []error
	for _, number := range numbers {
		i, ok := findPDU(pdus, number)
		if !ok {
			errs = append(errs, fmt.Errorf("-check: %q: want numbers of listed PDUs", shorten(number, 60)))
			continue
		}
		if !slices.Contains(selected, pdus[i]) {
			selected = append(selected, pdus[i])
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return selected, nil
}

const pduFormat = `want one PDU on each line, the last number of its address and the team:
	101,First Team
	102,Second Team
or for a team with several PDUs the number, the PDU and the team:
	103,left rack,Third Team
	104,right rack,Third Team`

// loadPDUs reads the PDU list from a file; addr returns the addresses of a card.
func loadPDUs(path string, addr func(num int) (snmp, web string)) ([]pdu, error) {
	text, err := readTextFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file: %s", path, pduFormat)
	}
	if err != nil {
		return nil, err
	}

	pdus, err := parsePDUs(path, text)
	for i := range pdus {
		pdus[i].snmp, pdus[i].web = addr(pdus[i].num)
	}
	return pdus, err
}

// parsePDUs returns the PDUs of a list in order. Its error lists all mistakes.
// Each line is parsed by itself, so that a missing quote does not affect other
// lines.
func parsePDUs(name, text string) ([]pdu, error) {
	var pdus []pdu
	var errs []error
	mistake := func(line int, err error) {
		errs = append(errs, fmt.Errorf("%s:%d: %w", name, line, err))
	}

	lines := splitLines(text)
	separator, declared, err := declaredSeparator(lines[0])
	if err != nil {
		mistake(1, err)
	}
	if declared {
		lines[0] = ""
	}

	var seen pduLines
	for i, line := range lines {
		if isBlankRow(line) {
			continue
		}
		p, err := parsePDU(line, separator)
		isFirst := len(pdus)+len(errs) == 0
		if isFirst && looksLikeHeader(line) {
			err = fmt.Errorf("%q: looks like a header: want only PDUs, so remove this line", shorten(line, 60))
		}
		if err == nil {
			err = seen.add(p, i+1)
		}
		if err != nil {
			mistake(i+1, err)
			continue
		}
		pdus = append(pdus, p)
	}

	if errs != nil {
		return nil, joinErrors(name, errs)
	}
	if len(pdus) == 0 {
		return nil, fmt.Errorf("%s: no PDUs: %s", name, pduFormat)
	}
	nameUnits(pdus)
	return pdus, nil
}

// declaredSeparator returns the separator that a first line such as sep=;
// declares for the whole file. Spreadsheets write this line.
func declaredSeparator(line string) (separator rune, declared bool, err error) {
	plain := strings.ToLower(strings.Trim(line, `" `))
	value, declared := strings.CutPrefix(plain, "sep=")
	if !declared {
		return 0, false, nil
	}
	switch value {
	case ",", ";", "\t":
		return rune(value[0]), true, nil
	}
	return 0, true, fmt.Errorf("%q: want sep=, or sep=; or sep= and a tab, or no such line", shorten(line, 60))
}

// isBlankRow reports whether a line has no content: it is a comment or has only
// empty columns.
func isBlankRow(line string) bool {
	isFiller := func(r rune) bool { return unicode.IsSpace(r) || isPasteMark(r) || r == '"' }
	isEmptyColumn := func(r rune) bool { return isFiller(r) || r == ',' || r == ';' }
	comment := strings.HasPrefix(strings.TrimFunc(line, isFiller), "#")
	return comment || strings.TrimFunc(line, isEmptyColumn) == ""
}

// looksLikeHeader reports whether a line names columns, such as number,team.
func looksLikeHeader(line string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(line, `" `))
	return unicode.IsLetter(first) && !strings.ContainsAny(line, "0123456789")
}

// pduLines records the line of each number and team of a list.
type pduLines struct {
	numbers map[string]int
	teams   map[string]teamLine
}

// A teamLine is the first line of a team, and the PDU number on it.
type teamLine struct{ line, num int }

// add records the line of a PDU. It returns an error if the PDU is already
// listed, if the team's name differs from a listed one only in capitals, or if
// the line names a listed team but no PDU, unless that is another unit of the
// same card.
func (l *pduLines) add(p pdu, line int) error {
	if l.numbers == nil {
		l.numbers = make(map[string]int)
		l.teams = make(map[string]teamLine)
	}

	if first, ok := l.numbers[p.number()]; ok {
		return fmt.Errorf("PDU %s is already on line %d: want each PDU once", p.number(), first)
	}
	l.numbers[p.number()] = line

	first, ok := l.teams[p.team]
	if !ok {
		for name, other := range l.teams {
			if strings.EqualFold(name, p.team) { // as two teams, each would have a limit of its own
				return fmt.Errorf("team %q differs from %q on line %d only in capitals: "+
					"want one spelling, or different names for two teams", p.team, name, other.line)
			}
		}
		l.teams[p.team] = teamLine{line, p.num}
		return nil
	}
	if p.name == p.team && p.num != first.num {
		return fmt.Errorf("team %q is already on line %d: for a team with several PDUs want %s,PDU,TEAM",
			p.team, first.line, p.number())
	}
	return nil
}

// nameUnits names the units of a card that have no names of their own and
// belong to one team.
func nameUnits(pdus []pdu) {
	type card struct {
		num  int
		team string
	}
	units := make(map[card]int)
	for _, p := range pdus {
		units[card{p.num, p.team}]++
	}
	for i, p := range pdus {
		if p.name == p.team && units[card{p.num, p.team}] > 1 {
			pdus[i].name = fmt.Sprintf("unit %d", p.unit)
		}
	}
}

// parsePDU parses a line that is not blank. If separator is 0, the line has its
// own.
func parsePDU(line string, separator rune) (pdu, error) {
	quoted := shorten(line, 60)
	if !utf8.ValidString(line) {
		return pdu{}, fmt.Errorf("%q: not UTF-8: was the file saved as Windows-1252? save it as UTF-8", quoted)
	}
	line = strings.TrimSpace(withoutPasteMarks(line))
	if separator == 0 {
		separator = firstSeparator(line)
	}

	columns, err := splitColumns(line, separator)
	if err != nil {
		return pdu{}, fmt.Errorf("%q: %w", quoted, err)
	}
	for len(columns) > 0 && columns[len(columns)-1] == "" {
		columns = columns[:len(columns)-1]
	}
	if len(columns) < 2 || len(columns) > 3 {
		return pdu{}, fmt.Errorf(`%q: want NUM,TEAM or NUM,PDU,TEAM, and "quotes" around a name with a separator`,
			quoted)
	}

	num, unit, err := parseNumber(columns[0])
	if err != nil {
		return pdu{}, err
	}
	for _, name := range columns[1:] {
		if err := checkName(name); err != nil {
			return pdu{}, err
		}
	}
	p := pdu{num: num, unit: unit, name: columns[1], team: columns[len(columns)-1]}
	if p.name == "" { // a middle column left empty
		p.name = p.team
	}
	return p, nil
}

// firstSeparator returns the separator of a line: the one after the number,
// because names may contain the others.
func firstSeparator(line string) rune {
	i := strings.IndexAny(line, ",;\t")
	if i < 0 {
		return ','
	}
	if line[i] == '\t' { // perhaps only a blank before the separator
		rest := strings.TrimSpace(line[i:])
		if strings.HasPrefix(rest, ",") || strings.HasPrefix(rest, ";") {
			return rune(rest[0])
		}
	}
	return rune(line[i])
}

// splitColumns returns the columns of a line, tidied. A quote inside an
// unquoted column is an ordinary character.
func splitColumns(line string, separator rune) ([]string, error) {
	line = trimQuoted(line, separator)
	columns, err := readRecord(line, separator, false)
	if errors.Is(err, csv.ErrBareQuote) {
		columns, err = readRecord(line, separator, true)
	}
	unclosed := slices.ContainsFunc(columns, func(s string) bool { return strings.Contains(s, "\n") })
	if err != nil || unclosed {
		return nil, errors.New(`want a quote at both ends of a quoted name, and "" for a quote inside it`)
	}

	for i, column := range columns {
		columns[i] = tidyName(column)
	}
	return columns, nil
}

// readRecord reads a line with encoding/csv. If lazy, and no closing quote is
// found, the newline becomes part of the last column.
func readRecord(line string, separator rune, lazy bool) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line + "\n"))
	r.Comma = separator
	r.LazyQuotes = lazy
	return r.Read()
}

// trimQuoted removes the blanks around the columns of a line, because
// encoding/csv allows none next to quotes. Blanks inside quotes stay.
func trimQuoted(line string, separator rune) string {
	parts := strings.Split(line, string(separator))
	inside := false // quotes that an earlier part opened
	for i, part := range parts {
		if !inside {
			part = strings.TrimLeftFunc(part, unicode.IsSpace)
		}
		isQuoted := inside || strings.HasPrefix(part, `"`)
		if isQuoted && strings.Count(part, `"`)%2 == 1 {
			inside = !inside
		}
		if !inside {
			part = strings.TrimRightFunc(part, unicode.IsSpace)
		}
		parts[i] = part
	}
	return strings.Join(parts, string(separator))
}

// withoutPasteMarks removes the paste marks from a line.
func withoutPasteMarks(line string) string {
	return strings.Map(func(r rune) rune {
		if isPasteMark(r) {
			return -1
		}
		return r
	}, line)
}

// tidyName replaces each run of blanks of any kind in a name with one space,
// and removes joiners at the ends of the name, where they join nothing.
func tidyName(name string) string {
	return strings.Trim(strings.Join(strings.Fields(name), " "), " \u200c\u200d")
}

// parseNumber parses the number and the unit of a PDU. It accepts only the
// canonical form.
func parseNumber(text string) (num, unit int, err error) {
	numText, unitText, hasUnit := strings.Cut(text, "/")
	numText, unitText = strings.TrimSpace(numText), strings.TrimSpace(unitText)
	num, ok := canonicalNumber(numText, 254)
	if !ok {
		return 0, 0, fmt.Errorf("%q: want the last number of the PDU's address, 1 to 254", shorten(text, 60))
	}
	if !hasUnit {
		return num, 1, nil
	}

	unit, ok = canonicalNumber(unitText, maxUnits)
	if !ok {
		return 0, 0, fmt.Errorf("%q: want a unit from 1 to %d after the slash, such as %d/2",
			shorten(text, 60), maxUnits, num)
	}
	return num, unit, nil
}

// canonicalNumber parses a number from 1 to last, without leading zeros.
func canonicalNumber(text string, last int) (n int, ok bool) {
	n, err := strconv.Atoi(text)
	inRange := 1 <= n && n <= last
	return n, err == nil && inRange && strconv.Itoa(n) == text
}

// checkName returns what is wrong with a name, which may be empty.
func checkName(name string) error {
	if utf8.RuneCountInString(name) > 100 {
		return fmt.Errorf("%q: want a name of at most 100 characters", shorten(name, 60))
	}
	for _, r := range name {
		switch {
		case r == utf8.RuneError:
			return fmt.Errorf("%q: a character was lost: type the name again and save the file as UTF-8",
				shorten(name, 60))
		case !isNameRune(r):
			return fmt.Errorf("%q: want a name of printable characters, without %U", shorten(name, 60), r)
		}
	}
	return nil
}

// isNameRune reports whether a name may contain r. Control characters are
// excluded, and so are those that change the direction of text and could make a
// name look like another. Emoji and many scripts need joiners and tags.
// Unassigned characters are allowed: they may be emoji newer than Go's tables.
func isNameRune(r rune) bool {
	if unicode.Is(unicode.Join_Control, r) || isEmojiTag(r) {
		return true
	}
	return !unicode.In(r, unicode.Cc, unicode.Cf)
}

// isEmojiTag reports whether r is a tag, which spells the region of a flag such
// as Scotland's.
func isEmojiTag(r rune) bool { return r >= 0xe0020 && r <= 0xe007f }

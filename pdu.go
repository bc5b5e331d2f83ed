package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A pdu is one rack PDU of the list.
type pdu struct {
	num  int    // last number of its address
	name string // the team's where the list has no name of its own
	team string
	snmp string // host:port of its SNMP agent
	web  string // URL of its web interface, without a path
}

// full returns the name of a PDU with its team's.
func (p pdu) full() string {
	if p.name == p.team {
		return p.team
	}
	return p.team + " " + p.name
}

const pduForm = `wanted is one PDU a line: the last number of its address and the team, for example:
	101,First Team
	102,Second Team
or, where a team has several PDUs, the number, the PDU and the team:
	103,left rack,Third Team
	104,right rack,Third Team`

// loadPDUs reads the PDU list from a file; addr gives the addresses of a PDU.
func loadPDUs(path string, addr func(num int) (snmp, web string)) ([]pdu, error) {
	text, err := readText(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file: %s", path, pduForm)
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

// parsePDUs returns the PDUs of a list in its order. Its errors name all mistakes.
func parsePDUs(name, text string) ([]pdu, error) {
	var pdus []pdu
	var errs []error
	lines := make(map[string]int) // where a number, or a team without a name for its PDU, stands
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		p, err := parsePDU(line)
		if err == nil {
			for _, key := range []string{strconv.Itoa(p.num), "team " + p.team} {
				first := lines[key]
				switch {
				case first == 0:
					lines[key] = n
				case key == strconv.Itoa(p.num):
					err = fmt.Errorf("number %d stands in line %d already: wanted is each PDU once", p.num, first)
				case p.name == p.team:
					err = fmt.Errorf("team %q stands in line %d already: for a team with several PDUs wanted is %d,PDU,TEAM", p.team, first, p.num)
				}
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, n, err))
			continue
		}
		pdus = append(pdus, p)
	}
	if errs != nil {
		return nil, joinFirst(name, errs)
	}
	if len(pdus) == 0 {
		return nil, fmt.Errorf("%s: no PDU in it: %s", name, pduForm)
	}
	return pdus, nil
}

// parsePDU returns the PDU of a line that is not blank.
func parsePDU(line string) (pdu, error) {
	fields, err := splitCSV(line)
	if err != nil {
		return pdu{}, fmt.Errorf("%q: %w", cut(line, 60), err)
	}
	if len(fields) < 2 || len(fields) > 3 {
		return pdu{}, fmt.Errorf("%q: wanted is NUM,TEAM or NUM,PDU,TEAM, a comma within a name in \"quotes\"", cut(line, 60))
	}
	num, err := strconv.Atoi(fields[0])
	if err != nil || num < 1 || num > 254 || strconv.Itoa(num) != fields[0] {
		return pdu{}, fmt.Errorf("%q: wanted is the last number of the PDU's address, 1 to 254", cut(fields[0], 60))
	}
	for _, f := range fields[1:] {
		switch {
		case f == "":
			return pdu{}, fmt.Errorf("%q: a name is missing", cut(line, 60))
		case !utf8.ValidString(f):
			return pdu{}, fmt.Errorf("%q: not in UTF-8: wanted is a file that was saved as UTF-8", cut(f, 60))
		case utf8.RuneCountInString(f) > 100:
			return pdu{}, fmt.Errorf("%q: wanted is a name of at most 100 characters", cut(f, 60))
		case strings.ContainsFunc(f, func(r rune) bool { return !unicode.IsPrint(r) }):
			return pdu{}, fmt.Errorf("%q: wanted is a name of printable characters", cut(f, 60))
		}
	}
	return pdu{num: num, name: fields[1], team: fields[len(fields)-1]}, nil
}

// splitCSV splits a line at its commas. Other than encoding/csv it takes blanks around a quoted field, and no field goes on
// in the next line: a forgotten quote spoils one line only.
func splitCSV(line string) (fields []string, err error) {
	for {
		line = strings.TrimSpace(line)
		var field strings.Builder
		quoted := strings.HasPrefix(line, `"`)
		for quoted {
			text, rest, closed := strings.Cut(line[1:], `"`)
			if !closed {
				return nil, errors.New("a closing quote is missing")
			}
			field.WriteString(text)
			line = rest
			if quoted = strings.HasPrefix(rest, `"`); quoted { // "" is a quote in a quoted field
				field.WriteByte('"')
			}
		}
		text, rest, more := strings.Cut(line, ",")
		text = strings.TrimSpace(text)
		if strings.Contains(text, `"`) || text != "" && field.Len() > 0 {
			return nil, errors.New("a quote in the middle: wanted are quotes around a whole name")
		}
		fields = append(fields, strings.TrimSpace(field.String()+text))
		if !more {
			return fields, nil
		}
		line = rest
	}
}

// cut returns s, shortened to at most n runes.
func cut(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "..."
		}
	}
	return s
}

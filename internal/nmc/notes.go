package nmc

import (
	"slices"
	"strings"
)

// Labels of the peak's reset have notes that say when the peak was reset last, or
// how high it is and since when:
//
//	Reset (last reset 05/18/2018 08:00:00)
//	Peak Power: 2.81 kW at 06/15/2026 10:32:07
//
// withoutNotes returns a text in lower case without such notes. A time without a
// date is not a note: it may be that of a reset each day.
func withoutNotes(text string) string {
	list := strings.Fields(withoutLastReset(strings.ToLower(text)))
	var kept []string
	for len(list) > 0 {
		if n := noteLength(list); n > 0 {
			list = list[n:]
			continue
		}
		kept = append(kept, list[0])
		list = list[1:]
	}
	return strings.Join(kept, " ")
}

// withoutLastReset returns a text without parentheses that mention the last
// reset.
func withoutLastReset(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "(")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		inside, after, closed := strings.Cut(rest, ")")
		if closed && !strings.Contains(inside, "(") && saysLastReset(inside) {
			text = after
			continue
		}
		b.WriteString(" ")
		text = rest
	}
}

// saysLastReset reports whether a text in parentheses mentions the last reset.
func saysLastReset(text string) bool {
	switch list := words(text); strings.Join(list, " ") {
	case "never reset", "never cleared", "not reset yet", "not yet reset":
		return true
	default:
		fields := strings.Fields(text)
		isDated := len(fields) > 1 && bare(fields[0]) == "last" && stampLength(fields[1:]) == len(fields)-1
		return isDated || isLastReset(list)
	}
}

func isLastReset(list []string) bool {
	return len(list) > 1 && list[0] == "last" && has(list[1:2], "reset", "cleared")
}

// noteLength returns the number of words of the note with which a list begins, 0
// if it begins with none.
func noteLength(list []string) int {
	if n := lastResetLength(list); n > 0 {
		return n
	}
	if n := powerLength(list); n > 0 {
		return n + atLength(list[n:])
	}
	if bare(list[0]) == "n/a" {
		return 1
	}
	if bare(list[0]) == "since" {
		if n := stampLength(list[1:]); n > 0 {
			return 1 + n
		}
	}
	return stampLength(list)
}

// lastResetLength returns the length of a note such as "the last reset on
// 05/18/2018" or "last reset: never".
func lastResetLength(list []string) int {
	n := 0
	if bare(list[0]) == "the" {
		n = 1
	}
	if len(list) < n+2 || !isLastReset([]string{bare(list[n]), bare(list[n+1])}) {
		return 0
	}
	n += 2
	if len(list) > n && (bare(list[n]) == "date" || bare(list[n]) == "time") {
		n++
	}
	if len(list) > n && (bare(list[n]) == "never" || bare(list[n]) == "n/a") {
		return n + 1
	}
	return n + max(atLength(list[n:]), stampLength(list[n:]))
}

// powerLength returns the length of a power: "2.81 kW" or "2.81kW".
func powerLength(list []string) int {
	first := bare(list[0])
	for _, unit := range []string{"kw", "w", "watt", "watts", "kva", "va", "a"} {
		if number, ok := strings.CutSuffix(first, unit); ok && isNumber(number) {
			return 1
		}
		if len(list) > 1 && isNumber(first) && bare(list[1]) == unit {
			return 2
		}
	}
	return 0
}

// atLength returns the length of a time with its preposition, "at 06/15/2026".
func atLength(list []string) int {
	if len(list) == 0 || !has([]string{bare(list[0])}, "at", "on") {
		return 0
	}
	if n := stampLength(list[1:]); n > 0 {
		return 1 + n
	}
	return 0
}

// stampLength returns the length of a date, with or without a time.
func stampLength(list []string) (length int) {
	month, year, dated := false, false, false
	for i, word := range list {
		w := bare(word)
		switch {
		case isDate(w):
			dated = true
		case isMonth(w):
			month = true
		case isYear(w) && month:
			year = true
		case isClock(w), isPartOfDay(w), isWeekday(w):
		case isDay(w) && (month || i+1 < len(list) && isMonth(bare(list[i+1]))):
		case (w == "at" || word == "|") && i+1 < len(list) && isClock(bare(list[i+1])):
			continue
		default:
			return length
		}
		if dated || month && year {
			length = i + 1
		}
	}
	return length
}

// bare returns a word without the punctuation around it.
func bare(word string) string { return strings.Trim(word, ".,:;|()[]") }

// isNumber reports whether a text is a number, such as 1 or 2.81 or 2,81.
func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789.,") == "" && isDigits(text[:1])
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// isDate reports whether a text is a date in numbers, such as 05/18/2018, or one
// with a month, such as 18-May-18, or one with a time, such as
// 2018-05-18T08:00:00.
func isDate(text string) bool {
	day, clock, timed := strings.Cut(text, "t")
	if !timed || !isClock(clock) { // the t may be that of a month
		day = text
	}
	parts := strings.FieldsFunc(day, func(r rune) bool { return strings.ContainsRune("-/.", r) })
	months := 0
	for _, part := range parts {
		switch {
		case isMonth(part):
			months++
		case !isDigits(part) || len(part) > 4:
			return false
		}
	}
	return len(parts) == 3 && months < 2
}

// isClock reports whether a text is a time of day, such as 8:00 or 08:00:00pm.
func isClock(text string) bool {
	text = strings.TrimSuffix(text, "z")
	text = strings.TrimSuffix(strings.TrimSuffix(text, "am"), "pm")
	parts := strings.Split(text, ":")
	inNumbers := !slices.ContainsFunc(parts, func(s string) bool { return !isDigits(s) || len(s) > 2 })
	return (len(parts) == 2 || len(parts) == 3) && inNumbers
}

func isPartOfDay(word string) bool {
	return slices.Contains(strings.Fields("am pm a.m p.m utc gmt z"), word)
}

func isYear(word string) bool { return isDigits(word) && len(word) == 4 }

func isDay(word string) bool { return isDigits(word) && len(word) <= 2 }

func isMonth(word string) bool {
	return isAbbreviation(word, "january february march april may june july august september october november december")
}

func isWeekday(word string) bool {
	return isAbbreviation(word, "monday tuesday wednesday thursday friday saturday sunday")
}

// isAbbreviation reports whether a word is one of some names, or at least three
// letters of its beginning.
func isAbbreviation(word, names string) bool {
	return len(word) >= 3 && strings.Contains(" "+names, " "+word)
}

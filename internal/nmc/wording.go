package nmc

import (
	"slices"
	"strings"
)

// A control is taken for the peak's reset only if all texts about it consist of
// these words: a page may also have settings about the peak, such as one that
// resets it at each cold start.
var (
	labelWords = strings.Fields("peak power load maximum max highest reset clear clears select check register " +
		"value kw w kva va watt watts device unit rack pdu rpdu 2g apc now the a this to of for in and since was " +
		"yes action help setting settings option options control parameter demand total real active input recorded " +
		"measured reading counter statistics meter values")
	choiceWords = strings.Fields("reset clear peak power yes no none on off now do not don't keep operation " +
		"apply cancel select choose please action change leave as is nooperation")
	// resetHeadingWords are those of a heading that says that controls below it
	// are for resets.
	resetHeadingWords = slices.Concat(labelWords, strings.Fields("resets peaks energy kwh meters or"))
	// otherResetWords are those of labels of other resets.
	otherResetWords = slices.Concat(resetHeadingWords, choiceWords, strings.Fields("kilowatt hours hour wh mwh kvah "+
		"usage consumption outlet outlets phase bank all factory default defaults"))
)

// isLabel reports whether a text about a control says no more than that it
// resets the peak of the device.
func isLabel(text string) bool { return isWorded(text, labelWords) }

// isWorded reports whether a text consists of some words, apart from notes and
// numbers.
func isWorded(text string, some []string) bool {
	list := words(withoutNotes(text))
	for i, w := range list {
		isNumber := strings.Trim(w, "0123456789") == ""
		if !isNumber && !slices.Contains(some, w) && !isPresent(list[i:]) {
			return false
		}
	}
	return true
}

// isPresent reports whether words begin with "current" in the meaning of
// present, not of amperes.
func isPresent(list []string) bool {
	if list[0] != "current" {
		return false
	}
	of := list[1:]
	if len(of) > 1 && of[0] == "peak" {
		of = of[1:]
	}
	return len(of) > 0 && has(of[:1], "power", "load", "value")
}

// isChoice reports whether the text of an option or a radio button says no more
// than whether to reset the peak.
func isChoice(text string) bool {
	list := words(withoutNotes(text))
	return isMadeOf(list, choiceWords...)
}

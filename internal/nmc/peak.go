package nmc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A reset is a form that resets the peak when its button is pressed: the form
// as the page shows it, with only the peak's control changed.
type reset struct {
	form    form
	control int // the index of the control that was changed
	button  int
	label   string // the text beside the control
	unit    bool   // the labels name the unit
}

// findReset returns how a page resets the peak of a unit. Only the text beside
// a control identifies it: unless exactly one control fits, findReset returns
// an error. mask masks the texts that it quotes.
func findReset(p page, unit int, mask func(string) string) (reset, error) {
	quote := func(label string) string { return strconv.Quote(shorten(mask(label), 60)) }
	var found []reset
	for _, f := range p.forms {
		for i := range f.controls {
			if r, ok := resetBy(f, i, unit); ok {
				found = append(found, r)
			}
		}
	}
	switch {
	case len(found) == 0:
		return reset{}, ErrNoControl
	case len(found) > 1:
		return reset{}, fmt.Errorf("%w: %s", ErrSeveralControls, labelsOf(found, quote))
	case p.tooLarge:
		return reset{}, fmt.Errorf("%w: it is too large to submit", ErrPage)
	}

	r := found[0]
	switch {
	case r.button < 0:
		return reset{}, fmt.Errorf("%w: the form with %s has no Apply button", ErrPage, quote(r.label))
	case !r.form.isPost() || r.form.controls[r.button].overrides:
		return reset{}, fmt.Errorf("%w: the form with %s is not posted in the usual way", ErrPage, quote(r.label))
	}
	if other, ok := selectedReset(r.form, r.control); ok {
		return reset{}, fmt.Errorf("%w: the form with %s would reset something else too: %s is selected in it",
			ErrPage, quote(r.label), quote(other))
	}
	return r, nil
}

func labelsOf(found []reset, quote func(string) string) string {
	var labels []string
	for _, r := range found[:min(len(found), 8)] {
		labels = append(labels, quote(r.label))
	}
	return fmt.Sprintf("%d controls, %s", len(found), strings.Join(labels, ", "))
}

// resetBy returns how control i of a form resets the peak, if it does.
func resetBy(f form, i, unit int) (reset, bool) {
	c := f.controls[i]
	isSent := !c.disabled && c.name != ""
	isAboutPeak := subjectOf(c, unit) == peakOnly && saysReset(c) && saysNoMore(c, unit)
	if !isSent || !isAboutPeak {
		return reset{}, false
	}
	r := reset{
		control: i,
		button:  applyButton(f),
		label:   c.labels.mostInformative(c.caption),
		unit:    namesUnit(c.labels, unit),
	}
	switch c.kind {
	case "checkbox":
		r.form = f.check(i)
		return r, !c.checked
	case "radio":
		r.form = f.check(i)
		return r, !c.checked && saysYes(c.labels.own+" "+c.labels.after)
	case "select":
		k, ok := resetOption(c)
		if ok {
			r.form = f.choose(i, k)
		}
		return r, ok
	case "submit":
		r.form, r.button = f, i
		return r, saysYes(c.caption)
	}
	return reset{}, false
}

// resetOption returns the index of the only option of a select that means the
// reset, if it is not selected yet. It rejects a select with any option that is
// not understood.
func resetOption(c control) (int, bool) {
	found, n := 0, 0
	for k, o := range c.options {
		if !isChoice(o.text) {
			return 0, false
		}
		if !o.disabled && saysYes(o.text) {
			found = k
			n++
		}
	}
	return found, n == 1 && !c.options[found].selected
}

// selectedReset returns the text beside a control of a form, other than control
// i, that the page selected and that resets something. ok is false if there is
// none.
func selectedReset(f form, i int) (label string, ok bool) {
	for k, c := range f.controls {
		if k != i && selectsReset(c) {
			return c.labels.mostInformative(""), true
		}
	}
	return "", false
}

// selectsReset reports whether a control will reset something when its form is
// submitted as the page shows it.
func selectsReset(c control) bool {
	isAnyRow := func(string) bool { return true }
	if c.disabled || !saysReset(c) || !isLabeledWith(c, otherResetWords, isAnyRow) {
		return false
	}
	switch c.kind {
	case "checkbox":
		return c.checked
	case "radio":
		return c.checked && saysYes(c.labels.own+" "+c.labels.after)
	case "select":
		isYes := func(o option) bool { return o.selected && !o.disabled && saysYes(o.text) }
		return slices.ContainsFunc(c.options, isYes)
	}
	return false
}

// applyButton returns the index of the button that applies a form, preferably
// one that says so in one word, or -1.
func applyButton(f form) int {
	exact := slices.IndexFunc(f.controls, func(c control) bool { return isApply(c) && len(words(c.caption)) == 1 })
	if exact >= 0 {
		return exact
	}
	return slices.IndexFunc(f.controls, isApply)
}

// isApply reports whether a control is a button that applies a form and does
// nothing else.
func isApply(c control) bool {
	if c.kind != "submit" || c.disabled {
		return false
	}
	list := words(c.caption)
	return has(list, "apply", "ok", "save", "submit") &&
		isMadeOf(list, "apply", "ok", "save", "submit", "changes", "settings", "now", "the", "and")
}

// A subject is what a text or a control is about.
type subject int

const (
	nothing  subject = iota // nothing known
	peakOnly                // the PDU's peak, and nothing else
	other                   // energy, outlets or another unit, perhaps along with the peak
)

// subjectOf returns what a control is about. Nearer texts are more certain, but
// none may contradict them.
func subjectOf(c control, unit int) subject {
	l := c.labels
	found := nothing
	if direct := named(l.own+" "+c.caption, unit); direct != nothing {
		found = direct
	}
	switch s := namedByRows(l.rows, unit); {
	case found == other || s == other:
		return other
	case s == peakOnly:
		found = s
	}
	column := named(l.column, unit)
	if column == other || named(l.beside, unit) == other || namesParts(words(l.columns)) {
		return other
	}
	for _, h := range l.headings {
		list := words(h.text)
		namesOther := namesParts(list) || namesOtherUnit(list, unit) || namesConsequence(list)
		if namesOther && !isModel(list) {
			return other
		}
	}
	switch {
	case found != nothing:
		return found
	case column == peakOnly:
		return column
	}
	return namedByHeading(l.headings, unit)
}

// namedByRows returns what the rows of a control name, up to the first row that
// is certain and names something.
func namedByRows(rows []row, unit int) subject {
	found := nothing
	for _, r := range rows {
		s := named(r.text, unit)
		if s != nothing {
			found = s
		}
		if s == other || s == peakOnly && r.certain {
			break
		}
	}
	return found
}

// namedByHeading returns what the innermost heading that names anything names.
// If the text between it and the control names something else, it returns
// other.
func namedByHeading(headings []caption, unit int) subject {
	const maxHeading = 80 // bytes; a longer text is not a heading
	for _, h := range headings {
		s := named(h.text, unit)
		if s == nothing || isModel(words(h.text)) {
			continue
		}
		isHeading := len(h.text) <= maxHeading && isLabel(h.text)
		if h.far || !isHeading || named(h.between, unit) == other {
			return other
		}
		return s
	}
	return nothing
}

// named returns the subject that a text names.
func named(text string, unit int) subject {
	list := words(text)
	switch {
	case namesEnergy(list), namesParts(list), namesOtherUnit(list, unit):
		return other
	case hasPart(list, "peak"):
		return peakOnly
	}
	return nothing
}

// namesEnergy reports whether words are about the energy meter, which must
// never be reset.
func namesEnergy(list []string) bool {
	isEnergy := hasPart(list, "energ", "énerg", "kwh", "mwh", "kilowatt", "watthour", "watthr", "consum", "usage")
	if isEnergy || has(list, "wh", "kvah", "vah") {
		return true
	}
	for i := range len(list) - 1 {
		if isTariff := has(list[i:i+1], "on", "off") && list[i+1] == "peak"; isTariff {
			return true
		}
		isUnit := hasPart(list[i:i+1], "watt") || strings.HasSuffix(list[i], "kw") || strings.HasSuffix(list[i], "mw")
		if isUnit && has(list[i+1:i+2], "h", "hr", "hrs", "hour", "hours") {
			return true
		}
	}
	return false
}

// namesParts reports whether words are about a part of the PDU, which has a
// peak of its own.
func namesParts(list []string) bool {
	return hasPart(list, "outlet", "receptacle", "phase") ||
		has(list, "bank", "banks", "socket", "sockets", "breaker", "sensor")
}

// isModel reports whether a heading is the name of a model, such as "3-Phase Rack
// PDU 2G" or "Metered by Outlet Rack PDU".
func isModel(list []string) bool {
	for i, w := range list {
		before := list[max(0, i-1):i]
		isPhase := w == "phase" && !has(before, "1", "3", "single", "three")
		isOutlet := w == "outlet" && !has(before, "by")
		if isPhase || isOutlet {
			return false
		}
	}
	_, isUnit := unitIn(list)
	return !isUnit && has(list, "rack") && isMadeOf(list, "apc", "rack", "pdu", "pdus", "2g", "1", "3", "single",
		"three", "phase", "metered", "switched", "by", "outlet", "with", "switching")
}

// namesConsequence reports whether a heading is about when there is a reset, what
// happens then or who may do it, rather than about the reset.
func namesConsequence(list []string) bool {
	isPowerUp := has(list, "power") && has(list, "up")
	return isPowerUp || hasPart(list, "event", "notif", "schedul", "automat", "permission", "startup", "boot") ||
		has(list, "trap", "traps", "email", "cold", "coldstart", "daily", "day", "midnight", "log", "display", "lcd",
			"panel", "keypad", "rights", "access")
}

// namesOtherUnit reports whether words are about another unit of a chain, or
// about all.
func namesOtherUnit(list []string, unit int) bool {
	n, ok := unitIn(list)
	return ok && n != unit || has(list, "units", "pdus")
}

// namesUnit reports whether the labels of a control name a unit.
func namesUnit(l labels, unit int) bool {
	texts := []string{l.own, l.column}
	for _, r := range l.rows {
		texts = append(texts, r.text)
	}
	for _, h := range l.headings {
		texts = append(texts, h.text)
	}
	return slices.ContainsFunc(texts, func(s string) bool {
		n, ok := unitIn(words(s))
		return ok && n == unit
	})
}

// saysReset reports whether any text about a control mentions a reset.
func saysReset(c control) bool {
	l := c.labels
	texts := []string{l.own, l.after, l.column, l.beside, c.caption}
	for _, r := range l.rows {
		texts = append(texts, r.text)
	}
	for _, o := range c.options {
		texts = append(texts, o.text)
	}
	for _, h := range l.headings {
		if !h.far && isWorded(h.text, resetHeadingWords) {
			texts = append(texts, h.text)
		}
	}
	isChoice := c.kind == "radio" || c.kind == "select"
	return slices.ContainsFunc(texts, func(s string) bool {
		list := words(withoutNotes(s))
		if raw := words(s); isChoice && !has(raw, "since") { // it may be "Peak (last reset ...): yes/no"
			list = raw
		}
		return has(list, "reset", "resets")
	})
}

// saysNoMore reports whether the texts about a control say nothing but that it
// resets the peak.
func saysNoMore(c control, unit int) bool {
	some := labelWords
	if c.kind == "radio" { // its row has the other choices
		some = slices.Concat(labelWords, choiceWords)
	}
	return isLabeledWith(c, some, func(row string) bool { return named(row, unit) == peakOnly })
}

// isLabeledWith reports whether the texts about a control consist of some words,
// up to the first certain row that is enough.
func isLabeledWith(c control, some []string, isEnough func(row string) bool) bool {
	l := c.labels
	texts := []string{l.own, l.after, l.column, l.beside, c.caption}
	for _, r := range l.rows {
		texts = append(texts, r.text)
		if r.certain && isEnough(r.text) {
			break
		}
	}
	return !slices.ContainsFunc(texts, func(s string) bool { return !isWorded(s, some) })
}

// saysYes reports whether a choice means the reset.
func saysYes(text string) bool {
	list := words(withoutNotes(text))
	return has(list, "reset", "yes", "clear", "on") &&
		!has(list, "no", "not", "never", "don't", "none", "keep", "cancel", "off")
}

// mostInformative returns the text that says most about a control.
func (l labels) mostInformative(caption string) string {
	text := strings.TrimSpace(l.own + " " + caption)
	for _, r := range l.rows {
		if len(r.text) > len(text) {
			text = r.text
		}
		if r.certain {
			break
		}
	}
	return text
}

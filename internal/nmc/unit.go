package nmc

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// MaxUnits is the maximum number of chained PDUs behind one card.
const MaxUnits = 4

// unitNumber parses the number of a unit.
func unitNumber(s string) (int, bool) {
	if len(s) == 1 && '1' <= s[0] && s[0] <= '0'+MaxUnits {
		return int(s[0] - '0'), true
	}
	return 0, false
}

// unitIn returns the unit that words name, such as "unit 2" or "Rack PDU 2".
func unitIn(list []string) (int, bool) {
	for i := range len(list) - 1 {
		if list[i] == "unit" || list[i] == "pdu" {
			if n, ok := unitNumber(list[i+1]); ok {
				return n, true
			}
		}
	}
	return 0, false
}

// unitQuery returns the unit in the query of a URL.
func unitQuery(u *url.URL) (int, bool) {
	return unitNumber(u.Query().Get("pdu"))
}

// units are the links and options by which a page leads to the same page of
// other units.
type units struct {
	current int // the unit that the page is about; 0 if unknown
	offered bool
	links   map[int]*url.URL
	form    form // with the selector
	control int  // the index of the selector in the form, or -1
	options map[int]int
	unclear bool // a control that is no selector may show the unit
	shown   int  // the unit that it shows; 0 if unknown
}

// findUnits returns the units that a page offers; resolve resolves its links. A
// page that offers none is about the first unit. ok is false if the page
// contradicts itself.
func findUnits(p page, here *url.URL, resolve func(string) (*url.URL, error)) (u units, ok bool) {
	u = units{control: -1}
	selected, isClear := u.findSelector(p)
	u.findLinks(p, here, resolve)
	asked, hasQuery := unitQuery(here)
	u.offered = hasQuery || u.control >= 0 || len(u.links) > 0
	switch {
	case hasQuery:
		u.current = asked
	case selected > 0:
		u.current = selected
	default:
		u.current = u.unlinked()
	}
	return u, isClear && (selected == 0 || selected == u.current)
}

// findSelector looks for the select that chooses a unit, and returns the unit
// selected in it. ok is false if there are several selectors.
func (u *units) findSelector(p page) (selected int, ok bool) {
	for _, f := range p.forms {
		for i, c := range f.controls {
			options, current, ok := unitOptions(c)
			if isSelector := ok && choosesOnly(f); !isSelector {
				u.noteUnclear(c)
				continue
			}
			if u.control >= 0 {
				return 0, false
			}
			u.form, u.control, u.options, selected = f, i, options, current
		}
	}
	return selected, true
}

// noteUnclear notes whether a control that is no selector may show the unit.
func (u *units) noteUnclear(c control) {
	shown := 0
	switch about := words(c.labels.own); c.kind {
	case "select":
		if len(c.labels.rows) > 0 {
			about = append(about, words(c.labels.rows[0].text)...)
		}
		isAboutUnits := isUnitLabel(about) || has(words(c.name), "pdu", "unit")
		isSetting := isUnitSetting(about) || hasPart(about, "peak")
		if !isAboutUnits || isSetting {
			return
		}
		shown = 1 + slices.IndexFunc(c.options, func(o option) bool { return o.selected })
	case "radio":
		if !has(words(c.name), "pdu", "rpdu", "unit") {
			return
		}
		if list := words(c.labels.own + c.labels.after); c.checked && len(list) > 0 {
			shown, _ = unitNumber(list[0])
		}
	default:
		return
	}
	u.unclear, u.shown = true, max(u.shown, shown)
}

// isUnitLabel reports whether a label says that a control chooses a unit.
func isUnitLabel(list []string) bool {
	return has(list, "pdu", "rpdu", "unit") && isMadeOf(list, "rack", "pdu", "rpdu", "unit", "2g", "select", "choose",
		"selected", "show", "display", "view", "the", "a", "name", "id", "number")
}

// isUnitSetting reports whether words are about a setting with numbers of
// units.
func isUnitSetting(list []string) bool {
	return has(list, "display") && has(list, "id") || has(list, "number", "count", "chained")
}

// isUnclear reports whether it is not clear that a page is about a unit.
func (u units) isUnclear(unit int, chained bool) bool {
	if !u.unclear {
		return false
	}
	contradicts := u.shown > 0 && u.shown != unit
	severalUnits := chained || unit > 1
	return contradicts || severalUnits && !u.offered
}

// findLinks looks for links to the same page of other units. The values of
// options may be links too.
func (u *units) findLinks(p page, here *url.URL, resolve func(string) (*url.URL, error)) {
	var refs []string
	for _, l := range p.links {
		refs = append(refs, l.href)
	}
	for _, f := range p.forms {
		for _, c := range f.controls {
			for _, o := range c.options {
				refs = append(refs, o.value)
			}
		}
	}
	u.links = make(map[int]*url.URL)
	for _, ref := range refs {
		if !strings.Contains(ref, "pdu=") {
			continue
		}
		to, err := resolve(ref)
		if err != nil || to.Path != here.Path {
			continue
		}
		if n, ok := unitQuery(to); ok {
			u.links[n] = to
		}
	}
}

// unlinked returns the unit of a page whose address does not name it: the only
// unit that the page does not link to, or 0 if there is none or several.
func (u units) unlinked() int {
	if len(u.links) == 0 {
		return 1
	}
	own := 0
	for n := 1; n < slices.Max(slices.Collect(maps.Keys(u.links))); n++ {
		if u.links[n] != nil {
			continue
		}
		if own > 0 {
			return 0
		}
		own = n
	}
	return own
}

// unitOptions returns the options of a select that chooses a unit, by unit, and
// the selected unit.
func unitOptions(c control) (options map[int]int, current int, ok bool) {
	about := words(c.labels.own + " " + c.name)
	for _, r := range c.labels.rows[:min(len(c.labels.rows), 2)] {
		about = append(about, words(r.text)...)
	}
	options = make(map[int]int)
	for i, o := range c.options {
		list := words(o.text)
		n, isUnit := unitIn(list)
		if len(list) > 1 && list[0] == "id" {
			list = list[1:]
		}
		if !isUnit && len(list) > 0 && hasPart(about, "pdu", "unit") {
			n, isUnit = unitNumber(list[0])
		}
		if _, twice := options[n]; !isUnit || twice {
			return nil, 0, false
		}
		options[n] = i
		if o.selected {
			current = n
		}
	}
	ok = len(options) > 1 && current > 0 && !c.disabled && !c.multiple && !isUnitSetting(about)
	return options, current, ok
}

// choosesOnly reports whether a form with a control does nothing but choose a
// unit: anything else, or a button such as Apply, makes it a setting.
func choosesOnly(f form) bool {
	buttons := 0
	for _, c := range f.controls {
		if !c.isButton() {
			continue
		}
		chooses := isMadeOf(words(c.caption), "go", "select", "show", "view", "display", "rack", "pdu", "unit")
		if c.kind == "reset" || !chooses {
			return false
		}
		buttons++
	}
	return len(f.controls)-f.count("hidden")-buttons == 1 && f.count("submit") < 2
}

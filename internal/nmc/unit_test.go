package nmc

import (
	"errors"
	"net/url"
	"testing"
)

// TestUnitSelectors covers controls that choose a unit, and settings that only
// look so.
func TestUnitSelectors(t *testing.T) {
	const (
		apply = "<input type=submit name=submit value=Apply>"
		names = "<select name=unit><option value=1>RPDU-A<option value=2 selected>RPDU-B</select>"
		radio = "<input type=radio name=pdu value=1>1 <input type=radio name=pdu value=2 checked>2 "
	)
	numbers := func(selected string) string {
		all := ""
		for _, n := range []string{"1", "2", "3", "4"} {
			all += "<option"
			if n == selected {
				all += " selected"
			}
			all += ">" + n
		}
		return "<select name=s>" + all + "</select>"
	}
	form := func(inside string) string { return "<form method=post action=d1>" + inside + "</form>" }
	here, _ := url.Parse("http://c/NMC/t/cfg.htm")

	for _, tt := range []struct {
		name, page string
		current    int // the unit that the page is about
		submits    bool
		sure, lone bool // it is clear that this is unit 1, for one of several units or a PDU on its own
	}{
		{"select with a Go button", form("Rack PDU " + numbers("1") + "<input type=submit value=Go>"), 1, true, true, true},
		{"select without a button", form("Unit " + numbers("2")), 2, true, true, true},
		{"leading numbers", form("Rack PDU <select name=unit><option>1: RPDU-A<option selected>2: RPDU-B</select>"),
			2, true, true, true},
		{"roles", form("Rack PDU <select name=unit><option>1 (Host)<option selected>2 (Guest)</select>"), 2, true,
			true, true},
		{"IDs", form("Rack PDU <select name=unit><option>ID 1<option selected>ID 2</select>"), 2, true, true, true},

		{"display ID", form("Rack PDU Display ID " + numbers("1") + apply), 1, false, true, true},
		{"display ID of 2", form("Rack PDU Display ID " + numbers("2") + apply), 1, false, true, true},
		{"number of PDUs", form("Number of chained PDUs " + numbers("2") + apply), 1, false, true, true},
		{"number of PDUs without a button", form("Number of chained PDUs " + numbers("2")), 1, false, true, true},
		{"temperature unit", form("Temperature Unit <select name=u><option>F<option selected>C</select>" + apply), 1, false,
			true, true},

		{"select with Apply", form("Rack PDU " + numbers("1") + apply), 1, false, false, true},
		{"select of 2 with Apply", form("Rack PDU " + numbers("2") + apply), 1, false, false, false},
		{"select with Cancel", form("Unit " + numbers("2") + "<input type=reset value=Cancel>"), 1, false, false, false},
		{"select with another setting", form("Unit " + numbers("2") + "<br><input name=n>"), 1, false, false, false},
		{"names", form("Rack PDU " + names), 1, false, false, false},
		{"first of several names", form("Rack PDU <select name=u><option>A<option>B</select>"), 1, false, false, true},
		{"radio buttons", form("Rack PDU " + radio + "<input type=submit value=Go>"), 1, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := parsePage([]byte("<html><body>"+tt.page+peakForm+"</html>"), "")
			u, ok := findUnits(p, here, func(s string) (*url.URL, error) { return here.Parse(s) })
			if !ok || u.current != tt.current || (u.control >= 0) != tt.submits {
				t.Errorf("got unit %d, selector %d, %t", u.current, u.control, ok)
			}
			if sure, lone := !u.isUnclear(1, true), !u.isUnclear(1, false); sure != tt.sure || lone != tt.lone {
				t.Errorf("clear: %t, or %t for a PDU on its own, want %t, %t", sure, lone, tt.sure, tt.lone)
			}
		})
	}
}

// TestUnclearUnit checks that a visit neither submits a setting nor resets a
// peak on a page that may be that of another unit.
func TestUnclearUnit(t *testing.T) {
	t.Parallel()
	displayID := "<form method=post action=/id>Rack PDU Display ID <select name=s><option selected>1<option>2</select>" +
		"<input type=submit name=submit value=Apply></form>"
	names := "<form action=/home>Rack PDU <select name=u><option selected>A<option>B</select></form>"
	for _, tt := range []struct {
		name, before string
		unit         int
		chained      bool
		err          error
	}{
		{"display ID", displayID, 1, true, nil},
		{"display ID, unit 2", displayID, 2, true, ErrUnit},
		{"names", names, 1, true, ErrUnit},
		{"names, PDU on its own", names, 1, false, nil},
		{"names, unit 2", names, 2, true, ErrUnit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked, err := visitChain(t, tt.unit, tt.chained, map[string]string{
				"/": loginPage, "/Forms/login1": "-> /home", "/home": tt.before + peakPage, "/apply": "done"})
			if !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			posts := 1 // the log-in
			if tt.err == nil {
				posts = 2
			}
			for _, a := range asked {
				if a[:4] == "POST" {
					posts--
				}
			}
			if posts != 0 {
				t.Errorf("asked for %q", asked)
			}
		})
	}
}

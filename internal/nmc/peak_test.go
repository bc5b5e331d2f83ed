package nmc

import (
	"errors"
	"strings"
	"testing"
)

// A layoutTest has a page and the field that is changed or added to reset the
// peak on it, or "" if the page must be rejected.
type layoutTest struct {
	name, page string
	want       string
	err        error
}

// run checks that exactly the wanted field is changed.
func (tt layoutTest) run(t *testing.T, unit int) {
	t.Helper()
	src := tt.page
	if !strings.Contains(src, "<form") {
		src = "<form method=post action=a>" + src + apply + "</form>"
	}
	r, err := findReset(parsePage([]byte(src), ""), unit, fold)
	if !errors.Is(err, tt.err) {
		t.Fatalf("got %v, want %v", err, tt.err)
	}
	if tt.err != nil {
		return
	}
	if got := "&" + r.form.submit(r.button) + "&"; !strings.Contains(got, "&"+tt.want+"&") || strings.Contains(got,
		"&en=") {
		t.Errorf("sends %s, want %s", got, tt.want)
	}
}

func runLayouts(t *testing.T, tests []layoutTest) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, 1) })
	}
}

// TestKnownLayouts covers the layouts of the simulated cards' first
// generations.
func TestKnownLayouts(t *testing.T) {
	runLayouts(t, []layoutTest{
		{"checkbox in a table", checkboxPage, "pk=1", nil},
		{"select", selectPage, "pkReset=1", nil},
		{"radio buttons", radioPage, "p=1", nil},
		{"blocks with label for", divPage, "a=on", nil},
	})
}

// TestBlockRows covers rows that are blocks, as on the status pages of cards.
func TestBlockRows(t *testing.T) {
	runLayouts(t, []layoutTest{
		{"value before", `<div><div>Peak Power</div><div>2.81 kW <input type=checkbox name=pk> Reset</div></div>` +
			energyBlock, "pk=on", nil},
		{"reset before", `<div><div>Peak Power</div><div>Reset <input type=checkbox name=pk></div></div>` +
			energyBlock, "pk=on", nil},
		{"value and a break before", `<div><div>Peak Power</div><div>2.81 kW<br>` +
			`<input type=checkbox name=pk> Reset</div></div>` + energyBlock, "pk=on", nil},
		{"paragraphs", `<div><p>Peak Power</p><p>2.81 kW <input type=checkbox name=pk> Reset</p></div>` +
			energyBlock, "pk=on", nil},
		{"paragraphs without a row", `<p>Peak Power<p><input type=checkbox name=pk> Reset`, "pk=on", nil},
		{"div in a td", `<table><tr><td>Peak Power<td><div>2.81 kW <input type=checkbox name=pk> Reset</div>` +
			energyRow + `</table>`, "pk=on", nil},
		{"div with a break in a td", `<table><tr><td>Peak Power<td><div>2.81 kW<br>` +
			`<input type=checkbox name=pk> Reset</div>` + energyRow + `</table>`,
			"pk=on", nil},
		{"list items", `<ul><li>Peak Power <div><input type=checkbox name=pk> Reset</div><li>Energy <div>` +
			`<input type=checkbox name=en> Reset</div></ul>`,
			"pk=on", nil},
		{"alone in its form", `<div><div>Peak Power</div><div>2.81 kW ` +
			`<input type=checkbox name=pk> Reset</div></div>`, "pk=on", nil},
		{"labels and controls in turn without rows", `<div>Peak Power</div><div>` +
			`<input type=checkbox name=pk> Reset</div>` +
			`<div>Energy</div><div><input type=checkbox name=en> Reset</div>`, "", ErrNoControl},
		{"label of the row after", `<div><input type=checkbox name=x> Reset</div><div>Peak Power</div><div>` +
			`<input name=y></div>`, "", ErrNoControl},
		{"table around the form", `<table><tr><td><a href=x>Outlets</a><td><form method=post action=a>` +
			`<div><div>Peak Power</div><div><input type=checkbox name=pk> Reset</div></div>` + energyBlock + apply +
			`</form></table>`, "pk=on", nil},
		{"outlets around", `<div><div>Outlets</div><div>Peak Power<br>` +
			`<input type=checkbox name=pk> Reset</div></div>` + energyBlock, "", ErrNoControl},
		{"energy in the same row", `<div><div>Peak Power</div><div>35.1 kWh</div><div>` +
			`<input type=checkbox name=x> Reset</div></div><input name=n>`,
			"", ErrNoControl},
	})
}

// TestTwoLabels covers controls with one or several <label>s.
func TestTwoLabels(t *testing.T) {
	runLayouts(t, []layoutTest{
		{"two labels for one id", `<label for=pk>Peak Power</label> <input type=checkbox id=pk name=pk>` +
			`<label for=pk>Reset (last reset 05/18/2018 08:00:00)</label><br><label for=en>Energy</label> ` +
			`<input type=checkbox id=en name=en>` +
			`<label for=en>Reset</label>`, "pk=on", nil},
		{"never reset", `<label for=pk>Peak Power</label> <input type=checkbox id=pk name=pk>` +
			`<label for=pk>Reset (last reset: never)</label>`, "pk=on", nil},
		{"one names the energy", `<label for=x>Peak Power</label> <input type=checkbox id=x name=x>` +
			`<label for=x>Reset energy</label>`, "", ErrNoControl},
		{"id of two controls", `<label for=x>Peak Power Reset</label><br><input type=checkbox id=x name=x><br>` +
			`<input type=checkbox id=x name=y>`,
			"", ErrNoControl},
		{"label around", `<label>Reset Peak Power <input type=checkbox name=pk></label><label>Reset Energy ` +
			`<input type=checkbox name=en></label>`,
			"pk=on", nil},
		{"says not", `<label><input type=checkbox name=x> Do not reset Peak Power</label>`, "", ErrNoControl},
		{"says more", `<label><input type=checkbox name=x> Reset Peak Power automatically</label>`, "", ErrNoControl},
	})
}

// TestRowsOfBoth covers rows that name both the peak and the energy.
func TestRowsOfBoth(t *testing.T) {
	box := `<td><input type=checkbox name=x> Reset`
	tests := []layoutTest{
		{"cell of two rows", `<table><tr><td rowspan=2>Peak Load and Kilowatt-Hours<td>` +
			`<input type=checkbox name=en> Reset` +
			`<tr><td><input type=checkbox name=pk> Reset</table>`, "", ErrNoControl},
		{"cell of all rows", `<table><tr><td rowspan=0>Peak and kWh` + box + `<tr>` + box + `</table>`, "",
			ErrNoControl},
		{"cell of two rows about the peak", `<table><tr><td rowspan=2>Peak Power<td>2.81 kW<tr><td>` +
			`<input type=checkbox name=pk> Reset` +
			`<tr><td rowspan=2>Energy<td>35.1 kWh<tr><td><input type=checkbox name=en> Reset</table>`, "pk=on", nil},
		{"cell of energy around a peak", `<table><tr><td rowspan=2>Energy<td>1<tr><td>Peak` + box + `</table>`, "",
			ErrNoControl},
	}
	for _, energy := range []string{"Energy", "kWh", "KWH", "kW-h", "kW h", "kW·h", "kilowatts", "Kilowatt-Hours",
		"watt hours", "Watt-hr", "Wh", "MWh", "Énergie"} {
		tests = append(tests, layoutTest{energy, `<table><tr><td>Peak and ` + energy + box + `</table>`, "",
			ErrNoControl})
	}
	runLayouts(t, tests)
}

// TestHeadings covers pages that name the peak, or the reset, only in a heading.
func TestHeadings(t *testing.T) {
	const pk, en = `<input type=checkbox name=pk>`, `<input type=checkbox name=en>`
	runLayouts(t, []layoutTest{
		{"section headings", `<h3>Peak Power</h3><table><tr><td>Value<td>2.81 kW<tr><td>Reset<td>` + pk + `</table>` +
			`<h3>Energy</h3><table><tr><td>Reset<td>` + en + `</table>`, "pk=on", nil},
		{"section headings in blocks", `<div><h3>Peak Power</h3></div><div>Reset ` + pk +
			`</div><div><h3>Energy</h3></div><div>Reset ` + en + `</div>`,
			"pk=on", nil},
		{"legends", `<fieldset><legend>Peak Power</legend>` + pk + ` Reset</fieldset><fieldset>` +
			`<legend>Energy</legend>` + en + ` Reset</fieldset>`,
			"pk=on", nil},
		{"rows that are headings", `<table><tr><th colspan=2>Peak Power<tr><td>Reset<td>` + pk +
			`<tr><th colspan=2>Energy<tr><td>Reset<td>` + en + `</table>`,
			"pk=on", nil},
		{"energy between heading and row", `<h3>Peak Power</h3><p>2.81 kW</p><p><b>Energy</b></p><div>Reset ` + pk +
			`</div><input name=n>`, "", ErrNoControl},
		{"row says something else", `<h3>Peak Power</h3><div>Reset to defaults ` + pk + `</div><input name=n>`, "",
			ErrNoControl},
		{"heading of another part", `<div><h3>Peak Power</h3><p>2.81 kW</p></div><div>Reset ` + pk +
			`</div><input name=n>`, "", ErrNoControl},
		{"heading of outlets", `<h2>Outlets</h2><table><tr><td>Peak Power<td>` + pk + ` Reset<tr><td>x<td>y</table>`,
			"", ErrNoControl},
		{"same heading for device and outlets", `<h2>Outlets</h2><table><tr><td>Peak Power<td>` +
			`<input type=checkbox name=o> Reset<tr><td>x<td>y</table>` +
			`<h2>Device</h2><table><tr><td>Peak Power<td>` + pk + ` Reset<tr><td>x<td>y</table>`, "pk=on", nil},
		{"reset only in a column's heading", `<table><tr><th>Name<th>Value<th>Reset<tr><td>Peak Power<td>2.81 kW` +
			`<td>` + pk +
			`<tr><td>Energy<td>35.1 kWh<td>` + en + `</table>`, "pk=on", nil},
		{"under a column of settings", `<table><tr><th>Parameter<th>Setting<tr><td>Peak Power Demand<td>` + pk +
			` Reset<tr><td>Energy<td>` + en + `</table>`, "pk=on", nil},
		{"peak only in a column's heading", `<table><tr><th><th>Peak Power<th>Energy<tr><td>Reset<td>` + pk + `<td>` +
			en + `</table>`, "pk=on", nil},
		{"columns of outlets", `<table><tr><th>Outlet<th>Peak Power Reset<th>Name<tr><td>1<td>` + pk +
			`<td><input name=n></table>`, "", ErrNoControl},
		{"outlets beside the device", `<table><tr><td>Device Peak Power<td>` + pk +
			` Reset<tr><td>Outlets Peak Power<td><input type=checkbox name=o> Reset` +
			energyRow + `</table>`, "pk=on", nil},
		{"phases beside the device", `<table><tr><td>Device Peak Load<td>` + pk +
			` Reset<tr><td>Phase L1 Peak Load<td><input type=checkbox name=o> Reset</table>`,
			"pk=on", nil},
		{"two peaks", `<table><tr><td>Peak Power<td>` + pk + ` Reset<tr><td>Peak Load<td>` +
			`<input type=checkbox name=o> Reset</table>`,
			"", ErrSeveralControls},
		{"peak of another quantity", `<table><tr><td>Peak Power<td>` + pk + ` Reset<tr><td>Peak Current<td>` +
			`<input type=checkbox name=o> Reset</table>`,
			"pk=on", nil},
		{"two in one row", `<table><tr><td>Peak Power and more<td><input type=checkbox name=a>Reset` +
			`<input type=checkbox name=b>Reset</table>`,
			"", ErrNoControl},
	})
}

// TestResetButton covers rows with a button of their own.
func TestResetButton(t *testing.T) {
	const pk, en = `<input type=submit name=pk value=Reset>`, `<input type=submit name=en value=Reset>`
	runLayouts(t, []layoutTest{
		{"in a row", `<table><tr><td>Peak Power<td>2.81 kW<td>` + pk + `<tr><td>Energy<td>35.1 kWh<td>` + en +
			`</table>`, "pk=Reset", nil},
		{"with a caption of its own", `<p><input type=submit name=pk value="Reset Peak"> ` +
			`<input type=submit name=en value="Reset Energy">`,
			"pk=Reset+Peak", nil},
		{"forms in rows", `<table><tr><td>Peak Power<td><form method=post action=a>` + pk +
			`</form><tr><td>Energy<td><form method=post action=b>` + en +
			`</form></table>`, "pk=Reset", nil},
		{"form beside a menu", `<table><tr><td><a href=x>Peak</a><td><form method=post action=a>` + pk +
			`</form><tr><td>x</table>`, "", ErrNoControl},
		{"of all", `<table><tr><td>Peak Power<td><input type=submit name=pk value="Reset All"><tr><td>x</table>`,
			"", ErrNoControl},
		{"clears the form", `<table><tr><td>Peak Power<td><input type=reset name=pk value=Reset><tr><td>x</table>`,
			"", ErrNoControl},
		{"goes elsewhere", `<table><tr><td>Peak Power<td><input type=submit formaction=/x name=pk value=Reset><tr>` +
			`<td>x</table>`, "", ErrPage},
		{"beside a checkbox", `<table><tr><td>Peak Power<td><input type=checkbox name=x> ` + pk +
			`<tr><td>x</table>`, "", ErrNoControl},
	})
}

// TestDoubtfulForms covers pages with a clear control in a dubious form.
func TestDoubtfulForms(t *testing.T) {
	const row = `<table><tr><td>Peak Power<td><input type=checkbox name=pk> Reset<tr><td>x</table>`
	runLayouts(t, []layoutTest{
		{"no Apply", `<form method=post>` + row + `<input type=submit value=Next></form>`, "", ErrPage},
		{"get", `<form>` + row + apply + `</form>`, "", ErrPage},
		{"multipart", `<form method=post enctype=multipart/form-data>` + row + apply + `</form>`, "", ErrPage},
		{"Apply goes elsewhere", `<form method=post>` + row + `<button formaction=/x>Apply</button></form>`, "",
			ErrPage},
		{"outside of a form", `<form method=post>` + apply + `</form>` + row, "", ErrNoControl},
		{"checked already", strings.ReplaceAll(row, "name=pk", "name=pk checked"), "", ErrNoControl},
		{"disabled", strings.ReplaceAll(row, "name=pk", "name=pk disabled"), "", ErrNoControl},
		{"without a name", strings.ReplaceAll(row, "name=pk", ""), "", ErrNoControl},
		{"too large", row + strings.Repeat("<input name=n>", maxFields), "", ErrPage},
		{"too deep", strings.Repeat("<div>", maxDepth) + row, "", ErrNoControl},
		{"select with two choices", `<table><tr><td>Peak reset<td><select name=s><option>No<option>Yes` +
			`<option>Yes, later</select><tr><td>x</table>`,
			"", ErrNoControl},
		{"unknown words", `<table><tr><td>Peak Power<td><input type=checkbox name=x> Alarm<tr><td>x</table>`, "",
			ErrNoControl},
	})
}

// TestSettingsAboutPeak covers controls that mention the peak and a reset, but
// do not reset the peak's register when they are applied.
func TestSettingsAboutPeak(t *testing.T) {
	const box = `<input type=checkbox name=x>`
	var tests []layoutTest
	for _, label := range []string{
		"Reset Peak at Cold Start", "Reset peak power on reboot", "Reset peak power at midnight",
		"Reset peak power at 03:00", "Reset peak power on 12/31/2026 at 00:00", "Reset peak power every 24 hours",
		"Reset peak power (every night)", "Log an event when the peak is reset", "Send trap on peak reset",
		"Peak power reset notification", "Allow users to reset peak power", "Peak reset lock", "Peak Current: Reset",
		"Peak and Consumption Meters: Reset", "Off-Peak usage counter: Reset", "Minimum and peak power: Reset",
		"Peak power reset of all devices", "Peak Power Reset: Enable",
	} {
		tests = append(tests,
			layoutTest{label + ", row", `<table><tr><td>` + label + `<td>` + box + `<tr><td>x<td>y</table>`, "",
				ErrNoControl},
			layoutTest{label + ", block", `<div><div>` + label + `</div><div>` + box + `</div></div><input name=n>`, "",
				ErrNoControl},
			layoutTest{label + ", label", `<label>` + box + ` ` + label + `</label><input name=n>`, "", ErrNoControl},
			layoutTest{label + ", button", `<p><button name=x>` + label + `</button><p><input name=n>`, "", ErrNoControl},
		)
	}
	runLayouts(t, append(tests, []layoutTest{
		{"reset only in a heading about more", `<h3>Alarms and reset</h3><p>Peak power ` + box + `<p><input name=n>`, "",
			ErrNoControl},
		{"alarm under such a heading", `<h3>Alarms and reset</h3><p>Peak power alarm ` + box + ` Enable<p><input name=n>`,
			"", ErrNoControl},
		{"peak only in a heading about more", `<h3>Peak power and alarms</h3><p>Reset ` + box + `<p><input name=n>`, "",
			ErrNoControl},
		{"outer block", `<div><div>Send trap on</div><div>` + box + ` Peak reset</div></div><input name=n>`, "",
			ErrNoControl},
		{"cell beside", `<table><tr><td>Log when<td>` + box + ` Peak reset<td><input name=n><tr><td>y</table>`, "",
			ErrNoControl},
		{"column", `<table><tr><th>What<th>Notify<tr><td>Peak reset<td>` + box + `</table>`, "", ErrNoControl},
		{"unknown option", `<table><tr><td>Peak reset<td><select name=s><option>No<option>Yes<option>Daily</select>` +
			`<tr><td>x</table>`, "", ErrNoControl},
		{"options of a setting", `<table><tr><td>Peak reset<td><select name=s><option>Disabled<option>Enabled</select>` +
			`<tr><td>x</table>`, "", ErrNoControl},
	}...))
}

// TestPlausibleLabels covers labels of the peak's reset that real cards may
// have.
func TestPlausibleLabels(t *testing.T) {
	var tests []layoutTest
	for _, label := range []string{
		"Peak Power: 2.81 kW on 05/18/2018 08:00:00", "Peak Power (2810 W at 05/18/2018 08:00:00)", "Peak Load, 2,81 kW",
		"Peak Power (kW)", "Peak Power | 2.81 kW | 05/18/2018 | 08:00:00 AM", "Rack PDU 2G Peak Power",
		"Device Peak Power since 2018-05-18 08:00", "RPDU Unit 1 Peak Power", "Maximum (peak) power of the device",
		"Peak power value, last reset: never", "Current peak power: 2.81 kW", "Peak Power Last Reset 05/18/2018 08:00:00",
		"Peak Power (last reset by apc on Fri, 18 May 2018 08:00:00 UTC)", "Peak Power since May 18, 2018 08:00:00",
		"Peak Power since the last reset", "Peak Power was 2.81 kW, 8:00 AM 05/18/2018", "Peak Power 2018-05-18T08:00:00Z",
		"Peak Power (2.81 kW, 2.90 kVA)",
	} {
		tests = append(tests,
			layoutTest{label + ", row", `<table><tr><td>` + label + `<td><input type=checkbox name=pk> Reset` + energyRow +
				`</table>`, "pk=on", nil},
			layoutTest{label + ", block", `<div><div>` + label + `</div><div><input type=checkbox name=pk> Reset` +
				`</div></div>` + energyBlock, "pk=on", nil},
		)
	}
	for _, label := range []string{
		"Reset peak", "Reset Peak Power Now", "Yes, reset peak load", "Clear and reset the peak power register",
	} {
		page := `<label><input type=checkbox name=pk> ` + label + `</label><br><input name=n>`
		tests = append(tests, layoutTest{label, page, "pk=on", nil})
	}
	runLayouts(t, append(tests, []layoutTest{
		{"reset only in a heading", `<h3>Reset Peak Power and Energy</h3><p>Peak Power <input type=checkbox name=pk>` +
			`<p>Energy <input type=checkbox name=en>`, "pk=on", nil},
		{"heading about more", `<h3>Alarms and resets</h3><p>Peak Power <input type=checkbox name=pk> Reset` +
			`<p>Energy <input type=checkbox name=en> Reset`, "pk=on", nil},
		{"link", `<table><tr><td>Peak Power<td><input type=checkbox name=pk> Reset <a href=x>Help</a>` + energyRow +
			`</table>`, "pk=on", nil},
		{"options", `<table><tr><td>Peak Power<td><select name=pk><option value=1>No Operation` +
			`<option value=2>Reset</select>` + energyRow + `</table>`, "pk=2", nil},
	}...))
}

// TestOtherReset checks that a form that would reset something else as well is
// not submitted.
func TestOtherReset(t *testing.T) {
	const pk = `<table><tr><td>Peak Power<td><input type=checkbox name=pk> Reset<tr><td>Energy<td>`
	runLayouts(t, []layoutTest{
		{"checkbox", pk + `<input type=checkbox name=x checked> Reset</table>`, "", ErrPage},
		{"checkbox under a heading", `<h3>Reset Peak Power and Energy</h3><p>Peak Power <input type=checkbox name=pk>` +
			`<p>Energy <input type=checkbox name=x checked>`, "", ErrPage},
		{"disabled checkbox", pk + `<input type=checkbox name=x checked disabled> Reset</table>`, "pk=on", nil},
		{"radio button", pk + `<input type=radio name=x value=0>No<input type=radio name=x value=1 checked>Yes, reset` +
			`</table>`, "", ErrPage},
		{"radio button that says no", pk + `<input type=radio name=x value=0 checked>No` +
			`<input type=radio name=x value=1>Yes, reset</table>`, "pk=on", nil},
		{"select", pk + `<select name=x><option>No<option selected>Reset</select></table>`, "", ErrPage},
		{"select that says no", pk + `<select name=x><option selected>No<option>Reset</select></table>`, "pk=on", nil},
		{"another setting", pk + `<input type=checkbox name=x checked> Show</table>`, "pk=on", nil},
		{"in another form", `<form method=post action=b><p>Energy <input type=checkbox name=x checked> Reset` + apply +
			`</form><form method=post action=a>` + pk + `</table>` + apply + `</form>`, "pk=on", nil},
	})
}

// TestApplyButton checks which button is pressed.
func TestApplyButton(t *testing.T) {
	const row = `<form method=post><table><tr><td>Peak Power<td><input type=checkbox name=pk> Reset<tr><td>x</table>`
	var tests []layoutTest
	for _, caption := range []string{"Apply and Reboot", "Apply and restart", "Apply to all units", "Apply to all",
		"Save & Reboot", "Submit and restart later", "Apply, then reboot", "Save as default", "Do not apply"} {
		tests = append(tests,
			layoutTest{caption, row + `<input type=submit name=go value="` + caption + `"></form>`, "", ErrPage},
			layoutTest{caption + " before Apply", row + `<input type=submit name=go value="` + caption +
				`"><input type=submit name=go value=Apply></form>`, "go=Apply", nil},
		)
	}
	for _, caption := range []string{"Apply", "APPLY", "OK", "Save", "Save Changes", "Submit", "Apply Changes"} {
		tests = append(tests, layoutTest{caption, row + `<input type=submit name=go value="` + caption + `"></form>`,
			"go=" + strings.ReplaceAll(caption, " ", "+"), nil})
	}
	runLayouts(t, append(tests,
		layoutTest{"exact caption first", row + `<button name=go value=1>Apply settings now</button>` +
			`<button name=go value=2>Apply</button></form>`, "go=2", nil}))
}

// TestUnitRows covers a page with a row for each of several chained units.
func TestUnitRows(t *testing.T) {
	const page = `<table><tr><td>Rack PDU 2G<td>Device<tr><td>Peak Power, Unit 1<td>` +
		`<input type=checkbox name=a> Reset` +
		`<tr><td>Peak Power, Unit 2<td><input type=checkbox name=b> Reset</table>`
	for unit, want := range map[int]string{1: "a=on", 2: "b=on"} {
		layoutTest{page: page, want: want}.run(t, unit)
	}
	layoutTest{page: page, err: ErrNoControl}.run(t, 3)
}

func TestSummary(t *testing.T) {
	src := strings.NewReplacer("Forms/dev1", "Forms/dev1?t=/k+3-x", "value=Apply",
		"value=Apply>"+strings.Repeat("<input>", 70)).Replace(checkboxPage)
	p := parsePage([]byte(src), "")
	var r redactor
	r.hidePage(p)
	s := r.redact(p.summary(r.name))
	for _, want := range []string{`page Rack PDU Configuration`, `form "cfg" post dev1`,
		`checkbox "pk": Peak Power Reset (last reset ... ...`,
		`select "cold" (2 options): Cold Start Delay`} {
		if !strings.Contains(s, want) {
			t.Errorf("it lacks %s:\n%s", want, s)
		}
	}
	for _, secret := range []string{"k+3-x", "che 1", "a&b", "01000000", "2018"} {
		if strings.Contains(s, secret) {
			t.Errorf("it has %s:\n%s", secret, s)
		}
	}
	if n := strings.Count(s, "\n") + 1; n != 60 {
		t.Errorf("%d lines, want 60", n)
	}
}

// TestRedact checks that labels and titles do not reveal what belongs to the
// owner of the card.
func TestRedact(t *testing.T) {
	p := parsePage([]byte(`<title>left rack: Device</title><a href=x>left rack</a>
<form><p>Name of left rack, see ops@example.org or 10.1.2.3 <input name=n value="left rack">
<p>User apc-admin: PDU_2 <input name=u></form>`), "")
	var r redactor
	r.hide("apc-admin")
	r.hide("is") // too short to tell from words
	r.hidePage(p)
	want := `page ...: Device
form "" get
  text "n": Name of ..., see ... or ...
  text "u": User ...: ...
link ... -> x`
	if got := r.redact(p.summary(r.name)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

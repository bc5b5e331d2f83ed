package nmc

import "testing"

// labeledRow returns a page with a table row of a control, and the energy's.
func labeledRow(label, control string) string {
	return "<table><tr><td>" + label + "<td>" + control + "<tr><td>Energy<td><input type=checkbox name=en> Reset</table>"
}

// TestWordings covers wordings of the peak's reset, and of other settings.
func TestWordings(t *testing.T) {
	const box = "<input type=checkbox name=pk> Reset (last reset 18-May-18 08:00:00)"
	var tests []layoutTest
	for _, label := range []string{"Peak Power Meter", "Peak Values", "Peak Load: 12.2 A at 05/18/2018 08:00:00",
		"Peak Power N/A", "Peak Power (2.81 kW at 18-Oct-18 10:32:07)"} {
		tests = append(tests, layoutTest{"row " + label, labeledRow(label, box), "pk=on", nil})
	}
	for _, note := range []string{"Reset (never reset)", "Reset (not reset yet)", "Reset (last: 05/18/2018 08:00:00)",
		"Reset <small>Last reset date: 05/18/2018</small>", "Reset Meter"} {
		tests = append(tests, layoutTest{"note " + note, labeledRow("Peak Power", "<input type=checkbox name=pk> "+note),
			"pk=on", nil})
	}
	for _, no := range []string{"No Action", "No Change", "Leave as is", "noOperation"} {
		tests = append(tests,
			layoutTest{"select " + no, labeledRow("Peak Power Reset", "<select name=pk><option value=1 selected>"+no+
				"<option value=2>Reset</select>"), "pk=2", nil},
			layoutTest{"radio " + no, labeledRow("Peak Power Reset", "<input type=radio name=pk value=1 checked>"+no+
				" <input type=radio name=pk value=2>Reset (last reset never)"), "pk=2", nil})
	}
	for _, heading := range []string{"Rack PDU 2G", "3-Phase Rack PDU 2G", "Metered by Outlet Rack PDU", "Rack PDUs",
		"Set Up Device", "Metered-by-Outlet with Switching Rack PDU"} {
		tests = append(tests, layoutTest{"under " + heading, "<h1>" + heading + "</h1>" + labeledRow("Peak Power", box),
			"pk=on", nil})
	}
	for _, part := range []string{"Phase 3", "Rack PDU Phase 3", "Rack PDU Outlets", "All Rack PDUs", "Outlet Rack PDU",
		"Rack PDU 3", "Rack PDU 2G: Rack PDU 3"} {
		tests = append(tests, layoutTest{"under " + part, "<h1>" + part + "</h1>" + labeledRow("Peak Power", box), "",
			ErrNoControl})
	}
	for _, about := range []string{"Cold Start", "On Reboot", "Startup Actions", "Actions on Power-up", "Daily",
		"At Midnight", "Every Day", "Data Log", "Display", "LCD", "Front Panel", "Keypad", "User Rights", "Access"} {
		tests = append(tests,
			layoutTest{"row under " + about, "<h3>" + about + "</h3>" + labeledRow("Peak Power", box), "", ErrNoControl},
			layoutTest{"label under " + about, "<h3>" + about + "</h3><p><label><input type=checkbox name=x> " +
				"Reset Peak Power</label></p><input name=n>", "", ErrNoControl})
	}
	tests = append(tests, layoutTest{"choice about a note", labeledRow("Peak power since last reset",
		"<select name=x><option selected>Off<option>On</select>"), "", ErrNoControl})
	tests = append(tests, layoutTest{"only a note says reset", "<label><input type=checkbox name=x> Peak power since " +
		"last reset</label><br><label><input type=checkbox name=c> Voltage</label>", "", ErrNoControl})
	runLayouts(t, tests)
}

// TestOtherSelected covers other controls of the form that the page selected.
func TestOtherSelected(t *testing.T) {
	with := func(label, control string) string {
		return "<table><tr><td>Peak Power<td><input type=checkbox name=pk> Reset<tr><td>" + label + "<td>" + control +
			"</table>"
	}
	const checked = "<input type=checkbox name=z checked> "
	runLayouts(t, []layoutTest{
		{"energy", with("Energy", checked+"Reset (last reset 18-May-18)"), "", ErrPage},
		{"kWh", with("Kilowatt-Hours", checked+"Reset (never reset)"), "", ErrPage},
		{"outlets", with("Outlet Peak Power", checked+"Reset"), "", ErrPage},
		{"option", with("Energy meter", "<select name=z><option>No<option selected>Reset</select>"), "", ErrPage},
		{"column", "<table><tr><th>Meter<th>Reset<tr><td>Peak Power<td><input type=checkbox name=pk><tr><td>Energy" +
			"<td>" + checked + "</table>", "", ErrPage},
		{"automatically", with("Overload alarm", checked+"Reset automatically"), "pk=on", nil},
		{"preset", with("Load preset", "<select name=z><option selected>On<option>Off</select>"), "pk=on", nil},
		{"button", with("Reset button on the front panel", "<select name=z><option selected>On<option>Off</select>"),
			"pk=on", nil},
		{"alarm", "<h3>Reset</h3>" + with("Peak power alarm", checked), "pk=on", nil},
	})
}

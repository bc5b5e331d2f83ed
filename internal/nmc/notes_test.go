package nmc

import "testing"

func TestWithoutNotes(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"Reset (last reset 05/18/2018 08:00:00)", "reset"},
		{"Reset (Last Cleared: 2018-05-18T08:00:00Z)", "reset"},
		{"Reset (last reset never)", "reset"},
		{"Reset (last reset 05/18/2018", "reset"},
		{"Reset, last reset: never", "reset,"},
		{"the last reset on Mon, 18 May 2018 at 8:00 pm", ""},
		{"Peak Power: 2.81 kW at 06/15/2026 10:32:07", "peak power:"},
		{"Peak Power (2,81kW on 15.6.2026)", "peak power"},
		{"2810 Watts since June 15, 2026 10:32 a.m.", ""},
		{"10:32:07 06/15/2026 | 10:32", ""},
		{"Reset (last reset 18-May-18 08:00:00)", "reset"},
		{"Reset last reset May-18-18 08:00:00", "reset"},
		{"Peak: 2.81 kW at 18-Oct-2018 10:32:07", "peak:"},
		{"Peak: 2.81 kW at Sept-18-18 10:32:07", "peak:"},
		{"Peak Load: 12.2 A at 05/18/2018 08:00:00", "peak load:"},
		{"Peak: 2.81 kVA on 2018-05-18", "peak:"},
		{"Reset (never reset)", "reset"},
		{"Reset (not reset yet)", "reset"},
		{"Reset (last: 05/18/2018 08:00:00)", "reset"},
		{"Reset Last reset date: 05/18/2018", "reset"},
		{"Reset (last reset N/A), N/A", "reset ,"},
		{"Peak power since last reset", "peak power since"},
		{"Peak 3 since Jun 2026", "peak 3"},

		// These say when a reset will be.
		{"Reset peak power on 12/31/2026 at 00:00", "reset peak power on"},
		{"Reset at 03:00", "reset at 03:00"},
		{"Reset each Monday", "reset each monday"},
		{"Reset every 24 hours", "reset every 24 hours"},
		{"(last reset) (next reset in 3 days)", "next reset in 3 days)"},
		{"Reset never", "reset never"},
		{"Reset (last: 3)", "reset last: 3)"},
		{"Reset at 1-2-x", "reset at 1-2-x"},
		{"Reset may-june-july", "reset may-june-july"},
		{"Reset in 2026", "reset in 2026"},
		{"Reset after 2.81", "reset after 2.81"},
		{"Reset if the last reading was 3", "reset if the last reading was 3"},
		{"", ""},
		{"(", ""},
	}
	for _, tt := range tests {
		if got := withoutNotes(tt.text); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

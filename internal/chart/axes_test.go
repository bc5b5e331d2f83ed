package chart

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func TestWattTicks(t *testing.T) {
	tests := []struct {
		top      float64
		maxSteps int
		want     string
	}{
		{11, 5, "0 5 10"},
		{3360, 2, "0 2000"},
		{3360, 4, "0 1000 2000 3000"},
		{3360, 7, "0 500 1000 1500 2000 2500 3000"},
		{11_200, 5, "0 5000 10000"},
		{112_000, 3, "0 50K 100K"},
		{3360, 0, "0"},
		{1.1e19, 3, "0 5000P 10000P"},
	}
	for _, tt := range tests {
		var labels []string
		for _, tick := range wattTicks(tt.top, tt.maxSteps) {
			labels = append(labels, tick.label)
		}
		if got := strings.Join(labels, " "); got != tt.want {
			t.Errorf("up to %g W, %d steps: got %s, want %s", tt.top, tt.maxSteps, got, tt.want)
		}
	}
}

func TestTimeTicks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	kathmandu, err := time.LoadLocation("Asia/Kathmandu")
	if err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		name   string
		from   time.Time
		window time.Duration
		want   string
	}{
		{"minute", morning, time.Minute, "09:58:15 09:58:30 09:58:45 09:59:00"},
		{"quarter of an hour", morning, 15 * time.Minute, "10:00 10:05 10:10"},
		{"whole times at both ends", morning.Truncate(time.Hour), time.Hour, "09:00 09:15 09:30 09:45 10:00"},
		{"midnight", time.Date(2026, 6, 10, 23, 52, 0, 5, time.UTC), 15 * time.Minute, "23:55 00:00 00:05"},
		{"day", morning, 24 * time.Hour, "12:00 18:00 00:00 06:00"},
		{"zone of quarter hours", morning.In(kathmandu), 4 * time.Hour, "16:00 17:00 18:00 19:00"},
		{"days", morning, 4 * 24 * time.Hour, "06-11 06-12 06-13 06-14"},
		{"too long", morning, 1e5 * time.Hour, ""},
		{"nothing", morning, 0, ""},
		{"backward", morning, -time.Hour, ""},
		{"end of summer time", time.Date(2026, 10, 25, 1, 50, 0, 0, berlin), 4 * time.Hour, "02:00 02:00 03:00 04:00"},
		{"start of summer time", time.Date(2026, 3, 29, 0, 50, 0, 0, berlin), 4 * time.Hour, "01:00 03:00 04:00 05:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			step, layout := timeStep(tt.window, func(string) int { return 4 })
			var labels []string
			for _, tick := range timeTicks(tt.from, tt.from.Add(tt.window), step, layout) {
				labels = append(labels, tick.label)
			}
			if got := strings.Join(labels, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

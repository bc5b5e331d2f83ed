package main

import (
	"fmt"
	"time"
)

// seconds formats a duration as exceedings.log does.
func seconds(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds())) }

// durationText formats a duration for people.
func durationText(d time.Duration) string {
	d = d.Round(time.Second)
	hours, minutes, secs := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case hours >= 48:
		return fmt.Sprintf("%d days", (hours+12)/24)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, secs)
	}
	return fmt.Sprintf("%d s", secs)
}

// clockTime formats a time, with its date unless that is today's.
func clockTime(t, now time.Time) string {
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// shorten returns s, or its first n characters followed by "..." if it is
// longer.
func shorten(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "..."
		}
	}
	return s
}

// shortenMiddle returns s, or, if it has more than n characters, its first and
// last ones with an ellipsis between them.
func shortenMiddle(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	tail := (n - 1) / 2
	return string(runes[:n-1-tail]) + "…" + string(runes[len(runes)-tail:])
}

// count formats a number of things, such as "1 reading" or "2 readings".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

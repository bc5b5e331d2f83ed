package chart

import (
	"strconv"
	"time"
)

// A wattTick is a labeled power on the power axis.
type wattTick struct {
	watts float64
	label string
}

// wattTicks returns the multiples of a round step from 0 to top, with the
// shortest step that makes at most maxSteps steps.
func wattTicks(top float64, maxSteps int) []wattTick {
	step := 1.0
	for i := 0; top/step > float64(max(maxSteps, 1)); i++ {
		step *= [...]float64{2, 2.5, 2}[i%3]
	}

	var ticks []wattTick
	for watts := 0.0; watts <= top; watts += step {
		ticks = append(ticks, wattTick{watts, wattLabel(watts, top)})
	}

	return ticks
}

// wattLabel formats watts in the unit that suits an axis up to top, with at
// most five digits.
func wattLabel(watts, top float64) string {
	if watts == 0 {
		return "0"
	}

	unit := 0
	for ; top >= 100_000; unit++ {
		watts /= 1000
		top /= 1000
	}

	return strconv.FormatFloat(watts, 'f', 0, 64) + [...]string{"", "K", "M", "G", "T", "P", "E"}[unit]
}

// day is the longest step between two time ticks.
const day = 24 * time.Hour

var timeSteps = [...]time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour, day,
}

// timeStep returns the shortest step that divides window into at most parts
// steps, and the layout of its labels. The step is 0 if there is none.
func timeStep(window time.Duration, parts func(layout string) int) (step time.Duration, layout string) {
	for _, step := range timeSteps {
		layout := "15:04"
		switch {
		case step < time.Minute:
			layout = "15:04:05"
		case step == day:
			layout = "01-02"
		}
		if window > 0 && window/step <= time.Duration(parts(layout)) {
			return step, layout
		}
	}

	return 0, ""
}

// A timeTick is a labeled time on the time axis.
type timeTick struct {
	at    time.Time
	label string
}

// timeTicks returns the times between from and to at which a clock in from's
// location shows a multiple of step. There are none if step is 0.
func timeTicks(from, to time.Time, step time.Duration, layout string) []timeTick {
	if step == 0 {
		return nil
	}

	// Summer time moves the clock by a multiple of half an hour, so steps up to
	// that stay aligned with the clock.
	stride := min(step, 30*time.Minute)
	var ticks []timeTick
	for at := from.Add(-sinceMidnight(from) % stride); !at.After(to); at = at.Add(stride) {
		if !at.Before(from) && sinceMidnight(at)%step == 0 {
			ticks = append(ticks, timeTick{at, at.Format(layout)})
		}
	}

	return ticks
}

// sinceMidnight returns the time that the clock shows at t.
func sinceMidnight(t time.Time) time.Duration {
	hour, minute, second := t.Clock()

	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute +
		time.Duration(second)*time.Second + time.Duration(t.Nanosecond())
}

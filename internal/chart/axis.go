package chart

import (
	"fmt"
	"math"
	"strconv"
)

// Unit says how values are written.
type Unit string

// The units.
const (
	Plain   Unit = ""
	Seconds Unit = "s"
	Ratio   Unit = "ratio"
	PerSec  Unit = "/s"
)

// Format writes v with three significant digits and the unit, as people would.
func (u Unit) Format(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case u == Seconds:
		return formatSeconds(v)
	case u == Ratio:
		return digits(v*100) + "%"
	case u == PerSec:
		return digits(v) + "/s"
	}
	return digits(v)
}

func formatSeconds(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a < 0.001:
		return digits(v*1e6) + "µs"
	case a < 1:
		return digits(v*1e3) + "ms"
	case a < 120:
		return digits(v) + "s"
	}
	return Clock(v)
}

func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e6:
		return trim(v/1e6, 2) + "M"
	case a >= 1e4:
		return trim(v/1e3, 1) + "k"
	case a >= 100:
		return trim(v, 0)
	case a >= 10:
		return trim(v, 1)
	}
	return trim(v, 2)
}

func trim(v float64, decimals int) string {
	scale := math.Pow10(decimals)
	return strconv.FormatFloat(math.Round(v*scale)/scale, 'f', -1, 64)
}

// Clock writes seconds since the start as "+1:05".
func Clock(seconds float64) string {
	s := int(math.Round(seconds))
	return fmt.Sprintf("+%d:%02d", s/60, s%60)
}

// Ticks returns about n round values that cover from to to; the last one is at least to.
func Ticks(from, to float64, n int) []float64 {
	step := niceStep((to - from) / float64(n))
	var ticks []float64
	for i := math.Floor(from / step); ; i++ {
		ticks = append(ticks, i*step)
		if i*step >= to-step*1e-9 {
			return ticks
		}
	}
}

// niceStep rounds up to 1, 2 or 5 times a power of ten.
func niceStep(raw float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// TimeTicks returns round offsets within a run of the given length, at most about twelve.
func TimeTicks(seconds float64) []float64 {
	step := 3600.0
	for _, s := range []float64{1, 5, 10, 15, 30, 60, 120, 300, 600, 1800} {
		if seconds/s <= 12 {
			step = s
			break
		}
	}
	var ticks []float64
	for t := 0.0; t <= seconds+1e-9; t += step {
		ticks = append(ticks, t)
	}
	return ticks
}

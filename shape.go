package gameday

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Shape is a rate of requests over time that takes the place of the recorded one. The zero value is no shape.
type Shape struct {
	Kind  string    // "steady", "ramp", "step" or "sine"
	Rates []float64 // requests per second: steady has one; ramp and sine two, from and to; step has one for each step
	Every Duration  // ramp: how long it rises or falls; step: how long each lasts; sine: the period
}

// maxRate bounds the rates of shapes and caps, in requests per second.
const maxRate = 1e6

// ParseShape reads "steady:50/s", "ramp:10/s..200/s:60s", "step:10/s,50/s,100/s:20s" or "sine:20/s..80/s:60s". After its
// end a ramp and the last step go on at their last rate; a sine begins at its first rate. "" and "recorded" are the
// zero value.
func ParseShape(text string) (Shape, error) {
	if text == "" || text == "recorded" {
		return Shape{}, nil
	}
	kind, rest, _ := strings.Cut(text, ":")
	rates, every, timed := strings.Cut(rest, ":")
	s := Shape{Kind: kind}
	separator, least, most := ",", 1, 100
	switch kind {
	case "steady":
		most = 1
	case "ramp", "sine":
		separator, least, most = "..", 2, 2
	case "step":
		least = 2
	default:
		return Shape{}, fmt.Errorf("shape %q: want recorded, steady:50/s, ramp:10/s..200/s:60s, step:10/s,50/s:20s or sine:20/s..80/s:60s", text)
	}
	for part := range strings.SplitSeq(rates, separator) {
		rate, err := ParseRate(part)
		if err != nil {
			return Shape{}, fmt.Errorf("shape %q: %w", text, err)
		}
		s.Rates = append(s.Rates, rate)
	}
	if n := len(s.Rates); n < least || n > most {
		return Shape{}, fmt.Errorf("shape %q: a %s takes at least %d and at most %d rates, with %q between them", text, kind, least, most, separator)
	}
	if timed == (kind == "steady") {
		return Shape{}, fmt.Errorf("shape %q: want a length at its end, such as :60s, unless it is steady", text)
	}
	if timed {
		length, err := time.ParseDuration(every)
		if err != nil || length <= 0 {
			return Shape{}, fmt.Errorf("shape %q: %q is no length such as 60s", text, every)
		}
		s.Every = Duration(length)
	}
	return s, nil
}

// ParseRate reads a number of requests per second, such as "500/s".
func ParseRate(text string) (float64, error) {
	number, ok := strings.CutSuffix(text, "/s")
	rate, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(rate > 0 && rate <= maxRate) {
		return 0, fmt.Errorf("%q is no rate such as 50/s, above 0 and at most %.0f/s", text, maxRate)
	}
	return rate, nil
}

// Hits returns how many requests are due before the offset.
func (s Shape) Hits(at Duration) float64 {
	t, every := time.Duration(at).Seconds(), time.Duration(s.Every).Seconds()
	switch s.Kind {
	case "steady":
		return s.Rates[0] * t
	case "ramp":
		from, to := s.Rates[0], s.Rates[1]
		rising := min(t, every)
		return from*rising + (to-from)*rising*rising/(2*every) + to*(t-rising)
	case "step":
		hits := 0.0
		for _, rate := range s.Rates[:len(s.Rates)-1] {
			hits += rate * min(t, every)
			t -= min(t, every)
		}
		return hits + s.Rates[len(s.Rates)-1]*t
	case "sine":
		mean, swing := (s.Rates[0]+s.Rates[1])/2, (s.Rates[0]-s.Rates[1])/2
		return mean*t + swing*every/(2*math.Pi)*math.Sin(2*math.Pi*t/every)
	}
	return 0
}

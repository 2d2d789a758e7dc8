package replay

import (
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Shape returns a Source of generated requests: pacer says when, for so long, and the targets take turns. Each
// request is a session of its own. Methods, URLs, headers and bodies are those of the targets; hosts are the
// player's business. Without a target it is empty.
func Shape(pacer vegeta.Pacer, length time.Duration, targets ...vegeta.Target) Source {
	return &shape{pacer: pacer, length: length, targets: targets}
}

// A shape asks its pacer as an attack that is never late would.
type shape struct {
	pacer   vegeta.Pacer
	length  time.Duration
	targets []vegeta.Target
	elapsed time.Duration
	hits    uint64
}

// Next returns the next request, or io.EOF when the pacer stops or the length has passed.
func (s *shape) Next() (*Exchange, error) {
	if len(s.targets) == 0 {
		return nil, io.EOF
	}
	wait, stop := s.pacer.Pace(s.elapsed, s.hits)
	s.elapsed += max(wait, 0)
	if stop || s.elapsed > s.length {
		return nil, io.EOF
	}
	target := s.targets[s.hits%uint64(len(s.targets))]
	s.hits++
	u, err := url.Parse(target.URL)
	if err != nil {
		return nil, err
	}
	x := &Exchange{Seq: s.hits, At: s.elapsed, Method: target.Method, Target: u.RequestURI(), Host: u.Host, Body: target.Body, Size: int64(len(target.Body))}
	for name, values := range target.Header {
		for _, value := range values {
			x.Header = append(x.Header, Field{name, value})
		}
	}
	slices.SortFunc(x.Header, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return x, nil
}

// Pacer reads the schedule of a source, at a speed, so that `vegeta` as a library can attack with it. It keeps
// 8 bytes per request. The source is read to its end.
func Pacer(source Source, speed float64) (vegeta.Pacer, error) {
	s := plan{speed: speed}
	if speed == 0 {
		s.speed = 1
	}
	var due []time.Duration
	for {
		x, err := source.Next()
		if err == io.EOF {
			return pacer(due), nil
		}
		if err != nil {
			return nil, err
		}
		due = append(due, s.due(0, x.At))
	}
}

// A pacer is a list of due times in order.
type pacer []time.Duration

// Pace returns how long to wait for the next hit, and stops after the last.
func (p pacer) Pace(elapsed time.Duration, hits uint64) (wait time.Duration, stop bool) {
	if hits >= uint64(len(p)) {
		return 0, true
	}
	return max(0, p[hits]-elapsed), false
}

// Rate returns the hits per second in the second that begins at elapsed.
func (p pacer) Rate(elapsed time.Duration) float64 {
	from, _ := slices.BinarySearch(p, elapsed)
	to, _ := slices.BinarySearch(p, elapsed+time.Second)
	return float64(to - from)
}

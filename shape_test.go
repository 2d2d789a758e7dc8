package gameday

import (
	"testing"
	"time"
)

func TestShapes(t *testing.T) {
	second := Duration(time.Second)
	for _, tt := range []struct {
		text string
		at   Duration
		hits float64
	}{
		{"steady:50/s", 10 * second, 500},
		{"ramp:10/s..30/s:10s", 10 * second, 200},
		{"ramp:10/s..30/s:10s", 5 * second, 75},
		{"ramp:10/s..30/s:10s", 12 * second, 260}, // on at the last rate
		{"ramp:30/s..10/s:10s", 10 * second, 200},
		{"step:10/s,50/s,100/s:20s", 10 * second, 100},
		{"step:10/s,50/s,100/s:20s", 50 * second, 2200},
		{"sine:20/s..80/s:60s", 30 * second, 1500},
		{"sine:20/s..80/s:60s", 60 * second, 3000},
		{"", 60 * second, 0},
		{"recorded", 60 * second, 0},
	} {
		s, err := ParseShape(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := s.Hits(tt.at); got < tt.hits-0.001 || got > tt.hits+0.001 {
			t.Errorf("%s: %g hits before %s, want %g", tt.text, got, tt.at, tt.hits)
		}
	}
}

func TestShapesThatMakeNoSense(t *testing.T) {
	for _, text := range []string{
		"ramp", "ramp:", "square:1/s", "steady:0/s", "steady:-1/s", "steady:NaN/s", "steady:1e9/s", "steady:50", "steady:50/s:10s", "steady:1/s,2/s",
		"ramp:10/s..20/s", "ramp:10/s:60s", "ramp:10/s..20/s..30/s:60s", "ramp:10/s..20/s:0s", "ramp:10/s..20/s:soon", "step:10/s:20s", "sine:1/s..2/s:-1s",
	} {
		if s, err := ParseShape(text); err == nil {
			t.Errorf("%s: read as %+v", text, s)
		}
	}
}

func FuzzParseShape(f *testing.F) {
	f.Add("ramp:10/s..30/s:10s")
	f.Add("step:10/s,50/s,100/s:20s")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseShape(text)
		if err != nil || s.Kind == "" {
			return
		}
		last := 0.0
		for at := Duration(0); at < Duration(10*time.Second); at += Duration(100 * time.Millisecond) {
			hits := s.Hits(at)
			if !(hits >= last-1e-6*(1+last)) {
				t.Fatalf("%q: %g hits before %s, and %g before that", text, hits, at, last)
			}
			last = max(last, hits)
		}
	})
}

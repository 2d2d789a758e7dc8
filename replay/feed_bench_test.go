package replay

import (
	"io"
	"math"
	"testing"
	"time"
)

// endless yields so many exchanges, a millisecond apart: those it has, again and again.
type endless struct {
	xs      []*Exchange
	n, many int
}

func (s *endless) Next() (*Exchange, error) {
	if s.n == s.many {
		return nil, io.EOF
	}
	x := *s.xs[s.n%len(s.xs)]
	x.At = time.Duration(s.n) * time.Millisecond
	s.n++
	return &x, nil
}

// shoppers are exchanges as browsers have them, of so many sessions in turn.
func shoppers(sessions int) []*Exchange {
	xs := every(10*sessions, 1000, sessions)
	for _, x := range xs {
		x.Target += "?ref=home"
		x.Header = Header{{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"}, {"Accept", "*/*"}, {"Cookie", "sid=gd~0123456789abcdef"}}
		x.Response.Header = Header{{"Date", "Sun, 22 Nov 2026 05:00:00 GMT"}, {"Content-Type", "application/json"}, {"Server", "shop"}, {"Content-Length", "2048"}, {"X-Request-Id", "42"}}
	}
	return xs
}

// BenchmarkFeed makes shots of exchanges, as fast as it can.
func BenchmarkFeed(b *testing.B) {
	c := Config{Open: func() (Source, error) { return &endless{xs: shoppers(200), many: b.N}, nil }}.withDefaults()
	f := &feed{
		plan: newPlan(c), cap: newGovernor(0, "", 0), lead: Lead, editor: newEditor(c, newRoutes(nil), "h", ""),
		open: c.Open, surges: &surges{},
		now: func() time.Duration { return math.MaxInt64 / 2 },
		out: func(batch []*shot) {
			for _, x := range batch {
				x.drop()
			}
		},
		fed: func(time.Duration) {},
	}
	b.ReportAllocs()
	if err := f.play(b.Context()); err != nil {
		b.Fatal(err)
	}
}

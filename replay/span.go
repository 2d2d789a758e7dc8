package replay

import "time"

// A SampledSpan is a stretch of a capture in which only a share of the sessions was taken, and some exchange was left out for
// that.
type SampledSpan struct {
	From  time.Duration `json:"from_ns"` // offset from the start of the capture
	To    time.Duration `json:"to_ns"`   // of the last exchange that was left out
	Share float64       `json:"share"`   // of the sessions that were taken, beside those left out before: they stay out
	Out   uint64        `json:"out"`     // exchanges left out
	Why   string        `json:"why,omitempty"`
}

// spansMax bounds the spans of one source: a ledger is written again and again.
const spansMax = 64

// Sample appends spans to those of c. What is over the bound becomes one with the last, which keeps the smaller share.
func (c *Counts) Sample(spans ...SampledSpan) {
	for _, s := range spans {
		if len(c.Spans) < spansMax {
			c.Spans = append(c.Spans, s)
			continue
		}
		last := &c.Spans[len(c.Spans)-1]
		last.From, last.To = min(last.From, s.From), max(last.To, s.To)
		last.Share, last.Out, last.Why = min(last.Share, s.Share), last.Out+s.Out, s.Why
	}
}

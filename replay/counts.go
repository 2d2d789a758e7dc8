package replay

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Causes of loss that every capture can have; some have others of their own.
const (
	LostKernel = "kernel drop" // the kernel had no room for a packet
	LostGap    = "gap"         // bytes in the middle were never seen
	LostLimit  = "over limit"  // larger or more than a bound allows
	LostParse  = "parse"       // no HTTP, or not in a form that is understood
)

// A Tally counts by name: of a rule or of a cause.
type Tally map[string]uint64

// Count adds n under a name. A nil Tally is made first.
func (t *Tally) Count(name string, n uint64) {
	if n == 0 {
		return
	}
	if *t == nil {
		*t = make(Tally)
	}
	(*t)[name] += n
}

// Total is the sum over all names.
func (t Tally) Total() uint64 {
	var sum uint64
	for _, n := range t {
		sum += n
	}
	return sum
}

// ruleUnnamed stands for the rules of tapes that counted what they left out, but not by which rule.
const ruleUnnamed = "filter"

// UnmarshalJSON reads an object of counts, or the plain number that tapes of version 1 have.
func (t *Tally) UnmarshalJSON(b []byte) error {
	var sum uint64
	if json.Unmarshal(b, &sum) == nil {
		*t = nil
		t.Count(ruleUnnamed, sum)
		return nil
	}
	var counts map[string]uint64
	if err := json.Unmarshal(b, &counts); err != nil {
		return err
	}
	*t = counts
	return nil
}

// Counts is what became of the exchanges of one source. Each that arrived is in exactly one of
// Captured, Filtered, Sampled and Lost, so that a missing exchange always has a reason.
type Counts struct {
	Captured uint64 `json:"captured"`              // handed to the recorder and stored
	Filtered Tally  `json:"filtered,omitempty"`    // left out, by rule
	Sampled  uint64 `json:"sampled_out,omitempty"` // left out by sampling
	Lost     Tally  `json:"lost,omitempty"`        // by cause

	// Spans say when the sampled ones were left out, in order of time for each source.
	Spans []SampledSpan `json:"sampled_spans,omitempty"`

	Truncated uint64 `json:"truncated,omitempty"`  // of the captured: a body was over the limit
	Cut       uint64 `json:"cut,omitempty"`        // of the captured: the exchange broke off
	Shape     uint64 `json:"shape_only,omitempty"` // of the captured: from a log, without headers and bodies

	// Messages of switched connections have books of their own: those stored, and those lost, by cause.
	Messages     uint64 `json:"messages,omitempty"`
	MessagesLost Tally  `json:"messages_lost,omitempty"`

	// Of a capture from packets: what became of each of them, and of each byte they carried.
	Packets Tally `json:"packets,omitempty"`
	Bytes   Tally `json:"bytes,omitempty"`
}

// Arrived is how many exchanges the source saw.
func (c Counts) Arrived() uint64 {
	return c.Captured + c.Filtered.Total() + c.Sampled + c.Lost.Total()
}

// Completeness is captured / (captured + lost). It is not known when neither happened: a capture
// that saw nothing proves nothing.
func (c Counts) Completeness() (share float64, known bool) {
	wanted := c.Captured + c.Lost.Total()
	if wanted == 0 {
		return 0, false
	}
	return float64(c.Captured) / float64(wanted), true
}

// Add returns the sum of both; neither is changed.
func (c Counts) Add(d Counts) Counts {
	c = c.Clone()
	c.Captured += d.Captured
	c.Sampled += d.Sampled
	c.Sample(d.Spans...)
	c.Truncated += d.Truncated
	c.Cut += d.Cut
	c.Shape += d.Shape
	c.Messages += d.Messages
	for cause, n := range d.MessagesLost {
		c.MessagesLost.Count(cause, n)
	}
	for rule, n := range d.Filtered {
		c.Filtered.Count(rule, n)
	}
	for cause, n := range d.Lost {
		c.Lost.Count(cause, n)
	}
	for fate, n := range d.Packets {
		c.Packets.Count(fate, n)
	}
	for fate, n := range d.Bytes {
		c.Bytes.Count(fate, n)
	}
	return c
}

// Clone returns a copy that shares nothing.
func (c Counts) Clone() Counts {
	c.Filtered, c.Lost, c.MessagesLost = maps.Clone(c.Filtered), maps.Clone(c.Lost), maps.Clone(c.MessagesLost)
	c.Packets, c.Bytes = maps.Clone(c.Packets), maps.Clone(c.Bytes)
	c.Spans = slices.Clone(c.Spans)
	return c
}

// A Ledger is the accounts of a recording: the counts of each source.
type Ledger map[string]Counts

// Total is the sum over all sources.
func (l Ledger) Total() Counts {
	var sum Counts
	for _, c := range l {
		sum = sum.Add(c)
	}
	return sum
}

// LeaveOut returns the ledger of a copy without some of the captured exchanges: those left out by a
// rule, and those lost by a cause. Exchanges do not say where they came from: rows of several sources
// become one.
func (l Ledger) LeaveOut(left, lost Tally) Ledger {
	if len(l) == 0 || left.Total()+lost.Total() == 0 {
		return l
	}
	c := l.Total()
	c.Captured -= min(c.Captured, left.Total()+lost.Total()) // a tape without its last ledger knows of fewer than it holds
	for rule, n := range left {
		c.Filtered.Count(rule, n)
	}
	for cause, n := range lost {
		c.Lost.Count(cause, n)
	}
	return Ledger{strings.Join(slices.Sorted(maps.Keys(l)), " + "): c}
}

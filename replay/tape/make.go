package tape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// A Recipe says how a tape is made of others: cut, filtered, merged, repaired, encrypted anew.
type Recipe struct {
	From []string // tapes; several are merged by wall time
	To   string   // must not exist yet
	Tool string   // what writes it, for Meta
	Verb string   // "cut", "repaired": names in the ledger and in Meta what left exchanges out

	Read    ReadOptions // Gap and Message are not used
	Options Options
	Span    Span // of the offsets of what is made

	// Keep returns "" for what is to be kept, else the rule that leaves it out. Nil keeps all.
	Keep func(*replay.Exchange) (rule string)

	// Aligned lets all tapes begin at the same moment instead of when they were recorded.
	Aligned bool
	// Joined takes sessions of one name in several tapes for one, as in the parts of one capture.
	// Otherwise names get the number of their tape in front: "2/ada".
	Joined bool
}

// Made is what came of a recipe.
type Made struct {
	Kept   int64        // exchanges
	Left   replay.Tally // exchanges left out, by rule, as far as they were looked at
	Damage []*Damage    // of what was read
	Ledger replay.Ledger
}

// LostDamaged is the cause, in Counts.Lost, of exchanges in damaged frames that a copy skipped.
const LostDamaged = "damaged frame"

// Make writes a new tape and leaves none behind when it does not succeed. Gaps, messages and the ledger
// come along; what was left out is counted in the ledger by rule, what could not be read as lost.
func Make(ctx context.Context, r Recipe) (m Made, err error) {
	inputs, err := r.open()
	defer func() {
		for _, in := range inputs {
			err = errors.Join(err, in.r.Close())
		}
	}()
	if err != nil {
		return Made{}, err
	}
	r.Options.Flush = -1 // what is lost with a crash can be made again
	w, err := Create(r.To, r.meta(inputs), r.Options)
	if err != nil {
		return Made{}, err
	}
	c := maker{recipe: r, w: w, inputs: inputs}
	if err = c.run(ctx); err == nil {
		err = c.account()
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return Made{}, errors.Join(err, os.Remove(r.To))
	}
	return c.made, nil
}

// input is one tape that goes into another.
type input struct {
	r        *Reader
	path     string
	number   uint64 // from 0
	count    uint64 // of all inputs
	prefix   string // of its sessions
	shift    time.Duration
	head     *replay.Exchange // read and not yet taken
	messages []*replay.Message
	kept     map[uint64]bool // exchanges that may have messages, by their number here
	seen     bool            // one was read
}

func (r Recipe) open() ([]*input, error) {
	var inputs []*input
	for i, path := range r.From {
		in := &input{path: path, number: uint64(i), count: uint64(len(r.From)), kept: make(map[uint64]bool)}
		if len(r.From) > 1 && !r.Joined {
			in.prefix = fmt.Sprintf("%d/", i+1)
		}
		o := r.Read
		o.Message = func(m *replay.Message) { in.messages = append(in.messages, m) }
		o.Gap = nil
		reader, err := Open(path, o)
		if err != nil {
			return inputs, err
		}
		in.r = reader
		inputs = append(inputs, in)
	}
	if !r.Aligned {
		zero := earliest(inputs)
		for _, in := range inputs {
			if start := in.r.Meta().Start; !start.IsZero() {
				in.shift = start.Sub(zero)
			}
		}
	}
	return inputs, nil
}

// earliest is the wall time of offset zero of what is made.
func earliest(inputs []*input) (zero time.Time) {
	for _, in := range inputs {
		if start := in.r.Meta().Start; zero.IsZero() || !start.IsZero() && start.Before(zero) {
			zero = start
		}
	}
	return zero
}

func (r Recipe) meta(inputs []*input) Meta {
	m := Meta{Start: earliest(inputs), Tool: r.Tool}
	var sources, policies []string
	for _, in := range inputs {
		about := in.r.Meta()
		sources = append(sources, strings.TrimSpace(r.Verb+" from "+filepath.Base(in.path)+" "+about.Source))
		policies = append(policies, about.Redaction)
	}
	m.Source = strings.Join(sources, "; ")
	slices.Sort(policies)
	m.Redaction = strings.Join(slices.Compact(policies), " ") // a blank in front: one of them was not redacted
	return m
}

// maker is a recipe being followed.
type maker struct {
	recipe   Recipe
	w        *Writer
	inputs   []*input
	made     Made
	messages uint64
	kept     replay.Counts // of what is kept: truncated, cut, shape only
}

func (c *maker) run(ctx context.Context) error {
	span := c.recipe.Span
	if span.To == 0 {
		span.To = math.MaxInt64
	}
	if span.To <= span.From {
		return fmt.Errorf("%s: the end %v is not after the start %v", c.recipe.Verb, span.To, span.From)
	}
	for _, in := range c.inputs {
		if span.From > 0 {
			if err := in.r.Seek(span.From - in.shift); err != nil {
				return err
			}
		}
		c.gaps(in, span)
	}
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: stopped after %d exchanges: %w", c.recipe.Verb, c.made.Kept, err)
		}
		in, err := c.next()
		if err != nil {
			return err
		}
		if in == nil || in.head.At >= span.To {
			return c.tellAll(span.To)
		}
		if err := c.take(in); err != nil {
			return err
		}
	}
}

// next returns the input whose exchange is the earliest; nil behind the last one.
func (c *maker) next() (first *input, err error) {
	for _, in := range c.inputs {
		if in.head == nil && !in.seen {
			x, err := in.r.Next()
			switch {
			case errors.Is(err, io.EOF):
				in.seen = true
				continue
			case err != nil:
				return nil, err
			}
			in.adapt(x)
			in.head = x
		}
		if in.head != nil && (first == nil || in.head.At < first.head.At) {
			first = in
		}
	}
	return first, nil
}

// adapt makes an exchange of one tape one of the tape being made.
func (in *input) adapt(x *replay.Exchange) {
	x.At += in.shift
	x.Seq = in.seq(x.Seq)
	x.Session = in.session(x.Session)
	if x.Conn != 0 {
		x.Conn ^= in.number * 0x9e3779b97f4a7c15 // tells connections of two tapes apart
	}
}

// seq keeps numbers of exchanges apart without remembering them.
func (in *input) seq(n uint64) uint64 { return n*in.count + in.number }

func (in *input) session(name string) string {
	if name == "" {
		return ""
	}
	return in.prefix + name
}

func (c *maker) take(in *input) error {
	x := in.head
	in.head = nil
	if err := c.tell(in, x.At); err != nil {
		return err
	}
	if c.recipe.Keep != nil {
		if rule := c.recipe.Keep(x); rule != "" {
			c.made.Left.Count(c.recipe.Verb+" "+rule, 1)
			return nil
		}
	}
	if err := c.w.Record(x); err != nil {
		return err
	}
	c.made.Kept++
	if converses(x) {
		in.kept[x.Seq] = true
	}
	c.kept = c.kept.Add(countsOf(x))
	return nil
}

// converses reports whether messages may follow an exchange.
func converses(x *replay.Exchange) bool {
	return x.Method == "CONNECT" || x.Response != nil && x.Response.Status == 101 || strings.HasPrefix(x.Header.Get("Content-Type"), "application/grpc")
}

func countsOf(x *replay.Exchange) (c replay.Counts) {
	c.Captured = 1
	if x.Truncated() || x.Response != nil && x.Response.Truncated() {
		c.Truncated = 1
	}
	if x.Response == nil || x.Response.Cut {
		c.Cut = 1
	}
	if x.ShapeOnly {
		c.Shape = 1
	}
	return c
}

// tell writes the messages before a moment whose exchanges were kept.
func (c *maker) tell(in *input, until time.Duration) error {
	waiting := in.messages[:0]
	for _, m := range in.messages {
		if m.At+in.shift >= until {
			waiting = append(waiting, m)
			continue
		}
		m.At += in.shift
		m.Exchange, m.Session = in.seq(m.Exchange), in.session(m.Session)
		if !in.kept[m.Exchange] {
			continue
		}
		if err := c.w.Message(m); err != nil {
			return err
		}
		c.messages++
	}
	in.messages = waiting
	return nil
}

func (c *maker) tellAll(until time.Duration) error {
	for _, in := range c.inputs {
		if err := c.tell(in, until); err != nil {
			return err
		}
	}
	return nil
}

// gaps carries the gap records along that touch the span. They are few, and known from the frames that
// say that they hold some.
func (c *maker) gaps(in *input, span Span) {
	for _, e := range in.r.index {
		if e.kind != kindData || e.flags&flagGaps == 0 || in.r.locked(e) {
			continue // reading the exchanges tells what is wrong with a frame
		}
		_ = in.r.gaps(e, func(g replay.Gap) error {
			g.From, g.To = g.From+in.shift, g.To+in.shift
			if g.To < span.From || g.From >= span.To {
				return nil
			}
			return c.w.Gap(g)
		})
	}
}

// damaged is how many exchanges were in what could not be read, at most.
func (c *maker) damaged() (n uint64) {
	for _, d := range c.made.Damage {
		if d.Lost < 0 {
			return math.MaxUint64
		}
		n += uint64(d.Lost)
	}
	return n
}

// account writes the ledger: that of the sources, after what was left out and what could not be read.
func (c *maker) account() error {
	sum := make(replay.Ledger)
	for _, in := range c.inputs {
		c.made.Damage = append(c.made.Damage, in.r.Damage()...)
		for source, counts := range in.r.Ledger() {
			name := source
			for n := 2; ; n++ {
				if _, taken := sum[name]; !taken {
					break
				}
				name = fmt.Sprintf("%s (%d)", source, n)
			}
			sum[name] = counts
		}
	}
	left, lost := maps.Clone(c.made.Left), replay.Tally(nil)
	if known := sum.Total().Captured; known > uint64(c.made.Kept)+left.Total() {
		missing := known - uint64(c.made.Kept) - left.Total()
		damaged := min(missing, c.damaged())
		lost.Count(LostDamaged, damaged)
		left.Count(c.recipe.Verb, missing-damaged) // what a cut did not even look at
	}
	sum = sum.LeaveOut(left, lost)
	if left.Total()+lost.Total() > 0 && len(sum) == 1 {
		for source, counts := range sum {
			counts.Truncated, counts.Cut, counts.Shape = c.kept.Truncated, c.kept.Cut, c.kept.Shape
			counts.Captured, counts.Messages = uint64(c.made.Kept), c.messages
			sum[source] = counts
		}
	}
	for _, source := range slices.Sorted(maps.Keys(sum)) {
		if err := c.w.Account(source, sum[source]); err != nil {
			return err
		}
	}
	c.made.Ledger = sum
	return nil
}

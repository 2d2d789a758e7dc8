package wire

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// FormatTape is the tape among the formats of recordings.
const FormatTape capture.Format = "tape"

// ConvertOptions say what becomes of a recording.
type ConvertOptions struct {
	From, To string                // paths; To must not exist yet
	Import   capture.ImportOptions // how From is read, when it is no tape
	Ports    []uint16              // of servers, when From holds packets; all when empty
	VXLAN    uint16                // UDP port of tunnels in such packets; 0 for none
	Format   capture.Format        // of To; empty lets the ending of its name decide
	Base     string                // of URLs in what is written; empty means the recorded hosts
	Rules    Rules
	Prettify bool         // take content codings off
	Redact   redact.Rules // for what is no tape: a tape was redacted when it was written
	Keys     Keys         // of tapes
	Tool     string
	Problem  func(error) // told of each record that is left out

	RedactKey string // file with the key of pseudonyms; see newRedactor
}

// Converted is what became of a recording.
type Converted struct {
	From    capture.Format
	Counts  replay.Counts // of what was read; what is written is Captured
	Written uint64
	Unkept  replay.Tally // exchanges that were written without a part that the format has no place for, by what
}

// Formats lists what Convert writes.
func Formats() []capture.Format { return append([]capture.Format{FormatTape}, capture.Exports()...) }

// Convert writes a recording in another format. What cannot be read or written, and what filters leave out, is counted.
// What is no tape yet is redacted on the way.
func Convert(ctx context.Context, o ConvertOptions) (done Converted, err error) {
	forbidDumps()
	rules, err := replay.NewRules(o.Rules.Filters, o.Rules.Rewrites)
	if err != nil {
		return done, Refused{err}
	}
	if o.Format, err = outputFormat(o.To, o.Format); err != nil {
		return done, err
	}
	if packets, err := passive.OpenFile(o.From); err == nil {
		defer packets.Close() //nolint:errcheck // it was only read
		return o.packets(ctx, packets)
	}
	c := &conversion{o: o, rules: rules}
	if err := c.open(); err != nil {
		return done, err
	}
	defer c.source.Close() //nolint:errcheck // it was only read
	first, err := c.next()
	done.From = c.from
	if err != nil && !errors.Is(err, io.EOF) {
		done.Counts = c.counts()
		return done, err
	}
	if err := c.create(); err != nil {
		return done, err
	}
	err = c.copy(ctx, first)
	done.Counts, done.Written, done.Unkept = c.counts(), c.written, c.unkept
	if err = errors.Join(err, c.finish(done.Counts)); err == nil && c.written == 0 {
		err = fmt.Errorf("convert %s: none of its %d records can be used; it was read as %s: if it is something else, say so with --format", o.From, done.Counts.Arrived(), c.from)
	}
	switch {
	case c.sketch != nil:
		err = c.sketch.end(err)
	case err != nil && c.tape != nil && c.written == 0: // else what is on the tape can be read
		err = errors.Join(err, os.Remove(o.To))
	}
	return done, err
}

// closingSource is a source that has to be closed.
type closingSource interface {
	replay.Source
	io.Closer
}

// conversion is a Convert under way.
type conversion struct {
	o        ConvertOptions
	rules    *replay.Rules
	redactor *redact.Redactor // nil for what was redacted already
	from     capture.Format
	source   closingSource
	in       capture.Importer // the source, when it is no tape
	meta     tape.Meta        // of a tape that holds it
	unfit    replay.Tally
	talks    map[uint64]bool // numbers of exchanges that were written and may have messages
	unsaid   replay.Tally    // messages that were not written, by cause

	keeps  *capture.Unkept // what out does not; nil for a tape, which keeps everything
	unkept replay.Tally

	out     replay.Recorder
	end     []func() error // closes what is written, in this order
	tape    *tape.Writer   // out, when it is a tape
	sketch  *sketch        // what out writes to, when it is none
	written uint64
	said    uint64 // messages
}

// An event is an exchange, or a message of one.
type event struct {
	x *replay.Exchange
	m *replay.Message
}

func (c *conversion) open() (err error) {
	if c.o.Import.Format == "" && (IsReel(c.o.From) || strings.HasSuffix(c.o.From, TapeSuffix)) {
		source, err := Open(c.o.From, c.o.Keys, capture.ImportOptions{})
		if err != nil {
			return err
		}
		c.from, c.source = FormatTape, source.(closingSource)
		c.meta = source.(interface{ Meta() tape.Meta }).Meta()
		return nil
	}
	if c.redactor, err = newRedactor(c.o.Redact, c.o.RedactKey); err != nil {
		return err
	}
	c.o.Import.Problem = c.o.Problem
	c.o.Import.Client = func(address, agent string) string { return c.redactor.Pseudonym(address + " " + agent) }
	in, err := capture.Open(c.o.From, c.o.Import)
	if err != nil {
		return err
	}
	c.from, c.source, c.in = in.Format(), in, in
	c.meta = tape.Meta{Redaction: c.redactor.Policy(), ShapeOnly: c.from.ShapeOnly(), Timeless: c.from.Timeless()}
	return nil
}

// next returns the next exchange that the rules keep, changed and redacted, or the next message.
func (c *conversion) next() (e event, err error) {
	for {
		if speaks, ok := c.source.(replay.Chronicle); ok {
			e.x, e.m, err = speaks.NextEvent()
		} else {
			e.x, err = c.source.Next()
		}
		switch {
		case err != nil:
			return event{}, err
		case e.m != nil:
			if c.redactor != nil {
				redactMessage(c.redactor, e.m)
			}
			return e, nil
		case c.rules.Apply(e.x) != "": // filters may look at credentials
			continue
		}
		if c.o.Prettify {
			e.x.Prettify()
		}
		if c.redactor != nil {
			c.redactor.Exchange(e.x)
		}
		return e, nil
	}
}

// redactMessage redacts a message as what it is: a body without a header.
func redactMessage(r *redact.Redactor, m *replay.Message) {
	x := &replay.Exchange{Session: m.Session, Body: m.Body, Size: m.Size}
	r.Exchange(x)
	m.Session, m.Body, m.Size = x.Session, x.Body, x.Size
}

func (c *conversion) create() error {
	if c.in != nil {
		c.meta.Start = c.in.Start() // it is known since the first exchange
	}
	if c.o.Format == FormatTape {
		meta := c.meta
		meta.Created, meta.Source, meta.Tool = time.Now(), c.o.From, c.o.Tool
		write, err := c.o.Keys.Write()
		if err != nil {
			return err
		}
		write.Flush = -1 // what is lost with a crash can be made again
		w, err := tape.Create(c.o.To, meta, write)
		if err != nil {
			return err
		}
		c.out, c.tape, c.end = w, w, []func() error{w.Close}
		return nil
	}
	f, err := newSketch(c.o.To)
	if err != nil {
		return fmt.Errorf("convert %s: %w", c.o.From, err)
	}
	buffer := bufio.NewWriterSize(f, 256<<10)
	c.sketch, c.end = f, []func() error{buffer.Flush}
	var w io.Writer = buffer
	if strings.HasSuffix(c.o.To, ".gz") {
		z := gzip.NewWriter(buffer)
		w, c.end = z, append([]func() error{z.Close}, c.end...)
	}
	out, err := capture.NewExporter(w, c.o.Format, capture.ExportOptions{Start: c.meta.Start, Base: c.o.Base, Tool: c.o.Tool})
	if err != nil {
		return f.end(err)
	}
	c.out, c.end = out, append([]func() error{out.Close}, c.end...)
	c.keeps = capture.NewUnkept(c.o.Format)
	return nil
}

// copy writes e, which is empty for an empty source, and everything behind it.
func (c *conversion) copy(ctx context.Context, e event) (err error) {
	for e != (event{}) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("convert %s: stopped after %d exchanges: %w", c.o.From, c.written, context.Cause(ctx))
		}
		if e.m != nil {
			err = c.say(e.m)
		} else {
			err = c.write(e.x)
		}
		if err != nil {
			return err
		}
		if e, err = c.next(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

func (c *conversion) write(x *replay.Exchange) error {
	switch err := c.out.Record(x); {
	case err == nil:
		c.written++
		if c.keeps != nil {
			for _, what := range c.keeps.Of(x) {
				c.unkept.Count(what, 1)
			}
		}
	case errors.Is(err, capture.ErrUnfit):
		c.unfit.Count(err.Error(), 1)
		return nil
	default:
		return err
	}
	if r := x.Response; r != nil && r.Status == http.StatusSwitchingProtocols {
		if c.talks == nil {
			c.talks = make(map[uint64]bool)
		}
		c.talks[x.Seq] = true
	}
	return nil
}

// lostFormat is the cause of messages that the format has no place for.
const lostFormat = "not in this format"

// say writes a message, if its exchange was written, and the format has messages.
func (c *conversion) say(m *replay.Message) error {
	to, ok := c.out.(replay.Messenger)
	switch {
	case !ok:
		c.unsaid.Count(lostFormat, 1)
	case !c.talks[m.Exchange]:
		c.unsaid.Count(capture.LostExchange, 1)
	default:
		err := to.Message(m)
		if errors.Is(err, capture.ErrUnfit) {
			c.unsaid.Count(err.Error(), 1)
			return nil
		}
		c.said++
		return err
	}
	return nil
}

// finish ends what was written, with its accounts.
func (c *conversion) finish(counts replay.Counts) error {
	var errs []error
	if c.tape != nil {
		errs = append(errs, c.tape.Account(c.o.From, counts))
	}
	for _, end := range c.end {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// counts is the ledger of what was read, with what was left out since.
func (c *conversion) counts() replay.Counts {
	var sum replay.Counts
	if a, ok := c.source.(replay.Audited); ok {
		sum = a.Ledger().Total()
	}
	left := c.rules.Filtered()
	sum.Captured -= min(sum.Captured, left.Total()+c.unfit.Total())
	for rule, n := range left {
		sum.Filtered.Count(rule, n)
	}
	for cause, n := range c.unfit {
		sum.Lost.Count(cause, n)
	}
	if c.source != nil && c.from == FormatTape && sum.Captured < c.written { // a tape without a ledger
		sum.Captured = c.written
	}
	sum.Shape = min(sum.Shape, sum.Captured)
	sum.Messages = c.said
	for cause, n := range c.unsaid {
		sum.MessagesLost.Count(cause, n)
	}
	return sum
}

// outputFormat tells the format by the ending of a name.
func outputFormat(name string, f capture.Format) (capture.Format, error) {
	if f != "" {
		if !slices.Contains(Formats(), f) {
			return "", Refused{fmt.Errorf("write %s: format %q: unknown; one of %v", name, f, Formats())}
		}
		return f, nil
	}
	switch ext := filepath.Ext(strings.TrimSuffix(name, ".gz")); ext {
	case TapeSuffix:
		return FormatTape, nil
	case ".gor":
		return capture.FormatGor, nil
	case ".har":
		return capture.FormatHAR, nil
	case ".json", ".jsonl":
		return capture.FormatVegeta, nil
	case ".js":
		return capture.FormatK6, nil
	}
	return "", Refused{fmt.Errorf("write %s: its ending tells no format: choose one of %v with --to", name, Formats())}
}

package capture

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// ImportOptions shape an import. The zero value works.
type ImportOptions struct {
	// Format says what the file is; empty lets its content decide.
	Format Format
	// Layout is the log_format of an nginx access log, as its configuration has it:
	// `$remote_addr [$time_local] "$request" $status $request_time`. With a Layout the
	// file is read as such a log.
	Layout string
	// Rate spreads, per second, the requests of sources that hold no times: lists of
	// targets, and taps that were not told to note them. 0 means 100.
	Rate float64
	// Problem, when set, is called with each record that cannot be used, as "file:line:
	// problem" or "file: record at byte N: problem". They are counted in any case.
	Problem func(error)
	// Sessions says how exchanges show whose they are.
	Sessions Sessions
	// Client, when set, names the session of an access-log line; it can make pseudonyms of
	// what is personal. The default is address and user agent.
	Client func(address, agent string) string
}

const defaultRate = 100

// An Importer is a Source that reads what another tool recorded.
type Importer interface {
	replay.Source
	replay.Audited
	// Format is what the source turned out to be.
	Format() Format
	// Start is the wall time of offset zero; it is known once Next has returned an
	// exchange. Where the source holds no times it is the zero of Unix time.
	Start() time.Time
	// Counts is the ledger of what was read so far.
	Counts() replay.Counts
	io.Closer
}

// A reading takes the next record of a source into the window of its importer, or counts it
// as a problem. io.EOF ends the import, and so does any other error.
type reading interface {
	read() error
	// settle completes an exchange that goes out.
	settle(x *replay.Exchange)
}

// importer is what all importers have in common: the order of time, the ledger and the end.
type importer struct {
	reading
	o      ImportOptions
	format Format
	name   string
	in     io.Closer
	window window
	counts replay.Counts
	err    error
}

var _ Importer = (*importer)(nil)

// Next returns the next exchange in order of time.
func (i *importer) Next() (*replay.Exchange, error) {
	for {
		if x := i.window.pop(i.err != nil); x != nil {
			i.settle(x)
			i.count(x)
			return x, nil
		}
		if i.err != nil {
			return nil, i.err
		}
		i.err = i.read()
	}
}

func (i *importer) count(x *replay.Exchange) {
	i.counts.Captured++
	if x.ShapeOnly {
		i.counts.Shape++
	} else if x.Truncated() || x.Response != nil && x.Response.Truncated() {
		i.counts.Truncated++
	}
}

func (i *importer) Format() Format { return i.format }

func (i *importer) Start() time.Time { return time.Unix(0, i.window.zero) }

func (i *importer) Counts() replay.Counts { return i.counts.Clone() }

// Ledger is the counts so far, under the name of the file.
func (i *importer) Ledger() replay.Ledger { return replay.Ledger{i.name: i.Counts()} }

// Close closes the file when Open opened it.
func (i *importer) Close() error {
	i.err = io.EOF
	if i.in == nil {
		return nil
	}
	return i.in.Close()
}

// lose counts a record that cannot be used, and reports it; place is where it stands.
func (i *importer) lose(cause, place string, err error) {
	i.counts.Lost.Count(cause, 1)
	i.tell(place, err)
}

// tell reports a problem that cost nothing.
func (i *importer) tell(place string, err error) {
	if i.o.Problem != nil {
		i.o.Problem(fmt.Errorf("%s%s: %w", i.name, place, err))
	}
}

// fatal is the error that ends an import at a place.
func (i *importer) fatal(place string, err error) error {
	return fmt.Errorf("import %s%s: %w", i.name, place, err)
}

// metronome gives times to exchanges of sources that have none.
type metronome struct {
	step time.Duration
	next int64
}

func newMetronome(o ImportOptions) (metronome, error) {
	if o.Rate == 0 {
		o.Rate = defaultRate
	}
	step := time.Duration(float64(time.Second) / o.Rate)
	if step <= 0 || o.Rate < 0 {
		return metronome{}, errors.New("the rate of a source without times must be above 0 and at most 1e9 per second")
	}
	return metronome{step: step}, nil
}

func (m *metronome) tick() int64 {
	at := m.next
	m.next += int64(m.step)
	return at
}

package passive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// A Packet is a captured frame.
type Packet struct {
	At   time.Time
	Link uint32 // what the frame begins with: a LINKTYPE_ number of pcap
	Data []byte // nothing when no packet came: At is the time then
	Wire int    // bytes that the frame had; Data may be only the first of them
}

// Packets are a source of packets.
type Packets interface {
	// Next returns the next packet in the order of capture, or io.EOF after the last one; the data is valid until the next
	// call. A source that waits for packets returns one without data at least every second.
	Next() (Packet, error)
	// Dropped is how many packets the source knows to be missing so far.
	Dropped() uint64
	io.Closer
}

// Options bound and shape a capture from packets. The zero value works and redacts nothing.
type Options struct {
	// Options are those of every capture. Start has to be set when the packets are not of now.
	capture.Options
	// Ports are those of the servers. Without them everything that turns out to be HTTP is captured.
	Ports []uint16
	// VXLAN, when it is given, is the UDP port of tunnels that traffic is looked for in too; usually 4789.
	VXLAN uint16
	// Problem, when set, is told what is wrong with the source but does not end the capture.
	Problem func(error)
}

// bookEvery is how often, in the time of the packets, the accounts are handed on.
const bookEvery = time.Second

// How long a capture that is asked to end reads what was captured before: drainMax at most, and at least keepMax, for so
// long a source may keep back what it has (see blockAge).
const (
	drainMax = time.Second
	keepMax  = 200 * time.Millisecond
)

// A Watch records what packets tell. Its Tap says how it is doing, and stops it.
type Watch struct {
	*capture.Tap
	collector *collector
	from      Packets
	assembler *tcpstream.Assembler
	problem   func(error)
	now       int64 // time of the latest packet, ns
	booked    int64 // when the books were kept last
	dropped   uint64
}

// New prepares a capture. The caller runs it, and closes the packets and the recorder after that.
func New(from Packets, to replay.Recorder, o Options) *Watch {
	if o.Source == "" {
		o.Source = "packets"
	}
	in := capture.NewIntake(to, o.Options)
	c := &collector{in: in, lines: newLines(), named: len(o.Ports) > 0, start: in.Start().UnixNano(), bodyMax: in.BodyMax()}
	return &Watch{
		Tap: in.Tap, collector: c, from: from, problem: o.Problem,
		assembler: tcpstream.New(tcpstream.Options{
			Ports: o.Ports, VXLAN: o.VXLAN,
			Open: func(t tcpstream.Conn) tcpstream.Handler { return newConn(c, t) },
		}),
	}
}

// Run records until the packets end, or ctx does, and returns the first error of packets or recorder. A file that was cut
// off in the middle of a packet is read as far as it goes, and Options.Problem is told.
func (w *Watch) Run(ctx context.Context) error {
	err := w.read(ctx)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		if w.problem != nil {
			w.problem(fmt.Errorf("%w: what follows is missing", err))
		}
		at := w.collector.since(w.now)
		w.collector.in.Lose(replay.Gap{From: at, To: at, Cause: "file cut off"})
		err = nil
	}
	w.assembler.Close()
	w.books(time.Unix(0, w.now))
	return errors.Join(err, w.Close())
}

func (w *Watch) read(ctx context.Context) error {
	var asked time.Time // when the capture was seen to be asked to end; that is no error
	for n := 0; ; n++ {
		p, err := w.from.Next()
		if errors.Is(err, io.EOF) || ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		w.now = max(w.now, p.At.UnixNano())
		idle := len(p.Data) == 0
		if idle {
			w.assembler.Advance(p.At)
		} else {
			w.assembler.Packet(p.At, tcpstream.LinkType(p.Link), p.Data, p.Wire)
		}
		if w.now-w.booked >= int64(bookEvery) {
			w.books(p.At)
			if err := w.collector.in.Err(); err != nil {
				return err
			}
		}
		if !idle && n%256 != 0 || ctx.Err() == nil {
			continue
		}
		if asked.IsZero() {
			asked = time.Now()
		}
		if since := time.Since(asked); since > drainMax || idle && since > keepMax {
			return nil
		}
	}
}

// books notes what was dropped, and hands the accounts on.
func (w *Watch) books(now time.Time) {
	c := w.collector
	if dropped := w.from.Dropped(); dropped > w.dropped {
		from := max(w.booked, c.start)
		c.in.Lose(replay.Gap{From: c.since(from), To: c.since(max(now.UnixNano(), from)), Lost: dropped - w.dropped, Cause: replay.LostKernel})
		w.dropped = dropped
	}
	c.account(w.assembler.Stats())
	w.booked = w.now
}

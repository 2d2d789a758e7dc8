package passive

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// Ports are those of the servers. Without them everything that turns out to be HTTP/1 is captured.
	Ports []uint16
	// Problem, when set, is told what is wrong with the source but does not end the capture.
	Problem func(error)
}

// bookEvery is how often, in the time of the packets, the accounts are handed on.
const bookEvery = time.Second

// drainMax is how long a capture that is asked to end reads what was captured before.
const drainMax = time.Second

// Capture records what the packets tell until they end, or ctx does, and returns the ledger. It closes neither the packets nor
// the recorder. A file that was cut off in the middle of a packet is read as far as it goes, and Problem is told.
func Capture(ctx context.Context, from Packets, to replay.Recorder, o Options) (replay.Counts, error) {
	if o.Source == "" {
		o.Source = "packets"
	}
	in := capture.NewIntake(to, o.Options)
	c := &collector{in: in, named: len(o.Ports) > 0}
	c.start, c.bodyMax = in.Start().UnixNano(), in.BodyMax()
	w := &watch{collector: c, from: from, assembler: tcpstream.New(tcpstream.Options{
		Ports: o.Ports,
		Open:  func(t tcpstream.Conn) tcpstream.Handler { return newConn(c, t) },
	})}
	err := w.run(ctx)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		if o.Problem != nil {
			o.Problem(fmt.Errorf("%w: what follows is missing", err))
		}
		in.Lose(replay.Gap{From: c.since(w.now), To: c.since(w.now), Cause: "file cut off"})
		err = nil
	}
	w.assembler.Close()
	w.books(time.Unix(0, w.now))
	err = errors.Join(err, in.Close())
	return in.Counts(), err
}

// watch leads packets through the assembler and keeps the books.
type watch struct {
	*collector
	from      Packets
	assembler *tcpstream.Assembler
	now       int64 // time of the latest packet, ns
	booked    int64 // when the books were kept last
	dropped   uint64
}

func (w *watch) run(ctx context.Context) error {
	var stop time.Time // when to leave what is still there
	for n := 0; ; n++ {
		if n%256 == 0 && ctx.Err() != nil { // asked to end: that is no error
			if stop.IsZero() {
				stop = time.Now().Add(drainMax)
			} else if time.Now().After(stop) {
				return nil
			}
		}
		p, err := w.from.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		w.now = max(w.now, p.At.UnixNano())
		if len(p.Data) > 0 {
			w.assembler.Packet(p.At, tcpstream.LinkType(p.Link), p.Data, p.Wire)
		} else {
			if ctx.Err() != nil {
				return nil // and everything that was there is read
			}
			w.assembler.Advance(p.At)
		}
		if w.now-w.booked >= int64(bookEvery) {
			w.books(p.At)
			if err := w.in.Err(); err != nil {
				return err
			}
		}
	}
}

// books notes what was dropped, and hands the accounts on.
func (w *watch) books(now time.Time) {
	if dropped := w.from.Dropped(); dropped > w.dropped {
		from := max(w.booked, w.start)
		w.in.Lose(replay.Gap{From: w.since(from), To: w.since(max(now.UnixNano(), from)), Lost: dropped - w.dropped, Cause: replay.LostKernel})
		w.dropped = dropped
	}
	w.account(w.assembler.Stats())
	w.booked = w.now
}

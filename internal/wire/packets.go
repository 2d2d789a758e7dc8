package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
	"github.com/gameday-dev/gameday/replay/tape"
)

// formatPackets is a file of packets among the formats of recordings.
const formatPackets capture.Format = "pcap"

// packets turns a file of packets into a tape, by way of filters and rewriting. For any other format convert the tape.
func (o ConvertOptions) packets(ctx context.Context, from *passive.File) (done Converted, err error) {
	done.From = formatPackets
	if o.Format != FormatTape || o.Prettify {
		return done, Refused{fmt.Errorf("convert %s: packets become a tape, with bodies as they came: write %s first, and convert that", o.From, "FILE"+TapeSuffix)}
	}
	rules, err := o.Rules.compile()
	if err != nil {
		return done, err
	}
	redactor, err := newRedactor(o.Redact, o.RedactKey)
	if err != nil {
		return done, err
	}
	write, err := o.Keys.Write()
	if err != nil {
		return done, err
	}
	write.Flush = -1 // what is lost with a crash can be made again
	w, err := tape.Create(o.To, tape.Meta{
		Created: time.Now(), Start: from.Start(), Source: o.From, Tool: o.Tool, Redaction: redactor.Policy(),
	}, write)
	if err != nil {
		return done, err
	}
	watch := passive.New(from, w, passive.Options{
		Ports: o.Ports, VXLAN: o.VXLAN, Problem: o.Problem,
		Options: capture.Options{Source: o.From, Start: from.Start(), Redact: redactor.Exchange, Rules: rules, Sessions: o.Import.Sessions, Wait: true},
	})
	err = errors.Join(watch.Run(ctx), w.Close())
	done.Counts = watch.Counts()
	done.Written = done.Counts.Captured
	switch {
	case err == nil && ctx.Err() != nil:
		err = fmt.Errorf("convert %s: stopped before its end: %w", o.From, context.Cause(ctx))
	case err == nil && done.Written == 0:
		err = errors.Join(fmt.Errorf("convert %s: no exchange of HTTP in its packets: %v", o.From, done.Counts.Packets), os.Remove(o.To))
	}
	return done, err
}

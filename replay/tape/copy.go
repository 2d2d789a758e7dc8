package tape

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// Copy records everything a source has left, until it ends or the context is done, and
// returns how many exchanges it recorded.
func Copy(ctx context.Context, to replay.Recorder, from replay.Source) (int64, error) {
	for n := int64(0); ; n++ {
		if err := ctx.Err(); err != nil {
			return n, fmt.Errorf("copy: stopped after %d exchanges: %w", n, err)
		}
		x, err := from.Next()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if err := to.Record(x); err != nil {
			return n, err
		}
	}
}

// Span is a stretch of a source: From <= At < To. Its zero value is the whole source.
type Span struct {
	From, To time.Duration // To 0 means the end
}

// Cut returns the exchanges of a source that lie in the span. A Reader is moved to its start
// at once. Offsets stay those of the whole.
func Cut(from replay.Source, s Span) (replay.Source, error) {
	if s.To == 0 {
		s.To = math.MaxInt64
	}
	if s.To <= s.From {
		return nil, fmt.Errorf("cut: the end %v is not after the start %v", s.To, s.From)
	}
	if r, ok := from.(*Reader); ok {
		if err := r.Seek(s.From); err != nil {
			return nil, err
		}
	}
	return &cut{from, s}, nil
}

type cut struct {
	from replay.Source
	span Span
}

func (c *cut) Next() (*replay.Exchange, error) {
	for {
		x, err := c.from.Next()
		if err != nil {
			return nil, err
		}
		if x.At >= c.span.To {
			return nil, io.EOF
		}
		if x.At >= c.span.From {
			return x, nil
		}
	}
}

// JSONLines is a Recorder that writes one JSON object per exchange, for people and jq. Bodies
// are base64, durations nanoseconds.
type JSONLines struct{ enc *json.Encoder }

var _ replay.Recorder = JSONLines{}

// NewJSONLines writes to w, unbuffered.
func NewJSONLines(w io.Writer) JSONLines {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return JSONLines{enc}
}

// Record writes one line.
func (j JSONLines) Record(x *replay.Exchange) error {
	if err := j.enc.Encode(x); err != nil {
		return fmt.Errorf("write JSON line of exchange %d: %w", x.Seq, err)
	}
	return nil
}

package tape

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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

// Cut returns the exchanges of a source that lie in the span. A source that can seek, as Reader and ReelReader can, is
// moved to its start at once. Offsets stay those of the whole.
func Cut(from replay.Source, s Span) (replay.Source, error) {
	if s.To == 0 {
		s.To = math.MaxInt64
	}
	if s.To <= s.From {
		return nil, fmt.Errorf("cut: the end %v is not after the start %v", s.To, s.From)
	}
	if r, ok := from.(interface{ Seek(time.Duration) error }); ok {
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

// Lines is a Recorder that writes a line of text per exchange: when, who, what, and the answer.
type Lines struct{ w io.Writer }

var _ replay.Recorder = Lines{}

// NewLines writes to w, unbuffered.
func NewLines(w io.Writer) Lines { return Lines{w} }

// Record writes one line.
func (l Lines) Record(x *replay.Exchange) error {
	answer := "no answer"
	if r := x.Response; r != nil {
		answer = fmt.Sprintf("%d in %v, %d bytes", r.Status, r.Duration.Round(10*time.Microsecond), r.Size)
		if r.Cut {
			answer += ", broken off"
		}
	}
	session := x.Session
	if session == "" {
		session = "-"
	}
	_, err := fmt.Fprintf(l.w, "%11.6f  %s  %s %s  %s\n", x.At.Seconds(), printable(session), printable(x.Method), printable(x.Target), answer)
	if err != nil {
		return fmt.Errorf("write line of exchange %d: %w", x.Seq, err)
	}
	return nil
}

// printable keeps what was recorded from steering a terminal.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) || r == utf8.RuneError }) {
		return strconv.Quote(s)
	}
	return s
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

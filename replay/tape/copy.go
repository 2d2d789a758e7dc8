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
// returns how many exchanges it recorded. Messages are copied if both are able to.
func Copy(ctx context.Context, to replay.Recorder, from replay.Source) (n int64, err error) {
	messenger, hears := to.(replay.Messenger)
	next := eventsOf(from, hears)
	for {
		if err := ctx.Err(); err != nil {
			return n, fmt.Errorf("copy: stopped after %d exchanges: %w", n, err)
		}
		x, m, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		case m != nil:
			err = messenger.Message(m)
		default:
			if err = to.Record(x); err == nil {
				n++
			}
		}
		if err != nil {
			return n, err
		}
	}
}

// eventsOf returns what yields the exchanges of a source and, where they are wanted, the messages that it has.
func eventsOf(from replay.Source, messages bool) func() (*replay.Exchange, *replay.Message, error) {
	if c, ok := from.(replay.Chronicle); ok && messages {
		return c.NextEvent
	}
	return func() (*replay.Exchange, *replay.Message, error) {
		x, err := from.Next()
		return x, nil, err
	}
}

// Span is a stretch of a source: From <= At < To. Its zero value is the whole source.
type Span struct {
	From, To time.Duration // To 0 means the end
}

// Cut returns the exchanges of a source that lie in the span, and the messages if it has any. A source that can seek, as
// Reader and ReelReader can, is moved to its start at once. Offsets stay those of the whole.
func Cut(from replay.Source, s Span) (replay.Chronicle, error) {
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
	x, _, err := c.within(eventsOf(c.from, false))
	return x, err
}

func (c *cut) NextEvent() (*replay.Exchange, *replay.Message, error) {
	return c.within(eventsOf(c.from, true))
}

// within returns the first that lies in the span.
func (c *cut) within(next func() (*replay.Exchange, *replay.Message, error)) (*replay.Exchange, *replay.Message, error) {
	for {
		x, m, err := next()
		if err != nil {
			return nil, nil, err
		}
		var at time.Duration
		if m != nil {
			at = m.At
		} else {
			at = x.At
		}
		switch {
		case at >= c.span.To:
			return nil, nil, io.EOF
		case at >= c.span.From:
			return x, m, nil
		}
	}
}

// Lines is a Recorder that writes a line of text per exchange: when, who, what, and the answer; and one per message.
type Lines struct{ w io.Writer }

var (
	_ replay.Recorder  = Lines{}
	_ replay.Messenger = Lines{}
)

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
	_, err := fmt.Fprintf(l.w, "%11.6f  %s  %s %s  %s\n", x.At.Seconds(), named(x.Session), printable(x.Method), printable(x.Target), answer)
	if err != nil {
		return fmt.Errorf("write line of exchange %d: %w", x.Seq, err)
	}
	return nil
}

// Message writes one line.
func (l Lines) Message(m *replay.Message) error {
	from, kind := "client", fmt.Sprintf("kind %d", m.Kind)
	if m.FromServer {
		from = "server"
	}
	switch m.Kind {
	case replay.TextMessage:
		kind = "text"
	case replay.BinaryMessage:
		kind = "binary"
	case replay.CloseMessage:
		kind = "close"
	}
	_, err := fmt.Fprintf(l.w, "%11.6f  %s  message of the %s in exchange %d  %s, %d bytes\n", m.At.Seconds(), named(m.Session), from, m.Exchange, kind, m.Size)
	if err != nil {
		return fmt.Errorf("write line of message of exchange %d: %w", m.Exchange, err)
	}
	return nil
}

// named is a session for people.
func named(session string) string {
	if session == "" {
		return "-"
	}
	return printable(session)
}

// printable keeps what was recorded from steering a terminal.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) || r == utf8.RuneError }) {
		return strconv.Quote(s)
	}
	return s
}

// JSONLines is a Recorder that writes one JSON object per exchange and per message, for people and jq. Bodies
// are base64, durations nanoseconds. Messages alone have a Kind.
type JSONLines struct{ enc *json.Encoder }

var (
	_ replay.Recorder  = JSONLines{}
	_ replay.Messenger = JSONLines{}
)

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

// Message writes one line.
func (j JSONLines) Message(m *replay.Message) error {
	if err := j.enc.Encode(m); err != nil {
		return fmt.Errorf("write JSON line of message of exchange %d: %w", m.Exchange, err)
	}
	return nil
}

package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
	"github.com/gameday-dev/gameday/replay/timeshift"
)

// ShiftOptions say whether recorded times are moved to the present.
type ShiftOptions struct {
	Times  bool
	JWTKey string // path of the key that signs moved tokens; they stay as they are without one
}

// shifter puts what moves times into the configuration of a player; nil when nothing is moved.
func (o ShiftOptions) shifter(c *replay.Config) (*timeshift.Shifter, error) {
	if !o.Times {
		if o.JWTKey != "" {
			return nil, Refused{errors.New("a key for tokens signs those whose times are moved: add --shift-time")}
		}
		return nil, nil
	}
	var options timeshift.Options
	if o.JWTKey != "" {
		key, err := os.ReadFile(o.JWTKey)
		if err != nil {
			return nil, fmt.Errorf("read key for tokens: %w", err)
		}
		options.Key = bytes.TrimSpace(key)
	}
	s, err := timeshift.New(options)
	if err != nil {
		return nil, Refused{err}
	}
	c.Shift = s.Value
	c.Recorded, err = recordedAt(c.Open)
	return s, err
}

// recordedAt returns the wall time of a recording's offset zero; the zero time where it does not say.
func recordedAt(open func() (replay.Source, error)) (at time.Time, err error) {
	source, err := open()
	if err != nil {
		return at, err
	}
	if _, err := source.Next(); err != nil && !errors.Is(err, io.EOF) { // importers know it by the first exchange
		return at, errors.Join(err, closeSource(source))
	}
	switch s := source.(type) {
	case interface{ Start() time.Time }:
		at = s.Start()
	case interface{ Meta() tape.Meta }:
		at = s.Meta().Start
	}
	return at, closeSource(source)
}

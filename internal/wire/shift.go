package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
	"github.com/gameday-dev/gameday/replay/timeshift"
)

// TokenKeyVariable is the environment variable with the key that signs tokens whose times have moved.
const TokenKeyVariable = "GAMEDAY_JWT_KEY"

// shifting is what moves times for the players of a recording.
type shifting struct {
	key      []byte    // signs tokens; nil when they stay as they are
	recorded time.Time // of the recording's offset zero
}

// newShifting returns what moves times; nil when they stay as they are. keyFile is the path of the key for tokens, if one is
// given.
func newShifting(t gameday.TrafficPlan, keyFile string, open func() (replay.Source, error)) (*shifting, error) {
	if !t.ShiftTime {
		if keyFile != "" || t.SignTokens {
			return nil, Refused{errors.New("a key for tokens signs those whose times are moved: add --shift-time")}
		}
		return nil, nil
	}
	key, err := tokenKey(keyFile, t.SignTokens)
	if err != nil {
		return nil, err
	}
	recorded, err := recordedAt(open)
	return &shifting{key, recorded}, err
}

// equip gives a player a shifter of its own, which counts what it moves; nil when times stay as they are.
func (s *shifting) equip(c *replay.Config) (*timeshift.Shifter, error) {
	if s == nil {
		return nil, nil
	}
	shifter, err := timeshift.New(timeshift.Options{Key: s.key})
	if err != nil {
		return nil, Refused{err}
	}
	c.Shift, c.Recorded = shifter.Value, s.recorded
	return shifter, nil
}

// tokenKey returns the key that signs tokens: the text of the file or, without a path, that of the environment; nil when
// neither is given and none is wanted. It stands in no plan and in no record.
func tokenKey(path string, wanted bool) ([]byte, error) {
	if path != "" {
		key, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read key for tokens: %w", err)
		}
		return bytes.TrimSpace(key), nil
	}
	if text := os.Getenv(TokenKeyVariable); text != "" {
		return []byte(text), nil
	}
	if wanted {
		return nil, Refused{errors.New("sign tokens: there is no key: set $" + TokenKeyVariable + " to a test key of the system")}
	}
	return nil, nil
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

package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// recording is a Source that ends with an error, and keeps accounts.
type recording struct {
	i, n int
	end  error
}

func (r *recording) Next() (*replay.Exchange, error) {
	if r.i == r.n {
		return nil, r.end
	}
	r.i++
	return &replay.Exchange{At: time.Duration(r.i) * time.Second, Method: "GET", Target: fmt.Sprintf("/products/%d", r.i)}, nil
}

func (r *recording) Ledger() replay.Ledger { return replay.Ledger{"test": {Captured: uint64(r.n)}} }

func TestSurvey(t *testing.T) {
	product := []gameday.Flow{{Name: "GET /products/{}", Method: "GET", Path: "/products/*", Criticality: gameday.Core}}
	open := func(n int, end error) func() (replay.Source, error) {
		return func() (replay.Source, error) { return &recording{n: n, end: end}, nil }
	}
	s, err := surveyTape(t.Context(), open(10, io.EOF), gameday.TrafficPlan{Start: gameday.Duration(4 * time.Second)})
	require.NoError(t, err)
	require.Equal(t, survey{Routes: product, Ledger: replay.Ledger{"test": {Captured: 10}}, Length: 6 * time.Second, Peak: 1}, s)

	s, err = surveyTape(t.Context(), open(10, errors.New("torn")), gameday.TrafficPlan{})
	require.NoError(t, err, "playing will come to the same place, and tell")
	require.Equal(t, product, s.Routes)
	require.Zero(t, s.Length)

	s, err = surveyTape(t.Context(), open(10, io.EOF), gameday.TrafficPlan{Filter: []gameday.Filter{{Kind: gameday.DisallowURL, Match: "/products"}}})
	require.NoError(t, err)
	require.Empty(t, s.Routes, "what is left out has no route")

	_, err = surveyTape(t.Context(), func() (replay.Source, error) { return nil, io.ErrNoProgress }, gameday.TrafficPlan{})
	require.ErrorIs(t, err, io.ErrNoProgress)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	_, err = surveyTape(ctx, open(10, io.EOF), gameday.TrafficPlan{})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// crowd is a Source of a request every millisecond, of which the rules of a plan may leave out every other one.
type crowd struct{ n int }

func (c *crowd) Next() (*replay.Exchange, error) {
	c.n++
	return &replay.Exchange{At: time.Duration(c.n) * time.Millisecond, Method: "GET", Target: []string{"/kept", "/left"}[c.n%2]}, nil
}

func TestTheRateOfAPartOfASecondIsThatOfWhatIsKept(t *testing.T) {
	for match, want := range map[string]int{"/none": 1000, "/left": 500} {
		rules, err := replay.NewRules([]gameday.Filter{{Kind: gameday.DisallowURL, Match: match}}, nil)
		require.NoError(t, err)
		s := surveyor{rules: rules}
		require.NoError(t, s.look(t.Context(), &crowd{}, 501))
		require.InDelta(t, want, s.peak, 3)
	}
}

// sized is a recording with an index that counts what is read of it.
type sized struct {
	recording
	read int
}

func (s *sized) Next() (*replay.Exchange, error) {
	s.read++
	return s.recording.Next()
}

func (s *sized) Seek(at time.Duration) error {
	s.i = max(0, int(at/time.Second)-1)
	return nil
}

func (s *sized) Extent() (int64, time.Duration, time.Duration) {
	return int64(s.n), time.Second, time.Duration(s.n) * time.Second
}

func TestALongTapeIsLookedAtHereAndThere(t *testing.T) {
	for n, want := range map[int]int{15_000: 15_001, 1_000_000: 20_000} {
		tape := &sized{recording: recording{n: n, end: io.EOF}}
		s, err := surveyTape(t.Context(), func() (replay.Source, error) { return tape, nil }, gameday.TrafficPlan{})
		require.NoError(t, err)
		require.Equal(t, want, tape.read)
		require.Equal(t, time.Duration(n)*time.Second, s.Length)
		require.Equal(t, 1, s.Peak)
		require.Len(t, s.Routes, 1)
		require.EqualValues(t, n, s.Ledger.Total().Captured)
	}
}

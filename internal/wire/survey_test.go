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

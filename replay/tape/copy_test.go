package tape_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

func TestCutTakesTheSpanAndNothingElse(t *testing.T) {
	xs := shopping(500, 3)
	path := write(t, xs, 50)
	for _, s := range []tape.Span{{}, {From: 100 * time.Millisecond}, {To: 50 * time.Millisecond}, {From: 33 * time.Millisecond, To: 34 * time.Millisecond}} {
		var want []*replay.Exchange
		for _, x := range xs {
			if x.At >= s.From && (s.To == 0 || x.At < s.To) {
				want = append(want, x)
			}
		}
		part, err := tape.Cut(open(t, path, tape.ReadOptions{}), s)
		require.NoError(t, err)
		var got collector
		n, err := tape.Copy(t.Context(), &got, part)
		require.NoError(t, err)
		require.EqualValues(t, len(want), n)
		requireSame(t, want, got)
	}
	_, err := tape.Cut(open(t, path, tape.ReadOptions{}), tape.Span{From: 2, To: 1})
	require.ErrorContains(t, err, "is not after the start")
}

func TestCopyStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tape.Copy(ctx, new(collector), open(t, write(t, shopping(5, 1), 5), tape.ReadOptions{}))
	require.ErrorIs(t, err, context.Canceled)
}

func TestJSONLines(t *testing.T) {
	var b bytes.Buffer
	want := shopping(20, 2)
	_, err := tape.Copy(t.Context(), tape.NewJSONLines(&b), open(t, write(t, want, 5), tape.ReadOptions{}))
	require.NoError(t, err)
	dec := json.NewDecoder(&b)
	var got []*replay.Exchange
	for dec.More() {
		var x replay.Exchange
		require.NoError(t, dec.Decode(&x))
		got = append(got, &x)
	}
	requireSame(t, want, got)
}

func TestLines(t *testing.T) {
	var b bytes.Buffer
	lines := tape.NewLines(&b)
	require.NoError(t, lines.Record(&replay.Exchange{Session: "ada", At: 1500 * time.Millisecond, Method: "GET", Target: "/a?b=1", Response: &replay.Response{
		Status: 200, Duration: 2345678, Size: 12, Cut: true,
	}}))
	require.NoError(t, lines.Record(&replay.Exchange{Method: "GET", Target: "/\x1b[2J"}))
	require.Equal(t, "   1.500000  ada  GET /a?b=1  200 in 2.35ms, 12 bytes, broken off\n"+
		"   0.000000  -  GET \"/\\x1b[2J\"  no answer\n", b.String())
}

type collector []*replay.Exchange

func (c *collector) Record(x *replay.Exchange) error {
	*c = append(*c, x)
	return nil
}

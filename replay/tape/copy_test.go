package tape_test

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
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

func TestMessagesAreShownBetweenTheExchanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{}, tape.Options{})
	require.NoError(t, err)
	for i := range 3 {
		at := time.Duration(2*i) * time.Second
		require.NoError(t, w.Record(&replay.Exchange{Seq: uint64(i), At: at, Session: "ada", Method: "GET", Target: "/chat"}))
		require.NoError(t, w.Message(&replay.Message{Exchange: uint64(i), At: at + time.Second, Session: "ada", FromServer: i == 1, Kind: replay.TextMessage, Body: []byte("hello"), Size: 5}))
	}
	require.NoError(t, w.Close())
	cut := func() replay.Chronicle {
		c, err := tape.Cut(open(t, path, tape.ReadOptions{}), tape.Span{From: time.Second, To: 4 * time.Second})
		require.NoError(t, err)
		return c
	}
	var b bytes.Buffer
	n, err := tape.Copy(t.Context(), tape.NewLines(&b), cut())
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, "   1.000000  ada  message of the client in exchange 0  text, 5 bytes\n"+
		"   2.000000  ada  GET /chat  no answer\n"+
		"   3.000000  ada  message of the server in exchange 1  text, 5 bytes\n", b.String())

	b.Reset()
	_, err = tape.Copy(t.Context(), tape.NewJSONLines(&b), cut())
	require.NoError(t, err)
	var m replay.Message
	require.NoError(t, json.NewDecoder(&b).Decode(&m))
	require.Equal(t, replay.Message{At: time.Second, Session: "ada", Kind: replay.TextMessage, Body: []byte("hello"), Size: 5}, m)

	var xs collector
	_, err = tape.Copy(t.Context(), &xs, cut())
	require.NoError(t, err)
	require.Len(t, xs, 1, "who takes no messages gets none")
}

type collector []*replay.Exchange

func (c *collector) Record(x *replay.Exchange) error {
	*c = append(*c, x)
	return nil
}

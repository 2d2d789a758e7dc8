package tape_test

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

func TestMessagesComeBackBetweenTheirExchanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{}, tape.Options{})
	require.NoError(t, err)
	sent := []*replay.Message{
		{Exchange: 7, Session: "ada", At: 2 * time.Second, Kind: replay.TextMessage, Body: []byte("hello"), Size: 5},
		{Exchange: 7, Session: "ada", At: 3 * time.Second, FromServer: true, Kind: replay.BinaryMessage, Body: []byte{1, 2}, Size: 900},
		{Exchange: 7, Session: "ada", At: 4 * time.Second, FromServer: true, Kind: replay.CloseMessage},
	}
	require.NoError(t, w.Record(&replay.Exchange{Seq: 7, At: time.Second, Method: "GET", Response: &replay.Response{Status: 101}}))
	for _, m := range sent {
		require.NoError(t, w.Message(m))
	}
	require.NoError(t, w.Record(&replay.Exchange{Seq: 8, At: 3 * time.Second, Method: "GET"}))
	require.NoError(t, w.Close())

	var read []*replay.Message
	in, err := tape.Open(path, tape.ReadOptions{Message: func(m *replay.Message) { read = append(read, m) }})
	require.NoError(t, err)
	defer in.Close() //nolint:errcheck // it was only read
	for _, seq := range []uint64{7, 8} {
		x, err := in.Next()
		require.NoError(t, err)
		require.Equal(t, seq, x.Seq)
	}
	_, err = in.Next()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, sent, read)
	require.True(t, read[1].Truncated())

	info, err := tape.ReadInfo(path)
	require.NoError(t, err)
	require.Equal(t, 4*time.Second, info.Last, "a message may be the last thing on a tape")
	require.ErrorContains(t, w.Message(&replay.Message{Body: make([]byte, tape.RecordMax)}), "exceeds the limit")
}

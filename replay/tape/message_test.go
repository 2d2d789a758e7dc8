package tape_test

import (
	"errors"
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

// events reads a source to its end, and says what came in which order.
func events(t *testing.T, in replay.Chronicle) (order []string) {
	t.Helper()
	for {
		x, m, err := in.NextEvent()
		if errors.Is(err, io.EOF) {
			return order
		}
		require.NoError(t, err)
		if x != nil {
			order = append(order, x.Target)
		} else {
			order = append(order, string(m.Body))
		}
	}
}

// Messages lie behind exchanges that ended before them, on whatever tape of a reel: time decides all the same.
func TestExchangesAndMessagesComeInOrderOfTime(t *testing.T) {
	type recorder interface {
		replay.Recorder
		replay.Messenger
		Flush() error
		Close() error
	}
	for _, tt := range []struct {
		name   string
		create func(path string) (recorder, error)
		open   func(path string) (replay.Chronicle, error)
	}{
		{
			"of one tape with a frame for each record",
			func(path string) (recorder, error) {
				return tape.Create(path, tape.Meta{}, tape.Options{Flush: time.Hour, Sync: -1})
			},
			func(path string) (replay.Chronicle, error) { return tape.Open(path, tape.ReadOptions{}) },
		},
		{
			"of a reel with a tape for each record",
			func(path string) (recorder, error) {
				return tape.CreateReel(path, tape.Meta{}, tape.ReelOptions{Options: tape.Options{Flush: time.Hour, Sync: -1}, Size: 1})
			},
			func(path string) (replay.Chronicle, error) { return tape.OpenReel(path, tape.ReadOptions{}) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.gdtape")
			w, err := tt.create(path)
			require.NoError(t, err)
			x := func(at int, name string) {
				require.NoError(t, w.Record(&replay.Exchange{Seq: uint64(at), At: time.Duration(at), Method: "GET", Target: name}))
				require.NoError(t, w.Flush())
			}
			m := func(at int, text string) {
				require.NoError(t, w.Message(&replay.Message{Exchange: 1, At: time.Duration(at), Kind: replay.TextMessage, Body: []byte(text), Size: int64(len(text))}))
				require.NoError(t, w.Flush())
			}
			x(1, "/chat")
			m(3, "hello")
			m(5, "you")
			x(2, "/slow")
			x(6, "/between")
			m(7, "bye")
			x(4, "/slowest")
			require.NoError(t, w.Close())
			in, err := tt.open(path)
			require.NoError(t, err)
			require.Equal(t, []string{"/chat", "/slow", "hello", "/slowest", "you", "/between", "bye"}, events(t, in))
			require.NoError(t, in.(io.Closer).Close())
		})
	}
}

func TestTheMessagesOfAStreamComeBackWithIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{}, tape.Options{})
	require.NoError(t, err)
	beats := []replay.Beat{{At: 0, Size: 12}, {At: time.Second, FromServer: true, Size: 5}, {At: time.Second, Size: 1 << 40}}
	for seq, all := range [][]replay.Beat{nil, beats, nil} {
		require.NoError(t, w.Record(&replay.Exchange{Seq: uint64(seq), At: time.Duration(seq), Method: "POST", Beats: all}))
	}
	require.NoError(t, w.Close())
	in, err := tape.Open(path, tape.ReadOptions{})
	require.NoError(t, err)
	defer in.Close() //nolint:errcheck // it was only read
	for _, want := range [][]replay.Beat{nil, beats, nil} {
		x, err := in.Next()
		require.NoError(t, err)
		require.Equal(t, want, x.Beats)
	}
	info, err := tape.ReadInfo(path)
	require.NoError(t, err)
	require.EqualValues(t, 3, info.Records)
	require.False(t, info.HasDamage)
}

package wire

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// TestMessagesAreRedactedOnTheirWayToATape, and keep to their exchange and session.
func TestMessagesAreRedactedOnTheirWayToATape(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "chat.har"), filepath.Join(dir, "chat.gdtape")
	require.NoError(t, os.WriteFile(from, []byte(`{"log":{"entries":[{"startedDateTime":"2026-11-02T10:00:00Z","time":9,
		"request":{"method":"GET","url":"ws://shop/chat","headers":[{"name":"Upgrade","value":"websocket"},{"name":"Cookie","value":"sid=s3cret"}]},
		"response":{"status":101,"headers":[]},"timings":{},
		"_webSocketMessages":[{"type":"send","time":1793613601,"opcode":1,"data":"{\"password\":\"s3cret\",\"say\":\"hello\"}"}]}]}}`), 0o600))
	done, err := Convert(t.Context(), ConvertOptions{From: from, To: to})
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Counts.Messages)

	r, err := tape.Open(to, tape.ReadOptions{})
	require.NoError(t, err)
	defer r.Close() //nolint:errcheck // it was only read
	var opened *replay.Exchange
	var said *replay.Message
	for {
		x, m, err := r.NextEvent()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if m != nil {
			said = m
		} else {
			opened = x
		}
	}
	require.Equal(t, opened.Seq, said.Exchange)
	require.Equal(t, opened.Session, said.Session)
	require.Contains(t, string(said.Body), `"say":"hello"`)
	require.NotContains(t, string(said.Body)+said.Session, "s3cret")
}

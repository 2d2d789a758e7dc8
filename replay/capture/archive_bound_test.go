package capture

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhoDoesNotWantTheMessagesOfAnArchiveIsBoundToo: those of exchanges that wait to go out in order of time are held
// until then.
func TestWhoDoesNotWantTheMessagesOfAnArchiveIsBoundToo(t *testing.T) {
	var entries []string
	for second := range 3 {
		entries = append(entries, fmt.Sprintf(`{"startedDateTime":"2026-11-02T10:00:%02dZ","time":9000,
			"request":{"method":"GET","url":"wss://shop/chat"},"response":{"status":101},
			"_webSocketMessages":[{"type":"send","time":1793613601,"opcode":1,"data":"hello"}]}`, second))
	}
	in, err := Read(strings.NewReader(`{"log":{"entries":[`+strings.Join(entries, ",")+`]}}`), "x", ImportOptions{})
	require.NoError(t, err)
	a, ok := in.(*archive)
	require.True(t, ok)
	for {
		_, err := a.Next()
		held := 0
		for _, all := range a.har.talks {
			for _, m := range all {
				held += weigh(m)
			}
		}
		require.Equal(t, held, a.har.saidBytes)
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			return
		}
	}
}

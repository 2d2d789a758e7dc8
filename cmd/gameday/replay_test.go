package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCtrlCEndsAReplayWithItsSummary interrupts a replay of a minute at its third request: it ends with what was done until
// then, and with the exit code of the signal.
func TestCtrlCEndsAReplayWithItsSummary(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	third := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if requests.Add(1) == 3 {
			close(third)
		}
	}))
	defer server.Close()
	var log bytes.Buffer
	for i := range 60 {
		fmt.Fprintf(&log, "10.0.0.1 - - [01/Mar/2026:10:00:%02d +0000] \"GET /products/%d HTTP/1.1\" 200 5\n", i, i)
	}
	path := filepath.Join(t.TempDir(), "shop.log")
	require.NoError(t, os.WriteFile(path, log.Bytes(), 0o600))
	page := filepath.Join(t.TempDir(), "replay.html")
	replay := exec.Command("gameday", "replay", path, "--to", server.URL, "--max-lateness", "1m", "--progress", "plain", "--json", "--report", page)
	var said, told bytes.Buffer
	replay.Stdout, replay.Stderr = &said, &told
	require.NoError(t, replay.Start())
	<-third
	require.NoError(t, replay.Process.Signal(os.Interrupt))
	err := replay.Wait()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "%v", err)
	require.Equal(t, 130, exit.ExitCode(), told.String())
	require.Contains(t, told.String(), "interrupt: ending; once more to stop waiting")
	var done struct {
		Result  string
		Reasons []string
		Total   struct{ Sent int }
	}
	require.NoError(t, json.Unmarshal(said.Bytes(), &done))
	require.Equal(t, "ABORTED", done.Result)
	require.GreaterOrEqual(t, done.Total.Sent, 2, "the third may have no answer yet, and counts as stopped")
	require.Less(t, done.Total.Sent, 60)
	require.FileExists(t, page)
}

package wire

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// TestTimesOfAReelMoveToThePresent: a reel has one start for all of its tapes, and each request moves by its own offset.
func TestTimesOfAReelMoveToThePresent(t *testing.T) {
	recorded := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	dir := filepath.Join(t.TempDir(), "reel")
	w, err := tape.CreateReel(dir, tape.Meta{Start: recorded}, tape.ReelOptions{Options: tape.Options{Flush: time.Millisecond, Sync: -1}, Size: 1})
	require.NoError(t, err)
	const requests = 5
	for i := range requests {
		at := time.Duration(i) * 10 * time.Minute
		require.NoError(t, w.Record(&replay.Exchange{
			Seq: uint64(i), At: at, Session: "ada", Method: "GET", Proto: "HTTP/1.1", Host: "shop",
			Target: "/slots?at=" + recorded.Add(at+time.Hour).Format(time.RFC3339),
		}))
		require.NoError(t, w.Flush())
	}
	require.NoError(t, w.Close())
	m, err := tape.ReadManifest(dir)
	require.NoError(t, err)
	require.Greater(t, len(m.Tapes), 1, "the tape changed")

	var mu sync.Mutex
	var ahead []time.Duration
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		at, err := time.Parse(time.RFC3339, r.URL.Query().Get("at"))
		if err == nil {
			ahead = append(ahead, time.Until(at))
		}
	}))
	defer server.Close()
	for _, start := range []time.Duration{0, 25 * time.Minute} {
		ahead = nil
		done, err := Replay(t.Context(), ReplayOptions{Traffic: gameday.TrafficPlan{
			Tape: dir, To: server.URL, Speed: 1e5, ShiftTime: true, Start: gameday.Duration(start),
		}})
		require.NoError(t, err)
		want := requests - int(start/(10*time.Minute)+min(start, 1))
		require.EqualValues(t, want, done.Traffic.Fidelity.Due)
		require.EqualValues(t, map[string]int64{"dates": int64(want)}, done.Traffic.Fidelity.Shifted)
		require.Len(t, ahead, want)
		for _, d := range ahead {
			require.InDelta(t, time.Hour.Minutes(), d.Minutes(), 5, "an hour ahead, as it was")
		}
	}
}

// TestTheMovedTimesOfAPrimaryAreNotCounted: it gets the same requests, by a player of its own.
func TestTheMovedTimesOfAPrimaryAreNotCounted(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	log := filepath.Join(t.TempDir(), "shop.log")
	require.NoError(t, os.WriteFile(log, []byte(`10.0.0.1 - - [01/Mar/2026:10:00:00 +0000] "GET /slots?day=2026-03-02 HTTP/1.1" 200 5`+"\n"), 0o600))
	done, err := Replay(t.Context(), ReplayOptions{Traffic: gameday.TrafficPlan{
		Tape: log, To: server.URL, Speed: 1, Amplify: 1, ShiftTime: true, Diff: gameday.DiffPlan{Primary: server.URL},
	}})
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Diff.Compared)
	require.Equal(t, map[string]int64{"dates": 1}, done.Fidelity.Shifted)
}

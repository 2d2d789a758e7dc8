package capture_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// inbox is a server that keeps what reaches it, one line each.
type inbox struct {
	mu    sync.Mutex
	lines []string
}

func (b *inbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, strings.Join([]string{r.Method, r.RequestURI, r.Header.Get("User-Id"), r.Header.Get("Authorization"), string(body)}, " "))
}

// arrived returns what has come so far, sorted.
func (b *inbox) arrived() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(slices.Values(b.lines))
}

// TestRealGorAndReplayGiveAMiddlewareTheSameSay: of one recording, under one program, the same requests reach a server from
// both.
func TestRealGorAndReplayGiveAMiddlewareTheSameSay(t *testing.T) {
	goreplay(t)
	path := filepath.Join(t.TempDir(), "x.gor")
	writeGor(t, path, shoppers())
	for _, c := range []struct {
		kind    string
		changes string // what the requests have that reach the server, and those of the recording have not
		arrive  int
	}{
		{"echo", "", len(shoppers())},
		{"rewrite", "GET /v2/", len(shoppers())},
		{"longer", " a=bcd", len(shoppers())},
		{"healthless", "", len(shoppers()) / 2},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			program := os.Args[0] + " " + asMiddleware + " " + c.kind
			ours, theirs := new(inbox), new(inbox)
			ourServer, theirServer := httptest.NewServer(ours), httptest.NewServer(theirs)
			defer ourServer.Close()
			defer theirServer.Close()
			replayThrough(t, path, program, ourServer.URL)
			require.Len(t, ours.arrived(), c.arrive)
			require.Contains(t, strings.Join(ours.arrived(), "\n"), c.changes)
			runGor(t, func() bool { return len(theirs.arrived()) >= c.arrive },
				"--input-file", path, "--middleware", program, "--output-http", theirServer.URL, "--exit-after", "15s")
			require.Equal(t, ours.arrived(), theirs.arrived())
		})
	}
}

// replayThrough replays a .gor file by way of a middleware.
func replayThrough(t *testing.T, path, program, to string) {
	t.Helper()
	m, err := capture.StartMiddleware(capture.MiddlewareOptions{Command: program, Stderr: os.Stderr, Start: time.Now()})
	require.NoError(t, err)
	p, err := replay.New(replay.Config{
		Open: func() (replay.Source, error) { return capture.Open(path, capture.ImportOptions{}) }, Targets: []string{to}, Middleware: m,
		Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(5 * time.Second), Unsafe: []string{"POST", "DELETE"}},
	})
	require.NoError(t, err)
	_, err = p.Run(t.Context(), time.Now(), nil)
	require.NoError(t, err)
	require.NoError(t, m.Close())
}

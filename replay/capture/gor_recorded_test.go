package capture_test

import (
	"io"
	"net/http"
	"net/http/httptest"
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

// recordedByGor is what gor 1.3.2 recorded of 36 requests to the running supermarket, its checks of health filtered out:
//
//	gor --input-raw 127.0.0.1:8080 --input-raw-track-response --http-disallow-url '^/_' --output-file supermarket.gor \
//	    --output-file-append --output-file-queue-limit 0
//	sessions -requests 36 -rate 4 -seed 5
//
// Ten responses stand before their requests, by up to 14 records. The customers are made up.
var recordedByGor = filepath.Join("testdata", "supermarket.gor")

// script is the recorded system: it gives each request the answers that it had, in their order, and keeps what came.
type script struct {
	mu      sync.Mutex
	answers map[string][]*replay.Response
	came    []string
}

func line(method, target, body string) string { return method + " " + target + " " + body }

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := line(r.Method, r.RequestURI, string(body))
	s.came = append(s.came, key)
	if len(s.answers[key]) == 0 {
		http.NotFound(w, r)
		return
	}
	a := s.answers[key][0]
	s.answers[key] = s.answers[key][1:]
	w.Header().Set("Content-Type", a.Header.Get("Content-Type"))
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

func TestARecordingOfTheRealGorIsImportedAndReplayed(t *testing.T) {
	in, err := capture.Open(recordedByGor, capture.ImportOptions{Problem: func(err error) { t.Error(err) }})
	require.NoError(t, err)
	defer in.Close()
	xs, err := all(t, in)
	require.NoError(t, err)
	require.Len(t, xs, 36)
	require.Equal(t, replay.Counts{Captured: 36}, in.(replay.Audited).Ledger().Total())

	system := &script{answers: map[string][]*replay.Response{}}
	sessions, paths, want := map[string]bool{}, map[string]bool{}, []string(nil)
	for _, x := range xs {
		key := line(x.Method, x.Target, string(x.Body))
		want = append(want, key)
		require.NotNil(t, x.Response, "%s", key)
		require.Positive(t, x.Response.Duration)
		system.answers[key] = append(system.answers[key], x.Response)
		sessions[x.Session] = true
		path, _, _ := strings.Cut(x.Target, "?")
		paths[x.Method+" "+strings.Split(path, "/")[1]] = true
	}
	require.Greater(t, len(sessions), 2)
	require.Subset(t, paths, map[string]bool{"GET products": true, "POST login": true, "POST cart": true})

	server := httptest.NewServer(system)
	defer server.Close()
	p, err := replay.New(replay.Config{
		Open: func() (replay.Source, error) { return capture.Open(recordedByGor, capture.ImportOptions{}) }, Targets: []string{server.URL},
		Traffic: gameday.TrafficPlan{Speed: 10, Unsafe: []string{"POST"}, Timeout: gameday.Duration(30 * time.Second)},
	})
	require.NoError(t, err)
	done, err := p.Run(t.Context(), time.Now(), nil)
	require.NoError(t, err)
	f := done.Fidelity
	require.EqualValues(t, []int64{36, 36, 0, 0}, []int64{f.Due, f.Sent, f.Unsent, f.Unresolved})
	slices.Sort(want)
	slices.Sort(system.came)
	require.Equal(t, want, system.came)
}

package gamedaytest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/gamedaytest"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// recordVisits writes a tape of two seconds: every visitor looks at a product, is asked for its health, and orders.
func recordVisits(t testing.TB) (path string) {
	path = filepath.Join(t.TempDir(), "visits.gdtape")
	w, err := tape.Create(path, tape.Meta{Source: "by hand"}, tape.Options{})
	require.NoError(t, err)
	const visitors = 30
	for i := range visitors * 3 {
		x := &replay.Exchange{
			Seq: uint64(i), Session: fmt.Sprint("visitor-", i/3), At: time.Duration(i) * 2 * time.Second / visitors / 3,
			Method: "GET", Target: []string{fmt.Sprint("/products/", i/3), "/healthz", "/orders"}[i%3], Host: "shop", Proto: "HTTP/1.1",
			Response: &replay.Response{
				Status: http.StatusOK, Header: replay.Header{{Name: "Content-Type", Value: "application/json"}}, Body: []byte(`{"price": 5}`), Size: 12,
			},
		}
		if i%3 == 2 {
			x.Method = "POST"
		}
		require.NoError(t, w.Record(x))
	}
	require.NoError(t, w.Close())
	return path
}

// store sells products at a price, and fails the test when it is sent something else than requests for products.
func store(t testing.TB, price string) (url string) {
	var others atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path == "/healthz" {
			others.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"price": %s}`, price)
	}))
	t.Cleanup(func() {
		server.Close()
		require.Zero(t, others.Load(), "requests with effects, and what a filter leaves out, are not sent")
	})
	return server.URL
}

func products(url string) []gamedaytest.Flow {
	return []gamedaytest.Flow{{Name: "browse", URL: url + "/products/*", SLO: []string{"error_rate <= 1%"}}}
}

func TestARecordingIsPlayedAndItsAnswersAreCompared(t *testing.T) {
	t.Parallel()
	path := recordVisits(t)
	record(t, "PASS", func(t testing.TB) {
		run := gamedaytest.Case{
			Flows: products(store(t, "5")),
			Replay: gamedaytest.Replay{
				Tape: path, Loop: true,
				Filter: []gameday.Filter{{Kind: gameday.DisallowURL, Match: "^/health"}},
				Diff:   gamedaytest.Diff{Expect: []string{"wrong <= 0%", "browse identical >= 90%"}},
			},
			Recovery: time.Second, MaxLate: lenient,
		}.Run(t)
		if run.Verdict.Result != gameday.ResultPass {
			return
		}
		require.Equal(t, path, run.Plan.Traffic.Tape)
		require.NotZero(t, run.Traffic.Fidelity.Filtered["disallow-url ^/health"])
		require.NotZero(t, run.Traffic.Fidelity.Skipped["unsafe method"])
		require.Greater(t, run.Traffic.Diff.Compared, int64(30), "the recording was looped")
	})
}

// TestWrongAnswersFailACase: the recording is read from memory, as a test has it by go:embed.
func TestWrongAnswersFailACase(t *testing.T) {
	t.Parallel()
	embedded, err := os.ReadFile(recordVisits(t))
	require.NoError(t, err)
	r := record(t, "FAIL", func(t testing.TB) {
		gamedaytest.Case{
			Flows: products(store(t, "6")),
			Replay: gamedaytest.Replay{
				Open: func() (replay.Source, error) {
					return tape.NewReader(bytes.NewReader(embedded), int64(len(embedded)), "visits", tape.ReadOptions{})
				},
				Loop: true, Filter: []gameday.Filter{{Kind: gameday.AllowURL, Match: "^/products/"}},
				Diff: gamedaytest.Diff{Expect: []string{"wrong <= 10%"}},
			},
			Recovery: time.Second, MaxLate: lenient,
		}.Run(t)
	})
	r.said("FAIL: ", "wrong <= 10%", "100%", "replay_test.go:")
}

func TestARecordingThatCannotBePlayedSaysWhy(t *testing.T) {
	t.Parallel()
	path := recordVisits(t)
	flows := products("http://127.0.0.1:1")
	for _, row := range []struct {
		name string
		c    gamedaytest.Case
		want []string
	}{
		{"it is missing", gamedaytest.Case{Flows: flows, Replay: gamedaytest.Replay{Tape: "nowhere.gdtape"}}, []string{"nowhere.gdtape: no such file", "relative to the test's package"}},
		{"there are two", gamedaytest.Case{Flows: flows, Replay: gamedaytest.Replay{Tape: path, Open: func() (replay.Source, error) { return nil, nil }}}, []string{"Tape and Open are both given"}},
		{"there is none", gamedaytest.Case{
			Flows: []gamedaytest.Flow{{Name: "a", URL: "http://127.0.0.1:1/a", Rate: 1}}, Replay: gamedaytest.Replay{Loop: true},
		}, []string{"there is no recording: give it a Tape, or Open"}},
		{"flows have a rate, and promises are none", gamedaytest.Case{
			Flows:  []gamedaytest.Flow{{Name: "browse", URL: "http://127.0.0.1:1/products/*", Rate: 5, SLO: []string{"p99 <= soon"}}},
			Replay: gamedaytest.Replay{Tape: path, Diff: gamedaytest.Diff{Expect: []string{"wrongs <= 1%", "home wrong <= 1%"}}},
		}, []string{"Rate, Header and Body are those of the recording", "no time such as 300ms", `unknown class of answers "wrongs"`, `there is no flow "home"`}},
		{"nothing is expected of the answers", gamedaytest.Case{
			Flows: flows, Replay: gamedaytest.Replay{Tape: path, Diff: gamedaytest.Diff{Ignore: []string{"body"}}},
		}, []string{"Diff.Expect is empty"}},
		{"a filter is none", gamedaytest.Case{
			Flows: flows, Replay: gamedaytest.Replay{Tape: path, Filter: []gameday.Filter{{Kind: gameday.AllowURL, Match: "("}}},
		}, []string{"allow-url"}},
		{"a field is none", gamedaytest.Case{
			Flows: flows, Replay: gamedaytest.Replay{Tape: path, Diff: gamedaytest.Diff{Expect: []string{"wrong <= 1%"}, Ignore: []string{"ts"}}},
		}, []string{`field "ts"`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := record(t, "", func(t testing.TB) { row.c.Run(t) })
			r.said(row.want...)
			left, err := os.ReadDir(r.dir)
			require.NoError(t, err)
			require.Empty(t, left, "nothing was begun")
		})
	}
}

package capture_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// goreplay returns the real program, 1.3.2: GAMEDAY_GOR, or gor on PATH.
func goreplay(t *testing.T) string {
	t.Helper()
	name := os.Getenv("GAMEDAY_GOR")
	if name == "" {
		name = "gor"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("gor is not on PATH and GAMEDAY_GOR does not name it: internal/tools/peers/install.sh DIR builds it")
	}
	return path
}

// runGor runs it until it ends by itself, or enough returns true.
func runGor(t *testing.T, enough func() bool, args ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, goreplay(t), args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case err := <-ended:
			tick.Stop()
			require.NoError(t, err, "%s", said.String())
			return
		case <-tick.C:
			if enough() { // it does not end at the end of its input
				stop()
				<-ended
				tick.Stop()
				return
			}
		}
	}
}

func never() bool { return false }

// shoppers are requests that differ in what rules look at.
func shoppers() []*replay.Exchange {
	var xs []*replay.Exchange
	for n := range 60 {
		x := &replay.Exchange{
			Conn: 0x1234005000000000 + uint64(n), Seq: uint64(n), At: time.Duration(n) * time.Millisecond,
			Method: []string{"GET", "POST", "DELETE"}[n%3], Target: fmt.Sprintf("/api/v1/user/%d?user_id=%d", n%7, n), Host: "www.example.com", Proto: "HTTP/1.1",
			Header: replay.Header{{Name: "User-Id", Value: fmt.Sprint(n % 20)}},
		}
		if n%2 == 0 {
			x.Target = fmt.Sprintf("/health/%d", n)
		}
		if n%3 == 1 {
			x.Body, x.Size = []byte("a=b"), 3
			x.Header = append(x.Header, replay.Field{Name: "Authorization", Value: []string{"Basic Y3VzdG9tZXIxOng=", "Basic YWRtaW46eA=="}[n%2]})
		}
		xs = append(xs, x)
	}
	return xs
}

func writeGor(t *testing.T, path string, xs []*replay.Exchange) {
	t.Helper()
	text, unfit := export(t, capture.FormatGor, capture.ExportOptions{Start: time.Unix(1500000000, 0)}, xs...)
	require.Empty(t, unfit)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// TestRealGorReplaysWhatIsExported: every request of an exported file reaches a server by way of the real gor.
func TestRealGorReplaysWhatIsExported(t *testing.T) {
	goreplay(t)
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.RequestURI+" "+r.Header.Get("User-Id")+" "+string(body))
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "x.gor")
	writeGor(t, path, shoppers())
	var want []string
	for _, x := range shoppers() {
		want = append(want, x.Method+" "+x.Target+" "+x.Header.Get("User-Id")+" "+string(x.Body))
	}
	runGor(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= len(want)
	}, "--input-file", path, "--output-http", server.URL, "--exit-after", "15s")
	mu.Lock()
	defer mu.Unlock()
	require.ElementsMatch(t, want, got)
}

// TestRealGorWritesWhatIsImported: what the real gor writes, replayed responses and chunk numbers included, imports.
func TestRealGorWritesWhatIsImported(t *testing.T) {
	goreplay(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "you asked for %s", r.RequestURI)
	}))
	defer server.Close()
	dir := t.TempDir()
	writeGor(t, filepath.Join(dir, "in.gor"), shoppers())
	runGor(t, never, "--input-file", filepath.Join(dir, "in.gor"), "--output-http", server.URL, "--output-http-track-response",
		"--output-file", filepath.Join(dir, "out.gor"), "--output-file-queue-limit", "50", "--exit-after", "4s")
	in, err := capture.Open(filepath.Join(dir, "out.gor"), capture.ImportOptions{Problem: func(err error) { t.Error(err) }})
	require.NoError(t, err)
	defer in.Close()
	xs, err := all(t, in)
	require.NoError(t, err)
	require.Len(t, xs, len(shoppers()), "of all chunks")
	answered := 0
	for i, x := range xs {
		require.Equal(t, shoppers()[i].Target, x.Target)
		require.Equal(t, shoppers()[i].At, x.At)
		require.Equal(t, string(shoppers()[i].Body), string(x.Body))
		if x.Response != nil {
			answered++
			require.Equal(t, "you asked for "+x.Target, string(x.Response.Body))
			require.Positive(t, x.Response.Duration)
		}
	}
	require.Positive(t, answered)
}

// TestRealGorMeansTheSameByItsFlags: each flag of the table in docs/from-goreplay.md leaves the same requests over in the real gor as
// its rule does here.
func TestRealGorMeansTheSameByItsFlags(t *testing.T) {
	goreplay(t)
	dir := t.TempDir()
	writeGor(t, filepath.Join(dir, "in.gor"), shoppers())
	for i, c := range []struct {
		flag, value string
		filter      gameday.Filter
		rewrite     gameday.Rewrite
	}{
		{"http-allow-method", "POST", gameday.Filter{Kind: gameday.AllowMethod, Match: "POST"}, gameday.Rewrite{}},
		{"http-allow-url", "^/api", gameday.Filter{Kind: gameday.AllowURL, Match: "^/api"}, gameday.Rewrite{}},
		{"http-disallow-url", "^/health", gameday.Filter{Kind: gameday.DisallowURL, Match: "^/health"}, gameday.Rewrite{}},
		{"http-allow-header", "User-Id:^1", gameday.Filter{Kind: gameday.AllowHeader, Name: "User-Id", Match: "^1"}, gameday.Rewrite{}},
		{"http-disallow-header", "User-Id: ^1", gameday.Filter{Kind: gameday.DisallowHeader, Name: "User-Id", Match: "^1"}, gameday.Rewrite{}},
		{"http-basic-auth-filter", "^customer[0-9]", gameday.Filter{Kind: gameday.BasicAuth, Match: "^customer[0-9]"}, gameday.Rewrite{}},
		{"http-header-limiter", "user-id:30%", gameday.Filter{Kind: gameday.HeaderLimiter, Name: "user-id", Percent: 30}, gameday.Rewrite{}},
		{"http-param-limiter", "user_id:30%", gameday.Filter{Kind: gameday.ParamLimiter, Name: "user_id", Percent: 30}, gameday.Rewrite{}},
		{"http-set-header", "User-Id: me", gameday.Filter{}, gameday.Rewrite{Header: "User-Id", Value: "me"}},
		{"http-set-param", "user_id=me", gameday.Filter{}, gameday.Rewrite{Param: "user_id", Value: "me"}},
		{"http-rewrite-url", "/api/v1/user/([^/?]+):/v2/$1", gameday.Filter{}, gameday.Rewrite{URL: "/api/v1/user/([^/?]+)", Value: "/v2/$1"}},
		{"http-rewrite-header", "Host: (.*).example.com,$1.beta.example.com", gameday.Filter{}, gameday.Rewrite{Header: "Host", Match: "(.*).example.com", Value: "$1.beta.example.com"}},
	} {
		t.Run(c.flag, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(dir, fmt.Sprintf("out%d.gor", i))
			runGor(t, never, "--input-file", filepath.Join(dir, "in.gor"), "--"+c.flag, c.value, "--output-file", out, "--exit-after", "3s")
			in, err := capture.Open(out, capture.ImportOptions{Problem: func(err error) { t.Error(err) }})
			require.NoError(t, err)
			defer in.Close()
			theirs, err := all(t, in)
			require.NoError(t, err)

			filters, rewrites := []gameday.Filter{c.filter}, []gameday.Rewrite{c.rewrite}
			if c.filter.Kind == "" {
				filters = nil
			} else {
				rewrites = nil
			}
			rules, err := replay.NewRules(filters, rewrites)
			require.NoError(t, err)
			ours := slices.DeleteFunc(shoppers(), func(x *replay.Exchange) bool { return rules.Apply(x) != "" })
			require.NotEmpty(t, ours)
			require.Equal(t, brief(ours), brief(theirs))
			require.Equal(t, len(shoppers())-len(ours) > 0, c.filter.Kind != "")
		})
	}
}

func brief(xs []*replay.Exchange) (lines []string) {
	for _, x := range xs {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s %s", x.Method, x.Host, x.Target, x.Header.Get("User-Id"), x.Header.Get("Authorization"), x.Body))
	}
	return lines
}

package reports

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGoldenRenderings(t *testing.T) {
	s, r := summary(t), replayed(t)
	for name, render := range map[string]func(io.Writer) error{
		"report.txt":  func(w io.Writer) error { return Text(w, s, "runs/01KAM5E7QH/report.html") },
		"summary.md":  func(w io.Writer) error { return Markdown(w, s) },
		"junit.xml":   func(w io.Writer) error { return JUnit(w, s) },
		"report.html": func(w io.Writer) error { return HTML(w, s) },
		"replay.txt":  func(w io.Writer) error { return Replay(w, r) },
		"replay.json": func(w io.Writer) error { return ReplayJSON(w, r) },
		"replay.html": func(w io.Writer) error { return ReplayHTML(w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			require.NoError(t, render(&got))
			path := filepath.Join("testdata", name)
			if *update {
				require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "make it with -update")
			require.Empty(t, cmp.Diff(string(want), got.String()), "the rendering changed; look at it, then run with -update")
		})
	}
}

// pages are the reports that browsers show.
func pages(t testing.TB) map[string]func(io.Writer) error {
	s, r := summary(t), replayed(t)
	return map[string]func(io.Writer) error{
		"run":    func(w io.Writer) error { return HTML(w, s) },
		"replay": func(w io.Writer) error { return ReplayHTML(w, r) },
	}
}

func TestHTMLIsOneSafeFile(t *testing.T) {
	for name, render := range pages(t) {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, render(&b))
			page := b.String()
			require.Less(t, len(page), 400_000)
			require.NotContains(t, page, "<script", "text of captured traffic must not become markup")
			require.NotContains(t, page, " style=", "the policy allows the style sheet only")
			require.NotRegexp(t, regexp.MustCompile(`(src|<link[^>]* href)="(https?:)?//`), page, "nothing may be loaded")
			require.NotContains(t, page, `"javascript:`, "a link leads to a page or nowhere")
			require.Contains(t, page, "default-src &#39;none&#39;")
			ids := regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1)
			seen := map[string]bool{}
			for _, id := range ids {
				require.False(t, seen[id[1]], "id %s is used twice", id[1])
				seen[id[1]] = true
			}
		})
	}
}

// TestTheLargestReplayStaysSmall renders a day on as many routes as there can be, all of which differ.
func TestTheLargestReplayStaysSmall(t *testing.T) {
	r := replayed(t)
	one := r.Traffic.Slices[0]
	r.Traffic.Slices, r.Fidelity.Curve = nil, nil
	r.Length = gameday.Duration(24 * time.Hour)
	for second := 0; second < 86_400; second += 101 {
		one.Second, one.Flow = second, fmt.Sprintf("GET /some/long/path/of/an/api/%02d/{}", second%50)
		r.Traffic.Slices = append(r.Traffic.Slices, one)
		r.Fidelity.Curve = append(r.Fidelity.Curve, gameday.GeneratorSecond{Second: second, Lateness: 1e6, InFlight: 40})
	}
	field := gameday.DiffField{Path: "$." + strings.Repeat("deep.", 20), Kind: "value", Count: 5, Examples: r.Diff.Routes[1].Fields[0].Examples}
	for i := range 200 {
		r.Diff.Routes = append(r.Diff.Routes, gameday.DiffRoute{
			Route: fmt.Sprint("GET /", i), Fields: slices.Repeat([]gameday.DiffField{field}, 200), Classes: map[gameday.DiffClass]int64{gameday.DiffWrong: 5},
		})
	}
	var b bytes.Buffer
	require.NoError(t, ReplayHTML(&b, r))
	require.Less(t, b.Len(), 1<<20)
}

func TestJUnitCountsWhatTurnsABuildRed(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, JUnit(&b, summary(t)))
	var got suite
	require.NoError(t, xml.Unmarshal(b.Bytes(), &got))
	require.Equal(t, 6, got.Tests)
	require.Equal(t, 2, got.Failures, "the verdict and the objective")
	require.Equal(t, 1, got.Errors, "the assertion without samples")
}

func TestADamagedHistogramIsAnErrorThatNamesFlowAndSecond(t *testing.T) {
	r := sample(t)
	r.Traffic.Slices[0].Latency = []byte("torn")
	_, err := Summarise(t.Context(), r)
	require.ErrorContains(t, err, "flow browse at second 0")
}

func ExampleMarkdown() {
	var t testing.T
	var b strings.Builder
	if err := Markdown(&b, summary(&t)); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.SplitN(b.String(), "\n", 2)[0])
	// Output: ## ✗ FAIL: zone-outage
}

func BenchmarkHTML(b *testing.B) {
	r := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		s, err := Summarise(b.Context(), r)
		require.NoError(b, err)
		require.NoError(b, HTML(io.Discard, s))
	}
}

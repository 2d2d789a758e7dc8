package metrics

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func TestSavedAndLoadedAnswersTheSame(t *testing.T) {
	s := storeOf(t, `
		up{instance="a"}   1x200 stale
		requests_total{code="200",path="/ü\"\\"} 0+10x200
		odd                NaN Inf -Inf 0 -0 1e300
	`)
	dir := t.TempDir()
	require.NoError(t, s.Save(dir))
	loaded, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, s.Stats(), loaded.Stats())
	for _, expr := range []string{`up`, `rate(requests_total[5s])`, `odd > 0`, `absent(odd)`, `count({__name__=~".+"})`} {
		want, err := s.Range(context.Background(), expr, 0, 205*second, second)
		require.NoError(t, err)
		got, err := loaded.Range(context.Background(), expr, 0, 205*second, second)
		require.NoError(t, err)
		require.Equal(t, want, got, expr)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing half written is left behind")

	loaded.Append(300*second, gameday.Sample{Name: "later", Value: 1}) // a loaded store goes on
	require.Equal(t, s.Stats().Samples+1, loaded.Stats().Samples)
}

func TestLoadRefuses(t *testing.T) {
	s := storeOf(t, `v{a="b"} 0+1.5x300`)
	var whole bytes.Buffer
	require.NoError(t, s.encode(&whole))
	with := func(at int, b byte) []byte {
		raw := bytes.Clone(whole.Bytes())
		raw[at] ^= b
		return raw
	}
	for _, test := range []struct {
		sentence string
		raw      []byte
		want     string
	}{
		{"an empty file", nil, "not a file of samples"},
		{"another kind of file", []byte("PK\x03\x04 and more"), "not a file of samples"},
		{"a version from the future", with(7, 2), "version 3 of the format is not known"},
		{"a file cut off in the middle", whole.Bytes()[:whole.Len()/2], ""},
		{"a file without its end", whole.Bytes()[:whole.Len()-1], ""},
		{"a flipped bit", with(whole.Len()/2, 0x10), ""},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			_, err := decode(bytes.NewReader(test.raw), Limits{})
			require.ErrorContains(t, err, test.want)
		})
	}
	_, err := decode(bytes.NewReader(whole.Bytes()), Limits{Samples: 10})
	require.ErrorContains(t, err, "more than 10 samples")
	_, err = Load(filepath.Join(t.TempDir(), "nowhere"))
	require.ErrorContains(t, err, "load metrics")
	require.ErrorContains(t, s.Save(filepath.Join(t.TempDir(), "nowhere")), "save metrics")
}

func FuzzLoad(f *testing.F) {
	var whole bytes.Buffer
	if err := storeOf(f, "a 1 2 3\nb{c=\"d\"} 0+1x130").encode(&whole); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add([]byte(fileMagic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := decode(bytes.NewReader(raw), Limits{Series: 100, Samples: 10_000})
		if err != nil {
			return
		}
		if _, err := s.Range(context.Background(), `{__name__=~".+"}`, 0, second, second); err != nil {
			t.Log(err) // a label set that PromQL refuses is an error, never a panic
		}
	})
}

// Sixty instances with 300 series each, scraped twice a second for a minute: what the store costs then.
func BenchmarkSixtyTargets(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s := NewStore(runStart, Limits{})
		pages := make([]*page, 60)
		for i := range pages {
			pages[i] = newPage(s, Target{Labels: map[string]string{"instance": fmt.Sprint("product-z1-", i), "job": "fixture"}}, exposition{limit: 1000})
		}
		for tick := range gameday.Duration(120) {
			body := benchPage(int(tick))
			for _, p := range pages {
				if err := p.read(body, "text/plain"); err != nil {
					b.Fatal(err)
				}
				p.commit(tick*second/2, 0, true)
			}
		}
	}
	b.ReportMetric(60*303*120, "samples/op")
}

func benchPage(tick int) []byte {
	var page bytes.Buffer
	for i := range 300 {
		fmt.Fprintf(&page, "http_server_requests_total{route=\"/products/%d\",code=\"200\",caller=\"gateway\",criticality=\"core\"} %d\n", i, tick*(i+1))
	}
	return page.Bytes()
}

// One scrape of 300 series over HTTP, the server's part included: 120 of them are a second of a run with sixty targets.
func BenchmarkScrape(b *testing.B) {
	body := benchPage(7)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write(body)
	}))
	defer server.Close()
	client := newClient(time.Second)
	defer client.CloseIdleConnections()
	p := newPage(NewStore(time.Now(), Limits{}), Target{URL: server.URL}, exposition{limit: 1000})
	var buffer bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		if err := p.scrape(context.Background(), client, &buffer, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}

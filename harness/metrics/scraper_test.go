package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

// scrape runs a scraper over what is set in s until the condition holds, and then stops it.
func scrape(t *testing.T, s *Scraper, until func(*Store) bool) *Store {
	t.Helper()
	s.Store = NewStore(time.Now(), Limits{})
	s.Interval = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { require.NoError(t, s.Run(ctx)) })
	defer wg.Wait()
	defer cancel()
	require.Eventually(t, func() bool { return until(s.Store) }, 10*time.Second, 5*time.Millisecond)
	return s.Store
}

// now asks for the value of expr at this moment, and reports whether there is one.
func now(t *testing.T, s *Store, expr string) (float64, bool) {
	t.Helper()
	at := s.now()
	got, err := s.Range(context.Background(), expr, at, at, 0)
	require.NoError(t, err)
	if len(got) == 0 {
		return 0, false
	}
	return got[0].Points[0].Value, true
}

func is(t *testing.T, s *Store, expr string, want float64) bool {
	got, ok := now(t, s, expr)
	return ok && got == want
}

func serve(t *testing.T, contentType string, page func() string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, page())
	}))
	t.Cleanup(server.Close)
	return server
}

func targets(list ...Target) func(context.Context) ([]Target, error) {
	return func(context.Context) ([]Target, error) { return list, nil }
}

func TestTargetLabelsAreSetAndConflictsRenamed(t *testing.T) {
	server := serve(t, "text/plain; version=0.0.4", func() string {
		return "# HELP picks_total Picks.\n# TYPE picks_total counter\npicks_total{service=\"order\",zone=\"z9\"} 7\n"
	})
	s := &Scraper{Targets: targets(Target{URL: server.URL, Labels: map[string]string{"job": "fixture", "service": "order", "zone": "z1"}})}
	scrape(t, s, func(s *Store) bool {
		return is(t, s, `picks_total{job="fixture",service="order",zone="z1",exported_zone="z9",exported_service=""}`, 7) &&
			is(t, s, `up{job="fixture",service="order",zone="z1"}`, 1) &&
			is(t, s, `scrape_samples_scraped{zone="z1"}`, 1)
	})
}

func TestOpenMetricsIsRead(t *testing.T) {
	server := serve(t, "application/openmetrics-text; version=1.0.0", func() string {
		return "# TYPE lat histogram\nlat_bucket{le=\"0.1\"} 3\nlat_bucket{le=\"+Inf\"} 4\nlat_count 4\nlat_sum 0.5\nlat_created 1\n# EOF\n"
	})
	scrape(t, &Scraper{Targets: targets(Target{URL: server.URL})}, func(s *Store) bool {
		return is(t, s, `lat_bucket{le="0.1"}`, 3) && is(t, s, `lat_count`, 4)
	})
}

func TestASeriesThatGoesAwayEndsAtOnce(t *testing.T) {
	var gone atomic.Bool
	server := serve(t, "text/plain", func() string {
		if gone.Load() {
			return "stays 1\n"
		}
		return "stays 1\ngoes 1\n"
	})
	scrape(t, &Scraper{Targets: targets(Target{URL: server.URL})}, func(s *Store) bool {
		if !gone.Load() {
			gone.Store(is(t, s, "goes", 1))
			return false
		}
		_, lives := now(t, s, "goes")
		return !lives && is(t, s, "stays", 1)
	})
}

func TestABrokenTargetIsDownAndItsSeriesEnd(t *testing.T) {
	for _, test := range []struct {
		sentence string
		answer   func(w http.ResponseWriter)
		want     string
	}{
		{"a server error", func(w http.ResponseWriter) { w.WriteHeader(500) }, "answered 500"},
		{"a redirect, which is not followed", func(w http.ResponseWriter) { w.Header().Set("Location", "/other"); w.WriteHeader(302) }, "answered 302"},
		{"a page that is not metrics", func(w http.ResponseWriter) { fmt.Fprint(w, "<html>hello</html>") }, "read metrics"},
		{"a page with a broken second half", func(w http.ResponseWriter) { fmt.Fprint(w, "value 1\nvalue{ 2\n") }, "read metrics"},
		{"a page over the limit", func(w http.ResponseWriter) { fmt.Fprint(w, strings.Repeat("# padding\n", 1000)) }, "exceeds the limit"},
		{"too many samples", func(w http.ResponseWriter) {
			for i := range 20 {
				fmt.Fprintf(w, "value{i=\"%d\"} 1\n", i)
			}
		}, "more than 10 samples"},
		{"protobuf nobody asked for", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/vnd.google.protobuf")
		}, "serve the text format"},
	} {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			var broken atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				if broken.Load() {
					test.answer(w)
					return
				}
				fmt.Fprint(w, "value 1\n")
			}))
			defer server.Close()
			s := &Scraper{Targets: targets(Target{URL: server.URL}), BodyLimit: 5000, PageLimit: 10}
			scrape(t, s, func(store *Store) bool {
				if !broken.Load() {
					broken.Store(is(t, store, "up", 1) && is(t, store, "value", 1))
					return false
				}
				_, lives := now(t, store, "value")
				return is(t, store, "up", 0) && !lives
			})
			require.ErrorContains(t, s.LastError(), test.want)
			require.ErrorContains(t, s.LastError(), server.URL[len("http://"):][:9], "the message names the target")
		})
	}
}

func TestTargetsComeAndGo(t *testing.T) {
	server := serve(t, "text/plain", func() string { return "value 1\n" })
	var step atomic.Int32
	s := &Scraper{Targets: func(context.Context) ([]Target, error) {
		switch step.Load() {
		case 0:
			return []Target{{URL: server.URL, Labels: map[string]string{"instance": "a"}}}, nil
		case 1:
			return nil, errors.New("registry is away") // keeps what there was
		}
		return []Target{{URL: server.URL, Labels: map[string]string{"instance": "b"}}}, nil
	}}
	scrape(t, s, func(store *Store) bool {
		_, a := now(t, store, `up{instance="a"}`)
		_, b := now(t, store, `up{instance="b"}`)
		switch step.Load() {
		case 0:
			if a {
				step.Store(1)
			}
		case 1:
			failed, _ := now(t, store, "gameday_metrics_discovery_errors_total")
			if failed > 0 {
				require.True(t, a, "a list that cannot be had is no empty list")
				step.Store(2)
			}
		case 2:
			return b && !a
		}
		return false
	})
}

func TestStoppingTheRunIsNoOutage(t *testing.T) {
	asked := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	store := NewStore(time.Now(), Limits{})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		s := &Scraper{Store: store, Targets: targets(Target{URL: server.URL}), Interval: 20 * time.Millisecond, Timeout: 30 * time.Second}
		require.NoError(t, s.Run(ctx))
	})
	<-asked
	cancel()
	wg.Wait()
	_, ok := now(t, store, "up")
	require.False(t, ok, "a scrape that we cut short says nothing")
}

func TestScraperRefusesAnIntervalThatJudgingCannotUse(t *testing.T) {
	s := &Scraper{Store: NewStore(time.Now(), Limits{}), Interval: 5 * time.Second}
	require.ErrorContains(t, s.Run(context.Background()), "not in (0s, 1s]")
	require.ErrorContains(t, (&Scraper{}).Run(context.Background()), "no store")
}

type collector func() []gameday.Sample

func (c collector) Collect() []gameday.Sample { return c() }

func TestCollectorsAreReadBesideTargets(t *testing.T) {
	var gone atomic.Bool
	c := collector(func() []gameday.Sample {
		s := []gameday.Sample{{Name: "gameday_target_rps", Value: 100, Labels: map[string]string{"flow": "browse"}}}
		if !gone.Load() {
			s = append(s, gameday.Sample{Name: "passing", Value: 1})
		}
		return s
	})
	scrape(t, &Scraper{Collectors: []gameday.Collector{c}}, func(s *Store) bool {
		if !gone.Load() {
			gone.Store(is(t, s, "passing", 1))
			return false
		}
		_, lives := now(t, s, "passing")
		dropped, counted := now(t, s, "sum(gameday_metrics_dropped_total)")
		return !lives && is(t, s, `gameday_target_rps{flow="browse"}`, 100) && counted && dropped == 0
	})
}

func TestHostReadsTheShareSinceTheReadingBefore(t *testing.T) {
	for _, row := range []struct {
		name, now, priority string
		cpu, steal          float64
	}{
		{"which was in use", "cpu  150 0 120 820 0 0 0 10 0 0", "0", 0.8, 0.1},
		{"waiting for a disk is no use", "cpu  150 0 120 800 20 0 0 10 0 0", "0", 0.8, 0.1},
		{"niced work yields to the run", "cpu  120 50 120 810 0 0 0 0 0 0", "0", 0.4, 0},
		{"and to one of a raised priority", "cpu  120 50 120 810 0 0 0 0 0 0", "-5", 0.4, 0},
		{"but not to a run that is niced itself", "cpu  120 50 120 810 0 0 0 0 0 0", "19", 0.9, 0},
		{"nor to one that does not know its priority", "cpu  120 50 120 810 0 0 0 0 0 0", "?", 0.9, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			proc := t.TempDir()
			write := func(name, line string) {
				require.NoError(t, os.WriteFile(filepath.Join(proc, name), []byte(line+"\n"), 0o600))
			}
			require.NoError(t, os.Mkdir(filepath.Join(proc, "self"), 0o700))
			write("self/stat", "12 (a) (name) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 20 "+row.priority+" 1 0 99")
			h := &Host{Proc: proc}
			write("stat", "cpu  100 0 100 800 0 0 0 0 0 0")
			require.Empty(t, h.Collect(), "there is nothing to compare with yet")
			write("stat", row.now)
			require.Equal(t, []gameday.Sample{
				{Name: "gameday_host_cpu_ratio", Value: row.cpu},
				{Name: "gameday_host_steal_ratio", Value: row.steal},
			}, h.Collect())
			write("stat", "cpu  bad")
			require.Empty(t, h.Collect())
		})
	}
}

func TestFaultsAreActiveFromProofToHeal(t *testing.T) {
	f := &Faults{Steps: []gameday.Step{{Name: "kill-1", Group: "kill"}}}
	fault := gameday.Fault{ID: "f1", Step: "kill-1", Target: gameday.Target{Name: "product-z1-1"}}
	value := func() float64 {
		s := f.Collect()
		require.Len(t, s, 1)
		require.Equal(t, map[string]string{"fault": "kill", "step": "kill-1", "target": "product-z1-1"}, s[0].Labels)
		return s[0].Value
	}
	require.Empty(t, f.Collect())
	f.Observe(gameday.Event{Kind: gameday.EventInjecting, Fault: &fault})
	require.Zero(t, value(), "injected is not yet seen")
	f.Observe(gameday.Event{Kind: gameday.EventActive, FaultID: "f1"})
	require.EqualValues(t, 1, value())
	f.Observe(gameday.Event{Kind: gameday.EventHealing, FaultID: "f1"})
	require.EqualValues(t, 1, value(), "healing is not yet healed")
	f.Observe(gameday.Event{Kind: gameday.EventHealed, FaultID: "f1"})
	require.Zero(t, value())
}

func TestBaselineFreezesWhatTheRulesAnswer(t *testing.T) {
	s := storeOf(t, `
		gameday_client_requests_total{criticality="core",outcome="ok"}        0+50x20
		gameday_client_requests_total{criticality="core",outcome="error"}     0+5x20
		autoscaler_desired_replicas{subject="product"}                        4x20
		gameday_truth_instances{subject="order",alive="true"}                 2x20
		lb_picks_total{target_zone="z3"}                                      0+30x20
		http_server_requests_total{service="promotion",instance="a"}          0+55x20
		http_server_requests_total{service="promotion",instance="b"}          0+55x20
	`)
	b := &Baseline{Metrics: s}
	require.Empty(t, b.Collect())
	require.NoError(t, b.Freeze(context.Background(), 15*second))
	frozen := slices.Clone(b.Collect())
	for i := range frozen {
		frozen[i].Value = math.Round(frozen[i].Value*1e6) / 1e6
	}
	require.ElementsMatch(t, []gameday.Sample{
		{Name: "gameday_baseline", Labels: map[string]string{"metric": "core_goodput_rps"}, Value: 50},
		{Name: "gameday_baseline", Labels: map[string]string{"metric": "replicas", "subject": "product"}, Value: 4},
		{Name: "gameday_baseline", Labels: map[string]string{"metric": "replicas", "subject": "order"}, Value: 2},
		{Name: "gameday_baseline", Labels: map[string]string{"metric": "zone_rps", "zone": "z3"}, Value: 30},
		{Name: "gameday_baseline", Labels: map[string]string{"metric": "fanout", "dep": "promotion"}, Value: 2},
	}, frozen)
	b.Rules = []Rule{{"broken", "sum("}, {"fine", "vector(1)"}}
	require.ErrorContains(t, b.Freeze(context.Background(), 15*second), "freeze baseline broken")
	require.Len(t, b.Collect(), 1, "one broken rule costs no other")
}

func FuzzExposition(f *testing.F) {
	f.Add("a 1\nb{c=\"d\"} 2.5 1700000000000\n", "text/plain")
	f.Add("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 1\nh_sum 2\n# EOF\n", "application/openmetrics-text; version=1.0.0")
	f.Add("{\"quoted name\",x=\"y\"} NaN\n", "text/plain; version=1.0.0")
	f.Add("\xff{", "")
	f.Fuzz(func(t *testing.T, page, contentType string) {
		s := NewStore(runStart, Limits{})
		p := newPage(s, Target{URL: "http://127.15.0.1/", Labels: map[string]string{"job": "j"}}, exposition{symbols: labels.NewSymbolTable(), limit: 100})
		for i := range gameday.Duration(3) {
			if p.read([]byte(page), contentType) != nil {
				p.batch, p.values = p.batch[:0], p.values[:0]
			}
			p.commit(i*second, 0, true)
			requireParsed(t, p, page, contentType)
		}
		if _, err := s.Range(context.Background(), `count({__name__=~".+"})`, 0, 3*second, second); err != nil {
			t.Fatal(err)
		}
		var saved bytes.Buffer
		if err := s.encode(&saved); err != nil {
			t.Fatal(err)
		}
		if _, err := decode(&saved, Limits{}); err != nil {
			t.Fatalf("what was saved does not load: %v", err)
		}
	})
}

package replay

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

func newTestPlayer(t *testing.T, c Config) *Player {
	t.Helper()
	if c.Open == nil {
		c.Open = opener()
	}
	c.Targets = []string{"http://127.0.0.1:1"}
	p, err := New(c)
	require.NoError(t, err)
	return p
}

func TestSurgesEndByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		p := newTestPlayer(t, Config{Flows: []gameday.Flow{{Name: "browse", Path: "/"}}})
		grip := func(fault string) gameday.Grip {
			return gameday.Grip{Fault: fault, For: gameday.Duration(30 * time.Second), Lease: gameday.Duration(15 * time.Second)}
		}
		factor := func() float64 {
			f, _, err := p.Offered(ctx)
			require.NoError(t, err)
			return f
		}
		require.NoError(t, p.Surge(ctx, 3, "", grip("a")))
		require.NoError(t, p.Surge(ctx, 2, "browse", grip("b")))
		require.InDelta(t, 6, factor(), 1e-9)
		held, err := p.Held(ctx)
		require.NoError(t, err)
		require.Len(t, held, 2)
		require.Equal(t, []string{"traffic of flow browse x2"}, held[1].What)
		require.Equal(t, "15s", held[0].Left.String())

		time.Sleep(10 * time.Second)
		require.NoError(t, p.Renew(ctx, []string{"a", "unknown"}))
		time.Sleep(6 * time.Second)
		require.InDelta(t, 3, factor(), 1e-9, "nobody renewed b")
		time.Sleep(8 * time.Second)
		require.NoError(t, p.Renew(ctx, []string{"a"}))
		time.Sleep(7 * time.Second)
		require.InDelta(t, 1, factor(), 1e-9, "the time of a has passed, renewed or not")

		require.NoError(t, p.Surge(ctx, 4, "", grip("c")))
		require.NoError(t, p.Release(ctx, "c"))
		require.NoError(t, p.Release(ctx, "c"))
		require.InDelta(t, 1, factor(), 1e-9)
		held, err = p.Held(ctx)
		require.NoError(t, err)
		require.Empty(t, held)
	})
}

func TestSurgeRefuses(t *testing.T) {
	p := newTestPlayer(t, Config{})
	require.ErrorContains(t, p.Surge(t.Context(), 0, "", gameday.Grip{}), "want a factor")
	require.ErrorContains(t, p.Surge(t.Context(), 1e9, "", gameday.Grip{}), "at most")
	require.ErrorContains(t, p.Surge(t.Context(), 2, "nope", gameday.Grip{}), "no such flow")
}

func TestTheLoadIsATarget(t *testing.T) {
	p := newTestPlayer(t, Config{})
	found, err := p.Find(t.Context(), gameday.Selector{Kind: gameday.KindTraffic, Labels: map[string]string{"gameday": "allowed"}})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "traffic", found[0].Name)
	require.Equal(t, "allowed", found[0].Labels["gameday"])
	found, err = p.Find(t.Context(), gameday.Selector{Kind: gameday.KindInstance})
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestEverySeriesExistsFromTheStart(t *testing.T) {
	p := newTestPlayer(t, Config{Flows: []gameday.Flow{{Name: "browse", Path: "/", Criticality: gameday.Core}}})
	count := map[string]int{}
	for _, s := range p.Collect() {
		count[s.Name]++
		if s.Name != "gameday_traffic_factor" {
			require.Zero(t, s.Value, "%s %v", s.Name, s.Labels)
		}
	}
	require.Equal(t, 2*4*5, count["gameday_client_requests_total"], "flows, phases, outcomes")
	require.Equal(t, 2*(len(bounds)+1), count["gameday_client_duration_seconds_bucket"])
	for _, name := range []string{
		"gameday_target_rps", "gameday_client_duration_seconds_sum", "gameday_client_duration_seconds_count",
		"gameday_traffic_lag_seconds", "gameday_traffic_in_flight", "gameday_traffic_unsent_total", "gameday_traffic_factor",
	} {
		require.Positive(t, count[name], name)
	}
}

func TestSeriesCount(t *testing.T) {
	p := newTestPlayer(t, Config{
		Flows:  []gameday.Flow{{Name: "browse", Path: "/", Criticality: gameday.Core}},
		Phases: gameday.Phases{Baseline: gameday.Duration(time.Second), Fault: gameday.Duration(time.Second), Recovery: gameday.Duration(time.Second)},
	})
	s := &shot{due: 1500 * time.Millisecond, req: &request{}}
	p.observe(s, gameday.ClassError, 300*time.Millisecond)
	values := map[string]float64{}
	for _, sample := range p.Collect() {
		l := sample.Labels
		if l["flow"] == "browse" {
			values[sample.Name+" "+l["outcome"]+l["phase"]+l["le"]] = sample.Value
		}
	}
	require.EqualValues(t, 1, values["gameday_client_requests_total errorfault"])
	require.EqualValues(t, 0, values["gameday_client_duration_seconds_bucket 0.25"])
	require.EqualValues(t, 1, values["gameday_client_duration_seconds_bucket 0.3"])
	require.EqualValues(t, 1, values["gameday_client_duration_seconds_bucket +Inf"])
	require.InDelta(t, 0.3, values["gameday_client_duration_seconds_sum "], 1e-9)
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{Open: opener(), Targets: []string{"http://127.0.0.1:1"}}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no tape", func(c *Config) { c.Open = nil }, "no tape"},
		{"no target", func(c *Config) { c.Targets = nil }, "no target URL"},
		{"a target without a scheme", func(c *Config) { c.Targets = []string{"127.0.0.1:80"} }, "want a URL"},
		{"targets of two schemes", func(c *Config) { c.Targets = []string{"http://a", "https://b"} }, "another scheme"},
		{"a speed below nothing", func(c *Config) { c.Traffic.Speed = -1 }, "speed"},
		{"an endless amplification", func(c *Config) { c.Traffic.Amplify = 1e12 }, "amplify"},
		{"a policy that nobody knows", func(c *Config) { c.Traffic.Busy = "hurry" }, "wait, spill or drop"},
		{"a rule that sets nothing", func(c *Config) { c.Traffic.Rewrite = []gameday.Rewrite{{Path: "/"}} }, "exactly one"},
		{"a ledger of no flow", func(c *Config) { c.Ack.Flow = "x" }, "no such flow"},
		{"a run that cannot stand in a header", func(c *Config) { c.Run = "a\r\nb" }, "header"},
		{"an address that is none", func(c *Config) { c.Local = "here" }, "IP address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			_, err := New(c)
			require.ErrorContains(t, err, tt.want)
			require.False(t, strings.HasPrefix(err.Error(), "invalid"))
		})
	}
}

//go:build linux

package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// µ makes a cost in microseconds, of which some are spent in user space.
func µ(all, own float64) cost {
	return cost{time.Duration(all * 1e3), time.Duration(own * 1e3)}
}

// rounds makes turns of one program, the second of them on a machine that does something else too.
func rounds[T any](name string, got ...T) (c contest[T]) {
	for i, g := range got {
		n := noise{steal: 0.01}
		if i == 1 {
			n.other = 0.25
		}
		c = append(c, turn[T]{name, i, n, g})
	}
	return c
}

func join[T any](all ...contest[T]) (c contest[T]) {
	for _, some := range all {
		c = append(c, some...)
	}
	return c
}

// sample is a page of figures that nobody measured.
func sample() page {
	starts := map[string]usage{"gameday": {user: 20 * time.Millisecond, system: 7 * time.Millisecond}}
	us, ms := time.Microsecond, time.Millisecond
	return page{
		rounds: 2, seconds: 3, machine: "2 cores, go1.26",
		sections: []section{
			saturation{join(
				rounds("vegeta", load{µ(24, 14), 41_000}, load{µ(26, 15), 40_000}),
				rounds("gameday", load{µ(12, 7), 81_000}, load{µ(13, 8), 75_000}),
				rounds("wrk", load{µ(6, 1), 162_000}, load{µ(7, 1), 141_000})), starts, false}.section(),
			saturation{join(
				rounds("h2load", load{µ(10, 3), 99_000}),
				rounds("gameday", load{µ(25, 20), 40_000})), starts, true}.section(),
			schedule{join(
				rounds("gor", kept{cost: µ(300, 200), p50: 3 * time.Second, p99: 7 * time.Second, steady99: 7 * time.Second, due: 15_000, lost: 700, rss: 35e6}),
				rounds("raw", kept{cost: µ(20, 2), p50: 7 * us, p99: 48 * us, steady99: 45 * us, due: 15_000, rss: 9e6}),
				rounds("gameday", kept{cost: µ(30, 12), p50: 9 * us, p99: 3 * ms, steady99: 60 * us, due: 15_000, rss: 40e6}, kept{cost: µ(31, 12), p50: 9 * us, p99: 4 * ms, steady99: 61 * us, due: 15_000, rss: 41e6})), 5000, starts, false}.section(),
			schedule{join(
				rounds("raw", kept{cost: µ(25, 2), p50: 9 * us, p99: 700 * us, steady99: 650 * us, due: 30_000, rss: 9e6}),
				rounds("gameday", kept{cost: µ(31, 12), p50: 12 * us, p99: 1500 * us, steady99: 900 * us, due: 30_000, lost: 2, rss: 41e6})), 10_000, starts, true}.section(),
			climbed([]climb{
				{"gameday", []step{
					{rate: 5000, due: 10_000, late: 40 * us, client: 0.2, server: 0.2},
					{rate: 30_000, due: 60_000, late: 400 * us, client: 0.8, server: 0.9},
					{rate: 40_000, due: 80_000, late: 40 * ms, client: 0.9, server: 1, noise: noise{other: 0.2}},
				}},
				{"vegeta", []step{{rate: 5000, due: 10_000, lost: 3, late: 2 * ms, client: 0.4, server: 0.2}}},
			}),
			driftedOf(driftLength, []drifted{{"gameday", 0.1, -3 * us, 20 * us, noise{}}, {"gameday", 10, 12 * us, 31 * us, noise{other: 0.3}}}),
			driftedOf(driftLong, []drifted{{"gameday", 0.1, -300 * us, 20 * us, noise{}}, {"gameday", 10, 1200 * us, 31 * us, noise{other: 0.3}}}),
			startedOf([]started{{60, 2 * time.Second, usage{user: time.Second}, noise{}}, {480, 33 * time.Second, usage{user: 5 * time.Second}, noise{other: 0.3}}}),
			standstill{join(
				rounds("gameday", stalled{1930 * ms, 1920 * ms}),
				rounds("vegeta", stalled{2 * ms, 1930 * ms}))}.section(),
			remembered(1_000_000, []held{{"gameday", 120e6, 80e6, 1_000_000, 33 * time.Second, noise{}}, {"gor", 60e6, 50e6, 70_000, 8 * time.Second, noise{}}}),
			storedIn([]stored{
				{packedTape, 1_650_912, 20_000, 10, 10_130_000, 0.6, noise{}},
				{asRecorded, 6_486_788, 20_000, 3600, 14_270_000, 0.9, noise{}},
				{name: ".gor", bytes: 20_200_000, records: 20_000},
				{name: ".gor.gz", bytes: 2_200_000, records: 20_000},
			}),
			rendering{join(
				rounds("gameday report", rendered{2100 * ms, 140e6, 300_000}, rendered{2200 * ms, 141e6, 300_000}),
				rounds("vegeta report", rendered{5 * time.Second, 19e6, 700}),
				rounds("vegeta plot", rendered{6 * time.Second, 353e6, 400_000})), 5_000_000}.section(),
			proxying{join(
				rounds("haproxy", passed{load{µ(13.6, 2), 65_000}, 2 * ms}),
				rounds("link proxy", passed{load{µ(15, 4), 64_000}, 3 * ms}),
				rounds("toxiproxy", passed{load{µ(17, 7), 58_000}, 8 * ms}),
				rounds("toxiproxy"+withToxic, passed{load{µ(30, 17), 30_000}, 9 * ms}),
				rounds("link proxy"+withToxic, passed{load{µ(20, 9), 30_000}, 5 * ms})), starts}.section(),
			watching{join(
				rounds("tcpdump", heard{µ(3, 1), -1, 15_000, 8_100_000}),
				rounds("gameday", heard{µ(12, 9), 15_000, 15_000, 1_110_000}),
				rounds("gor", heard{µ(10, 7), 15_000, 15_000, 5_445_000})), starts}.section(),
		},
		commands: []command{
			{"limit", "wrk -t1 -c64 -d3s http://SERVER/"},
			{"limit", "gameday replay TMP/full.gdtape --to http://SERVER"},
			{"memory", "gor --input-file TMP/large.gor"},
		},
		broken:  []string{"memory: the time was up, 7m30s"},
		missing: []string{"k6", "fortio", "k6"},
	}
}

func TestGoldenPage(t *testing.T) {
	path := filepath.Join("testdata", "page.md")
	got := sample().String()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "make it with -update")
	require.Empty(t, cmp.Diff(string(want), got), "the page changed; look at it, then run with -update")
}

func TestEveryFindingIsOfAGoal(t *testing.T) {
	known := map[string]bool{}
	for _, g := range goals() {
		require.False(t, known[g.id], "two goals are called %s", g.id)
		require.NotEqual(t, g.unit == nil, g.elsewhere == "", "%s is measured here or elsewhere", g.id)
		known[g.id] = g.unit != nil
	}
	for _, s := range sample().sections {
		for _, f := range s.findings {
			require.True(t, known[f.goal], "%s finds something of %q", s.title, f.goal)
		}
	}
}

func TestAMeasurementThatWasNotMadeHasNoVerdict(t *testing.T) {
	empty := page{}
	for _, g := range goals() {
		result, why := empty.outcome(g)
		require.NotRegexp(t, "^(met|missed)", result, g.what)
		require.Empty(t, why)
	}
	for _, s := range []section{saturation{}.section(), schedule{rate: 1}.section(), standstill{}.section(), proxying{}.section(), watching{}.section(), climbed(nil), driftedOf(driftLong, nil), startedOf(nil), remembered(1, nil), storedIn(nil), rendering{results: 1}.section()} {
		require.Empty(t, s.findings, "%s: without a run there is nothing to find", s.title)
	}
}

func TestCommandsAreNotedWithoutWhatDiffersFromRunToRun(t *testing.T) {
	b := &bench{dir: "/tmp/peers123", now: "limit"}
	b.note([]string{"/bin/gor", "-a", "/tmp/peers123/x", "127.0.0.1:4711"})
	b.note([]string{"/bin/gor", "-a", "/tmp/peers123/y", "127.0.0.1:4712"})
	b.note([]string{"/bin/gor", "-a"})
	b.now = "drift"
	b.note([]string{"/bin/gor", "-a"})
	require.Equal(t, []command{{"limit", "gor -a TMP/y SERVER"}, {"limit", "gor -a"}, {"drift", "gor -a"}}, b.commands)
}

func TestLongMeasurementsAreMadeOnlyWhenTheyAreAskedFor(t *testing.T) {
	long := namesOf((&bench{}).longMeasurements())
	require.NotEmpty(t, long)
	_, usual, err := (&bench{}).chosen(nil)
	require.NoError(t, err)
	all, everything, err := (&bench{long: true}).chosen(nil)
	require.NoError(t, err)
	require.Equal(t, append(usual, long...), everything)
	require.Equal(t, namesOf(all), everything)
	_, one, err := (&bench{}).chosen(long[:1])
	require.NoError(t, err)
	require.Equal(t, long[:1], one)
	_, _, err = (&bench{}).chosen([]string{"luck"})
	require.ErrorContains(t, err, `no measurement "luck": there are limit, `)
}

func TestWhatATopologySaysOfItsStart(t *testing.T) {
	s, err := healthyAfter(strings.NewReader("480 instances healthy after 21.5s; logs in x; Ctrl-C stops them\n"))
	require.NoError(t, err)
	require.Equal(t, started{instances: 480, healthy: 21500 * time.Millisecond}, s)
	_, err = healthyAfter(strings.NewReader("gameday: "))
	require.ErrorContains(t, err, "not how many instances are healthy")
}

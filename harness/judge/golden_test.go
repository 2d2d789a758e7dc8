package judge

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/metrics"
	"github.com/gameday-dev/gameday/harness/store"
)

var update = flag.Bool("update", false, "write the runs in testdata/runs anew")

// goldens are the runs that are kept as directories, and how they come about.
var goldens = map[string]func(t *testing.T, w *world){
	"all-well": func(*testing.T, *world) {},
	"zone-outage": func(t *testing.T, w *world) {
		w.traffic(t, "checkout", func(s int) hit {
			if s >= faultFrom+3 && s < faultTo+6 {
				return hit{requests: 50, latency: 80 * ms, slow: 20, slowness: 742 * ms}
			}
			return well(s)
		})
		w.series("lb_picks_total", l("target_zone", "z3"), counter(30, 27, 0, 47, 30))
		w.run.Plan.Assertions = []gameday.AssertionSpec{{
			Name: "A101", PromQL: `(sum(rate(lb_picks_total{target_zone="z3"}[5s])) or vector(0)) == 0`, Fault: "cut", Within: 10 * second,
		}}
		w.run.Plan.Ledger = &gameday.LedgerPlan{Flow: "checkout"}
		w.run.Ledger = &gameday.Ledger{Acked: 120, Kept: 120}
	},
	"misspelt-metric": func(_ *testing.T, w *world) {
		w.run.Plan.Assertions = []gameday.AssertionSpec{{
			Name: "A101", PromQL: `(sum(rate(lb_pick_total{target_zone="z3"}[5s])) or vector(0)) == 0`, Fault: "cut", Within: 10 * second,
		}}
	},
	"leaked": func(_ *testing.T, w *world) {
		w.run.Events[4] = gameday.Event{At: 50 * second, Kind: gameday.EventLeaked, FaultID: "f1", Text: "the control API does not answer"}
	},
}

// Runs that were judged once are judged the same again, from their directories alone.
func TestSavedRunsAreJudgedTheSameAgain(t *testing.T) {
	for name, change := range goldens {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", "runs", name)
			if *update {
				w := newWorld(t)
				change(t, w)
				save(t, w, dir)
			}
			record, err := store.Load(dir)
			require.NoError(t, err)
			samples, err := metrics.Load(filepath.Join(dir, "metrics"))
			require.NoError(t, err)
			record.Metrics = samples
			again := Judge(context.Background(), record.Run)
			require.Empty(t, cmp.Diff(record.Verdict, again), "run with -update when the change is meant")
		})
	}
}

func save(t *testing.T, w *world, dir string) {
	t.Helper()
	runs, err := store.Open(t.TempDir())
	require.NoError(t, err)
	run, err := runs.Create(w.run.Meta, w.run.Plan)
	require.NoError(t, err)
	for _, e := range w.run.Events {
		require.NoError(t, run.Append(e))
	}
	require.NoError(t, run.SaveTraffic(w.run.Traffic))
	if w.run.Ledger != nil {
		require.NoError(t, run.SaveLedger(*w.run.Ledger))
	}
	require.NoError(t, w.store.Save(run.Path("metrics")))
	require.NoError(t, run.SaveVerdict(w.judge()))
	require.NoError(t, run.Close())
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.CopyFS(dir, os.DirFS(run.Path("."))))
}

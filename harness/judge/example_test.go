package judge_test

import (
	"context"
	"fmt"

	"github.com/gameday-dev/gameday/harness/judge"
	"github.com/gameday-dev/gameday/harness/metrics"
	"github.com/gameday-dev/gameday/harness/store"
)

// An old run is judged again from its directory.
func Example() {
	const dir = "testdata/runs/zone-outage"
	record, err := store.Load(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	if record.Metrics, err = metrics.Load(dir + "/metrics"); err != nil {
		fmt.Println(err)
		return
	}
	verdict := judge.Judge(context.Background(), record.Run)
	fmt.Println(verdict.Result)
	fmt.Println(verdict.Sentence)
	for _, f := range verdict.Findings[:2] {
		fmt.Printf("%s: %s (%s)\n", f.Name, f.Outcome, f.Observed)
	}
	// Output:
	// FAIL
	// 3 of 4 objectives and all 2 assertions held while zone z3 was gone; checkout p99 742ms broke its limit of 300ms first, recovered by itself in 5.5s
	// checkout p99 <= 300ms: fail (742ms in fault; over for 17s; worst 742ms at +0:28)
	// traffic flowed: pass (6500 of 6500 sent)
}

package harness_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/harness/store"
	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/monkeys/monkeytest"
)

// A fault of a tenth of a second on a system in memory, kept in a store.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "gameday")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	plan := gameday.Plan{
		Version: gameday.PlanVersion, Name: "one kill", Seed: 42,
		Phases: gameday.Phases{Fault: gameday.Duration(200 * time.Millisecond)},
		Steps: []gameday.Step{{
			Name: "kill", Monkey: "kill", For: gameday.Duration(100 * time.Millisecond),
			Selector: gameday.Selector{Kind: gameday.KindInstance, Service: "product", Zone: "z2", Mode: gameday.ModeOne},
		}},
	}
	runs, err := store.Open(filepath.Join(dir, "runs"))
	if err != nil {
		fmt.Println(err)
		return
	}
	run, err := runs.Create(gameday.Meta{Run: "example"}, plan)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := harness.Run(context.Background(), harness.Config{
		Meta: run.Meta(), Plan: plan, Platform: monkeytest.New().Platform(), Catalog: monkeys.Catalog(), Journal: run,
		Observe: func(e gameday.Event) { fmt.Println(e.Kind, e.Text) },
	})
	fmt.Println(report.Result, err, run.Close())
	// Output:
	// run.start one kill
	// phase warmup
	// phase baseline
	// phase fault
	// fault.injecting kill product-z2-1 and keep it down; the platform starts it again at the end
	// fault.active product-z2-1 does not run; pid 107 ended
	// fault.healing kill on product-z2-1
	// fault.healed product-z2-1 runs as pid 109
	// phase recovery
	// run.end one kill
	// PASS <nil> <nil>
}

package local_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/platform/local"
)

// A topology is started, one of its zones is taken away for a moment, and everything is stopped again.
func Example() {
	self, _ := os.Executable() // any program that serves the ports of an instance
	topology, err := local.Parse("shop.yaml", fmt.Appendf(nil, `
apiVersion: gameday/v1
kind: Topology
metadata: {name: shop}
zones: [{name: z1, number: 161}, {name: z2, number: 162}]
binary: %q
services:
  - {name: echo, id: 7, replicas: 4, labels: {gameday: allowed}}
`, self))
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, _ := os.MkdirTemp("", "shop")
	defer os.RemoveAll(dir)
	ctx := context.Background()
	supervisor, err := local.Up(ctx, local.Config{Topology: topology, Dir: dir, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer supervisor.Close()

	platform := supervisor.Client()
	zones, _ := platform.Find(ctx, gameday.Selector{Kind: gameday.KindZone, Zone: "z2"})
	grip := gameday.Grip{Fault: "zone-outage", For: gameday.Duration(time.Minute), Lease: gameday.Duration(gameday.LeaseTime)}
	fmt.Println("kill:", platform.Kill(ctx, zones[0], grip))
	alive, _ := platform.Find(ctx, gameday.Selector{Kind: gameday.KindInstance, Zone: "z2"})
	for _, target := range alive {
		state, _ := platform.State(ctx, target)
		fmt.Println(target.Name, "runs:", state.Running)
	}
	fmt.Println("release:", platform.Release(ctx, grip.Fault))
	// Output:
	// kill: <nil>
	// echo-z2-1 runs: false
	// echo-z2-2 runs: false
	// release: <nil>
}

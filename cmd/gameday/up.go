package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/internal/wire"
)

func newUp(g *global) *cobra.Command {
	var o wire.UpOptions
	c := &cobra.Command{
		Use:   "up TOPOLOGY",
		Short: "Start a topology and keep it running until Ctrl-C",
		Long: `Start every instance of a topology as a process on this machine, wait until all are healthy, and keep
them running. Runs on the same store attach to it instead of starting their own.

Should a run die while it has a fault open, the topology ends the fault by itself within 15 seconds.`,
		Example: `  gameday up fixtures/supermarket/topology.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Topology, o.Dir, o.Endpoint = args[0], g.store+"/up", wire.EndpointPath(g.store)
			begun := time.Now()
			up, err := wire.Up(c.Context(), o)
			if err != nil {
				return failed(err)
			}
			defer up.Close()
			instances, err := up.Client.Instances(c.Context())
			if err != nil {
				return failed(err)
			}
			fmt.Fprintf(g.stdout, "%d instances healthy after %.1fs; logs in %s/logs; Ctrl-C stops them\n", len(instances), time.Since(begun).Seconds(), o.Dir)
			<-c.Context().Done()
			return nil
		},
	}
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "seed of jitter and data")
	c.Flags().DurationVar(&o.Patience, "ready-within", time.Minute, "time for all instances to become healthy")
	c.Flags().StringToIntVar(&o.Replicas, "replicas", nil, "instances per service instead of the topology's: product=6")
	return c
}

package main

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

func newQuery(g *global) *cobra.Command {
	var from, to, step time.Duration
	c := &cobra.Command{
		Use:   "query RUN PROMQL",
		Short: "Ask the recorded metrics of a run",
		Long: `Evaluate a PromQL expression over the samples of a recorded run, step by step, as its assertions were. Offsets count
from the start of the run.`,
		Example: `  gameday query last 'sum by (service) (http_server_in_flight)' --from 10s --to 40s --step 5s`,
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := wire.Dir(g.store, args[0])
			if err != nil {
				return err
			}
			record, err := wire.Load(dir)
			if err != nil {
				return failed(err)
			}
			if record.Metrics == nil {
				return failed(fmt.Errorf("query %s: the run kept no metrics", dir))
			}
			if to == 0 {
				to = record.Plan.Phases.Total().Std()
			}
			series, err := record.Metrics.Range(c.Context(), args[1], gameday.Duration(from), gameday.Duration(to), gameday.Duration(step))
			if err != nil {
				return failed(err)
			}
			for _, s := range series {
				fmt.Fprintln(g.stdout, seriesName(s))
				for _, p := range s.Points {
					fmt.Fprintf(g.stdout, "  %8s  %g\n", p.At, p.Value)
				}
			}
			if len(series) == 0 {
				fmt.Fprintln(g.stdout, "no series")
			}
			return nil
		},
	}
	c.Flags().DurationVar(&from, "from", 0, "offset of the first step")
	c.Flags().DurationVar(&to, "to", 0, "offset of the last step; the end of the run when 0")
	c.Flags().DurationVar(&step, "step", time.Second, "between two steps")
	return c
}

// seriesName writes the labels of a series as Prometheus does: up{job="order"}.
func seriesName(s gameday.Series) string {
	m := model.Metric{}
	for name, value := range s.Labels {
		m[model.LabelName(name)] = model.LabelValue(value)
	}
	return m.String()
}

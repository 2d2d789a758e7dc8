package metrics_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/metrics"
)

// A store answers PromQL in offsets from the start of the run.
func Example() {
	const second = gameday.Duration(time.Second)
	store := metrics.NewStore(time.Now(), metrics.Limits{})
	for at := range gameday.Duration(20) {
		store.Append(at*second, gameday.Sample{Name: "orders_total", Labels: map[string]string{"zone": "z1"}, Value: float64(3 * at)})
	}
	answer, err := store.Range(context.Background(), `sum by (zone) (rate(orders_total[5s]))`, 10*second, 12*second, second)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, series := range answer {
		fmt.Println(series.Labels)
		for _, p := range series.Points {
			fmt.Println(p.At, p.Value)
		}
	}
	// Output:
	// map[zone:z1]
	// 10s 3
	// 11s 3
	// 12s 3
}

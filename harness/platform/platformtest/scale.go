package platformtest

import (
	"fmt"
	"testing"

	"github.com/gameday-dev/gameday"
)

func checkScale(t *testing.T, w *world) {
	scaler := able[gameday.Scaler](t, w)
	before := map[string]bool{}
	for _, target := range w.instances(t) {
		before[target.Name] = true
	}
	scale := func(replicas int) {
		if err := scaler.Scale(t.Context(), Callee, replicas); err != nil {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprintf("%d are healthy", replicas), func() string {
			healthy, all := 0, w.instances(t)
			for _, target := range all {
				if target.Healthy {
					healthy++
				}
			}
			if healthy != replicas || len(all) != replicas {
				return fmt.Sprintf("%d of %d", healthy, len(all))
			}
			return ""
		})
	}
	const more = CalleeReplicas + 4
	scale(more)
	counts := map[string]int{}
	for _, target := range w.instances(t) {
		counts[target.Zone]++
	}
	least, most := more, 0
	for _, n := range counts {
		least, most = min(least, n), max(most, n)
	}
	if most-least > 1 {
		t.Errorf("not spread evenly: %v", counts)
	}
	scale(CalleeReplicas)
	for _, target := range w.instances(t) {
		if !before[target.Name] {
			t.Errorf("%s stayed in place of an older one", target.Name)
		}
	}
}

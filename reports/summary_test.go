package reports

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func TestAFaultSaysHowFarFromItsPlannedTimeItCame(t *testing.T) {
	second := gameday.Duration(time.Second)
	for _, row := range []struct {
		about string
		kind  gameday.Kind
		late  gameday.Duration
		want  string
	}{
		{"a link fault in time", gameday.KindLink, second / 20, "planned +0:15, took hold 50ms later, seen after another 500ms"},
		{"a link fault that came late", gameday.KindLink, second / 4, "planned +0:15, took hold 250ms later, more than the 100ms of a link fault in time, seen after another 500ms"},
		{"another fault, whose time is its own", gameday.KindZone, second / 4, "planned +0:15, took hold 250ms later, seen after another 500ms"},
	} {
		t.Run(row.about, func(t *testing.T) {
			applied := 15*second + row.late
			all := spans([]gameday.Event{
				{At: 15 * second, Kind: gameday.EventInjecting, FaultID: "f1", Fault: &gameday.Fault{ID: "f1", Target: gameday.Target{Kind: row.kind}}},
				{At: applied + second/2, Kind: gameday.EventActive, FaultID: "f1", Onset: &gameday.Timing{Planned: 15 * second, Applied: applied}},
			})
			require.Equal(t, row.want, all[0].Onset)
		})
	}
}

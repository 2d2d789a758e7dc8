package replay

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// sluggish is a system that ends every sleep so much too late, and takes a microsecond to look for events.
func sluggish(late time.Duration, slept *time.Duration) func(time.Duration) int {
	return func(timeout time.Duration) int {
		if timeout == 0 {
			time.Sleep(time.Microsecond)
			return 0
		}
		*slept += timeout
		time.Sleep(timeout + late)
		return 0
	}
}

func TestAnAlarmMakesUpForASystemThatWakesLate(t *testing.T) {
	for name, c := range map[string]struct{ late, wakes time.Duration }{
		"a prompt system":   {0, 0},
		"a virtual machine": {30 * time.Microsecond, 0},
		"a system that is later than an alarm may be": {time.Millisecond, time.Millisecond - maxEarly},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a alarm
				var slept time.Duration
				poll := sluggish(c.late, &slept)
				for range 1000 {
					a.wait(200*time.Microsecond, poll)
				}
				begun := time.Now()
				require.Zero(t, a.wait(200*time.Microsecond, poll))
				require.InDelta(t, c.wakes, time.Since(begun)-200*time.Microsecond, float64(2*time.Microsecond))
			})
		})
	}
}

func TestAnAlarmDoesNotSleepThroughAShortWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alarm{early: 30 * time.Microsecond}
		var slept time.Duration
		begun := time.Now()
		require.Zero(t, a.wait(20*time.Microsecond, sluggish(30*time.Microsecond, &slept)))
		require.Zero(t, slept)
		require.Equal(t, 20*time.Microsecond, time.Since(begun))
	})
}

func TestAnEventEndsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alarm{early: 30 * time.Microsecond}
		for _, timeout := range []time.Duration{0, 10 * time.Microsecond, time.Second} {
			polls := 0
			require.Equal(t, 3, a.wait(timeout, func(time.Duration) int { polls++; return 3 }))
			require.Equal(t, 1, polls)
		}
		require.Equal(t, 30*time.Microsecond, a.early, "what ended sooner says nothing of how late a sleep ends")
	})
}

func TestASignalDoesNotWakeAnAlarmForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := alarm{early: 30 * time.Microsecond}
		slept, looked := 0, 0
		begun := time.Now()
		require.Zero(t, a.wait(10*time.Millisecond, func(timeout time.Duration) int {
			switch slept++; {
			case timeout == 0:
				looked++
				time.Sleep(time.Microsecond)
			case slept == 1:
				time.Sleep(time.Millisecond)
			default:
				time.Sleep(timeout)
			}
			return 0
		}))
		require.Equal(t, 10*time.Millisecond, time.Since(begun))
		require.LessOrEqual(t, looked, 30, "only for what an alarm is early")
	})
}

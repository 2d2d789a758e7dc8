package local_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/platform/local"
)

// TestAfterManyChangesEverythingIsAsBefore lets several harnesses at once kill, pause, cut, turn and scale,
// release half of it and forget the rest. When the leases have run out nothing of it is left.
func TestAfterManyChangesEverythingIsAsBefore(t *testing.T) {
	s := up(t, topology(t, 131, ""))
	const harnesses, changes = 4, 60
	var wg sync.WaitGroup
	for h := range harnesses {
		wg.Go(func() {
			c := s.Client()
			defer c.Close()
			r := rand.New(rand.NewPCG(11, uint64(h)))
			for i := range changes {
				fault := fmt.Sprintf("f%d", r.IntN(12))     // shared among the harnesses
				_ = c.Hold(t.Context(), fault, disaster(r)) // a refusal is as good: an instance may just be down
				if r.IntN(2) == 0 {
					_ = c.Release(t.Context(), fault)
				}
				if i%20 == 0 {
					_ = c.Scale(t.Context(), "echo", 3+r.IntN(4))
				}
			}
		})
	}
	wg.Wait()
	c := s.Client()
	require.NoError(t, c.Scale(t.Context(), "echo", 4))
	require.Eventually(t, func() bool {
		held, err := c.Held(t.Context())
		require.NoError(t, err)
		return len(held) == 0
	}, patience, 20*time.Millisecond, "held for ever")
	require.Eventually(t, func() bool {
		all, err := c.Instances(t.Context())
		require.NoError(t, err)
		for _, in := range all {
			if !in.Healthy {
				return false
			}
		}
		return len(all) == 6
	}, patience, 20*time.Millisecond, "not all back")
	for instance, mode := range modes(t, c, 4) {
		require.Equal(t, "calm", mode, instance)
	}
	took, err := c.Probe(t.Context(), gameday.Endpoint{Service: "caller"}, gameday.Endpoint{Service: "echo"})
	require.NoError(t, err)
	require.Less(t, took.Std(), 100*time.Millisecond)
}

// TestASwitchIsTurnedBackOnWhoeverComesUpMeanwhile turns a switch, and turns it back, while an instance starts: what
// the newcomer is given is taken from it again, whichever of both is the first to see the other.
func TestASwitchIsTurnedBackOnWhoeverComesUpMeanwhile(t *testing.T) {
	top := topology(t, 131, "")
	top.Services[0].Env["GAMEDAY_TEST_STIFF"] = "50ms" // there is a moment to meet
	s := up(t, top)
	c := s.Client()
	defer c.Close()
	echo := gameday.Target{Kind: gameday.KindService, Name: "echo"}
	newcomer := gameday.Target{Kind: gameday.KindInstance, Name: "echo-z1-1"}
	for round := range 12 {
		state, err := c.State(t.Context(), newcomer)
		require.NoError(t, err)
		kill(t, state.PID)
		require.Eventually(t, func() bool {
			now, err := c.State(t.Context(), newcomer)
			return err == nil && now.PID != state.PID
		}, patience, time.Millisecond, "%s lives on", newcomer.Name)
		time.Sleep(time.Duration(round) * 25 * time.Millisecond) // another moment of its start each time
		terms := gameday.Grip{Fault: "f", For: gameday.Duration(time.Minute), Lease: gameday.Duration(time.Minute)}
		require.NoError(t, c.Switch(t.Context(), echo, "mode", "wild", terms))
		require.NoError(t, c.Release(t.Context(), "f"))
		for instance, mode := range modes(t, c, 4) {
			require.Equal(t, "calm", mode, "round %d: %s", round, instance)
		}
	}
}

// modes reads a switch of the echo service, once so many instances can be asked.
func modes(t *testing.T, c *local.Client, instances int) (values map[string]string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		values, err = c.SwitchValue(t.Context(), gameday.Target{Kind: gameday.KindService, Name: "echo"}, "mode")
		return err == nil && len(values) == instances
	}, patience, 5*time.Millisecond, "not all can be asked")
	return values
}

// disaster returns one change at random, on short terms.
func disaster(r *rand.Rand) local.Change {
	change := local.Change{For: gameday.Duration(3 * time.Second), Lease: gameday.Duration(2 * time.Second)}
	instance := gameday.Target{Kind: gameday.KindInstance, Name: fmt.Sprintf("echo-z%d-1", 1+r.IntN(3))}
	echo := gameday.Endpoint{Service: "echo"}
	switch r.IntN(6) {
	case 0:
		change.Kill = []gameday.Target{instance}
	case 1:
		change.Pause = []gameday.Target{instance}
	case 2:
		change.Links = []gameday.LinkRule{{To: echo, Latency: gameday.Duration(time.Second)}}
	case 3:
		change.Links = []gameday.LinkRule{{From: echo, Cut: true}, {To: echo, BlackHole: true}}
	case 4:
		change.Switches = []local.SwitchChange{{Target: gameday.Target{Kind: gameday.KindService, Name: "echo"}, Name: "mode", Value: "wild"}}
	case 5:
		change.Kill = []gameday.Target{{Kind: gameday.KindZone, Name: "z2"}}
		change.Links = []gameday.LinkRule{{To: gameday.Endpoint{Zone: "z2"}, Cut: true}}
	}
	return change
}

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
	}, 15*time.Second, 20*time.Millisecond, "held for ever")
	require.Eventually(t, func() bool {
		all, err := c.Instances(t.Context())
		require.NoError(t, err)
		for _, in := range all {
			if !in.Healthy {
				return false
			}
		}
		return len(all) == 6
	}, 15*time.Second, 20*time.Millisecond, "not all back")
	values, err := c.SwitchValue(t.Context(), gameday.Target{Kind: gameday.KindService, Name: "echo"}, "mode")
	require.NoError(t, err)
	require.Len(t, values, 4)
	for name, value := range values {
		require.Equal(t, "calm", value, name)
	}
	took, err := c.Probe(t.Context(), gameday.Endpoint{Service: "caller"}, gameday.Endpoint{Service: "echo"})
	require.NoError(t, err)
	require.Less(t, took.Std(), 100*time.Millisecond)
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

package local

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func TestADraftFindsWhatWouldRunAndChangesNothing(t *testing.T) {
	top, err := Parse("small.yaml", []byte(smallTopology))
	require.NoError(t, err)
	require.NoError(t, top.Replicate(map[string]int{"product": 6}))
	d := NewDraft(top)
	found, err := d.Find(t.Context(), gameday.Selector{Kind: gameday.KindInstance, Service: "product"})
	require.NoError(t, err)
	require.Len(t, found, 6)
	require.True(t, found[0].Healthy)
	took, err := d.Probe(t.Context(), gameday.Endpoint{Zone: "z1"}, gameday.Endpoint{Zone: "z3"})
	require.NoError(t, err)
	require.Equal(t, 30*time.Millisecond, took.Std())
	require.ErrorIs(t, d.Kill(t.Context(), found[0], gameday.Grip{}), errDraft)
}

func TestReplicasAreSetAllOrNone(t *testing.T) {
	top, err := Parse("small.yaml", []byte(smallTopology))
	require.NoError(t, err)
	err = top.Replicate(map[string]int{"product": 2, "registry": 2, "nobody": 1})
	require.ErrorContains(t, err, "replicas of nobody: the topology has no such service")
	require.ErrorContains(t, err, "replicas of registry: 2 is outside of 0 to 1")
	require.Equal(t, 4, top.Services[1].Replicas)
}

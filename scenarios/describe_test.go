package scenarios

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

func instance(name, service string) gameday.Target {
	return gameday.Target{Kind: gameday.KindInstance, Name: name, Service: service, Healthy: true}
}

func TestDescriptionSaysWhatWillBeTouched(t *testing.T) {
	s, err := Parse("testdata/full.yaml", full(t), Options{Checks: testChecks()})
	require.NoError(t, err)
	plan := s.Compile(7)
	resolved := []Resolved{
		{
			Step: "slow-promotion", Matched: 1,
			Targets:   []gameday.Target{{Kind: gameday.KindLink, Name: "order->promotion@z3", From: gameday.Endpoint{Service: "order"}, To: gameday.Endpoint{Service: "promotion", Zone: "z3"}}},
			Summaries: []string{"add 2s to the link order->promotion@z3; it is taken away at the end"},
		},
		{
			Step: "monkey-1", Matched: 3, Targets: []gameday.Target{instance("product-z2-1", "product")},
			Summaries:  []string{"kill product-z2-1; the supervisor may start it again at the end"},
			Unobserved: []string{"product-z2-1 has no metrics"},
		},
		{Step: "one", Problem: "select all instance instance=cart-z1-1: 0 match, 1 wanted: no target"},
		{Step: "some", Matched: 8, Targets: []gameday.Target{instance("cart-z1-1", "cart"), instance("cart-z2-1", "cart")}},
	}
	var b bytes.Buffer
	require.NoError(t, Describe(&b, plan, resolved))
	const golden = "testdata/describe.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, b.Bytes(), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), b.String()))
}

func TestDescriptionNeedsNothingResolved(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Describe(&b, compile(t, shop("", "", ""), 1), nil))
	require.Contains(t, b.String(), "flow browse has no objective")
	require.NotContains(t, b.String(), "Reach")
}

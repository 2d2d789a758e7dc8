package local_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/monkeys"
)

// TestMonkeysAreSeenToActAndToEnd plays every monkey that needs no traffic on real processes: its effect is
// measured, and so is its end.
func TestMonkeysAreSeenToActAndToEnd(t *testing.T) {
	s := up(t, topology(t, 131, ""))
	c := s.Client()
	instance := gameday.Selector{Kind: gameday.KindInstance, Service: "echo", Zone: "z2"}
	link := gameday.Selector{Kind: gameday.KindLink, From: gameday.Endpoint{Service: "caller"}, To: gameday.Endpoint{Service: "echo"}}
	for _, row := range []struct {
		monkey, config string
		on             gameday.Selector
	}{
		{"kill", `{}`, instance},
		{"pause", `{}`, instance},
		{"latency", `{"delay":"150ms","jitter":"20ms"}`, link},
		{"slow_close", `{"delay":"300ms"}`, link},
		{"partition", `{}`, link},
		{"partition", `{"direction":"request"}`, link},
		{"partition", `{"direction":"response","black_hole":true}`, link},
		{"reset", `{}`, link},
		{"zone", `{}`, gameday.Selector{Kind: gameday.KindZone, Zone: "z3"}},
		{"bug", `{"name":"mode","value":"wild"}`, gameday.Selector{Kind: gameday.KindService, Service: "echo"}},
	} {
		t.Run(row.monkey, func(t *testing.T) {
			monkey, err := monkeys.Catalog().New(row.monkey, json.RawMessage(row.config))
			require.NoError(t, err)
			found, err := c.Find(t.Context(), row.on)
			require.NoError(t, err)
			require.NotEmpty(t, found)
			fault, err := monkey.Prepare(t.Context(), c, found[0])
			require.NoError(t, err)
			fault.ID, fault.For = t.Name(), gameday.Duration(time.Minute)
			require.NoError(t, monkey.Inject(t.Context(), c, fault))
			awaitEffect(t, monkey, c, fault, gameday.InEffect)
			require.NoError(t, monkey.Heal(t.Context(), c, fault))
			awaitEffect(t, monkey, c, fault, gameday.Gone)
			require.NoError(t, monkey.Heal(t.Context(), c, fault), "again")
		})
	}
}

func awaitEffect(t *testing.T, monkey gameday.Monkey, p gameday.Platform, fault gameday.Fault, want gameday.Effect) {
	t.Helper()
	var last gameday.Evidence
	require.Eventually(t, func() bool {
		evidence, err := monkey.Verify(t.Context(), p, fault)
		require.NoError(t, err)
		last = evidence
		return evidence.Effect == want
	}, patience, 20*time.Millisecond, "not %s", want)
	t.Logf("%s: %s", want, last.What)
}

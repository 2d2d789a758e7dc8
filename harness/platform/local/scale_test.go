package local

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/linkproxy"
)

// resting returns a supervisor of the small topology that runs nothing.
func resting(t *testing.T) *Supervisor {
	t.Helper()
	top, err := Parse("small.yaml", []byte(smallTopology))
	require.NoError(t, err)
	s := &Supervisor{config: Config{Topology: top}, instances: map[string]*instance{}, faults: map[string]*fault{}}
	for _, in := range s.firstInstances() {
		s.instances[in.name] = in
	}
	return s
}

func TestReplicasAreSpreadAndTheDiscoveryServiceComesFirst(t *testing.T) {
	var names []string
	for _, in := range resting(t).firstInstances() {
		names = append(names, in.name)
	}
	require.Equal(t, []string{"registry-z1-1", "product-z1-1", "product-z3-1", "product-z1-2", "product-z3-2"}, names)
}

func TestWhoComesAndWhoLeaves(t *testing.T) {
	s := resting(t)
	product, _ := s.config.Topology.service("product")
	next := func() string { return s.place(product, s.sorted()).name }

	require.Equal(t, "product-z1-3", next(), "the first of zones with as many")
	s.instances["product-z1-2"].leaving = true
	require.Equal(t, "product-z1-3", next(), "the place of one that leaves is taken until it is gone")
	delete(s.instances, "product-z1-2")
	require.Equal(t, "product-z1-2", next(), "and free then")

	s.faults["f"] = &fault{kills: []gameday.Target{{Kind: gameday.KindZone, Name: "z1"}}}
	require.Equal(t, "product-z3-3", next(), "a zone that is held down is the last choice")
	delete(s.faults, "f")

	require.Equal(t, "product-z3-2", spare(s.members("product")).name, "of the fullest zone the latest")
}

func TestCallersAreKnownByTheirAddress(t *testing.T) {
	identify := identifier(resting(t).config.Topology)
	for addr, want := range map[string]linkproxy.Peer{
		"127.131.7.2":  {Service: "product", Zone: "z1", Instance: "product-z1-2"},
		"127.133.31.1": {Service: "registry", Zone: "z3", Instance: "registry-z3-1"},
		"127.0.0.1":    {Service: ClientService},
		"127.131.99.1": {Service: ClientService},
	} {
		require.Equal(t, want, identify(netip.MustParseAddr(addr)), addr)
	}
}

func TestAFaultIsHeldUntilItsDeadlineOrItsLeaseWhicheverIsFirst(t *testing.T) {
	begun := time.Now()
	at := func(s int) time.Time { return begun.Add(time.Duration(s) * time.Second) }
	for _, row := range []struct {
		about          string
		length, lease  time.Duration
		renewed, retry int
		now            int
		want           string
	}{
		{"both to come", 60 * time.Second, 15 * time.Second, 10, 0, 20, ""},
		{"the lease ran out", 60 * time.Second, 15 * time.Second, 10, 0, 25, "lease"},
		{"renewed beyond the deadline", 60 * time.Second, 15 * time.Second, 59, 0, 60, "deadline"},
		{"not tried again at once when it could not be undone", 60 * time.Second, 15 * time.Second, 10, 26, 25, ""},
		{"tried again later", 60 * time.Second, 15 * time.Second, 10, 26, 26, "lease"},
	} {
		f := &fault{grip: gameday.Grip{For: gameday.Duration(row.length), Lease: gameday.Duration(row.lease)}, begun: begun, renewed: at(row.renewed), retry: at(row.retry)}
		require.Equal(t, row.want, f.expired(at(row.now)), row.about)
	}
}

func TestATargetHasTheLabelsOfEverythingThatItTouches(t *testing.T) {
	s := resting(t)
	allowed := map[string]string{"gameday": "allowed"}
	find := func(sel gameday.Selector) int { sel.Labels = allowed; return len(s.find(sel)) }
	require.Equal(t, 4, find(gameday.Selector{Kind: gameday.KindInstance}))
	require.Equal(t, 1, find(gameday.Selector{Kind: gameday.KindService}))
	require.Zero(t, find(gameday.Selector{Kind: gameday.KindZone, Zone: "z1"}), "the registry is in it and has not opted in")
	require.Zero(t, find(gameday.Selector{Kind: gameday.KindLink, From: gameday.Endpoint{Service: "product"}, To: gameday.Endpoint{Service: "registry"}}))
	require.Equal(t, 1, find(gameday.Selector{Kind: gameday.KindLink, From: gameday.Endpoint{Service: ClientService}, To: gameday.Endpoint{Service: "product"}}))
	s.config.Topology.Services[0].Labels = allowed
	require.Equal(t, 1, find(gameday.Selector{Kind: gameday.KindZone, Zone: "z1"}))
}

func TestRulesAreDescribedForPeople(t *testing.T) {
	require.Equal(t, "latency 2s, jitter 100ms, on each request", describeRule(gameday.LinkRule{
		Direction: gameday.Request, Latency: gameday.Duration(2 * time.Second), Jitter: gameday.Duration(100 * time.Millisecond),
	}))
	require.Equal(t, "cut", describeRule(gameday.LinkRule{Cut: true}))
	require.Empty(t, describeRule(gameday.LinkRule{Direction: gameday.Both}))
}

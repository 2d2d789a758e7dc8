package local_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/platform/local"
	"github.com/gameday-dev/gameday/harness/platform/platformtest"
)

func TestMain(m *testing.M) {
	platformtest.ServeInstance()
	holdTopologyIfAsked()
	os.Exit(m.Run())
}

// patience is for what comes about in moments on a quiet machine, and must on a busy one.
const patience = time.Minute

// topology returns a small topology whose binary is this test. Zone numbers are first, first+1 and first+2.
func topology(t testing.TB, first int, more string) *local.Topology {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	top, err := local.Parse("test.yaml", fmt.Appendf(nil, `apiVersion: gameday/v1
kind: Topology
metadata: {name: test}
zones:
  - {name: z1, number: %d}
  - {name: z2, number: %d}
  - {name: z3, number: %d}
binary: %q
services:
  - name: echo
    id: 7
    replicas: 4
    max: 12
    grpc: true
    restart: {delay: 100ms}
    drain: 1s
    labels: {gameday: allowed}
    env: {GORACE: atexit_sleep_ms=0} # a race-detecting instance would otherwise take a second to exit
  - name: caller
    id: 10
    replicas: 2
    restart: {delay: 100ms}
    labels: {gameday: allowed}
%s`, first, first+1, first+2, self, more))
	require.NoError(t, err)
	return top
}

func up(t testing.TB, top *local.Topology) *local.Supervisor {
	t.Helper()
	s, err := local.Up(t.Context(), local.Config{Topology: top, Dir: t.TempDir(), Seed: 1, Patience: patience})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// dialling adds to a client the connections that the suite makes over a link.
type dialling struct{ *local.Client }

func (d dialling) Dial(ctx context.Context, from, to gameday.Endpoint) (net.Conn, error) {
	all, err := d.Instances(ctx)
	if err != nil {
		return nil, err
	}
	var source, callee string
	for _, in := range all {
		if source == "" && in.Service == from.Service {
			source = in.Addr
		}
		if callee == "" && in.Service == to.Service && in.Healthy {
			callee = in.Addr
		}
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	return dialer.DialContext(ctx, "tcp4", callee+":9090")
}

func TestLocalPlatform(t *testing.T) {
	s := up(t, topology(t, 131, ""))
	platformtest.Run(t, func(t *testing.T) gameday.Platform {
		client := s.Client()
		t.Cleanup(client.Close)
		return dialling{client}
	})
}

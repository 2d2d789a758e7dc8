package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/platform/local"
)

const holdEnv = "LOCAL_TEST_HOLD_TOPOLOGY"

// holdTopologyIfAsked makes this program keep a topology up until it is killed.
func holdTopologyIfAsked() {
	dir := os.Getenv(holdEnv)
	if dir == "" {
		return
	}
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	top, err := local.Load(filepath.Join(dir, "topology.yaml"))
	fail(err)
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	s, err := local.Up(ctx, local.Config{Topology: top, Dir: dir})
	fail(err)
	fail(json.NewEncoder(os.Stdout).Encode(s.Endpoint()))
	<-ctx.Done()
	s.Close()
	os.Exit(0)
}

// TestNoInstanceOutlivesAKilledHarness kills the process that holds a topology, without warning, with one
// instance paused and one held down, and finds none of its processes and none of its ports taken.
func TestNoInstanceOutlivesAKilledHarness(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	text := fmt.Sprintf(`apiVersion: gameday/v1
kind: Topology
metadata: {name: held}
zones: [{name: z1, number: 141}]
binary: %q
services:
  - {name: echo, id: 7, replicas: 5}
`, self)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "topology.yaml"), []byte(text), 0o644))

	for round := range 2 { // the second finds every port free again
		holder := exec.Command(self)
		holder.Env = append(os.Environ(), holdEnv+"="+dir)
		holder.Stderr = os.Stderr
		out, err := holder.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, holder.Start())
		defer holder.Process.Kill() //nolint:errcheck // long dead
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		var endpoint local.Endpoint
		require.NoError(t, json.Unmarshal([]byte(line), &endpoint))
		client := local.NewClient(endpoint)
		instances, err := client.Instances(t.Context())
		require.NoError(t, err)
		require.Len(t, instances, 5)
		g := gameday.Grip{Fault: "f", For: gameday.Duration(time.Minute), Lease: gameday.Duration(time.Minute)}
		require.NoError(t, client.Pause(t.Context(), gameday.Target{Kind: gameday.KindInstance, Name: instances[0].Name}, g))
		require.NoError(t, client.Kill(t.Context(), gameday.Target{Kind: gameday.KindInstance, Name: instances[1].Name}, g))
		client.Close()

		require.NoError(t, holder.Process.Kill())
		_ = holder.Wait()
		for _, in := range instances {
			require.Eventually(t, func() bool { return !alive(in.PID) }, patience, 5*time.Millisecond, "round %d: %s lives on as process %d", round, in.Name, in.PID)
		}
	}
}

// alive says whether a process exists and is more than an entry that nobody has collected.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	after := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	state := strings.Fields(after)[0]
	return state != "Z" && state != "X"
}

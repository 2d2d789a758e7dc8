//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheKillSwitchesEndRecordingAndNothingElse(t *testing.T) {
	kill := filepath.Join(t.TempDir(), "kill")
	c := startCapture(t, echo(t), "--kill-file", kill)
	c.get("/before", "ada")
	require.NoError(t, os.WriteFile(kill, nil, 0o600))
	stopped := func(line string) {
		t.Helper()
		require.True(t, eventually(20*time.Second, func() bool { return strings.Contains(c.said.String(), line) }), c.said.String())
	}
	stopped("not recording: killed by file\n")
	c.get("/file", "ada")
	require.NoError(t, os.Remove(kill))
	stopped("recording again\n")
	c.get("/between", "ada")
	require.True(t, eventually(20*time.Second, func() bool { st, err := os.Stat(c.out); return err == nil && st.Size() > 0 }))
	time.Sleep(300 * time.Millisecond) // until it is recorded: the next kill drops what waits
	require.NoError(t, c.command.Process.Signal(syscall.SIGUSR1))
	stopped("not recording: killed\n")
	c.get("/signal", "ada")
	require.Contains(t, c.end(), "4 arrived: 2 recorded, 0 filtered, 0 sampled out, 2 lost (1 killed, 1 killed by file)")
}

func TestAMiddlewareThatEndsEndsRecordingAndNothingElse(t *testing.T) {
	c := startCapture(t, echo(t), "--middleware", "false")
	require.True(t, eventually(20*time.Second, func() bool {
		said := c.said.String()
		return strings.Contains(said, "middleware false: exit status 1\n") && strings.Contains(said, "not recording: middleware ended\n")
	}), c.said.String())
	c.get("/", "ada")
	require.NoError(t, c.command.Process.Signal(os.Interrupt))
	require.ErrorContains(t, c.command.Wait(), "exit status 5")
	require.Contains(t, c.said.String(), "gameday: the middleware has ended, and nothing is recorded without it")
	require.Contains(t, c.counts.String(), "1 arrived: 0 recorded, 0 filtered, 0 sampled out, 1 lost (1 middleware ended)")
}

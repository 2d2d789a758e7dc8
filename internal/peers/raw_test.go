//go:build linux

package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheRawClientSendsEverythingOnceAndInOrder(t *testing.T) {
	addr, err := free()
	require.NoError(t, err)
	dir := t.TempDir()
	w, out := even(100, 1000, 3), filepath.Join(dir, "arrivals")
	require.NoError(t, w.offsets(filepath.Join(dir, "due")))

	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serveSink(ctx, []string{"-listen", addr, "-out", out}) }()
	require.NoError(t, answers(ctx, addr))
	require.NoError(t, sendRaw([]string{"-to", addr, "-connections", "3", "-schedule", filepath.Join(dir, "due")}))
	stop()
	require.NoError(t, <-served)

	arrived, err := readArrivals(out)
	require.NoError(t, err)
	require.Len(t, arrived, 100)
	doubled, reordered := disorder(w, arrived)
	require.Zero(t, doubled+reordered)
}

func TestPacketSocketsThatRunAreFound(t *testing.T) {
	running := runningSockets(`sk               RefCnt Type Proto  Iface R Rmem   User   Inode
ffff000000000000 3      3    0003   1     1 0      0      111
ffff000000000001 3      3    0000   0     0 0      0      222
`)
	require.Equal(t, map[string]bool{"111": true}, running)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	require.NotEmpty(t, socketsOf(os.Getpid()))
	require.False(t, anyIn(running, []string{"222"}))
}

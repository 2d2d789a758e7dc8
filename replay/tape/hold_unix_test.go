//go:build unix

package tape_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay/tape"
)

func TestAPackedTapeKeepsItsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files away")
	}
	path := smallFrames(t, tape.Options{})
	require.NoError(t, os.Chown(path, 12345, 23456))
	_, err := tape.Pack(t.Context(), path, nil, nil)
	require.NoError(t, err)
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 12345, st.Sys().(*syscall.Stat_t).Uid)
	require.EqualValues(t, 23456, st.Sys().(*syscall.Stat_t).Gid)
	require.Equal(t, os.FileMode(0o600), st.Mode().Perm())
}

func TestWhatPackingLeftIsNamedAndRemoved(t *testing.T) {
	path := write(t, shopping(200, 1), 2)
	left := path + ".packing"
	require.Empty(t, tape.Leftovers(path))
	require.NoError(t, os.WriteFile(left, []byte("half a tape"), 0o600))
	require.Equal(t, []string{left}, tape.Leftovers(path))

	f, err := os.Open(path)
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	require.Empty(t, tape.Leftovers(path), "somebody is just writing it")
	_, err = tape.Pack(t.Context(), path, nil, nil)
	require.ErrorContains(t, err, "it is being packed already")
	requireNames(t, filepath.Dir(path), filepath.Base(path), filepath.Base(left))
	require.NoError(t, f.Close())

	packed, err := tape.Pack(t.Context(), path, nil, nil)
	require.NoError(t, err)
	require.Zero(t, packed, "it would gain nothing")
	requireAlone(t, path)

	reel := filepath.Join(t.TempDir(), "reel")
	require.NoError(t, os.Mkdir(reel, 0o700))
	left = filepath.Join(reel, "000001.gdtape.packing")
	require.NoError(t, os.WriteFile(left, nil, 0o600))
	require.Equal(t, []string{left}, tape.Leftovers(reel))
}

func TestWhatPackingLeftInAReelIsSwept(t *testing.T) {
	reel := t.TempDir()
	for _, name := range []string{"000001.gdtape", "000001.gdtape.packing", "000002.gdtape", "000002.gdtape.packing", "000003.gdtape.packing", "000004.gdtape", "notes.packing"} {
		require.NoError(t, os.WriteFile(filepath.Join(reel, name), []byte(name), 0o600))
	}
	f, err := os.Open(filepath.Join(reel, "000002.gdtape"))
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	removed, err := tape.Sweep(reel)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(reel, "000001.gdtape.packing"), filepath.Join(reel, "000003.gdtape.packing")}, removed)
	requireNames(t, reel, "000001.gdtape", "000002.gdtape", "000002.gdtape.packing", "000004.gdtape", "notes.packing")

	require.NoError(t, f.Close())
	_, err = tape.Sweep(reel)
	require.NoError(t, err)
	requireNames(t, reel, "000001.gdtape", "000002.gdtape", "000004.gdtape", "notes.packing")
}

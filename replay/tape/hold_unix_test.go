//go:build unix

package tape_test

import (
	"os"
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

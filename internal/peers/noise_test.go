//go:build linux

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyStrangersAreNoise(t *testing.T) {
	all := []process{
		{1, 0, 5}, {100, 1, 7}, // the machine's
		{200, 100, 1000}, {201, 200, 2000}, {202, 201, 4000}, // ours, and what we began
		{2, 0, 1 << 20}, {3, 2, 1 << 20}, // the kernel's
		{300, 999, 11}, // whose parent is gone
	}
	require.EqualValues(t, 5+7+11, strangers(all, 200))
}

func TestAProcessIsReadWhateverItIsCalled(t *testing.T) {
	p, err := parseProcess([]byte("42 (a) (b 1) S 7 42 42 0 -1 0 0 0 0 0 10 20 30 40 20 0 1 0 5 0 0\n"))
	require.NoError(t, err)
	require.Equal(t, process{42, 7, 100}, p)
	for _, bad := range []string{"", "42", "42 (a", "x (a) S 7", "42 (a) S 7 1 2 3", "42 (a) S 7 42 42 0 -1 0 0 0 0 0 ten 20 30 40"} {
		_, err := parseProcess([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func TestStealIsTheEighthNumber(t *testing.T) {
	require.EqualValues(t, 8, stealOf("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n"))
	require.Zero(t, stealOf("cpu 1 2"))
}

func TestThisMachineIsWatched(t *testing.T) {
	n := watchNoise()()
	require.GreaterOrEqual(t, n.cores(), 0.)
}

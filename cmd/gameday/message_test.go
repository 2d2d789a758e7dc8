package main

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAMessageIsShort(t *testing.T) {
	full := fmt.Errorf("append slice: %w", syscall.ENOSPC)
	numbered := func(n int) error {
		var errs []error
		for i := range n {
			errs = append(errs, fmt.Errorf("problem %d", i+1))
		}
		return errors.Join(errs...)
	}
	for _, row := range []struct {
		about string
		err   error
		want  string
	}{
		{"one problem is itself", numbered(1), "problem 1"},
		{"several are listed", numbered(3), "problem 1\n  problem 2\n  problem 3"},
		{"many are counted", numbered(150), "problem 1\n  problem 2\n  problem 3\n  and 147 more of the kind"},
		{"what is said twice is said once", errors.Join(numbered(2), errors.Join(nil, numbered(1))), "problem 1\n  problem 2"},
		{"what wraps several keeps its own words", fmt.Errorf("start: %w", numbered(2)), "start: problem 1\nproblem 2"},
		{"two causes in one line are one problem", fmt.Errorf("no answer: %w: %w", numbered(1), full), "no answer: problem 1: append slice: no space left on device\n  free space on its disk, or choose another place with --store"},
		{"a full disk has a remedy", errors.Join(full, full), "append slice: no space left on device\n  free space on its disk, or choose another place with --store"},
		{"and says it once", fmt.Errorf("%w: free space on its disk, or choose another place with --store", full), "append slice: no space left on device: free space on its disk, or choose another place with --store"},
	} {
		require.Equal(t, row.want, message(row.err), row.about)
	}
}

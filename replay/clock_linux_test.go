package replay

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAThreadThatSendsAsksForShortTurns(t *testing.T) {
	type state struct {
		slack int
		nice  int32
		sched *unix.SchedAttr
		err   error
	}
	held := make(chan state)
	go func() { // its thread ends with it
		before, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			held <- state{err: err}
			return
		}
		holdThread()
		slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		if err != nil {
			held <- state{err: err}
			return
		}
		attr, err := unix.SchedGetAttr(0, 0)
		held <- state{slack, before.Nice, attr, err}
	}()
	s := <-held
	require.NoError(t, s.err)
	require.Equal(t, 1, s.slack)
	if s.sched.Policy == unix.SCHED_NORMAL && s.sched.Runtime != 0 { // else the system has no turns to choose from
		require.EqualValues(t, turn, s.sched.Runtime)
	}
	if s.nice != 0 {
		require.Equal(t, s.nice, s.sched.Nice, "somebody chose it")
	} else {
		require.Contains(t, []int32{0, niceness}, s.sched.Nice, "as the process may")
	}
}

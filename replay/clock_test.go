package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAClockIsReadOnceUntilTimeHasPassed(t *testing.T) {
	readings := time.Duration(0)
	c := clock{read: func() time.Duration { readings++; return readings }}
	require.EqualValues(t, 1, c.now())
	require.EqualValues(t, 1, c.now(), "nothing happened since")
	c.passed()
	require.EqualValues(t, 2, c.now())
	require.EqualValues(t, 3, c.exact(), "asked for, it is read in any case")
	require.EqualValues(t, 3, c.now())
}

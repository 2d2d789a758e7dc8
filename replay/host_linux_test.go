package replay

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPortsInUseAreThoseOfTCPInAnyState(t *testing.T) {
	sockets := "sockets: used 290\nTCP: inuse 12 orphan 1 tw 30 alloc 14 mem 2\nUDP: inuse 7 mem 3\nTCPx: inuse 9\n"
	require.Equal(t, 42, usedPorts([]byte(sockets)))
	require.Zero(t, usedPorts(nil))
	require.Positive(t, freePorts(), "this machine has some left")
}

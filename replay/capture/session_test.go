package capture

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
)

// TestConnectionsAreNamedAlikeEachTime when more are in use than are remembered, too.
func TestConnectionsAreNamedAlikeEachTime(t *testing.T) {
	s := newSessions(Sessions{})
	for range 2 {
		require.Equal(t, "conn-1", s.name(&replay.Exchange{Conn: 1}))
		require.Equal(t, "conn-401", s.name(&replay.Exchange{Conn: 1 + connsMax}))
		require.Empty(t, s.name(&replay.Exchange{}), "it came over none that is known")
	}
}

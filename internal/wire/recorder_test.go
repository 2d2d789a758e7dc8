package wire

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPackingKeepsToTheLimitsOfTheCapture(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.gdtape")
	written := func() int64 { return 6 << 20 }
	rotating := Rotation{Every: time.Hour}

	p := Limits{CPU: 0.4, Disk: 10 << 20}.packing(out, Rotation{}, written)
	require.InDelta(t, 0.4, p.Share, 1e-9, "nothing else is recorded")
	require.NoError(t, p.Room(3<<20))
	require.EqualError(t, p.Room(5<<20), "it takes 5.0 MiB beside the 6.0 MiB that are written, and 10.0 MiB are allowed")

	p = Limits{CPU: 0.4}.packing(out, rotating, written)
	require.InDelta(t, 0.1, p.Share, 1e-9)
	require.InDelta(t, 0.3, Limits{CPU: 0.4}.budget(nil, out, rotating).CPU, 1e-9, "the other part")

	require.ErrorContains(t, Limits{FreeMin: 1 << 60}.packing(out, Rotation{}, written).Room(1), "that are free on the disk")
	require.NoError(t, Limits{}.packing(out, Rotation{}, written).Room(1))
}

func TestTheDiskThatIsAskedIsTheOneThatIsWrittenTo(t *testing.T) {
	require.Equal(t, "shop", Rotation{}.place(filepath.Join("shop", "x.gdtape")))
	require.Equal(t, filepath.Join("shop", "tapes"), Rotation{Keep: 3}.place(filepath.Join("shop", "tapes")), "a mount of its own, it may be")
}

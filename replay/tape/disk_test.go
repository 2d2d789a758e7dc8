package tape

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
)

// fullDisk takes room bytes, then writes half of what it is given and fails.
type fullDisk struct {
	osFile
	room int
}

func (d *fullDisk) Write(b []byte) (int, error) {
	if len(b) > d.room {
		n, _ := d.osFile.Write(b[:len(b)/2])
		return n, syscall.ENOSPC
	}
	d.room -= len(b)
	return d.osFile.Write(b)
}

func TestFullDiskEndsTheTapeOnAWholeFrame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := Create(path, Meta{}, Options{Flush: time.Hour})
	require.NoError(t, err)
	w.mu.Lock()
	w.f = &fullDisk{osFile: w.f.(osFile), room: 300}
	w.mu.Unlock()

	written := 0
	for err == nil && written < 100 {
		err = w.Record(&replay.Exchange{Method: "GET", Target: "/", Seq: uint64(written)})
		require.NoError(t, err)
		if err = w.Flush(); err == nil {
			written++
		}
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, path)
	require.ErrorIs(t, w.Record(&replay.Exchange{}), syscall.ENOSPC, "the error stays")
	require.ErrorIs(t, w.Close(), syscall.ENOSPC)

	require.Positive(t, written)
	info, err := Verify(path)
	require.NoError(t, err)
	require.False(t, info.HasDamage, "half a frame was left behind")
	require.EqualValues(t, written, info.Records)
	require.NoError(t, os.Remove(path))
}

package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestACaptureLeavesNoDump: the memory of a process that captures holds secrets as they came.
func TestACaptureLeavesNoDump(t *testing.T) {
	var before, during unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_CORE, &before))
	if before.Max < coreMax {
		t.Skip("nothing may be dumped here anyway")
	}
	open := before
	open.Cur = before.Max
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_CORE, &open))
	defer unix.Setrlimit(unix.RLIMIT_CORE, &before) //nolint:errcheck // it was so a moment ago
	_, err := Capture(t.Context(), CaptureOptions{To: "http://127.0.0.1:1", Listen: "127.0.0.1:0", Out: t.TempDir()})
	require.Error(t, err, "the tape exists")
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_CORE, &during))
	require.EqualValues(t, coreMax, during.Cur)
	require.Equal(t, before.Max, during.Max)
}

//go:build unix

package wire

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// TestACaptureOfAPipeEndsWhenItIsAsked while the pipe is open and nothing comes through it.
func TestACaptureOfAPipeEndsWhenItIsAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer pipe.Close() //nolint:errcheck // a test's
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	require.NoError(t, w.WriteFileHeader(65535, layers.LinkTypeEthernet))
	frame := make([]byte, 60)
	require.NoError(t, w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Now(), CaptureLength: len(frame), Length: len(frame)}, frame))
	_, err = pipe.Write(file.Bytes())
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var told []any
	counts, err := Capture(ctx, CaptureOptions{
		Packets: path, Out: filepath.Join(t.TempDir(), "out.gdtape"),
		Ready:   func(string) { stop() },
		Counted: func(c replay.Counts) { told = append(told, c) },
		Packed:  func(p tape.Packed) { told = append(told, p) },
	})
	require.NoError(t, err)
	require.Equal(t, []any{counts, tape.Packed{}}, told, "nobody has to wait for the packing to know the counts")
	require.EqualValues(t, map[string]uint64{"not TCP": 1}, counts.Packets)
}

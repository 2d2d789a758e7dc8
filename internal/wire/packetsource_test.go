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
	counts, err := Capture(ctx, CaptureOptions{
		Packets: path, Out: filepath.Join(t.TempDir(), "out.gdtape"),
		Ready: func(string) { stop() },
	})
	require.NoError(t, err)
	require.EqualValues(t, map[string]uint64{"not TCP": 1}, counts.Packets)
}

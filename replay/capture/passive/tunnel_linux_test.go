package passive_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

// TestTrafficIsFoundInTunnels that a mirror sends to this machine, whose datagrams are larger than packets may be.
func TestTrafficIsFoundInTunnels(t *testing.T) {
	if inNamespace(t) {
		return
	}
	command(t, "ip", "link", "set", "lo", "mtu", "600")
	mirror, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tcptest.VXLANPort})
	require.NoError(t, err)
	defer mirror.Close() //nolint:errcheck // a test's
	from, err := passive.Interfaces{Names: []string{passive.Any}, Ports: []uint16{8080}, VXLAN: tcptest.VXLANPort}.Open()
	require.NoError(t, err)
	s := new(shelf)
	watch := passive.New(from, s, passive.Options{Ports: []uint16{8080}, VXLAN: tcptest.VXLANPort, Options: capture.Options{Start: time.Now()}})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- watch.Run(ctx) }()

	const headers = 14 + 20 + 8 // the kernel writes its own
	out, err := net.DialUDP("udp4", nil, mirror.LocalAddr().(*net.UDPAddr))
	require.NoError(t, err)
	defer out.Close() //nolint:errcheck // a test's
	large := slices.Repeat([]byte("x"), 1300)
	for _, f := range say("> POST / HTTP/1.1\r\nContent-Length: 1300\r\n\r\n"+string(large), "< HTTP/1.1 204 No Content\r\n\r\n", "").Frames {
		_, err := out.Write(tcptest.Tunnel(f, 42).Data[headers:])
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return watch.Counts().Captured == 1 }, 20*time.Second, 10*time.Millisecond)
	stop()
	require.NoError(t, <-done)
	require.NoError(t, from.Close())
	require.Equal(t, []string{"POST / " + string(large) + " -> 204"}, briefs(s))
	require.Zero(t, watch.Counts().Bytes["missing"])
}

package tcpstream_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream"
)

func TestWhatFramesBeginWithIsSteppedOver(t *testing.T) {
	ipv4 := []byte{8, 0}
	for name, c := range map[string]struct {
		link   tcpstream.LinkType
		header []byte
	}{
		"Ethernet":              {tcpstream.LinkEthernet, append(make([]byte, 12), ipv4...)},
		"two VLAN tags":         {tcpstream.LinkEthernet, append(append(make([]byte, 12), 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2), ipv4...)},
		"any, as of tcpdump":    {tcpstream.LinkSLL, append(make([]byte, 14), ipv4...)},
		"any, as of late":       {tcpstream.LinkSLL2, append(ipv4, make([]byte, 18)...)},
		"loopback of BSD":       {tcpstream.LinkNull, []byte{2, 0, 0, 0}},
		"loopback of OpenBSD":   {tcpstream.LinkLoop, []byte{0, 0, 0, 2}},
		"an IP packet, nothing": {tcpstream.LinkRaw, nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.True(t, c.link.Known())
			talk := newTalk()
			talk.Open()
			talk.Send(false, []byte("request"))
			a, conns := assembler(t, tcpstream.Options{})
			for _, f := range talk.Frames {
				frame := slices.Concat(c.header, f.Data[14:])
				a.Packet(f.At, c.link, frame, len(frame))
			}
			a.Close()
			require.Len(t, *conns, 1)
			require.Equal(t, "request", string((*conns)[0].stream[tcpstream.ToServer]))
			stats := a.Stats()
			require.EqualValues(t, len(talk.Frames), stats.Packets)
			require.Zero(t, stats.Ignored)
		})
	}
}

func TestWhatCannotBeReadIsNotKnown(t *testing.T) {
	const wifi = 105 // LINKTYPE_IEEE802_11
	require.False(t, tcpstream.LinkType(wifi).Known())
}

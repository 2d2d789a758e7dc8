//go:build libpcap

package passive

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcap"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
)

// TestTheFilterOfLibpcapTakesWhatTheRingDoes: what is of the ports, and what it cannot tell.
func TestTheFilterOfLibpcapTakesWhatTheRingDoes(t *testing.T) {
	talk := &tcptest.Talk{Client: netip.MustParseAddrPort("10.0.0.1:40000"), Server: netip.MustParseAddrPort("10.0.0.2:8080"), Now: time.Unix(1, 0)}
	talk.Send(false, []byte("GET / HTTP/1.1\r\n\r\n"))
	request, acknowledged := talk.Frames[0], talk.Frames[1]
	tagged := bytes.Join([][]byte{request.Data[:12], {0x81, 0, 0, 7}, request.Data[12:]}, nil)
	tunnelled := tcptest.Tunnel(request, 42).Data
	for _, c := range []struct {
		name   string
		ports  []uint16
		tunnel uint16
		frame  []byte
		taken  bool
	}{
		{"to the port", []uint16{80, 8080}, 0, request.Data, true},
		{"from the port", []uint16{8080}, 0, acknowledged.Data, true},
		{"of another port", []uint16{80}, 0, request.Data, false},
		{"of any port", nil, 0, request.Data, true},
		{"with a tag of a virtual network", []uint16{8080}, 0, tagged, true},
		{"with a tag, of another port", []uint16{80}, 0, tagged, false},
		{"a fragment without the port", []uint16{8080}, 0, tcptest.Fragment(request, 16, 7)[1].Data, true},
		{"in a tunnel", []uint16{8080}, tcptest.VXLANPort, tunnelled, true},
		{"in a tunnel that nobody asked for", []uint16{8080}, 0, tunnelled, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			filter, err := pcap.NewBPF(layers.LinkTypeEthernet, 65535, expression(c.ports, c.tunnel, layers.LinkTypeEthernet))
			require.NoError(t, err)
			require.Equal(t, c.taken, filter.Matches(gopacket.CaptureInfo{CaptureLength: len(c.frame), Length: len(c.frame)}, c.frame))
		})
	}
	for _, link := range []layers.LinkType{layers.LinkTypeNull, layers.LinkType(12), layers.LinkTypeLinuxSLL} {
		_, err := pcap.NewBPF(link, 65535, expression([]uint16{8080}, 4789, link))
		require.NoError(t, err, "%v", link)
	}
}

//go:build libpcap

package passive

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcap"

	"github.com/gameday-dev/gameday/internal/tcpstream"
)

// snapMax is how many bytes of a packet are kept: the most that libpcap allows, and more than any packet that segmentation
// offload makes by default.
const snapMax = 256 << 10

// readAge is how long packets may wait for more before they are handed over, and how often a reader is told that none came.
const readAge = 40 * time.Millisecond

// library is a capture of libpcap, from one device.
type library struct {
	name    string
	handle  *pcap.Handle
	link    uint32
	missed  uint32 // as libpcap counts: it wraps
	dropped uint64
}

var _ Packets = (*library)(nil)

// libpcap captures from one interface, or from what libpcap takes for all of them.
func (i Interfaces) libpcap(buffer int) (Packets, error) {
	device := Any
	if len(i.Names) > 0 && !slices.Contains(i.Names, Any) {
		device = i.Names[0]
	}
	if len(i.Names) > 1 && device != Any {
		return nil, fmt.Errorf("capture from %s: libpcap captures from one interface, or from %s", strings.Join(i.Names, ", "), Any)
	}
	handle, err := activate(device, buffer)
	if err != nil {
		return nil, fmt.Errorf("capture from %s: %w", device, err)
	}
	l := &library{name: device, handle: handle, link: uint32(handle.LinkType())}
	if !tcpstream.LinkType(l.link).Known() {
		err = fmt.Errorf("its link type %v cannot be read: choose another interface", handle.LinkType())
	} else {
		err = handle.SetBPFFilter(expression(i.Ports, i.VXLAN, handle.LinkType()))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("capture from %s: %w", device, err), l.Close())
	}
	return l, nil
}

// activate opens a device. It is not made promiscuous: what is captured is traffic of this machine, or of tunnels to it.
func activate(device string, buffer int) (*pcap.Handle, error) {
	inactive, err := pcap.NewInactiveHandle(device)
	if err != nil {
		return nil, err
	}
	defer inactive.CleanUp()
	if err := cmp.Or(inactive.SetSnapLen(snapMax), inactive.SetPromisc(false), inactive.SetTimeout(readAge), inactive.SetBufferSize(buffer)); err != nil {
		return nil, err
	}
	handle, err := inactive.Activate()
	if err != nil && strings.Contains(err.Error(), "Permission Denied") { // the type of the error is not exported
		return nil, fmt.Errorf("%w: %s; on a Mac, root may, and who may read /dev/bpf*", err, mayCapture)
	}
	return handle, err
}

// expression is the filter of libpcap that takes what the ring's takes (see filter): TCP from or to one of the ports, UDP to the
// port of tunnels, and what it cannot tell: fragments, and IPv6 packets with extension headers. Ethernet frames may have a
// tag of a virtual network that the network card left in.
func expression(ports []uint16, tunnel uint16, link layers.LinkType) string {
	terms := []string{"(ip[9] == 6 and ip[6:2] & 0x3fff != 0)", "ip6[6] == 0", "ip6[6] == 43", "ip6[6] == 44", "ip6[6] == 60"}
	for _, port := range ports {
		terms = append(terms, fmt.Sprintf("tcp port %d", port))
	}
	if len(ports) == 0 {
		terms = append(terms, "tcp")
	}
	if tunnel != 0 {
		terms = append(terms, fmt.Sprintf("udp dst port %d", tunnel), "(ip[9] == 17 and ip[6:2] & 0x3fff != 0)")
	}
	plain := strings.Join(terms, " or ")
	if link != layers.LinkTypeEthernet {
		return plain
	}
	return fmt.Sprintf("%s or (vlan and (%s))", plain, plain)
}

// Next returns the next packet, or after a while without one the time.
func (l *library) Next() (Packet, error) {
	data, ci, err := l.handle.ZeroCopyReadPacketData()
	switch {
	case err == nil:
		return packetOf(data, ci, l.link), nil
	case errors.Is(err, pcap.NextErrorTimeoutExpired):
		return Packet{At: time.Now()}, nil
	}
	return Packet{}, fmt.Errorf("capture from %s: %w: %w", l.name, err, l.handle.Error())
}

// Dropped is how many packets found the buffer of libpcap full.
func (l *library) Dropped() uint64 {
	if s, err := l.handle.Stats(); err == nil { // an error leaves what is known
		now := uint32(s.PacketsDropped)
		l.dropped += uint64(now - l.missed)
		l.missed = now
	}
	return l.dropped
}

// Close ends the capture.
func (l *library) Close() error {
	l.handle.Close()
	return nil
}

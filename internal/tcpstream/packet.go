package tcpstream

import (
	"encoding/binary"
	"net/netip"
)

// A LinkType says what a captured frame begins with. The numbers are those of the registry of link-layer types that
// pcap files use (LINKTYPE_ in https://www.tcpdump.org/linktypes.html).
type LinkType uint32

// The link types that can be read.
const (
	LinkNull     LinkType = 0   // address family in the byte order of the host
	LinkEthernet LinkType = 1   // with VLAN tags, also stacked
	LinkRaw      LinkType = 101 // an IP packet
	LinkLoop     LinkType = 108 // address family in network order
	LinkSLL      LinkType = 113 // Linux cooked capture
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkSLL2     LinkType = 276 // Linux cooked capture, version 2
)

// Known reports whether frames of the type can be read.
func (l LinkType) Known() bool {
	_, why := network(l, nil)
	return why != UnknownLink
}

const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	protoTCP  = 6
	protoUDP  = 17

	flagFIN = 1 << 0
	flagSYN = 1 << 1
	flagRST = 1 << 2
	flagACK = 1 << 4
)

// A Reason says why a packet is of no use.
type Reason uint8

// The reasons.
const (
	used        Reason = iota
	NotTCP             // not IP, or not TCP: what a capture without filter holds
	OtherPort          // TCP, but of no port that was asked for
	Fragment           // a piece of an IP packet that did not become whole
	Malformed          // the headers contradict themselves, or are cut off
	UnknownLink        // a link type that cannot be read
	reasons
)

// pending is the Reason of a fragment that waits for others. It is not counted: it will be used, or be a Fragment.
const pending Reason = 255

// String names the reason as it stands in accounts.
func (r Reason) String() string {
	return [...]string{"used", "not TCP", "other port", "fragment", "malformed", "unknown link type"}[r]
}

// packet is one TCP segment. Its data lies in the captured frame.
type packet struct {
	src, dst endpoint
	seq, ack uint32
	flags    uint8
	data     []byte
	cut      int    // payload bytes that the capture did not keep
	net      uint32 // the tunnel that it came through; 0 for none
}

// endpoint is an address and a port; IPv4 addresses are mapped into IPv6.
type endpoint struct {
	addr [16]byte
	port uint16
}

func (e endpoint) addrPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(e.addr).Unmap(), e.port)
}

// decoder reads the headers of frames. It keeps pieces of packets until they are whole.
type decoder struct {
	vxlan     uint16 // UDP port of tunnels; 0 for none
	now       int64  // time of the packet
	fragments fragments
}

// decode reads the headers of a frame that had so many bytes on the wire, of which frame holds the first.
func (d *decoder) decode(link LinkType, frame []byte, wire int, p *packet) Reason {
	wire = max(wire, len(frame))
	b, why := network(link, frame)
	if why != used {
		return why
	}
	wire -= len(frame) - len(b)
	if len(b) == 0 {
		return Malformed
	}
	switch b[0] >> 4 {
	case 4:
		return d.ipv4(b, wire, p)
	case 6:
		return d.ipv6(b, wire, p)
	}
	return NotTCP
}

// carries reports whether TCP can be in a packet of the protocol.
func (d *decoder) carries(protocol byte) bool {
	return protocol == protoTCP || protocol == protoUDP && d.vxlan != 0
}

// transport reads what an IP packet carries: so many bytes, of which b holds the first.
func (d *decoder) transport(protocol byte, b []byte, length int, p *packet) Reason {
	if protocol == protoUDP {
		return d.tunnel(b, length, p)
	}
	return decodeTCP(b, length, p)
}

// network returns what follows the link header, when it says that it is IP.
func network(link LinkType, b []byte) ([]byte, Reason) {
	switch link {
	case LinkRaw, LinkIPv4, LinkIPv6, 12, 14: // 12 and 14 are what some systems write for raw IP
		return b, used
	case LinkNull, LinkLoop:
		return after(b, 4)
	case LinkSLL:
		return ether(b, 14, 16)
	case LinkSLL2:
		return ether(b, 0, 20)
	case LinkEthernet:
		return ether(b, 12, 14)
	}
	return nil, UnknownLink
}

func after(b []byte, n int) ([]byte, Reason) {
	if len(b) < n {
		return nil, Malformed
	}
	return b[n:], used
}

// ether steps over a header that has an EtherType at one offset and ends at another, and over VLAN tags behind it.
func ether(b []byte, typeAt, end int) ([]byte, Reason) {
	if len(b) < end {
		return nil, Malformed
	}
	kind, b := binary.BigEndian.Uint16(b[typeAt:]), b[end:]
	for kind == 0x8100 || kind == 0x88a8 || kind == 0x9100 {
		if len(b) < 4 {
			return nil, Malformed
		}
		kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	if kind != etherIPv4 && kind != etherIPv6 {
		return nil, NotTCP
	}
	return b, used
}

func (d *decoder) ipv4(b []byte, wire int, p *packet) Reason {
	if len(b) < 20 {
		return Malformed
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		total = wire // segmentation is left to the network card: the length did not fit or is not filled in yet
	}
	switch {
	case header < 20 || header > len(b) || total < header || total > wire:
		return Malformed
	case !d.carries(b[9]):
		return NotTCP
	}
	p.src.addr, p.dst.addr = mapped(b[12:16]), mapped(b[16:20])
	data, length := b[header:min(total, len(b))], total-header
	if place := binary.BigEndian.Uint16(b[6:]); place&0x3fff != 0 { // more fragments, or an offset
		whole, why := d.fragments.add(fragment{
			of:     datagram{p.src.addr, p.dst.addr, uint32(binary.BigEndian.Uint16(b[4:])), b[9], p.net},
			offset: int(place&0x1fff) * 8, more: place&0x2000 != 0, data: data, cut: length - len(data),
		}, d.now)
		if why != used {
			return why
		}
		data, length = whole, len(whole)
	}
	return d.transport(b[9], data, length, p)
}

func mapped(b []byte) (a [16]byte) {
	a[10], a[11] = 0xff, 0xff
	copy(a[12:], b)
	return a
}

func (d *decoder) ipv6(b []byte, wire int, p *packet) Reason {
	if len(b) < 40 {
		return Malformed
	}
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if total == 40 {
		total = wire // a jumbo packet, or segmentation left to the network card
	}
	if total > wire {
		return Malformed
	}
	p.src.addr, p.dst.addr = [16]byte(b[8:24]), [16]byte(b[24:40])
	next, at := b[6], 40
	b = b[:min(total, len(b))]
	for !d.carries(next) {
		if at+8 > len(b) {
			return extension(next, Malformed)
		}
		switch next {
		case 44:
			place := binary.BigEndian.Uint16(b[at+2:])
			if place&0xfff9 == 0 { // the only fragment
				next, at = b[at], at+8
				continue
			}
			whole, why := d.fragments.add(fragment{
				of:     datagram{p.src.addr, p.dst.addr, binary.BigEndian.Uint32(b[at+4:]), b[at], p.net},
				offset: int(place &^ 7), more: place&1 != 0, data: b[at+8:], cut: total - len(b),
			}, d.now)
			if why != used {
				return why
			}
			next, b, at, total = b[at], whole, 0, len(whole)
		case 0, 43, 60: // hop by hop, routing, destination options
			next, at = b[at], at+8+int(b[at+1])*8
		default:
			return NotTCP
		}
		if at > len(b) {
			return Malformed
		}
	}
	return d.transport(next, b[at:], total-at, p)
}

// extension tells a header that is cut off from one that leads nowhere.
func extension(next byte, cut Reason) Reason {
	switch next {
	case 0, 43, 44, 60:
		return cut
	}
	return NotTCP
}

// decodeTCP reads a segment that had so many bytes, of which b holds the first. What lies behind the length that IP
// gives is padding of the link, and was taken away.
func decodeTCP(b []byte, length int, p *packet) Reason {
	if len(b) < 20 {
		return Malformed
	}
	header := int(b[12]>>4) * 4
	if header < 20 || header > length {
		return Malformed
	}
	p.src.port, p.dst.port = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	p.seq, p.ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	p.flags = b[13]
	p.data = b[min(header, len(b)):]
	p.cut = length - header - len(p.data)
	return used
}

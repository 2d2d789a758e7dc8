package tcpstream

import "encoding/binary"

// tunnel looks into a UDP datagram of so many bytes: when it is for the port of VXLAN (RFC 7348), an Ethernet frame
// is in it. Mirrors of virtual networks send copies of traffic this way.
func (d *decoder) tunnel(b []byte, length int, p *packet) Reason {
	const header = 8 + 8 // of UDP and of VXLAN
	switch {
	case len(b) < header:
		return Malformed
	case binary.BigEndian.Uint16(b[2:]) != d.vxlan || p.net != 0: // nor is there a tunnel in a tunnel
		return NotTCP
	case b[8]&0x08 == 0: // there is no network identifier
		return Malformed
	}
	p.net = 1<<24 | binary.BigEndian.Uint32(b[12:])>>8
	return d.decode(LinkEthernet, b[header:], length-header, p)
}

package tcptest

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Fragment returns the pieces that a router makes of a frame without VLAN tags, with at most size bytes behind the IP header each; size
// is a multiple of 8. The IP packet gets the identification id.
func Fragment(f Frame, size int, id uint16) []Frame {
	const ethernet = 14
	packet := f.Data[ethernet:]
	head, end := 20, binary.BigEndian.Uint16(packet[2:])
	if packet[0]>>4 == 6 {
		head, end = 40, 40+binary.BigEndian.Uint16(packet[4:])
	}
	data := packet[head:end]
	var all []Frame
	for at := 0; at < len(data); at += size {
		part := data[at:min(at+size, len(data))]
		more := at+size < len(data)
		piece := Frame{At: f.At, ToClient: f.ToClient, Data: slices.Concat(f.Data[:ethernet], packet[:head])}
		ip := piece.Data[ethernet:]
		if packet[0]>>4 == 6 {
			binary.BigEndian.PutUint16(ip[4:], uint16(8+len(part)))
			extension := []byte{ip[6], 0, 0, 0, 0, 0, 0, 0}
			ip[6] = 44
			binary.BigEndian.PutUint16(extension[2:], uint16(at))
			if more {
				extension[3] |= 1
			}
			binary.BigEndian.PutUint16(extension[6:], id)
			piece.Data = append(piece.Data, extension...)
		} else {
			binary.BigEndian.PutUint16(ip[2:], uint16(20+len(part)))
			binary.BigEndian.PutUint16(ip[4:], id)
			place := uint16(at / 8)
			if more {
				place |= 0x2000
			}
			binary.BigEndian.PutUint16(ip[6:], place)
		}
		piece.Data = append(piece.Data, part...)
		all = append(all, piece)
	}
	return all
}

// VXLANPort is the port of the tunnels that Tunnel makes.
const VXLANPort = 4789

// Tunnel returns the frame as the virtual network of the number sends it between its hosts.
func Tunnel(f Frame, network uint32) Frame {
	udp := []byte{0xc0, 0, VXLANPort >> 8, VXLANPort & 0xff}
	udp = binary.BigEndian.AppendUint16(udp, uint16(16+len(f.Data)))
	udp = append(udp, 0, 0, 8, 0, 0, 0)
	udp = binary.BigEndian.AppendUint32(udp, network<<8)
	packet := ip(netip.AddrFrom4([4]byte{192, 0, 2, 1}), netip.AddrFrom4([4]byte{192, 0, 2, 2}), append(udp, f.Data...))
	packet[9] = 17
	f.Data = append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0}, packet...)
	return f
}

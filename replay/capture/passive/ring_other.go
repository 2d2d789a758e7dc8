//go:build !linux

package passive

import "errors"

// defaultEngine is the only one there is.
const defaultEngine = Libpcap

func (i Interfaces) afpacket([]int, int) (Packets, error) {
	return nil, errors.New("the engine afpacket needs Linux: choose libpcap with --engine, or pipe packets in: tcpdump -U -w - | gameday capture --pcap -")
}

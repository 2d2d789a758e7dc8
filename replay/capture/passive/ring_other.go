//go:build !linux

package passive

import "errors"

// Open captures from network interfaces of Linux.
func (i Interfaces) Open() (Packets, error) {
	if _, err := i.indexes(); err != nil {
		return nil, err
	}
	if _, err := i.buffer(); err != nil {
		return nil, err
	}
	return nil, errors.New("live capture needs Linux: pipe packets in, tcpdump -U -w - | gameday capture --pcap -, or stand in front of the service with --to")
}

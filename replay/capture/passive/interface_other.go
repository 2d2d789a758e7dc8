//go:build !linux

package passive

import (
	"errors"
	"fmt"
)

// OpenInterface captures from a network interface of Linux.
func OpenInterface(name string, _ ...uint16) (Packets, error) {
	return nil, fmt.Errorf("capture from %s: %w", name, errors.New(
		"live capture needs Linux: record with tcpdump -w and import the file, or stand in front of the service with --to"))
}

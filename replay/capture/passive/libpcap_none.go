//go:build !libpcap

package passive

import (
	"fmt"
	"strings"
)

func (i Interfaces) libpcap(int) (Packets, error) {
	return nil, fmt.Errorf("capture from %s: this build is without libpcap: make one with CGO_ENABLED=1 go build -tags libpcap, for which libpcap-dev must be there; "+
		"or pipe packets in, tcpdump -U -w - | gameday capture --pcap -; or stand in front of the service with --to", strings.Join(i.Names, ", "))
}

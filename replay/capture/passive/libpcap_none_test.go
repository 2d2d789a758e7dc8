//go:build !libpcap

package passive_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay/capture/passive"
)

func TestABuildWithoutLibpcapSaysWhatHelps(t *testing.T) {
	_, err := passive.Interfaces{Names: []string{passive.Any}, Ports: []uint16{80}, Engine: passive.Libpcap}.Open()
	require.ErrorContains(t, err, "go build -tags libpcap")
	require.ErrorContains(t, err, "tcpdump -U -w - | gameday capture --pcap -")
}

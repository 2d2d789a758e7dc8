package passive

import "fmt"

// An Engine is a way to get the packets of an interface. The empty one stands for what this build does best.
type Engine string

// The engines.
const (
	// AFPacket is a ring of memory that the kernel of Linux fills. Every build for Linux has it.
	AFPacket Engine = "afpacket"
	// Libpcap is the library of tcpdump, and captures wherever that does. Builds with the tag libpcap have it.
	Libpcap Engine = "libpcap"
)

// ParseEngine returns the engine of a name; goreplay's names of the same will do, and the empty one.
func ParseEngine(name string) (Engine, error) {
	switch name {
	case "":
		return defaultEngine, nil
	case string(AFPacket), "af_packet", "raw_socket":
		return AFPacket, nil
	case string(Libpcap):
		return Libpcap, nil
	}
	return "", fmt.Errorf("capture engine %q: unknown; one of %s and %s", name, AFPacket, Libpcap)
}

// Open captures TCP packets of the ports, and does not disturb the traffic: when the reader is too slow the kernel drops
// copies, and Dropped counts them. It needs the right to capture, which root has. The caller closes what it returns.
func (i Interfaces) Open() (Packets, error) {
	engine, err := ParseEngine(string(i.Engine))
	if err != nil {
		return nil, err
	}
	indexes, err := i.indexes()
	if err != nil {
		return nil, err
	}
	buffer, err := i.buffer()
	if err != nil {
		return nil, err
	}
	if engine == Libpcap {
		return i.libpcap(buffer)
	}
	return i.afpacket(indexes, buffer)
}

// mayCapture says how somebody who may not capture from Linux comes to it.
const mayCapture = "run as root, or allow the binary once with: setcap cap_net_raw+ep gameday"

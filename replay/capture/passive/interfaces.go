package passive

import (
	"cmp"
	"fmt"
	"net"
	"slices"
)

// Any, among Interfaces.Names, stands for every network interface, those that come later too.
const Any = "any"

// Interfaces say what is captured while it passes. Names is needed.
type Interfaces struct {
	// Names of network interfaces, or Any.
	Names []string
	// Ports are those of the servers; all when there are none.
	Ports []uint16
	// VXLAN, when it is given, is the UDP port of tunnels whose packets are captured too, whatever is in them.
	VXLAN uint16
	// Buffer is how many bytes of packets the kernel holds for a reader that is late, from BufferMin to BufferMax. 0
	// means 16 MiB, which is an eighth of a second of a full link of 1 Gbit/s.
	Buffer int64
	// Engine gets the packets; see Engine.
	Engine Engine
}

// Bounds of Interfaces.Buffer.
const (
	BufferMin = 1 << 20
	BufferMax = 1 << 30
)

const defaultBuffer = 16 << 20

// indexes returns the numbers of the interfaces; none for all of them.
func (i Interfaces) indexes() ([]int, error) {
	if len(i.Names) == 0 || slices.Contains(i.Names, Any) {
		return nil, nil
	}
	var all []int
	for _, name := range i.Names {
		found, err := net.InterfaceByName(name)
		if err != nil {
			return nil, fmt.Errorf("capture from %s: %w%s", name, err, known())
		}
		all = append(all, found.Index)
	}
	return all, nil
}

// buffer is how many bytes are to be held.
func (i Interfaces) buffer() (int, error) {
	if i.Buffer != 0 && (i.Buffer < BufferMin || i.Buffer > BufferMax) {
		return 0, fmt.Errorf("capture buffer of %d bytes: want %d to %d", i.Buffer, BufferMin, BufferMax)
	}
	return int(cmp.Or(i.Buffer, defaultBuffer)), nil
}

// known lists the interfaces there are.
func known() (list string) {
	all, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range all {
		list += " " + i.Name
	}
	return ": there are" + list + " and " + Any
}

package passive

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filter is a program for the kernel that takes packets, from their IP header on, that are TCP from or to one of the ports,
// or any TCP when there are none, or UDP to the port of tunnels when there is one, of the interfaces with the given numbers, or of any. What it cannot tell it takes:
// fragments, and IPv6 packets with extension headers. A loopback device shows each packet twice, as it goes out and as it comes
// in; the first is left out.
func filter(ports []uint16, tunnel uint16, interfaces []int) []bpf.Instruction {
	const all = 1 << 30
	var a assembly
	if len(interfaces) > 1 {
		a.add(bpf.LoadExtension{Num: bpf.ExtInterfaceIndex})
		for _, index := range interfaces {
			a.jump(bpf.JumpEqual, uint32(index), "mine")
		}
		a.always("no")
		a.label("mine")
	}
	a.add(bpf.LoadExtension{Num: bpf.ExtType})
	a.jump(bpf.JumpNotEqual, unix.PACKET_OUTGOING, "once")
	a.add(bpf.LoadExtension{Num: bpf.ExtLinkLayerType})
	a.jump(bpf.JumpEqual, unix.ARPHRD_LOOPBACK, "no")
	a.label("once")
	a.add(bpf.LoadAbsolute{Off: 0, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4})
	a.jump(bpf.JumpEqual, 6, "v6")
	a.jump(bpf.JumpNotEqual, 4, "no")

	a.add(bpf.LoadAbsolute{Off: 9, Size: 1})
	if tunnel != 0 {
		a.jump(bpf.JumpEqual, unix.IPPROTO_UDP, "v4 udp")
	}
	a.jump(bpf.JumpNotEqual, unix.IPPROTO_TCP, "no")
	a.add(bpf.LoadAbsolute{Off: 6, Size: 2})
	a.jump(bpf.JumpBitsSet, 0x3fff, "yes")
	a.add(bpf.LoadMemShift{Off: 0})
	a.ports(ports)

	a.label("v4 udp")
	a.add(bpf.LoadAbsolute{Off: 6, Size: 2})
	a.jump(bpf.JumpBitsSet, 0x3fff, "yes")
	a.add(bpf.LoadMemShift{Off: 0})
	a.always("udp")

	a.label("v6")
	a.add(bpf.LoadAbsolute{Off: 6, Size: 1})
	for _, extension := range []uint32{unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_FRAGMENT, unix.IPPROTO_DSTOPTS} {
		a.jump(bpf.JumpEqual, extension, "yes")
	}
	a.add(bpf.LoadConstant{Dst: bpf.RegX, Val: 40})
	if tunnel != 0 {
		a.jump(bpf.JumpEqual, unix.IPPROTO_UDP, "udp")
	}
	a.jump(bpf.JumpNotEqual, unix.IPPROTO_TCP, "no")
	a.ports(ports)

	a.label("udp") // at register X
	a.add(bpf.LoadIndirect{Off: 2, Size: 2})
	a.jump(bpf.JumpEqual, uint32(tunnel), "yes")
	a.always("no")

	a.label("yes")
	a.add(bpf.RetConstant{Val: all})
	a.label("no")
	a.add(bpf.RetConstant{Val: 0})
	return a.link()
}

// assembly is a program whose jumps still have names.
type assembly struct {
	code   []bpf.Instruction
	jumps  map[int]string
	labels map[string]int
}

func (a *assembly) add(in ...bpf.Instruction) { a.code = append(a.code, in...) }

func (a *assembly) label(name string) {
	if a.labels == nil {
		a.labels = make(map[string]int)
	}
	a.labels[name] = len(a.code)
}

// jump goes to the label when the test holds.
func (a *assembly) jump(test bpf.JumpTest, value uint32, to string) {
	if a.jumps == nil {
		a.jumps = make(map[int]string)
	}
	// The offset of a conditional jump is small; an unconditional one reaches anywhere.
	a.add(bpf.JumpIf{Cond: test, Val: value, SkipFalse: 1})
	a.jumps[len(a.code)] = to
	a.add(bpf.Jump{})
}

// ports takes packets with one of the ports in the TCP header at register X, and no others.
func (a *assembly) ports(ports []uint16) {
	for _, offset := range []uint32{0, 2} {
		a.add(bpf.LoadIndirect{Off: offset, Size: 2})
		for _, port := range ports {
			a.jump(bpf.JumpEqual, uint32(port), "yes")
		}
	}
	if len(ports) == 0 {
		a.always("yes")
	} else {
		a.always("no")
	}
}

func (a *assembly) always(to string) {
	a.jumps[len(a.code)] = to
	a.add(bpf.Jump{})
}

func (a *assembly) link() []bpf.Instruction {
	for at, to := range a.jumps {
		a.code[at] = bpf.Jump{Skip: uint32(a.labels[to] - at - 1)}
	}
	return a.code
}

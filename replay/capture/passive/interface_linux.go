package passive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/internal/tcpstream"
)

// The ring: the kernel fills blocks of packets and hands each over when it is full, or old.
const (
	blockBytes = 1 << 20 // more than the largest packet that segmentation offload makes
	blocks     = 64
	blockAge   = 10 * time.Millisecond
	frameBytes = 2 << 10 // only a unit of account: packets take what they need
	tickEvery  = 100 * time.Millisecond
)

// Offsets in a block and in a packet of it: struct tpacket_block_desc and struct tpacket3_hdr of linux/if_packet.h.
const (
	blockStatus  = 8
	blockPackets = 12
	blockFirst   = 16

	packetNext    = 0
	packetSeconds = 4
	packetNanos   = 8
	packetKept    = 12
	packetWire    = 16
	packetNet     = 26
)

// ring is a socket of AF_PACKET with a ring of version 3 (see packet_mmap in the documentation of the kernel). It
// copies nothing: packets are read where the kernel put them.
type ring struct {
	name    string
	fd      int
	memory  []byte
	block   int // being read, or next to be
	left    uint32
	at      int // of the next packet in memory
	held    bool
	dropped uint64
}

var _ Packets = (*ring)(nil)

// OpenInterface captures the TCP packets of the ports, or of all, from a network interface. It needs CAP_NET_RAW, which root
// has, and does not disturb the traffic: when the reader is too slow the kernel drops copies, and
// Dropped counts them.
func OpenInterface(name string, ports ...uint16) (Packets, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("capture from %s: %w%s", name, err, known())
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("capture from %s: %w: run as root, or allow the binary once with: setcap cap_net_raw+ep gameday", name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("capture from %s: open packet socket: %w", name, err)
	}
	r := &ring{name: name, fd: fd}
	if err := r.open(i, ports); err != nil {
		return nil, errors.Join(fmt.Errorf("capture from %s: %w", name, err), r.Close())
	}
	return r, nil
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
	return ": there are" + list
}

// open sets everything up before it binds: a packet socket that is bound first takes what passes until the filter is there.
func (r *ring) open(i *net.Interface, ports []uint16) error {
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("choose ring version 3: %w", err)
	}
	if err := attach(r.fd, filter(ports, i.Flags&net.FlagLoopback != 0)); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	request := unix.TpacketReq3{
		Block_size: blockBytes, Block_nr: blocks, Frame_size: frameBytes, Frame_nr: blocks * blockBytes / frameBytes,
		Retire_blk_tov: uint32(blockAge / time.Millisecond),
	}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return fmt.Errorf("make ring of %d MiB: %w", blocks*blockBytes>>20, err)
	}
	var err error
	if r.memory, err = unix.Mmap(r.fd, 0, blocks*blockBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map ring: %w", err)
	}
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(r.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

func attach(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	code := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

// Next returns the next packet, or after a while without one the time.
func (r *ring) Next() (Packet, error) {
	for r.left == 0 {
		if r.held {
			atomic.StoreUint32(r.status(), unix.TP_STATUS_KERNEL)
			r.held, r.block = false, (r.block+1)%blocks
		}
		if atomic.LoadUint32(r.status())&unix.TP_STATUS_USER == 0 {
			if came, err := r.wait(); !came {
				return Packet{At: time.Now()}, err
			}
			continue
		}
		begin := r.block * blockBytes
		r.held, r.left = true, r.number(begin+blockPackets)
		r.at = begin + int(r.number(begin+blockFirst))
	}
	at := r.at
	r.left--
	r.at += int(r.number(at + packetNext))
	data := at + int(binary.NativeEndian.Uint16(r.memory[at+packetNet:]))
	return Packet{
		At:   time.Unix(int64(r.number(at+packetSeconds)), int64(r.number(at+packetNanos))),
		Link: uint32(tcpstream.LinkRaw),
		Data: r.memory[data:][:r.number(at+packetKept)],
		Wire: int(r.number(at + packetWire)),
	}, nil
}

func (r *ring) number(at int) uint32 { return binary.NativeEndian.Uint32(r.memory[at:]) }

// status is the word by which kernel and reader hand a block to each other.
func (r *ring) status() *uint32 {
	return (*uint32)(unsafe.Pointer(&r.memory[r.block*blockBytes+blockStatus]))
}

// wait blocks until the kernel hands over a block, but not for long.
func (r *ring) wait() (came bool, err error) {
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(tickEvery/time.Millisecond))
	switch {
	case errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("capture from %s: poll: %w", r.name, err)
	case n > 0 && fds[0].Revents&unix.POLLERR != 0:
		code, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil {
			err = unix.Errno(code)
		}
		return false, fmt.Errorf("capture from %s: %w", r.name, err)
	}
	return n > 0, nil
}

// Dropped is how many packets found the ring full.
func (r *ring) Dropped() uint64 {
	if s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		r.dropped += uint64(s.Drops) // the kernel counts anew after each look
	}
	return r.dropped
}

// Close ends the capture.
func (r *ring) Close() error {
	var err error
	if r.memory != nil {
		err = unix.Munmap(r.memory)
		r.memory = nil
	}
	return errors.Join(err, unix.Close(r.fd))
}

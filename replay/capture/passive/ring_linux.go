package passive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/gameday-dev/gameday/internal/tcpstream"
)

// The ring: the kernel fills blocks of packets and hands each over when it is full, or old.
const (
	blockBytes = 256 << 10 // more than the largest packet that segmentation offload makes by default
	blockAge   = 40 * time.Millisecond
	frameBytes = 2 << 10 // only a unit of account: packets take what they need
	tickEvery  = 250 * time.Millisecond
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
// copies nothing: packets are read where the kernel put them. It waits in the poller of the Go runtime: a system call that
// blocks would keep a thread, and have the runtime look after it many times a millisecond.
type ring struct {
	name    string
	file    *os.File
	raw     syscall.RawConn
	memory  []byte
	blocks  int
	block   int // being read, or next to be
	left    uint32
	at      int // of the next packet in memory
	held    bool
	tick    time.Time // when to say that no packet came
	dropped uint64
}

var _ Packets = (*ring)(nil)

// defaultEngine needs neither cgo nor a library.
const defaultEngine = AFPacket

// afpacket captures from the interfaces with the given numbers. It needs CAP_NET_RAW.
func (i Interfaces) afpacket(indexes []int, buffer int) (Packets, error) {
	name := strings.Join(i.Names, ", ")
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("capture from %s: %w: %s", name, err, mayCapture)
	}
	if err != nil {
		return nil, fmt.Errorf("capture from %s: open packet socket: %w", name, err)
	}
	r := &ring{name: name, file: os.NewFile(uintptr(fd), "packet socket"), blocks: buffer / blockBytes}
	if err := r.open(fd, indexes, filter(i.Ports, i.VXLAN, indexes)); err != nil {
		return nil, errors.Join(fmt.Errorf("capture from %s: %w", name, err), r.Close())
	}
	return r, nil
}

// open sets everything up before it binds: a packet socket that is bound first takes what passes until the filter is there.
func (r *ring) open(fd int, indexes []int, program []bpf.Instruction) (err error) {
	if r.raw, err = r.file.SyscallConn(); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("choose ring version 3: %w", err)
	}
	if err := attach(fd, program); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	size := r.blocks * blockBytes
	request := unix.TpacketReq3{
		Block_size: blockBytes, Block_nr: uint32(r.blocks), Frame_size: frameBytes, Frame_nr: uint32(size / frameBytes),
		Retire_blk_tov: uint32(blockAge / time.Millisecond),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return fmt.Errorf("make ring of %d MiB: %w", size>>20, err)
	}
	if r.memory, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("map ring: %w", err)
	}
	to := unix.SockaddrLinklayer{Protocol: binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))}
	if len(indexes) == 1 { // of several the filter takes care
		to.Ifindex = indexes[0]
	}
	if err := unix.Bind(fd, &to); err != nil {
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
			r.held, r.block = false, (r.block+1)%r.blocks
		}
		if !r.ready() {
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

// ready reports whether the kernel has handed over the next block.
func (r *ring) ready() bool { return atomic.LoadUint32(r.status())&unix.TP_STATUS_USER != 0 }

// wait blocks until the kernel hands over a block, but not for long.
func (r *ring) wait() (came bool, err error) {
	if now := time.Now(); !now.Before(r.tick) {
		r.tick = now.Add(tickEvery)
		if err := r.file.SetReadDeadline(r.tick); err != nil {
			return false, fmt.Errorf("capture from %s: %w", r.name, err)
		}
	}
	err = r.raw.Read(func(uintptr) bool { return r.ready() })
	if err == nil {
		return true, nil
	}
	r.tick = time.Time{}
	code, option := 0, error(nil)
	if control := r.raw.Control(func(fd uintptr) { code, option = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR) }); control != nil {
		return false, fmt.Errorf("capture from %s: %w", r.name, control)
	}
	switch {
	case option == nil && code != 0: // the interface went away
		return false, fmt.Errorf("capture from %s: %w", r.name, unix.Errno(code))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	}
	return false, fmt.Errorf("capture from %s: %w", r.name, err)
}

// Dropped is how many packets found the ring full.
func (r *ring) Dropped() uint64 {
	_ = r.raw.Control(func(fd uintptr) { // an error leaves what is known
		if s, err := unix.GetsockoptTpacketStatsV3(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			r.dropped += uint64(s.Drops) // the kernel counts anew after each look
		}
	})
	return r.dropped
}

// Close ends the capture.
func (r *ring) Close() error {
	var err error
	if r.memory != nil {
		err = unix.Munmap(r.memory)
		r.memory = nil
	}
	return errors.Join(err, r.file.Close())
}

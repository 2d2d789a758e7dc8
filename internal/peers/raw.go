//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// raw keeps a schedule with as little as can be: one thread, epoll, a timer for absolute times, requests as bytes. It takes
// answers off the sockets, and knows nothing of what they say.
type raw struct {
	epoll, timer int
	sockets      []int
	open         []int // all of them
	taken        int   // bytes of answers
	buf          [64 << 10]byte
}

func sendRaw(args []string) error {
	flags := flag.NewFlagSet("raw", flag.ContinueOnError)
	to := flags.String("to", "", "address of the server")
	path := flags.String("schedule", "", "file of offsets in nanoseconds")
	connections := flags.Int("connections", 1, "used in turn")
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, err := os.ReadFile(*path)
	if err != nil {
		return fmt.Errorf("read schedule: %w", err)
	}
	due := make([]time.Duration, len(data)/8)
	for i := range due {
		due[i] = time.Duration(binary.LittleEndian.Uint64(data[8*i:]))
	}
	addr, err := netip.ParseAddrPort(*to)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var r raw
	defer r.close()
	if err := r.dial(addr, *connections); err != nil {
		return err
	}
	return r.send(due, addr.String())
}

func (r *raw) close() {
	for _, fd := range r.open {
		_ = unix.Close(fd) // what was sent is sent
	}
}

func (r *raw) dial(addr netip.AddrPort, connections int) (err error) {
	if r.epoll, err = unix.EpollCreate1(0); err != nil {
		return err
	}
	r.open = append(r.open, r.epoll)
	if r.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK); err != nil {
		return err
	}
	r.open = append(r.open, r.timer)
	for range connections {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		r.sockets, r.open = append(r.sockets, fd), append(r.open, fd)
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1), unix.SetNonblock(fd, true))
		if err != nil {
			return err
		}
	}
	for _, fd := range r.open[1:] { // all but epoll itself
		if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
	}
	return nil
}

// send ends when all answers of the sink have come, or have not for ten seconds.
func (r *raw) send(due []time.Duration, host string) error {
	requests := make([][]byte, len(due))
	for i := range due {
		requests[i] = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: peers\r\nAccept: */*\r\n\r\n", target(i), host)
	}
	begun, err := monotonic()
	if err != nil {
		return err
	}
	for i, at := range due {
		if err := r.until(begun+int64(at), 0); err != nil {
			return err
		}
		if _, err := unix.Write(r.sockets[i%len(r.sockets)], requests[i]); err != nil {
			return fmt.Errorf("send request %d: %w", i, err)
		}
	}
	now, err := monotonic()
	if err != nil {
		return err
	}
	return r.until(now+int64(10*time.Second), len(due)*len(answer))
}

// until takes answers until a moment of the monotonic clock, or until so many bytes have come in all, if that is not 0.
func (r *raw) until(moment int64, bytes int) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(moment)}
	if err := unix.TimerfdSettime(r.timer, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return err
	}
	var events [64]unix.EpollEvent
	for bytes == 0 || r.taken < bytes {
		if now, err := monotonic(); err != nil || now >= moment {
			return err
		}
		n, err := unix.EpollWait(r.epoll, events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, e := range events[:max(0, n)] {
			if int(e.Fd) == r.timer {
				continue // it is the clock that counts
			}
			n, err := unix.Read(int(e.Fd), r.buf[:])
			if err != nil && !errors.Is(err, unix.EAGAIN) {
				return fmt.Errorf("take answer: %w", err)
			}
			r.taken += max(0, n)
		}
	}
	return nil
}

// monotonic is the clock of the timer, in nanoseconds.
func monotonic() (int64, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano(), err
}

package linkproxy

import (
	"net"
	"time"
)

// socket is the far end of one direction. One goroutine at a time may use it.
type socket struct {
	conn    *net.TCPConn
	abort   func()              // called when conn fails
	delayed func(time.Duration) // called with what was added to each chunk
	broken  bool                // conn has failed: what comes is lost
	all     net.Buffers         // of a list; kept for its memory
	rest    net.Buffers         // what of all is still to be written
}

// write takes a list over and writes it, with one system call where the kernel has room.
func (s *socket) write(list *chunk) {
	defer freeAll(list)
	if s.broken {
		return
	}
	if s.put(list) != nil {
		s.broken = true
		s.abort()
		return
	}
	now := time.Now()
	for c := list; c != nil; c = c.next {
		s.delayed(now.Sub(c.read))
	}
}

func (s *socket) put(list *chunk) error {
	if list.next == nil {
		_, err := s.conn.Write(list.data)
		return err
	}
	s.all = s.all[:0]
	for c := list; c != nil; c = c.next {
		s.all = append(s.all, c.data)
	}
	s.rest = s.all
	_, err := s.rest.WriteTo(s.conn)
	return err
}

// end passes the end of the source on.
func (s *socket) end() {
	if !s.broken {
		_ = s.conn.CloseWrite() // fails only when the other side is gone already
	}
}

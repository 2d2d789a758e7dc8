// Package grpcwire finds the messages of a gRPC call in the bytes of its bodies, as they pass.
package grpcwire

import "encoding/binary"

// Prefix is how many bytes stand before each message: a flag, and the length of what follows ("Length-Prefixed-Message" in the
// description of gRPC over HTTP/2).
const Prefix = 5

// A Scanner reads one direction of a call. The zero value stands before the first message. It keeps no message.
type Scanner struct {
	head [Prefix]byte
	have int    // of the head
	left uint64 // of the message
}

// Scan reads the next bytes, and calls whole with the size of each message that ends in them, its prefix included.
func (s *Scanner) Scan(b []byte, whole func(size int64)) {
	for len(b) > 0 {
		if s.have < Prefix {
			n := copy(s.head[s.have:], b)
			s.have, b = s.have+n, b[n:]
			if s.have < Prefix {
				return
			}
			s.left = uint64(s.length())
		}
		n := min(s.left, uint64(len(b)))
		s.left, b = s.left-n, b[n:]
		if s.left == 0 {
			s.have = 0
			whole(Prefix + int64(s.length()))
		}
	}
}

func (s *Scanner) length() uint32 { return binary.BigEndian.Uint32(s.head[1:]) }

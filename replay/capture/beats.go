package capture

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// beatsMax bounds the messages of one side of a stream whose times are kept; a longer one is recorded without any.
const beatsMax = 1 << 14

// beats notes when each length-prefixed message of one side of a gRPC call was whole, as its bytes pass.
type beats struct {
	began  time.Time
	server bool
	list   []replay.Beat
	over   bool // there are too many

	head [5]byte // a flag, and the length
	have int     // of the head
	left uint64  // of the message
}

// isGRPC reports whether a body is length-prefixed messages, by its content type.
func isGRPC(contentType string) bool { return strings.HasPrefix(contentType, "application/grpc") }

// feed takes the next bytes.
func (s *beats) feed(b []byte) {
	for len(b) > 0 {
		if s.have < len(s.head) {
			n := copy(s.head[s.have:], b)
			s.have, b = s.have+n, b[n:]
			if s.have < len(s.head) {
				return
			}
			s.left = uint64(binary.BigEndian.Uint32(s.head[1:]))
		}
		n := min(s.left, uint64(len(b)))
		s.left, b = s.left-n, b[n:]
		if s.left == 0 {
			s.whole()
		}
	}
}

// whole notes the end of a message.
func (s *beats) whole() {
	s.have = 0
	if s.over = s.over || len(s.list) == beatsMax; s.over {
		s.list = nil
		return
	}
	s.list = append(s.list, replay.Beat{At: time.Since(s.began), FromServer: s.server, Size: int64(len(s.head)) + int64(binary.BigEndian.Uint32(s.head[1:]))})
}

// merged returns the messages of both sides in order of time; nil when each side has one at most, and what is known of
// all requests says it all.
func merged(client, server *held) []replay.Beat {
	if client.long || server.long || len(client.said) < 2 && len(server.said) < 2 {
		return nil
	}
	all := slices.Concat(client.said, server.said)
	slices.SortStableFunc(all, func(a, b replay.Beat) int { return cmp.Compare(a.At, b.At) })
	return all
}

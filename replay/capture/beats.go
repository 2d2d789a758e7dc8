package capture

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/internal/grpcwire"
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

	messages grpcwire.Scanner
}

// isGRPC reports whether a body is length-prefixed messages, by its content type.
func isGRPC(contentType string) bool { return strings.HasPrefix(contentType, "application/grpc") }

// feed takes the next bytes.
func (s *beats) feed(b []byte) { s.messages.Scan(b, s.whole) }

// whole notes the end of a message.
func (s *beats) whole(size int64) {
	if s.over = s.over || len(s.list) == beatsMax; s.over {
		s.list = nil
		return
	}
	s.list = append(s.list, replay.Beat{At: time.Since(s.began), FromServer: s.server, Size: size})
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

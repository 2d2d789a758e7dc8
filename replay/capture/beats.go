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

// Beats notes when each length-prefixed message of one side of a gRPC call was whole, as its bytes pass. The zero value is for
// the client's side.
type Beats struct {
	FromServer bool

	list []replay.Beat
	over bool // there are too many, or some are not known
	now  time.Duration

	messages grpcwire.Scanner
}

// IsGRPC reports whether a body is length-prefixed messages, by its content type.
func IsGRPC(contentType string) bool { return strings.HasPrefix(contentType, "application/grpc") }

// beatsOf returns what notes the messages of one side of an exchange, if it is a call of gRPC.
func beatsOf(contentType string, fromServer bool) *Beats {
	if !IsGRPC(contentType) {
		return nil
	}
	return &Beats{FromServer: fromServer}
}

// Feed takes the next bytes, which passed so long after the exchange began.
func (s *Beats) Feed(b []byte, at time.Duration) {
	if s.now = at; !s.over {
		s.messages.Scan(b, s.whole)
	}
}

// Miss notes that bytes are missing: where messages end is not known any more, and the call is recorded without any.
func (s *Beats) Miss() { s.over, s.list = true, nil }

// whole notes the end of a message.
func (s *Beats) whole(size int64) {
	if len(s.list) == beatsMax {
		s.Miss()
	}
	if !s.over {
		s.list = append(s.list, replay.Beat{At: s.now, FromServer: s.FromServer, Size: size})
	}
}

// MergeBeats returns the messages of both sides in order of time; nil when each side has one at most, and what is known of
// all requests says it all.
func MergeBeats(client, server *Beats) []replay.Beat {
	if client.over || server.over || len(client.list) < 2 && len(server.list) < 2 {
		return nil
	}
	all := slices.Concat(client.list, server.list)
	slices.SortStableFunc(all, func(a, b replay.Beat) int { return cmp.Compare(a.At, b.At) })
	return all
}

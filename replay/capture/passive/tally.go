package passive

import (
	"github.com/gameday-dev/gameday/internal/tcpstream"
	"github.com/gameday-dev/gameday/replay"
)

// fate is what became of a byte that was delivered and belongs to no message.
type fate uint8

const (
	fateMidStream fate = iota
	fateBehindGap
	fateForeign
	fateSwitched
	fateControl
	fates
)

// tally counts bytes by fate.
type tally [fates]uint64

func (t *tally) skip(f fate, n int) { t[f] += uint64(n) }

// packets returns what became of each packet.
func packets(s tcpstream.Stats) (t replay.Tally) {
	used := s.Packets
	for why, n := range s.Ignored {
		t.Count(tcpstream.Reason(why).String(), n)
		used -= n
	}
	t.Count("used", used)
	return t
}

// bytes returns what became of each byte of payload. All but the last two were captured.
func (t *tally) bytes(s tcpstream.Stats) (sum replay.Tally) {
	names := [fates]string{"before the first message", "behind a gap", "not HTTP", "of another protocol, switched to", "of HTTP/2 itself"}
	messages := s.Delivered
	for f, n := range t {
		sum.Count(names[f], n)
		messages -= n
	}
	sum.Count("in messages", messages)
	sum.Count("captured twice", s.Duplicate)
	sum.Count("before the pickup", s.Early)
	sum.Count("out of any window", s.Discarded)
	sum.Count("missing", s.Missing)
	sum.Count("cut by the snap length", s.Cut)
	return sum
}

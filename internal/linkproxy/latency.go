package linkproxy

import (
	"math/rand/v2"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
)

// latency is a toxic that delays each chunk, counted from when it was read, so that a stream keeps its
// throughput. Toxiproxy's own counts in whole milliseconds and draws its jitter from a shared source;
// links between near zones need half a millisecond, and a run must repeat from its seed.
type latency struct {
	base, jitter time.Duration
	rand         *rand.Rand // of this direction of this connection alone
}

var _ toxics.Toxic = (*latency)(nil)

func (l *latency) delay() time.Duration {
	if l.jitter <= 0 {
		return l.base
	}
	return max(0, l.base-l.jitter+time.Duration(l.rand.Int64N(2*int64(l.jitter)+1)))
}

// GetBufferSize bounds the chunks in flight: one a millisecond and some to spare, up to the 1,024 that
// Toxiproxy's latency has.
func (l *latency) GetBufferSize() int {
	return min(1024, 64+int((l.base+l.jitter)/time.Millisecond))
}

// Pipe passes chunks on when they are due. An interrupt passes the one in hand on at once.
func (l *latency) Pipe(stub *toxics.ToxicStub) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
			wait := time.Until(chunk.Timestamp.Add(l.delay()))
			if wait <= 0 {
				stub.Output <- chunk
				continue
			}
			timer.Reset(wait)
			select {
			case <-timer.C:
				stub.Output <- chunk
			case <-stub.Interrupt:
				stub.Output <- chunk
				return
			}
		}
	}
}

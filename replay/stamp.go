package replay

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/mark"
)

// markLife is how long a mark outlives the last moment at which its request can be sent.
const markLife = time.Minute

// A stamp puts on every request what says that it is a replay: the run, a signed mark that expires, and W3C trace
// context and baggage, which tracing libraries pass on to whatever the request causes.
type stamp struct {
	run    string
	fixed  []byte // header lines that all requests share
	signer *mark.Signer
	host   string
	life   time.Duration
	start  time.Time // of the run; set before the first request
}

// newStamp returns the stamp of a run against a host. Without a key it makes one that nobody else knows.
func newStamp(run string, key []byte, host string, t gameday.TrafficPlan) (*stamp, error) {
	if key == nil {
		key = make([]byte, 2*mark.KeyMin)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("make a key for marks: %w", err)
		}
	}
	signer, err := mark.NewSigner(key)
	if err != nil {
		return nil, fmt.Errorf("sign marks: %w", err)
	}
	token := mark.Token(run)
	fixed := mark.Colour + ": " + run + "\r\ntracestate: " + mark.Member + "=" + token + "\r\nbaggage: " + mark.BaggageKey + "=" + token + "\r\n" + mark.Header + ": "
	presses := time.Duration(t.Retries + 1)
	return &stamp{run: run, fixed: []byte(fixed), signer: signer, host: host, life: markLife + presses*(t.Timeout+t.RetryGap).Std()}, nil
}

// A tag tells the requests of one run apart.
type tag struct {
	seq   uint64
	due   time.Duration
	trace trace
}

// append appends the header lines, and the end of the header. host is what the request carries; that of the target when empty.
func (st *stamp) append(to []byte, t tag, method, host string) []byte {
	to = append(to, st.fixed...)
	to = st.signer.Append(to, st.run, mark.Mark{Sequence: t.seq, Issued: st.start.Add(t.due), Life: st.life}, method, cmp.Or(host, st.host))
	to = append(to, "\r\ntraceparent: 00-"...)
	var id [24]byte
	binary.BigEndian.PutUint64(id[:8], t.trace[0])
	binary.BigEndian.PutUint64(id[8:16], t.trace[1]|1)
	binary.BigEndian.PutUint64(id[16:], mix(t.trace[1])|1)
	to = hex.AppendEncode(to, id[:16])
	to = append(to, '-')
	to = hex.AppendEncode(to, id[16:])
	return append(to, "-01\r\n\r\n"...)
}

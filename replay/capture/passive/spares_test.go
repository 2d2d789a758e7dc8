package passive_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

// looker notes where the exchanges lie that it is given, and what they say.
type looker struct {
	places map[*replay.Exchange]bool
	said   []string
}

func (l *looker) Record(x *replay.Exchange) error {
	l.places[x] = true
	said := fmt.Sprintf("%s %v %v %s %d", brief(x), x.Header, x.Trailer, x.Session, x.Seq)
	if x.Response != nil {
		said += fmt.Sprintf(" %v %v", x.Response.Header, x.Response.Trailer)
	}
	l.said = append(l.said, said)
	return nil
}

// TestRecordedExchangesAreUsedAgain, and nothing of one is left in the next: what has much is followed by what has little.
func TestRecordedExchangesAreUsedAgain(t *testing.T) {
	const rounds = 100
	lines, want := []string(nil), []string(nil)
	for i := range rounds {
		lines = append(lines,
			"> POST /much HTTP/1.1\r\nHost: shop\r\nA: 1\r\nB: 2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nT: u\r\n\r\n",
			"< HTTP/1.1 200 OK\r\nC: 3\r\nD: 4\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nreply\r\n0\r\nV: w\r\n\r\n",
			"> GET /little HTTP/1.0\r\n\r\n", "< HTTP/1.1 204 No Content\r\n\r\n")
		want = append(want,
			fmt.Sprintf("POST /much body -> 200 reply [{A 1} {B 2} {Transfer-Encoding chunked}] [{T u}] conn-1 %d [{C 3} {D 4} {Transfer-Encoding chunked}] [{V w}]", 2*i),
			fmt.Sprintf("GET /little -> 204 [] [] conn-1 %d [] []", 2*i+1))
	}
	l := &looker{places: map[*replay.Exchange]bool{}}
	watch := passive.New(&packets{frames: say(append(lines, "")...).Frames}, l, passive.Options{Options: capture.Options{Start: monday, Wait: true}})
	require.NoError(t, watch.Run(context.Background()))
	require.Equal(t, strings.Join(want, "\n"), strings.Join(l.said, "\n"))
	require.Less(t, len(l.places), rounds)
}

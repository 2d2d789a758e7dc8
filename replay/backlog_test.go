package replay

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// A rush is a tape on which everything is due at once: ten requests of everybody.
type rush struct {
	read atomic.Int64
	many int64
}

func (r *rush) Next() (*Exchange, error) {
	n := r.read.Load()
	if n == r.many {
		return nil, io.EOF
	}
	r.read.Add(1)
	x := get(fmt.Sprintf("s%d", n/10), 0, fmt.Sprintf("/products/%d?page=%d", n%100, n))
	x.Header = Header{{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"}, {"Accept", "*/*"}, {"Cookie", fmt.Sprintf("sid=%d", n/10)}}
	return x, nil
}

// liveHeap returns the bytes that are in use.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // pools give up what they keep in the second
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}

// hung is a system that answers nothing until the test ends.
func hung(t *testing.T) (url string) {
	block := make(chan struct{})
	url = serve(t, func(http.ResponseWriter, *http.Request) { <-block })
	t.Cleanup(func() { close(block) })
	return url
}

// While a system answers nothing, the tape is read as far as there is room and no further: however long it is, as many
// requests are in memory, and as many bytes.
func TestWhatASlowSystemHasYetToAnswerIsBounded(t *testing.T) {
	const conns = 4
	const room = conns + maxWaiting + maxAhead
	used := map[int64]int64{}
	for _, many := range []int64{2 * room, 8 * room} {
		tape := &rush{many: many}
		p, err := New(Config{Open: func() (Source, error) { return tape, nil }, Targets: []string{hung(t)}, MaxConns: conns, Steady: true, Traffic: gameday.TrafficPlan{
			Timeout: gameday.Duration(time.Hour),
		}})
		require.NoError(t, err)
		before := liveHeap()
		ctx, stop := context.WithCancel(t.Context())
		var traffic gameday.Traffic
		ended := make(chan error, 1)
		go func() {
			var err error
			traffic, err = p.Run(ctx, time.Now(), nil)
			ended <- err
		}()
		held := func() bool {
			return p.rates.total[0].Load() == conns+maxWaiting && p.engine.backlog.waiting.Load()
		}
		require.Eventually(t, held, time.Minute, 10*time.Millisecond, "the tape is read on")
		used[many] = int64(liveHeap() - before)
		read := tape.read.Load()
		stop()
		require.NoError(t, <-ended)
		require.LessOrEqual(t, read, int64(room+4*maxBatch), "of %d", many)
		require.Equal(t, tape.read.Load(), traffic.Fidelity.Due, "all that was read was due, and is on the record")
		require.Equal(t, traffic.Fidelity.Due, traffic.Fidelity.Skipped[skipStopped])
	}
	t.Logf("bytes in use: %v", used)
	const bound = 2 << 10 // bytes of a request
	for many, bytes := range used {
		require.Less(t, bytes, int64(room*bound), "of %d requests", many)
	}
	require.InDelta(t, used[2*room], used[8*room], 4<<20, "a tape four times as long needs no more")
}

// All of a tape that is due at once comes to its end, though it finds no room at first, and its users wait from the due time on.
func TestWhatFindsNoRoomIsCountedFromItsDueTime(t *testing.T) {
	const many, patience = 4 * maxWaiting, time.Second
	tape := &rush{many: many}
	_, slices := play(t, Config{
		Open: func() (Source, error) { return tape, nil }, Targets: []string{hung(t)}, MaxConns: 4,
		Traffic: gameday.TrafficPlan{Timeout: gameday.Duration(patience), MaxLate: gameday.Duration(time.Hour)},
	})
	total, latency, _ := sum(slices, "")
	require.EqualValues(t, many, total.Due, "nothing is lost")
	require.EqualValues(t, many, total.Sent+total.Unsent)
	require.Equal(t, total.Sent, total.Classes[gameday.ClassTimeout])
	require.GreaterOrEqual(t, latency.Quantile(0), patience-time.Millisecond, "of those that were sent")
}

// What is due while there is no room waits for the system. That is no lateness of the generator, which begins where there is
// room again.
func TestWaitingForRoomIsNoLateness(t *testing.T) {
	var late []time.Duration
	now := time.Second
	l := newLedger([]gameday.Flow{{Name: "all"}}, time.Second, nil)
	s := &shard{open: weight{shots: 1}, room: weight{1, 1 << 20}, clock: clock{read: func() time.Duration { return now }}, e: &engine{
		ledger: l, backlog: newBacklog(1, false),
		taken: func(_ *shot, by time.Duration) { late = append(late, by) },
	}}
	earlier := &shot{req: &request{}, sess: &session{}}
	l.expect(earlier.due)
	s.due.push(&shot{due: 500 * time.Millisecond, req: &request{skip: skipUnsafe}, sess: &session{}})
	s.due.push(&shot{due: 3 * time.Second, req: &request{skip: skipUnsafe}, sess: &session{}})

	s.send()
	require.Empty(t, late, "there is no room")
	require.Equal(t, never, s.next())
	now = 2 * time.Second
	s.clock.passed()
	s.settle(earlier, record{done: now})
	require.Equal(t, 500*time.Millisecond, s.next())
	now += time.Millisecond
	s.clock.passed()
	s.send()
	require.Equal(t, []time.Duration{time.Millisecond}, late)
	now = 3*time.Second + 2*time.Millisecond
	s.clock.passed()
	s.send()
	require.Equal(t, []time.Duration{time.Millisecond, 2 * time.Millisecond}, late, "what is due afterwards is late by all")
	require.Zero(t, s.due.len())
}

// How many bytes are held is the generator's own affair: whoever waits for some of them is late.
func TestWaitingForBytesIsLateness(t *testing.T) {
	var late []time.Duration
	now := time.Second
	l := newLedger([]gameday.Flow{{Name: "all"}}, time.Second, nil)
	large := &shot{req: &request{weight: 1 << 20}, sess: &session{}}
	s := &shard{open: weight{1, large.weight()}, room: weight{1, 1 << 20}, clock: clock{read: func() time.Duration { return now }}, e: &engine{
		ledger: l, backlog: newBacklog(1, false),
		taken: func(_ *shot, by time.Duration) { late = append(late, by) },
	}}
	l.expect(large.due)
	s.due.push(&shot{due: 500 * time.Millisecond, req: &request{skip: skipUnsafe}, sess: &session{}})

	s.send()
	require.Empty(t, late, "there is no room")
	now = 2 * time.Second
	s.clock.passed()
	s.settle(large, record{done: now})
	s.send()
	require.Equal(t, []time.Duration{1500 * time.Millisecond}, late)
}

// Uploads that a system takes its time for fill the generator's memory before they use up the connections. What is not sent
// then is on the record as the generator's doing.
func TestARunThatIsShortOfMemorySaysSo(t *testing.T) {
	const fit = maxOpenBytes / (1 << 20)
	body := make([]byte, 1<<20)
	uploads := posts(2*fit, "POST", "")
	for _, x := range uploads {
		x.Body, x.Size = body, int64(len(body))
	}
	traffic, total := playOver(t, Config{
		Open: opener(uploads...), Targets: []string{hung(t)}, MaxConns: 4 * fit,
		Traffic: gameday.TrafficPlan{Unsafe: []string{"POST"}, Timeout: gameday.Duration(2 * time.Second)},
	}, false)
	require.EqualValues(t, 2*fit, total.Due)
	require.Positive(t, total.Unsent)
	require.Positive(t, traffic.Fidelity.LimitedSecond)
	require.Contains(t, strings.Join(traffic.Fidelity.Problems, "\n"), "too large ones")
}

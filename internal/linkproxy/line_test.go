package linkproxy

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// outlet records what a line writes, and when.
type outlet struct {
	start time.Time
	mu    sync.Mutex
	lists []list
}

type list struct {
	after time.Duration
	text  string
}

func (o *outlet) write(all *chunk) {
	var text []byte
	for c := all; c != nil; c = c.next {
		text = append(text, c.data...)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lists = append(o.lists, list{time.Since(o.start), string(text)})
}

func (o *outlet) seen() []list {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.lists)
}

func newTestLine(latency, jitter time.Duration) (*line, *outlet) {
	out := &outlet{start: time.Now()}
	return newLine(&shape{latency: latency, jitter: jitter}, rand.New(rand.NewPCG(1, 2)), out.write), out
}

func read(text string) *chunk { return &chunk{data: []byte(text), read: time.Now()} }

const ms = time.Millisecond

func TestALineHoldsEachChunkForItsLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newTestLine(5*ms, 0)
		l.send(read("a"))
		time.Sleep(3 * ms)
		l.send(read("b"))
		time.Sleep(7 * ms)
		l.send(read("c"))
		l.end()
		require.Equal(t, []list{{5 * ms, "a"}, {8 * ms, "b"}, {15 * ms, "c"}}, out.seen())
	})
}

func TestALineWritesTogetherWhatIsDueTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newTestLine(5*ms, 0)
		for _, text := range []string{"a", "b", "c"} {
			l.send(read(text))
		}
		l.end()
		require.Equal(t, []list{{5 * ms, "abc"}}, out.seen())
	})
}

func TestJitterKeepsTheOrderAndItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first []list
		for range 2 {
			l, out := newTestLine(5*ms, 4*ms)
			for i := range 26 {
				l.send(read(string(rune('a' + i))))
				time.Sleep(ms)
			}
			l.end()
			var text []byte
			for _, one := range out.seen() {
				for _, letter := range one.text {
					took := one.after - time.Duration(letter-'a')*ms
					require.GreaterOrEqual(t, took, 1*ms)
					require.LessOrEqual(t, took, 9*ms)
				}
				text = append(text, one.text...)
			}
			require.Equal(t, "abcdefghijklmnopqrstuvwxyz", string(text))
			if first == nil {
				first = out.seen()
			}
			require.Equal(t, first, out.seen(), "a seed fixes the jitter")
		}
	})
}

func TestWhatIsNotDelayedIsWrittenBySendItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newTestLine(0, 0)
		for range 3 {
			l.send(read("a"))
		}
		require.Len(t, out.seen(), 3)
		l.end()
	})
}

func TestWhatIsNotDelayedWaitsForWhatIsHeldBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newTestLine(5*ms, 0)
		l.send(read("a"))
		late := read("b")
		late.read = late.read.Add(-5 * ms) // due now
		l.send(late)
		require.Empty(t, out.seen())
		l.end()
		require.Equal(t, []list{{5 * ms, "ab"}}, out.seen())
	})
}

func TestAFullLineBlocksUntilSomethingLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newTestLine(5*ms, 0)
		for range l.shape.inFlight() {
			l.send(read("a"))
		}
		start := time.Now()
		l.send(read("b"))
		require.Equal(t, 5*ms, time.Since(start))
		l.end()
		require.Equal(t, "b", out.seen()[1].text)
	})
}

func TestFlushLetsGoAtOnceAndForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newTestLine(time.Hour, 0)
		l.send(read("a"))
		l.send(read("b"))
		l.flush()
		synctest.Wait()
		require.Equal(t, []list{{0, "ab"}}, out.seen())
		l.send(read("c"))
		require.Equal(t, list{0, "c"}, out.seen()[1])
		l.end()
	})
}

func TestFlushLetsGoOfASenderThatWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newTestLine(time.Hour, 0)
		for range l.shape.inFlight() {
			l.send(read("a"))
		}
		var sent sync.WaitGroup
		sent.Go(func() { l.send(read("b")) })
		synctest.Wait()
		l.flush()
		sent.Wait()
		l.end()
		var text []byte
		for _, one := range out.seen() {
			require.Zero(t, one.after)
			text = append(text, one.text...)
		}
		require.Len(t, text, l.shape.inFlight()+1)
		require.Equal(t, byte('b'), text[l.shape.inFlight()])
	})
}

package replay

import (
	"math/rand/v2"
	"testing"
	"testing/quick"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever is set, set anew and cleared, each connection comes out once, at the first tick after its deadline.
func TestTheWheelTellsEachDeadlineOnce(t *testing.T) {
	property := func(seed uint64) bool {
		r := rand.New(rand.NewPCG(seed, 7))
		var w wheel
		conns := make([]*conn, 200)
		want := map[*conn]time.Duration{}
		for i := range conns {
			conns[i] = &conn{}
		}
		for now := time.Duration(0); now < 20*time.Second; now += time.Duration(r.Int64N(int64(300 * time.Millisecond))) {
			for range 20 {
				switch c := conns[r.IntN(len(conns))]; r.IntN(3) {
				case 0:
					w.clear(c)
					delete(want, c)
				default:
					deadline := now + time.Duration(r.Int64N(int64(12*time.Second))) // two turns and more
					w.set(c, deadline)
					want[c] = deadline
				}
			}
			w.turn(now, func(c *conn) {
				if deadline, set := want[c]; !set || deadline > now {
					t.Errorf("told at %s of a deadline at %s, set: %t", now, deadline, set)
				}
				delete(want, c)
			})
			for _, deadline := range want {
				if deadline < now.Truncate(wheelTick)-wheelTick {
					t.Errorf("not told by %s of a deadline at %s", now, deadline)
				}
			}
		}
		return !t.Failed()
	}
	require.NoError(t, quick.Check(property, &quick.Config{MaxCount: 20}))
}

// A wheel that was not turned for many rounds looks at every slot once.
func TestTheWheelCatchesUp(t *testing.T) {
	var w wheel
	late := &conn{}
	w.set(late, 30*time.Millisecond)
	told := 0
	w.turn(time.Hour, func(*conn) { told++ })
	w.turn(2*time.Hour, func(*conn) { told++ })
	require.Equal(t, 1, told)
}

func TestAFifoGivesBackInOrder(t *testing.T) {
	var f fifo[int]
	next, want := 0, 0
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		if r.IntN(2) == 0 {
			f.push(next)
			next++
		} else if f.len() > 0 {
			require.Equal(t, want, f.first())
			require.Equal(t, want, f.pop())
			want++
		}
		require.Equal(t, next-want, f.len())
	}
}

package replay

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/quick"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever the order of putting in and of taking out between, a queue gives what a sorted list would.
func TestAQueueGivesBackInOrder(t *testing.T) {
	property := func(seed uint64) bool {
		r := rand.New(rand.NewPCG(seed, 1))
		disorder := []int{0, 1, 10, 1000}[r.IntN(4)]
		var q queue[*shot]
		var sorted []*shot
		for i := range 500 {
			if len(sorted) > 0 && r.IntN(3) == 0 {
				require.Same(t, sorted[0], q.first())
				require.Same(t, sorted[0], q.pop())
				sorted = sorted[1:]
				continue
			}
			x := &shot{due: time.Duration(i - r.IntN(disorder+1)), seq: uint64(i)}
			q.push(x)
			at, _ := slices.BinarySearchFunc(sorted, x, func(a, b *shot) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
			sorted = slices.Insert(sorted, at, x)
			require.Equal(t, len(sorted), q.len())
		}
		for _, x := range sorted {
			require.Same(t, x, q.pop())
		}
		return q.len() == 0
	}
	require.NoError(t, quick.Check(property, &quick.Config{MaxCount: 100}))
}

// A schedule is in order mostly: keeping it allocates nothing.
func TestAQueueInOrderDoesNotAllocate(t *testing.T) {
	var q queue[pending]
	for i := range 100 {
		q.push(pending{due: time.Duration(i)})
	}
	at := time.Duration(100)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		q.push(pending{due: at})
		q.pop()
		at++
	}))
	require.Empty(t, q.heap)
}

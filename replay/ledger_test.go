package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// settleSecond accounts for n requests of one second, and closes it.
func settleSecond(t testing.TB, l *ledger, second, n int) {
	for i := range n {
		due := time.Duration(second)*time.Second + time.Duration(i)*time.Second/time.Duration(n)
		l.expect(due)
		l.settle(&record{due: due, taken: due, sent: due, done: due + time.Millisecond, code: 200, class: gameday.ClassOK})
	}
	if err := l.close(time.Duration(second+1)*time.Second, func(gameday.Slice) {}); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkLedger accounts for a request, and folds 10,000 a second into their slices.
func BenchmarkLedger(b *testing.B) {
	const rate = 10_000
	l := newLedger([]gameday.Flow{{Name: "all"}}, time.Second, nil)
	b.ReportAllocs()
	for second := 0; second*rate < b.N; second++ {
		settleSecond(b, l, second, min(rate, b.N-second*rate))
	}
}

func TestALedgerUsesItsPagesAgain(t *testing.T) {
	const rate = 1000
	l := newLedger([]gameday.Flow{{Name: "all"}}, time.Second, nil)
	settleSecond(t, l, 0, rate)
	second := 1
	perSecond := testing.AllocsPerRun(20, func() {
		settleSecond(t, l, second, rate)
		second++
	})
	require.Less(t, perSecond, 0.1*rate, "what a second's slice is made of, and nothing for each of its requests")
	require.EqualValues(t, rate*second, l.fold.fidelity.Sent)
}

// A second in which more was due than is held is folded in parts. They add up to what it would be as a whole.
func TestASecondInPartsIsTheSameAsAWhole(t *testing.T) {
	const many = 2*maxHeld + 1000
	flows := []gameday.Flow{{Name: "even"}, {Name: "odd"}, {Name: "none"}}
	fold := func(each int) (all []gameday.Slice, f gameday.Fidelity) {
		l := newLedger(flows, time.Millisecond, nil)
		l.expect(0) // keeps the second open until the end
		for i := range many {
			due := time.Duration(i) * time.Second / many
			l.expect(due)
			l.settle(&record{
				due: due, taken: due + time.Duration(i%3)*time.Millisecond, sent: due + 3*time.Millisecond, done: due + 5*time.Millisecond + time.Duration(i), flow: i % 2,
				code: 200 + i%2, class: gameday.ClassOK, in: 3,
			})
			if i%each == 0 {
				require.NoError(t, l.close(time.Hour, nil))
				require.LessOrEqual(t, l.held, max(maxHeld, each))
			}
		}
		l.settle(&record{sent: 1, done: time.Second, code: 200, class: gameday.ClassOK})
		require.NoError(t, l.close(time.Second, func(s gameday.Slice) { all = append(all, s) }))
		return all, l.fold.fidelity
	}
	whole, of := fold(many)
	parts, ofParts := fold(100)
	require.Len(t, whole, len(flows))
	require.Equal(t, whole, parts)
	require.Equal(t, of, ofParts)
	require.EqualValues(t, 1, of.Seconds)
	require.EqualValues(t, many+1, of.Sent)
}

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

package capture

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASamplerTakesItsShareOfSessions(t *testing.T) {
	for _, rate := range []float64{0.01, 0.1, 0.5, 0.9} {
		s := newSampler(rate)
		taken := 0
		const sessions = 20_000
		for i := range sessions {
			if s.take(fmt.Sprint("customer-", i)) {
				taken++
			}
		}
		require.InDelta(t, rate, float64(taken)/sessions, 0.01)
	}
}

func TestASessionThatWasLeftOutStaysOut(t *testing.T) {
	s := newSampler(1)
	var out []string
	s.set(0.5)
	for i := range 100 {
		if name := fmt.Sprint("customer-", i); !s.take(name, "cookie-of-"+name) {
			out = append(out, name)
		}
	}
	require.NotEmpty(t, out)
	s.set(1)
	for _, name := range out {
		require.False(t, s.take(name), "half of a session is of little use")
		require.True(t, s.leftOut("cookie-of-"+name), "it is known before anything is copied")
	}
	require.True(t, s.take("a new customer"))
}

func TestASamplerForgetsTheOldest(t *testing.T) {
	s := newSampler(0.0001)
	for i := range 3 * leftOutMax {
		s.take(fmt.Sprint(i))
	}
	require.LessOrEqual(t, len(s.young)+len(s.old), 2*leftOutMax)
}

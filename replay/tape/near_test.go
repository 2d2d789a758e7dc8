package tape

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadingNearReadsTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	all := make([]byte, 5*nearSize+100)
	for i := range all {
		all[i] = byte(rng.Uint32())
	}
	plain, n := bytes.NewReader(all), &near{r: bytes.NewReader(all)}
	for range 2000 {
		at := rng.Int64N(int64(len(all)) + 20)
		size := 1 + rng.IntN(100)
		if rng.IntN(4) == 0 {
			size = 1 + rng.IntN(2*nearSize)
		}
		want, got := make([]byte, size), make([]byte, size)
		wantN, wantErr := plain.ReadAt(want, at)
		gotN, gotErr := n.ReadAt(got, at)
		require.Equal(t, wantN, gotN, "%d bytes at %d", size, at)
		require.Equal(t, wantErr, gotErr, "%d bytes at %d", size, at)
		require.True(t, bytes.Equal(want[:wantN], got[:gotN]), "%d bytes at %d", size, at)
	}
}

package tape

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
)

// onShelf lists what there is, the one used last first. One that is found no more has no place.
func onShelf[K comparable, V any](s *shelf[K, V], where func(K, V) place) (all []shelved[place, int]) {
	for e := s.order.Front(); e != nil; e = e.Next() {
		one, at := e.Value.(*shelved[K, V]), place{}
		if s.items[one.key] == e {
			at = where(one.key, one.value)
		}
		all = append(all, shelved[place, int]{key: at, size: one.size})
	}
	return all
}

// TestWriterAndReaderKeepTheSameShelf records bodies of all sizes, new and known ones, echoed ones and messages, some
// times the shelf.
func TestWriterAndReaderKeepTheSameShelf(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	bodies := make([][]byte, 60)
	for i := range bodies {
		bodies[i] = make([]byte, bodyMin-100+rng.IntN(400_000))
		bodies[i][0], bodies[i][1] = byte(i), 1
	}
	bodies[0] = make([]byte, shelfSize+1)
	bodies[1] = make([]byte, 9<<20)
	some := func() []byte { return bodies[min(rng.IntN(len(bodies)), rng.IntN(len(bodies)))] }

	e, d := newEncoder(), decoder{library: &library{keep: true}}
	echoed := make(map[place]bool) // the first of two in one record, which nobody refers to
	referred := 0
	for n := range 30 {
		e.reset()
		e.frame = int64(1000 * (n + 1))
		var payload []byte
		for range 5 {
			x := &replay.Exchange{Body: some(), Response: &replay.Response{Body: some()}}
			if rng.IntN(4) == 0 {
				x.Response.Body = x.Body
			}
			if len(x.Body) > shelfSize { // two are no record
				x.Response.Body = nil
			}
			payload = e.exchange(payload, x)
			payload = e.message(payload, &replay.Message{Body: make([]byte, 10_000)})
		}
		referred += e.referred
		d.reset(payload, e.frame)
		for {
			r, err := d.next()
			require.NoError(t, err)
			if r == (decoded{}) {
				break
			}
		}
		writer := onShelf(&e.shelf, func(_ [32]byte, p place) place { return p })
		reader := onShelf(&d.library.shelf, func(p place, _ []byte) place { return p })
		require.Len(t, reader, len(writer))
		for i, one := range writer {
			require.Equal(t, one.size, reader[i].size)
			if one.key == (place{}) {
				echoed[reader[i].key] = true
			} else {
				require.Equal(t, one.key, reader[i].key)
				require.False(t, echoed[one.key])
			}
		}
		require.Equal(t, e.shelf.size, d.library.shelf.size)
	}
	require.Greater(t, referred, 2*shelfSize)
	require.NotEmpty(t, echoed)
}

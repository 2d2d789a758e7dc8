package tape

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestADictionaryNumbersWhatAMapWould over several frames, with more strings than it may number.
func TestADictionaryNumbersWhatAMapWould(t *testing.T) {
	d := newDictionary()
	for frame, n := range []int{10, 3 * tableMax, 0, 300} {
		d.reset()
		want := map[string]uint64{}
		for i := range n {
			for _, s := range []string{fmt.Sprint("new ", frame, i), fmt.Sprint("again ", i%100), "", strings.Repeat("x", tableString+i%2)} {
				number, known := d.number(s)
				have, there := want[s]
				require.Equal(t, there, known, s)
				require.Equal(t, have, number, s)
				if !there && len(s) <= tableString && len(want) < tableMax {
					want[s] = uint64(len(want))
				}
			}
		}
		require.LessOrEqual(t, 2*len(d.strings), len(d.slots))
	}
	d.reset()
	require.Empty(t, d.strings)
	require.NotContains(t, d.strings[:cap(d.strings)], "again 1", "what no frame holds can go")
}

// TestADictionaryBeginsAnewWhenItsFramesAreCounted to the end.
func TestADictionaryBeginsAnewWhenItsFramesAreCounted(t *testing.T) {
	d := newDictionary()
	d.number("old")
	d.frame = ^uint32(0)
	d.reset()
	_, known := d.number("old")
	require.False(t, known, "it is of a frame that had the same count")
}

package replay

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCountsOfAVersion1TapeAreRead(t *testing.T) {
	var c Counts
	require.NoError(t, json.Unmarshal([]byte(`{"captured":20000,"filtered":120,"lost":{"queue full":3}}`), &c))
	require.Equal(t, Counts{Captured: 20000, Filtered: Tally{ruleUnnamed: 120}, Lost: Tally{"queue full": 3}}, c)
	require.Error(t, json.Unmarshal([]byte(`{"filtered":"many"}`), &c))
	require.NoError(t, json.Unmarshal([]byte(`{"filtered":0}`), &c))
	require.Zero(t, c.Filtered.Total())
}

func TestCompletenessIsOfWhatWasWanted(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		counts   Counts
		share    float64
		known    bool
	}{
		{"nothing arrived: nobody knows", Counts{}, 0, false},
		{"all was left out on purpose: nobody knows", Counts{Filtered: Tally{"path": 5}, Sampled: 3}, 0, false},
		{"all was captured", Counts{Captured: 9, Sampled: 1}, 1, true},
		{"what rules leave out is not missing", Counts{Captured: 90, Filtered: Tally{"path": 900}, Lost: Tally{LostKernel: 8, LostGap: 2}}, 0.9, true},
		{"all was lost", Counts{Lost: Tally{LostParse: 1}}, 0, true},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			share, known := tt.counts.Completeness()
			require.Equal(t, tt.known, known)
			require.InDelta(t, tt.share, share, 1e-12)
		})
	}
}

func TestWhatIsLeftOutIsNotForgotten(t *testing.T) {
	l := Ledger{
		"a": {Captured: 60, Lost: Tally{LostGap: 1}},
		"b": {Captured: 40, Sampled: 7},
	}
	before := l.Total().Arrived()
	left := l.LeaveOut(Tally{"from 10s": 25}, nil)
	require.Equal(t, Ledger{"a + b": {Captured: 75, Filtered: Tally{"from 10s": 25}, Sampled: 7, Lost: Tally{LostGap: 1}}}, left)
	require.Equal(t, before, left.Total().Arrived())
	require.Len(t, l, 2, "the ledger it comes from is unchanged")
	require.Equal(t, Tally{LostGap: 1, LostParse: 2}, l.LeaveOut(nil, Tally{LostParse: 2}).Total().Lost)
	require.Equal(t, l, l.LeaveOut(nil, nil))
	require.Nil(t, Ledger(nil).LeaveOut(Tally{"x": 1}, nil))
}

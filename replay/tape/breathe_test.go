package tape

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPackingRestsToKeepToItsShare(t *testing.T) {
	hurry := make(chan struct{})
	close(hurry)
	for name, c := range map[string]struct {
		share  float64
		worked time.Duration
		hurry  <-chan struct{}
		want   time.Duration
	}{
		"three times as long as it worked, for a quarter of a core": {0.25, 30 * time.Millisecond, nil, 90 * time.Millisecond},
		"not at all without a share":                                {0, time.Second, nil, 0},
		"not yet, after little work":                                {0.25, time.Millisecond, nil, 0},
		"not any more when the recording has ended":                 {0.25, time.Second, hurry, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := packer{Packing: Packing{Share: c.share}, hurry: c.hurry, worked: time.Now()}
				time.Sleep(c.worked)
				rested := time.Now()
				p.breathe(t.Context())
				require.Equal(t, c.want, time.Since(rested))
			})
		})
	}
}

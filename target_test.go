package gameday_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func TestPick(t *testing.T) {
	instances := func(healthy ...bool) []gameday.Target {
		var all []gameday.Target
		for i, h := range healthy {
			all = append(all, gameday.Target{Kind: gameday.KindInstance, Name: string(rune('a' + i)), Healthy: h})
		}
		return all
	}
	four := instances(true, true, true, true)
	for _, row := range []struct {
		name  string
		s     gameday.Selector
		found []gameday.Target
		want  int // 0: ErrNoTarget
	}{
		{"all of them", gameday.Selector{Mode: gameday.ModeAll}, four, 4},
		{"all, when nothing is said", gameday.Selector{}, four, 4},
		{"one", gameday.Selector{Mode: gameday.ModeOne}, four, 1},
		{"a number", gameday.Selector{Mode: gameday.ModeCount, Count: 3}, four, 3},
		{"a number that is not there", gameday.Selector{Mode: gameday.ModeCount, Count: 5}, four, 0},
		{"a share, rounded down", gameday.Selector{Mode: gameday.ModePercent, Percent: 70}, four, 2},
		{"a small share is at least one", gameday.Selector{Mode: gameday.ModePercent, Percent: 1}, four, 1},
		{"never those that are down", gameday.Selector{Mode: gameday.ModeAll}, instances(true, false, false), 1},
		{"nor only those", gameday.Selector{Mode: gameday.ModeOne}, instances(false, false), 0},
		{"nothing of nothing", gameday.Selector{Mode: gameday.ModeAll}, nil, 0},
		{"all but the minimum", gameday.Selector{Mode: gameday.ModeAll, MinHealthy: 3}, four, 1},
		{"a share, but for the minimum", gameday.Selector{Mode: gameday.ModePercent, Percent: 100, MinHealthy: 1}, four, 3},
		{"not a number that breaks the minimum", gameday.Selector{Mode: gameday.ModeCount, Count: 2, MinHealthy: 3}, four, 0},
		{"nor one when the minimum is all", gameday.Selector{Mode: gameday.ModeOne, MinHealthy: 4}, four, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.s.Kind = gameday.KindInstance
			pick := func(seed uint64) ([]gameday.Target, error) {
				return row.s.Pick(rand.New(rand.NewPCG(seed, 0)), row.found)
			}
			picked, err := pick(7)
			if row.want == 0 {
				require.ErrorIs(t, err, gameday.ErrNoTarget)
				return
			}
			require.NoError(t, err)
			require.Len(t, picked, row.want)
			for _, p := range picked {
				require.True(t, p.Healthy)
			}
			again, err := pick(7)
			require.NoError(t, err)
			require.Equal(t, picked, again, "a seed repeats the choice")
		})
	}
}

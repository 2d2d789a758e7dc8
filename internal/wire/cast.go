package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/diff"
	"github.com/gameday-dev/gameday/replay/timeshift"
)

// A cast is the players of a replay: the one that is reported, and those of the systems that it is compared with. All
// play the same tape with the same seed at the same time.
type cast struct {
	names    []string
	players  []*replay.Player
	comparer *diff.Comparer // nil when nothing is compared
	against  gameday.DiffPlan
	shifting *shifting
	shifter  *timeshift.Shifter // of the player that is reported; nil when times stay as they are
}

var _ gameday.Load = (*cast)(nil)

// newCast prepares the players of a plan; config holds what they share, and whom the first one plays to. jwtKey is the path of the
// key that signs moved tokens; see tokenKey.
func newCast(ctx context.Context, plan gameday.Plan, config replay.Config, jwtKey string) (*cast, error) {
	shifting, err := newShifting(plan.Traffic, jwtKey, config.Open)
	if err != nil {
		return nil, err
	}
	against := plan.Traffic.Diff
	comparer, err := newComparer(against)
	if err != nil {
		return nil, Refused{err}
	}
	c := &cast{comparer: comparer, against: against, shifting: shifting}
	if comparer != nil {
		config.Watch = comparer.Candidate
	}
	err = c.add(ctx, "", plan, config)
	config.Results = nil // one file, of the first
	for _, other := range []struct {
		name, target string
		watch        func(*replay.Answered)
	}{{"primary", against.Primary, comparer.Primary}, {"secondary", against.Secondary, comparer.Secondary}} {
		if err == nil && other.target != "" {
			config.Targets, config.Watch = []string{other.target}, other.watch
			err = c.add(ctx, other.name, plan, config)
		}
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// add prepares one more player. A target that looks like production is refused.
func (c *cast) add(ctx context.Context, name string, plan gameday.Plan, config replay.Config) error {
	shifter, err := c.shifting.equip(&config)
	if err != nil {
		return err
	}
	p, err := newPlayer(plan, config)
	if err != nil {
		return err
	}
	if len(c.players) == 0 {
		c.shifter = shifter
	}
	c.names, c.players = append(c.names, name), append(c.players, p)
	return check(ctx, p)
}

// first is the player that is reported.
func (c *cast) first() *replay.Player { return c.players[0] }

// Collect implements gameday.Load.
func (c *cast) Collect() []gameday.Sample { return c.first().Collect() }

// Run plays, and returns the traffic of the first player with what the comparison found.
func (c *cast) Run(ctx context.Context, start time.Time, sink func(gameday.Slice)) (gameday.Traffic, error) {
	traffic, errs := make([]gameday.Traffic, len(c.players)), make([]error, len(c.players))
	var playing sync.WaitGroup
	for i, p := range c.players {
		playing.Go(func() {
			if i == 0 {
				traffic[i], errs[i] = p.Run(ctx, start, sink)
				return
			}
			traffic[i], errs[i] = p.Run(ctx, start, nil)
		})
	}
	playing.Wait()
	all := traffic[0]
	for i := 1; i < len(traffic); i++ {
		for _, problem := range traffic[i].Fidelity.Problems {
			all.Fidelity.Problems = append(all.Fidelity.Problems, c.names[i]+": "+problem)
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s: %w", c.names[i], errs[i])
		}
	}
	if c.shifter != nil {
		all.Fidelity.Shifted = c.shifter.Counts()
	}
	all.Diff = c.close()
	return all, errors.Join(errs...)
}

// close ends the comparison; nil when there was none.
func (c *cast) close() *gameday.Diff {
	if c.comparer == nil {
		return nil
	}
	d := c.comparer.Close()
	c.comparer = nil
	d.Against, d.Noise = "recording", c.against.Secondary
	if c.against.Primary != "" {
		d.Against = c.against.Primary
	}
	return d
}

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
	"github.com/gameday-dev/gameday/replay/redact"
)

// DiffOptions say what the answers of a replay are compared with.
type DiffOptions struct {
	Recording bool   // with what was recorded
	Primary   string // or with the answers of the system at this URL
	Secondary string // a second instance of it, whose differences from it are noise
	Ignore    []string
	Fallback  []string
}

func (o DiffOptions) wanted() bool { return o.Recording || o.Primary != "" }

func (o DiffOptions) check() error {
	switch {
	case o.Recording && o.Primary != "":
		return errors.New("answers are compared with the recording or with a primary, not with both")
	case o.Secondary != "" && o.Primary == "":
		return errors.New("a secondary shows the noise of a primary: say which with --diff-primary")
	case !o.wanted() && len(o.Ignore)+len(o.Fallback) > 0:
		return errors.New("nothing is compared: add --diff or --diff-primary")
	}
	return nil
}

// comparer starts the comparison; nil when none is wanted.
func (o DiffOptions) comparer() (*diff.Comparer, error) {
	if err := o.check(); err != nil || !o.wanted() {
		return nil, err
	}
	redactor, err := redact.New(redact.Rules{}, nil)
	if err != nil {
		return nil, err
	}
	options := diff.Options{Ignore: o.Ignore, Fallback: o.Fallback, Redact: redactor.Exchange}
	if o.Recording {
		return diff.WithRecording(options)
	}
	return diff.WithPrimary(o.Secondary != "", options)
}

// A cast is the players of a replay: the one that is reported, and those of the systems that it is compared with. All
// play the same tape with the same seed at the same time.
type cast struct {
	names    []string
	players  []*replay.Player
	comparer *diff.Comparer
	against  DiffOptions
}

// newCast prepares the players of a plan; config holds what they share.
func newCast(ctx context.Context, plan gameday.Plan, config replay.Config, o DiffOptions) (*cast, error) {
	comparer, err := o.comparer()
	if err != nil {
		return nil, Refused{err}
	}
	c := &cast{comparer: comparer, against: o}
	add := func(name, target string, watch func(*replay.Answered)) {
		if err != nil || target == "" {
			return
		}
		config.Targets, config.Watch = []string{target}, watch
		var p *replay.Player
		if p, err = newPlayer(plan, config); err == nil {
			err = check(ctx, p)
		}
		c.names, c.players = append(c.names, name), append(c.players, p)
		config.Results = nil // one file, of the first
	}
	if comparer == nil {
		add("", plan.Traffic.To, nil)
	} else {
		add("", plan.Traffic.To, comparer.Candidate)
		add("primary", o.Primary, comparer.Primary)
		add("secondary", o.Secondary, comparer.Secondary)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// run plays, and returns the traffic of the first player with what the comparison found.
func (c *cast) run(ctx context.Context, start time.Time, sink func(gameday.Slice)) (gameday.Traffic, error) {
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
	all.Diff = c.close()
	return all, errors.Join(errs...)
}

// close ends the comparison; nil when there was none.
func (c *cast) close() *gameday.Diff {
	if c.comparer == nil {
		return nil
	}
	d := c.comparer.Close()
	d.Against, d.Noise = "recording", c.against.Secondary
	if c.against.Primary != "" {
		d.Against = c.against.Primary
	}
	return d
}

package wire

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/platform/local"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/tape"
)

// TapeSuffix ends the names of tapes; what does not end so is imported.
const TapeSuffix = ".gdtape"

// Open returns the exchanges of a recording, in order of time, whatever its format: a tape, a directory of tapes, or
// what package capture imports. Encrypted tapes need a key. The caller closes it.
func Open(path string, k Keys, o capture.ImportOptions) (replay.Source, error) {
	if IsReel(path) {
		read, err := k.Read()
		if err != nil {
			return nil, err
		}
		return tape.OpenReel(path, read)
	}
	if strings.HasSuffix(path, TapeSuffix) {
		read, err := k.Read()
		if err != nil {
			return nil, err
		}
		return tape.Open(path, read)
	}
	return capture.Open(path, o)
}

// openTape opens a recording that needs no key and explains itself.
func openTape(path string) func() (replay.Source, error) {
	return func() (replay.Source, error) { return Open(path, Keys{}, capture.ImportOptions{}) }
}

// newPlayer prepares one player of a plan; c holds what a plan does not say.
func newPlayer(plan gameday.Plan, c replay.Config) (*replay.Player, error) {
	first, err := c.Open()
	if err != nil {
		return nil, err
	}
	if err := closeSource(first); err != nil {
		return nil, err
	}
	c.Traffic, c.Flows, c.Phases, c.Seed = plan.Traffic, plan.Flows, plan.Phases, plan.Seed
	c.Steady = !slices.ContainsFunc(plan.Steps, func(s gameday.Step) bool { return s.Selector.Kind == gameday.KindTraffic })
	if plan.Ledger != nil {
		c.Ack = replay.Ack{Flow: plan.Ledger.Flow, ID: plan.Ledger.ID}
	}
	p, err := replay.New(c)
	if err != nil {
		return nil, Refused{err}
	}
	return p, nil
}

func closeSource(s replay.Source) error {
	if c, ok := s.(interface{ Close() error }); ok {
		return c.Close()
	}
	return nil
}

// entryURLs turns the plan's entry, a name of the topology or a URL, into URLs.
func entryURLs(plan gameday.Plan) ([]string, error) {
	to := plan.Traffic.To
	if u, err := url.Parse(to); err == nil && u.Scheme != "" && u.Host != "" {
		return []string{to}, nil
	}
	t, err := local.Load(plan.Environment.Topology)
	if err != nil {
		return nil, err
	}
	for _, e := range t.Entries {
		if e.Name == to {
			return []string{"http://" + e.Listen}, nil
		}
	}
	return nil, fmt.Errorf("traffic to %q: the topology %s has no such entry, and it is no URL", to, plan.Environment.Topology)
}

// ledgerReader balances acknowledged ids against what the system's admin page lists. The page of any healthy
// instance will do; it is asked until one answers.
func ledgerReader(t *Topology, plan gameday.Plan) func(context.Context, []gameday.Ack) (gameday.Ledger, error) {
	if plan.Ledger == nil {
		return nil
	}
	return func(ctx context.Context, acks []gameday.Ack) (gameday.Ledger, error) {
		var errs []error
		for ctx.Err() == nil {
			pages, err := t.Client.AdminURLs(ctx, plan.Ledger.Service, plan.Ledger.Path)
			if err != nil {
				return gameday.Ledger{}, err
			}
			errs = errs[:0]
			for _, page := range pages {
				kept, err := readLedger(ctx, page)
				if err == nil {
					return balance(acks, kept), nil
				}
				errs = append(errs, err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond): // between two rounds of asking
			}
		}
		return gameday.Ledger{}, fmt.Errorf("read what %s kept: %w", plan.Ledger.Service, errors.Join(append(errs, ctx.Err())...))
	}
}

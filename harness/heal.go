package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gameday-dev/gameday"
)

// Times of healing: one attempt, and how often a heal that has no effect is given again.
const (
	healAttempt = 10 * time.Second
	healAgain   = 2 * time.Second
)

// healer ends faults. It knows only the fault, so a run and a recovery heal alike.
type healer struct {
	platform gameday.Platform
	catalog  gameday.Catalog
	limit    time.Duration
}

// heal ends the fault and returns the evidence that it is gone. It tries until its limit; an error means that the
// fault may still be there. A fault whose effect can be measured must be seen gone. For one whose effect never was
// (measured is false) it is enough, after patience, that the platform holds nothing for it any more.
func (h healer) heal(ctx context.Context, f gameday.Fault, patience time.Duration, measured bool) (gameday.Evidence, error) {
	limited, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	var (
		monkey    = h.monkey(f)
		began     = time.Now()
		given     time.Time // the last heal that went well
		evidence  = gameday.Evidence{What: "not measured"}
		healErr   error
		verifyErr error
	)
	for {
		if given.IsZero() || time.Since(given) >= healAgain {
			if err := attempt(limited, monkey, h.platform, f); err == nil {
				healErr, given = nil, time.Now()
			} else if healErr == nil || limited.Err() == nil { // what the limit cuts off tells less than what came before
				healErr = err
			}
		}
		if !given.IsZero() {
			evidence, verifyErr = verify(limited, monkey, h.platform, f)
			switch {
			case verifyErr != nil:
			case evidence.Effect == gameday.Gone:
				return evidence, nil
			case evidence.Effect == gameday.EffectUnknown && !measured && time.Since(began) >= patience && h.free(limited, f):
				return unmeasured(evidence), nil
			}
		}
		if !sleep(limited, verifyPause) {
			break
		}
	}
	if !measured && !given.IsZero() && verifyErr == nil && evidence.Effect == gameday.EffectUnknown && h.free(ctx, f) {
		return unmeasured(evidence), nil
	}
	return evidence, fmt.Errorf("%s on %s is not known to be gone after %s (%s): run `gameday recover %s`",
		f.Monkey, f.Target.Name, h.limit, trouble(evidence, healErr, verifyErr), f.Run)
}

// free reports whether the platform says that it holds nothing for the fault. Not knowing is not free.
func (h healer) free(ctx context.Context, f gameday.Fault) bool {
	held, known := holding(ctx, h.platform, f.ID)
	return known && !held
}

func attempt(ctx context.Context, monkey gameday.Monkey, p gameday.Platform, f gameday.Fault) error {
	ctx, cancel := context.WithTimeout(ctx, healAttempt)
	defer cancel()
	return monkey.Heal(ctx, p, f)
}

func unmeasured(e gameday.Evidence) gameday.Evidence {
	e.What = "the platform holds nothing for it any more; its effect was not measured: " + e.What
	return e
}

func trouble(e gameday.Evidence, heal, verify error) string {
	if err := errors.Join(heal, verify); err != nil {
		return err.Error()
	}
	return e.What
}

// monkey returns the fault's monkey, or, when the catalog no longer knows it, one that lets the platform let go.
func (h healer) monkey(f gameday.Fault) gameday.Monkey {
	m, err := h.catalog.New(f.Monkey, f.Config)
	if err != nil {
		return stranger{why: err}
	}
	return m
}

// stranger heals faults of monkeys that this program does not know, such as those of a newer version: the
// platform knows what it holds for them.
type stranger struct{ why error }

var _ gameday.Monkey = stranger{}

func (s stranger) Prepare(context.Context, gameday.Platform, gameday.Target) (gameday.Fault, error) {
	return gameday.Fault{}, s.why
}

func (s stranger) Inject(context.Context, gameday.Platform, gameday.Fault) error { return s.why }

func (s stranger) Verify(context.Context, gameday.Platform, gameday.Fault) (gameday.Evidence, error) {
	return gameday.Evidence{What: s.why.Error()}, nil
}

func (s stranger) Heal(ctx context.Context, p gameday.Platform, f gameday.Fault) error {
	return gameday.Release(ctx, p, f.ID)
}

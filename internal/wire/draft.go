package wire

import (
	"context"
	"errors"

	"github.com/gameday-dev/gameday"
)

// draftLoad stands for the traffic while a plan is only looked at.
type draftLoad struct{}

var errDraft = errors.New("this is only a look at the plan: nothing can be changed")

func (draftLoad) Name() string { return "traffic" }

func (draftLoad) Find(_ context.Context, s gameday.Selector) ([]gameday.Target, error) {
	if s.Kind != gameday.KindTraffic {
		return nil, nil
	}
	return []gameday.Target{{Kind: gameday.KindTraffic, Name: "traffic", Healthy: true}}, nil
}

func (draftLoad) Surge(context.Context, float64, string, gameday.Grip) error { return errDraft }

func (draftLoad) Offered(context.Context) (factor, rate float64, err error) { return 1, 0, nil }

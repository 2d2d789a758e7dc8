package wire

import (
	"errors"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay/diff"
	"github.com/gameday-dev/gameday/replay/redact"
)

// checkDiff says what is wrong with a comparison.
func checkDiff(p gameday.DiffPlan) error {
	switch {
	case p.Recording && p.Primary != "":
		return errors.New("answers are compared with the recording or with a primary, not with both")
	case p.Secondary != "" && p.Primary == "":
		return errors.New("a secondary shows the noise of a primary: say which with --diff-primary")
	case !p.Wanted() && len(p.Ignore)+len(p.Fallback) > 0:
		return errors.New("nothing is compared: add --diff or --diff-primary")
	}
	return nil
}

// newComparer starts a comparison; nil when none is wanted.
func newComparer(p gameday.DiffPlan) (*diff.Comparer, error) {
	if err := checkDiff(p); err != nil || !p.Wanted() {
		return nil, err
	}
	redactor, err := redact.New(redact.Rules{}, nil)
	if err != nil {
		return nil, err
	}
	options := diff.Options{Ignore: p.Ignore, Fallback: p.Fallback, Redact: redactor.Exchange}
	if p.Recording {
		return diff.WithRecording(options)
	}
	return diff.WithPrimary(p.Secondary != "", options)
}

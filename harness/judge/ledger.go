package judge

import (
	"context"
	"fmt"
	"strings"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Assertion = Ledger{}

// Ledger judges that every effect that was acknowledged to a client exists, exactly once.
type Ledger struct{}

// named at most this many of the missing and duplicate ones.
const ledgerExamples = 5

// Judge implements gameday.Assertion.
func (Ledger) Judge(_ context.Context, r gameday.Run) (gameday.Finding, error) {
	f := gameday.Finding{
		Name: "ledger", Kind: kindLedger, Severity: gameday.SeverityFail,
		Expected: "every acknowledged effect exists exactly once",
	}
	if p := r.Plan.Ledger; p != nil {
		f.Name, f.Flow = "ledger of "+p.Flow, p.Flow
	}
	l := r.Ledger
	switch {
	case l == nil:
		f.Why = "the ledger was not balanced; did the run end early?"
	case l.Unread != "":
		f.Why = fmt.Sprintf("what the system kept could not be read: %s; check ledger.service and ledger.path in the scenario", l.Unread)
	case l.Acked == 0:
		f.Why = "nothing was acknowledged, so that nothing could be lost; check ledger.flow and ledger.id, and that the tape has such requests"
	case len(l.Missing)+len(l.Duplicate) > 0:
		f.Outcome = gameday.Fail
		f.Observed = fmt.Sprintf("%d acknowledged, %s, %s", l.Acked, some(l.Missing, "missing"), some(l.Duplicate, "duplicate"))
	default:
		f.Outcome = gameday.Pass
		f.Observed = fmt.Sprintf("%d acknowledged, all kept once", l.Acked)
	}
	return f, nil
}

func some(ids []string, what string) string {
	text := fmt.Sprintf("%d %s", len(ids), what)
	if len(ids) == 0 {
		return text
	}
	shown := ids[:min(len(ids), ledgerExamples)]
	return text + " (" + strings.Join(shown, ", ") + strings.Repeat(" ...", min(1, len(ids)-len(shown))) + ")"
}

package harness

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gameday-dev/gameday"
)

// Report is what a run left.
type Report struct {
	Run     gameday.Run     // as recorded, ready to be judged
	Result  gameday.Result  // the best that a judge may still make of it: PASS when nothing stands against that
	Reasons []string        // why Result is not PASS, the worst first
	Open    []gameday.Fault // leaked, with the command that heals them in Reasons
	Signal  *Interrupted    // what ended the run, if a signal did
}

// ExitCode returns the exit code of a process that carried out the run, given the final result. A signal shows unless
// something worse happened.
func (r Report) ExitCode(final gameday.Result) int {
	final = final.Worse(r.Result)
	if r.Signal != nil && final != gameday.ResultLeaked && final != gameday.ResultError {
		return r.Signal.ExitCode()
	}
	return final.ExitCode()
}

// report sums the run up.
func (e *engine) report(ledger *gameday.Ledger, signal *Interrupted) (Report, error) {
	run := e.soFar()
	run.Meta.Ended = time.Now()
	run.Ledger = ledger
	_, journalErr := e.record.so()
	r := Report{Run: run, Open: gameday.OpenFaults(run.Events), Signal: signal}
	r.Result, r.Reasons = Summarize(run.Plan, run.Events)
	if journalErr != nil {
		r.Reasons = slices.Insert(r.Reasons, 0, journalErr.Error())
	}
	err := errors.Join(e.failure, journalErr)
	if err != nil {
		r.Result = r.Result.Worse(gameday.ResultError)
	}
	return r, err
}

// Summarize returns the best result that events leave open, and what stands against a pass, the worst first. It is
// pure: a journal gives the same answer at any time.
func Summarize(plan gameday.Plan, events []gameday.Event) (gameday.Result, []string) {
	var s summary
	touched := map[string]bool{}
	ended, stopped := false, false
	for _, e := range events {
		switch e.Kind {
		case gameday.EventInjecting:
			touched[e.Step] = true
		case gameday.EventSkipped:
			touched[e.Step] = true
			if e.Outcome != gameday.Pass {
				s.add(gameday.ResultInconclusive, "step %s was skipped: %s", e.Step, e.Text)
			}
		case gameday.EventUnproven:
			s.add(gameday.ResultInconclusive, "step %s is unproven: %s", e.Step, e.Text)
		case gameday.EventNote:
			if e.Outcome == gameday.Fail {
				s.add(gameday.ResultInconclusive, "%s", e.Text)
			}
		case gameday.EventSteady:
			if e.Outcome != gameday.Pass {
				stopped = true
				s.add(gameday.ResultInconclusive, "not steady before the first fault: %s", e.Text)
			}
		case gameday.EventAbort, gameday.EventSignal:
			stopped = true
			s.add(gameday.ResultAborted, "%s", e.Text)
		case gameday.EventError:
			stopped = true
			s.add(gameday.ResultError, "%s", e.Text)
		case gameday.EventEnd:
			ended = true
		}
	}
	for _, f := range gameday.OpenFaults(events) {
		s.add(gameday.ResultLeaked, "%s on %s is not known to be healed: run `gameday recover %s`", f.Monkey, f.Target.Name, f.Run)
	}
	if !ended {
		s.add(gameday.ResultError, "the run did not come to its end: the harness was stopped from outside")
	}
	for _, step := range plan.Steps {
		if ended && !stopped && !touched[step.Name] {
			s.add(gameday.ResultInconclusive, "step %s was never carried out", step.Name)
		}
	}
	return s.sum()
}

// summary is what stands against a pass.
type summary []objection

type objection struct {
	result gameday.Result
	reason string
}

func (s *summary) add(result gameday.Result, format string, args ...any) {
	*s = append(*s, objection{result, fmt.Sprintf(format, args...)})
}

// sum returns the worst result, and the reasons in its order.
func (s summary) sum() (gameday.Result, []string) {
	slices.SortStableFunc(s, func(a, b objection) int {
		switch {
		case a.result == b.result:
			return 0
		case a.result.Worse(b.result) == a.result:
			return -1
		}
		return 1
	})
	worst, reasons := gameday.ResultPass, []string(nil)
	for _, one := range s {
		worst, reasons = worst.Worse(one.result), append(reasons, one.reason)
	}
	return worst, reasons
}

package judge

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gameday-dev/gameday"
)

// skipped is what was due of a flow in a window and not sent, for reasons in which the system had a hand: a request
// that needs the order number of an order that failed, or one whose session still waited for an answer. Nobody was
// let down by them, so they are no failures; but a success rate that leaves them out flatters, and so they are
// bounded.
type skipped struct {
	flow    string
	phase   gameday.Phase
	due     int64 // but for what was skipped for other reasons
	noValue int64
	busy    int64
}

func skippedIn(r gameday.Run, flow string, phase gameday.Phase, from, to gameday.Duration) skipped {
	s := skipped{flow: flow, phase: phase}
	for _, slice := range slicesOf(r, flow, from, to) {
		noValue, busy := slice.Skips[gameday.SkipNoValue], slice.Skips[gameday.SkipBusy]
		s.noValue += noValue
		s.busy += busy
		s.due += slice.Due - slice.Skipped + noValue + busy
	}
	return s
}

// problem says that more was skipped than the plan allows; "" when not. Two requests are never too many.
func (s skipped) problem(p gameday.TrafficPlan) string {
	var problems []string
	for _, cause := range []struct {
		n     int64
		bound float64
		text  string
	}{
		{s.noValue, cmp.Or(p.MaxSkipped, gameday.DefaultMaxSkipped), "skipped because an earlier answer of their session failed, and maxSkipped allows %g%%"},
		{s.busy, cmp.Or(p.MaxDropped, gameday.DefaultMaxDropped), "dropped because their session was busy, and maxDropped allows %g%%"},
	} {
		if cause.n > tolerated && float64(cause.n) > cause.bound*float64(s.due) {
			problems = append(problems, fmt.Sprintf("%d of %d requests of %s in the %s phase were "+cause.text, cause.n, s.due, s.named(), s.phase, 100*cause.bound))
		}
	}
	return strings.Join(problems, "; ")
}

func (s skipped) named() string {
	if s.flow == "" {
		return "all flows"
	}
	return "flow " + s.flow
}

// skipProblems looks at each flow in the phases in which it has a promise to keep; where no flow has any, at all flows in all
// phases.
func skipProblems(r gameday.Run) ([]string, error) {
	var problems []string
	facts, promises := factsOf(r), false
	for _, flow := range r.Plan.Flows {
		promises = promises || len(flow.Objectives) > 0
		for _, phase := range judgedPhases {
			problem, err := skipProblem(r, facts, flow, phase)
			if err != nil {
				return nil, err
			}
			if problem != "" {
				problems = append(problems, problem)
			}
		}
	}
	if promises {
		return problems, nil
	}
	for _, flow := range flowNames(r) {
		for _, phase := range judgedPhases {
			from, to := facts.window(r.Plan.Phases, phase)
			if problem := skippedIn(r, flow, phase, from, to).problem(r.Plan.Traffic); problem != "" {
				problems = append(problems, problem)
			}
		}
	}
	return problems, nil
}

// skipProblem is the first problem of a flow in a phase, over the windows of its objectives.
func skipProblem(r gameday.Run, f facts, flow gameday.Flow, phase gameday.Phase) (string, error) {
	for _, o := range flow.Objectives {
		a := Objective{flow, o}
		if !a.promised(phase) {
			continue
		}
		from, to, err := a.window(r, f, phase)
		if err != nil {
			return "", err
		}
		if problem := skippedIn(r, flow.Name, phase, from, to).problem(r.Plan.Traffic); problem != "" {
			return problem, nil
		}
	}
	return "", nil
}

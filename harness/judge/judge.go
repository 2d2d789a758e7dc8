// Package judge says what a recorded run proved. It reads a run and nothing else: no platform, no clock,
// no network of its own, so that the same record gives the same verdict on any later day.
//
// Every expectation of a plan is one gameday.Assertion, one kind per file: objectives of flows and their
// recovery, steady state, answers of PromQL, the ledger. Beside them stand the guards, which are always
// on: that traffic flowed, that it was offered on time, that each fault was seen to bite and seen to be
// gone, that metrics were scraped, that the host was not the bottleneck. Whatever they cannot see is
// Unknown, and nothing Unknown is ever a pass.
//
// See [Judge] for the whole, [Worsen] for what the harness adds to it, [Gate] for the question before the first fault, and the Example for a run that is judged
// again from its directory.
package judge

import (
	"context"
	"fmt"

	"github.com/gameday-dev/gameday"
)

// Judge lets every assertion of the plan and every guard look at the run, and folds the findings into a
// verdict. The findings come worst first. It asks r.Metrics and blocks as long as that answers; when ctx
// ends, what was not judged yet is Unknown.
func Judge(ctx context.Context, r gameday.Run) gameday.Verdict {
	var findings []gameday.Finding
	at, stopped := factsOf(r).stopped()
	for _, a := range Assertions(r.Plan) {
		f := ask(ctx, a, r)
		if stopped && f.Outcome == gameday.Unknown && (f.To == 0 || f.To > at+second) { // its own reason would mislead
			f.Why = "the run was stopped at " + clock(at) + ", before there was enough to judge"
		}
		findings = append(findings, f)
	}
	return fold(ctx, r, findings)
}

// Assertions returns all that a run of the plan is judged by, guards first.
func Assertions(p gameday.Plan) []gameday.Assertion {
	all := []gameday.Assertion{TrafficFlowed{}, OnTime{}, Undoubted{}}
	if scrapes(p) {
		all = append(all, Scraped{})
	}
	all = append(all, HostSpare{})
	for _, step := range p.Steps {
		all = append(all, Proof{step})
	}
	if len(p.Steps) > 0 {
		all = append(all, Healed{}, Steady{gameday.Baseline}, Steady{gameday.Recovery})
	} else {
		all = append(all, Steady{gameday.Always})
	}
	for _, flow := range p.Flows {
		for _, o := range flow.Objectives {
			if o.Metric != "recovery" {
				all = append(all, Objective{flow, o})
			} else if len(p.Steps) > 0 { // without a fault there is nothing to recover from
				all = append(all, Recovery{flow, o})
			}
		}
	}
	for _, spec := range p.Assertions {
		all = append(all, Answer{spec})
	}
	for _, bound := range p.Traffic.Diff.Bounds {
		all = append(all, Answered{bound})
	}
	if p.Ledger != nil {
		all = append(all, Ledger{})
	}
	return all
}

// scrapes reports whether a run of the plan has pages of metrics to read.
func scrapes(p gameday.Plan) bool {
	return p.Environment.Topology != "" || len(p.Metrics.Targets) > 0 || p.Metrics.Remote != ""
}

// ask makes an error, and a panic that would hide every other finding, a finding like others.
func ask(ctx context.Context, a gameday.Assertion, r gameday.Run) (f gameday.Finding) {
	defer func() {
		if p := recover(); p != nil {
			f = broken(a, fmt.Errorf("the assertion itself is broken: %v", p))
		}
	}()
	f, err := a.Judge(ctx, r)
	if err != nil {
		f.Outcome, f.Why = gameday.Unknown, err.Error()
	}
	if f.Name == "" {
		return broken(a, fmt.Errorf("it returned no finding: %w", context.Cause(ctx)))
	}
	if f.Severity == "" {
		f.Severity = gameday.SeverityFail
	}
	if f.Outcome == gameday.Unknown && f.Why == "" {
		f.Why = "nothing is known about it"
	}
	return f
}

func broken(a gameday.Assertion, err error) gameday.Finding {
	return gameday.Finding{Name: fmt.Sprintf("%T", a), Kind: kindGuard, Severity: gameday.SeverityFail, Why: err.Error()}
}

// The kinds of findings.
const (
	kindGuard     = "guard"
	kindSteady    = "steady"
	kindObjective = "objective"
	kindAssertion = "assertion"
	kindLedger    = "ledger"
	kindProof     = "proof"
	kindHeal      = "heal"
)

// worst returns the one of the outcomes that decides: Fail, then Unknown, then Pass. Of none, nothing is known.
func worst(outcomes ...gameday.Outcome) gameday.Outcome {
	result := gameday.Unknown
	for i, o := range outcomes {
		switch {
		case o == gameday.Fail:
			return gameday.Fail
		case i == 0:
			result = o
		case o == gameday.Unknown:
			result = gameday.Unknown
		}
	}
	return result
}

package judge

import (
	"context"
	"fmt"
	"strings"

	"github.com/gameday-dev/gameday"
)

var (
	_ gameday.Assertion = TrafficFlowed{}
	_ gameday.Assertion = OnTime{}
	_ gameday.Assertion = Undoubted{}
)

// TrafficFlowed is the guard that load was there from the baseline to the end: of what was due in each
// phase and not skipped by policy, at least 95 % was sent; nothing sent is without an outcome; no stretch is
// longer than 5 s, or than three times the longest of the baseline, in which nothing was sent; and where a flow
// has a promise to keep, no more of it was skipped than the plan allows.
type TrafficFlowed struct{}

// The limits of TrafficFlowed.
const (
	sentShare     = 0.95
	quiet         = 5 // seconds
	answeredShare = 0.99
)

// Judge implements gameday.Assertion.
func (TrafficFlowed) Judge(_ context.Context, r gameday.Run) (gameday.Finding, error) {
	f := gameday.Finding{
		Name: "traffic flowed", Kind: kindGuard, Severity: gameday.SeverityFail,
		Expected: "95% of what was due is sent in each phase, without a pause",
	}
	f.From, f.To = r.Plan.Phases.Window(gameday.Always)
	sent := sentBySecond(r)
	f.Evidence = evidence([]gameday.Series{sentSeries(sent, f.From, f.To)})
	var problems []string
	var total flowed
	for _, phase := range judgedPhases {
		from, to := r.Plan.Phases.Window(phase)
		if to == from {
			continue
		}
		one := flowedIn(r, from, to)
		total.add(one)
		problems = append(problems, one.problems(phase)...)
	}
	allowedPause := quiet
	if from, to := r.Plan.Phases.Window(gameday.Baseline); to > from {
		_, longest := pause(sent, from, to)
		allowedPause = max(allowedPause, min(3*longest, 30))
	}
	if at, longest := pause(sent, f.From, f.To); longest > allowedPause {
		problems = append(problems, fmt.Sprintf("nothing was sent for %s from %s on", plural(longest, "second"), clock(at)))
	}
	f.Observed = fmt.Sprintf("%d of %d sent", total.sent, total.due-total.skipped)
	if len(problems) > 0 {
		problems = append(problems, "a longer tape, traffic.replay.loop or fewer requests per second may help")
	}
	skips, err := skipProblems(r)
	if err != nil {
		return f, err
	}
	if problems = append(problems, skips...); len(problems) > 0 {
		f.Why = strings.Join(problems, "; ")
		return f, nil
	}
	f.Outcome = gameday.Pass
	return f, nil
}

// judgedPhases are those after the warm-up.
var judgedPhases = [...]gameday.Phase{gameday.Baseline, gameday.During, gameday.Recovery}

// flowed adds up what became of requests.
type flowed struct{ due, sent, skipped, answered int64 }

func (f *flowed) add(o flowed) {
	f.due += o.due
	f.sent += o.sent
	f.skipped += o.skipped
	f.answered += o.answered
}

func flowedIn(r gameday.Run, from, to gameday.Duration) flowed {
	var f flowed
	for _, s := range slicesOf(r, "", from, to) {
		one := flowed{due: s.Due, sent: s.Sent, skipped: s.Skipped}
		for _, n := range s.Classes {
			one.answered += n
		}
		f.add(one)
	}
	return f
}

func (f flowed) problems(phase gameday.Phase) []string {
	wanted := f.due - f.skipped
	switch {
	case wanted <= 0:
		return []string{fmt.Sprintf("nothing was due in the %s phase", phase)}
	case float64(f.sent) < sentShare*float64(wanted):
		return []string{fmt.Sprintf("only %d of %d that were due in the %s phase were sent", f.sent, wanted, phase)}
	case float64(f.answered) < answeredShare*float64(f.sent):
		return []string{fmt.Sprintf("the outcome of %d sent in the %s phase is not known", f.sent-f.answered, phase)}
	}
	return nil
}

func sentBySecond(r gameday.Run) map[int]int64 {
	sent := map[int]int64{}
	for _, s := range r.Traffic.Slices {
		sent[s.Second] += s.Sent
	}
	return sent
}

// pause returns the longest stretch of whole seconds in which nothing was sent.
func pause(sent map[int]int64, from, to gameday.Duration) (at gameday.Duration, seconds int) {
	run := 0
	for s := int((from + second - 1) / second); gameday.Duration(s+1)*second <= to; s++ {
		if sent[s] > 0 {
			run = 0
			continue
		}
		if run++; run > seconds {
			at, seconds = gameday.Duration(s+1-run)*second, run
		}
	}
	return at, seconds
}

func sentSeries(sent map[int]int64, from, to gameday.Duration) gameday.Series {
	s := gameday.Series{Labels: map[string]string{"metric": "sent"}}
	for at := (from + second - 1) / second; (at+1)*second <= to; at++ {
		s.Points = append(s.Points, gameday.Point{At: at * second, Value: float64(sent[int(at)])})
	}
	return s
}

// OnTime is the guard that the load generator kept its schedule: latency counts from when a request was due, so a
// generator that was late measured itself.
type OnTime struct{}

// Judge implements gameday.Assertion.
func (OnTime) Judge(_ context.Context, r gameday.Run) (gameday.Finding, error) {
	fidelity := r.Traffic.Fidelity
	limit := r.Plan.Traffic.MaxLate
	f := gameday.Finding{
		Name: "load was offered on time", Kind: kindGuard, Severity: gameday.SeverityFail,
		Expected: "the load generator keeps its schedule",
		Observed: fmt.Sprintf("sent %s late at p99, %s at most; %d of %s limited", rounded(fidelity.LatenessP99), rounded(fidelity.LatenessMax),
			fidelity.LimitedSecond, plural(fidelity.Seconds, "second")),
	}
	f.From, f.To = r.Plan.Phases.Window(gameday.Always)
	if limit > 0 {
		f.Expected = fmt.Sprintf("p99 of sending is at most %s late", limit)
	}
	switch {
	case len(fidelity.Problems) > 0:
		f.Why = strings.Join(fidelity.Problems, "; ")
	case fidelity.Sent == 0 || fidelity.Seconds == 0:
		f.Why = "the load generator left no account of itself; did the run end early?"
	case limit > 0 && fidelity.LatenessP99 > limit:
		f.Why = fmt.Sprintf("requests were sent %s late at p99, and %s is allowed; lower speed or amplify, or give the generator a processor of its own",
			rounded(fidelity.LatenessP99), limit)
	default:
		f.Outcome = gameday.Pass
	}
	return f, nil
}

// Undoubted is the guard that the harness itself noted nothing against the run while it lasted, such as a
// platform that let go of a fault too early.
type Undoubted struct{}

// Judge implements gameday.Assertion.
func (Undoubted) Judge(_ context.Context, r gameday.Run) (gameday.Finding, error) {
	f := gameday.Finding{
		Name: "the run went as planned", Kind: kindGuard, Severity: gameday.SeverityFail,
		Expected: "nothing in the journal stands against it", Outcome: gameday.Pass, Observed: "nothing",
	}
	if facts := factsOf(r); len(facts.doubts) > 0 {
		f.Outcome, f.Observed, f.Why = gameday.Unknown, plural(len(facts.doubts), "doubt"), summary(facts.doubts)
	}
	return f, nil
}

package judge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Assertion = Recovery{}

// Recovery judges how long a flow takes, from the last heal, until all of its other objectives hold and
// stay so to the end of the run. Never is a miss whatever the limit.
type Recovery struct {
	Flow      gameday.Flow
	Objective gameday.Objective
}

// defaultRecovery is what a flow is allowed that states no recovery objective, in a plan where no other
// flow states one.
const defaultRecovery = 10 * time.Second

// mustStay is how many seconds in a row must be seen to hold before a flow counts as recovered.
const mustStay = 3

// recovered is when a flow was well again.
type recovered struct {
	after gameday.Duration // since the last heal
	ok    bool
	why   string // when nothing is known; empty with ok false means never
	last  string // the objective that was missed last
}

// Judge implements gameday.Assertion.
func (a Recovery) Judge(_ context.Context, r gameday.Run) (gameday.Finding, error) {
	f := Objective(a).finding()
	f.Unit = "s"
	facts := factsOf(r)
	f.From, f.To = facts.window(r.Plan.Phases, gameday.Recovery)
	rec, err := recovery(r, facts, a.Flow)
	if err != nil {
		return f, err
	}
	switch {
	case rec.why != "":
		f.Why = rec.why
	case !rec.ok:
		f.Outcome = gameday.Fail
		f.Observed = fmt.Sprintf("did not recover in %s; %s was missed to the end", f.To-f.From, rec.last)
	default:
		after := rec.after.Seconds()
		f.After = &after
		f.Observed = fmt.Sprintf("%s until %s held for good", sayDuration(after), strings.Join(texts(measures(a.Flow)), " and "))
		f.Outcome = gameday.Fail
		if compare(after, a.Objective.Op, a.Objective.Limit) {
			f.Outcome = gameday.Pass
		}
	}
	for _, o := range measures(a.Flow) {
		ms, err := moments(r, a.Flow.Name, o, f.From, f.To)
		if err != nil {
			return f, err
		}
		f.Evidence = append(f.Evidence, trace(a.Flow.Name, o.Metric, ms))
	}
	f.Evidence = evidence(f.Evidence)
	return f, illBefore(r, facts, a.Flow)
}

// measures are the objectives that say whether the flow is well; a flow that promises nothing else is
// well while 1 % of its requests fail at most.
func measures(f gameday.Flow) []gameday.Objective {
	var found []gameday.Objective
	for _, o := range f.Objectives {
		if o.Metric != "recovery" {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		found = []gameday.Objective{{Text: "error_rate <= 1%", Metric: "error_rate", Op: "<=", Limit: 0.01}}
	}
	return found
}

func texts(objectives []gameday.Objective) []string {
	var found []string
	for _, o := range objectives {
		found = append(found, o.Text)
	}
	return found
}

// recovery finds the last second after the last heal at which an objective of the flow was missed.
func recovery(r gameday.Run, f facts, flow gameday.Flow) (recovered, error) {
	healed, ok := f.lastHeal()
	if !ok {
		return recovered{why: "no fault was healed, so there is no moment to count from"}, nil
	}
	_, end := r.Plan.Phases.Window(gameday.Recovery)
	from := healed / second * second // the second of the heal counts as part of the trouble
	result := recovered{ok: true}
	for _, o := range measures(flow) {
		ms, err := moments(r, flow.Name, o, from, end)
		if err != nil {
			return result, err
		}
		known, held, last := 0, 0, never
		for _, m := range ms {
			switch {
			case !m.known:
				continue
			case m.breach:
				held, last = 0, m.from()
			default:
				held++
			}
			known++
		}
		if known < mustStay {
			return recovered{why: fmt.Sprintf("only %s with requests of flow %s after the last heal; make the recovery phase longer or replay more traffic",
				plural(known, "second"), flow.Name)}, nil
		}
		if last == never {
			continue
		}
		if after := max(0, last+second-healed); after >= result.after {
			result.after, result.last = after, o.Text
		}
		if held < mustStay {
			result.ok, result.last = false, o.Text
			return result, nil
		}
	}
	return result, nil
}

// settled is from when on, after the last heal, objectives of the flow are judged: when it had recovered,
// or when it must have.
func settled(r gameday.Run, f facts, flow gameday.Flow) (gameday.Duration, error) {
	healed, ok := f.lastHeal()
	if !ok {
		from, _ := r.Plan.Phases.Window(gameday.Recovery)
		return from, nil
	}
	rec, err := recovery(r, f, flow)
	if err != nil {
		return 0, err
	}
	from := healed + allowed(r.Plan, flow)
	_, end := r.Plan.Phases.Window(gameday.Recovery)
	if latest := end - widest*second; from > latest { // the run is too short to wait for all that is allowed
		from = latest
		if rec.ok && rec.why == "" {
			from = healed + rec.after
		}
	}
	return from, nil
}

// allowed is how long the flow may take to recover: by its own objective, or as long as the most patient
// of the others.
func allowed(p gameday.Plan, flow gameday.Flow) gameday.Duration {
	if d, ok := recoveryLimit(flow); ok {
		return d
	}
	most, found := gameday.Duration(0), false
	for _, f := range p.Flows {
		if d, ok := recoveryLimit(f); ok {
			most, found = max(most, d), true
		}
	}
	if !found {
		return gameday.Duration(defaultRecovery)
	}
	return most
}

func recoveryLimit(f gameday.Flow) (gameday.Duration, bool) {
	for _, o := range f.Objectives {
		if o.Metric == "recovery" {
			return gameday.Duration(o.Limit * float64(time.Second)), true
		}
	}
	return 0, false
}

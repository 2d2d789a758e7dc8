package judge

import (
	"fmt"
	"math"
	"strings"

	"github.com/gameday-dev/gameday"
)

// sentence says the verdict in one line, made of facts.
func sentence(r gameday.Run, f facts, v gameday.Verdict) string {
	switch v.Result {
	case gameday.ResultLeaked:
		return fmt.Sprintf("%s; run gameday recover %s", leaked(v), r.Meta.Run)
	case gameday.ResultError, gameday.ResultAborted:
		return ended(f)
	case gameday.ResultInconclusive:
		if f.gate != nil {
			return "Nothing is proven: the system was not steady before the first fault: " + f.gate.Text
		}
		return "Nothing is proven: " + unknown(v)
	}
	text := held(v) + while(f)
	if broke := brokeLimit(v); broke != "" {
		text += "; " + broke
	}
	switch {
	case len(f.episodes) == 0 || !promises(v):
	case v.Recovered == nil && v.Result == gameday.ResultFail:
		text += ", did not recover in the run"
	case v.Recovered != nil && *v.Recovered == 0:
		text += ", and well from the last heal on"
	case v.Recovered != nil:
		text += fmt.Sprintf(", recovered by itself in %s", rounded(*v.Recovered))
	}
	return text + doubted(v)
}

// doubted names the guards that could not vouch for a run that failed.
func doubted(v gameday.Verdict) string {
	var names []string
	for _, f := range v.Findings {
		if f.Kind == kindGuard && f.Outcome == gameday.Unknown && f.Severity != gameday.SeverityWarn {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; in doubt whether " + strings.Join(names, " and ")
}

func leaked(v gameday.Verdict) string {
	for _, f := range v.Findings {
		if f.Kind == kindHeal && f.Outcome == gameday.Fail {
			return strings.ToUpper(f.Observed[:1]) + f.Observed[1:]
		}
	}
	return "A fault is still open"
}

func ended(f facts) string {
	how := map[gameday.EventKind]string{
		gameday.EventAbort: "Stopped early", gameday.EventSignal: "Interrupted", gameday.EventError: "The run broke off",
	}[f.ended.Kind]
	text := fmt.Sprintf("%s at %s", how, clock(f.ended.At))
	if f.ended.Text != "" {
		text += ": " + f.ended.Text
	}
	healed := 0
	for _, e := range f.episodes {
		if e.healed != never {
			healed++
		}
	}
	if healed > 0 {
		text += fmt.Sprintf("; %s healed", plural(healed, "fault"))
	}
	return text
}

func unknown(v gameday.Verdict) string {
	more := 0
	text := ""
	for _, f := range v.Findings {
		if f.Outcome != gameday.Unknown || f.Severity == gameday.SeverityWarn {
			continue
		}
		if text == "" {
			text = f.Name + ": " + f.Why
		} else {
			more++
		}
	}
	if more > 0 {
		text += fmt.Sprintf(" (and %s not known)", plural(more, "other"))
	}
	return text
}

// held counts what was promised: "3 of 4 objectives and all 6 assertions held".
func held(v gameday.Verdict) string {
	var parts []string
	for _, kind := range []string{kindObjective, kindAssertion} {
		good, all := 0, 0
		for _, f := range v.Findings {
			if f.Kind != kind && !(kind == kindAssertion && f.Kind == kindLedger) || f.Severity == gameday.SeverityWarn {
				continue
			}
			all++
			if f.Outcome == gameday.Pass {
				good++
			}
		}
		switch {
		case all == 0:
		case good == all && all > 1:
			parts = append(parts, fmt.Sprintf("all %d %ss", all, kind))
		default:
			parts = append(parts, fmt.Sprintf("%d of %s", good, plural(all, kind)))
		}
	}
	if len(parts) == 0 {
		parts = []string{"the system"}
	}
	text := strings.Join(parts, " and ") + " held"
	return strings.ToUpper(text[:1]) + text[1:]
}

func promises(v gameday.Verdict) bool {
	for _, f := range v.Findings {
		if f.Kind == kindObjective {
			return true
		}
	}
	return false
}

// while tells the faults: " while zone z3 was gone and traffic surged".
func while(f facts) string {
	const told = 3
	var parts []string
	count := map[string]int{}
	for _, e := range f.episodes {
		verb := happened(e.fault)
		if count[verb]++; count[verb] == 1 {
			parts = append(parts, verb)
		}
	}
	var texts []string
	for _, verb := range parts {
		texts = append(texts, doing(verb, count[verb], f.episodes))
	}
	switch {
	case len(texts) == 0:
		return ""
	case len(texts) > told:
		return fmt.Sprintf(" while %s and %d other kinds of fault were in effect", strings.Join(texts[:told-1], ", "), len(texts)-told+1)
	case len(texts) == 1:
		return " while " + texts[0]
	}
	return " while " + strings.Join(texts[:len(texts)-1], ", ") + " and " + texts[len(texts)-1]
}

// happened is the verb for a fault, without its subject.
func happened(f gameday.Fault) string {
	if f.Target.Kind == gameday.KindZone {
		return "was gone"
	}
	verb, ok := map[string]string{
		"kill": "was killed", "pause": "was paused", "latency": "was slow", "partition": "was cut off", "zone": "was gone",
		"surge": "surged", "bug": "misbehaved",
	}[f.Monkey]
	if !ok {
		return "was under " + f.Monkey
	}
	return verb
}

func doing(verb string, n int, episodes []episode) string {
	for _, e := range episodes {
		if happened(e.fault) != verb {
			continue
		}
		if n == 1 {
			return subject(e.fault.Target) + " " + verb
		}
		return fmt.Sprintf("%s %s", plural(n, noun(e.fault.Target.Kind)), strings.Replace(verb, "was ", "were ", 1))
	}
	return verb
}

func subject(t gameday.Target) string {
	switch t.Kind {
	case gameday.KindZone:
		return "zone " + t.Name
	case gameday.KindTraffic:
		return "traffic"
	}
	return t.Name
}

func noun(k gameday.Kind) string {
	if k == "" {
		return "target"
	}
	return string(k)
}

// brokeLimit names the objective that was missed first, or else the first assertion that failed.
func brokeLimit(v gameday.Verdict) string {
	var first *gameday.Finding
	at := gameday.Duration(math.MaxInt64)
	for i, f := range v.Findings {
		if f.Outcome != gameday.Fail || f.Severity == gameday.SeverityWarn || f.Kind == kindHeal {
			continue
		}
		if when := brokeAt(f); first == nil || f.Kind == kindObjective && first.Kind != kindObjective || f.Kind == first.Kind && when < at {
			first, at = &v.Findings[i], when
		}
	}
	switch {
	case first == nil:
		return ""
	case first.Kind == kindObjective && first.Limit != nil && first.During != nil && !strings.Contains(first.Name, "recovery"):
		return fmt.Sprintf("%s %s broke its limit of %s first", objectiveText(*first), say(extreme(*first), first.Unit), say(*first.Limit, first.Unit))
	}
	return fmt.Sprintf("%s failed: %s", first.Name, first.Observed)
}

// objectiveText is "checkout p99" of "checkout p99 <= 300ms".
func objectiveText(f gameday.Finding) string {
	for _, op := range operators {
		if name, _, ok := strings.Cut(f.Name, " "+op); ok {
			return name
		}
	}
	return f.Name
}

// extreme is the worse of the values during and after the faults.
func extreme(f gameday.Finding) float64 {
	value := *f.During
	if f.After == nil {
		return value
	}
	if _, _, atLeast := strings.Cut(f.Expected, " >"); atLeast {
		return min(value, *f.After)
	}
	return max(value, *f.After)
}

// brokeAt is when the evidence of a failed objective first crosses its limit.
func brokeAt(f gameday.Finding) gameday.Duration {
	if f.Limit == nil || len(f.Evidence) == 0 {
		return f.From
	}
	_, _, atLeast := strings.Cut(f.Expected, " >")
	for _, p := range f.Evidence[0].Points {
		if p.At >= f.From && (atLeast && p.Value < *f.Limit || !atLeast && p.Value > *f.Limit) {
			return p.At
		}
	}
	return f.From
}

func rounded(d gameday.Duration) string { return sayDuration(d.Seconds()) }

package scenarios

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	gameday "github.com/gameday-dev/gameday"
)

// Resolved is one step of a plan with what it would act on, as a platform told it.
type Resolved struct {
	Step       string           // name of the plan's step
	Targets    []gameday.Target // what it would take now
	Matched    int              // how many targets match its selector
	Summaries  []string         // of the prepared faults: what is touched, and how it is healed
	Unobserved []string         // what of it cannot be measured, one line each
	Problem    string           // why it cannot be done; empty when it can
}

// Describe writes what a plan will do: what it touches and how that is healed, the blast radius, the
// duration, what is judged, and what cannot be observed. It knows only what it is given. A step that is
// not among the resolved ones shows its selector alone.
func Describe(w io.Writer, plan gameday.Plan, resolved []Resolved) error {
	d := description{plan: plan, resolved: map[string]Resolved{}}
	for _, r := range resolved {
		d.resolved[r.Step] = r
	}
	d.head()
	for _, group := range stepGroups(plan.Steps) {
		d.fault(group)
	}
	d.judged()
	d.blind()
	d.foot()
	_, err := io.WriteString(w, d.String())
	return err
}

// description is a page of lines, each a word in the margin and what it is about.
type description struct {
	strings.Builder
	plan     gameday.Plan
	resolved map[string]Resolved
}

func (d *description) row(word, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.WriteString(strings.TrimRight(fmt.Sprintf("  %-10s %s", word, text), " ") + "\n")
}

// detail continues a fault's row.
func (d *description) detail(word, text string) { d.row("", "  %-8s %s", word, text) }

func (d *description) head() {
	p := d.plan
	d.row("Scenario", "%s", dots(p.Name, p.Title))
	d.row("File", "%s", dots(p.File, fmt.Sprintf("seed %d", p.Seed)))
	parts := []string{p.Environment.Platform, p.Environment.Topology}
	for _, service := range slices.Sorted(maps.Keys(p.Environment.Replicas)) {
		parts = append(parts, fmt.Sprintf("%s ×%d", service, p.Environment.Replicas[service]))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Links)) {
		d.row("Link", "%s", dots(name, p.Links[name]))
	}
	d.row("Platform", "%s", dots(parts...))
	d.row("Guard", "%s", dots(labelsText(p.Environment.RequireLabels), prefixed("never ", strings.Join(p.Environment.Deny, ", "))))
	d.row("Traffic", "%s", trafficText(p.Traffic))
	d.changes(p.Traffic)
	d.row("Phases", "%s", dots("warmup "+p.Phases.Warmup.String(), "baseline "+p.Phases.Baseline.String(),
		"fault "+p.Phases.Fault.String(), "recovery "+p.Phases.Recovery.String()))
}

func labelsText(labels map[string]string) string {
	if len(labels) == 0 {
		return "targets need no label"
	}
	pairs := make([]string, 0, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, name+"="+labels[name])
	}
	return "only targets with " + strings.Join(pairs, ", ")
}

func trafficText(t gameday.TrafficPlan) string {
	parts := []string{fmt.Sprintf("%s → %s", t.Tape, t.To), fmt.Sprintf("speed ×%g", t.Speed), fmt.Sprintf("sessions ×%g", t.Amplify)}
	if t.Shape != "" {
		parts = append(parts, "rate "+t.Shape)
	}
	if t.Pace == "think" {
		parts = append(parts, "think time after each answer")
	}
	if t.MaxWait > 0 {
		parts = append(parts, "pauses of at most "+t.MaxWait.String())
	}
	if t.RateCap > 0 {
		parts = append(parts, fmt.Sprintf("at most %g/s (%s)", t.RateCap, t.CapBy))
	}
	if t.Loop {
		parts = append(parts, "looped")
	}
	if t.Retries > 0 {
		parts = append(parts, fmt.Sprintf("users press again up to %d times", t.Retries))
	}
	if t.Connections == "recorded" {
		parts = append(parts, "connections as recorded")
	}
	if t.Busy == "drop" {
		parts = append(parts, fmt.Sprintf("busy sessions drop up to %g%%", 100*t.MaxDropped))
	}
	parts = append(parts, fmt.Sprintf("at most %g%% without a live value", 100*t.MaxSkipped))
	methods := "only requests without effects"
	if len(t.Unsafe) > 0 {
		methods = "sends " + strings.Join(t.Unsafe, ", ") + " too"
	}
	return dots(append(parts, methods)...)
}

// stepGroups returns the steps of each fault of the scenario, in the order of their first.
func stepGroups(steps []gameday.Step) [][]gameday.Step {
	var groups [][]gameday.Step
	index := map[string]int{}
	for _, s := range steps {
		i, ok := index[s.Group]
		if !ok {
			i = len(groups)
			index[s.Group] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], s)
	}
	return groups
}

func (d *description) fault(steps []gameday.Step) {
	first := steps[0]
	d.WriteByte('\n')
	when := fmt.Sprintf("at %s for %s", first.At, first.For)
	if n := len(steps); n > 1 {
		when = fmt.Sprintf("%d times from %s to %s, for %s each", n, first.At, steps[n-1].At+first.For, first.For)
	}
	d.row("⚡ "+first.Group, "%s", dots(first.Monkey, configText(first.Config)))
	d.detail("when", when)
	d.detail("target", first.Selector.String())
	unresolved := 0
	for _, s := range steps {
		if _, ok := d.resolved[s.Name]; !ok {
			unresolved++
			continue
		}
		d.step(s, len(steps) > 1)
	}
	if unresolved > 0 {
		d.detail("→", fmt.Sprintf("targets of %s: chosen by seed when its time comes", count(unresolved, "step")))
	}
	seen := fmt.Sprintf("the monkey measures it within %s, and its end within %s again", first.Within, first.Within)
	if first.Proof != nil {
		seen += fmt.Sprintf("; %s within %s", first.Proof.PromQL, first.Proof.Within)
	}
	d.detail("proof", seen)
}

// configText writes a monkey's fields: "delay=2s jitter=50ms".
func configText(config json.RawMessage) string {
	var fields map[string]any
	if err := json.Unmarshal(config, &fields); err != nil {
		return string(config)
	}
	pairs := make([]string, 0, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		pairs = append(pairs, fmt.Sprintf("%s=%v", name, fields[name]))
	}
	return strings.Join(pairs, " ")
}

// step writes what one step would act on.
func (d *description) step(s gameday.Step, named bool) {
	r := d.resolved[s.Name]
	who := ""
	if named {
		who = s.Name + ": "
	}
	if r.Problem != "" {
		d.detail("!", who+r.Problem)
		return
	}
	names := make([]string, len(r.Targets))
	for i, t := range r.Targets {
		names[i] = t.Name
	}
	d.detail("→", fmt.Sprintf("%s%s (%d of %d)", who, strings.Join(names, ", "), len(names), max(r.Matched, len(names))))
	for _, summary := range r.Summaries {
		d.detail("how", summary)
	}
	for _, gap := range r.Unobserved {
		d.detail("!", "cannot be observed: "+gap)
	}
}

func (d *description) judged() {
	p := d.plan
	objectives := 0
	for _, f := range p.Flows {
		objectives += len(f.Objectives)
	}
	ledger := ""
	if p.Ledger != nil {
		ledger = fmt.Sprintf("ledger of %s against %s", p.Ledger.Flow, p.Ledger.Service)
	}
	d.WriteByte('\n')
	bounds := ""
	if n := len(p.Traffic.Diff.Bounds); n > 0 {
		bounds = count(n, "promise") + " about answers"
	}
	d.row("Checks", "%s", dots(count(objectives, "objective"), count(len(p.Assertions), "assertion"), bounds, ledger, count(len(p.Aborts), "stop condition")))
	for _, f := range p.Flows {
		texts := make([]string, len(f.Objectives))
		for i, o := range f.Objectives {
			texts[i] = o.Text
		}
		if len(texts) > 0 {
			d.detail(f.Name, strings.Join(texts, ", "))
		}
	}
	for _, a := range p.Aborts {
		d.detail("stop", a.Text)
	}
}

// blind names what the plan will not see.
func (d *description) blind() {
	p := d.plan
	for _, f := range p.Flows {
		if len(f.Objectives) == 0 {
			d.row("!", "flow %s has no objective: nothing is said of it", f.Name)
		}
	}
	if len(p.Aborts) == 0 && len(p.Steps) > 0 {
		d.row("!", "no stop condition: only the plan's end or Ctrl-C ends a bad run")
	}
}

// foot sums up the blast radius and the duration.
func (d *description) foot() {
	touched, services := map[string]gameday.Target{}, map[string]bool{}
	for _, r := range d.resolved {
		for _, t := range r.Targets {
			touched[t.Name] = t
			for _, service := range []string{t.Service, t.To.Service} {
				if service != "" {
					services[service] = true
				}
			}
		}
	}
	if len(d.resolved) > 0 {
		d.row("Reach", "%s", dots(reach(touched), prefixed("services: ", strings.Join(slices.Sorted(maps.Keys(services)), ", "))))
	}
	d.row("Duration", "%s, and at most %s to get ready", d.plan.Phases.Total(), d.plan.Environment.ReadyWithin)
	d.row("Plan", "%s; nothing was changed", count(len(d.plan.Steps), "fault"))
}

// reach counts the targets by kind.
func reach(targets map[string]gameday.Target) string {
	kinds := map[gameday.Kind]int{}
	for _, t := range targets {
		kinds[t.Kind]++
	}
	parts := []string{}
	for _, kind := range slices.SortedFunc(maps.Keys(kinds), cmp.Compare[gameday.Kind]) {
		parts = append(parts, count(kinds[kind], string(kind)))
	}
	if len(parts) == 0 {
		return "nothing is touched"
	}
	return strings.Join(parts, ", ")
}

// dots joins what is not empty.
func dots(parts ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return s == "" }), " · ")
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 || noun == string(gameday.KindTraffic) {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

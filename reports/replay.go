package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/chart"
	"github.com/gameday-dev/gameday/internal/hist"
)

// Replay writes what a replay alone did: counts and latency per flow, and how truthfully the load was offered.
func Replay(w io.Writer, t gameday.Traffic, sender string) error {
	type total struct {
		due, sent        int64
		classes          map[gameday.Class]int64
		latency, service *hist.Histogram
	}
	flows := map[string]*total{}
	for _, s := range t.Slices {
		f := flows[s.Flow]
		if f == nil {
			f = &total{classes: map[gameday.Class]int64{}, latency: hist.New(), service: hist.New()}
			flows[s.Flow] = f
		}
		f.due, f.sent = f.due+s.Due, f.sent+s.Sent
		for class, n := range s.Classes {
			f.classes[class] += n
		}
		for raw, into := range map[*[]byte]*hist.Histogram{&s.Latency: f.latency, &s.Service: f.service} {
			if len(*raw) == 0 {
				continue
			}
			h, err := hist.Decode(*raw)
			if err != nil {
				return fmt.Errorf("summarise flow %s at second %d: %w", s.Flow, s.Second, err)
			}
			into.Merge(h)
		}
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 2, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "FLOW\tDUE\tSENT\tOK\tDEGRADED\tREJECTED\tERROR\tTIMEOUT\tP50\tP99\tMAX\tSERVICE P99\t")
	for _, name := range sortedNames(flows) {
		f := flows[name]
		fmt.Fprintf(table, "%s\t%d\t%d\t", name, f.due, f.sent)
		for _, class := range gameday.Classes {
			fmt.Fprintf(table, "%d\t", f.classes[class])
		}
		q := func(h *hist.Histogram, p float64) string { return chart.Seconds.Format(h.Quantile(p).Seconds()) }
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t\n", q(f.latency, 0.5), q(f.latency, 0.99), chart.Seconds.Format(f.latency.Max().Seconds()), q(f.service, 0.99))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fidelityText(&b, t.Fidelity, sender)
	diffText(&b, t.Diff)
	_, err := io.WriteString(w, b.String())
	return err
}

func fidelityText(b *strings.Builder, f gameday.Fidelity, sender string) {
	var skipped []string
	for _, cause := range sortedNames(f.Skipped) {
		skipped = append(skipped, fmt.Sprintf("%d %s", f.Skipped[cause], cause))
	}
	if len(skipped) == 0 {
		skipped = []string{"0"}
	}
	b.WriteByte('\n')
	line(b, "Accounts", fmt.Sprintf("%d due = %d sent + %s skipped + %d unsent; %d unresolved, %d pressed again", f.Due, f.Sent, strings.Join(skipped, ", "), f.Unsent, f.Unresolved, f.Retries))
	if len(f.Filtered) > 0 {
		var left []string
		for _, rule := range sortedNames(f.Filtered) {
			left = append(left, fmt.Sprintf("%d by %s", f.Filtered[rule], rule))
		}
		line(b, "Filtered", strings.Join(left, ", "))
	}
	if f.ShapeOnly > 0 {
		line(b, "Shape only", fmt.Sprintf("%d of the recorded requests are from a log, without headers and bodies", f.ShapeOnly))
	}
	line(b, "Sent late", fmt.Sprintf("p50 %s, p99 %s, max %s; %d of %d seconds limited by the generator", short(f.LatenessP50), short(f.LatenessP99), short(f.LatenessMax), f.LimitedSecond, f.Seconds))
	line(b, "Schedule", scheduleText(f))
	if len(f.Shifted) > 0 {
		var moved []string
		for _, kind := range sortedNames(f.Shifted) {
			moved = append(moved, fmt.Sprintf("%d %s", f.Shifted[kind], kind))
		}
		line(b, "Moved", strings.Join(moved, ", "))
	}
	line(b, "Sender", fmt.Sprintf("%s; %d connections, %.2f cores", sender, f.Connections, f.OwnCPU))
	if m := f.Messages; m != nil {
		line(b, "Messages", messagesText(m))
	}
	if text := hostText(f); text != "" {
		line(b, "Generator", text)
	}
	for _, p := range slices.Sorted(slices.Values(f.Problems)) {
		line(b, "Problem", p)
	}
}

// messagesText says what became of the messages of conversations.
func messagesText(m *gameday.Messages) string {
	parts := []string{fmt.Sprintf("of %d conversations: %d sent (late by p50 %s, p99 %s), %d received of %d recorded", m.Conversations, m.Sent, short(m.LatenessP50), short(m.LatenessP99), m.Received, m.Recorded)}
	for _, not := range []struct {
		what    string
		byCause map[string]uint64
	}{{"failed", m.Failed}, {"unsent", m.Unsent}} {
		for _, cause := range sortedNames(not.byCause) {
			parts = append(parts, fmt.Sprintf("%d %s: %s", not.byCause[cause], not.what, cause))
		}
	}
	return strings.Join(parts, "; ")
}

// scheduleText says how like the schedule the offered load was.
func scheduleText(f gameday.Fidelity) string {
	text := fmt.Sprintf("spacing off by %.2f (Kolmogorov-Smirnov), mix of flows off by %.2f %%", f.Spacing, 100*f.Mix)
	c := f.Capped
	switch {
	case c == nil:
	case c.By == "slow":
		text += fmt.Sprintf("; the cap of %g/s put off %d requests and stretched it by %s", c.Rate, c.Requests, short(c.Stretched))
	default:
		text += fmt.Sprintf("; the cap of %g/s left out %d requests of %d sessions, %d seconds were still above it", c.Rate, c.Requests, c.Sessions, c.Over)
	}
	return text
}

// hostText says what the generator's own machine had to do with it; "" when nothing is known.
func hostText(f gameday.Fidelity) string {
	if len(f.Curve) == 0 {
		return ""
	}
	var peak int64
	steal := 0.0
	for _, s := range f.Curve {
		peak, steal = max(peak, s.InFlight), max(steal, s.Steal)
	}
	parts := []string{fmt.Sprintf("at most %d in flight", peak), "GC pauses " + short(f.GC)}
	if steal > 0 {
		parts = append(parts, fmt.Sprintf("at most %.0f %% stolen by the hypervisor", 100*steal))
	}
	if f.PortsLeft != nil {
		parts = append(parts, fmt.Sprintf("at least %d ephemeral ports free", *f.PortsLeft))
	}
	return strings.Join(parts, ", ")
}

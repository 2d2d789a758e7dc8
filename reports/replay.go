package reports

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gameday-dev/gameday"
)

// Replay writes what a replay alone did: counts and latency per flow, and how truthfully the load was offered.
func Replay(w io.Writer, r Replayed) error {
	flows, all, err := r.totals()
	if err != nil {
		return err
	}
	if len(flows) > 1 {
		flows = append(flows, all)
	}
	var b strings.Builder
	name := 0
	for _, f := range flows {
		name = max(name, len([]rune(f.Flow)))
	}
	table := tabwriter.NewWriter(&b, 2, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "%-*s\tDUE\tSENT\tOK\tDEGRADED\tREJECTED\tERROR\tTIMEOUT\tP50\tP99\tMAX\tSERVICE P99\t\n", name, "FLOW")
	for _, f := range flows {
		fmt.Fprintf(table, "%-*s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t", name, f.Flow, f.Due, f.Sent, f.OK, f.Degraded, f.Rejected, f.Error, f.Timeout)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t\n", milliseconds(f.Latency.P50), milliseconds(f.Latency.P99), milliseconds(f.Latency.Max), milliseconds(f.Service.P99))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	b.WriteByte('\n')
	if all.Failed > 0 {
		line(&b, "Failed", fmt.Sprintf("%d of %d: %s", all.Failed, all.Sent, tallyText(all.Failures)))
	}
	if n := r.Fidelity.Skipped[gameday.SkipUnsafe]; n > 0 {
		line(&b, "Not sent", fmt.Sprintf("%d that may have effects: %s", n, unsafeRemedy(flows)))
	}
	for _, flow := range sortedNames(r.Fidelity.LockedOut) {
		line(&b, "Locked out", lockedOutText(flow, r.Fidelity.LockedOut[flow], flows))
	}
	fidelityText(&b, r.Fidelity, r.Sender)
	diffText(&b, r.Diff)
	_, err = io.WriteString(w, b.String())
	return err
}

// unsafeRemedy says how the requests are sent that were skipped for their methods, as far as flows know these.
func unsafeRemedy(flows []total) string {
	var methods []string
	for _, f := range flows {
		if f.Skipped[gameday.SkipUnsafe] > 0 && f.Method != "" && !slices.Contains(methods, f.Method) {
			methods = append(methods, f.Method)
		}
	}
	slices.Sort(methods)
	return "--unsafe " + cmp.Or(strings.Join(methods, ","), "METHOD") + " sends them"
}

// lockedOutText says how many requests were denied, or lacked a live value, because those of a flow were not sent, and how they
// are sent.
func lockedOutText(flow string, n int64, flows []total) string {
	only := "METHOD /path"
	for _, f := range flows {
		if f.Flow == flow && f.Method != "" && f.Path != "" {
			only = f.Method + " " + f.Path
		}
	}
	return fmt.Sprintf("%d were denied, or lacked a live value, in sessions whose %s was not sent: --unsafe '%s' sends it", n, flow, only)
}

func fidelityText(b *strings.Builder, f gameday.Fidelity, sender string) {
	skipped := cmp.Or(tallyText(f.Skipped), "0")
	line(b, "Accounts", fmt.Sprintf("%d due = %d sent + %s skipped + %d unsent; %d unresolved, %d pressed again", f.Due, f.Sent, skipped, f.Unsent, f.Unresolved, f.Retries))
	if len(f.Filtered) > 0 {
		line(b, "Filtered", filteredText(f.Filtered))
	}
	if m := f.Middleware; m != nil {
		line(b, "Middleware", detourText(*m))
	}
	if f.ShapeOnly > 0 {
		line(b, "Shape only", fmt.Sprintf("%d of the recorded requests are from a log, without headers and bodies", f.ShapeOnly))
	}
	line(b, "Sent late", fmt.Sprintf("p50 %s, p99 %s, max %s; %d of %d seconds limited by the generator", short(f.LatenessP50), short(f.LatenessP99), short(f.LatenessMax), f.LimitedSecond, f.Seconds))
	line(b, "Schedule", scheduleText(f))
	if len(f.Shifted) > 0 {
		line(b, "Moved", tallyText(f.Shifted))
	}
	line(b, "Sender", fmt.Sprintf("%s; %s, %.2f cores", sender, plural(int(f.Connections), "connection"), f.OwnCPU))
	if len(f.UnresolvedBy) > 0 {
		var missing []string
		for _, why := range sortedNames(f.UnresolvedBy) {
			missing = append(missing, fmt.Sprintf("%d: %s", f.UnresolvedBy[why], why))
		}
		line(b, "No value", strings.Join(missing, "; "))
	}
	if text := sessionsText(f); text != "" {
		line(b, "Sessions", text)
	}
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

// filteredText says how many exchanges were left out by which rule.
func filteredText(filtered map[string]uint64) string {
	var left []string
	for _, rule := range sortedNames(filtered) {
		left = append(left, fmt.Sprintf("%d by %s", filtered[rule], rule))
	}
	return strings.Join(left, ", ")
}

// detourText says what a middleware did with the requests that it was shown.
func detourText(m gameday.Detour) string {
	parts := []string{fmt.Sprintf("%d shown, %d given back", m.Shown, m.Returned)}
	if m.Late > 0 {
		parts[0] += fmt.Sprintf(", %d of them after they were due, by up to %s", m.Late, short(m.LateMax))
	}
	for _, more := range []struct {
		n    int64
		what string
	}{{m.Added, "added"}, {m.Expired, "given back too late"}, {m.Garbled, "lines that are no message"}, {m.Unshown, "answers not shown"}} {
		if more.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", more.n, more.what))
		}
	}
	return strings.Join(parts, "; ")
}

// scheduleText says how like the schedule the offered load was.
func scheduleText(f gameday.Fidelity) string {
	text := fmt.Sprintf("spacing off by %.2f (Kolmogorov-Smirnov), mix of flows off by %.2f %%", f.Spacing, 100*f.Mix)
	if c := f.Closed; c != nil {
		text += fmt.Sprintf("; %s longer than %s, shortened by %s", plural(int(c.Pauses), "pause"), c.Longest, c.By)
	}
	c := f.Capped
	switch {
	case c == nil:
	case c.By == "slow":
		text += fmt.Sprintf("; the cap of %g/s put off %d requests and stretched it by %s", c.Rate, c.Requests, short(c.Stretched))
	default:
		text += fmt.Sprintf("; the cap of %g/s left out %d requests of %s", c.Rate, c.Requests, plural(int(c.Sessions), "session"))
		if c.Over > 0 {
			text += fmt.Sprintf(", and was exceeded in %s by those that were let in", plural(c.Over, "second"))
		}
	}
	return text
}

// sessionsText says what requests did for which it was too early, or whose connection was not there; "" when there were none.
func sessionsText(f gameday.Fidelity) string {
	var parts []string
	for _, did := range []struct {
		n    int64
		what string
	}{
		{f.Waited, "waited for an earlier answer of their session"},
		{f.Spilled, "over another connection instead"},
		{f.Skipped[gameday.SkipBusy], "left out instead"},
		{f.Resent, "sent once more: the connection broke before any answer"},
		{f.Unheld, "could not go over the connection of those before them"},
	} {
		if did.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", did.n, did.what))
		}
	}
	return strings.Join(parts, "; ")
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
	if steal >= 0.005 { // less reads as 0 %
		parts = append(parts, fmt.Sprintf("at most %.0f %% stolen by the hypervisor", 100*steal))
	}
	if f.PortsLeft != nil {
		parts = append(parts, fmt.Sprintf("at least %d ephemeral ports free", *f.PortsLeft))
	}
	return strings.Join(parts, ", ")
}

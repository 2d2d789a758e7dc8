package replay

import (
	"fmt"
	"runtime"

	gameday "github.com/gameday-dev/gameday"
)

// problems says why the offered load is not what was planned.
func (p *Player) problems(f *gameday.Fidelity, pool, room int64) []string {
	var problems []string
	bad := func(is bool, format string, args ...any) {
		if is {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	percent := func(n, of int64) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	maxLate := p.config.Traffic.MaxLate
	length := p.config.Phases.Total()
	bad(f.Due == 0, "no request was due: the tape is empty, or starts after the end of the run")
	bad(f.LatenessP99 > maxLate, "requests left late: p99 %s after their due time, the bound is %s; slow the replay down or give it more CPU", f.LatenessP99, maxLate)
	bad(f.LatenessP99 <= maxLate && float64(f.LimitedSecond) > p.config.Traffic.MaxLimited*float64(f.Seconds), "the generator was the limit in %s of %d seconds, at most %g%% are allowed; slow the replay down or give it more CPU",
		limitedSeconds(f), f.Seconds, 100*p.config.Traffic.MaxLimited)
	bad(f.PortsLeft != nil && *f.PortsLeft < minPorts, "fewer than %d ephemeral ports were left; send from more addresses, or keep connections alive", minPorts)
	for _, cause := range []string{MiddlewareSlow, MiddlewareGarbled, MiddlewareEnded} {
		n := f.Skipped[cause]
		bad(n > 0, "%d requests (%.2f%%) were not sent: %s", n, percent(n, f.Due), cause)
	}
	if m := f.Middleware; m != nil {
		bad(m.Late > 0 && f.LatenessP99 > maxLate, "the middleware gave %d of %d requests back after their due time, by up to %s", m.Late, m.Shown, m.LateMax)
		bad(m.Expired > 0, "%d requests were not sent: the middleware gave them back after their time was over", m.Expired)
	}
	bad(pool > 0, "%d requests (%.2f%%) were never sent because all %d connections were busy", pool, percent(pool, f.Due), p.config.MaxConns)
	bad(room > 0, "%d requests (%.2f%%) were never sent because too many others, or too large ones, had not ended; replay with more connections or shards, or more slowly", room, percent(room, f.Due))
	bad(f.OwnCPU > 0.9*float64(runtime.NumCPU()), "the harness itself used %.1f of %d cores; slow the replay down or give it more CPU", f.OwnCPU, runtime.NumCPU())
	bad(f.Unresolved*20 > f.Due, "%d requests (%.1f%%) lacked a live value that the recording has: say with --bind, or bind in the scenario, which answer has it and where it goes", f.Unresolved, percent(f.Unresolved, f.Due))
	bad(p.feed.ended && length > 0, "the tape ended before the run of %s did; record more, or loop it", length)
	return problems
}

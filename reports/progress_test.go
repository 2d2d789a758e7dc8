package reports

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProgressWritesOneLinePerEventOffATerminal(t *testing.T) {
	r := sample(t)
	var out bytes.Buffer
	p := NewProgress(&out, r.Plan, false, r.Meta.Started)
	for _, e := range r.Events {
		p.Event(e)
	}
	p.Done()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, len(r.Events))
	require.Equal(t, "12:20:18Z +0:15 fault.injecting zone-power kill 14 instances of z3 and cut its links; healed by starting them again", lines[1])
}

func TestProgressRedrawsInPlaceOnATerminal(t *testing.T) {
	r := sample(t)
	var out bytes.Buffer
	p := NewProgress(&out, r.Plan, true, r.Meta.Started)
	for _, e := range r.Events[:3] {
		p.Event(e)
	}
	for _, s := range r.Traffic.Slices[:60] {
		p.Slice(s)
	}
	frames := strings.Split(out.String(), " zone-outage  ▶")
	require.Contains(t, frames[len(frames)-1], " browse ")
	require.LessOrEqual(t, strings.Count(frames[len(frames)-1], "\n"), 12, "the panel stays within 12 lines")
}

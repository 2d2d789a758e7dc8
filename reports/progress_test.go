package reports

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
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
	synctest.Test(t, testPanel)
}

func testPanel(t *testing.T) {
	r := sample(t)
	var out bytes.Buffer
	p := NewProgress(&out, r.Plan, true, time.Now())
	for _, e := range r.Events[:3] {
		p.Event(e)
	}
	for _, s := range r.Traffic.Slices[:60] {
		p.Slice(s)
	}
	last := p.panel(panelLines)
	require.Contains(t, strings.Join(last, "\n"), " ⚡ kill 14 instances of z3 and cut its links   ✓ 14 of 14 instances down, 3 of 3 probes refused\n")
	require.Contains(t, last[0], " +0:19 / +1:00 ", "the clock shows the latest second of traffic")
	p.Event(r.Events[1])
	require.Contains(t, p.panel(panelLines)[0], " +0:19 / +1:00 ", "and never goes back")
	p.Event(gameday.Event{At: r.Events[3].At, Kind: gameday.EventSignal, Text: "stopped by signal: interrupt"})
	require.Contains(t, p.panel(panelLines)[0], "■ ENDING  +0:40 / +1:00   seed 424242   healing what is open; Ctrl-C again stops waiting")
	time.Sleep(45 * time.Second)
	p.Done()
	require.Contains(t, out.String(), "■ ENDING  +0:45 / +1:00 ", "it is drawn anew while nothing happens")
	require.Contains(t, out.String(), "\x1b[2K zone-outage  ▶")
	require.Contains(t, out.String(), "\x1b[2K browse ")
}

func TestThePanelStaysSmall(t *testing.T) {
	r := sample(t)
	for i := range 20 {
		r.Plan.Flows = append(r.Plan.Flows, gameday.Flow{Name: fmt.Sprint("flow-", i), Path: "/"})
	}
	p := NewProgress(io.Discard, r.Plan, false, r.Meta.Started)
	defer p.Done()
	for i := range 40 {
		p.Event(gameday.Event{Kind: gameday.EventInjecting, Fault: &gameday.Fault{ID: fmt.Sprint(i), Summary: "kill something; it is started again"}})
	}
	for _, f := range r.Plan.Flows {
		p.Slice(gameday.Slice{Flow: f.Name, Due: 1, Sent: 1, Classes: map[gameday.Class]int64{gameday.ClassOK: 1}})
	}
	for most := range panelLines + 1 {
		lines := p.panel(most)
		require.LessOrEqual(t, len(lines), max(1, most))
		if most >= 5 {
			require.Equal(t, []string{" ⚡ kill something   not seen yet", " ⚡ kill something   not seen yet", " ⚡ and 38 more"}, lines[2:5])
		}
	}
}

func TestAReplayWithoutARunHasAPanelOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := replayed(t)
		plan := gameday.Plan{Traffic: r.Plan, Flows: r.Flows, Seed: r.Seed}
		var out bytes.Buffer
		p := NewReplayProgress(&out, plan, true, time.Now(), 2*r.Length)
		for _, s := range r.Slices[:60] {
			p.Slice(s)
		}
		lines := p.panel(panelLines)
		require.Equal(t, " ▶ shop.gdtape to http://127.0.0.1:8080   +0:19 / +2:00   seed 424242   Ctrl-C ends", lines[0])
		require.Equal(t, " ██████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░", lines[1])
		require.Regexp(t, `^ 1200 sent, 60/s lately, \d+ failed \([\d.]+% lately\), p99 [\d.]+ms, sent late p99 0$`, lines[2])
		require.Contains(t, lines[3], " FLOW ")
		require.Len(t, lines, 7)
		require.Len(t, p.panel(6), 6, "what there is no room for is counted")
		require.Equal(t, " and 2 more", p.panel(6)[5])
		for most := range 12 {
			require.LessOrEqual(t, len(p.panel(most)), max(1, most))
		}
		p.Event(gameday.Event{Kind: gameday.EventSignal})
		require.Contains(t, p.panel(panelLines)[0], "■ ENDING")
		p.Done()
		require.True(t, strings.HasSuffix(out.String(), "\n\n"), "the summary stands apart from it")
	})
}

func TestAReplayWithoutARunTellsALineEveryFewSeconds(t *testing.T) {
	r := replayed(t)
	var out bytes.Buffer
	p := NewReplayProgress(&out, gameday.Plan{Traffic: r.Plan, Flows: r.Flows}, false, r.Started, 0)
	for _, s := range r.Slices {
		p.Slice(s)
	}
	p.Done()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 11)
	require.Regexp(t, `^12:20:08Z \+0:05 traffic \d+ sent, \d+/s lately, 0 failed \(0% lately\), p99 [\d.]+ms, sent late p99 0$`, lines[0])
}

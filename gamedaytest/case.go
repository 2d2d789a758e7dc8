package gamedaytest

import (
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

// Case is a game day on a system that the test has started: a small generated load or a recording, faults, and promises.
// Flows must be given; the zero value of everything else works. Times are rounded up to whole seconds, because judging
// goes by seconds.
type Case struct {
	Name   string  // in the report; the test's name when empty
	Flows  []Flow  // the load, all of it to one host
	Replay Replay  // a recording to play in place of that load; flows then name requests of it
	Faults []Fault // none makes it a load test

	Warmup   time.Duration // offered and not judged; 1s when 0
	Baseline time.Duration // of steady state before the first fault; 3s when 0
	Recovery time.Duration // after the last fault; 5s when 0, and always 4s longer than what a recovery objective allows

	Metrics    []string                // URLs of metrics pages to scrape, for the expressions of Assertions and Proof
	Assertions []gameday.AssertionSpec // on metrics; they hold always, and fail the test, unless they say otherwise

	Platform gameday.Platform // what faults with Select act on: an in-process system with abilities of its own

	Seed       uint64        // DefaultSeed when 0
	Store      string        // directory of runs; the test's ArtifactDir when empty
	MaxLate    time.Duration // p99 of sending late, beyond which the load proves nothing; 100ms when 0
	HealWithin time.Duration // for a fault to be seen gone, before it counts as leaked; 30s when 0
}

// DefaultSeed fixes targets, times and jitter where no other seed is given.
const DefaultSeed = 424242

// Run carries the case out, and blocks for the sum of its phases. The test fails unless the verdict is PASS: for a
// broken promise, for faults that were not seen to bite (INCONCLUSIVE), and for one that is still open at the end
// (LEAKED). It returns the record with its verdict, for further questions.
func (c Case) Run(t testing.TB) gameday.Record {
	t.Helper()
	p, err := c.prepare(t.Name(), callerLine())
	if err != nil {
		t.Fatalf("gamedaytest: the case cannot be run:\n%v", err)
	}
	ctx, cancel := life(t)
	defer cancel()
	dir := directory(t, c.Store)
	done, err := wire.RunCase(ctx, wire.CaseOptions{
		Plan: p.plan, Platform: p.platform, Catalog: p.catalog, Load: p.load, Open: c.Replay.Open, Pages: p.pages, Ready: p.ready,
		Store: dir, Out: progress(t), Command: command(t), Version: version(), HealLimit: c.HealWithin,
	})
	return tell(t, outcome{done, err, dir, c.Store == ""})
}

package gamedaytest

import (
	"cmp"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
)

// Options say how a scenario is run. The zero value works.
type Options struct {
	Seed     uint64            // DefaultSeed when 0
	Set      map[string]string // parameters of the scenario
	Topology string            // path of a topology file, instead of the scenario's
	Store    string            // directory of runs; the test's ArtifactDir when empty. A topology that `gameday up` keeps on it is used.
}

// Run carries a scenario out as `gameday run` does, on a topology that it starts and stops. The test fails unless the
// verdict is PASS; the failure text is the verdict, what was broken, and where the report is. A path is relative to
// the test's package. It blocks as long as the scenario lasts, and heals and ends the run when the deadline of
// `go test -timeout` comes near. It returns the record with its verdict.
//
// Topologies have fixed addresses: tests that call Run must not run in parallel on one machine, so keep them in one
// package, or use `go test -p 1`.
func Run(t testing.TB, file string, options ...Options) gameday.Record {
	t.Helper()
	o := one(t, options)
	ctx, cancel := life(t)
	defer cancel()
	dir := directory(t, o.Store)
	done, err := wire.Run(ctx, wire.RunOptions{
		CompileOptions: wire.CompileOptions{File: file, Set: o.Set, Seed: cmp.Or(o.Seed, DefaultSeed), Topology: o.Topology},
		Store:          dir, Out: progress(t), Command: command(t), Version: version(),
	})
	return tell(t, outcome{done, err, dir, o.Store == ""})
}

// Files runs every scenario that the pattern matches, as filepath.Glob reads it, each in a subtest that is named for
// its file, one after another. No match fails the test.
func Files(t *testing.T, pattern string, options ...Options) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatalf("gamedaytest: list scenarios %s: %v", pattern, err)
	}
	if len(files) == 0 {
		t.Fatalf("gamedaytest: no scenario matches %s; the pattern is relative to the test's package", pattern)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), func(t *testing.T) { Run(t, file, options...) })
	}
}

// one returns the options that were given, if any.
func one(t testing.TB, options []Options) Options {
	t.Helper()
	if len(options) > 1 {
		t.Fatal("gamedaytest: several Options for one run: want one")
	}
	if len(options) == 0 {
		return Options{}
	}
	return options[0]
}

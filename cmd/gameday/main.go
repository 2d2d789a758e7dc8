// Command gameday replays captured traffic against a staging topology, breaks that topology on purpose, judges
// from metrics whether the core flows kept working, and heals everything. `gameday --help` lists its verbs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/internal/wire"
)

func main() { os.Exit(run(os.Args[1:], &global{stdout: os.Stdout, stderr: os.Stderr})) }

// run is main without the process: it returns the exit code.
func run(args []string, g *global) int {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	root := newRoot(g)
	root.SetArgs(args)
	root.PersistentPreRun = func(c *cobra.Command, _ []string) { // flags are known now
		g.heals = c.Name() != "replay" && c.Name() != "capture"
		go g.obey(signals, stop)
	}
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintln(g.stderr, "gameday:", message(exit.err))
		}
		return exit.code
	}
	fmt.Fprintln(g.stderr, "gameday:", message(err))
	return gameday.ExitUsage
}

// obey ends what is under way at the first signal, and the process at the second. A verdict that was written before
// keeps its exit code.
func (g *global) obey(signals <-chan os.Signal, stop context.CancelCauseFunc) {
	first := <-signals
	at := time.Now()
	if exit, settled := g.ending.signalled(); settled {
		fmt.Fprintf(g.stderr, "\n%s: the verdict stands; writing its reports and stopping the rest; once more to stop waiting\n", first)
		another(signals, at)
		os.Exit(exit)
	}
	what, left := "ending", ""
	if g.heals {
		what, left = "ending, and healing what is open", fmt.Sprintf(". What is left is healed by: gameday recover --all --store %s", g.store)
	}
	if !g.panel.Load() {
		fmt.Fprintf(g.stderr, "\n%s: %s; once more to stop waiting\n", first, what)
	}
	stop(harness.Interrupted{Signal: first})
	second := another(signals, at)
	fmt.Fprintf(g.stderr, "\n%s again: not waiting%s\n", second, left)
	if drop := g.drop.Load(); drop != nil {
		(*drop)()
	}
	os.Exit(harness.Interrupted{Signal: second}.ExitCode())
}

// signalEcho is how soon after the first signal another one is the same: timeout(1) and others that end a process group signal the
// process, and at once the group that it is in. Nobody means by that not to wait for the healing.
const signalEcho = 500 * time.Millisecond

// another returns the next signal that is not an echo of the first, which came then.
func another(signals <-chan os.Signal, first time.Time) os.Signal {
	for {
		if s := <-signals; time.Since(first) >= signalEcho {
			return s
		}
	}
}

// exitError ends the process with a code of its own; err is printed when there is one.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return fmt.Sprint("exit code ", e.code, ": ", e.err) }
func (e exitError) Unwrap() error { return e.err }

// failed makes what went wrong while working, not while being called, end with ERROR, or as its signal asks.
func failed(err error) error {
	var refused wire.Refused
	if err == nil || errors.As(err, &refused) {
		return err
	}
	var signal harness.Interrupted
	if errors.As(err, &signal) {
		return exitError{code: signal.ExitCode(), err: err}
	}
	return exitError{code: gameday.ResultError.ExitCode(), err: err}
}

// global is what every verb has.
type global struct {
	store  string // directory of runs
	stdout io.Writer
	stderr io.Writer
	heals  bool        // the verb may have changed what has to be put right
	panel  atomic.Bool // one is on the terminal, and tells of the first signal itself
	ending ending

	drop atomic.Pointer[func()] // puts away what is half done, when the process does not wait; nil for nothing

	tune func(*wire.RunOptions) // has the last word on the options of a run; nil but in tests
}

// ending knows what came first, a signal or the verdict, so that the exit code and what is on disk agree.
type ending struct {
	mu              sync.Mutex
	signal, verdict bool
	exit            int // that goes with the verdict
}

// settle reports whether the verdict is first.
func (e *ending) settle(exit int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.signal {
		e.verdict, e.exit = true, exit
	}
	return e.verdict
}

// signalled notes a signal, and returns the exit code of the verdict if that was first.
func (e *ending) signalled() (exit int, settled bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.signal = !e.verdict
	return e.exit, e.verdict
}

func newRoot(g *global) *cobra.Command {
	root := &cobra.Command{
		Use:   "gameday",
		Short: "Replay production traffic, break staging on purpose, and say with evidence whether the core flows survived",
		Example: `  gameday run scenarios/library/zone-outage.yaml
  gameday plan scenarios/library/zone-outage.yaml
  gameday capture --to http://127.0.0.1:9000 --listen 127.0.0.1:9001 --out shop.gdtape
  gameday replay shop.gdtape --to http://127.0.0.1:9000 --speed 2`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	root.SetOut(g.stdout)
	root.SetErr(g.stderr)
	root.PersistentFlags().StringVar(&g.store, "store", wire.StoreDir, "directory of runs")
	root.AddCommand(
		newRun(g), newPlan(g), newUp(g), newJudge(g), newReport(g), newQuery(g), newRecover(g), newDoctor(g),
		newCapture(g), newReplay(g), newTape(g), newSchema(g), newMonkeys(g),
	)
	root.SetHelpCommand(newHelp())
	instruct(root)
	return root
}

// version names the build: the module's version, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}

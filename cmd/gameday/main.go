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
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/internal/wire"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		if s, ok := <-signals; ok {
			fmt.Fprintf(stderr, "\n%s: healing and ending; once more to stop waiting\n", s)
			stop(harness.Interrupted{Signal: s})
		}
		if s, ok := <-signals; ok {
			fmt.Fprintf(stderr, "\n%s again: not waiting. What is left is healed by: gameday recover --all\n", s)
			os.Exit(harness.Interrupted{Signal: s}.ExitCode())
		}
	}()
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintln(stderr, "gameday:", exit.err)
		}
		return exit.code
	}
	fmt.Fprintln(stderr, "gameday:", err)
	return gameday.ExitUsage
}

// exitError ends the process with a code of its own; err is printed when there is one.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return fmt.Sprint("exit code ", e.code, ": ", e.err) }
func (e exitError) Unwrap() error { return e.err }

// failed makes what went wrong while working, not while being called, end with ERROR.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return exitError{code: gameday.ResultError.ExitCode(), err: err}
}

// global are the flags that every verb has.
type global struct {
	store  string
	stdout io.Writer
	stderr io.Writer
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	g := &global{stdout: stdout, stderr: stderr}
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
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.PersistentFlags().StringVar(&g.store, "store", wire.StoreDir, "directory of runs")
	root.AddCommand(
		newRun(g), newPlan(g), newUp(g), newJudge(g), newReport(g), newRecover(g), newDoctor(g),
		newCapture(g), newReplay(g), newTape(g), newSchema(g), newMonkeys(g),
	)
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

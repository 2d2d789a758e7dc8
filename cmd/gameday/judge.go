package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/internal/wire"
)

func newJudge(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "judge [RUN]",
		Short: "Judge a recorded run again, offline",
		Long: `Judge a run from its directory alone. The same run gives the same verdict; a newer gameday may judge better.
What a remote Prometheus answered when the run was judged is kept with it; a run that was not judged yet asks that
server, with GAMEDAY_PROMETHEUS_USER and GAMEDAY_PROMETHEUS_PASSWORD where it wants them. Ctrl-C leaves the verdict
that there was.
RUN is a directory, an id, the start of one, or "last".`,
		Example: `  gameday judge last`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := wire.Dir(g.store, ref(args))
			if err != nil {
				return err
			}
			done, err := wire.Judge(c.Context(), dir, g.ending.settle)
			if err != nil {
				return failed(err)
			}
			if err := done.Print(g.stdout); err != nil {
				return failed(err)
			}
			if done.ExitCode != 0 {
				return exitError{code: done.ExitCode}
			}
			return nil
		},
	}
}

func newReport(g *global) *cobra.Command {
	var out, format string
	c := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Render a recorded run again: HTML, text, Markdown or JUnit",
		Example: `  gameday report last
  gameday report last --format markdown --out summary.md`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := wire.Dir(g.store, ref(args))
			if err != nil {
				return err
			}
			if out == "" && format == "html" {
				out = filepath.Join(dir, "report.html")
			}
			if err := wire.Render(c.Context(), dir, format, out, g.stdout); err != nil {
				return failed(err)
			}
			if out != "" {
				fmt.Fprintln(g.stdout, out)
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "html", "html, text, markdown or junit")
	c.Flags().StringVar(&out, "out", "", "file to write; standard output, or report.html in the run's directory for html")
	return c
}

// ref is the run that a verb is about: the newest when none is named.
func ref(args []string) string {
	if len(args) == 0 {
		return "last"
	}
	return args[0]
}

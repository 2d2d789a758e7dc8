package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/scenarios"
)

func newSchema(g *global) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of scenarios, for editors",
		Example: `  gameday schema > scenario.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := scenarios.Schema()
			if err != nil {
				return failed(err)
			}
			_, err = fmt.Fprintf(g.stdout, "%s\n", text)
			return err
		},
	}
}

func newMonkeys(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "monkeys [NAME]",
		Short: "List the monkeys, or print the manual page of one",
		Example: `  gameday monkeys
  gameday monkeys latency`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				page, ok := monkeys.Manual(args[0])
				if !ok {
					return fmt.Errorf("unknown monkey %q: %s", args[0], meant(args[0], monkeys.Catalog().Names()))
				}
				fmt.Fprint(g.stdout, page)
				return nil
			}
			for _, name := range monkeys.Catalog().Names() {
				page, ok := monkeys.Manual(name)
				if !ok {
					return failed(errors.New("monkey " + name + " has no manual page"))
				}
				fmt.Fprintf(g.stdout, "%-12s %s\n", name, firstSentence(page))
			}
			return nil
		},
	}
}

func firstSentence(page string) string {
	sentence, _, _ := strings.Cut(strings.Join(strings.Fields(page), " "), ". ")
	return strings.TrimSuffix(sentence, ".") + "."
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gameday-dev/gameday/internal/typo"
	"github.com/gameday-dev/gameday/internal/wire"
)

// instruct lets a command that is called wrongly say how it is called, and its verbs too: with too few or too many
// arguments, without a flag that it needs or with flags that it cannot take, with a file of another kind than it takes, or
// with a verb that it does not have.
func instruct(c *cobra.Command) {
	c.SetFlagErrorFunc(wrongFlag)
	if c.HasSubCommands() {
		c.SuggestionsMinimumDistance = 2
		c.Args, c.RunE = cobra.ArbitraryArgs, onlyVerbs
		c.SetUsageTemplate(strings.Replace(c.UsageTemplate(), "{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1))
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return fmt.Errorf("%w: call it as `%s`; `%s --help` has examples", err, c.UseLine(), c.CommandPath())
			}
			return errors.Join(flagGroups(c), missingFlags(c), mistakenFiles(c, args))
		}
	}
	for _, verb := range c.Commands() {
		instruct(verb)
	}
}

// missingFlags names the flags that a command cannot do without and was not given, what they are, and a call that has them.
func missingFlags(c *cobra.Command) error {
	var errs []error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if _, required := f.Annotations[cobra.BashCompOneRequiredFlag]; !required || f.Changed {
			return
		}
		errs = append(errs, fmt.Errorf("--%s is missing (%s): for example `%s`", f.Name, f.Usage, exampleWith(c, f.Name)))
	})
	return errors.Join(errs...)
}

// exampleWith returns the first of a command's examples that has a flag.
func exampleWith(c *cobra.Command, flag string) string {
	for line := range strings.Lines(c.Example) {
		if strings.Contains(line, "--"+flag+" ") {
			return strings.TrimSpace(line)
		}
	}
	return c.UseLine()
}

// bracketed are the lists of flags in what cobra says of groups of them.
var bracketed = regexp.MustCompile(`\[([^\]]*)\]`)

// flagGroups says which flags do not go together, or of which one is needed.
func flagGroups(c *cobra.Command) error {
	err := c.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	var groups [][]string
	for _, found := range bracketed.FindAllStringSubmatch(err.Error(), -1) {
		groups = append(groups, strings.Fields(found[1]))
	}
	switch {
	case len(groups) == 1 && len(groups[0]) > 0:
		return fmt.Errorf("one of --%s is missing: for example `%s`", strings.Join(groups[0], ", --"), exampleWith(c, groups[0][0]))
	case len(groups) == 2:
		return fmt.Errorf("--%s do not go together: `%s --help` has examples", strings.Join(groups[1], " and --"), c.CommandPath())
	}
	return err
}

// mistakenFiles names the arguments that are files of another kind than the command's line of usage has in their places. A
// replay takes what other tools recorded for a tape.
func mistakenFiles(c *cobra.Command, args []string) error {
	kinds := map[string]wire.FileKind{
		"SCENARIO": wire.KindScenario, "TOPOLOGY": wire.KindTopology,
		"TAPE": wire.KindTape, "TAPE...": wire.KindTape, "FILE": wire.KindRecording,
	}
	if c.Name() == "replay" {
		kinds["TAPE"] = wire.KindRecording
	}
	names, _, _ := strings.Cut(c.Use, " --")
	places := strings.Fields(names)[1:]
	if len(places) == 0 { // a command that does nothing by itself
		return nil
	}
	var errs []error
	for i, arg := range args {
		if wanted, known := kinds[places[min(i, len(places)-1)]]; known {
			errs = append(errs, wire.Mistaken(arg, wanted))
		}
	}
	return errors.Join(errs...)
}

// onlyVerbs runs a command that does nothing by itself.
func onlyVerbs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	hint := ""
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %q? ", strings.Join(near, `" or "`))
	}
	return fmt.Errorf("unknown command %q: %s`%s --help` lists them", args[0], hint, c.CommandPath())
}

// newHelp replaces a command that takes any word for a verb.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err == nil && len(rest) > 0 {
				return onlyVerbs(about, rest)
			}
			return errors.Join(err, about.Help())
		},
	}
}

// meant says which of the known words may be meant, or lists them.
func meant(word string, known []string) string {
	if near := typo.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "one of " + strings.Join(known, ", ")
}

// wrongFlag says what is wrong with a flag in words of this program.
func wrongFlag(c *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	switch {
	case errors.As(err, &bare):
		f := bare.GetFlag()
		return fmt.Errorf("--%s needs a value (%s): `%s --help` has examples", f.Name, f.Usage, c.CommandPath())
	case errors.As(err, &value):
		return fmt.Errorf("--%s: %s", value.GetFlag().Name, wrongValue(value))
	case c.HasSubCommands() && c.Flags().NArg() > 0: // the flag is for a verb that there is not
		return onlyVerbs(c, c.Flags().Args())
	case errors.As(err, &unknown):
		name := cmp.Or(unknown.GetSpecifiedShortnames(), unknown.GetSpecifiedName()) // goreplay takes one dash, too
		if there := goreplays(name); there != "" {
			return fmt.Errorf("unknown flag: --%s: %s", name, there)
		}
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := typo.Nearest(unknown.GetSpecifiedName(), known); near != "" {
			return fmt.Errorf("%w: did you mean --%s?", err, near)
		}
		return fmt.Errorf("%w: `%s --help` lists them", err, c.CommandPath())
	}
	return err
}

// wrongValue says why a flag cannot have its value. The flags of this program say so themselves.
func wrongValue(e *pflag.InvalidValueError) string {
	var number *strconv.NumError
	kind := e.GetFlag().Value.Type()
	switch {
	case kind == "duration":
		return fmt.Sprintf("%q is no time such as 300ms, 5s or 2m", e.GetValue())
	case kind == "bool":
		return fmt.Sprintf("%q is neither true nor false", e.GetValue())
	case !errors.As(e, &number):
		return e.Unwrap().Error()
	case errors.Is(number.Err, strconv.ErrRange):
		return fmt.Sprintf("%s is out of range", number.Num)
	case strings.HasPrefix(kind, "float"):
		return fmt.Sprintf("%q is no number", number.Num)
	case strings.HasPrefix(kind, "uint"):
		return fmt.Sprintf("%q is no whole number from 0 on", number.Num)
	}
	return fmt.Sprintf("%q is no whole number", number.Num)
}

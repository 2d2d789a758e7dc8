package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/gameday-dev/gameday/replay/tape"
)

// problemsShown is how many problems a message lists before it only counts.
const problemsShown = 3

// message is what a person reads of an error: of several problems each once, the first ones, and how many more
// there are, and what to do when all have one cause.
func message(err error) string {
	problems := separate(err)
	shown := problems[:min(problemsShown, len(problems))]
	var b strings.Builder
	b.WriteString(strings.TrimSpace(strings.Join(shown, "\n  ")))
	if more := len(problems) - len(shown); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more of the kind", more)
	}
	if remedy := remedyOf(err); remedy != "" && !strings.Contains(b.String(), remedy) {
		b.WriteString("\n  " + remedy)
	}
	return b.String()
}

// remedyOf says what helps against a cause that many errors can have.
func remedyOf(err error) string {
	var damage *tape.Damage
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "free space on its disk, or choose another place with --store"
	case errors.Is(err, tape.ErrLocked):
		return "its file is named with --identity FILE, or by GAMEDAY_IDENTITY in the environment"
	case errors.As(err, &damage):
		return "keep what can be read of it with `gameday tape repair`"
	}
	return ""
}

// separate returns the texts of the problems that were joined into err, without repetitions.
func separate(err error) []string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{err.Error()}
	}
	parts := joined.Unwrap()
	if err.Error() != errors.Join(parts...).Error() { // it says more than its parts do
		return []string{err.Error()}
	}
	var problems []string
	for _, one := range parts {
		for _, text := range separate(one) {
			if !slices.Contains(problems, text) {
				problems = append(problems, text)
			}
		}
	}
	return problems
}

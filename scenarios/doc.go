// Package scenarios reads scenario files and compiles them to plans.
//
// [Parse] is strict: it reports every unknown field, wrong type, bad unit, unknown name and impossible
// time of a file at once, as [Diagnostics] with file, line, column, an excerpt and a remedy. What it
// returns compiles without error: [Scenario.Compile] writes every default and every random choice into a
// [gameday.Plan], as a pure function of the file, the parameters and the seed. [Schema] gives the same
// format to editors, and [Describe] tells people what a plan will do.
//
// See the example of [Parse].
package scenarios

import gameday "github.com/gameday-dev/gameday"

// APIVersion and Kind are the first two fields of every scenario.
const (
	APIVersion = "gameday/v1"
	Kind       = "Scenario"
)

// Options are what a scenario is read with. The zero value checks all that the text alone can tell.
type Options struct {
	// Set gives values to the scenario's parameters, by name, as text.
	Set map[string]string

	Checks
}

// Checks are validators from outside of this package. What is nil is not checked.
type Checks struct {
	// PromQL returns what is wrong with an expression. A message that begins with "LINE:COLUMN: " moves the
	// caret there.
	PromQL func(expr string) error

	// Monkeys names the types of faults, and decodes their fields. A monkey with a method Kinds() []gameday.Kind
	// says what it acts on, the usual kind first; one with Validate() error says what is wrong with its fields.
	Monkeys gameday.Catalog

	// DiffField and DiffSign return what is wrong with a field of answers that may differ, and with one by which an answer
	// says that it is a fallback.
	DiffField, DiffSign func(text string) error

	// Recording says why the recording at path, which is resolved as that of the topology is, cannot be there.
	Recording func(path string) error

	// Topology returns the names in the topology file at path, which is already resolved against the
	// scenario's folder. Its error is reported where the scenario names the file.
	Topology func(path string) (Known, error)
}

// Known lists the names that a topology declares.
type Known struct {
	Services []string
	Zones    []string
	Entries  []string
}

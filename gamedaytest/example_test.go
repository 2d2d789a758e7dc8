package gamedaytest_test

import (
	"testing"

	"github.com/gameday-dev/gameday/gamedaytest"
)

// A scenario of the library, run from a test.
func ExampleRun() {
	_ = func(t *testing.T) { // TestTheShopSurvivesTheLossOfAZone
		gamedaytest.Run(t, "../scenarios/library/zone-outage.yaml", gamedaytest.Options{Set: map[string]string{"zone": "z2"}})
	}
	// Output:
}

// Every scenario of a folder, each in a subtest of its own.
func ExampleFiles() {
	_ = func(t *testing.T) { // TestScenarios
		gamedaytest.Files(t, "testdata/scenarios/*.yaml")
	}
	// Output:
}

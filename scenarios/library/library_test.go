package library_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/scenarios"
	"github.com/gameday-dev/gameday/scenarios/library"
)

func TestEveryScenarioOfTheLibraryParses(t *testing.T) {
	files, err := fs.Glob(library.Files, "*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	names := map[string]string{}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text, err := library.Files.ReadFile(file)
			require.NoError(t, err)
			s, err := scenarios.Parse(filepath.Join("scenarios/library", file), text, scenarios.Options{
				Checks: scenarios.Checks{Monkeys: monkeys.Catalog()},
			})
			require.NoError(t, err)
			require.Equal(t, file, s.Metadata.Name+".yaml", "a scenario is found by its name")
			require.Empty(t, names[s.Metadata.Labels["id"]], "ids are unique")
			names[s.Metadata.Labels["id"]] = file
			plan := s.Compile(1)
			require.LessOrEqual(t, plan.Phases.Total().Seconds(), 60.0, "a library scenario takes a minute at most")
		})
	}
}

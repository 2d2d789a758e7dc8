package gamedaytest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/wire"
)

// TestTheScenarioOfTheGuideCompiles reads docs/start.md, whose scenario lies in scenarios/ for its readers.
func TestTheScenarioOfTheGuideCompiles(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/start.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(guide)
	require.NotNil(t, block)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "slow-promotion.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(block[1]), "../", root+"/")), 0o644))
	plan, err := wire.Compile(wire.CompileOptions{File: file, Set: map[string]string{"delay": "500ms"}})
	require.NoError(t, err)
	require.Equal(t, "molasses", plan.Steps[0].Name)
	require.Len(t, plan.Flows[0].Objectives, 3)
}

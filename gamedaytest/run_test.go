package gamedaytest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/gamedaytest"
	"github.com/gameday-dev/gameday/harness/platform/platformtest"
)

// topology is a small one, of this test binary, on addresses of its own.
func topology(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "topology.yaml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `apiVersion: gameday/v1
kind: Topology
metadata: {name: echoes}
zones: [{name: z1, number: 171}, {name: z2, number: 172}]
entries: [{name: front, service: %[1]s, listen: "127.171.0.1:8080"}]
binary: %[2]q
services: [{name: %[1]s, id: 7, replicas: 2, labels: {gameday: allowed}}]
`, platformtest.Callee, self), 0o644))
	return path
}

const scenarioDir = "testdata/scenarios"

// inner is set where this test binary runs one of the tests below as somebody's own.
const inner = "GAMEDAYTEST_INNER"

// TestInner is what somebody writes; it runs only when asked for.
func TestInner(t *testing.T) {
	if os.Getenv(inner) == "" {
		t.Skip("run by TestFilesOfAFolder")
	}
	gamedaytest.Files(t, scenarioDir+"/*.yaml", gamedaytest.Options{Topology: topology(t)})
}

func TestFilesOfAFolder(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := t.TempDir()
	c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestInner$", "-test.v", "-test.artifacts", "-test.outputdir="+out)
	c.Env = append(os.Environ(), inner+"=yes")
	text, err := c.CombinedOutput()
	t.Logf("%s", text)
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "the slow scenario fails: %v", err)
	steady := []string{`--- PASS: TestInner/steady`, `=== ATTR\s+TestInner/steady gameday.verdict PASS`}
	if regexp.MustCompile(`Nothing is proven: the host had spare capacity: processors were [\d.]+% busy at \S+;[^\n]*\n\s+\? the host[^\n]*\n\s+seed`).Match(text) {
		steady = []string{`=== ATTR\s+TestInner/steady gameday.verdict INCONCLUSIVE`} // the tests of other packages keep the host busy
	}
	for _, want := range append(steady,
		`--- FAIL: TestInner/slow`,
		`=== ATTR\s+TestInner/slow gameday.verdict FAIL`, `gameday.seed 424242`,
		`FAIL: .*while client->echo was slow`, `✗ visit p99 <= 1s.*\(testdata/scenarios/slow.yaml:\d+\)`,
	) {
		require.True(t, regexp.MustCompile(want).Match(text), want)
	}
	report := regexp.MustCompile(`report: (\S+report\.html)\n`).FindSubmatch(text)
	require.NotNil(t, report, "the artifacts are kept, and the text does not doubt it")
	require.FileExists(t, string(report[1]))
	require.Contains(t, string(report[1]), out)
}

func TestAScenarioThatIsWrongFailsBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, text string
		options    []gamedaytest.Options
		want       string
	}{
		{"it is missing", "", nil, "no such file"},
		{"it has a typing mistake", "apiVersion: gameday/v1\nkind: Scenari\n", nil, `did you mean "Scenario"?`},
		{"a parameter is unknown", "apiVersion: gameday/v1\nkind: Scenario\nmetadata: {name: x}\nspec: {}\n", []gamedaytest.Options{{Set: map[string]string{"speed": "1"}}}, "speed"},
		{"there are two sets of options", "", []gamedaytest.Options{{}, {}}, "want one"},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.yaml")
			if row.text != "" {
				require.NoError(t, os.WriteFile(file, []byte(row.text), 0o644))
			}
			record(t, "", func(t testing.TB) { gamedaytest.Run(t, file, row.options...) }).said(row.want)
		})
	}
}

package gameday_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPromisesAreShownByTests reads the table of docs/safety.md: each test that it names exists where it says.
func TestPromisesAreShownByTests(t *testing.T) {
	page, err := os.ReadFile("docs/safety.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(page), "## What is promised")
	table, _, _ = strings.Cut(table, "\n## ")
	named := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if len(cells) < 3 || strings.Contains(line, "shown by") || strings.Contains(line, "---") {
			continue
		}
		shown := cells[len(cells)-1]
		require.Contains(t, shown, "Test", "%s: no test shows it", cells[0])
		for part := range strings.SplitSeq(shown, ";") {
			where, tests, ok := strings.Cut(part, ":")
			require.True(t, ok, "%q names no package", part)
			dir := strings.Trim(strings.TrimSpace(where), "`")
			if dir == "root package" {
				dir = "."
			}
			for _, name := range regexp.MustCompile(`Test[A-Za-z]+(/[a-z_]+)?`).FindAllString(tests, -1) {
				named++
				requireTest(t, dir, name)
			}
		}
	}
	require.Greater(t, named, 15)
}

// requireTest fails unless the directory has the test, and, of a script, its file.
func requireTest(t *testing.T, dir, name string) {
	t.Helper()
	name, sub, _ := strings.Cut(name, "/")
	if name == "TestScripts" {
		require.FileExists(t, filepath.Join(dir, "testdata", "script", sub+".txtar"))
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return
		}
	}
	t.Errorf("%s has no %s", dir, name)
}

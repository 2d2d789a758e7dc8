package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryFlagOfGoreplayIsKnown reads the flags of goreplay from its source, at the version that go.mod names: each is
// a flag here or told what stands for it, and is in docs/from-goreplay.md.
func TestEveryFlagOfGoreplayIsKnown(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/buger/goreplay").Output()
	require.NoError(t, err)
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "settings.go"))
	if err != nil {
		t.Skip("the source of goreplay is not there: ", err)
	}
	text, err := os.ReadFile("../../docs/from-goreplay.md")
	require.NoError(t, err)
	page := string(text)
	families := regexp.MustCompile("`--([a-z-]+)[.]{3}`")
	flags := regexp.MustCompile(`flag\.[A-Za-z0-9]*Var\([^,]*, "([a-z-]+)",`).FindAllStringSubmatch(string(source), -1)
	require.Greater(t, len(flags), 80)
	root := newRoot(&global{})
	for _, found := range flags {
		flag := found[1]
		known := goreplays(flag) != ""
		for _, verb := range [][]string{{"replay"}, {"capture"}, {"tape", "convert"}} {
			c, _, err := root.Find(verb)
			require.NoError(t, err)
			known = known || c.Flags().Lookup(flag) != nil
		}
		require.True(t, known, "--%s: nothing says what does the same", flag)

		told := regexp.MustCompile(`--` + flag + "[` '|]").MatchString(page)
		for _, family := range families.FindAllStringSubmatch(page, -1) {
			told = told || strings.HasPrefix(flag, family[1])
		}
		require.True(t, told, "docs/from-goreplay.md does not have --%s", flag)
	}
}

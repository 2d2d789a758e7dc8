package scenarios

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// stub is a monkey that does nothing.
type stub struct{}

func (stub) Prepare(context.Context, gameday.Platform, gameday.Target) (gameday.Fault, error) {
	return gameday.Fault{}, nil
}
func (stub) Inject(context.Context, gameday.Platform, gameday.Fault) error { return nil }
func (stub) Verify(context.Context, gameday.Platform, gameday.Fault) (gameday.Evidence, error) {
	return gameday.Evidence{}, nil
}
func (stub) Heal(context.Context, gameday.Platform, gameday.Fault) error { return nil }

type slow struct {
	stub    `json:"-"`
	Delay   gameday.Duration `json:"delay"`
	Jitter  gameday.Duration `json:"jitter,omitempty"`
	Percent float64          `json:"percent,omitempty"`
	Flow    string           `json:"flow,omitempty"`
}

func (s *slow) Validate() error {
	if s.Delay <= 0 {
		return errors.New("delay must be more than 0")
	}
	return nil
}

type outage struct {
	stub `json:"-"`
}

func (*outage) Kinds() []gameday.Kind { return []gameday.Kind{gameday.KindZone} }

type narrow struct {
	stub `json:"-"`
}

func (*narrow) Unmeasured() string { return "nobody feels it" }

type death struct {
	stub `json:"-"`
}

// testChecks knows a small shop.
func testChecks() Checks {
	return Checks{
		PromQL: func(expr string) error {
			if strings.Count(expr, "(") != strings.Count(expr, ")") {
				return fmt.Errorf("1:%d: parse error: unclosed left parenthesis", strings.Index(expr, "(")+1)
			}
			return nil
		},
		Monkeys: gameday.Catalog{
			"latency": func() gameday.Monkey { return &slow{Delay: gameday.Duration(200 * time.Millisecond)} },
			"kill":    func() gameday.Monkey { return &death{} },
			"zone":    func() gameday.Monkey { return &outage{} },
			"narrow":  func() gameday.Monkey { return &narrow{} },
		},
		DiffField: testField,
		DiffSign:  func(text string) error { field, _, _ := strings.Cut(text, "="); return testField(field) },
		Recording: func(path string) error {
			if strings.HasSuffix(path, "missing.tape") {
				return fmt.Errorf("open %s: no such file", path)
			}
			return nil
		},
		Topology: func(path string) (Known, error) {
			if strings.HasSuffix(path, "missing.yaml") {
				return Known{}, fmt.Errorf("open %s: no such file", path)
			}
			return Known{
				Services: []string{"order", "product", "promotion", "cart"},
				Zones:    []string{"z1", "z2", "z3"},
				Entries:  []string{"shop"},
			}, nil
		},
	}
}

// testField knows two forms of fields.
func testField(text string) error {
	if !strings.HasPrefix(text, "$.") && !strings.HasPrefix(text, "header:") {
		return fmt.Errorf("field %q: want $.path or header:name", text)
	}
	return nil
}

// TestBadFilesAreExplained compares all that is said about each bad file with its golden.
func TestBadFilesAreExplained(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	seen := map[string]bool{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			_, err = Parse(file, text, Options{Checks: testChecks()})
			var found Diagnostics
			require.ErrorAs(t, err, &found)
			for _, d := range found {
				seen[d.Code] = true
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(found.String()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(string(want), found.String()))
		})
	}
	for _, c := range Codes() {
		if !seen[c.ID] {
			t.Errorf("no bad file shows %s (%s)", c.ID, c.Title)
		}
	}
}

func TestEveryCodeIsInTheTableOnce(t *testing.T) {
	known := map[string]bool{}
	for _, c := range Codes() {
		require.False(t, known[c.ID], c.ID)
		require.NotEmpty(t, c.Title)
		require.NotEmpty(t, c.Remedy)
		known[c.ID] = true
	}
}

// full is the text of a scenario with every field.
func full(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/full.yaml")
	require.NoError(t, err)
	return text
}

func TestWholeFormatParses(t *testing.T) {
	_, err := Parse("testdata/full.yaml", full(t), Options{Checks: testChecks()})
	require.NoError(t, err)
}

func TestParametersReachEveryKindOfValue(t *testing.T) {
	s, err := Parse("testdata/full.yaml", full(t), Options{Checks: testChecks(), Set: map[string]string{
		"delay": "750ms", "copies": "3", "replicas": "9", "loop": "false", "entry": "http://127.0.0.1:1",
	}})
	require.NoError(t, err)
	plan := s.Compile(1)
	require.Equal(t, map[string]int{"product": 9}, plan.Environment.Replicas)
	require.InDelta(t, 3.0, plan.Traffic.Amplify, 0)
	require.False(t, plan.Traffic.Loop)
	require.Equal(t, "http://127.0.0.1:1", plan.Traffic.To)
	require.JSONEq(t, `{"delay":"750ms","jitter":"50ms"}`, string(plan.Steps[0].Config))
	require.Contains(t, plan.Hypothesis, "answers 750ms late")
	require.Equal(t, "pw-${$.user}", plan.Traffic.Rewrite[0].Value, "a field of a body is no parameter")
}

func TestBadSetIsReported(t *testing.T) {
	for _, row := range []struct{ why, name, value, want string }{
		{"a parameter that is not declared", "dellay", "1s", `--set names an unknown parameter "dellay"; did you mean "delay"?`},
		{"a value of another type", "replicas", "some", "--set replicas=some: the value is no integer"},
		{"a duration without unit", "delay", "5", "--set delay=5: the value is no duration"},
	} {
		t.Run(row.why, func(t *testing.T) {
			_, err := Parse("full.yaml", full(t), Options{Checks: testChecks(), Set: map[string]string{row.name: row.value}})
			require.ErrorContains(t, err, row.want)
		})
	}
}

func TestTopologyIsAskedForRelativeToTheScenario(t *testing.T) {
	var asked string
	checks := testChecks()
	checks.Topology = func(path string) (Known, error) {
		asked = path
		return Known{}, errors.New("no such file")
	}
	_, err := Parse("a/b/full.yaml", full(t), Options{Checks: checks})
	require.ErrorContains(t, err, "a/b/full.yaml:22:15: spec.environment.topology: no such file")
	require.Equal(t, "fixtures/supermarket/topology.yaml", strings.TrimPrefix(asked, "../"))
}

func TestManyProblemsAreCutOff(t *testing.T) {
	text := "kind: Scenario\n" + strings.Repeat("a: 1\n", 500)
	_, err := Parse("a.yaml", []byte(text), Options{})
	var found Diagnostics
	require.ErrorAs(t, err, &found)
	require.Len(t, found, diagnosticsMax)
}

func TestTooLargeFileIsNotRead(t *testing.T) {
	_, err := Parse("a.yaml", make([]byte, bytesMax+1), Options{})
	require.ErrorContains(t, err, "at most 256 are read")
}

// FuzzParse looks for panics, for positions outside of the text, for plans that a second reading changes, and for rules that
// no player takes.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/bad/*.yaml", "library/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("f.yaml", text, Options{Checks: testChecks()})
		if err == nil {
			plan := s.Compile(1)
			require.Equal(t, plan, s.Compile(1))
			_, err := replay.NewRules(plan.Traffic.Filter, plan.Traffic.Rewrite)
			require.NoError(t, err)
			return
		}
		var found Diagnostics
		require.ErrorAs(t, err, &found)
		lines := strings.Split(string(text), "\n")
		for _, d := range found {
			require.True(t, d.Line >= 1 && d.Line <= len(lines), "line %d of %d", d.Line, len(lines))
			require.True(t, d.Col >= 1 && d.Col <= utf8.RuneCountInString(lines[d.Line-1])+1, "column %d of %q", d.Col, lines[d.Line-1])
			require.Positive(t, d.Width)
			require.NotEmpty(t, d.Problem)
			require.NotEmpty(t, d.String())
		}
	})
}

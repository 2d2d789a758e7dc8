package scenarios

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("scenario.json", doc))
	schema, err := c.Compile("scenario.json")
	require.NoError(t, err)
	return schema
}

// validate checks YAML against the schema, as an editor would.
func validate(t *testing.T, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	var doc any
	require.NoError(t, yaml.Load(text, &doc))
	return schema.Validate(doc)
}

func TestSchemaAcceptsGoodScenarios(t *testing.T) {
	schema := compiledSchema(t)
	for _, pattern := range []string{"testdata/*.yaml", "library/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, validate(t, schema, text), file)
		}
	}
}

func TestSchemaRefusesBrokenScenarios(t *testing.T) {
	schema := compiledSchema(t)
	good := shop("", `"p99 <= 1s"`, "{name: a, type: kill, target: {service: order}, for: 1s}")
	require.NoError(t, validate(t, schema, []byte(good)))
	for _, row := range []struct{ why, old, new string }{
		{"an unknown field", "metadata: {name: shop}", "metadata: {nmae: shop}"},
		{"a missing field", "environment: {topology: topology.yaml}", "environment: {}"},
		{"another version", "gameday/v1", "gameday/v2"},
		{"another kind", "kind: Scenario", "kind: Experiment"},
		{"a duration without unit", "for: 1s", "for: 1"},
		{"a duration in words", "for: 1s", "for: one second"},
		{"an unknown word", "target: {service: order}", "target: {service: order, mode: some}"},
		{"a number out of range", "target: {service: order}", "target: {service: order, percent: 101}"},
		{"a list where a mapping belongs", "phases: {}", "phases: []"},
		{"a number where text belongs", "path: /", "path: 5"},
	} {
		t.Run(row.why, func(t *testing.T) {
			broken := strings.Replace(good, row.old, row.new, 1)
			require.NotEqual(t, good, broken)
			require.Error(t, validate(t, schema, []byte(broken)))
			_, err := Parse("shop.yaml", []byte(broken), Options{})
			require.Error(t, err, "the parser agrees")
		})
	}
}

// TestSchemaDescribesEveryField keeps editors helpful.
func TestSchemaDescribesEveryField(t *testing.T) {
	text, err := Schema()
	require.NoError(t, err)
	var root map[string]any
	require.NoError(t, yaml.Load(text, &root))
	require.Equal(t, schemaDraft, root["$schema"])
	undescribed(t, "", root)
}

func undescribed(t *testing.T, path string, node map[string]any) {
	fields, _ := node["properties"].(map[string]any)
	for name, f := range fields {
		field := f.(map[string]any)
		require.NotEmpty(t, field["description"], join(path, name))
		undescribed(t, join(path, name), field)
	}
	if items, ok := node["items"].(map[string]any); ok {
		undescribed(t, path+"[]", items)
	}
	alternatives, _ := node["anyOf"].([]any)
	for _, a := range alternatives {
		undescribed(t, path, a.(map[string]any))
	}
}

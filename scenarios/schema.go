package scenarios

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// scenarioSource holds the doc comments that become descriptions: comments are not in a binary otherwise.
//
//go:embed scenario.go
var scenarioSource string

const (
	schemaDraft     = "http://json-schema.org/draft-07/schema#"
	durationPattern = `^([0-9.]+(ns|us|µs|ms|s|m|h))+$|^[0-9]+d$|^0$`
	referenceOnly   = `^\$\{[^${}]+\}$` // a whole value that a parameter gives
)

// Schema returns the JSON Schema (draft-07) of the format, for editors. It says what can be said of a file
// without knowing names; [Parse] says the rest.
func Schema() ([]byte, error) {
	comments, err := docComments(scenarioSource)
	if err != nil {
		return nil, fmt.Errorf("read the descriptions of fields: %w", err)
	}
	r := jsonschema.Reflector{
		Anonymous:                  true,
		DoNotReference:             true,
		RequiredFromJSONSchemaTags: true,
		Mapper:                     mapType,
		LookupComment:              comments.of,
	}
	text, err := json.Marshal(r.Reflect(&Scenario{}))
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	for _, part := range []string{"metadata", "spec"} { // the version and the kind are never a parameter's
		relax(root["properties"].(map[string]any)[part].(map[string]any))
	}
	root["$schema"] = schemaDraft
	root["title"] = "gameday scenario"
	return json.MarshalIndent(root, "", "  ")
}

// mapType gives the types that read themselves their schema.
func mapType(t reflect.Type) *jsonschema.Schema {
	switch t {
	case durationType:
		return &jsonschema.Schema{Type: "string", Pattern: durationPattern}
	case reflect.TypeFor[Scalar]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
	case reflect.TypeFor[Raw]():
		return &jsonschema.Schema{Type: "object"}
	}
	return nil
}

// JSONSchemaExtend lets an objective be its expression alone.
func (SLO) JSONSchemaExtend(s *jsonschema.Schema) { orString(s) }

// JSONSchemaExtend lets a promise about answers be its expression alone.
func (DiffBound) JSONSchemaExtend(s *jsonschema.Schema) { orString(s) }

// JSONSchemaExtend lets one side of a link be written as "service@zone".
func (Endpoint) JSONSchemaExtend(s *jsonschema.Schema) { orString(s) }

// orString turns the schema of a struct into a choice between a string and that struct.
func orString(s *jsonschema.Schema) {
	expanded := *s
	expanded.Description = ""
	*s = jsonschema.Schema{Description: s.Description, AnyOf: []*jsonschema.Schema{{Type: "string"}, &expanded}}
}

// relax walks a schema and allows ${name} wherever a value is no free text, and one phase in place of a list.
func relax(node map[string]any) {
	for _, key := range []string{"properties", "patternProperties"} {
		fields, _ := node[key].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			field, ok := fields[name].(map[string]any)
			if !ok {
				continue
			}
			relax(field)
			if name == "during" && field["type"] == "array" {
				fields[name] = orOne(field)
			}
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if below, ok := node[key].(map[string]any); ok {
			relax(below)
		}
	}
	alternatives, _ := node["anyOf"].([]any)
	for _, a := range alternatives {
		if below, ok := a.(map[string]any); ok {
			relax(below)
		}
	}
	if constrained(node) {
		orReference(node)
	}
}

// constrained says whether the schema is of a single value that is not any text.
func constrained(node map[string]any) bool {
	switch node["type"] {
	case "number", "integer", "boolean":
		return true
	case "string":
		return node["enum"] != nil || node["pattern"] != nil
	}
	return false
}

// orReference turns node into a choice between what it was and a reference to a parameter.
func orReference(node map[string]any) {
	was := map[string]any{}
	for key, value := range node {
		if key != "description" && key != "default" {
			was[key] = value
			delete(node, key)
		}
	}
	node["anyOf"] = []any{was, map[string]any{"type": "string", "pattern": referenceOnly}}
}

// orOne turns a list into a choice between one item and the list.
func orOne(list map[string]any) map[string]any {
	choice := map[string]any{"anyOf": []any{list["items"], list}}
	if description, ok := list["description"]; ok {
		choice["description"] = description
		delete(list, "description")
	}
	return choice
}

// descriptions are doc comments by "Type." and "Type.Field".
type descriptions map[string]string

// of returns the comment of a type (field is empty) or of a field, or of the field's type if it has none.
func (d descriptions) of(t reflect.Type, field string) string {
	if text := d[t.Name()+"."+field]; text != "" {
		return text
	}
	if t.Kind() != reflect.Struct {
		return ""
	}
	f, ok := t.FieldByName(field)
	if !ok {
		return ""
	}
	below := f.Type
	if below.Kind() == reflect.Pointer {
		below = below.Elem()
	}
	return d[below.Name()+"."]
}

// docComments collects the comments of all structs of a file.
func docComments(source string) (descriptions, error) {
	file, err := parser.ParseFile(gotoken.NewFileSet(), "scenario.go", source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	comments := descriptions{}
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range decl.Specs {
			if spec, ok := s.(*ast.TypeSpec); ok {
				comments[spec.Name.Name+"."] = sentence(decl.Doc)
				comments.addFields(spec)
			}
		}
	}
	return comments, nil
}

func (d descriptions) addFields(spec *ast.TypeSpec) {
	fields, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range fields.Fields.List {
		for _, name := range f.Names {
			d[spec.Name.Name+"."+name.Name] = sentence(f.Doc)
		}
	}
}

// sentence returns a comment as one line.
func sentence(doc *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()), " ")
}

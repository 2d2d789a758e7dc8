package scenarios

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	gameday "github.com/gameday-dev/gameday"
)

// Scalar is the text of a single value.
type Scalar struct {
	Text string
	tag  string
}

// parameterTypes maps the types of parameters to the YAML tags that their values have.
var parameterTypes = map[string][]string{
	"string":   {"!!str"},
	"number":   {"!!int", "!!float"},
	"integer":  {"!!int"},
	"boolean":  {"!!bool"},
	"duration": {"!!str", "!!int"},
}

// reference is ${name}, or the escape $${. A name that begins with $ belongs to a rewrite and stays.
var reference = regexp.MustCompile(`\$\$\{|\$\{([^${}]*)\}`)

// parameters holds the value of each parameter for one reading of the file.
type parameters struct {
	values map[string]*yaml.Node
	*problems
}

// resolve finds the value of each declared parameter: the set one, else its default.
func resolve(declared map[string]Parameter, set map[string]string, p *problems) *parameters {
	ps := &parameters{values: map[string]*yaml.Node{}, problems: p}
	names := slices.Sorted(maps.Keys(declared))
	for _, name := range names {
		path := "spec.parameters." + name
		if !isName(name) {
			p.key(path, nameProblem("parameter", name))
		}
		ps.values[name] = nil // its uses are no further problem
		param := declared[name]
		given, isSet := set[name]
		switch {
		case parameterTypes[param.Type] == nil:
			continue // reported as an unknown word
		case isSet:
			n, ok := typed(param.Type, given)
			if !ok {
				p.key(path, problem{code: codeValue, text: fmt.Sprintf("--set %s=%s: the value is no %s", name, given, param.Type)})
				continue
			}
			ps.values[name] = n
		case param.Default == nil:
			p.key(path, problem{code: codeValue, text: fmt.Sprintf("parameter %q has no default and was not set", name), hint: "--set " + name + "=VALUE"})
		case param.Default.tag == "":
			continue // reported as no single value
		default:
			n, ok := typed(param.Type, param.Default.Text)
			if !ok || !slices.Contains(parameterTypes[param.Type], param.Default.tag) {
				p.value(path+".default", problem{code: codeValue, text: fmt.Sprintf("%q is no %s", param.Default.Text, param.Type)})
				continue
			}
			ps.values[name] = n
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if _, ok := declared[name]; !ok {
			p.key("spec.parameters", problem{code: codeParameter, text: fmt.Sprintf("--set names an unknown parameter %q", name), hint: suggest(name, names)})
		}
	}
	return ps
}

// typed returns text as a value of the type.
func typed(kind, text string) (*yaml.Node, bool) {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	var err error
	switch kind {
	case "string":
		n.Tag = "!!str"
	case "number":
		n.Tag = "!!float"
		_, err = parseNumber(text)
	case "integer":
		n.Tag = "!!int"
		_, err = parseInteger(text)
	case "boolean":
		n.Tag = "!!bool"
		if text != "true" && text != "false" {
			return nil, false
		}
	case "duration":
		n.Tag = "!!str"
		_, err = gameday.ParseDuration(text)
	}
	return n, err == nil
}

// substitute puts values in place of references in all scalars below n, but not in the keys of mappings.
func (ps *parameters) substitute(n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if at := join(path, n.Content[i].Value); at != "spec.parameters" {
				ps.substitute(n.Content[i+1], at)
			}
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			ps.substitute(item, fmt.Sprintf("%s[%d]", path, i))
		}
	case yaml.ScalarNode:
		if strings.Contains(n.Value, "${") {
			ps.replace(n, path)
		}
	}
}

func (ps *parameters) replace(n *yaml.Node, path string) {
	written := n.Value
	n.Value = reference.ReplaceAllStringFunc(written, func(ref string) string {
		if ref == "$${" {
			return "${"
		}
		value := ps.lookup(ref, n, path)
		if value == nil {
			ps.silence(path)
			return ref
		}
		if ref == written {
			n.Tag = value.Tag // a number stays a number
		}
		return value.Value
	})
}

func (ps *parameters) lookup(ref string, n *yaml.Node, path string) *yaml.Node {
	name := ref[2 : len(ref)-1]
	if value, ok := ps.values[name]; ok {
		return value // nil when the parameter itself is wrong
	}
	known := slices.Sorted(maps.Keys(ps.values))
	ps.node(n, path, problem{code: codeParameter, text: fmt.Sprintf("unknown parameter %q", name), hint: suggest(name, known)})
	return nil
}

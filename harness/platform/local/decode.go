package local

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder fills structs from YAML nodes and keeps every problem with its place, where a plain decoder
// would stop at the first, or coerce in silence.
type decoder struct {
	file     string
	places   map[string]place // of every field that the file gives, by path
	problems []error
}

type place struct{ line, column int }

// problem records one at a path; a path that the file does not give is reported at the nearest parent.
func (d *decoder) problem(path, format string, args ...any) {
	at, known := d.places[path]
	for p := path; !known && p != ""; {
		p = p[:max(0, strings.LastIndexAny(p, ".["))]
		at, known = d.places[p]
	}
	message := fmt.Sprintf(format, args...)
	if path != "" {
		message = path + ": " + message
	}
	d.problems = append(d.problems, fmt.Errorf("%s:%d:%d: %s", d.file, max(1, at.line), max(1, at.column), message))
}

// anotherKind reports a file that is well something else, such as a scenario: all else that could be said of it is noise.
func (d *decoder) anotherKind(root *yaml.Node) error {
	var head struct {
		Kind yaml.Node `yaml:"kind"`
	}
	if err := root.Decode(&head); err != nil || head.Kind.Value != "Scenario" {
		return nil
	}
	d.places["kind"] = place{head.Kind.Line, head.Kind.Column}
	d.problem("kind", "a file of kind %s is no topology; it names one in spec.environment.topology", head.Kind.Value)
	return d.err()
}

func (d *decoder) err() error { return errors.Join(d.problems...) }

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// decode fills v from n.
func (d *decoder) decode(path string, n *yaml.Node, v reflect.Value) {
	d.places[path] = place{n.Line, n.Column}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.problem(path, "anchors and aliases are not allowed: write the value out")
		return
	}
	if v.CanAddr() && v.Addr().Type().Implements(textUnmarshaler) {
		d.text(path, n, v.Addr().Interface().(encoding.TextUnmarshaler))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(path, n, v)
	case reflect.Slice:
		d.sequence(path, n, v)
	case reflect.Map:
		d.mapping(path, n, v)
	default:
		d.scalar(path, n, v)
	}
}

func (d *decoder) expect(path string, n *yaml.Node, kind yaml.Kind, what string) bool {
	if n.Kind != kind {
		d.problem(path, "want %s, not %s", what, describeNode(n))
		return false
	}
	return true
}

func describeNode(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.ShortTag() == "!!null" {
		return "nothing"
	}
	return fmt.Sprintf("%q", n.Value)
}

// pairs calls each for every key once and reports those that come twice.
func (d *decoder) pairs(path string, n *yaml.Node, each func(key string, value *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		at := join(path, key.Value)
		if line, twice := seen[key.Value]; twice {
			d.places[at] = place{key.Line, key.Column}
			d.problem(at, "given twice, first on line %d", line)
			continue
		}
		seen[key.Value] = key.Line
		d.places[at] = place{key.Line, key.Column}
		each(key.Value, n.Content[i+1])
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) structure(path string, n *yaml.Node, v reflect.Value) {
	if !d.expect(path, n, yaml.MappingNode, "a mapping") {
		return
	}
	fields := map[string]reflect.Value{}
	var names []string
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		fields[name] = v.Field(i)
		names = append(names, name)
	}
	d.pairs(path, n, func(key string, value *yaml.Node) {
		field, known := fields[key]
		if !known {
			d.problem(join(path, key), "unknown field; known here are %s", list(names))
			return
		}
		d.decode(join(path, key), value, field)
	})
}

func (d *decoder) sequence(path string, n *yaml.Node, v reflect.Value) {
	if !d.expect(path, n, yaml.SequenceNode, "a list") {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.decode(fmt.Sprintf("%s[%d]", path, i), item, v.Index(i))
	}
}

func (d *decoder) mapping(path string, n *yaml.Node, v reflect.Value) {
	if !d.expect(path, n, yaml.MappingNode, "a mapping") {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(path, n, func(key string, value *yaml.Node) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(join(path, key), value, item)
		v.SetMapIndex(reflect.ValueOf(key), item)
	})
}

func (d *decoder) text(path string, n *yaml.Node, into encoding.TextUnmarshaler) {
	if !d.expect(path, n, yaml.ScalarNode, "text") {
		return
	}
	if err := into.UnmarshalText([]byte(n.Value)); err != nil {
		d.problem(path, "%v", err)
	}
}

func (d *decoder) scalar(path string, n *yaml.Node, v reflect.Value) {
	tag := n.ShortTag()
	switch v.Kind() {
	case reflect.String:
		if n.Kind != yaml.ScalarNode || tag != "!!str" {
			d.problem(path, "want text, not %s: put it in quotes", describeNode(n))
			return
		}
		v.SetString(n.Value)
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || tag != "!!int" || err != nil {
			d.problem(path, "want a whole number, not %s", describeNode(n))
			return
		}
		v.SetInt(int64(i))
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || tag != "!!bool" {
			d.problem(path, "want true or false, not %s", describeNode(n))
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	}
}

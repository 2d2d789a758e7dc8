package scenarios

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	gameday "github.com/gameday-dev/gameday"
)

// custom is a type that reads itself from a value of the file.
type custom interface {
	decode(d *decoder, n *yaml.Node, path string)
}

// terse is a type that may be written as one string, too.
type terse interface {
	fromText(text string)
}

// decoder fills Go values from a tree, with the rules of their tags, and notes where each value stands.
type decoder struct{ *problems }

var durationType = reflect.TypeFor[gameday.Duration]()

// decode fills v from n. Without a value (n is nil) it writes the defaults.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, r rules, path string) {
	if n == nil {
		d.defaults(v, r, path)
		return
	}
	d.src.values[path] = n
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.value(path, problem{code: codeType, text: "the field has no value", hint: "give one, or delete the field"})
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if own, ok := v.Addr().Interface().(custom); ok {
		own.decode(d, n, path)
		return
	}
	if short, ok := v.Addr().Interface().(terse); ok && n.Kind == yaml.ScalarNode {
		d.defaults(v, r, path)
		if text, ok := d.text(n, path); ok {
			short.fromText(text)
			d.words(v, r, path)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, r, path)
	case reflect.Slice:
		d.list(n, v, r, path)
	default:
		d.scalar(n, v, r, path)
	}
}

// defaults writes the defaults of v and of the fields below it.
func (d *decoder) defaults(v reflect.Value, r rules, path string) {
	switch {
	case r.fallback != "":
		d.scalar(&yaml.Node{Kind: yaml.ScalarNode, Value: r.fallback, Tag: tagOf(v)}, v, rules{}, path)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				d.defaults(v.Field(i), rulesOf(f), join(path, fieldName(f)))
			}
		}
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.wrongType("a mapping", n, path)
		return
	}
	fields := d.fields(n, path, fieldNames(v.Type()))
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		name, r := fieldName(f), rulesOf(f)
		if r.required && fields[name] == nil {
			d.value(path, problem{code: codeMissing, text: fmt.Sprintf("%s is missing", missing(path, name)), hint: "add " + name + ":"})
		}
		d.decode(fields[name], v.Field(i), r, join(path, name))
	}
}

func missing(path, name string) string {
	if path == "" {
		return fmt.Sprintf("field %q", name)
	}
	return fmt.Sprintf("field %q of %s", name, path)
}

// fields returns the values of a mapping by name, and reports names that are unknown, repeated or no names.
// A nil list of known names knows all.
func (d *decoder) fields(n *yaml.Node, path string, known []string) map[string]*yaml.Node {
	fields := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, at := n.Content[i], join(path, n.Content[i].Value)
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge":
			d.node(key, path, problem{code: codeYAML, text: "merge keys and complex keys are not supported", hint: "write the fields out"})
			continue
		case fields[key.Value] != nil:
			d.node(key, at, problem{code: codeTwice, text: fmt.Sprintf("field %q is given twice", key.Value)})
			continue
		case known != nil && !slices.Contains(known, key.Value):
			d.node(key, at, problem{code: codeField, text: fmt.Sprintf("unknown field %q", key.Value), hint: suggest(key.Value, known)})
			continue
		}
		d.src.keys[at] = key
		fields[key.Value] = n.Content[i+1]
	}
	return fields
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, r rules, path string) {
	if n.Kind != yaml.MappingNode {
		d.wrongType("a mapping", n, path)
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for name, value := range d.fields(n, path, nil) {
		item := reflect.New(v.Type().Elem()).Elem()
		d.decode(value, item, r, join(path, name))
		v.SetMapIndex(reflect.ValueOf(name), item)
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, r rules, path string) {
	if n.Kind != yaml.SequenceNode {
		what := problem{code: codeType, text: "want a list, got " + kindOf(n)}
		if n.Kind == yaml.ScalarNode {
			what.hint = fmt.Sprintf("did you mean [%q]?", n.Value)
		}
		d.value(path, what)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.decode(item, v.Index(i), r, fmt.Sprintf("%s[%d]", path, i))
	}
}

func (d *decoder) wrongType(want string, n *yaml.Node, path string) {
	d.value(path, problem{code: codeType, text: fmt.Sprintf("want %s, got %s", want, kindOf(n))})
}

// rules are the constraints of a field, from its jsonschema tag.
type rules struct {
	required         bool
	words            []string
	fallback         string
	minimum, maximum string
}

func rulesOf(f reflect.StructField) rules {
	var r rules
	for part := range strings.SplitSeq(f.Tag.Get("jsonschema"), ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "required":
			r.required = true
		case "enum":
			r.words = append(r.words, value)
		case "default":
			r.fallback = value
		case "minimum":
			r.minimum = value
		case "maximum":
			r.maximum = value
		}
	}
	return r
}

func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// fieldNames lists the fields that a mapping for t may have.
func fieldNames(t reflect.Type) []string {
	names := []string{}
	for f := range t.Fields() {
		if f.IsExported() && fieldName(f) != "-" {
			names = append(names, fieldName(f))
		}
	}
	return names
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

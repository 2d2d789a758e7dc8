package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Raw is a value that another package reads: a monkey's fields, as JSON.
type Raw struct {
	JSON   json.RawMessage
	fields []rawField
}

// rawField is one field of a mapping, on its own.
type rawField struct {
	name string
	json json.RawMessage
}

// decode converts a mapping to JSON.
func (r *Raw) decode(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		d.wrongType("a mapping", n, path)
		return
	}
	r.fields = d.rawFields(n, path)
	r.JSON = object(r.fields)
}

// rawFields converts the fields of a mapping in the order of the file.
func (d *decoder) rawFields(n *yaml.Node, path string) []rawField {
	var fields []rawField
	known := d.fields(n, path, nil)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i].Value, n.Content[i+1]
		if known[name] == value { // else it was reported
			fields = append(fields, rawField{name, d.json(value, join(path, name))})
		}
	}
	return fields
}

// json writes n as JSON, and notes where each value stands.
func (d *decoder) json(n *yaml.Node, path string) json.RawMessage {
	d.src.values[path] = n
	switch n.Kind {
	case yaml.MappingNode:
		return object(d.rawFields(n, path))
	case yaml.SequenceNode:
		items := make([][]byte, len(n.Content))
		for i, item := range n.Content {
			items[i] = d.json(item, fmt.Sprintf("%s[%d]", path, i))
		}
		return slices.Concat([]byte("["), bytes.Join(items, []byte(",")), []byte("]"))
	}
	return d.jsonScalar(n, path)
}

func object(fields []rawField) json.RawMessage {
	pairs := make([][]byte, len(fields))
	for i, f := range fields {
		pairs[i] = slices.Concat(quoted(f.name), []byte(":"), f.json)
	}
	return slices.Concat([]byte("{"), bytes.Join(pairs, []byte(",")), []byte("}"))
}

func (d *decoder) jsonScalar(n *yaml.Node, path string) []byte {
	switch n.ShortTag() {
	case "!!null":
		return []byte("null")
	case "!!bool":
		return quoted(strings.EqualFold(n.Value, "true"))
	case "!!int", "!!float":
		if value, err := parseNumber(n.Value); err == nil {
			if whole, err := parseInteger(n.Value); err == nil {
				return quoted(whole)
			}
			return quoted(value)
		}
		d.value(path, problem{code: codeType, text: "want a finite decimal number"})
		return []byte("0")
	case "!!str":
		return quoted(n.Value)
	}
	d.value(path, problem{code: codeType, text: "want a string or a number, got " + kindOf(n), hint: "quote it"})
	return []byte("null")
}

// quoted marshals a string, a boolean or a finite number, which cannot fail.
func quoted(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return text
}

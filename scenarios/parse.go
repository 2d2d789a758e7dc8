package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"

	"go.yaml.in/yaml/v4"
)

// Parse reads a scenario. The file's name is used for messages and to resolve paths; nothing is opened but
// what o's functions open. All problems are reported at once: the error is [Diagnostics].
func Parse(file string, text []byte, o Options) (*Scenario, error) {
	src := newSource(file, text)
	sum := sha256.Sum256(text)
	src.sha256 = hex.EncodeToString(sum[:])
	p := &problems{src: src}
	root := readTree(text, p)
	if root == nil {
		return nil, p.err()
	}
	resolve(declared(root, src), o.Set, p).substitute(root, "")
	s := &Scenario{src: src, monkeys: o.Monkeys}
	(&decoder{p}).decode(root, reflect.ValueOf(s).Elem(), rules{}, "")
	c := checker{problems: p, Checks: o.Checks, Spec: s.Spec, scenario: s}
	c.check()
	if err := p.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// declared reads the parameters ahead of all else. Their problems are reported when the whole file is read.
func declared(root *yaml.Node, src *source) map[string]Parameter {
	silent := &decoder{&problems{src: src}}
	silent.fields(root, "", nil)
	var all map[string]Parameter
	if n := child(child(root, "spec"), "parameters"); n != nil {
		silent.decode(n, reflect.ValueOf(&all).Elem(), rules{}, "spec.parameters")
	}
	return all
}

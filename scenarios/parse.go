package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v4"

	"github.com/gameday-dev/gameday/internal/typo"
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
	if p.anotherKind(root) {
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

// anotherKind reports a file that is well something else, such as a topology: all else that could be said of it is noise.
func (p *problems) anotherKind(root *yaml.Node) bool {
	n := child(root, "kind")
	if n == nil || n.Kind != yaml.ScalarNode || n.Value == "" || n.Value == Kind || typo.Nearest(n.Value, []string{Kind}) != "" {
		return false
	}
	p.node(n, "kind", problem{code: codeDocument, text: fmt.Sprintf("a file of kind %s is no scenario", n.Value), hint: "want kind: " + Kind})
	return true
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

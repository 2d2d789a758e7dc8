package scenarios

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Limits on one file, so that no text makes a reader work long.
const (
	bytesMax = 256 << 10
	nodesMax = 20_000 // after aliases are written out
	depthMax = 32
)

// readTree reads text as one YAML mapping in which every alias is written out, or reports why it is none.
func readTree(text []byte, p *problems) *yaml.Node {
	if len(text) > bytesMax {
		p.value("", problem{code: codeLimit, text: fmt.Sprintf("the file has %d KiB; at most %d are read", len(text)>>10, bytesMax>>10)})
		return nil
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		p.add(syntaxProblem(p.src, err))
		return nil
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		p.value("", problem{code: codeDocument, text: "the file holds no mapping", hint: "begin with apiVersion: " + APIVersion})
		return nil
	}
	e := expander{problems: p}
	root := e.expand(doc.Content[0], 0)
	if e.stopped {
		return nil
	}
	return root
}

// syntaxProblem places what the YAML reader says.
func syntaxProblem(src *source, err error) (span, string, problem) {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return src.clamp(1, 1, 1), "", problem{code: codeSyntax, text: err.Error()}
	}
	what := problem{code: codeSyntax, text: load.Message}
	switch load.Message {
	case "yaml: expected single document, found multiple":
		what = problem{code: codeDocument, text: "the file holds several documents", hint: "give each scenario a file"}
	case "yaml: no documents in stream":
		what = problem{code: codeDocument, text: "the file is empty", hint: "begin with apiVersion: " + APIVersion}
	}
	if load.ContextMsg != "" {
		what.hint = load.ContextMsg
	}
	return src.clamp(load.Mark.Line, load.Mark.Column, 1), "", what
}

// expander copies a tree with every alias replaced by what it stands for.
type expander struct {
	*problems
	nodes   int
	stopped bool
}

func (e *expander) expand(n *yaml.Node, depth int) *yaml.Node {
	e.nodes++
	switch {
	case e.stopped:
		return n
	case depth > depthMax:
		return e.stop(n, fmt.Sprintf("the values nest deeper than %d levels", depthMax))
	case e.nodes > nodesMax:
		return e.stop(n, fmt.Sprintf("the file has more than %d values when its aliases are written out", nodesMax))
	case n.Kind == yaml.AliasNode:
		return e.expand(n.Alias, depth+1)
	}
	c := *n
	c.Content = make([]*yaml.Node, 0, len(n.Content))
	for _, child := range n.Content {
		c.Content = append(c.Content, e.expand(child, depth+1))
	}
	return &c
}

func (e *expander) stop(n *yaml.Node, text string) *yaml.Node {
	e.stopped = true
	e.add(e.src.span(n), "", problem{code: codeLimit, text: text})
	return n
}

// child returns the value of the field of a mapping, or nil.
func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// kindOf names what n is, for messages.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "a string"
}

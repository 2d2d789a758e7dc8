package scenarios

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// source is the text of a scenario and where each of its values stands.
type source struct {
	file   string
	sha256 string
	lines  []string
	values map[string]*yaml.Node // by path, such as spec.faults[0].at
	keys   map[string]*yaml.Node
}

func newSource(file string, text []byte) *source {
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSuffix(l, "\r")
	}
	return &source{file: file, lines: lines, values: map[string]*yaml.Node{}, keys: map[string]*yaml.Node{}}
}

// span is a stretch of one line. Lines and columns count from 1, columns in characters.
type span struct{ line, col, width int }

// has says whether the file gives a value at path.
func (s *source) has(path string) bool { return s.values[path] != nil }

// value returns where the value at path stands, or the nearest that holds it when the file has none.
func (s *source) value(path string) span {
	for ; path != ""; path = parent(path) {
		if n := s.values[path]; n != nil {
			if n.Kind != yaml.ScalarNode && s.keys[path] != nil {
				n = s.keys[path]
			}
			return s.span(n)
		}
	}
	return s.clamp(1, 1, 1)
}

// key returns where the name of the field at path stands.
func (s *source) key(path string) span {
	if n := s.keys[path]; n != nil {
		return s.span(n)
	}
	return s.value(path)
}

// line returns "file:line" of the value at path.
func (s *source) line(path string) string {
	return fmt.Sprintf("%s:%d", s.file, s.value(path).line)
}

// span measures the text of n in its line: with quotes, without what a block scalar continues below.
func (s *source) span(n *yaml.Node) span {
	at := s.clamp(n.Line, n.Column, 1)
	rest := s.rest(at)
	if n.Kind == yaml.ScalarNode && n.Value != "" && strings.HasPrefix(rest, n.Value) {
		at.width = utf8.RuneCountInString(n.Value)
		return at
	}
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		if end := strings.IndexByte(rest[1:], rest[0]); end >= 0 {
			at.width = utf8.RuneCountInString(rest[:end+2])
		}
	}
	return at
}

// inside narrows the span of a scalar to the characters from offset on, when its text stands in the file
// as it is read.
func (s *source) inside(path string, offset, width int) span {
	at := s.value(path)
	n := s.values[path]
	if n == nil || n.Kind != yaml.ScalarNode {
		return at
	}
	rest, quotes := s.rest(at), 0
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		rest, quotes = rest[1:], 1
	}
	if !strings.HasPrefix(rest, n.Value) {
		return at
	}
	return s.clamp(at.line, at.col+quotes+offset, max(width, 1))
}

// rest returns the line of at from its column on.
func (s *source) rest(at span) string {
	line := s.lines[at.line-1]
	for range at.col - 1 {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	return line
}

// clamp moves a position into the text: the end of the file stands one line behind the last.
func (s *source) clamp(line, col, width int) span {
	line = min(max(line, 1), len(s.lines))
	end := utf8.RuneCountInString(s.lines[line-1]) + 1
	col = min(max(col, 1), end)
	return span{line, col, max(1, min(width, end-col))}
}

// parent returns the path of what holds the value at path: a.b[1] is in a.b, and that in a.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

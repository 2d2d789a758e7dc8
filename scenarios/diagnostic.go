package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Diagnostic is one problem of a scenario file.
type Diagnostic struct {
	Code    string `json:"code"` // see Codes
	File    string `json:"file"`
	Line    int    `json:"line"`           // from 1
	Col     int    `json:"col"`            // from 1, in characters
	Width   int    `json:"width"`          // of the text in question, at least 1
	Path    string `json:"path,omitempty"` // of the value: spec.faults[0].at
	Problem string `json:"problem"`
	Hint    string `json:"hint,omitempty"` // what was probably meant
	Excerpt string `json:"excerpt"`        // the line of the file
}

// Diagnostics are all problems of a file, in the order of the text. It is the error of [Parse].
type Diagnostics []Diagnostic

// diagnosticsMax is how many problems are kept: a file with more is better read from its top.
const diagnosticsMax = 100

// foundMax is how many are looked for, in whatever order they are found.
const foundMax = 1000

// Error returns one line for each problem: "file:line:col: path: problem".
func (d Diagnostics) Error() string {
	lines := make([]string, len(d))
	for i, p := range d {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Error returns the problem in one line.
func (d Diagnostic) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", d.File, d.Line, d.Col)
	if d.Path != "" {
		b.WriteString(d.Path + ": ")
	}
	b.WriteString(d.Problem)
	if d.Hint != "" {
		b.WriteString("; " + d.Hint)
	}
	return b.String()
}

// String returns every problem with its line, a caret and a remedy, and a last line that counts them. It
// holds no colour: lines that begin with "error[" are headings, and carets follow " | ".
func (d Diagnostics) String() string {
	var b strings.Builder
	for _, p := range d {
		b.WriteString(p.String() + "\n")
	}
	noun := "errors"
	if len(d) == 1 {
		noun = "error"
	}
	fmt.Fprintf(&b, "%d %s; nothing was run\n", len(d), noun)
	return b.String()
}

// String returns the problem with its line, a caret and a remedy.
func (d Diagnostic) String() string {
	number := fmt.Sprint(d.Line)
	gutter := strings.Repeat(" ", len(number))
	excerpt, indent := clip(d.Excerpt, d.Col)
	var b strings.Builder
	fmt.Fprintf(&b, "error[%s]: %s\n", d.Code, d.Problem)
	fmt.Fprintf(&b, "%s--> %s:%d:%d%s\n", gutter, d.File, d.Line, d.Col, prefixed(": ", d.Path))
	fmt.Fprintf(&b, "%s |\n%s | %s\n", gutter, number, excerpt)
	caret := strings.Repeat("^", max(1, min(d.Width, excerptMax-indent)))
	fmt.Fprintf(&b, "%s | %s\n", gutter, strings.TrimRight(strings.Repeat(" ", indent)+caret+" "+d.Hint, " "))
	return b.String()
}

// excerptMax is how many characters of a line are shown, so that an excerpt stays one line of a terminal.
const excerptMax = 160

// clip returns the line without tabs and control characters, cut around col when it is long, and how far
// the caret is indented below it.
func clip(line string, col int) (text string, indent int) {
	runes := []rune(line)
	for i, r := range runes {
		if r < ' ' || r == 0x7f {
			runes[i] = ' '
		}
	}
	indent = col - 1
	if len(runes) <= excerptMax {
		return string(runes), indent
	}
	from := min(max(0, indent-excerptMax/2), len(runes)-excerptMax)
	return string(runes[from : from+excerptMax]), indent - from
}

// problems collects what is wrong with one file. A value that is wrong already is not judged further: what is
// said first is the cause.
type problems struct {
	src   *source
	found Diagnostics
	wrong map[string]bool // by path
}

// silence takes the value at path for wrong, because of a problem that is reported elsewhere.
func (p *problems) silence(path string) {
	if p.wrong == nil {
		p.wrong = map[string]bool{}
	}
	p.wrong[path] = true
}

// problem is what is wrong at some place.
type problem struct{ code, text, hint string }

// value reports a problem with the value at path.
func (p *problems) value(path string, what problem) {
	if len(p.found) < foundMax && (path == "" || !p.wrong[path]) {
		p.add(p.src.value(path), path, what)
	}
}

// key reports a problem with the field's name at path.
func (p *problems) key(path string, what problem) {
	if len(p.found) < foundMax {
		p.add(p.src.key(path), path, what)
	}
}

// node reports a problem with a node that is not noted as the value of a path.
func (p *problems) node(n *yaml.Node, path string, what problem) {
	if len(p.found) < foundMax {
		p.add(p.src.span(n), path, what)
	}
}

// inside reports a problem with a part of the scalar at path.
func (p *problems) inside(path string, offset, width int, what problem) {
	if len(p.found) < foundMax && !p.wrong[path] {
		p.add(p.src.inside(path, offset, width), path, what)
	}
}

func (p *problems) add(at span, path string, what problem) {
	if what.code != codeMissing { // what holds nothing wrong but lacks a field is still judged
		p.silence(path)
	}
	p.found = append(p.found, Diagnostic{
		Code: what.code, File: p.src.file, Line: at.line, Col: at.col, Width: at.width,
		Path: path, Problem: what.text, Hint: what.hint, Excerpt: p.src.lines[at.line-1],
	})
}

// err returns what was found in the order of the text, or nil.
func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	slices.SortStableFunc(p.found, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Code, b.Code))
	})
	found := slices.Compact(p.found)
	return found[:min(len(found), diagnosticsMax)]
}

package monkeys

import (
	"embed"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
)

// sources are the monkeys' own files: what documents a monkey for readers of the code is its manual page too.
//
//go:embed *.go
var sources embed.FS

// Manual returns the manual page of a monkey: its comment, and its fields with theirs. It reports false for a
// name that is not in the catalog.
func Manual(name string) (string, bool) {
	make, ok := Catalog()[name]
	if !ok {
		return "", false
	}
	typeName := reflect.TypeOf(make()).Elem().Name()
	spec, comment := find(typeName)
	if spec == nil {
		return "", false
	}
	var b strings.Builder
	text := strings.Replace(comment, typeName, name, 1)
	fmt.Fprintf(&b, "%s\n", strings.TrimSpace(text))
	if fields, ok := spec.Type.(*ast.StructType); ok && len(fields.Fields.List) > 0 {
		b.WriteString("\nFields, under `with:` in a scenario:\n")
		for _, f := range fields.Fields.List {
			key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
			fmt.Fprintf(&b, "  %-10s %s\n", key, strings.Join(strings.Fields(f.Doc.Text()+f.Comment.Text()), " "))
		}
	}
	return b.String(), true
}

// find returns the declaration of a type and its comment as plain text.
func find(name string) (*ast.TypeSpec, string) {
	entries, err := sources.ReadDir(".")
	if err != nil {
		return nil, "" // an embedded folder is there
	}
	for _, e := range entries {
		text, err := sources.ReadFile(e.Name())
		if err != nil {
			return nil, ""
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), text, parser.ParseComments)
		if err != nil {
			return nil, "" // it compiled
		}
		for _, d := range file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE {
				continue
			}
			for _, s := range decl.Specs {
				if spec := s.(*ast.TypeSpec); spec.Name.Name == name {
					var p doc.Package
					return spec, string(p.Text(decl.Doc.Text()))
				}
			}
		}
	}
	return nil, ""
}

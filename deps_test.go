package gameday

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gameday-dev/gameday"

// imports is the import policy: for each package, or tree of packages ("..."), the packages of this
// module that it may import. It is a statement of design. When a build needs another arrow, change the
// design and docs/architecture.md first.
//
// A parent holds the vocabulary and its children the implementations; children never import each other,
// and a parent never imports a child.
var imports = map[string][]string{
	"":                              {},
	"harness":                       {""},
	"harness/platform":              {""},
	"harness/platform/local":        {"", "harness/platform", "internal/exposition", "internal/linkproxy"},
	"harness/platform/platformtest": {""},
	"harness/metrics":               {""},
	"harness/store":                 {""},
	"harness/judge":                 {"", "internal/hist"},
	"scenarios":                     {"", "internal/typo"},
	"scenarios/library":             {},
	"monkeys":                       {""},
	"monkeys/monkeytest":            {""},
	"replay":                        {"", "internal/descriptor", "internal/grpcwire", "internal/hist", "internal/mark"},
	"replay/capture":                {"", "replay", "internal/grpcwire", "internal/mark"},
	"replay/capture/grpctap":        {"replay", "replay/capture"},
	"replay/capture/passive":        {"replay", "replay/capture", "internal/linkproxy", "internal/tcpstream"},
	"replay/diff":                   {"", "replay"},
	"replay/guard":                  {"internal/mark"},
	"replay/guard/grpcguard":        {"replay/guard"},
	"replay/redact":                 {"", "replay"},
	"replay/tape":                   {"", "replay"},
	"replay/timeshift":              {},
	"reports":                       {"", "internal/hist", "internal/chart"},
	"gamedaytest":                   {"", "replay", "internal/wire", "internal/exposition", "internal/linkproxy"},
	"cmd/gameday":                   {"...", "internal/wire"},
	"internal/trackrecord":          {"", "internal/wire"},
	"internal/peers":                {"", "replay", "replay/capture", "replay/tape", "harness/store", "internal/hist", "internal/linkproxy"},
	"internal/wire":                 {"..."},
	"internal/descriptor":           {},
	"internal/grpcwire":             {},
	"internal/hist":                 {},
	"internal/mark":                 {},
	"internal/chart":                {},
	"internal/expose":               {"", "internal/exposition"},
	"internal/exposition":           {},
	"internal/linkproxy":            {"internal/descriptor", "internal/exposition"},
	"internal/tcpstream":            {},
	"internal/tcpstream/tcptest":    {},
	"internal/typo":                 {},
}

// onlyImporters names, for heavy modules, the one package that may import them.
var onlyImporters = map[string][]string{
	"github.com/prometheus/prometheus": {"harness/metrics"},
	"google.golang.org/grpc":           {"replay/capture/grpctap", "replay/guard/grpcguard"},
}

// TestImportsFollowThePolicy reads every file of the module that is not a test; tests may import what they
// exercise, but not across the rules for heavy modules.
func TestImportsFollowThePolicy(t *testing.T) {
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != "." && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") ||
				file == filepath.Join("fixtures", "supermarket") || file == filepath.Join("internal", "tools")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(fset, file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(file))
		if pkg == "." {
			pkg = ""
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := forbidden(pkg, imported, strings.HasSuffix(file, "_test.go")); why != "" {
				t.Errorf("%s imports %s: %s", fset.Position(spec.Pos()), imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func forbidden(pkg, imported string, test bool) string {
	for heavy, owners := range onlyImporters {
		if imported != heavy && !strings.HasPrefix(imported, heavy+"/") {
			continue
		}
		if slices.Contains(owners, pkg) {
			return ""
		}
		return "only " + strings.Join(owners, ", ") + " may"
	}
	if pkg == "" && !test && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") {
		return "the root imports only the standard library"
	}
	rel, ours := strings.CutPrefix(imported, module)
	if !ours || test {
		return ""
	}
	rel = strings.TrimPrefix(rel, "/")
	allowed, known := imports[pkg]
	if !known {
		return "package " + pkg + " is not in the table of deps_test.go"
	}
	for _, a := range allowed {
		if a == rel || a == "..." && path.Dir(rel) != "cmd/gameday" {
			return ""
		}
	}
	return "not in the table of deps_test.go"
}

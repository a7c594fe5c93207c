// SPDX-License-Identifier: Apache-2.0

// Package house holds the tests of the house itself: who may import whom, which
// directory a dependency stands behind, and how long files and functions may be.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module       = "github.com/connectd/connectd/"
	maxFileLines = 500
	maxFuncLines = 60
)

type source struct {
	path  string // from the root of the repository, with slashes
	text  string
	file  *ast.File
	lines func(ast.Node) (from, to int)
}

func (s source) dir() string  { return filepath.ToSlash(filepath.Dir(s.path)) }
func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []source
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (strings.HasPrefix(e.Name(), ".") && e.Name() != ".." || e.Name() == "testdata" || e.Name() == "build") {
			return filepath.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(rel), string(text), file, func(n ast.Node) (int, int) {
			return set.Position(n.Pos()).Line, set.Position(n.End()).Line
		}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files were found", len(all))
	}
	return all
}

func (s source) imports() []string {
	var paths []string
	for _, i := range s.file.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

// mayNot lists which part of the house must not import which: the engine, the
// connectors and the transforms do not know each other, and leaves do not know the
// engine. Tests are free.
var mayNot = []struct {
	from []string
	what []string
}{
	{[]string{"connect/"}, []string{"connectors/", "transforms", "cmd/", "config"}},
	{[]string{"connectors/"}, []string{"connect/runtime", "connect/worker", "connect/rest", "connect/topics", "connect/state", "connect/broker", "transforms", "config"}},
	{[]string{"transforms"}, []string{"connect/runtime", "connect/worker", "connect/rest", "connect/topics", "connect/state", "connect/broker", "connect/kafka", "connectors/", "config"}},
	{[]string{"connect/kafka", "connect/state", "connect/convert", "connect/expr", "connect/broker", "connect/metrics"}, []string{"connect/runtime", "connect/worker", "connect/rest", "connect/topics"}},
	{[]string{"connect/runtime"}, []string{"connect/worker", "connect/rest", "connect/broker"}},
	{[]string{"connect/topics"}, []string{"connect/runtime", "connect/worker", "connect/rest", "connect/broker"}},
}

func TestImportsPointInward(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || isTestSupport(s.path) {
			continue
		}
		for _, path := range s.imports() {
			if s.dir() == "connect" && strings.Contains(strings.Split(path, "/")[0], ".") {
				t.Errorf("%s imports %s: the contract imports the standard library only", s.path, path)
			}
			inside, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			for _, rule := range mayNot {
				if hasAnyPrefix(s.path, rule.from) && hasAnyPrefix(inside, rule.what) {
					t.Errorf("%s imports %s", s.path, inside)
				}
			}
		}
	}
}

// isTestSupport names the packages that exist for tests and may look everywhere.
func isTestSupport(path string) bool {
	return strings.HasPrefix(path, "connect/connecttest/") || strings.HasPrefix(path, "connect/broker/brokertest/") || strings.HasPrefix(path, "test/") ||
		strings.HasPrefix(path, "bench/")
}

func hasAnyPrefix(path string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// behind says in which directory each dependency stands.
var behind = map[string]string{
	"github.com/IBM/sarama":               "connect/kafka",
	"github.com/cockroachdb/pebble":       "connect/state",
	"github.com/expr-lang/expr":           "connect/expr",
	"github.com/prometheus/client_golang": "connect/metrics",
	"github.com/twmb/franz-go":            "connect/broker",
	"github.com/spf13/cobra":              "cmd/connectd",
	"github.com/lmittmann/tint":           "cmd/connectd",
	"go.yaml.in/yaml":                     "config",
	"github.com/hamba/avro":               "connect/convert/avro",
	"github.com/riferrei/srclient":        "connect/schemaregistry",
	"github.com/jackc":                    "connectors/postgrescdc",
}

func TestDependenciesStandBehindOneDirectory(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || isTestSupport(s.path) {
			continue
		}
		for _, path := range s.imports() {
			for dep, dir := range behind {
				if strings.HasPrefix(path, dep) && s.dir() != dir && !strings.HasPrefix(s.dir(), dir+"/") {
					t.Errorf("%s imports %s, which stands behind %s", s.path, path, dir)
				}
			}
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if n := strings.Count(s.text, "\n"); n > maxFileLines {
			t.Errorf("%s has %d lines, at most %d", s.path, n, maxFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if from, to := s.lines(f); to-from+1 > maxFuncLines && !s.isTest() {
				t.Errorf("%s:%d: %s has %d lines, at most %d", s.path, from, f.Name.Name, to-from+1, maxFuncLines)
			}
			if f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s:%d: init function: plugins are introduced in cmd/connectd/plugins.go", s.path, f.Pos())
			}
		}
	}
}

func TestEveryFileNamesTheLicence(t *testing.T) {
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.text, "// SPDX-License-Identifier: Apache-2.0\n") {
			t.Errorf("%s does not begin with the licence line", s.path)
		}
	}
}

func TestNoTestSkips(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isTest() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if ok && (sel.Sel.Name == "Skip" || sel.Sel.Name == "Skipf" || sel.Sel.Name == "SkipNow") {
				from, _ := s.lines(call)
				t.Errorf("%s:%d: a test that skips proves nothing", s.path, from)
			}
			if ok && sel.Sel.Name == "Sleep" {
				if x, isIdent := sel.X.(*ast.Ident); isIdent && x.Name == "time" {
					from, _ := s.lines(call)
					t.Errorf("%s:%d: a test waits for a condition, not for a time", s.path, from)
				}
			}
			return true
		})
	}
}

func TestExportedIdentifiersAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Name.IsExported() && f.Doc == nil && !isMethodOfUnexported(f) && !isStandardMethod(f.Name.Name) {
				from, _ := s.lines(f)
				t.Errorf("%s:%d: %s has no comment", s.path, from, f.Name.Name)
			}
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				ts := spec.(*ast.TypeSpec)
				if ts.Name.IsExported() && ts.Doc == nil && g.Doc == nil {
					from, _ := s.lines(ts)
					t.Errorf("%s:%d: %s has no comment", s.path, from, ts.Name.Name)
				}
			}
		}
	}
}

func isMethodOfUnexported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return false
	}
	typ := f.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.Ident:
			return !x.IsExported()
		default:
			return false
		}
	}
}

// isStandardMethod: methods whose meaning the standard library fixes.
func isStandardMethod(name string) bool {
	switch name {
	case "Error", "Unwrap", "String", "Len", "Less", "Swap", "Push", "Pop", "MarshalJSON", "UnmarshalJSON", "LogValue":
		return true
	}
	return false
}

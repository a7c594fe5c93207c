// SPDX-License-Identifier: Apache-2.0

package types

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// noValues are the types with the methods of a decoder that read nothing.
var noValues = []string{"noBinary", "unmapped"}

// TestSeedsReachEveryDecoder shows that fuzzing begins within every decoder: each type of the
// package that reads values is in a plan of a family, and each plan takes a seed of its family as
// text, and one as the binary form if it has one.
func TestSeedsReachEveryDecoder(t *testing.T) {
	reached, missing := map[string]bool{}, map[string]bool{}
	for _, family := range append(slices.Collect(maps.Keys(families)), "containers") {
		for _, p := range familyPlans(t, family) {
			note(reached, p.form.decoder)
			if !takesAny(p.Text, seeds[family]) {
				missing[fmt.Sprintf("no seed of %s is the text of a %s with %T", family, p.typeName, p.form.decoder)] = true
			}
			if p.HasBinary && !takesAny(p.Binary, seeds[family]) {
				missing[fmt.Sprintf("no seed of %s is the binary form of a %s with %T", family, p.typeName, p.form.decoder)] = true
			}
		}
	}
	for _, m := range slices.Sorted(maps.Keys(missing)) {
		t.Error(m)
	}
	declared := decoderTypes(t)
	if len(declared) < 30 {
		t.Errorf("only %d types with the methods of a decoder were found", len(declared))
	}
	for _, name := range declared {
		if !reached[name] && !slices.Contains(noValues, name) {
			t.Errorf("the decoder %s is in no plan that is fuzzed", name)
		}
	}
}

func takesAny(decode func(*connect.Arena, []byte) (connect.Value, error), inputs []string) bool {
	return slices.ContainsFunc(inputs, func(in string) bool {
		_, err := decode(new(connect.Arena), []byte(in))
		return err == nil
	})
}

// note adds the types of a decoder and of those within it.
func note(reached map[string]bool, d decoder) {
	if d == nil { // a field of a composite without a mapping
		return
	}
	reached[reflect.TypeOf(d).Name()] = true
	switch d := d.(type) {
	case array:
		note(reached, d.elem)
	case money:
		note(reached, d.as)
	case composite:
		for _, field := range d.fields {
			note(reached, field)
		}
	}
}

// decoderTypes are the types of the package that declare text or binary.
func decoderTypes(t *testing.T) []string {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "text" && fn.Name.Name != "binary" {
				continue
			}
			names[nameOf(fn.Recv.List[0].Type)] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func nameOf(e ast.Expr) string {
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	return e.(*ast.Ident).Name
}

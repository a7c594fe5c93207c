// SPDX-License-Identifier: Apache-2.0

package house

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

var (
	failureMode = regexp.MustCompile(`(?m)^\| (\d+) \|.*$`)
	namedTest   = regexp.MustCompile("`([\\w/]+_test\\.go)` (Test\\w+)")
	anyTestName = regexp.MustCompile(`\bTest[A-Z]\w+`)
)

// failureModes is how many there are.
const failureModes = 30

// TestFailureModesNameTheirTests holds docs/failure-modes.md to what is there: each mode
// has a line, and each line a test that exists.
func TestFailureModesNameTheirTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "failure-modes.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.isTest() && f.Recv == nil {
				tests[s.path+" "+f.Name.Name] = true
			}
		}
	}
	lines := failureMode.FindAllStringSubmatch(string(text), -1)
	if len(lines) != failureModes {
		t.Errorf("there are %d lines, want %d", len(lines), failureModes)
	}
	for i, l := range lines {
		if l[1] != strconv.Itoa(i+1) {
			t.Errorf("line %d has the number %s", i+1, l[1])
		}
		if !namedTest.MatchString(l[0]) {
			t.Errorf("failure mode %s names no test", l[1])
		}
	}
	named := namedTest.FindAllStringSubmatch(string(text), -1)
	for _, n := range named {
		if !tests[n[1]+" "+n[2]] {
			t.Errorf("%s has no test %s", n[1], n[2])
		}
	}
	if all := anyTestName.FindAllString(string(text), -1); len(all) != len(named) {
		t.Errorf("%d names of tests stand behind a file, and there are %d", len(named), len(all))
	}
}

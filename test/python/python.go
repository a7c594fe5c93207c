// SPDX-License-Identifier: Apache-2.0

// Package python gives tests an interpreter with the packages that they compare with.
package python

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// packages are the other side of the Avro converter and of the schema registry.
var packages = []string{"fastavro==1.13.1", "confluent-kafka[avro]==2.16.0"}

// Interpreter returns the path of a Python interpreter that has fastavro and
// confluent-kafka with its Avro serialisers. The environment is made once, by python3 and
// pip, and kept in the user's cache; other versions make another one. The test fails if it
// cannot be made. Several processes may ask at once.
func Interpreter(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("no cache directory: %v", err)
	}
	name := strings.NewReplacer("==", "-", "[", "-", "]", "").Replace(strings.Join(packages, "-"))
	home := filepath.Join(cache, "connectd", "python-"+name)
	interpreter := filepath.Join(home, "bin", "python")
	if _, err := os.Stat(interpreter); err == nil {
		return interpreter
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o750); err != nil {
		t.Fatal(err)
	}
	making, err := os.MkdirTemp(filepath.Dir(home), "making-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(making)
	run(t, "python3", "-m", "venv", making)
	run(t, filepath.Join(making, "bin", "python"), append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, packages...)...)
	// Another process may have been faster: then its environment serves as well.
	if err := os.Rename(making, home); err != nil {
		if _, statErr := os.Stat(interpreter); statErr != nil {
			t.Fatal(err)
		}
	}
	return interpreter
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

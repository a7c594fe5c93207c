// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

// packages are what the other side is made of. Another version makes another
// environment, so that the old one is not in the way.
var packages = []string{"fastavro==1.13.1", "confluent-kafka[avro]==2.16.0"}

// python is the path of an interpreter with the packages. The environment is made once
// and kept in the user's cache.
func python(t testing.TB) string {
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
	// Another test may have been faster: then its environment serves as well.
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

// TestConfluentKafkaForPython produces and consumes Avro through the embedded broker and
// registry with Confluent's client, and asks the registry all that the client can ask.
func TestConfluentKafkaForPython(t *testing.T) {
	interpreter := python(t)
	address := brokertest.Start(t)
	cmd := exec.Command(interpreter, filepath.Join("testdata", "roundtrip.py"), registry(t, address), address, brokertest.Topic(t, "orders"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("roundtrip.py: %v\n%s\n%s", err, out, stderr.String())
	}
	topic := cmd.Args[len(cmd.Args)-1]
	want, err := os.ReadFile("testdata/roundtrip.txt")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), strings.ReplaceAll(string(out), topic, "orders")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

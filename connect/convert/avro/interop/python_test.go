// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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

// request is a case for testdata/serialize.py, and reply its answer.
type request struct {
	Schema  string  `json:"schema"`
	Reader  string  `json:"reader,omitempty"`
	Data    string  `json:"data"` // hex, as all bytes here
	Seconds float64 `json:"seconds,omitempty"`
}

type reply struct {
	Library, Message, Resolved, Error string
	ReadNS                            float64 `json:"read_ns"`
	WriteNS                           float64 `json:"write_ns"`
}

// ask gives the cases to the script and returns its answers in their order.
func ask(t testing.TB, cases []request) []reply {
	t.Helper()
	var in strings.Builder
	for _, c := range cases {
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command(python(t), filepath.Join("testdata", "serialize.py"))
	cmd.Stdin = strings.NewReader(in.String())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("serialize.py: %v\n%s", err, stderr.String())
	}
	var replies []reply
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", lines.Text(), err))
		}
		replies = append(replies, r)
	}
	if len(replies) != len(cases) {
		t.Fatalf("%d answers for %d cases\n%s", len(replies), len(cases), stderr.String())
	}
	return replies
}

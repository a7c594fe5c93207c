// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var built struct {
	once sync.Once
	path string
	err  error
}

// Binary builds connectd once for the test process, with the crash points in it,
// and returns its path. CONNECTD_TEST_BINARY names a binary that is ready made.
func Binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() { built.path, built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func build() (string, error) {
	if ready := os.Getenv("CONNECTD_TEST_BINARY"); ready != "" {
		return ready, nil
	}
	dir, err := os.MkdirTemp("", "connectd-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "connectd")
	args := []string{"build", "-tags", "crashpoints", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/connectd/connectd/cmd/connectd")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build connectd: %w\n%s", err, out)
	}
	return path, nil
}

// Clean removes the binary; TestMain calls it after the tests.
func Clean() {
	if built.path != "" && os.Getenv("CONNECTD_TEST_BINARY") == "" {
		os.RemoveAll(filepath.Dir(built.path))
	}
}

// Race reports that the daemon runs with the race detector, which multiplies its memory.
func Race() bool { return raceEnabled }

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const daemonPackage = "github.com/connectd/connectd/cmd/connectd"

// profileEnv names the file that a daemon built with the overlay writes.
const profileEnv = "CONNECTD_BENCH_PROFILE"

// profiling is a file that the measured daemon has and the real one has not: SIGUSR1
// begins a CPU profile and, the second time, ends it.
//
//go:embed testdata/profiling.go.txt
var profiling []byte

// profilingOverlay writes what "go build -overlay" needs to add that file to the
// package of the daemon.
func profilingOverlay(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", daemonPackage).Output()
	if err != nil {
		return "", fmt.Errorf("find the package of the daemon: %w", err)
	}
	source := filepath.Join(dir, "profiling.go")
	if err := os.WriteFile(source, profiling, 0o600); err != nil {
		return "", err
	}
	added := filepath.Join(strings.TrimSpace(string(out)), "bench_profiling.go")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {added: source}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package pgtest

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent does nothing: such a signal is known to Linux only. A server that
// outlives its process is stopped by the next one, see sweep.
func dieWithParent(*syscall.SysProcAttr) {}

// isPostgres reports whether the process is a PostgreSQL server: process ids are
// used again.
func isPostgres(pid int) bool {
	name, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && filepath.Base(strings.TrimSpace(string(name))) == "postgres"
}

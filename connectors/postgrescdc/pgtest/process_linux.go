// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent asks the kernel to send SIGQUIT, which is an immediate shutdown to
// PostgreSQL, when the thread that starts the child is gone.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }

// isPostgres reports whether the process is a PostgreSQL server: process ids are
// used again.
func isPostgres(pid int) bool {
	name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return err == nil && strings.TrimSpace(string(name)) == "postgres"
}

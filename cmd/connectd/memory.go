// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime/debug"
)

// collectAt is how much the heap may grow between two collections, in percent of what is
// alive. A loaded task holds some tens of megabytes of buffers, which are used again and
// are cheap to look through, and throws away the encoded requests: at Go's 100 percent
// the peak is twice the buffers.
const collectAt = 50

// collectOften sets the garbage collector, unless the user has done so by GOGC or
// GOMEMLIMIT.
func collectOften() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(collectAt)
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build !arm

package store

import (
	"os"
	"syscall"
)

// syncFileRangeWrite is SYNC_FILE_RANGE_WRITE: begin to write what is not being
// written yet, and wait for nothing.
const syncFileRangeWrite = 2

// writeOut begins to write a range of the file. What cannot be begun, or fails, is left
// to the next sync, which also tells why.
func writeOut(f *os.File, off, n int64) {
	_ = syscall.SyncFileRange(int(f.Fd()), off, n, syncFileRangeWrite)
}

// SPDX-License-Identifier: Apache-2.0

//go:build unix

package spool

import (
	"os"
	"syscall"
)

// tryLock takes the lock of a file, which ends with the process.
func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// openLock opens the lock file of another process: a plain file, and nothing that
// somebody has put in its place.
func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// ours reports whether a folder belongs to the user of this process, and to nobody else.
func ours(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

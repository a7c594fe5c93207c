// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dirPrefix starts the names of directories that Start makes.
const dirPrefix = "connectd-pgtest-"

// privateDir makes a directory in the temporary directory and locks it for as long
// as this process lives. Directories whose process is gone are removed.
func privateDir() (string, *os.File, error) {
	sweep(os.TempDir())
	dir, err := os.MkdirTemp("", dirPrefix)
	if err != nil {
		return "", nil, fmt.Errorf("make directory of the server: %w", err)
	}
	lock, err := lockDir(dir)
	if err == nil {
		// Root runs the server as another user, who has to pass.
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("make directory of the server: %w", err), os.RemoveAll(dir))
	}
	return dir, lock, nil
}

// lockDir makes the lock under another name first: a lock that is seen is held.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Create(filepath.Join(dir, "lock.new"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, "lock")); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the directories in tmp that nobody holds, after ending the server
// that may still run in them. What cannot be removed, because another user owns it,
// stays.
func sweep(tmp string) {
	dirs, err := filepath.Glob(filepath.Join(tmp, dirPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		lock, err := os.Open(filepath.Join(dir, "lock"))
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && endStray(dir) {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}

// endStray ends the server of a directory that was left behind and reports whether
// it is gone.
func endStray(dir string) bool {
	pidFile := filepath.Join(dir, "data", "postmaster.pid")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(pidFile)
		if err != nil {
			return errors.Is(err, os.ErrNotExist)
		}
		if !quit(string(text), filepath.Join(dir, "data")) {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// quit sends an immediate shutdown to the server that postmaster.pid names and
// reports whether there is one. The second line of that file is the data directory:
// a file that was copied from elsewhere is not believed.
func quit(pidFile, data string) bool {
	lines := strings.SplitN(pidFile, "\n", 3)
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 1 || len(lines) < 2 || lines[1] != data {
		return false
	}
	return isPostgres(pid) && syscall.Kill(pid, syscall.SIGQUIT) == nil
}

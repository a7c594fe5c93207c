// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

const (
	folderPrefix = "connectd-spool-"
	lockName     = "lock"
	folderTries  = 5
)

// folder is the private folder of a living process: its lock file is locked.
type folder struct {
	path string
	lock *os.File
}

var errLost = errors.New("another process has removed it")

// openFolder makes a private folder in dir, and removes those of dead processes.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	sweep(dir)
	var err error
	for range folderTries {
		var f *folder
		if f, err = newFolder(dir); err == nil {
			return f, nil
		}
		if !errors.Is(err, errLost) && !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return nil, err
}

// newFolder makes a folder. Until it is locked another process may take it for one of
// the dead.
func newFolder(dir string) (*folder, error) {
	path, err := os.MkdirTemp(dir, folderPrefix)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	if err := tryLock(lock); err != nil {
		return nil, errors.Join(errLost, lock.Close())
	}
	f := &folder{path: path, lock: lock}
	if _, err := os.Stat(lock.Name()); err != nil {
		return nil, errors.Join(errLost, f.close())
	}
	return f, nil
}

// Clean removes what dead processes have left behind in a folder: Options.Dir.
func Clean(dir string) { sweep(folderOr(dir)) }

func folderOr(dir string) string {
	if dir == "" {
		return os.TempDir()
	}
	return dir
}

// sweep removes the folders of dead processes. What it cannot remove stays: it may
// belong to somebody else.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), folderPrefix) {
			removeDead(filepath.Join(dir, e.Name()))
		}
	}
}

// removeDead removes a folder unless its lock is held. One without a lock file is
// removed only if it is empty: its process may be about to make the file.
func removeDead(path string) {
	if !ours(path) {
		return
	}
	lock, err := openLock(filepath.Join(path, lockName))
	if err != nil {
		_ = os.Remove(path)
		return
	}
	if tryLock(lock) == nil {
		_ = os.RemoveAll(path)
	}
	_ = lock.Close()
}

// close removes the folder.
func (f *folder) close() error {
	if f.lock == nil {
		return nil
	}
	err := os.RemoveAll(f.path)
	err = errors.Join(err, f.lock.Close())
	f.lock = nil
	return err
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/connectd/connectd/cmd/connectd/process"
)

// dataFormat is the version of the layout of the data directory. A newer daemon
// opens older layouts; an older daemon refuses newer ones.
const dataFormat = 1

// dataDir is the locked data directory of a running daemon.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir creates the directory if need be, locks it and checks its format.
func openDataDir(path string) (*dataDir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, environmentError("data.dir %s: %w", path, err)
	}
	if err := os.MkdirAll(abs, 0o750); err != nil {
		return nil, environmentError("data.dir %s cannot be created: %w", abs, err)
	}
	lock, err := os.OpenFile(filepath.Join(abs, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, environmentError("data.dir %s is not writable: %w", abs, err)
	}
	d := &dataDir{path: abs, lock: lock}
	if err := d.acquire(); err != nil {
		lock.Close()
		return nil, err
	}
	if err := d.checkFormat(); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

// acquire takes the lock, which the kernel releases with the process however it
// ends. The file holds the process id for the error of the second daemon.
func (d *dataDir) acquire() error {
	err := syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid := make([]byte, 20)
		n, _ := d.lock.ReadAt(pid, 0)
		return environmentError("data.dir %s is in use by the daemon with process id %s: stop it, or choose another data.dir",
			d.path, strings.TrimSpace(string(pid[:n])))
	}
	if err != nil {
		return environmentError("data.dir %s cannot be locked: %w", d.path, err)
	}
	if err := d.lock.Truncate(0); err != nil {
		return environmentError("data.dir %s is not writable: %w", d.path, err)
	}
	if _, err := d.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return environmentError("data.dir %s is not writable: %w", d.path, err)
	}
	return nil
}

func (d *dataDir) checkFormat() error {
	path := filepath.Join(d.path, "format")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if err := writeFile(path, []byte(strconv.Itoa(dataFormat)+"\n")); err != nil {
			return environmentError("data.dir %s is not writable: %w", d.path, err)
		}
		return nil
	}
	if err != nil {
		return environmentError("data.dir %s: %w", d.path, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 1 {
		return environmentError("data.dir %s: the file format holds %q, not a version", d.path, text)
	}
	if n > dataFormat {
		return environmentError("data.dir %s has format %d, this connectd knows up to %d: use the newer connectd, or another data.dir", d.path, n, dataFormat)
	}
	return nil
}

func (d *dataDir) announce(s process.Announcement) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(d.path, process.AnnouncementFile), append(text, '\n')); err != nil {
		return environmentError("data.dir %s is not writable: %w", d.path, err)
	}
	return nil
}

// close removes the announcement and releases the lock.
func (d *dataDir) close() error {
	err := os.Remove(filepath.Join(d.path, process.AnnouncementFile))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, d.lock.Close())
}

// writeFile replaces a file as a whole: a reader sees the old text or the new.
func writeFile(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(text); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

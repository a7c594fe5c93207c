// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// formatFile names the version of the directory's format.
const (
	formatFile   = "format"
	formatPrefix = "connectd broker log "
)

// checkFormat refuses a directory of a newer format, and marks a new one.
func checkFormat(fs FS, dir string, used bool) error {
	path := filepath.Join(dir, formatFile)
	f, err := fs.Open(path, false)
	if err == nil {
		text := make([]byte, 64)
		n, _ := f.ReadAt(text, 0)
		if err := f.Close(); err != nil {
			return fmt.Errorf("read format of broker log: %w", err)
		}
		number, ok := strings.CutPrefix(strings.TrimSpace(string(text[:n])), formatPrefix)
		version, err := strconv.Atoi(number)
		if !ok || err != nil {
			return &DamageError{File: path, Offset: -1, Reason: "it does not name a format"}
		}
		if version > formatVersion {
			return fmt.Errorf("broker log has format %d, this version reads formats up to %d: use a newer version", version, formatVersion)
		}
		return nil
	}
	if used {
		return &DamageError{File: path, Offset: -1, Reason: "the file is missing: " + err.Error()}
	}
	f, err = fs.Open(path+".new", true)
	if err != nil {
		return fmt.Errorf("write format of broker log: %w", err)
	}
	_, err = f.WriteAt([]byte(formatPrefix+strconv.Itoa(formatVersion)+"\n"), 0)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = errors.Join(fs.Rename(path+".new", path), fs.SyncDir(dir))
	}
	if err != nil {
		return fmt.Errorf("write format of broker log: %w", err)
	}
	return nil
}

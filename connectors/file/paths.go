// SPDX-License-Identifier: Apache-2.0

package file

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// isGlob reports whether the setting is a pattern: it has a wildcard, and there is
// no file of exactly this name.
func isGlob(pattern string) bool {
	if !strings.ContainsAny(pattern, `*?[`) {
		return false
	}
	_, err := os.Lstat(pattern)
	return err != nil
}

func dirOf(path string) string { return filepath.Dir(path) }

// findPaths makes tails for paths that the pattern matches now.
func (t *sourceTask) findPaths() error {
	if !t.glob || t.now().Before(t.rescan) {
		return nil
	}
	t.rescan = t.now().Add(t.set.interval)
	if base := dirOf(t.set.pattern); !strings.ContainsAny(base, `*?[`) {
		t.watch.addDir(base)
	}
	paths, err := filepath.Glob(t.set.pattern)
	if err != nil {
		return fmt.Errorf("find files of %s: %w", t.set.pattern, err)
	}
	slices.Sort(paths)
	for _, path := range paths {
		if t.hasTail(path) {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			t.add(path)
		}
	}
	return nil
}

func (t *sourceTask) hasTail(path string) bool {
	return slices.ContainsFunc(t.tails, func(tl *tail) bool { return tl.path == path })
}

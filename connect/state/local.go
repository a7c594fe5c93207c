// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

var (
	// errNoLocal says that there is no local copy of a table.
	errNoLocal = errors.New("no local copy")
	// errLocal says that the local copy of a table is of no use.
	errLocal = errors.New("the local copy cannot be used")
)

// label says whose a local copy is.
type label struct {
	Format    int    `json:"format"`
	Owner     owner  `json:"owner"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

func (t *Table) label() label {
	return label{Format: format, Owner: t.tables.o.owner(t.step), Topic: t.topic, Partition: t.partition}
}

// check refuses a local copy of something else.
func (l label) check(want label) error {
	if l.Format > format {
		return fmt.Errorf("%w: it has format %d, newer than %d", errLocal, l.Format, format)
	}
	if l != want {
		return fmt.Errorf("%w: it is of %s, version %q", errLocal, l.Owner.name(), l.Owner.Version)
	}
	return nil
}

// path is where the local copy of the table is.
func (t *Table) path(ending string) string {
	return filepath.Join(t.tables.o.Dir, fmt.Sprintf("%s-%d.%s", t.topic, t.partition, ending))
}

// A database that cannot be used stands aside, under this ending, until another has
// taken its place: what it knows of the last commit must not be forgotten.
const asideEnding = "old"

// openLocal opens the local copy of the table. known is the furthest position that
// was committed when it was written; the position of the store may be before it.
func (t *Table) openLocal() (s store, known position, err error) {
	if t.tables.o.Dir == "" {
		return nil, known, errNoLocal
	}
	if t.tables.o.Kind == Memory {
		return t.loadSnapshot()
	}
	if err := t.keepLocal(); err != nil {
		return nil, known, err
	}
	dir := t.path(diskEnding)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, known, errNoLocal
	}
	d, err := t.openDisk(dir)
	if err != nil {
		return nil, known, err
	}
	if err := d.recall(); err != nil {
		return nil, known, errors.Join(err, d.close())
	}
	return d, d.position(), nil
}

// newStore makes an empty store. A local copy that exists stays for keepLocal.
func (t *Table) newStore() (store, error) {
	if t.tables.o.Kind == Memory {
		return newMemoryStore(t.tables.hasher, t.ordered), nil
	}
	dir := t.path(diskEnding)
	if err := os.Rename(dir, t.path(asideEnding)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return t.openDisk(dir)
}

// dropLocal removes the local copy that was there before newStore.
func (t *Table) dropLocal() error {
	if t.tables.o.Kind == Memory {
		return nil // the next snapshot takes its place
	}
	return os.RemoveAll(t.path(asideEnding))
}

// keepLocal puts the local copy back that was there before newStore.
func (t *Table) keepLocal() error {
	if t.tables.o.Kind == Memory {
		return nil
	}
	if _, err := os.Stat(t.path(asideEnding)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.RemoveAll(t.path(diskEnding)); err != nil {
		return err
	}
	return os.Rename(t.path(asideEnding), t.path(diskEnding))
}

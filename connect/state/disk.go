// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	diskEnding = "db"
	// diskMemtable is how much is written before it is flushed, and so about how much of
	// a changelog is read again after a crash.
	diskMemtable = 8 << 20
	// damagedMark is a file that says that the database could not be read.
	damagedMark = "DAMAGED"
)

// diskCache is the block cache that the stores of a task share.
type diskCache = pebble.Cache

func newDiskCache(size int64) *diskCache { return pebble.NewCache(size) }

// diskStore keeps a table in a database of its own. Its log is off: what is lost in a
// crash stands in the changelog, and the position, being a key as any other, is lost
// along with it.
type diskStore struct {
	db    *pebble.DB
	lock  *pebble.Lock
	dir   string
	label label
	now   func() int64
	pos   atomic.Pointer[position]
	// failed is what went wrong in the background; reads go on, writes would stall.
	failed  atomic.Pointer[error]
	damaged atomic.Bool
}

// diskPosition is the value of tagHead in a database.
type diskPosition struct {
	Label    label        `json:"label"`
	Position filePosition `json:"position"`
}

// diskLog passes on what the database has to say.
type diskLog struct{ log *slog.Logger }

// Infof is not passed on: success is silent.
func (diskLog) Infof(string, ...any) {}

// Errorf is a warning; operations that fail return their errors.
func (l diskLog) Errorf(format string, args ...any) {
	l.log.Warn("the database of the state complains", slog.String("text", fmt.Sprintf(format, args...)))
}

// Fatalf is called when the database cannot go on, and must not return.
func (diskLog) Fatalf(format string, args ...any) {
	panic("state: the database cannot go on: " + fmt.Sprintf(format, args...))
}

// openDisk opens or makes the table's database. That another process or Tables holds it
// is an error; that it cannot be read is errLocal.
func (t *Table) openDisk(dir string) (*diskStore, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(dir, vfs.Default)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	s := &diskStore{lock: lock, dir: dir, label: t.label(), now: t.tables.now}
	o := &pebble.Options{
		FS:    vfs.Default, // without a watch over slow disks, whose goroutine outlives a failed open
		Cache: t.tables.cache, Lock: lock, Logger: diskLog{t.tables.o.Log},
		DisableWAL: true, MemTableSize: diskMemtable, MaxOpenFiles: 256,
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { s.failed.CompareAndSwap(nil, &err) },
		},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	_, err = os.Stat(filepath.Join(dir, damagedMark))
	if err == nil {
		return nil, errors.Join(fmt.Errorf("%w: it could not be read", errLocal), lock.Close())
	}
	if s.db, err = pebble.Open(dir, o); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: open %s: %w", errLocal, dir, err), lock.Close())
	}
	s.pos.Store(&position{head: newHead, last: -1})
	return s, nil
}

// recall reads the position that the database holds. One that has not seen a whole unit
// is errNoLocal.
func (s *diskStore) recall() error {
	b, found, err := s.get(0, tagHead, nil, &blocks{})
	if err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	var d diskPosition
	if !found {
		return errNoLocal
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return fmt.Errorf("%w: decode its position: %w", errLocal, err)
	}
	if err := d.Label.check(s.label); err != nil {
		return err
	}
	p, err := d.Position.position()
	if err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	if p.commits == 0 {
		return errNoLocal
	}
	s.pos.Store(&p)
	return nil
}

func (s *diskStore) get(_ uint64, tag byte, rest []byte, scratch *blocks) ([]byte, bool, error) {
	v, closer, err := s.db.Get(scratch.join(tag, rest))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		s.damaged.Store(true)
		return nil, false, err
	}
	kept := scratch.join(0, v)[1:]
	return kept, true, closer.Close()
}

func (s *diskStore) cursor() (storeCursor, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{UpperBound: []byte{tagValue + 1}})
	if err != nil {
		return nil, err
	}
	return &diskCursor{store: s, it: it}, nil
}

func (s *diskStore) position() position { return *s.pos.Load() }

func (s *diskStore) shared() bool { return true }

// apply writes the changes and the position in one batch.
func (s *diskStore) apply(o *overlay, p position) error {
	if failed := s.failed.Load(); failed != nil {
		return *failed
	}
	b := s.db.NewBatch()
	defer b.Close()
	err := o.each(func(key, value []byte) error {
		switch {
		case key[0] <= tagHead: // the position holds them
			return nil
		case value == nil:
			return b.Delete(key, nil)
		}
		return b.Set(key, value, nil)
	})
	if err == nil {
		err = s.setPosition(b, p)
	}
	if err == nil {
		err = b.Commit(pebble.NoSync)
	}
	if err == nil {
		s.pos.Store(&p)
	}
	return err
}

func (s *diskStore) setPosition(w pebble.Writer, p position) error {
	b, err := json.Marshal(diskPosition{s.label, p.file()})
	if err != nil {
		return err
	}
	return w.Set([]byte{tagHead}, b, pebble.NoSync)
}

// close flushes what the database holds in memory.
func (s *diskStore) close() error {
	var errs []error
	if s.damaged.Load() {
		errs = append(errs, os.WriteFile(filepath.Join(s.dir, damagedMark), nil, 0o644))
	}
	if p := s.position(); p.commits > 0 && s.failed.Load() == nil && !s.damaged.Load() {
		p.at = s.now() // it is known to be complete until now
		errs = append(errs, s.setPosition(s.db, p))
		errs = append(errs, s.db.Flush())
	}
	return errors.Join(append(errs, s.db.Close(), s.lock.Close())...)
}

// diskCursor walks a database.
type diskCursor struct {
	store *diskStore
	it    *pebble.Iterator
	valid bool
	err   error
}

func (c *diskCursor) seek(key []byte) { c.valid = c.it.SeekGE(key) }

func (c *diskCursor) next() { c.valid = c.it.Next() }

func (c *diskCursor) key() []byte {
	if !c.valid {
		return nil
	}
	return c.it.Key()
}

func (c *diskCursor) value() []byte {
	v, err := c.it.ValueAndErr()
	if err != nil {
		c.err = err
	}
	if v == nil {
		return []byte{} // a database holds no deletions
	}
	return v
}

func (c *diskCursor) close() error {
	err := errors.Join(c.err, c.it.Error(), c.it.Close())
	if err != nil {
		c.store.damaged.Store(true)
	}
	return err
}

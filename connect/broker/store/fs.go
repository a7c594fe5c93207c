// SPDX-License-Identifier: Apache-2.0

package store

import (
	"io"
	"os"
	"path/filepath"
)

// FS is the file layer below the log. Names are full paths. Tests replace it to
// make writes and syncs fail.
type FS interface {
	// MkdirAll creates dir and its parents.
	MkdirAll(dir string) error
	// Open opens a file for reading and writing; create makes it when missing.
	Open(name string, create bool) (File, error)
	// Remove removes a file.
	Remove(name string) error
	// Rename moves a file over another.
	Rename(from, to string) error
	// List returns the names, without directory, of the files in dir.
	List(dir string) ([]string, error)
	// SyncDir makes creations, renames and removals in dir durable.
	SyncDir(dir string) error
}

// File is an open file of an FS. ReadAt and WriteAt follow the rules of package
// io; ReadAt may run beside WriteAt.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes all data written so far durable.
	Sync() error
	// WriteOut advises to begin with making n bytes from off durable, so that the
	// next Sync takes less time. It does not wait, and promises nothing.
	WriteOut(off, n int64)
	// Truncate cuts the file to size bytes.
	Truncate(size int64) error
	// Size returns the length in bytes.
	Size() (int64, error)
}

type osFS struct{}

var _ FS = osFS{}

func (osFS) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o755) }

func (osFS) Open(name string, create bool) (File, error) {
	flag := os.O_RDWR
	if create {
		flag |= os.O_CREATE
	}
	f, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Remove(name string) error     { return os.Remove(name) }
func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

type osFile struct{ *os.File }

func (f osFile) Sync() error { return datasync(f.File) }

func (f osFile) WriteOut(off, n int64) { writeOut(f.File, off, n) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

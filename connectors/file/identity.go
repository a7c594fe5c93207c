// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// headBytes is how much of a file's beginning its identity covers.
const headBytes = 256

// identity tells files apart, also when they are renamed or when an inode is used
// again: the first bytes never change in a file that only grows.
type identity struct {
	dev, ino uint64
	head     int    // how many first bytes the sum is of
	sum      uint64 // FNV-1a
}

// String is the form in which offsets carry an identity.
func (id identity) String() string {
	return fmt.Sprintf("%x-%x-%x-%x", id.dev, id.ino, id.head, id.sum)
}

func parseIdentity(s string) (identity, bool) {
	var id identity
	n, err := fmt.Sscanf(s, "%x-%x-%x-%x", &id.dev, &id.ino, &id.head, &id.sum)
	return id, err == nil && n == 4 && id.head >= 0 && id.head <= headBytes
}

// inode is the part of an identity that the file system gives.
type inode struct{ dev, ino uint64 }

func (id identity) inode() inode { return inode{id.dev, id.ino} }

// identify reads the identity of an open file.
func identify(f *os.File) (identity, int64, error) {
	info, err := f.Stat()
	if err != nil {
		return identity{}, 0, err
	}
	if info.IsDir() {
		return identity{}, 0, fmt.Errorf("read %s: it is a directory", f.Name())
	}
	in := inodeOf(info)
	id := identity{dev: in.dev, ino: in.ino}
	buf := make([]byte, headBytes)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return identity{}, 0, err
	}
	id.head, id.sum = n, sum(buf[:n])
	return id, info.Size(), nil
}

// startsWith reports whether the file still begins with what the identity covers.
func (id identity) startsWith(f *os.File) bool {
	buf := make([]byte, id.head)
	n, err := f.ReadAt(buf, 0)
	return n == id.head && (err == nil || errors.Is(err, io.EOF)) && sum(buf) == id.sum
}

func sum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

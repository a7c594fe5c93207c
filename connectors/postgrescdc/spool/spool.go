// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

const (
	// DefaultMemory is the bound of what is kept in memory if Options does not say.
	DefaultMemory = 4 << 20
	// tailMost is how much of one transaction waits to be written.
	tailMost = 256 << 10
	// tailLeast is the least that is allocated for it.
	tailLeast = 4 << 10
	// spareTails is how many buffers wait for use.
	spareTails = 4
)

// Options say where a spool keeps its files, and how much it keeps in memory.
type Options struct {
	// Dir is the folder in which the spool makes a folder of its own; that of the
	// operating system for temporary files if empty. It is made if it does not exist.
	Dir string
	// Memory bounds the bytes of all transactions together that are not in files;
	// DefaultMemory if 0.
	Memory int
	// Most bounds the bytes of all transactions together, in memory and in files; 0 for
	// any number.
	Most int64
}

// ErrFull says that a frame would not stay within Options.Most.
var ErrFull = errors.New("the spool is full")

// IsFull reports whether an error of a spool says that there is no room for more, by its
// bound, on the disk, or by a quota.
func IsFull(err error) bool {
	return errors.Is(err, ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Spool holds transactions in progress. It is for one goroutine.
type Spool struct {
	folder *folder
	memory int
	most   int64
	open   map[uint32]*transaction
	held   int   // capacity of all tails
	size   int64 // of all frames
	spare  [][]byte

	// file is the one that was written last, of the transaction current.
	file    *os.File
	current uint32
}

// transaction is a sequence of frames: first those of the file, then the tail.
type transaction struct {
	written int64
	// named says that there is a file, also if the first write to it has failed.
	named   bool
	tail    []byte
	aborted []uint32
}

// Open makes an empty spool, and removes what dead processes have left behind in the
// same folder.
func Open(o Options) (*Spool, error) {
	f, err := openFolder(folderOr(o.Dir))
	if err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	s := &Spool{folder: f, memory: o.Memory, most: o.Most, open: map[uint32]*transaction{}}
	if s.memory <= 0 {
		s.memory = DefaultMemory
	}
	return s, nil
}

// Len returns how many transactions there are.
func (s *Spool) Len() int { return len(s.open) }

// Size returns how many bytes they take, in memory and on disk, aborted
// subtransactions included.
func (s *Spool) Size() int64 { return s.size }

// Has reports whether there is anything of a transaction.
func (s *Spool) Has(xid uint32) bool { return s.open[xid] != nil }

// Begin makes a transaction without frames. What there was of it is dropped.
func (s *Spool) Begin(xid uint32) error {
	err := s.Drop(xid)
	s.open[xid] = &transaction{}
	return err
}

// Append adds a frame to a transaction. After an error the transaction is not whole,
// and should be dropped with the spool.
func (s *Spool) Append(xid uint32, f Frame) error {
	t := s.open[xid]
	if t == nil {
		return fmt.Errorf("spool transaction %d: it has not begun", xid)
	}
	n := headerSize + len(f.Data)
	if len(f.Data) > MaxData {
		return fmt.Errorf("spool transaction %d: a message has %d bytes, more than %d", xid, len(f.Data), MaxData)
	}
	if s.most > 0 && s.size+int64(n) > s.most {
		return fmt.Errorf("spool transaction %d: %w: it has %d bytes, a frame of %d more, and may have %d", xid, ErrFull, s.size, n, s.most)
	}
	if len(t.tail)+n > tailMost {
		if err := s.flush(xid, t); err != nil {
			return err
		}
	}
	s.size += int64(n)
	h := header(&f)
	if n > tailMost {
		return s.write(xid, t, h[:], f.Data)
	}
	s.grow(t, n)
	t.tail = append(append(t.tail, h[:]...), f.Data...)
	for s.held > s.memory {
		if err := s.relieve(); err != nil {
			return err
		}
	}
	return nil
}

// Abort marks a subtransaction of a transaction as aborted. It is not an error if
// there is nothing of either.
func (s *Spool) Abort(xid, sub uint32) {
	if t := s.open[xid]; t != nil {
		t.aborted = append(t.aborted, sub)
	}
}

// Replay calls each for the frames of a transaction in their order, those of aborted
// subtransactions included, and stops at an error, which it returns. The transaction
// stays; each must not change the spool. A file that does not hold what was written
// gives a *CorruptError.
func (s *Spool) Replay(xid uint32, each func(f *Frame) error) error {
	t := s.open[xid]
	if t == nil {
		return fmt.Errorf("replay transaction %d: it has not begun", xid)
	}
	in := io.Reader(bytes.NewReader(t.tail))
	if t.written > 0 {
		file, err := os.Open(s.path(xid))
		if err != nil {
			return fmt.Errorf("replay transaction %d: %w", xid, err)
		}
		defer func() { _ = file.Close() }()
		in = io.MultiReader(io.LimitReader(file, t.written), in)
	}
	slices.Sort(t.aborted)
	t.aborted = slices.Compact(t.aborted)
	r := &reader{in: bufio.NewReaderSize(in, tailMost), size: t.written + int64(len(t.tail))}
	for f := (Frame{}); ; {
		err := r.next(&f)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("replay transaction %d from %s: %w", xid, s.path(xid), err)
		}
		_, f.Aborted = slices.BinarySearch(t.aborted, f.Sub)
		if err := each(&f); err != nil {
			return err
		}
	}
}

// Drop forgets a transaction and removes its file.
func (s *Spool) Drop(xid uint32) error {
	t := s.open[xid]
	if t == nil {
		return nil
	}
	delete(s.open, xid)
	s.size -= t.written + int64(len(t.tail))
	s.release(t)
	if !t.named {
		return nil
	}
	var closed error
	if s.file != nil && s.current == xid {
		closed = s.closeFile()
	}
	if err := errors.Join(closed, os.Remove(s.path(xid))); err != nil {
		return fmt.Errorf("remove spool file: %w", err)
	}
	return nil
}

// Reset forgets all transactions.
func (s *Spool) Reset() error {
	var err error
	for xid := range s.open {
		err = errors.Join(err, s.Drop(xid))
	}
	return err
}

// Close removes everything. The spool cannot be used again; Close can.
func (s *Spool) Close() error {
	err := s.Reset()
	if s.file != nil {
		err = errors.Join(err, s.closeFile())
	}
	return errors.Join(err, s.folder.close())
}

// grow makes room for n more bytes in the tail of a transaction.
func (s *Spool) grow(t *transaction, n int) {
	need := len(t.tail) + n
	if need <= cap(t.tail) {
		return
	}
	s.held -= cap(t.tail)
	if k := len(s.spare); k > 0 && need > tailMost/4 {
		old := t.tail
		t.tail = append(s.spare[k-1], old...)
		s.spare = s.spare[:k-1]
	} else {
		size := tailLeast
		for size < need {
			size *= 4
		}
		t.tail = append(make([]byte, 0, min(size, tailMost)), t.tail...)
	}
	s.held += cap(t.tail)
}

// release takes the tail of a transaction away.
func (s *Spool) release(t *transaction) {
	s.held -= cap(t.tail)
	if cap(t.tail) == tailMost && len(s.spare) < spareTails {
		s.spare = append(s.spare, t.tail[:0])
	}
	t.tail = nil
}

// relieve writes the transaction with the largest tail.
func (s *Spool) relieve() error {
	largest, most := uint32(0), -1
	for xid, t := range s.open {
		if cap(t.tail) > most {
			largest, most = xid, cap(t.tail)
		}
	}
	return s.flush(largest, s.open[largest])
}

// flush writes the tail of a transaction to its file.
func (s *Spool) flush(xid uint32, t *transaction) error {
	if len(t.tail) == 0 {
		s.release(t)
		return nil
	}
	err := s.write(xid, t, t.tail)
	s.release(t)
	return err
}

// write appends to the file of a transaction.
func (s *Spool) write(xid uint32, t *transaction, parts ...[]byte) error {
	if err := s.openFile(xid, t); err != nil {
		return fmt.Errorf("spool transaction %d: %w", xid, err)
	}
	for _, b := range parts {
		if _, err := s.file.Write(b); err != nil {
			return fmt.Errorf("spool transaction %d: %w", xid, err)
		}
		t.written += int64(len(b))
	}
	return nil
}

func (s *Spool) openFile(xid uint32, t *transaction) error {
	if s.file != nil && s.current == xid {
		return nil
	}
	if s.file != nil {
		if err := s.closeFile(); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(s.path(xid), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		s.file, s.current, t.named = f, xid, true
	}
	return err
}

func (s *Spool) closeFile() error {
	err := s.file.Close()
	s.file = nil
	return err
}

func (s *Spool) path(xid uint32) string {
	return filepath.Join(s.folder.path, strconv.FormatUint(uint64(xid), 10))
}

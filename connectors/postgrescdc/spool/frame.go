// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Frame is one message of a transaction.
type Frame struct {
	// Sub is the subtransaction that the message is part of: the transaction itself if
	// it is in none.
	Sub uint32
	// LSN is whatever Append was given.
	LSN uint64
	// Data is the message. It is valid until the function that got it returns.
	Data []byte
	// Aborted says that Abort was told of Sub. Append does not look at it.
	Aborted bool
}

const (
	headerSize = 4 + 4 + 8 + 4
	checkAt    = headerSize - 4
	// MaxData is how long the data of a frame can be: no message of the server is longer.
	MaxData = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CorruptError says that a file does not hold what was written to it.
type CorruptError struct {
	// Offset is where the frame begins.
	Offset int64
	// Rule is what is broken.
	Rule string
}

// Error names the place and the rule.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("the frame at offset %d %s", e.Offset, e.Rule)
}

// header makes the header of a frame.
func header(f *Frame) [headerSize]byte {
	var h [headerSize]byte
	binary.BigEndian.PutUint32(h[0:], uint32(len(f.Data)))
	binary.BigEndian.PutUint32(h[4:], f.Sub)
	binary.BigEndian.PutUint64(h[8:], f.LSN)
	binary.BigEndian.PutUint32(h[checkAt:], checksum(h[:checkAt], f.Data))
	return h
}

func checksum(header, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(header, castagnoli), castagnoli, data)
}

// reader reads frames.
type reader struct {
	in *bufio.Reader
	// off is how much has been read, of size.
	off, size int64
	skip      int    // of the frame before
	long      []byte // room for frames that do not fit into the buffer of in
}

// next reads a frame, and returns io.EOF behind the last. Every other error is final.
func (r *reader) next(f *Frame) error {
	if _, err := r.in.Discard(r.skip); err != nil {
		return err
	}
	r.skip = 0
	left := r.size - r.off
	if left == 0 {
		return io.EOF
	}
	if left < headerSize {
		return r.broken("ends within its header")
	}
	h, err := r.in.Peek(headerSize)
	if err != nil {
		return r.short(err)
	}
	n := int64(binary.BigEndian.Uint32(h))
	if n > MaxData || n > left-headerSize {
		return r.broken(fmt.Sprintf("announces %d bytes, %d follow", n, left-headerSize))
	}
	f.Sub, f.LSN, f.Aborted = binary.BigEndian.Uint32(h[4:]), binary.BigEndian.Uint64(h[8:]), false
	whole, err := r.take(headerSize + int(n))
	if err != nil {
		return r.short(err)
	}
	f.Data = whole[headerSize:]
	if checksum(whole[:checkAt], f.Data) != binary.BigEndian.Uint32(whole[checkAt:]) {
		return r.broken("does not have its checksum")
	}
	r.off += int64(len(whole))
	return nil
}

// take returns the next n bytes: of the buffer, if they fit.
func (r *reader) take(n int) ([]byte, error) {
	if n <= r.in.Size() {
		b, err := r.in.Peek(n)
		r.skip = n
		return b, err
	}
	if cap(r.long) < n {
		r.long = make([]byte, n)
	}
	_, err := io.ReadFull(r.in, r.long[:n])
	return r.long[:n], err
}

// short tells the end of a file that should be longer from a failure to read it.
func (r *reader) short(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return r.broken("is cut off")
	}
	return err
}

func (r *reader) broken(rule string) error { return &CorruptError{Offset: r.off, Rule: rule} }

// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const (
	unfoldPiece = 64 << 10
	// maxWindow is what zstd may look back: 128 MiB, the most that the Java library takes.
	maxWindow = 128 << 20
	// keptWindow and keptBlock bound the memory that stays for the next batch.
	keptWindow = 8 << 20
	keptBlock  = 1 << 20
)

// unfolder reads compressed batches piece by piece, one at a time: whatever they unfold
// to, it takes the memory of one piece and of one codec's window.
type unfolder struct {
	mu    sync.Mutex // held from open to the end of reading
	src   bytes.Reader
	from  io.Reader
	left  int // bytes that may still come
	ended bool
	err   error // why nothing more comes; nil at the end of the records
	buf   []byte

	gzip   *gzip.Reader
	lz4    *lz4.Reader
	zstd   *zstd.Decoder
	snappy snappyReader
}

// open begins to read records of at most limit bytes.
func (u *unfolder) open(codec int, src []byte, limit int) {
	if u.buf == nil {
		u.buf = make([]byte, unfoldPiece)
	}
	u.src.Reset(src)
	u.left, u.ended = limit, false
	if u.from, u.err = u.reader(codec, src); u.err != nil {
		u.ended = true
	}
}

// close lets go of the batch, and of memory that is rarely needed.
func (u *unfolder) close() {
	u.src.Reset(nil)
	u.from = nil
	u.snappy.src = nil
	if cap(u.snappy.buf) > keptBlock {
		u.snappy.buf = nil
	}
}

func (u *unfolder) reader(codec int, src []byte) (io.Reader, error) {
	switch codec {
	case codecGzip:
		if u.gzip == nil {
			u.gzip = new(gzip.Reader)
		}
		return u.gzip, u.gzip.Reset(&u.src)
	case codecSnappy:
		u.snappy.open(src)
		return &u.snappy, nil
	case codecLZ4:
		if u.lz4 == nil {
			u.lz4 = lz4.NewReader(nil)
		}
		u.lz4.Reset(&u.src)
		return u.lz4, nil
	case codecZstd:
		return u.zstdReader(src)
	}
	return nil, errUnknownCodec
}

func (u *unfolder) zstdReader(src []byte) (io.Reader, error) {
	var head zstd.Header
	if err := head.Decode(src); err != nil {
		return nil, err
	}
	if head.WindowSize <= keptWindow && u.zstd != nil {
		return u.zstd, u.zstd.Reset(&u.src)
	}
	d, err := zstd.NewReader(&u.src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err == nil && head.WindowSize <= keptWindow {
		u.zstd = d
	}
	return d, err
}

// next returns rest, which the last call gave, and what follows on it: n bytes at least,
// fewer only at the end or after an error.
func (u *unfolder) next(rest []byte, n int) []byte {
	have := copy(u.buf, rest)
	for idle := 0; have < n && !u.ended; idle++ {
		m, err := u.from.Read(u.buf[have:])
		have += m
		u.left -= m
		switch {
		case u.left < 0:
			u.err = errTooLarge
		case err != nil && err != io.EOF:
			u.err = err
		case m > 0:
			idle = 0
		case err == nil && idle == 100:
			u.err = io.ErrNoProgress
		}
		u.ended = u.err != nil || err != nil
	}
	return u.buf[:have]
}

// snappyReader reads a raw block, or the framing of the Java clients: a header of 16
// bytes, then blocks that begin with their length.
type snappyReader struct {
	src    []byte
	framed bool
	buf    []byte
	block  []byte // what is left of the block in buf
}

func (s *snappyReader) open(src []byte) {
	s.src, s.block = src, nil
	if s.framed = len(src) >= 16 && bytes.HasPrefix(src, xerialMagic); s.framed {
		s.src = src[16:]
	}
}

// Read gives at most what is left of one block.
func (s *snappyReader) Read(p []byte) (int, error) {
	for len(s.block) == 0 {
		if len(s.src) == 0 {
			return 0, io.EOF
		}
		block, err := s.next()
		if err != nil {
			return 0, err
		}
		if _, err = snappyLength(block); err != nil {
			return 0, err
		}
		if s.block, err = s2.Decode(s.buf[:cap(s.buf)], block); err != nil {
			return 0, err
		}
		if cap(s.block) > cap(s.buf) {
			s.buf = s.block
		}
	}
	n := copy(p, s.block)
	s.block = s.block[n:]
	return n, nil
}

// next takes a compressed block.
func (s *snappyReader) next() (block []byte, err error) {
	if !s.framed {
		block, s.src = s.src, nil
		return block, nil
	}
	if len(s.src) < 4 {
		return nil, errBadSnappy
	}
	n := int64(binary.BigEndian.Uint32(s.src))
	if n > int64(len(s.src)-4) {
		return nil, errBadSnappy
	}
	block, s.src = s.src[4:4+n], s.src[4+n:]
	return block, nil
}

// snappyLength is what a block says that it unfolds to. Three bytes stand for 64 at most:
// a block that claims more would be given memory for nothing.
func snappyLength(block []byte) (int, error) {
	n, err := s2.DecodedLen(block)
	if err == nil && n/22 > len(block) {
		err = errBadSnappy
	}
	return n, err
}

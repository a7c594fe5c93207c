// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The codecs of record batches.
const (
	codecNone = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

// maxInflated bounds what a compressed batch may unfold to, so that a small
// batch cannot claim the machine's memory.
const maxInflated = 256 << 20

var (
	errTooLarge     = errors.New("compressed batch unfolds to too many bytes")
	errBadSnappy    = errors.New("malformed snappy block or framing")
	errUnknownCodec = errors.New("unknown compression")
	xerialMagic     = []byte("\x82SNAPPY\x00")
)

// The codec's objects are costly to make, hold no goroutine when used for whole
// blocks, and may be used concurrently.
var (
	zstdReader = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxInflated))
	})
	zstdWriter = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	})
)

// inflate unfolds the records of a batch to at most limit bytes, of which
// maxInflated is the greatest. The result of codecNone aliases src.
func inflate(codec int, src []byte, limit int) ([]byte, error) {
	switch codec {
	case codecNone:
		return src, nil
	case codecGzip:
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, err
		}
		return readBounded(r, limit)
	case codecSnappy:
		return inflateSnappy(src, limit)
	case codecLZ4:
		return readBounded(lz4.NewReader(bytes.NewReader(src)), limit)
	case codecZstd:
		r, err := zstdReader()
		if err != nil {
			return nil, err
		}
		b, err := r.DecodeAll(src, nil)
		if err == nil && len(b) > limit {
			err = errTooLarge
		}
		return b, err
	}
	return nil, errUnknownCodec
}

func readBounded(r io.Reader, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = errTooLarge
	}
	return b, err
}

// inflateSnappy reads a raw block, or the framing of the Java clients: a header
// of 16 bytes, then blocks that begin with their length.
func inflateSnappy(src []byte, limit int) ([]byte, error) {
	if len(src) < 16 || !bytes.HasPrefix(src, xerialMagic) {
		return snappyBlock(nil, src, limit)
	}
	var out []byte
	for src = src[16:]; len(src) > 0; {
		if len(src) < 4 {
			return nil, errBadSnappy
		}
		n := int64(binary.BigEndian.Uint32(src))
		if n > int64(len(src)-4) {
			return nil, errBadSnappy
		}
		var err error
		if out, err = snappyBlock(out, src[4:4+n], limit); err != nil {
			return nil, err
		}
		src = src[4+n:]
	}
	return out, nil
}

func snappyBlock(out, src []byte, limit int) ([]byte, error) {
	n, err := snappyLength(src)
	if err != nil {
		return nil, err
	}
	if n > limit-len(out) {
		return nil, errTooLarge
	}
	block, err := s2.Decode(nil, src)
	if err != nil {
		return nil, err
	}
	if out == nil {
		return block, nil
	}
	return append(out, block...), nil
}

// deflate appends src, folded by the codec, to dst.
func deflate(codec int, dst, src []byte) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	switch codec {
	case codecNone:
		return append(dst, src...), nil
	case codecGzip:
		return deflateStream(buf, gzip.NewWriter(buf), src)
	case codecSnappy:
		return append(dst, s2.EncodeSnappy(nil, src)...), nil
	case codecLZ4:
		return deflateStream(buf, lz4.NewWriter(buf), src)
	case codecZstd:
		w, err := zstdWriter()
		if err != nil {
			return nil, err
		}
		return w.EncodeAll(src, dst), nil
	}
	return nil, errUnknownCodec
}

func deflateStream(buf *bytes.Buffer, w io.WriteCloser, src []byte) ([]byte, error) {
	_, err := w.Write(src)
	err = errors.Join(err, w.Close())
	return buf.Bytes(), err
}

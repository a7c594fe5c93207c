// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"fmt"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codec is a compression of record batches, by its number in their attributes.
type codec int8

// The codecs, in the order of their numbers.
const (
	codecNone codec = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

// codecNames are the values of compression.type, by number.
var codecNames = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// compressor folds records with one codec; what is costly to make is used again.
type compressor struct {
	codec codec
	out   tail
	gzip  *gzip.Writer
	lz4   *lz4.Writer
	zstd  *zstd.Encoder
}

// tail is written to by appending.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	return len(p), nil
}

// append appends src, folded, to dst.
func (c *compressor) append(dst, src []byte) ([]byte, error) {
	switch c.codec {
	case codecGzip:
		return c.appendGzip(dst, src)
	case codecSnappy:
		return appendSnappy(dst, src), nil
	case codecLZ4:
		return c.appendLZ4(dst, src)
	case codecZstd:
		return c.appendZstd(dst, src)
	}
	return nil, fmt.Errorf("unknown compression %d", c.codec)
}

func (c *compressor) appendGzip(dst, src []byte) ([]byte, error) {
	if c.gzip == nil {
		c.gzip = gzip.NewWriter(nil)
	}
	c.out.b = dst
	c.gzip.Reset(&c.out)
	if _, err := c.gzip.Write(src); err != nil {
		return nil, err
	}
	err := c.gzip.Close()
	return c.taken(), err
}

func (c *compressor) appendLZ4(dst, src []byte) ([]byte, error) {
	if c.lz4 == nil {
		c.lz4 = lz4.NewWriter(nil)
		// As the Java client writes it: the batch has a checksum of its own.
		if err := c.lz4.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)); err != nil {
			return nil, err
		}
	}
	c.out.b = dst
	c.lz4.Reset(&c.out)
	if _, err := c.lz4.Write(src); err != nil {
		return nil, err
	}
	err := c.lz4.Close()
	return c.taken(), err
}

// taken returns what was written and lets go of it.
func (c *compressor) taken() []byte {
	b := c.out.b
	c.out.b = nil
	return b
}

func (c *compressor) appendZstd(dst, src []byte) ([]byte, error) {
	if c.zstd == nil {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))
		if err != nil {
			return nil, err
		}
		c.zstd = w
	}
	return c.zstd.EncodeAll(src, dst), nil
}

// appendSnappy writes the framing of the Java clients: a header of 16 bytes, then
// blocks that begin with their length.
func appendSnappy(dst, src []byte) []byte {
	const block = 32 << 10 // what xerial.Encode makes of src
	blocks := (len(src) + block - 1) / block
	dst = slices.Grow(dst, 16+blocks*(4+s2.MaxEncodedLen(block)))
	// There is room for all of it, so that it is written behind dst.
	out := xerial.Encode(dst[len(dst):len(dst):cap(dst)], src)
	return dst[:len(dst)+len(out)]
}

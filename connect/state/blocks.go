// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"
	"math/bits"
)

// ref is the place of a block: the number of its chunk and the offset within it, in
// units of eight bytes. An index has room for refBits of it.
type ref uint64

// Two refs are no places: a key without a value in this layer, and a deleted one.
const (
	none      ref = 0
	tombstone ref = 1
)

const (
	firstChunk = 4 << 10
	chunkBits  = 20
	maxChunk   = 1 << chunkBits
	unitBits   = chunkBits - 3 // of a ref, for the offset
	firstBlock = 16            // in chunk 0: the refs before it have a meaning
	maxSmall   = 64 << 10      // larger blocks have a chunk of their own
	classes    = 16 + 9*4
)

// blocks hands out pieces of large chunks. The garbage collector has nothing to
// look at inside, and a freed piece is handed out again for the same class of size.
// The zero value is ready.
type blocks struct {
	chunks  [][]byte
	current int // the chunk that pieces are cut from
	next    int // the first free byte of it
	free    [classes]ref
	unused  []int // numbers of chunks that were given back
}

// classOf returns the class of a size and the size of its blocks. Up to 128 bytes
// there is a class for each eighth byte, above four for each doubling.
func classOf(n int) (class, size int) {
	if n <= 128 {
		class = max(n-1, 0) / 8
		return class, (class + 1) * 8
	}
	k := bits.Len(uint(n-1)) - 1
	i := (n - 1 - 1<<k) >> (k - 2)
	return 16 + (k-7)*4 + i, 1<<k + (i+1)<<(k-2)
}

// at returns the bytes from r to the end of its chunk.
func (b *blocks) at(r ref) []byte {
	return b.chunks[r>>unitBits][r<<3&(maxChunk-1):]
}

// alloc returns a block of at least n bytes, with any content.
func (b *blocks) alloc(n int) ref {
	if n > maxSmall {
		return b.chunk(make([]byte, n))
	}
	class, size := classOf(n)
	if r := b.free[class]; r != none {
		b.free[class] = ref(binary.LittleEndian.Uint64(b.at(r)))
		return r
	}
	if len(b.chunks) == 0 || b.next+size > len(b.chunks[b.current]) {
		b.grow(size)
	}
	r := ref(b.current)<<unitBits | ref(b.next)>>3
	b.next += size
	return r
}

func (b *blocks) grow(size int) {
	want := firstChunk
	if len(b.chunks) > 0 {
		want = min(2*len(b.chunks[b.current]), maxChunk)
	}
	for want < size+firstBlock {
		want *= 2
	}
	b.current = int(b.chunk(make([]byte, want)) >> unitBits)
	b.next = 0
	if b.current == 0 {
		b.next = firstBlock
	}
}

// chunk adds a chunk and returns the ref of its beginning.
func (b *blocks) chunk(c []byte) ref {
	if n := len(b.unused); n > 0 {
		i := b.unused[n-1]
		b.unused = b.unused[:n-1]
		b.chunks[i] = c
		return ref(i) << unitBits
	}
	if len(b.chunks) == 0 && len(c) > maxSmall {
		b.grow(8) // chunk 0 is never a large block
	}
	b.chunks = append(b.chunks, c)
	return ref(len(b.chunks)-1) << unitBits
}

// release takes back a block that was asked for with n bytes.
func (b *blocks) release(r ref, n int) {
	if n > maxSmall {
		b.chunks[r>>unitBits] = nil
		b.unused = append(b.unused, int(r>>unitBits))
		return
	}
	class, _ := classOf(n)
	binary.LittleEndian.PutUint64(b.at(r), uint64(b.free[class]))
	b.free[class] = r
}

// join copies a tag and what follows it into a block.
func (b *blocks) join(tag byte, rest []byte) []byte {
	c := b.at(b.alloc(1 + len(rest)))[: 1+len(rest) : 1+len(rest)]
	c[0] = tag
	copy(c[1:], rest)
	return c
}

// reset takes back all blocks. A chunk that was used well is kept for the next time.
func (b *blocks) reset() {
	if len(b.chunks) == 0 || len(b.chunks) == 1 && b.next == firstBlock {
		return
	}
	keep := b.chunks[b.current]
	single := b.current == 0
	used := b.next
	*b = blocks{chunks: b.chunks[:0]}
	if single && used < len(keep)/4 && len(keep) > firstChunk {
		keep = make([]byte, firstChunk)
	}
	b.chunks = append(b.chunks, keep)
	clear(b.chunks[1:cap(b.chunks)])
	b.next = firstBlock
}

// held returns the number of bytes of all chunks.
func (b *blocks) held() (n int64) {
	for _, c := range b.chunks {
		n += int64(len(c))
	}
	return n
}

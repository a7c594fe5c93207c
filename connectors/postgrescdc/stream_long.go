// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"encoding/binary"
	"fmt"
)

const (
	// longFirst is what is allocated for a message that does not fit into the read buffer.
	longFirst = 2 * readBuffer
	// longMost is how long a message can be: the library and the server say so.
	longMost = 0x3fffffff - 1
	// plainMost is how long a message may be that is not of the stream.
	plainMost = 16 << 20
)

// long is the content of a message that is larger than the read buffer, as it comes in. Its
// memory grows with what has come, not by what its head announces: a length that is not
// followed by as many bytes costs nothing.
type long struct {
	size int // 0 if there is none
	data []byte
}

// nextLong reads on, and returns the content when all of it is there. The content then belongs
// to the caller. After a timeout it can be called again.
func (w *wire) nextLong() ([]byte, error) {
	for l := &w.long; len(l.data) < l.size; {
		if len(l.data) == cap(l.data) {
			grown := make([]byte, len(l.data), min(max(2*cap(l.data), longFirst), l.size))
			copy(grown, l.data)
			l.data = grown
		}
		n, err := w.r.Read(l.data[len(l.data):cap(l.data)])
		l.data = l.data[:len(l.data)+n]
		if err != nil {
			return nil, err
		}
	}
	b := w.long.data
	w.long = long{}
	return b, nil
}

// skipLong goes behind a message that nobody wants any more.
func (w *wire) skipLong() error {
	if w.long.size == 0 {
		return nil
	}
	n, err := w.r.Discard(w.long.size - len(w.long.data))
	w.long.size -= n
	if err == nil {
		w.long = long{}
	}
	return err
}

// beginLong is called when the head of a message is at hand, and reports whether it is one
// of the stream that is larger than the buffer.
func (w *wire) beginLong(kind byte, size int) bool {
	if kind != kindOfCopyData || size <= readBuffer-messageHead || size > longMost {
		return false
	}
	_, _ = w.r.Discard(messageHead) // it was peeked at
	w.long.size = size
	return true
}

// plausible checks the head of a message that the library is to read, for which it would
// allocate at once what the head announces.
func plausible(head []byte) error {
	size := int64(binary.BigEndian.Uint32(head[1:]))
	if head[0] != kindOfCopyData && size > plainMost {
		return fmt.Errorf("read replication stream: a message of type %q announces %d bytes, and may have %d", head[0], size, plainMost)
	}
	return nil
}

// add is chunk.add for a message of any size. One that is larger than the read buffer is
// not copied: it becomes a chunk of its own.
func (st *stream) add(ctx context.Context, c *chunk, at lsn, message []byte) error {
	if len(message) <= readBuffer {
		c.add(itemData, at, message)
		return nil
	}
	if len(c.items) > 0 {
		if err := st.handOver(ctx, c); err != nil {
			return err
		}
	}
	c.data = message
	c.items = append(c.items, item{at: at, len: len(message), kind: itemData})
	return nil
}

// handOver hands a chunk over and waits until the queue takes more. What c points to is
// empty then.
func (st *stream) handOver(ctx context.Context, c *chunk) error {
	full := st.queue.fresh()
	*full, *c = *c, *full
	st.queue.put(full)
	return st.hold(ctx)
}

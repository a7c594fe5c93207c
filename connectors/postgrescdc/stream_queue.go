// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import "sync"

// itemKind says what an item of the queue is.
type itemKind uint8

const (
	// itemData is one message of the output plugin.
	itemData itemKind = iota
	// itemKeepalive says that the server has sent everything before its LSN.
	itemKeepalive
	// itemRestart says that the connection is a new one: a transaction that was
	// under way comes again from its beginning. Its data is the server's timeline.
	itemRestart
)

// item is one thing that came from the server; its bytes lie in the chunk.
type item struct {
	at       lsn
	off, len int
	kind     itemKind
}

// chunk is a run of items with their bytes, handed over as one.
type chunk struct {
	data  []byte
	items []item
}

func (c *chunk) add(kind itemKind, at lsn, data []byte) {
	c.items = append(c.items, item{at: at, off: len(c.data), len: len(data), kind: kind})
	c.data = append(c.data, data...)
}

func (c *chunk) bytes(it *item) []byte { return c.data[it.off : it.off+it.len] }

// size is what a chunk counts in the queue.
func (c *chunk) size() int { return len(c.data) + itemSize*len(c.items) }

const (
	itemSize = 32
	// chunkFirst is the memory that a new chunk has for bytes.
	chunkFirst = 32 << 10
	// chunkKeep is how large the memory of a chunk may be to be used again.
	chunkKeep = 1 << 20
	// spareChunks is how many chunks wait for use.
	spareChunks = 8
)

// queue stands between the goroutine that reads the connection and Poll. It is bounded
// in bytes: what has been handed over and not yet been given back.
type queue struct {
	limit int

	mu     sync.Mutex
	chunks []*chunk
	spare  []*chunk
	held   int
	err    error

	ready chan struct{}
	room  chan struct{}
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// fresh returns an empty chunk for filling.
func (q *queue) fresh() *chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.spare); n > 0 {
		c := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return c
	}
	return &chunk{data: make([]byte, 0, chunkFirst), items: make([]item, 0, chunkFirst/128)}
}

// put hands a chunk over.
func (q *queue) put(c *chunk) {
	q.mu.Lock()
	q.chunks = append(q.chunks, c)
	q.held += c.size()
	q.mu.Unlock()
	signal(q.ready)
}

// size is what is held, in bytes.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.held
}

// full reports whether the reader must wait for room.
func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.held >= q.limit
}

// fail ends the queue: after what is in it, take returns err.
func (q *queue) fail(err error) {
	q.mu.Lock()
	if q.err == nil {
		q.err = err
	}
	q.mu.Unlock()
	signal(q.ready)
}

// mend takes the failure back: what comes next is another try.
func (q *queue) mend() {
	q.mu.Lock()
	q.err = nil
	q.mu.Unlock()
}

// failure is the error that ends the queue, if it is empty.
func (q *queue) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.chunks) > 0 {
		return nil
	}
	return q.err
}

// tryTake returns the next chunk, nil if there is none.
func (q *queue) tryTake() (*chunk, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.chunks) == 0 {
		return nil, q.err
	}
	c := q.chunks[0]
	q.chunks = q.chunks[:copy(q.chunks, q.chunks[1:])]
	return c, nil
}

// giveBack returns a chunk that has been worked off.
func (q *queue) giveBack(c *chunk) {
	q.mu.Lock()
	q.held -= c.size()
	if cap(c.data) <= chunkKeep && len(q.spare) < spareChunks {
		c.data, c.items = c.data[:0], c.items[:0]
		q.spare = append(q.spare, c)
	}
	q.mu.Unlock()
	signal(q.room)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

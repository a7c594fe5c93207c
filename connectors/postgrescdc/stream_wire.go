// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bufio"
	"encoding/binary"
	"io"
	"time"
)

const (
	// readBuffer is how much is read from the socket at once.
	readBuffer = 128 << 10
	// messageHead is the type of a message and its length, which counts itself.
	messageHead    = 1 + 4
	messageLength  = 4
	kindOfCopyData = 'd'
)

// wire is what the server sends, with a read buffer of our own. The library reads from
// it one message at a time, so that between two of them all that was read is here, and
// the rows of the stream can be taken without it.
type wire struct {
	r     *bufio.Reader
	meter *meter
	// left is what the library has still to read of its message.
	left int
	// long is the message at hand if it does not fit into the buffer.
	long long
	// taken is the length of the message that copyData returned last.
	taken int
}

func newWire(r io.Reader) *wire {
	m := &meter{r: r}
	return &wire{r: bufio.NewReaderSize(m, readBuffer), meter: m}
}

// Read gives the library the message at hand, and nothing of the next.
func (w *wire) Read(p []byte) (int, error) {
	w.drop()
	if err := w.skipLong(); err != nil {
		return 0, err
	}
	if w.left == 0 {
		head, err := w.r.Peek(messageHead)
		if err != nil {
			return 0, err
		}
		if err := plausible(head); err != nil {
			return 0, err
		}
		w.left = 1 + max(int(binary.BigEndian.Uint32(head[1:])), messageLength)
	}
	n, err := w.r.Read(p[:min(len(p), w.left)])
	w.left -= n
	return n, err
}

// copyData waits for the next message and returns the content of a CopyData message,
// valid until the next call, or the caller's own if it is larger than the buffer. It returns
// nil for any other message, and with an error: those are for Read.
func (w *wire) copyData() ([]byte, error) {
	w.drop()
	if w.left > 0 {
		return nil, nil
	}
	if w.long.size > 0 {
		return w.nextLong()
	}
	head, err := w.r.Peek(messageHead)
	if err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[1:])) - messageLength
	if w.beginLong(head[0], size) {
		return w.nextLong()
	}
	if head[0] != kindOfCopyData || size <= 0 || size > readBuffer-messageHead {
		return nil, nil
	}
	b, err := w.r.Peek(messageHead + size)
	if err != nil {
		return nil, err
	}
	w.taken = len(b)
	return b[messageHead:], nil
}

func (w *wire) drop() {
	// What was peeked at can be discarded.
	_, _ = w.r.Discard(w.taken)
	w.taken = 0
}

// drained reports whether reading on would go to the socket.
func (w *wire) drained() bool { return w.left == 0 && w.long.size == 0 && w.r.Buffered() <= w.taken }

// pace tells how fast the stream comes. The server sends each row by itself: who reads as
// soon as there is something makes a system call a row, and wakes up for each. While much
// comes it is better to let it gather.
type pace struct {
	since    time.Time
	messages int // since then
	read     int // bytes since the last pause
	fast     bool
}

const (
	// paceSpan is how long the rate is measured.
	paceSpan = 5 * time.Millisecond
	// paceFast is from how many messages in a span on the stream is fast: 5 000 a second.
	paceFast = 25
	// lingerTime is how long messages gather. A stream that is not fast never waits.
	lingerTime = time.Millisecond
	// lingerSize is how much may have come since the last pause for another: more would
	// fill the buffers of the socket, and hold up the server.
	lingerSize = 64 << 10
)

func (p *pace) saw(size int) {
	p.messages++
	p.read += size
}

// linger is called when the socket is about to be read.
func (p *pace) linger() {
	if p.lingers(time.Now()) {
		time.Sleep(lingerTime)
	}
}

func (p *pace) lingers(now time.Time) bool {
	if d := now.Sub(p.since); d >= paceSpan {
		p.fast = int64(p.messages)*int64(paceSpan) >= paceFast*int64(d)
		p.since, p.messages = now, 0
	}
	little := p.read < lingerSize
	p.read = 0
	return p.fast && little
}

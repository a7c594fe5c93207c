// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// produceLine is a connection for Produce requests. The library opens it and
// authenticates; then nothing of the library reads or writes there unless it is asked
// to, so that requests are written whole, and answers read, by the line itself. Any
// number of goroutines may send: a request goes out behind those that are on the
// connection already rather than after their answers, which come in the same order.
type produceLine struct {
	*line
	conf  *sarama.Config
	slots chan struct{} // one for each request without its answer

	writing     sync.Mutex
	opened      bool
	failed      error // why nothing can be written any more
	correlation int32
	tail        <-chan struct{} // closed when the answer to the last request has been taken in
	greeted     time.Time       // when the library has last sent something

	// These are of the goroutine whose turn it is to read.
	in     *bufio.Reader
	broken error
	body   []byte

	resume atomic.Int64 // nanoseconds since the epoch before which the broker wants no request
	gone   chan struct{}
	once   sync.Once
}

// greetEvery is how often the library gets to send a request on an authenticated
// connection, with which it renews the session when that is about to end. A broker
// closes the connection of one that has ended, and the request is sent again on another.
const greetEvery = 30 * time.Second

func (c *Cluster) newProduceLine(addr string) (*produceLine, error) {
	l, err := c.newLine(addr)
	if err != nil {
		return nil, err
	}
	none := make(chan struct{})
	close(none)
	return &produceLine{line: l, conf: c.conf, slots: make(chan struct{}, c.conf.Net.MaxOpenRequests), tail: none, gone: make(chan struct{})}, nil
}

// end ends the connection as line.end does.
func (l *produceLine) end() {
	l.once.Do(func() { close(l.gone) })
	l.line.end()
}

// turn is the place of a request among those on the connection.
type turn struct {
	correlation int32
	before      <-chan struct{} // closed when it may read
	done        chan struct{}
}

// write sends a request, into which it puts the correlation id. When it has returned
// without an error read must be called.
func (l *produceLine) write(req []byte) (turn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.gone:
		return turn{}, net.ErrClosed
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	err := l.prepare()
	if err == nil {
		err = l.put(req)
	}
	if err != nil {
		<-l.slots
		return turn{}, err
	}
	t := turn{correlation: l.correlation, before: l.tail, done: make(chan struct{})}
	l.tail = t.done
	l.correlation++
	return t, nil
}

// prepare waits until the connection may be written to.
func (l *produceLine) prepare() error {
	if l.failed != nil {
		return l.failed
	}
	if !l.opened {
		if ok, err := l.Connected(); err != nil || !ok {
			return firstOf(err, sarama.ErrNotConnected)
		}
		l.opened, l.in, l.greeted = true, bufio.NewReaderSize(l.conn, 1024), time.Now()
	}
	if l.conf.Net.SASL.Enable && time.Since(l.greeted) > greetEvery {
		<-l.tail // nobody reads, and nobody writes
		if _, err := l.ApiVersions(&sarama.ApiVersionsRequest{}); err != nil {
			l.failed = err
			return err
		}
		l.greeted = time.Now()
	}
	return l.rest()
}

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// rest waits as long as the broker wants to be left alone, at most for the time-out of
// a request.
func (l *produceLine) rest() error {
	d := time.Until(time.Unix(0, l.resume.Load()))
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(min(d, l.conf.Net.WriteTimeout))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-l.gone:
		return net.ErrClosed
	}
}

func (l *produceLine) put(req []byte) error {
	binary.BigEndian.PutUint32(req[correlationAt:], uint32(l.correlation))
	err := l.conn.SetWriteDeadline(time.Now().Add(l.conf.Net.WriteTimeout))
	if err == nil {
		_, err = l.conn.Write(req)
	}
	l.failed = err // a part of a request may be on the connection
	return err
}

// read waits for the answer to a request that was written and gives its body to take,
// which returns for how long the broker wants no other request. A body longer than
// limit is malformed.
func (l *produceLine) read(t turn, limit int, take func(body []byte) (time.Duration, error)) error {
	defer func() { <-l.slots }()
	defer close(t.done)
	<-t.before
	if l.broken != nil {
		return l.broken
	}
	body, err := l.receive(t.correlation, limit)
	var throttle time.Duration
	if err == nil {
		throttle, err = take(body)
	}
	if throttle > 0 {
		l.resume.Store(time.Now().Add(throttle).UnixNano())
	}
	l.broken = err
	return err
}

func (l *produceLine) receive(correlation int32, limit int) ([]byte, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(l.conf.Net.ReadTimeout)); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return nil, err
	}
	size := int64(int32(binary.BigEndian.Uint32(head[:]))) - 4
	if size < 0 || size > int64(limit) {
		return nil, fmt.Errorf("%w: it has %d bytes, and %d at most are expected", errMalformedAnswer, size, limit)
	}
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != correlation {
		return nil, fmt.Errorf("%w: it is to request %d, not %d", errMalformedAnswer, got, correlation)
	}
	if int64(cap(l.body)) < size {
		l.body = make([]byte, size)
	}
	_, err := io.ReadFull(l.in, l.body[:size])
	return l.body[:size], err
}

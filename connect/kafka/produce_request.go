// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

const (
	keyProduce     = 0
	produceVersion = 7
	acksAll        = -1
	// correlationAt is where a request has its correlation id, behind size, key and version.
	correlationAt = 8
	// mostRequestBytes is what a broker takes: socket.request.max.bytes by default.
	mostRequestBytes = 100 << 20
	// keptBytes is how much memory is kept however little of it a request needs.
	keptBytes = 1 << 20
)

var errMalformedAnswer = errors.New("the answer is malformed")

// requestWriter writes Produce requests into memory that is used again; it is for one
// goroutine at a time.
type requestWriter struct {
	batch batchWriter
	buf   []byte
}

// request writes the flight's request, all but its correlation id. It is valid until
// the next call.
func (w *requestWriter) request(p *Producer, f *flight) ([]byte, error) {
	s := &p.c.settings
	if len(s.ClientID) > math.MaxInt16 || len(p.opts.TransactionalID) > math.MaxInt16 {
		return nil, fmt.Errorf("client.id and transactional.id are limited to %d bytes, they have %d and %d",
			math.MaxInt16, len(s.ClientID), len(p.opts.TransactionalID))
	}
	be := binary.BigEndian
	b := w.buf[:0]
	if s.codec == codecNone {
		b = slices.Grow(b, f.bytes+1024) // about all of it, and at once
	}
	b = append(b, 0, 0, 0, 0) // the size, see below
	b = be.AppendUint16(b, keyProduce)
	b = be.AppendUint16(b, produceVersion)
	b = append(b, 0, 0, 0, 0) // the correlation id
	b = appendString(b, s.ClientID)
	if p.opts.TransactionalID == "" {
		b = append(b, 0xff, 0xff)
	} else {
		b = appendString(b, p.opts.TransactionalID)
	}
	b = be.AppendUint16(b, acksAll&0xffff)
	b = be.AppendUint32(b, uint32(s.RequestTimeout/time.Millisecond))
	b, err := w.topics(b, p, f)
	if err != nil {
		return nil, err
	}
	if len(b) > mostRequestBytes {
		return nil, fmt.Errorf("the request has %d bytes, and a broker takes %d", len(b), mostRequestBytes)
	}
	be.PutUint32(b, uint32(len(b)-4))
	w.buf = b
	return b, nil
}

// topics appends the batches by topic and partition: a topic must not be there twice.
func (w *requestWriter) topics(b []byte, p *Producer, f *flight) ([]byte, error) {
	be := binary.BigEndian
	slices.SortFunc(f.parts, func(x, y flightPart) int { return compare(x.q.tp, y.q.tp) })
	topicsAt, topics := len(b), 0
	b = append(b, 0, 0, 0, 0)
	for rest := f.parts; len(rest) > 0; topics++ {
		topic, n := rest[0].q.tp.Topic, 1
		for n < len(rest) && rest[n].q.tp.Topic == topic {
			n++
		}
		b = appendString(b, topic)
		b = be.AppendUint32(b, uint32(n))
		for i := range rest[:n] {
			q := rest[i].q
			b = be.AppendUint32(b, uint32(q.tp.Partition))
			at := len(b)
			b = append(b, 0, 0, 0, 0)
			var err error
			if b, err = w.batch.appendBatch(b, p.origin(q), q.sets[0][:rest[i].n]); err != nil {
				return nil, err
			}
			be.PutUint32(b[at:], uint32(len(b)-at-4))
		}
		rest = rest[n:]
	}
	be.PutUint32(b[topicsAt:], uint32(topics))
	return b, nil
}

// shrink lets go of memory that is far beyond what the last request needed.
func (w *requestWriter) shrink() {
	if cap(w.buf) > max(keptBytes, 8*len(w.buf)) {
		w.buf = nil
	}
	if cap(w.batch.raw) > max(keptBytes, 8*len(w.batch.raw)) {
		w.batch.raw = nil
	}
}

func compare(x, y TopicPartition) int {
	return cmp.Or(strings.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// answerLimit is how long the answer to the flight's request can be at most.
func (f *flight) answerLimit() int {
	n := 4 + 4 // topics, throttle time
	for i := range f.parts {
		n += 2 + len(f.parts[i].q.tp.Topic) + 4 + 30
	}
	return n
}

// answer takes in the body of the answer, and returns for how long the broker wants to
// be left alone.
func (f *flight) answer(body []byte) (throttle time.Duration, err error) {
	d := answerDecoder{b: body}
	for range d.count() {
		topic := d.string()
		for range d.count() {
			partition, code, base := d.int32(), d.int16(), d.int64()
			d.int64() // log append time
			d.int64() // log start
			if d.bad {
				return 0, fmt.Errorf("read the answer for %s: %w", topic, errMalformedAnswer)
			}
			if part := f.part(topic, partition); part != nil {
				part.answered, part.code, part.base = true, sarama.KError(code), base
			}
		}
	}
	throttle = time.Duration(d.int32()) * time.Millisecond
	if d.bad || len(d.b) > 0 {
		return 0, errMalformedAnswer
	}
	return throttle, nil
}

// part finds a partition of the request; topics has put them in order.
func (f *flight) part(topic []byte, partition int32) *flightPart {
	i, ok := slices.BinarySearchFunc(f.parts, partition, func(p flightPart, partition int32) int {
		return cmp.Or(strings.Compare(p.q.tp.Topic, string(topic)), cmp.Compare(p.q.tp.Partition, partition))
	})
	if !ok {
		return nil
	}
	return &f.parts[i]
}

// answerDecoder reads big-endian fields; what is beyond the end is zero, and bad.
type answerDecoder struct {
	b   []byte
	bad bool
}

func (d *answerDecoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.bad, d.b = true, nil
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *answerDecoder) int16() int16 {
	if v := d.take(2); v != nil {
		return int16(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (d *answerDecoder) int32() int32 {
	if v := d.take(4); v != nil {
		return int32(binary.BigEndian.Uint32(v))
	}
	return 0
}

func (d *answerDecoder) int64() int64 {
	if v := d.take(8); v != nil {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

// count reads how many elements follow; each takes six bytes at least.
func (d *answerDecoder) count() int {
	n := int(d.int32())
	if n < 0 || n > len(d.b)/6 {
		d.bad, d.b = true, nil
		return 0
	}
	return n
}

func (d *answerDecoder) string() []byte { return d.take(int(d.int16())) }

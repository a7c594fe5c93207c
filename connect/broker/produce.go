// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/connectd/connectd/connect/broker/store"
)

// produceState holds the outcome of a Produce request until it is encoded; its
// memory is reused by the next request of the connection.
type produceState struct {
	topics []producedTopic
	parts  []producedPart
	// sync says that an answer has to wait for stable storage.
	sync bool
}

type producedTopic struct {
	name  []byte // aliases the request
	parts int
}

type producedPart struct {
	partition   int32
	code        int16
	base, start int64
	text        *string
	records     []store.RecordError
}

// maxKeptParts bounds the memory that a connection keeps between requests.
const maxKeptParts = 4096

func (c *conn) produce(ctx context.Context, q *call) error {
	s := &c.produced
	s.topics, s.parts, s.sync = s.topics[:0], s.parts[:0], false
	acks, err := c.appendAll(s, q)
	if err != nil {
		return err
	}
	if err := c.settle(ctx, s, acks); err != nil {
		s.fail(err)
	}
	defer s.shrink()
	if acks == 0 {
		// There is no answer to carry an error: the closed connection does.
		return s.firstError()
	}
	q.out = s.encode(q)
	return c.send(q)
}

// appendAll decodes the request and appends its batches one after the other.
func (c *conn) appendAll(s *produceState, q *call) (acks int16, err error) {
	d := decoder{p: q.body}
	if q.version >= 3 {
		d.nullableString(q.flexible) // transactional id; the batches say it again
	}
	acks = d.int16()
	d.int32() // time-out; nothing here waits for other nodes
	for range d.count(q.flexible) {
		name := d.nullableString(q.flexible)
		n := d.count(q.flexible)
		if d.bad {
			break
		}
		s.topics = append(s.topics, producedTopic{name: name, parts: n})
		topic := string(name)
		for range n {
			partition := d.int32()
			records := d.nullableBytes(q.flexible)
			if q.flexible {
				d.tags()
			}
			if d.bad {
				return 0, fmt.Errorf("decode: %w", errRequest)
			}
			s.parts = append(s.parts, c.appendBatch(s, topic, partition, records, acks, q.version))
		}
		if q.flexible {
			d.tags()
		}
	}
	if d.bad {
		return 0, fmt.Errorf("decode: %w", errRequest)
	}
	return acks, nil
}

// appendBatch appends the batch of one partition.
func (c *conn) appendBatch(s *produceState, topic string, partition int32, records []byte, acks, version int16) producedPart {
	failed := func(err error) producedPart {
		part := producedPart{partition: partition, code: produceCode(err, version), base: -1, start: -1, text: message(err)}
		var e *store.Error
		if errors.As(err, &e) {
			part.records = e.Records
		}
		return part
	}
	if acks < -1 || acks > 1 {
		return failed(kerr.InvalidRequiredAcks)
	}
	l, ok := c.b.store.Log(topic, partition)
	if !ok {
		return failed(kerr.UnknownTopicOrPartition)
	}
	base, err := l.Append(records)
	if err != nil {
		return failed(err)
	}
	s.sync = s.sync || !transactional(records)
	start, _, _ := l.Offsets()
	return producedPart{partition: partition, base: base, start: start}
}

// transactional reads the attributes of a batch that has been appended.
func transactional(batch []byte) bool {
	return binary.BigEndian.Uint16(batch[21:])&0x10 != 0
}

// produceCode is code with what versions of Produce know.
func produceCode(err error, version int16) int16 {
	n := code(err)
	if n == kerr.InvalidTxnState.Code && version >= 11 {
		return kerr.TransactionAbortable.Code
	}
	return n
}

// settle waits until the batches are as safe as the client asked for.
func (c *conn) settle(ctx context.Context, s *produceState, acks int16) error {
	switch {
	case acks == -1 && s.sync:
		return c.b.store.Sync(ctx)
	case acks == 1:
		return c.b.store.Flush()
	}
	return nil
}

// fail turns what was appended into errors.
func (s *produceState) fail(err error) {
	for i := range s.parts {
		if p := &s.parts[i]; p.code == 0 {
			p.code, p.base, p.text = code(err), -1, message(err)
		}
	}
}

func (s *produceState) firstError() error {
	for _, p := range s.parts {
		if p.code != 0 {
			return fmt.Errorf("append to partition %d: %w", p.partition, kerr.ErrorForCode(p.code))
		}
	}
	return nil
}

// shrink lets go of what an unusually large request needed, and of its bytes.
func (s *produceState) shrink() {
	clear(s.topics)
	clear(s.parts)
	if cap(s.parts) > maxKeptParts {
		s.topics, s.parts = nil, nil
	}
}

// encode appends the response.
func (s *produceState) encode(q *call) []byte {
	e := encoder{p: q.out, compact: q.flexible}
	e.count(len(s.topics))
	parts := s.parts
	for _, t := range s.topics {
		e.string(t.name)
		e.count(t.parts)
		for _, p := range parts[:t.parts] {
			p.encode(&e, q.version)
		}
		parts = parts[t.parts:]
		e.tags()
	}
	if q.version >= 1 {
		e.int32(0) // throttle time
	}
	e.tags()
	return e.p
}

func (p *producedPart) encode(e *encoder, version int16) {
	e.int32(p.partition)
	e.int16(p.code)
	e.int64(p.base)
	if version >= 2 {
		e.int64(-1) // no log append time
	}
	if version >= 5 {
		e.int64(p.start)
	}
	if version >= 8 {
		e.count(len(p.records))
		for _, r := range p.records {
			e.int32(r.Index)
			e.nullableString(cut(&r.Text))
			e.tags()
		}
		e.nullableString(cut(p.text))
	}
	e.tags()
}

// cut shortens a text to what a string of the protocol can hold.
func cut(text *string) *string {
	if text == nil || len(*text) <= math.MaxInt16 {
		return text
	}
	short := (*text)[:math.MaxInt16]
	return &short
}

func isolation(level int8) store.Isolation {
	if level == 1 {
		return store.ReadCommitted
	}
	return store.ReadUncommitted
}

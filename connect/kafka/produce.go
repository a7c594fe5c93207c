// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// maxRequestBytes bounds one produce request, so that a broker need not hold more
// than a few batches of one producer at a time.
const maxRequestBytes = 16 << 20

// flight is one request on its way and the batches in it.
type flight struct {
	conn   *line
	req    *sarama.ProduceRequest
	queues []*partitionQueue
	counts []int // records of each queue's batch
	bytes  int
	resp   *sarama.ProduceResponse
	err    error
}

// round sends the next batch of every waiting partition, one request a broker, and
// takes in the answers. progress reports whether any batch was acknowledged; err is
// the last failure, which counts only if it is not retriable or nothing moved.
func (p *Producer) round() (progress bool, err error) {
	p.slab.reset()
	flights, err := p.plan()
	var wg sync.WaitGroup
	for i, f := range flights {
		if i == len(flights)-1 {
			f.resp, f.err = f.conn.send(f.req) // the last, usually the only one, needs no goroutine
			break
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			f.resp, f.err = f.conn.send(f.req)
		}()
	}
	wg.Wait()
	for _, f := range flights {
		moved, ferr := p.settle(f)
		progress = progress || moved
		if ferr != nil && (err == nil || isRetriable(err)) {
			err = ferr
		}
	}
	p.waiting = compact(p.waiting)
	if progress && isRetriable(err) {
		err = nil
	}
	return progress, err
}

func compact(queues []*partitionQueue) []*partitionQueue {
	kept := queues[:0]
	for _, q := range queues {
		if len(q.sets) > 0 {
			kept = append(kept, q)
		}
	}
	clear(queues[len(kept):])
	return kept
}

// plan cuts the next batch of each waiting partition and groups them by leader.
func (p *Producer) plan() ([]*flight, error) {
	var flights []*flight
	byBroker := make(map[int32]*flight, 1)
	var last error
	for _, q := range p.waiting {
		leader, err := p.c.leader(q.tp, q.refresh)
		if err != nil {
			q.refresh, last = true, fmt.Errorf("find the leader of %s-%d: %w", q.tp.Topic, q.tp.Partition, err)
			continue
		}
		f := byBroker[leader.ID()]
		if f == nil {
			conn, err := p.c.produceConn(leader)
			if err != nil {
				q.refresh, last = true, err
				continue
			}
			f = &flight{conn: conn, req: p.newRequest()}
			byBroker[leader.ID()] = f
			flights = append(flights, f)
		}
		if f.bytes < maxRequestBytes {
			p.load(f, q)
		}
	}
	return flights, last
}

func (p *Producer) newRequest() *sarama.ProduceRequest {
	r := &sarama.ProduceRequest{Version: 7, RequiredAcks: sarama.WaitForAll, Timeout: int32(p.c.settings.RequestTimeout / time.Millisecond)}
	if p.opts.TransactionalID != "" {
		r.TransactionalID = &p.opts.TransactionalID
	}
	return r
}

// load puts the partition's next batch into the request.
func (p *Producer) load(f *flight, q *partitionQueue) {
	rs := q.sets[0]
	n, bytes := cut(rs, p.c.settings.MaxRequestSize, q.limit)
	f.req.AddBatch(q.tp.Topic, q.tp.Partition, p.batch(q, rs[:n]))
	f.queues, f.counts, f.bytes = append(f.queues, q), append(f.counts, n), f.bytes+bytes
}

// cut returns how many records fit into one batch; always at least one.
func cut(rs []Record, maxBytes, maxRecords int) (n, bytes int) {
	const batchOverhead = 61
	bytes = batchOverhead
	for n < len(rs) {
		size := rs[n].Size()
		if n > 0 && (bytes+size > maxBytes || maxRecords > 0 && n >= maxRecords) {
			break
		}
		bytes += size
		n++
	}
	return n, bytes
}

func (p *Producer) batch(q *partitionQueue, rs []Record) *sarama.RecordBatch {
	first, most := rs[0].Timestamp, rs[0].Timestamp
	records := p.slab.take(len(rs))
	for i := range rs {
		r, out := &rs[i], records[i]
		out.Key, out.Value, out.OffsetDelta = r.Key, r.Value, int64(i)
		out.TimestampDelta = time.Duration(r.Timestamp-first) * time.Millisecond
		out.Headers = p.slab.headers(r.Headers)
		most = max(most, r.Timestamp)
	}
	return &sarama.RecordBatch{
		Version: 2, Codec: p.c.settings.codec, CompressionLevel: sarama.CompressionLevelDefault,
		LastOffsetDelta: int32(len(rs) - 1), FirstTimestamp: time.UnixMilli(first), MaxTimestamp: time.UnixMilli(most),
		ProducerID: p.pid, ProducerEpoch: p.epoch, FirstSequence: q.next, Records: records, IsTransactional: p.opts.TransactionalID != "",
	}
}

// settle takes in the answer to one request.
func (p *Producer) settle(f *flight) (progress bool, err error) {
	if f.err != nil {
		p.unsure = true
		p.c.dropProduceConn(f.conn)
		for _, q := range f.queues {
			q.refresh = true
		}
		return false, fmt.Errorf("produce: %w", f.err)
	}
	for i, q := range f.queues {
		block := f.resp.GetBlock(q.tp.Topic, q.tp.Partition)
		if block == nil {
			return progress, fmt.Errorf("produce: the answer has nothing for %s-%d", q.tp.Topic, q.tp.Partition)
		}
		ok, qerr := q.settle(f.counts[i], block)
		progress = progress || ok
		if qerr != nil && (err == nil || isRetriable(err)) {
			err = qerr
		}
	}
	return progress, err
}

// settle takes in the answer for one partition's batch of n records.
func (q *partitionQueue) settle(n int, block *sarama.ProduceResponseBlock) (ok bool, err error) {
	switch code := block.Err; {
	case code == sarama.ErrNoError:
		q.last = block.Offset + int64(n) - 1
	case code == sarama.ErrDuplicateSequenceNumber:
		// The batch arrived before; only the answer was lost, and with it the offset.
	case code == sarama.ErrMessageSizeTooLarge || code == sarama.ErrMessageSetSizeTooLarge || code == sarama.ErrInvalidRecord:
		if n > 1 {
			q.limit = n / 2 // nothing was appended: find the record by halves
			return true, nil
		}
		return false, &RecordError{q.tp, q.sent, code}
	case isFenced(code):
		return false, fmt.Errorf("%w (%w)", ErrFenced, code)
	case isRetriable(code):
		q.refresh = true
		return false, fmt.Errorf("%s-%d: %w", q.tp.Topic, q.tp.Partition, code)
	default:
		return false, fmt.Errorf("produce to %s-%d: %w", q.tp.Topic, q.tp.Partition, code)
	}
	q.refresh = false
	q.sent += n
	q.next = nextSequence(q.next, n)
	if q.sets[0] = q.sets[0][n:]; len(q.sets[0]) == 0 {
		q.sets[0] = nil
		q.sets = q.sets[1:]
	}
	return true, nil
}

// nextSequence wraps as the brokers do: 2147483647 is followed by 0.
func nextSequence(seq int32, n int) int32 {
	return int32((int64(seq) + int64(n)) % (1 << 31))
}

// IsTooLarge reports whether the broker refused a record for its size.
func IsTooLarge(err error) bool {
	return errors.Is(err, sarama.ErrMessageSizeTooLarge) || errors.Is(err, sarama.ErrMessageSetSizeTooLarge)
}

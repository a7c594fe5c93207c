// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
)

// maxRequestBytes bounds one produce request, so that a broker need not hold more
// than a few batches of one producer at a time.
const maxRequestBytes = 16 << 20

// flight is one request on its way and the batches in it.
type flight struct {
	conn  *produceLine
	parts []flightPart
	bytes int
	lost  bool // nobody knows whether the request was carried out
	err   error
}

// flightPart is one batch of a flight, and the answer to it.
type flightPart struct {
	q        *partitionQueue
	n        int // records
	answered bool
	code     sarama.KError
	base     int64
}

// round sends the next batch of every waiting partition, one request a broker, and
// takes in the answers. progress reports whether any batch was acknowledged; err is
// the last failure, which counts only if it is not retriable or nothing moved.
func (p *Producer) round() (progress bool, err error) {
	flights, err := p.plan()
	var wg sync.WaitGroup
	for i, f := range flights {
		if i == len(flights)-1 {
			p.send(f) // the last, usually the only one, needs no goroutine
			break
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			p.send(f)
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
			f = &flight{conn: conn}
			byBroker[leader.ID()] = f
			flights = append(flights, f)
		}
		if f.bytes >= maxRequestBytes {
			continue
		}
		if err := p.load(f, q); err != nil {
			return flights, err
		}
	}
	return flights, last
}

// load puts the partition's next batch into the request. A timestamp before 1970 is
// refused here, as by the Java client.
func (p *Producer) load(f *flight, q *partitionQueue) error {
	if q.sets[0][0].Timestamp < 0 {
		return &RecordError{q.tp, q.sent, sarama.ErrInvalidTimestamp}
	}
	n, bytes := cut(q.sets[0], p.c.settings.MaxRequestSize, q.limit)
	f.parts, f.bytes = append(f.parts, flightPart{q: q, n: n}), f.bytes+bytes
	return nil
}

// cut returns how many records fit into one batch before compression; always at least
// one, and none but the first with a timestamp before 1970.
func cut(rs []Record, maxBytes, maxRecords int) (n, bytes int) {
	bytes = batchHead
	for n < len(rs) {
		size := rs[n].Size()
		if n > 0 && (bytes+size > maxBytes || maxRecords > 0 && n >= maxRecords || rs[n].Timestamp < 0) {
			break
		}
		bytes += size
		n++
	}
	return n, bytes
}

// origin is what the partition's next batch says of its producer.
func (p *Producer) origin(q *partitionQueue) batchOrigin {
	return batchOrigin{id: p.pid, epoch: p.epoch, sequence: q.next, transactional: p.opts.TransactionalID != ""}
}

// send sends the flight's request and takes in the answer.
func (p *Producer) send(f *flight) {
	if len(f.parts) == 0 {
		return
	}
	w, _ := p.c.writers.Get().(*requestWriter)
	if w == nil {
		w = &requestWriter{}
		w.batch.fold.codec = p.c.settings.codec
	}
	req, err := w.request(p, f)
	if err != nil {
		f.err = err
		return
	}
	t, err := f.conn.write(req)
	w.shrink()
	p.c.writers.Put(w) // while the answer is awaited, others write their requests with it
	if err == nil {
		err = f.conn.read(t, f.answerLimit(), f.answer)
	}
	f.lost, f.err = err != nil, err
}

// settle takes in what became of one request.
func (p *Producer) settle(f *flight) (progress bool, err error) {
	if f.lost {
		p.unsure = true
		p.c.dropProduceConn(f.conn)
		for i := range f.parts {
			f.parts[i].q.refresh = true
		}
	}
	if f.err != nil {
		return false, fmt.Errorf("produce: %w", f.err)
	}
	for i := range f.parts {
		part := &f.parts[i]
		if !part.answered {
			return progress, fmt.Errorf("produce: the answer has nothing for %s-%d", part.q.tp.Topic, part.q.tp.Partition)
		}
		ok, qerr := part.q.settle(part.n, part.code, part.base)
		progress = progress || ok
		if qerr != nil && (err == nil || isRetriable(err)) {
			err = qerr
		}
	}
	return progress, err
}

// settle takes in the answer for one partition's batch of n records.
func (q *partitionQueue) settle(n int, code sarama.KError, base int64) (ok bool, err error) {
	switch {
	case code == sarama.ErrNoError:
		q.last = base + int64(n) - 1
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

// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
)

// classSinkTask runs when a sink reports a record.
const classSinkTask = "org.apache.kafka.connect.sink.SinkTask"

// take processes one run of a partition, in batches.
func (r *sinkRoad) take(ctx context.Context, run *kafka.Run) error {
	if _, mine := r.next[run.TopicPartition]; !mine {
		return nil
	}
	if run.Err != nil {
		return r.unreadable(ctx, run)
	}
	rs := run.Records
	for len(rs) > 0 && rs[0].Offset < r.next[run.TopicPartition] {
		rs = rs[1:] // the sink went on behind what was fetched
	}
	for len(rs) > 0 {
		n := min(len(rs), r.t.o.Worker.BatchRecords)
		if ctx.Err() != nil || r.isOver() {
			return nil
		}
		if err := r.process(ctx, run.TopicPartition, rs[:n]); err != nil {
			return err
		}
		if r.rewind() {
			return nil // what was fetched is of another place
		}
		rs = rs[n:]
	}
	r.next[run.TopicPartition] = run.Next
	r.lag[run.TopicPartition] = run.End - run.Next
	most := int64(0)
	for _, n := range r.lag {
		most = max(most, n)
	}
	r.m.Lag.Store(most)
	return nil
}

// unreadable goes on elsewhere when the log no longer holds the offset.
func (r *sinkRoad) unreadable(ctx context.Context, run *kafka.Run) error {
	switch {
	case errors.Is(run.Err, kafka.ErrUnknownTopic):
		r.log.Warn("the topic does not exist any more", "topic", run.Topic, "partition", run.Partition)
		r.refreshed = time.Time{}
		return nil
	case !errors.Is(run.Err, kafka.ErrOffsetOutOfRange):
		return fmt.Errorf("read %s-%d: %w", run.Topic, run.Partition, run.Err)
	}
	at, err := r.reset(ctx, run.TopicPartition)
	if err != nil {
		return err
	}
	r.log.Warn("the log does not hold the offset any more; records may have been missed", "topic", run.Topic, "partition", run.Partition, "offset", run.Next, "continued_at", at)
	r.next[run.TopicPartition] = at
	r.fetcher.Assign(kafka.TopicOffset{TopicPartition: run.TopicPartition, Offset: at})
	return nil
}

// process takes records of one partition through the stages and puts the outcome.
func (r *sinkRoad) process(ctx context.Context, tp kafka.TopicPartition, rs []kafka.Record) error {
	r.load(tp, rs)
	r.t.crash("after-read")
	if r.w != nil {
		r.w.ctx, r.w.wall = ctx, wall(r.t.o.Now)
	}
	r.chain.use(&r.in.Arena)
	var ended error
	done := len(rs)
	for i := range r.in.Records {
		if err := r.record(ctx, &r.in, i); err != nil {
			ended, done = err, i
			break
		}
	}
	if ended != nil && !isRecordError(ended) && !errors.Is(ended, errStopped) {
		return ended
	}
	r.m.Late.Add(r.chain.late)
	r.chain.late = 0
	if err := r.storeError(); err != nil {
		return err
	}
	r.t.crash("after-transform")
	if r.first {
		r.first = false
		r.t.crash("first-record")
	}
	if err := r.putAll(ctx); err != nil {
		return err
	}
	r.unit.inputs += done
	if done > 0 {
		r.next[tp] = rs[done-1].Offset + 1
	}
	return ended
}

func isRecordError(err error) bool {
	var bad *RecordError
	return errors.As(err, &bad)
}

// load makes a batch of fetched records.
func (r *sinkRoad) load(tp kafka.TopicPartition, rs []kafka.Record) {
	r.in.Reset()
	r.put.Reset()
	r.in.MaxRecords, r.put.MaxRecords = len(rs), len(rs)
	r.from, r.raw = r.from[:0], r.raw[:0]
	for i := range rs {
		k := &rs[i]
		rec := r.in.Add(len(k.Key) + len(k.Value))
		rec.Topic, rec.Partition, rec.Offset, rec.StatePartition = tp.Topic, tp.Partition, k.Offset, tp.Partition
		rec.Timestamp, rec.RawKey, rec.RawValue = k.Timestamp, k.Key, k.Value
		if k.LogAppendTime {
			rec.TimestampType = connect.LogAppendTime
		}
		r.raw = append(r.raw, k)
	}
	n := int64(len(rs))
	r.m.Polled.Add(n)
	r.m.Active.Add(n)
}

// decodeRecord makes key, value and headers of their bytes.
func (r *sinkRoad) decodeRecord(a *connect.Arena, rec *connect.Record) *failure {
	var err error
	if rec.KeySchema, rec.Key, err = r.t.p.key.ToConnect(a, rec.Topic, rec.RawKey); err != nil {
		return &failure{stage: connect.StageKeyConverter, class: r.t.p.key.class, err: err}
	}
	if rec.ValueSchema, rec.Value, err = r.t.p.value.ToConnect(a, rec.Topic, rec.RawValue); err != nil {
		return &failure{stage: connect.StageValueConverter, class: r.t.p.value.class, err: err}
	}
	hs := r.raw[r.index].Headers
	if len(hs) == 0 {
		return nil
	}
	rec.Headers = a.Headers(len(hs))
	for i, h := range hs {
		out := &rec.Headers[i]
		out.Key = h.Key
		if out.Schema, out.Value, err = r.t.p.header.ToConnectHeader(a, rec.Topic, h.Key, h.Value); err != nil {
			return &failure{stage: connect.StageHeaderConverter, class: r.t.p.header.class, err: err}
		}
	}
	return nil
}

// gather adds what left the chain to the batch that will be put.
func (r *sinkRoad) gather(_ *unit, rec *connect.Record) *failure {
	*r.put.Add(len(rec.RawKey) + len(rec.RawValue)) = *rec
	r.from = append(r.from, int32(r.index))
	return nil
}

func (r *sinkRoad) cut(n int) {
	r.put.Records, r.from = r.put.Records[:n], r.from[:n]
}

// putAll puts the gathered batch, again and again while the sink says that it may
// work later.
func (r *sinkRoad) putAll(ctx context.Context) error {
	if len(r.put.Records) == 0 {
		return nil
	}
	before := len(r.unit.journal)
	for n := 1; ; n++ {
		start := r.t.o.Now()
		r.putting = true
		err := r.task.Put(ctx, &r.put)
		r.putting = false
		metrics.Observe(&r.m.Puts, &r.m.PutNanos, &r.m.PutMaxNanos, int64(r.t.o.Now().Sub(start)))
		if err == nil {
			r.unit.written += len(r.put.Records)
			r.t.crash("after-produce")
			return nil
		}
		if !connect.IsRetriable(err) {
			return fmt.Errorf("put: %w", err)
		}
		r.unit.truncate(before) // reports come again
		if err := r.pauseForPut(ctx, err, n); err != nil {
			return err
		}
	}
}

// pauseForPut waits before the same batch is put again.
func (r *sinkRoad) pauseForPut(ctx context.Context, err error, n int) error {
	d := min(firstRetryDelay<<min(n-1, 10), max(r.retry.most, firstRetryDelay))
	var asked *connect.RetriableError
	if errors.As(err, &asked) && asked.After > 0 {
		d = asked.After
	}
	r.m.Retries.Add(1)
	r.log.Warn("the sink asks for the same records again", "after", d, "error", err)
	for end := r.t.o.Now().Add(d); ; {
		left := end.Sub(r.t.o.Now())
		if ctx.Err() != nil {
			return errRejoin // not put: read again by whoever comes next
		}
		if r.isOver() {
			return errRejoin
		}
		if left <= 0 {
			return nil
		}
		r.t.waker.wait(ctx, left)
	}
}

// report implements SinkTaskContext.Report.
func (r *sinkRoad) report(ctx context.Context, i int, err error) error {
	if !r.putting || i < 0 || i >= len(r.from) {
		return fmt.Errorf("record %d of the batch is reported, but the batch that is being put has %d", i, len(r.from))
	}
	r.m.Errors.Add(1)
	r.m.Failures.Add(1)
	r.m.LastError.Store(wall(r.t.o.Now))
	rec := &r.in.Records[r.from[i]]
	if re := r.errs.take(rec, &failure{stage: connect.StageTaskPut, class: classSinkTask, err: err}, r.originOf(&r.in, int(r.from[i])), r.unit); re != nil {
		return re
	}
	return nil
}

// originOf tells topic, partition and offset, and the bytes that were read.
func (r *sinkRoad) originOf(b *connect.Batch, i int) origin {
	if i < 0 {
		return origin{partition: -1, offset: -1}
	}
	rec := &b.Records[i]
	o := origin{topic: rec.Topic, partition: rec.Partition, offset: rec.Offset, rawKey: rec.RawKey, rawValue: rec.RawValue, headers: r.raw[i].Headers}
	if o.headers == nil {
		o.headers = []kafka.Header{}
	}
	return o
}

// rewind follows a sink that asked to continue elsewhere.
func (r *sinkRoad) rewind() bool {
	if len(r.rewound) == 0 {
		return false
	}
	for _, o := range r.rewound {
		if _, mine := r.next[o.TopicPartition]; mine {
			r.next[o.TopicPartition] = o.Offset
			r.fetcher.Assign(o)
		}
	}
	r.rewound = nil
	return true
}

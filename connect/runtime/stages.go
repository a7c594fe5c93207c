// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/metrics"
	"github.com/connectd/connectd/connect/state"
)

// errStopped says that the context ended within a record: the record is undone, and
// what was before it is committed.
var errStopped = errors.New("the task is stopping")

// stages takes input records through decoding, the chain and the output into the
// open unit, one after the other, each of them wholly or not at all. What sources and
// sinks have in common stands here; input and output are theirs.
type stages struct {
	chain  *chain
	tables *state.Tables // nil for a chain without state
	unit   *unit
	errs   errorRoad
	retry  retry
	m      *metrics.Task
	log    *slog.Logger

	ctx    context.Context // of the record under way
	decode func(a *connect.Arena, r *connect.Record) *failure
	output func(u *unit, r *connect.Record) *failure
	// put, if set, tells and cuts the number of records gathered for a sink.
	put    func() int
	cutPut func(n int)
	// origin describes where input record i of a batch came from.
	origin func(b *connect.Batch, i int) origin
	// waiting is called before a pause for a retry, when the unit is at the border of
	// a record: what is in it may be committed meanwhile.
	waiting func()

	batch *connect.Batch
	index int
	last  bool           // no further attempt will be made for the record under way
	work  connect.Record // the copy of the record that the chain may change
	fatal error          // ends the task; set by deliver
}

var _ roadside = (*stages)(nil)

func (s *stages) savepoint() savepoint {
	p := savepoint{journal: len(s.unit.journal), errors: s.unit.errors, late: s.chain.late}
	if s.put != nil {
		p.put = s.put()
	}
	if s.tables != nil {
		p.state = s.tables.Mark()
	}
	return p
}

func (s *stages) rollback(p savepoint) {
	s.unit.truncate(p.journal)
	s.unit.errors = p.errors
	s.chain.late = p.late
	if s.put != nil {
		s.cutPut(p.put)
	}
	if s.tables != nil {
		s.tables.Rollback(p.state)
	}
}

// begin is the savepoint at the beginning of an input record.
func (s *stages) begin() savepoint {
	p := savepoint{journal: len(s.unit.journal), errors: s.unit.errors, late: s.chain.late}
	if s.put != nil {
		p.put = s.put()
	}
	if s.tables != nil {
		p.state = s.tables.Begin()
	}
	return p
}

// deliver takes what leaves the chain to the output.
func (s *stages) deliver(r *connect.Record) *failure {
	f := s.output(s.unit, r)
	if f == nil {
		return nil
	}
	if s.ctx.Err() != nil {
		s.fatal = errStopped
	}
	return f
}

// timerFailed puts output of a timer on the error road; under tolerance none, or
// while another attempt may succeed, the input record fails with it.
func (s *stages) timerFailed(f *failure) bool {
	if s.fatal != nil || !s.errs.all || !s.last && connect.IsRetriable(f.err) {
		return false
	}
	if re := s.giveUp(f); re != nil {
		s.fatal = re
		return false
	}
	s.m.Errors.Add(1)
	s.m.Failures.Add(1)
	return true
}

// giveUp gives the record under way, or what a timer released on the way, to the
// error road. The origin is that of the input record in both cases.
func (s *stages) giveUp(f *failure) *RecordError {
	o := s.origin(s.batch, s.index)
	if f.released != nil {
		o.rawKey, o.rawValue, o.headers = nil, nil, nil
		return s.errs.take(f.released, f, o, s.unit)
	}
	return s.errs.take(&s.batch.Records[s.index], f, o, s.unit)
}

// record takes record i of the batch through the stages. A *RecordError ends the task
// after a commit of what is before the record; errStopped asks to stop there.
func (s *stages) record(ctx context.Context, b *connect.Batch, i int) error {
	s.ctx, s.batch, s.index = ctx, b, i
	f := s.attempt(&b.Records[i])
	if f == nil {
		return nil
	}
	return s.failed(ctx, b, i, f)
}

// attempt tries a record once; after a failure nothing is left of it.
func (s *stages) attempt(r *connect.Record) *failure {
	start := s.begin()
	f := s.once(r)
	if f != nil {
		s.rollback(start)
	}
	return f
}

func (s *stages) once(r *connect.Record) *failure {
	if r.Err != nil {
		return &failure{stage: connect.StageTaskPoll, err: r.Err}
	}
	if s.decode != nil {
		if f := s.decode(&s.batch.Arena, r); f != nil {
			return f
		}
	}
	s.work = *r
	return s.chain.run(&s.work)
}

// failed repeats a record that failed, and gives it to the error road in the end.
func (s *stages) failed(ctx context.Context, b *connect.Batch, i int, f *failure) error {
	start := s.retry.now()
	for n := 1; f != nil; n++ {
		if s.fatal != nil {
			return s.stopped()
		}
		s.m.Errors.Add(1)
		s.m.LastError.Store(start.UnixMilli())
		d, again := s.retry.delay(f.err, n, start)
		if !again {
			break
		}
		s.m.Retries.Add(1)
		if s.waiting != nil {
			s.waiting()
		}
		if !s.retry.sleep(ctx, d) {
			return errStopped
		}
		_, more := s.retry.delay(f.err, n+1, start)
		s.last = !more
		f = s.attempt(&b.Records[i])
	}
	s.last = false
	if f == nil {
		return nil
	}
	if err := s.storeError(); err != nil {
		return err
	}
	s.m.Failures.Add(1)
	s.begin()
	if re := s.giveUp(f); re != nil {
		return re
	}
	return nil
}

func (s *stages) stopped() error {
	err := s.fatal
	s.fatal = nil
	return err
}

// storeError returns the failure of the state's store, which no record is to blame for.
func (s *stages) storeError() error {
	if s.tables == nil {
		return nil
	}
	return s.tables.Err()
}

// fireDue fires the timers that were overdue when the task stopped, before the first
// input of a state partition. b is an empty batch for what they make.
func (s *stages) fireDue(ctx context.Context, b *connect.Batch, partition int32) error {
	s.ctx, s.batch, s.index, s.last = ctx, b, -1, true
	defer func() { s.last = false }()
	s.chain.use(&b.Arena)
	start := s.begin()
	f := s.chain.fireDue(partition)
	if f == nil {
		return nil
	}
	s.rollback(start)
	if s.fatal != nil {
		return s.stopped()
	}
	if f.released == nil {
		f.released = &connect.Record{Partition: connect.NoPartition, StatePartition: partition, Timestamp: connect.NoTimestamp}
	}
	if re := s.giveUp(f); re != nil {
		return re
	}
	return nil
}

// wall returns milliseconds since the epoch.
func wall(now func() time.Time) int64 { return now().UnixMilli() }

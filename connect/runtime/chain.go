// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/state"
)

// failure says where on the road a record failed, and why.
type failure struct {
	stage connect.Stage
	class string // what ran
	err   error
	// released is the output of a timer that failed; nil if the input record did.
	released *connect.Record
}

// savepoint is a place on the road of one input record to which everything after it
// can be undone.
type savepoint struct {
	journal int // outputs of the unit
	errors  int // error records among them
	put     int // records for the sink
	late    int64
	state   state.Mark
}

// roadside is what the chain needs of the road that it is part of.
type roadside interface {
	// deliver takes a record that has passed all steps.
	deliver(r *connect.Record) *failure
	savepoint() savepoint
	rollback(savepoint)
	// timerFailed takes care of output that a timer released and that failed later.
	// It returns false if the whole input record must fail with it.
	timerFailed(f *failure) bool
}

// step is one transform with what guards it.
type step struct {
	alias, class, stateName string
	mayBegin                bool // without state, although there are offsets
	transform               connect.Transform
	timed                   connect.Timed // nil if it sets no timers
	spec                    connect.StateSpec
	stateful                int // number among the stateful steps; -1 for none
	predicate               connect.Predicate
	predicateClass          string
	negate                  bool

	ctx       connect.Context
	emit      connect.Emit // passes on what Apply emits
	emitTimer connect.Emit // passes on what OnTimer emits
	tables    []*state.Table
}

// chain takes records through its steps, on one goroutine.
type chain struct {
	steps  []step
	road   roadside
	failed *failure // of the record under way
	late   int64

	partition int32 // state partition that the steps' contexts point to
	source    int32
}

// begin connects the steps to the road.
func (c *chain) begin(road roadside) {
	c.road, c.partition = road, -1
	for i := range c.steps {
		s := &c.steps[i]
		s.ctx.Late = func(n int) { c.late += int64(n) }
		s.emit = func(r *connect.Record) { c.pass(i+1, r) }
		s.emitTimer = func(r *connect.Record) { c.passAlone(i+1, r) }
	}
}

// stateSteps describes the stateful steps in order.
func (c *chain) stateSteps() []state.Step {
	var out []state.Step
	for i := range c.steps {
		if s := &c.steps[i]; s.stateful >= 0 {
			out = append(out, state.Step{Alias: s.alias, Name: s.stateName, Spec: s.spec, AllowEmpty: s.mayBegin})
		}
	}
	return out
}

// statefulStep finds a stateful step by its alias or state name; nil if there is none.
func (c *chain) statefulStep(name string) *step {
	for i := range c.steps {
		if s := &c.steps[i]; s.stateful >= 0 && (s.alias == name || s.stateName == name && name != "") {
			return s
		}
	}
	return nil
}

// attach gives the steps the tables of these state partitions.
func (c *chain) attach(t *state.Tables, partitions []int32) {
	c.partition = -1
	for i := range c.steps {
		s := &c.steps[i]
		if s.stateful < 0 {
			continue
		}
		s.tables = nil
		for _, p := range partitions {
			table := t.Table(s.stateful, p)
			for int(p) >= len(s.tables) {
				s.tables = append(s.tables, nil)
			}
			s.tables[p] = table
			if s.timed != nil {
				table.OnTimer(func(at int64, key []byte) { c.fire(i, at, key) })
			}
		}
	}
}

// add appends a step.
func (c *chain) add(s step) {
	s.stateful = -1
	if st, ok := s.transform.(connect.Stateful); ok {
		s.spec, s.stateful = st.StateSpec(), len(c.stateSteps())
	}
	s.timed, _ = s.transform.(connect.Timed)
	c.steps = append(c.steps, s)
}

// stateful reports whether any step keeps state.
func (c *chain) stateful() bool {
	return slices.ContainsFunc(c.steps, func(s step) bool { return s.stateful >= 0 })
}

// timed reports whether any step sets timers.
func (c *chain) timed() bool {
	return slices.ContainsFunc(c.steps, func(s step) bool { return s.timed != nil })
}

// owns reports whether the stateful steps have tables for a state partition.
func (c *chain) owns(p int32) bool {
	for i := range c.steps {
		if s := &c.steps[i]; s.stateful >= 0 {
			return p >= 0 && int(p) < len(s.tables) && s.tables[p] != nil
		}
	}
	return true
}

// use points the steps to the arena of a batch.
func (c *chain) use(a *connect.Arena) {
	for i := range c.steps {
		c.steps[i].ctx.Arena = a
	}
}

// point points the steps to the state of a partition.
func (c *chain) point(partition int32) {
	c.partition = partition
	for i := range c.steps {
		if s := &c.steps[i]; s.stateful >= 0 {
			s.ctx.State = s.tables[partition]
		}
	}
}

// run takes one record through all steps. r belongs to the chain from here on. It
// returns what failed; outputs and state are then to be rolled back.
func (c *chain) run(r *connect.Record) (f *failure) {
	if r.StatePartition != c.partition {
		c.point(r.StatePartition)
	}
	c.source, c.failed = r.Source, nil
	defer func() {
		if x := recover(); x != nil {
			f = &failure{stage: connect.StageTransformation, err: fmt.Errorf("panic in the chain: %v", x)}
		}
	}()
	c.pass(0, r)
	return c.failed
}

// fireDue fires the timers of a state partition that were overdue at the last stop.
func (c *chain) fireDue(partition int32) (f *failure) {
	c.point(partition)
	c.failed = nil
	defer func() {
		if x := recover(); x != nil {
			f = &failure{stage: connect.StageTransformation, err: fmt.Errorf("panic in a timer: %v", x)}
		}
	}()
	for i := range c.steps {
		if s := &c.steps[i]; s.timed != nil {
			s.tables[partition].FireDue()
		}
	}
	return c.failed
}

// pass hands a record to step i and, through it, to those behind.
func (c *chain) pass(i int, r *connect.Record) {
	if c.failed != nil {
		return
	}
	if i == len(c.steps) {
		r.Source, r.StatePartition = c.source, c.partition
		c.failed = c.road.deliver(r)
		return
	}
	s := &c.steps[i]
	if s.predicate != nil {
		holds, err := s.predicate.Test(&s.ctx, r)
		if err != nil {
			c.fail(s.predicateClass, err)
			return
		}
		if holds == s.negate {
			c.pass(i+1, r)
			return
		}
	}
	if err := s.transform.Apply(&s.ctx, r, s.emit); err != nil {
		c.fail(s.class, err)
	}
}

func (c *chain) fail(class string, err error) {
	if c.failed == nil {
		c.failed = &failure{stage: connect.StageTransformation, class: class, err: err}
	}
}

// fire calls a due timer. If it fails by itself, what it did is undone, and the
// timer stays done.
func (c *chain) fire(i int, at int64, key []byte) {
	if c.failed != nil {
		return
	}
	s := &c.steps[i]
	before := c.road.savepoint()
	if err := s.timed.OnTimer(&s.ctx, at, key, s.emitTimer); err != nil {
		c.fail(s.class, err)
	}
	if c.failed == nil || c.failed.released != nil { // what fails with its output is not the timer's
		return
	}
	r := connect.Record{Partition: connect.NoPartition, Source: c.source, StatePartition: c.partition, Timestamp: at, Key: connect.Bytes(key)}
	c.recoverTimer(before, &r)
}

// passAlone hands what a timer released to the steps behind, as a unit of its own.
func (c *chain) passAlone(i int, r *connect.Record) {
	if c.failed != nil {
		return
	}
	before, released := c.road.savepoint(), *r
	c.pass(i, r)
	if c.failed != nil {
		c.recoverTimer(before, &released)
	}
}

func (c *chain) recoverTimer(before savepoint, r *connect.Record) {
	f := c.failed
	f.released = r
	r.Source, r.StatePartition = c.source, c.partition
	c.road.rollback(before)
	if c.road.timerFailed(f) {
		c.failed = nil
	}
}

// close ends what transforms and predicates hold; nil-safe.
func (c *chain) close(log *slog.Logger) {
	if c == nil {
		return
	}
	for i := range c.steps {
		closePart(c.steps[i].transform, c.steps[i].alias, log)
		closePart(c.steps[i].predicate, c.steps[i].alias, log)
	}
}

func closePart(part any, alias string, log *slog.Logger) {
	closer, ok := part.(connect.Closer)
	if !ok {
		return
	}
	if err := closer.Close(); err != nil {
		log.Warn("a step did not close cleanly", "step", alias, "error", err)
	}
}

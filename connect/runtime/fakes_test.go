// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"sync"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
)

// memory is a source in memory: a list of records that a test appends to. Its
// position is the number of records that are done.
type memory struct {
	mu      sync.Mutex
	records []connect.Record
	ends    map[int]bool // the connector's transaction ends behind these records
	more    chan struct{}
	commits []int64 // committed positions in the order of the calls
	told    func(at int64)
	poll    func(n int) error
	start   func() error
	commit  func() // called by Commit
	polls   int
	stops   int
	twice   []string // what was called a second time on one task
	// partitions is the number of source partitions; record i belongs to i modulo it.
	partitions int
}

func newMemory(rs ...connect.Record) *memory {
	return &memory{records: rs, more: make(chan struct{}), partitions: 1, ends: map[int]bool{}}
}

func (m *memory) add(rs ...connect.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, rs...)
	close(m.more)
	m.more = make(chan struct{})
}

func (m *memory) committed() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]int64(nil), m.commits...)
}

// once notes a call that a task may see once in its life.
func (m *memory) once(before *bool, call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if *before {
		m.twice = append(m.twice, call)
	}
	*before = true
}

// memoryTask is one task on a memory.
type memoryTask struct {
	m    *memory
	next int
	// batch is the most records that a poll returns; 0 for no limit.
	batch int

	started, stopped bool
}

var fileName = connect.String("memory")

func (t *memoryTask) Start(ctx context.Context, c connect.SourceTaskContext) error {
	t.m.once(&t.started, "Start")
	if t.m.start != nil {
		if err := t.m.start(); err != nil {
			return err
		}
	}
	stored, err := c.Offsets(ctx, []connect.Value{memoryPartition()})
	if err != nil {
		return err
	}
	if v, ok := stored[0].Get("position"); ok {
		t.next = int(v.Int())
	}
	return nil
}

func memoryPartition() connect.Value {
	return connect.Map([]connect.MapEntry{{Key: connect.String("filename"), Value: fileName}})
}

func (t *memoryTask) Poll(ctx context.Context, b *connect.Batch) error {
	for {
		t.m.mu.Lock()
		t.m.polls++
		if t.m.poll != nil {
			if err := t.m.poll(t.m.polls); err != nil {
				t.m.mu.Unlock()
				return err
			}
		}
		for t.next < len(t.m.records) && !b.Full() && !b.EndsTransaction && (t.batch == 0 || len(b.Records) < t.batch) {
			r := b.Add(len(t.m.records[t.next].RawValue) + 10)
			*r = t.m.records[t.next]
			t.next++
			r.Pos[0] = int64(t.next)
			b.EndsTransaction = t.m.ends[t.next]
		}
		more := t.m.more
		t.m.mu.Unlock()
		if !b.Empty() {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

func position(n int64) connect.Position {
	return connect.Position{Partition: memoryPartition(), Offset: connect.Map([]connect.MapEntry{{Key: connect.String("position"), Value: connect.Int64(n)}})}
}

func (t *memoryTask) Position(b *connect.Batch, i int) connect.Position {
	return position(b.Records[i].Pos[0])
}

func (t *memoryTask) Commit(_ context.Context, ps []connect.Position) error {
	if t.m.commit != nil {
		t.m.commit()
	}
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	for _, p := range ps {
		v, _ := p.Offset.Get("position")
		t.m.commits = append(t.m.commits, v.Int())
		if t.m.told != nil {
			t.m.told(v.Int())
		}
	}
	return nil
}

func (t *memoryTask) Stop(context.Context) error {
	t.m.once(&t.stopped, "Stop")
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	t.m.stops++
	return nil
}

// text makes a record with a string as its value.
func text(topic, v string) connect.Record {
	return connect.Record{Topic: topic, Partition: connect.NoPartition, Timestamp: connect.NoTimestamp, Value: connect.String(v)}
}

func texts(topic string, from, to int) []connect.Record {
	var rs []connect.Record
	for i := from; i < to; i++ {
		rs = append(rs, text(topic, fmt.Sprint(i)))
	}
	return rs
}

// function is a transform from a function.
type function func(c *connect.Context, r *connect.Record, emit connect.Emit) error

func (f function) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	return f(c, r, emit)
}

// stateful is a transform with state from functions.
type stateful struct {
	function
	spec connect.StateSpec
}

func (s stateful) StateSpec() connect.StateSpec { return s.spec }

// timed is a transform with timers from functions.
type timed struct {
	stateful
	onTimer func(c *connect.Context, at int64, key []byte, emit connect.Emit) error
}

func (t timed) OnTimer(c *connect.Context, at int64, key []byte, emit connect.Emit) error {
	return t.onTimer(c, at, key, emit)
}

// store is an OffsetStore on a real topic, for one connector with one partition map.
type store struct {
	cluster *kafka.Cluster
	topic   string
}

func (s *store) Topic() string { return s.topic }

func (s *store) Load(ctx context.Context, _ string) ([]connect.Position, error) {
	var last []byte
	_, err := s.cluster.Replay(ctx, s.topic, []int32{0}, nil, func(_ int32, r *kafka.Record) error {
		last = r.Value
		return nil
	})
	if err != nil || last == nil {
		return nil, err
	}
	v, err := convert.ParseJSON(&connect.Arena{}, last)
	if err != nil {
		return nil, err
	}
	return []connect.Position{{Partition: memoryPartition(), Offset: v}}, nil
}

func (s *store) Records(connector string, ps []connect.Position) ([]OffsetRecord, error) {
	var out []OffsetRecord
	for _, p := range ps {
		key := convert.AppendJSON(nil, connect.Array([]connect.Value{connect.String(connector), p.Partition}))
		out = append(out, OffsetRecord{Key: key, Value: convert.AppendJSON(nil, p.Offset)})
	}
	return out, nil
}

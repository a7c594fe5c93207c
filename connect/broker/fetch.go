// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/store"
)

const (
	// maxFetch bounds the record bytes of one response, but for the last batch.
	maxFetch = 32 << 20
	// maxFetchWait bounds what a client may ask to wait.
	maxFetchWait = 5 * time.Minute
)

// fetchPart is a partition of a Fetch request and what was read of it.
type fetchPart struct {
	want *kmsg.FetchRequestTopicPartition
	log  *store.Log // nil: err says why
	got  store.Fetched
	err  error
	// from and to are the bytes read, in the request's records.
	from, to int
}

// fetchJob is a Fetch request under way.
type fetchJob struct {
	r       kmsg.FetchRequest
	parts   []fetchPart // of all topics, in order
	buf     *[]byte
	records []byte
	failed  bool
}

func (c *conn) fetch(ctx context.Context, q *call) error {
	j := fetchJob{r: kmsg.FetchRequest{Version: q.version}}
	if err := q.decode(&j.r); err != nil {
		return err
	}
	if j.r.SessionEpoch > 0 {
		// Sessions are never handed out.
		return c.sendFetch(q, &fetchJob{r: kmsg.FetchRequest{Version: q.version}}, kerr.FetchSessionIDNotFound.Code)
	}
	j.hold(maxFetch)
	defer j.letGo()
	j.find(c.b.store)
	j.wait(ctx)
	return c.sendFetch(q, &j, 0)
}

// hold takes a buffer for the records of the answer.
func (j *fetchJob) hold(size int) {
	j.buf = takeBuffer(size)
	j.records = *j.buf
}

func (j *fetchJob) letGo() {
	*j.buf = j.records
	giveBuffer(j.buf)
}

// find looks the partitions up.
func (j *fetchJob) find(s *store.Store) {
	for i := range j.r.Topics {
		t := &j.r.Topics[i]
		var unknown error
		if j.r.Version >= 13 {
			topic, ok := s.TopicByID(t.TopicID)
			t.Topic = topic.Name
			if !ok {
				unknown = kerr.UnknownTopicID
			}
		}
		for k := range t.Partitions {
			p := fetchPart{want: &t.Partitions[k], err: unknown}
			if unknown == nil {
				p.log, p.err = findLog(s, t.Topic, p.want)
			}
			j.parts = append(j.parts, p)
		}
	}
}

func findLog(s *store.Store, topic string, p *kmsg.FetchRequestTopicPartition) (*store.Log, error) {
	l, ok := s.Log(topic, p.Partition)
	if !ok {
		return nil, kerr.UnknownTopicOrPartition
	}
	if err := checkEpoch(p.CurrentLeaderEpoch); err != nil {
		return nil, err
	}
	return l, nil
}

// checkEpoch verifies the leader epoch that a client believes in: there is only
// epoch 0, and negative for clients that name none.
func checkEpoch(epoch int32) error {
	if epoch > 0 {
		return kerr.UnknownLeaderEpoch
	}
	return nil
}

// wait reads until there is enough, something failed, or the time is over.
func (j *fetchJob) wait(ctx context.Context) {
	patience := min(time.Duration(j.r.MaxWaitMillis)*time.Millisecond, maxFetchWait)
	if j.read() || patience <= 0 {
		return
	}
	if len(j.records) == 0 {
		j.letGo()
		j.hold(0) // who waits for the first record gets few at once
	}
	moved := make(chan struct{}, 1)
	for _, p := range j.parts {
		if p.log != nil {
			defer p.log.Watch(moved)()
		}
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !j.read() {
		select {
		case <-moved:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// read fills the response anew and reports whether it is worth sending.
func (j *fetchJob) read() bool {
	j.records, j.failed = j.records[:0], false
	limit := min(int(j.r.MaxBytes), maxFetch)
	iso := isolation(j.r.IsolationLevel)
	for i := range j.parts {
		p := &j.parts[i]
		p.from = len(j.records)
		if p.log != nil {
			room := max(0, min(int(p.want.PartitionMaxBytes), limit-len(j.records)))
			if limit > len(j.records) && room == 0 {
				room = 1 // at least one batch makes progress
			}
			p.got, p.err = p.log.Read(p.want.FetchOffset, room, iso, j.records)
			j.records = p.got.Bytes
		}
		p.to = len(j.records)
		j.failed = j.failed || p.err != nil
	}
	return j.failed || len(j.records) >= int(j.r.MinBytes)
}

// sendFetch writes the response: headers from q.out, records as they were read,
// without copying them together.
func (c *conn) sendFetch(q *call, j *fetchJob, code int16) error {
	e := encoder{p: q.out, compact: q.flexible}
	e.int32(0) // throttle time
	if q.version >= 7 {
		e.int16(code)
		e.int32(0) // no session
	}
	// cuts are the places in e.p where the records of a partition belong.
	cuts := make([]int, 0, len(j.parts))
	next := 0
	e.count(len(j.r.Topics))
	for i := range j.r.Topics {
		t := &j.r.Topics[i]
		if q.version >= 13 {
			e.p = append(e.p, t.TopicID[:]...)
		} else {
			e.string([]byte(t.Topic))
		}
		e.count(len(t.Partitions))
		for range t.Partitions {
			j.parts[next].encode(&e, q.version)
			cuts = append(cuts, len(e.p))
			e.tags()
			next++
		}
		e.tags()
	}
	e.tags()
	q.out = e.p
	return c.sendRecords(q, j, cuts)
}

func (c *conn) sendRecords(q *call, j *fetchJob, cuts []int) error {
	out := make(net.Buffers, 0, 2*len(cuts)+1)
	from := 0
	for i, at := range cuts {
		p := &j.parts[i]
		if p.from == p.to {
			continue
		}
		out = append(out, q.out[from:at], j.records[p.from:p.to])
		from = at
	}
	out = append(out, q.out[from:])
	return c.sendParts(q, out, len(q.out)+len(j.records))
}

// encode appends the answer for a partition up to the size of its records.
func (p *fetchPart) encode(e *encoder, version int16) {
	f := p.got
	if p.log == nil {
		f.HighWatermark, f.LastStable, f.LogStart = -1, -1, -1
	}
	e.int32(p.want.Partition)
	e.int16(code(p.err))
	e.int64(f.HighWatermark)
	e.int64(f.LastStable)
	if version >= 5 {
		e.int64(f.LogStart)
	}
	e.count(len(f.Aborted))
	for _, a := range f.Aborted {
		e.int64(a.ProducerID)
		e.int64(a.FirstOffset)
		e.tags()
	}
	if version >= 11 {
		e.int32(-1) // no preferred read replica
	}
	e.size(p.to - p.from)
}

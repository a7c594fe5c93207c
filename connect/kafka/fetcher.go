// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// FetcherOptions say how a fetcher reads.
type FetcherOptions struct {
	Isolation Isolation
	// MaxWait is how long a broker may hold a request that finds nothing; 0 takes 500 ms.
	MaxWait time.Duration
	// MaxBytes bounds an answer, PartitionBytes the share of a partition; 0 takes the
	// settings' fetch.max.bytes and max.partition.fetch.bytes.
	MaxBytes, PartitionBytes int32
}

// Run is a piece of one partition, in order.
type Run struct {
	TopicPartition
	Records []Record
	// Next is the offset behind the piece, also when everything in it was filtered.
	Next int64
	// End is the last stable offset (or, uncommitted, the high watermark) that the
	// broker told.
	End int64
	// Err says that the partition cannot be read: ErrUnknownTopic, ErrOffsetOutOfRange,
	// or what the broker said. It is no longer fetched until it is assigned again.
	Err error
}

// ErrOffsetOutOfRange says that the log does not hold the offset any more, or not yet.
var ErrOffsetOutOfRange = errors.New("the offset is not in the log")

// Fetcher reads assigned partitions. While the caller works on one answer the next
// request of that broker is under way already. Assign, Remove, Pause, Resume and Poll
// are for one goroutine; Close may be called from any.
type Fetcher struct {
	c    *Cluster
	opts FetcherOptions

	want    map[TopicPartition]*position
	answers chan *fetchAnswer
	links   map[int32][]*fetchLink

	life    context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	missing []Run // partitions that turned out not to exist, for the next Poll
}

// position is how far a partition has been read.
type position struct {
	next     int64
	paused   bool
	refresh  bool
	inFlight bool
	bytes    int32 // its share of an answer, after the usual one was too small; 0 for the usual one
	failures int
	retryAt  time.Time
}

// fetchLink is a connection of this fetcher to one broker; at most one request is on it.
type fetchLink struct {
	conn *line
	addr string
	busy bool
}

// fetchLinks is how many connections a fetcher has to a broker at most, so that a
// partition which becomes wanted need not wait for the long poll of the others. The
// last one polls only for shortWait, so that there is always one soon.
const (
	fetchLinks = 3
	shortWait  = 5 * time.Millisecond
)

type fetchAnswer struct {
	link   *fetchLink
	broker int32
	req    map[TopicPartition]int64 // the offsets that were asked for
	resp   *sarama.FetchResponse
	err    error
}

// NewFetcher makes a fetcher without partitions; it opens connections when it is
// polled. ctx ends with Close, not before.
func (c *Cluster) NewFetcher(o FetcherOptions) *Fetcher {
	if o.MaxWait == 0 {
		o.MaxWait = 500 * time.Millisecond
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = c.settings.FetchMaxBytes
	}
	if o.PartitionBytes == 0 {
		o.PartitionBytes = c.settings.MaxPartitionFetchBytes
	}
	f := &Fetcher{c: c, opts: o, want: map[TopicPartition]*position{}, answers: make(chan *fetchAnswer, 16), links: map[int32][]*fetchLink{}}
	f.life, f.cancel = context.WithCancel(context.Background())
	return f
}

// Assign adds partitions, or moves them, to begin at these offsets.
func (f *Fetcher) Assign(at ...TopicOffset) {
	for _, o := range at {
		f.want[o.TopicPartition] = &position{next: o.Offset}
	}
}

// Remove takes partitions away; an answer under way is thrown away.
func (f *Fetcher) Remove(ps ...TopicPartition) {
	for _, tp := range ps {
		delete(f.want, tp)
	}
}

// Pause keeps partitions assigned, but asks for nothing of them.
func (f *Fetcher) Pause(ps ...TopicPartition) { f.setPaused(ps, true) }

// Resume undoes Pause.
func (f *Fetcher) Resume(ps ...TopicPartition) { f.setPaused(ps, false) }

func (f *Fetcher) setPaused(ps []TopicPartition, paused bool) {
	for _, tp := range ps {
		if p := f.want[tp]; p != nil {
			p.paused = paused
		}
	}
}

// Positions returns the next offset of every assigned partition.
func (f *Fetcher) Positions() []TopicOffset {
	out := make([]TopicOffset, 0, len(f.want))
	for tp, p := range f.want {
		out = append(out, TopicOffset{TopicPartition: tp, Offset: p.next})
	}
	return out
}

// Poll waits for the next answer and returns its runs; none at the end of ctx. The
// runs are the caller's.
func (f *Fetcher) Poll(ctx context.Context) ([]Run, error) {
	for {
		retry := f.dispatch()
		if len(f.missing) > 0 {
			runs := f.missing
			f.missing = nil
			return runs, nil
		}
		var timer <-chan time.Time
		var t *time.Timer
		if retry > 0 {
			t = time.NewTimer(retry)
			timer = t.C
		}
		var runs []Run
		var err error
		select {
		case a := <-f.answers:
			runs, err = f.take(a)
		case <-timer:
		case <-ctx.Done():
			err = ctx.Err()
		case <-f.life.Done():
			err = sarama.ErrClosedClient
		}
		if t != nil {
			t.Stop()
		}
		if ctx.Err() != nil {
			return runs, nil
		}
		if err != nil || len(runs) > 0 {
			return runs, err
		}
	}
}

// dispatch sends a request to each broker that has none under way and leads wanted
// partitions. It returns after what time a failed partition is due again; 0 for never.
func (f *Fetcher) dispatch() (retry time.Duration) {
	byBroker := map[int32]map[TopicPartition]int64{}
	leaders := map[int32]*sarama.Broker{}
	now := time.Now()
	for tp, p := range f.want {
		if p.paused || p.inFlight {
			continue
		}
		if wait := p.retryAt.Sub(now); wait > 0 {
			retry = soonest(retry, wait)
			continue
		}
		leader, err := f.c.leader(tp, p.refresh)
		if err != nil {
			if errors.Is(err, sarama.ErrUnknownTopicOrPartition) && p.failures >= unknownAttempts {
				f.missing = append(f.missing, Run{TopicPartition: tp, Next: p.next, Err: fmt.Errorf("%s-%d: %w", tp.Topic, tp.Partition, ErrUnknownTopic)})
				p.paused = true
				continue
			}
			retry = soonest(retry, f.postpone(p, now))
			continue
		}
		id := leader.ID()
		if byBroker[id] == nil {
			byBroker[id], leaders[id] = map[TopicPartition]int64{}, leader
		}
		byBroker[id][tp] = p.next
	}
	for id, req := range byBroker {
		if err := f.send(leaders[id], req); err != nil {
			for tp := range req {
				retry = soonest(retry, f.postpone(f.want[tp], now))
			}
		}
	}
	return retry
}

func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b < a {
		return b
	}
	return a
}

// postpone lets a partition rest after a failure, longer each time.
func (f *Fetcher) postpone(p *position, now time.Time) time.Duration {
	d := min(5*time.Millisecond<<min(p.failures, 8), time.Second)
	p.failures++
	p.refresh, p.retryAt = true, now.Add(d)
	return d
}

// send starts a request on the link to the broker, unless one is under way.
func (f *Fetcher) send(leader *sarama.Broker, req map[TopicPartition]int64) error {
	link, last, err := f.link(leader)
	if link == nil {
		return err
	}
	link.busy = true
	r := f.request(req)
	if last {
		r.MaxWaitTime = min(r.MaxWaitTime, int32(shortWait/time.Millisecond))
	}
	for tp := range req {
		f.want[tp].inFlight = true
	}
	f.wg.Add(1)
	go func(id int32) {
		defer f.wg.Done()
		a := &fetchAnswer{link: link, broker: id, req: req}
		a.resp, a.err = link.conn.Fetch(r)
		select {
		case f.answers <- a:
		case <-f.life.Done():
		}
	}(leader.ID())
	return nil
}

// link returns a connection to the broker that is free, nil if all are busy; last
// says that all are busy now.
func (f *Fetcher) link(leader *sarama.Broker) (free *fetchLink, last bool, err error) {
	id, busy := leader.ID(), 0
	kept := f.links[id][:0]
	for _, l := range f.links[id] {
		switch {
		case l.busy:
			busy++
		case l.addr != leader.Addr():
			l.conn.end()
			continue
		case free == nil:
			free = l
		}
		kept = append(kept, l)
	}
	f.links[id] = kept
	if free == nil && len(kept) < fetchLinks {
		conn, err := f.c.newLine(leader.Addr())
		if err != nil {
			return nil, false, err
		}
		free = &fetchLink{conn: conn, addr: leader.Addr()}
		f.links[id] = append(kept, free)
	}
	return free, busy == fetchLinks-1, nil
}

func (f *Fetcher) request(req map[TopicPartition]int64) *sarama.FetchRequest {
	r := &sarama.FetchRequest{Version: 11, MaxWaitTime: int32(f.opts.MaxWait / time.Millisecond), MinBytes: 1, MaxBytes: f.opts.MaxBytes,
		Isolation: sarama.ReadCommitted, SessionEpoch: -1}
	if f.opts.Isolation == ReadUncommitted {
		r.Isolation = sarama.ReadUncommitted
	}
	for tp, at := range req {
		r.AddBlock(tp.Topic, tp.Partition, at, max(f.opts.PartitionBytes, f.want[tp].bytes), -1)
	}
	return r
}

// take turns an answer into runs and moves the positions.
func (f *Fetcher) take(a *fetchAnswer) ([]Run, error) {
	a.link.busy = false
	now := time.Now()
	if a.err != nil {
		a.link.conn.end()
		f.links[a.broker] = slices.DeleteFunc(f.links[a.broker], func(l *fetchLink) bool { return l == a.link })
	}
	var runs []Run
	for tp, asked := range a.req {
		p := f.want[tp]
		if p == nil || !p.inFlight || p.next != asked {
			continue // taken away or moved meanwhile
		}
		p.inFlight = false
		if a.err != nil {
			f.postpone(p, now)
			continue
		}
		run, err := f.run(tp, p, a.resp.GetBlock(tp.Topic, tp.Partition))
		if err != nil {
			return runs, err
		}
		if run != nil {
			runs = append(runs, *run)
		}
	}
	return runs, nil
}

// run reads one partition's part of an answer; nil if there is nothing new.
func (f *Fetcher) run(tp TopicPartition, p *position, block *sarama.FetchResponseBlock) (*Run, error) {
	if block == nil {
		f.postpone(p, time.Now())
		return nil, nil
	}
	switch {
	case block.Err == sarama.ErrNoError:
	case block.Err == sarama.ErrOffsetOutOfRange:
		p.paused = true
		return &Run{TopicPartition: tp, Next: p.next, Err: ErrOffsetOutOfRange}, nil
	case block.Err == sarama.ErrUnknownTopicOrPartition && p.failures >= unknownAttempts:
		p.paused = true
		return &Run{TopicPartition: tp, Next: p.next, Err: fmt.Errorf("%s-%d: %w", tp.Topic, tp.Partition, ErrUnknownTopic)}, nil
	case isRetriable(block.Err):
		f.postpone(p, time.Now())
		return nil, nil
	default:
		p.paused = true
		return &Run{TopicPartition: tp, Next: p.next, Err: block.Err}, nil
	}
	p.failures, p.refresh = 0, false
	run := &Run{TopicPartition: tp, End: block.LastStableOffset}
	if f.opts.Isolation == ReadUncommitted {
		run.End = block.HighWaterMarkOffset
	}
	next, err := decodeBlock(run, block, p.next, f.opts.Isolation)
	if err != nil {
		return nil, fmt.Errorf("read %s-%d at %d: %w", tp.Topic, tp.Partition, p.next, err)
	}
	next = max(next, behindEmpty(block))
	if next == p.next {
		if isCutOff(block) {
			// Twice as much each time, up to what the protocol can say.
			p.bytes = int32(min(2*int64(max(f.opts.PartitionBytes, p.bytes)), math.MaxInt32))
		}
		return nil, nil
	}
	p.bytes = 0
	p.next, run.Next = next, next
	return run, nil
}

// Close ends the requests under way and the connections.
func (f *Fetcher) Close() {
	f.cancel()
	for _, links := range f.links {
		for _, l := range links {
			l.conn.end()
		}
	}
	f.wg.Wait()
}

// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
)

// errRejoin says that the work goes on in the next generation of the group, from the
// committed offsets.
var errRejoin = errors.New("the group rebalances")

// sinkRoad is the life of a sink task: a member of the group connect-<name> that
// takes what it reads through the stages and puts it into the sink, on one goroutine.
type sinkRoad struct {
	*stages
	t    *Task
	hard context.Context
	task connect.SinkTask
	w    *topicWriter
	keep *keeper
	out  *client // for error records and changelogs; nil if there are neither

	cluster   *kafka.Cluster
	release   func()
	settings  kafka.Settings
	sub       *subscription
	member    *kafka.Member
	gen       *kafka.Generation
	fetcher   *kafka.Fetcher
	refreshed time.Time

	in      connect.Batch
	raw     []*kafka.Record // what the records of in were read as
	put     connect.Batch
	from    []int32                        // the record of in that each record of put came from
	next    map[kafka.TopicPartition]int64 // behind what has been put or dropped
	stored  map[kafka.TopicPartition]int64 // committed
	rewound []connect.TopicOffset
	lag     map[kafka.TopicPartition]int64
	flushed time.Time
	putting bool
	first   bool
	changes []kafka.Record
}

// runSink runs the task until ctx ends or it fails.
func (t *Task) runSink(ctx, hard context.Context) error {
	r := &sinkRoad{t: t, hard: hard, first: true}
	defer r.close()
	if err := r.open(ctx); err != nil {
		return stopOr(ctx, err)
	}
	if err := r.start(ctx); err != nil {
		return stopOr(ctx, err)
	}
	t.running()
	for failures := 0; ctx.Err() == nil; {
		err := r.generation(ctx)
		switch {
		case errors.Is(err, errRejoin) && !r.isOver():
			// A commit failed although the group still has the member.
			failures++
			r.retry.sleep(ctx, min(firstRetryDelay<<min(failures, 6), 10*time.Second))
		case err == nil || errors.Is(err, errRejoin) || errors.Is(err, errStopped):
			failures = 0
		default:
			return err
		}
	}
	return nil
}

// open connects for reading and, if need be, for writing.
func (r *sinkRoad) open(ctx context.Context) error {
	t := r.t
	var err error
	if r.settings, err = t.clientSettings(t.o.Worker.Consumer, "consumer.override.", map[string]string{"client.id": t.clientID("")}); err != nil {
		return err
	}
	cluster, release, err := t.o.Clusters.Get(ctx, r.settings)
	if err != nil {
		return err
	}
	r.cluster, r.release = cluster, release
	if r.sub, err = newSubscription(t.p.framework, cluster); err != nil {
		return err
	}
	if t.p.chain.stateful() || t.p.framework.String(keyErrorTopic) != "" {
		if r.out, err = t.openProducer(ctx); err != nil {
			return err
		}
		if r.w, err = t.newWriter(r.out, nil); err != nil {
			return err
		}
	}
	if r.stages, err = t.newStages(ctx, r.out, r.w); err != nil {
		return err
	}
	r.decode, r.output, r.origin = r.decodeRecord, r.gather, r.originOf
	r.stages.put, r.cutPut = func() int { return len(r.put.Records) }, r.cut
	r.keep = &keeper{t: t, s: r.stages, cluster: cluster, hasOffsets: r.hasOffsets}
	r.fetcher = cluster.NewFetcher(kafka.FetcherOptions{Isolation: r.settings.Isolation})
	r.member = r.sub.member(t.sinkGroup(), t.consumerProps())
	return nil
}

// sinkGroup is the consumer group of the original.
func (t *Task) sinkGroup() string {
	if g := t.p.props["consumer.override.group.id"]; g != "" {
		return g
	}
	return "connect-" + t.o.Connector
}

func (t *Task) consumerProps() map[string]string {
	props := maps.Clone(t.o.Worker.Consumer)
	if props == nil {
		props = map[string]string{}
	}
	maps.Copy(props, connect.WithPrefix(t.p.props, "consumer.override."))
	return props
}

// start starts the plugin. A task is never started twice: each try has a new one.
func (r *sinkRoad) start(ctx context.Context) error {
	before := func(err error, d time.Duration) {
		r.m.Retries.Add(1)
		r.log.Warn("will be tried again", "operation", "start", "after", d, "error", err)
	}
	return r.retry.do(ctx, before, func() error {
		task := r.t.p.sink.NewTask()
		if err := r.startTask(ctx, task); err != nil {
			logStop(r.log, task.Stop(r.hard))
			return fmt.Errorf("start the connector's task: %w", err)
		}
		r.task = task
		showFigures(r.m, task)
		return nil
	})
}

func (r *sinkRoad) startTask(ctx context.Context, task connect.SinkTask) error {
	o := &r.t.o
	return task.Start(ctx, connect.SinkTaskContext{
		Connector: o.Connector, Task: o.Task, Config: r.t.p.plugin, Log: o.Log, Kafka: o.Worker.Common, Report: r.report,
		Rewind: func(offsets []connect.TopicOffset) { r.rewound = append(r.rewound, offsets...) },
	})
}

// generation joins the group and works until the next rebalance, the end of ctx, or a
// failure. What was put is flushed and committed before the partitions are given up.
func (r *sinkRoad) generation(ctx context.Context) error {
	if _, err := r.sub.refresh(ctx); err != nil {
		return stopOr(ctx, err)
	}
	r.refreshed = r.t.o.Now()
	var err error
	if r.gen, err = r.member.Join(ctx); err != nil {
		return stopOr(ctx, err)
	}
	partitions, err := parseAssignment(r.gen.Assignment)
	if err != nil {
		return err
	}
	over, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-r.gen.Over:
			r.t.waker.wake()
		case <-over.Done():
		}
	}()
	defer func() {
		cancel()
		<-watched
	}()
	if err = r.assign(ctx, partitions); err == nil {
		err = r.loop(ctx)
	}
	return r.revoke(ctx, partitions, err)
}

// isOver reports that the generation has ended.
func (r *sinkRoad) isOver() bool {
	select {
	case <-r.gen.Over:
		return true
	default:
		return false
	}
}

// assign opens the partitions of a generation at their committed offsets.
func (r *sinkRoad) assign(ctx context.Context, partitions []kafka.TopicPartition) error {
	found, err := r.cluster.GroupOffsets(ctx, r.t.sinkGroup(), partitions)
	if err != nil {
		return err
	}
	r.next, r.stored, r.lag = map[kafka.TopicPartition]int64{}, map[kafka.TopicPartition]int64{}, map[kafka.TopicPartition]int64{}
	byPartition := make(map[kafka.TopicPartition]kafka.TopicOffset, len(found))
	for _, o := range found {
		byPartition[o.TopicPartition] = o
		r.stored[o.TopicPartition] = o.Offset
	}
	var opened, at []kafka.TopicOffset
	for _, tp := range partitions {
		o, ok := byPartition[tp]
		if !ok {
			o = kafka.TopicOffset{TopicPartition: tp, Offset: -1}
		}
		opened = append(opened, o)
		if !ok {
			if o.Offset, err = r.reset(ctx, tp); err != nil {
				return err
			}
		}
		r.next[tp] = o.Offset
		at = append(at, o)
	}
	if err := r.openState(ctx, partitions); err != nil {
		return err
	}
	if err := r.task.Open(ctx, opened); err != nil {
		return fmt.Errorf("open partitions: %w", err)
	}
	r.fetcher.Assign(at...)
	r.rewind()
	r.m.Partitions.Store(int64(len(partitions)))
	r.flushed = r.t.o.Now()
	for topic := range r.sub.partitions {
		if r.t.o.OnTopic != nil {
			r.t.o.OnTopic(topic)
		}
	}
	return nil
}

// reset is where a partition begins without a usable offset.
func (r *sinkRoad) reset(ctx context.Context, tp kafka.TopicPartition) (int64, error) {
	when := kafka.Earliest
	switch r.settings.AutoOffsetReset {
	case "latest":
		when = kafka.Latest
	case "none":
		return 0, fmt.Errorf("%s-%d has no usable offset in group %s, and consumer.override.auto.offset.reset is none", tp.Topic, tp.Partition, r.t.sinkGroup())
	}
	found, err := r.cluster.ListOffsets(ctx, tp.Topic, []int32{tp.Partition}, when, r.settings.Isolation)
	return found[tp.Partition], err
}

// loop reads, processes and puts until the generation is over or ctx ends; then it
// returns nil.
func (r *sinkRoad) loop(ctx context.Context) error {
	for ctx.Err() == nil && !r.isOver() {
		if r.untilFlush() == 0 || r.full() {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
		if again, err := r.refresh(ctx); err != nil || again {
			return err
		}
		if r.t.paused.Load() {
			r.m.SetState(metrics.Paused)
			if err := r.flush(ctx); err != nil {
				return err
			}
			r.t.waker.wait(ctx, r.untilRefresh())
			continue
		}
		r.m.SetState(metrics.Running)
		wait, end := r.t.waker.begin(ctx, min(r.untilFlush(), r.untilRefresh()))
		runs, err := r.fetcher.Poll(wait)
		end()
		if err != nil {
			return fmt.Errorf("read topics: %w", err)
		}
		for i := range runs {
			if err := r.take(ctx, &runs[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// untilFlush is never negative: an idle sink wakes up once an interval.
func (r *sinkRoad) untilFlush() time.Duration {
	return max(0, r.t.o.Worker.FlushInterval-r.t.o.Now().Sub(r.flushed))
}

// full reports that error records and changes of state must not become more.
func (r *sinkRoad) full() bool {
	most := r.t.o.Worker.UnitBytes
	return r.unit.size() >= most || r.tables != nil && r.tables.Pending() >= int64(most)
}

func (r *sinkRoad) untilRefresh() time.Duration {
	every := r.t.o.Worker.RefreshInterval
	if !r.sub.complete() && r.sub.regex == nil {
		every = min(every, time.Second) // somebody is about to create the topic
	}
	return max(0, every-r.t.o.Now().Sub(r.refreshed))
}

// refresh looks for new topics and partitions, which make the group rebalance.
func (r *sinkRoad) refresh(ctx context.Context) (changed bool, err error) {
	if r.untilRefresh() > 0 {
		return false, nil
	}
	r.refreshed = r.t.o.Now()
	changed, err = r.sub.refresh(ctx)
	if err != nil && ctx.Err() == nil {
		r.log.Warn("topics could not be looked up; the next attempt follows", "error", err)
	}
	return changed && err == nil, nil
}

// revoke gives the partitions up: what has been put is committed if the group still
// lets this member do so and nothing went wrong.
func (r *sinkRoad) revoke(ctx context.Context, partitions []kafka.TopicPartition, err error) error {
	var bad *RecordError
	orderly := err == nil || errors.Is(err, errStopped) || errors.As(err, &bad)
	if orderly && !(r.isOver() && r.gen.Lost() != nil) {
		if ferr := r.flush(r.hard); ferr != nil && !errors.Is(ferr, errRejoin) {
			if err == nil || errors.Is(err, errStopped) {
				err = ferr
			}
			r.log.Warn("what was put could not be committed; it will be read again", "error", ferr)
		}
	}
	r.dropUnit()
	r.fetcher.Remove(partitions...)
	r.next, r.stored = nil, nil
	if cerr := r.task.Close(r.hard, partitions); cerr != nil && err == nil {
		err = fmt.Errorf("close partitions: %w", cerr)
	}
	return err
}

// close ends everything, also after an open that failed halfway.
func (r *sinkRoad) close() {
	if r.member != nil {
		if err := r.member.Leave(r.hard); err != nil {
			r.t.o.Log.Warn("the group could not be left; it waits for the session to time out", "error", err)
		}
	}
	if r.fetcher != nil {
		r.fetcher.Close()
	}
	if r.task != nil {
		r.m.SetFigures(nil)
		logStop(r.t.o.Log, r.task.Stop(r.hard))
	}
	if r.keep != nil {
		r.keep.close(r.hard)
	}
	if r.out != nil {
		r.out.close()
	}
	if r.release != nil {
		r.release()
	}
}

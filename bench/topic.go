// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connect/kafka"
)

// createTopic makes a topic of one partition.
func (d *daemon) createTopic(ctx context.Context, topic string) error {
	_, err := d.cluster.EnsureTopic(ctx, kafka.TopicSpec{Name: topic, Partitions: 1, Replication: 1})
	return err
}

// end is the last stable offset of the topic's only partition: commit markers count.
func (d *daemon) end(ctx context.Context, topic string) (int64, error) {
	ends, err := d.cluster.ListOffsets(ctx, topic, []int32{0}, kafka.Latest, kafka.ReadCommitted)
	return ends[0], err
}

// waitEnd waits until the topic's end is at least n.
func (d *daemon) waitEnd(ctx context.Context, topic string, n int) error {
	return d.until(ctx, tick, topic+" is filled", func(ctx context.Context) error {
		end, err := d.end(ctx, topic)
		if err == nil && end < int64(n) {
			err = fmt.Errorf("its end is %d of %d", end, n)
		}
		return err
	})
}

// count checks that the topic holds n committed records, with a client that is not
// the project's, and returns how many transactions they came in.
func (d *daemon) count(ctx context.Context, topic string, n int) (transactions int, err error) {
	end, err := d.end(ctx, topic)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	records := 0
	for next := int64(0); next < end; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return 0, fmt.Errorf("read %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if r.Attrs.IsControl() {
				transactions++
				return
			}
			records++
		})
	}
	if records != n {
		return 0, fmt.Errorf("%s holds %d records, want %d", topic, records, n)
	}
	return transactions, nil
}

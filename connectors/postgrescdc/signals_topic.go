// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/backoff"
	"github.com/connectd/connectd/connect/kafka"
)

// topicPlace is how far the topic of signals is worked off: Next is the offset of the first
// record that is not. The zero place is no place.
type topicPlace struct {
	Topic string `json:"topic"`
	Next  int64  `json:"next"`
}

// topicChannel reads signals from partition 0 of a topic, as the original does. It is for the
// goroutine of run.
type topicChannel struct {
	s *signalSettings
	// worker are the client properties of the worker's own cluster.
	worker map[string]string
	prefix string
	log    *slog.Logger
	out    func(ctx context.Context, a arrival) bool
	teller groupTeller
}

// topicPause is the longest pause before a topic that cannot be read is tried again.
const topicPause = 10 * time.Second

// settings are those of the client: the worker's own, unless other brokers are named, with
// signal.consumer.* in front of both.
func (s *signalSettings) client(worker map[string]string, prefix string) (kafka.Settings, connect.ConfigErrors) {
	props := map[string]string{"client.id": prefix + "-signal"}
	own := worker
	if s.Brokers != "" {
		own = map[string]string{"bootstrap.servers": s.Brokers}
	}
	for _, from := range []map[string]string{own, s.Consumer} {
		for k, v := range from {
			props[k] = v
		}
	}
	return kafka.ParseSettings(props)
}

// run reads until ctx ends. What goes wrong is logged and tried again: the stream does not
// depend on signals.
func (c *topicChannel) run(ctx context.Context, from topicPlace) {
	settings, errs := c.s.client(c.worker, c.prefix)
	if err := errs.OrNil(); err != nil {
		c.log.Error("signals cannot be read from the topic", "topic", c.s.Topic, "error", err)
		return
	}
	p := pauses{least: 200 * time.Millisecond, most: topicPause}
	for ctx.Err() == nil {
		next, err := c.session(ctx, settings, from, &p)
		if from = next; err == nil || ctx.Err() != nil {
			continue
		}
		pause := p.next()
		c.log.Warn("signals cannot be read from the topic; it is tried again", "topic", c.s.Topic, "error", err, "pause", pause)
		backoff.Wait(ctx, pause)
	}
}

// session reads through one client, and returns how far it came.
func (c *topicChannel) session(ctx context.Context, settings kafka.Settings, from topicPlace, p *pauses) (topicPlace, error) {
	opening, cancel := context.WithTimeout(ctx, topicPause)
	defer cancel()
	cluster, err := kafka.Open(opening, settings)
	if err != nil {
		return from, err
	}
	defer cluster.Close()
	if from.Topic != c.s.Topic {
		if from, err = c.begin(ctx, cluster, settings); err != nil {
			return topicPlace{}, err
		}
	}
	telling, ended := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() { c.teller.run(telling, cluster) })
	defer told.Wait()
	defer ended()
	fetcher := cluster.NewFetcher(kafka.FetcherOptions{Isolation: settings.Isolation})
	defer fetcher.Close()
	tp := kafka.TopicPartition{Topic: c.s.Topic}
	fetcher.Assign(kafka.TopicOffset{TopicPartition: tp, Offset: from.Next})
	for ctx.Err() == nil {
		runs, err := fetcher.Poll(ctx)
		if err != nil {
			return from, err
		}
		for i := range runs {
			if err := c.take(ctx, &runs[i], &from); err != nil {
				return from, err
			}
			p.reset()
		}
	}
	return from, nil
}

// begin finds where to start without a place: behind what the group of the original has
// committed, else by auto.offset.reset.
func (c *topicChannel) begin(ctx context.Context, cluster *kafka.Cluster, settings kafka.Settings) (topicPlace, error) {
	tp := kafka.TopicPartition{Topic: c.s.Topic}
	n, err := cluster.Refresh(ctx, tp.Topic)
	if err != nil {
		return topicPlace{}, err
	}
	if n > 1 {
		c.log.Warn("the topic of signals has several partitions; only the first is read", "topic", tp.Topic, "partitions", n)
	}
	found, err := cluster.GroupOffsets(ctx, c.s.Group, []kafka.TopicPartition{tp})
	if err != nil {
		return topicPlace{}, err
	}
	if len(found) > 0 {
		return topicPlace{Topic: tp.Topic, Next: found[0].Offset}, nil
	}
	when := kafka.Earliest
	if settings.AutoOffsetReset == "latest" {
		when = kafka.Latest
	}
	at, err := cluster.ListOffsets(ctx, tp.Topic, []int32{0}, when, settings.Isolation)
	if err != nil {
		return topicPlace{}, err
	}
	return topicPlace{Topic: tp.Topic, Next: at[0]}, nil
}

// take hands over what a run has.
func (c *topicChannel) take(ctx context.Context, run *kafka.Run, from *topicPlace) error {
	if errors.Is(run.Err, kafka.ErrOffsetOutOfRange) {
		c.log.Warn("the topic no longer has the offset; signals may have been missed", "topic", run.Topic, "offset", run.Next)
		*from = topicPlace{}
	}
	if run.Err != nil {
		return run.Err
	}
	for i := range run.Records {
		r := &run.Records[i]
		next := topicPlace{Topic: run.Topic, Next: r.Offset + 1}
		a := arrival{channel: "kafka", move: func(p *channelPlaces) { p.Kafka = next }}
		if err := c.read(r, &a.signal); err != nil {
			c.log.Warn("a signal is left out", "topic", run.Topic, "offset", r.Offset, "error", err)
			a.nothing = true
		}
		if !c.out(ctx, a) {
			return ctx.Err()
		}
		*from = next
	}
	from.Next = max(from.Next, run.Next)
	return nil
}

func (c *topicChannel) read(r *kafka.Record, s *connect.Signal) error {
	if string(r.Key) != c.prefix {
		return fmt.Errorf("the key is %q, and topic.prefix %q", shortened(r.Key), c.prefix)
	}
	var err error
	*s, err = decodeSignal(r.Value)
	return err
}

// shortened is the beginning of a text, for logs.
func shortened(text []byte) []byte { return text[:min(len(text), 100)] }

// decodeSignal reads the form that signals have in topics and files.
func decodeSignal(text []byte) (connect.Signal, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return connect.Signal{}, errors.New("it is empty")
	}
	if most := 2 * signalBytes; len(text) > most {
		return connect.Signal{}, fmt.Errorf("it has %d bytes, and may have %d", len(text), most)
	}
	var m struct {
		ID   string          `json:"id"`
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return connect.Signal{}, fmt.Errorf("it must be a JSON object with id, type and data: %w", err)
	}
	s := connect.Signal{ID: m.ID, Type: m.Type, Data: string(m.Data)}
	var quoted string
	if json.Unmarshal(m.Data, &quoted) == nil {
		s.Data = quoted // null is ""
	}
	return s, nil
}

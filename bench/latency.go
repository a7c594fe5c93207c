// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// warmUp is how many lines go before those that count.
const warmUp = 20

// measureLatency: from before the write of one line, with nothing else to do, until a
// consumer of committed records has it.
func measureLatency(ctx context.Context, s *session) (err error) {
	d, err := s.start(ctx, "latency")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	const topic = "latency"
	if err := d.createTopic(ctx, topic); err != nil {
		return err
	}
	path := filepath.Join(d.dir, "lines.txt")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := d.post(ctx, topic, map[string]string{
		"connector.class": "FileStreamSource", "file": path, "topic": topic, "key.converter": stringConverter, "value.converter": stringConverter,
	}); err != nil {
		return err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(d.kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return err
	}
	defer cl.Close()
	var took durations
	r := rand.New(rand.NewPCG(3, 4))
	for i := range warmUp + s.latencies {
		// Not in step with anything that the daemon does at intervals.
		pause(ctx, time.Duration(5+r.IntN(20))*time.Millisecond)
		t, err := oneLine(ctx, f, cl, fmt.Sprintf("line %d", i))
		if err != nil {
			return err
		}
		if i >= warmUp {
			took = append(took, t)
		}
	}
	s.report.line("appended line → visible record, p50", milliseconds(took.quantile(0.50)), "aim ≤ 5 ms")
	s.report.line("appended line → visible record, p99", milliseconds(took.quantile(0.99)), fmt.Sprintf("max %s, %d lines", milliseconds(took.quantile(1)), len(took)))
	return nil
}

func oneLine(ctx context.Context, f *os.File, cl *kgo.Client, line string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	if _, err := f.WriteString(line + "\n"); err != nil {
		return 0, err
	}
	for {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return 0, err
		}
		for _, r := range fetches.Records() {
			if string(r.Value) != line {
				return 0, fmt.Errorf("read %q, want %q", r.Value, line)
			}
			return time.Since(began), nil
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// measureSnapshot: from POST until all rows of a table are committed.
func measureSnapshot(ctx context.Context, s *session) (err error) {
	w := narrow(s.snapshot, min(s.snapshot, 100_000))
	w.name = "snapshot"
	srv, err := s.postgres(ctx, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	if err := srv.Exec(ctx, "postgres", w.load); err != nil {
		return err
	}
	if err := srv.Exec(ctx, "postgres", "VACUUM ANALYZE narrow"); err != nil {
		return err
	}
	systems, stop, err := s.systems(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	limit, err := copyOut(ctx, srv, w.table)
	if err != nil {
		return err
	}
	s.report.line("snapshot: COPY TO STDOUT", thousands(float64(w.n)/limit.Seconds())+" rows/s", "")
	var all []outcome
	for _, y := range systems {
		o, err := y.snapshot(ctx, s.report, srv, w, limit)
		if err != nil {
			return fmt.Errorf("%s: %w", y.name, err)
		}
		all = append(all, o)
	}
	s.report.besideDebezium(w.name, all)
	return nil
}

func (y *system) snapshot(ctx context.Context, r *report, srv *pgtest.Server, w workload, limit time.Duration) (o outcome, err error) {
	name := y.prefix(w)
	resetPeak(y.pid)
	cpu, began := cpuTime(y.pid), time.Now()
	if err := y.profiled(ctx, func() error {
		if err := y.post(ctx, name, y.config(srv, name, "initial")); err != nil {
			return err
		}
		return y.until(ctx, tick, "all rows are there", y.filled(y.topic(name, w.table), int64(w.n)))
	}); err != nil {
		return o, err
	}
	took, used := time.Since(began), cpuTime(y.pid)-cpu
	// Once all is committed the number of rows is exact.
	if err := y.until(ctx, time.Second, "the snapshot is whole", func(ctx context.Context) error { return y.verify(ctx, y.topic(name, w.table), w.n) }); err != nil {
		return o, err
	}
	return y.row(r, w.name, w.n, took, used, fmt.Sprintf("%.0f %% of COPY", 100*limit.Seconds()/took.Seconds())), y.remove(ctx, name)
}

// measureInsert: from before one INSERT, with nothing else to do, until a consumer of
// committed records has it.
func measureInsert(ctx context.Context, s *session) (err error) {
	w := singles(1)
	w.name = "one insert"
	srv, err := s.postgres(ctx, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	systems, stop, err := s.systems(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	conn, err := pgx.Connect(ctx, srv.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, y := range systems {
		if err := y.prepare(ctx, srv, w); err != nil {
			return fmt.Errorf("%s: %w", y.name, err)
		}
		if err := y.call(ctx, "PUT", "/connectors/"+y.prefix(w)+"/resume", nil, nil); err != nil {
			return err
		}
		took, err := y.inserts(ctx, conn, y.topic(y.prefix(w), w.table), s.latencies)
		if err != nil {
			return fmt.Errorf("%s: %w", y.name, err)
		}
		s.report.line("one insert → visible record: "+y.name, fmt.Sprintf("p50 %s, p99 %s", milliseconds(took.quantile(0.50)), milliseconds(took.quantile(0.99))),
			fmt.Sprintf("max %s, %d inserts", milliseconds(took.quantile(1)), len(took)))
		if err := y.remove(ctx, y.prefix(w)); err != nil {
			return err
		}
	}
	return nil
}

// inserts measures single inserts; those before the first that counts make the topic.
func (y *system) inserts(ctx context.Context, conn *pgx.Conn, topic string, n int) (took durations, err error) {
	insert := func() error {
		_, err := conn.Exec(ctx, "INSERT INTO narrow (customer) VALUES ('c')")
		return err
	}
	if err := insert(); err != nil {
		return nil, err
	}
	if err := y.until(ctx, tick, "the first row is there", y.filled(topic, 1)); err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(y.kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	wait := func(records int) error {
		within, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		for got := 0; got < records; {
			fetches := cl.PollFetches(within)
			if err := fetches.Err0(); err != nil {
				return err
			}
			got += len(fetches.Records())
		}
		return nil
	}
	if err := wait(1); err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(5, 6))
	for i := range warmUp + n {
		pause(ctx, time.Duration(5+r.IntN(20))*time.Millisecond)
		began := time.Now()
		if err := errors.Join(insert(), wait(1)); err != nil {
			return nil, err
		}
		if i >= warmUp {
			took = append(took, time.Since(began))
		}
	}
	return took, nil
}

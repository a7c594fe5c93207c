// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// cdcScenarios measure change data capture. All systems of a scenario read the same
// changes from the same server, one after the other, each through a slot of its own.
var cdcScenarios = []scenario{
	{"narrow", func(ctx context.Context, s *session) error {
		return measureStream(ctx, s, narrow(s.rows, min(s.rows, 5000)))
	}},
	{"wide", func(ctx context.Context, s *session) error { return measureStream(ctx, s, wide(max(s.rows/5, 1000))) }},
	{"singles", func(ctx context.Context, s *session) error { return measureStream(ctx, s, singles(s.singles)) }},
	{"large", func(ctx context.Context, s *session) error {
		w := narrow(s.rows, s.rows)
		w.name = "one large transaction"
		return measureStream(ctx, s, w)
	}},
	{"snapshot", measureSnapshot},
	{"insert", measureInsert},
}

// workload fills a table with n rows by SQL that runs once the slots exist.
type workload struct {
	name, table, create, load string
	n                         int
}

const narrowTable = `CREATE TABLE narrow (id bigserial PRIMARY KEY, customer text NOT NULL, quantity int, price numeric(10,2), paid boolean, at timestamptz)`

// narrow rows have six columns.
func narrow(n, each int) workload {
	return workload{
		name: fmt.Sprintf("narrow rows, %s a transaction", thousands(float64(each))), table: "narrow", n: n, create: narrowTable,
		load: fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP INSERT INTO narrow (customer, quantity, price, paid, at)
			SELECT 'customer ' || j, j %% 100, (j %% 10000) / 100.0, j %% 2 = 0, '2026-01-02T03:04:05Z'::timestamptz + j * interval '1 second' FROM generate_series(1, %d) j; COMMIT; END LOOP; END $$`, n/each, each),
	}
}

// wide rows have thirty columns.
func wide(n int) workload {
	columns, values := "", ""
	for i := range 29 {
		kind, value := "text", fmt.Sprintf("'text of column %d in row ' || j", i)
		switch i % 3 {
		case 1:
			kind, value = "bigint", "j::bigint * 1000003"
		case 2:
			kind, value = "timestamp", "'2026-01-02 03:04:05'::timestamp + j * interval '1 ms'"
		}
		columns += fmt.Sprintf(", c%d %s", i, kind)
		values += ", " + value
	}
	return workload{
		name: "wide rows, 1,000 a transaction", table: "wide", n: n, create: "CREATE TABLE wide (id bigint PRIMARY KEY" + columns + ")",
		load: fmt.Sprintf(`DO $$ BEGIN FOR i IN 0..%d LOOP INSERT INTO wide SELECT j%s FROM generate_series(i * 1000 + 1, i * 1000 + 1000) j; COMMIT; END LOOP; END $$`, n/1000-1, values),
	}
}

// singles are transactions of one row.
func singles(n int) workload {
	return workload{
		name: "single-row transactions", table: "narrow", n: n, create: narrowTable,
		load: fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP INSERT INTO narrow (customer, quantity) VALUES ('c', i); COMMIT; END LOOP; END $$`, n),
	}
}

// postgres starts a server of its own for one scenario.
func (s *session) postgres(ctx context.Context, w workload) (*pgtest.Server, error) {
	srv, err := pgtest.Start(ctx, "", pgtest.Options{Settings: map[string]string{
		"shared_buffers": "512MB", "max_wal_size": "8GB", "wal_sender_timeout": "0",
	}})
	if err != nil {
		return nil, err
	}
	if err := srv.Exec(ctx, "postgres", w.create+"; CREATE TABLE done (id int PRIMARY KEY); CREATE PUBLICATION bench FOR ALL TABLES"); err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return srv, nil
}

// measureStream loads the workload while nobody reads, then lets each system catch up.
func measureStream(ctx context.Context, s *session, w workload) (err error) {
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
	for _, slot := range []string{bareSlot, bareGoSlot} {
		if err := srv.Exec(ctx, "postgres", "SELECT pg_create_logical_replication_slot('"+slot+"', 'pgoutput')"); err != nil {
			return err
		}
	}
	for _, sys := range systems {
		if err := sys.prepare(ctx, srv, w); err != nil {
			return fmt.Errorf("%s: %w", sys.name, err)
		}
	}
	if err := srv.Exec(ctx, "postgres", w.load); err != nil {
		return err
	}
	rows, err := srv.Query(ctx, "postgres", "SELECT pg_current_wal_insert_lsn()")
	if err != nil {
		return err
	}
	if err := srv.Exec(ctx, "postgres", "INSERT INTO done VALUES (1)"); err != nil {
		return err
	}
	bare, err := s.bare(ctx, srv, w, rows[0][0])
	if err != nil {
		return err
	}
	var all []outcome
	for _, sys := range systems {
		o, err := sys.catchUp(ctx, s.report, w, bare)
		if err != nil {
			return fmt.Errorf("%s: %w", sys.name, err)
		}
		all = append(all, o)
	}
	s.report.besideDebezium(w.name, all)
	return nil
}

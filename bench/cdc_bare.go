// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// Slots that are read without a connector.
const (
	bareSlot   = "bare"
	bareGoSlot = "bare_go"
)

// bare reads the changes with nothing behind the reader, and returns how long the
// server's own tool took.
func (s *session) bare(ctx context.Context, srv *pgtest.Server, w workload, end string) (time.Duration, error) {
	took, used, err := drainBare(ctx, srv, end)
	if err != nil {
		return 0, err
	}
	n := float64(w.n)
	s.report.line(w.name+": pg_recvlogical", thousands(n/took.Seconds())+" rows/s", fmt.Sprintf("%.1f µs CPU a row", float64(used.Microseconds())/n))
	inGo, err := drainGo(ctx, srv, end)
	if err != nil {
		return 0, err
	}
	s.report.line(w.name+": Go, messages thrown away", thousands(n/inGo.Seconds())+" rows/s", ratioNote(took, inGo))
	return took, nil
}

func ratioNote(bare, took time.Duration) string {
	return fmt.Sprintf("%.0f %% of pg_recvlogical", 100*bare.Seconds()/took.Seconds())
}

// drainBare reads a slot with pg_recvlogical, the thinnest client there is, up to the
// first change from a position on.
func drainBare(ctx context.Context, srv *pgtest.Server, end string) (took, cpu time.Duration, err error) {
	bin, err := srv.Bin("pg_recvlogical")
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, bin, "-d", srv.URL("postgres"), "--slot", bareSlot, "--start", "-f", os.DevNull, "-E", end,
		"-o", "proto_version=1", "-o", "publication_names=bench", "--no-loop")
	began := time.Now()
	if text, err := cmd.CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("pg_recvlogical: %w\n%s", err, text)
	}
	return time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// drainGo does the same with the library that connectd uses.
func drainGo(ctx context.Context, srv *pgtest.Server, end string) (time.Duration, error) {
	last, err := pglogrepl.ParseLSN(end)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	conn, err := pgconn.Connect(ctx, srv.URL("postgres")+"&replication=database")
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	o := pglogrepl.StartReplicationOptions{Mode: pglogrepl.LogicalReplication, PluginArgs: []string{"proto_version '1'", "publication_names 'bench'"}}
	if err := pglogrepl.StartReplication(ctx, conn, bareGoSlot, 0, o); err != nil {
		return 0, err
	}
	for {
		msg, err := conn.ReceiveMessage(ctx)
		if err != nil {
			return 0, err
		}
		data, ok := msg.(*pgproto3.CopyData)
		if !ok || len(data.Data) < 9 {
			return 0, fmt.Errorf("the stream sent %T", msg)
		}
		if at := pglogrepl.LSN(binary.BigEndian.Uint64(data.Data[1:])); data.Data[0] == 'w' && at >= last {
			return time.Since(began), nil
		}
	}
}

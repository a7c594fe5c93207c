// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"fmt"
	"strings"
	"testing"
)

// TestNotifications is about what is told of snapshots.
func TestNotifications(t *testing.T) {
	t.Parallel()
	const rows = `CREATE TABLE signal_theirs (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048)); CREATE TABLE signal_ours (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048));
CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 25) i; CREATE TABLE u (a int PRIMARY KEY);`
	config := func(more ...string) map[string]string {
		c := map[string]string{
			"notification.enabled.channels": "sink,log", "notification.sink.topic.name": "PREFIX.notes", "table.include.list": "public.t,public.u",
			"incremental.snapshot.chunk.size": "10",
		}
		for i := 0; i < len(more); i += 2 {
			c[more[i]] = more[i+1]
		}
		return c
	}
	signalled := config("signal.data.collection", "public.signal_SIDE", "snapshot.mode", "no_data")
	signal := func(id, kind, data string) string {
		return fmt.Sprintf("INSERT INTO signal_theirs VALUES ('%[1]s', '%[2]s', '%[3]s'); INSERT INTO signal_ours VALUES ('%[1]s', '%[2]s', '%[3]s')", id, kind, data)
	}
	send := func(data string) string { return signal("asked", "execute-snapshot", data) }
	const asksForAll = `{"data-collections": ["public.t", "public.u", "public.w", "public.x"], "type": "incremental", "additional-conditions": [{"data-collection": "public.x", "filter": "a > 7"}]}`
	small := config("signal.data.collection", "public.signal_SIDE", "snapshot.mode", "no_data", "incremental.snapshot.chunk.size", "4", "table.include.list", "public.t,public.u,public.w,public.x")
	// The statistics of t, which has more rows meanwhile, and of x are there; u is empty.
	const tables = rows + `CREATE TABLE w (a int PRIMARY KEY); INSERT INTO w SELECT generate_series(1, 8); CREATE TABLE x (a int PRIMARY KEY); INSERT INTO x SELECT generate_series(1, 20);
ANALYZE t; ANALYZE x; INSERT INTO t SELECT i, 'late' FROM generate_series(101, 110) i;`
	runAll(t, []scenario{
		{name: "notifications of a first snapshot", before: rows, during: `INSERT INTO t VALUES (100, 'x')`, config: config()},
		{name: "notifications of an incremental snapshot", before: rows, during: send(`{"data-collections": ["public.t", "public.u"], "type": "incremental"}`) + `; \count t 25`, config: signalled},
		{name: "notifications of several chunks", before: tables, during: send(asksForAll) + `; \count t 35; \count w 8; \count x 13`, config: small},
		// Debezium reads a chunk before it looks at a signal that follows in the same transaction.
		{name: "notifications of a pause and of a stop of nothing", before: tables, unordered: "PREFIX.notes", config: small, during: strings.Join([]string{
			"BEGIN", send(asksForAll), signal("held", "pause-snapshot", `{"type": "incremental"}`), signal("stopped", "stop-snapshot", `{"type": "incremental", "data-collections": ["public.none"]}`), "COMMIT",
			`\wait`, signal("resumed", "resume-snapshot", `{"type": "incremental"}`), `\count t 35`, `\count w 8`, `\count x 13`}, "; ")},
		{name: "notifications of a blocking snapshot", before: rows, during: send(`{"data-collections": ["public.t"], "type": "blocking"}`) + `; \count t 25`, config: signalled},
	})
}

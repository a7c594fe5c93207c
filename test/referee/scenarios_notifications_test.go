// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import "testing"

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
	send := func(data string) string {
		return `INSERT INTO signal_theirs VALUES ('asked', 'execute-snapshot', '` + data + `'); INSERT INTO signal_ours VALUES ('asked', 'execute-snapshot', '` + data + `')`
	}
	runAll(t, []scenario{
		{name: "notifications of a first snapshot", before: rows, during: `INSERT INTO t VALUES (100, 'x')`, config: config()},
		{name: "notifications of an incremental snapshot", before: rows, during: send(`{"data-collections": ["public.t", "public.u"], "type": "incremental"}`) + `; \count t 25`, config: signalled},
		{name: "notifications of a blocking snapshot", before: rows, during: send(`{"data-collections": ["public.t"], "type": "blocking"}`) + `; \count t 25`, config: signalled},
	})
}

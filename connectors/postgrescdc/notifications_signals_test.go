// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strings"
	"testing"
	"time"
)

// collected are the parts of notifications that are the same in many.
const (
	ofA  = " data_collections=public.a"
	ofAB = " data_collections=public.a,public.b"
)

func TestNotificationsOfAnIncrementalSnapshot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, data string
		want       []string
	}{
		{"two tables in chunks", `{"data-collections": ["public[.][ab]"]}`, []string{
			"Incremental STARTED 1" + ofAB,
			"Incremental DATA_COLLECTIONS_RESOLVED 1" + ofAB,
			"Incremental IN_PROGRESS 1 chunk_index=1 current_collection_in_progress=public.a" + ofAB + " last_processed_key=2 maximum_key=5 total_chunks=3 total_rows=5",
			"Incremental IN_PROGRESS 1 chunk_index=2 current_collection_in_progress=public.a" + ofAB + " last_processed_key=4 maximum_key=5 total_chunks=3 total_rows=5",
			"Incremental IN_PROGRESS 1 chunk_index=3 current_collection_in_progress=public.a" + ofAB + " last_processed_key=5 maximum_key=5 total_chunks=3 total_rows=5",
			"Incremental TABLE_SCAN_COMPLETED 1" + ofAB + " scanned_collection=public.a status=SUCCEEDED total_rows=5 total_rows_scanned=5",
			"Incremental TABLE_SCAN_COMPLETED 1 data_collections=public.b scanned_collection=public.b status=EMPTY total_rows_scanned=0",
			"Incremental COMPLETED 1",
		}},
		{"several names", `{"data-collections": ["public.b", "public.a"], "additional-conditions": [{"data-collection": "public.a", "filter": "id <= 2"}]}`, []string{
			"Incremental STARTED 1 data_collections=public.b,public.a",
			"Incremental DATA_COLLECTIONS_RESOLVED 1 data_collections=public.b,public.a",
			"Incremental TABLE_SCAN_COMPLETED 1 data_collections=public.b,public.a scanned_collection=public.b status=EMPTY total_rows_scanned=0",
			"Incremental IN_PROGRESS 1 chunk_index=1 current_collection_in_progress=public.a" + ofA + " last_processed_key=2 maximum_key=2 total_chunks=1 total_rows=2",
			"Incremental TABLE_SCAN_COMPLETED 1" + ofA + " scanned_collection=public.a status=SUCCEEDED total_rows=2 total_rows_scanned=2",
			"Incremental COMPLETED 1",
		}},
		{"a table without a key", `{"data-collections": ["public.c"]}`, []string{
			"Incremental STARTED 1 data_collections=public.c",
			"Incremental DATA_COLLECTIONS_RESOLVED 1 data_collections=public.c",
			"Incremental TABLE_SCAN_COMPLETED 1 data_collections=public.c scanned_collection=public.c status=NO_PRIMARY_KEY total_rows_scanned=0",
			"Incremental COMPLETED 1",
		}},
		{"a table that is not there", `{"data-collections": ["public.none"]}`, []string{
			"Incremental STARTED 1 data_collections=public.none",
			"Incremental DATA_COLLECTIONS_RESOLVED 1 data_collections=public.none",
			"Incremental TABLE_SCAN_COMPLETED 1 data_collections=public.none scanned_collection=public.none status=UNKNOWN_SCHEMA total_rows_scanned=0",
			"Incremental COMPLETED 1",
		}},
		{"a condition that fails", `{"data-collections": ["public.a"], "additional-condition": "1/0 = id"}`, []string{
			"Incremental STARTED 1" + ofA,
			"Incremental DATA_COLLECTIONS_RESOLVED 1" + ofA,
			"Incremental TABLE_SCAN_COMPLETED 1" + ofA + " scanned_collection=public.a status=SQL_EXCEPTION total_rows_scanned=0",
			"Incremental COMPLETED 1",
		}},
		{"a composite key, in part hidden", `{"data-collections": ["public.d"]}`, []string{
			"Incremental STARTED 1 data_collections=public.d",
			"Incremental DATA_COLLECTIONS_RESOLVED 1 data_collections=public.d",
			"Incremental IN_PROGRESS 1 chunk_index=1 current_collection_in_progress=public.d data_collections=public.d last_processed_key=1,<hidden> maximum_key=2,<hidden> total_chunks=2 total_rows=3",
			"Incremental IN_PROGRESS 1 chunk_index=2 current_collection_in_progress=public.d data_collections=public.d last_processed_key=2,<hidden> maximum_key=2,<hidden> total_chunks=2 total_rows=3",
			"Incremental TABLE_SCAN_COMPLETED 1 data_collections=public.d scanned_collection=public.d status=SUCCEEDED total_rows=3 total_rows_scanned=3",
			"Incremental COMPLETED 1",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := noticesWorld(t, abTables+"; CREATE TABLE d (n int, s text, PRIMARY KEY (n, s)); INSERT INTO d VALUES (1, 'x'), (1, 'y'), (2, 'secret')",
				map[string]string{"incremental.snapshot.chunk.size": "2", "column.mask.with.5.chars": "public.d.s"})
			r := w.start()
			defer r.stop()
			w.signal("1", signalExecute, c.data)
			r.untilNoticed(noticeCompleted, 1)
			r.ordersDone(w.position())
			w.wantNoticed(append([]string{"Initial SKIPPED"}, c.want...))
		})
	}
}

// TestNotificationsOfSignals pauses, goes on and stops. One that changes nothing is not told,
// unless it is a stop.
func TestNotificationsOfSignals(t *testing.T) {
	t.Parallel()
	w := noticesWorld(t, abTables, nil)
	r := w.start()
	defer r.stop()
	w.exec("BEGIN; INSERT INTO signals VALUES ('0', 'pause-snapshot', '{}'), ('1', 'execute-snapshot', '" + `{"data-collections": ["public[.][ab]", "public.c"]}` +
		"'), ('2', 'pause-snapshot', '{}'), ('3', 'pause-snapshot', '{}'); COMMIT")
	r.untilNoticed(noticePaused, 1)
	w.signal("4", signalStop, `{"data-collections": ["public.c"]}`)
	w.signal("5", signalStop, `{"data-collections": ["public.none"]}`)
	w.signal("6", signalResume, `{}`)
	w.signal("7", signalResume, `{}`)
	r.untilNoticed(noticeCompleted, 1)
	w.exec("BEGIN; INSERT INTO signals VALUES ('8', 'execute-snapshot', '" + `{"data-collections": ["public.a"]}` + "'), ('9', 'stop-snapshot', '{}'); COMMIT")
	r.untilNoticed(noticeAborted, 3)
	w.signal("10", signalStop, `{}`)
	r.ordersDone(w.position())
	w.wantNoticed([]string{
		"Initial SKIPPED",
		"Incremental STARTED 1 data_collections=public.a,public.b,public.c",
		"Incremental DATA_COLLECTIONS_RESOLVED 1 data_collections=public.a,public.b,public.c",
		"Incremental PAUSED 1 data_collections=public.a,public.b,public.c",
		"Incremental ABORTED 1 data_collections=public.c",
		"Incremental ABORTED 1 data_collections=",
		"Incremental RESUMED 1" + ofAB,
		"Incremental IN_PROGRESS 1 chunk_index=1 current_collection_in_progress=public.a" + ofAB + " last_processed_key=5 maximum_key=5 total_chunks=1 total_rows=5",
		"Incremental TABLE_SCAN_COMPLETED 1" + ofAB + " scanned_collection=public.a status=SUCCEEDED total_rows=5 total_rows_scanned=5",
		"Incremental TABLE_SCAN_COMPLETED 1 data_collections=public.b scanned_collection=public.b status=EMPTY total_rows_scanned=0",
		"Incremental COMPLETED 1",
		"Incremental STARTED 8" + ofA,
		"Incremental DATA_COLLECTIONS_RESOLVED 8" + ofA,
		"Incremental ABORTED 8" + ofA,
	})
}

func TestNotificationsOfABlockingSnapshot(t *testing.T) {
	t.Parallel()
	w := noticesWorld(t, abTables, nil)
	r := w.start()
	defer r.stop()
	w.signal("1", signalExecute, `{"data-collections": ["public.a", "public.b"], "type": "blocking", "additional-conditions": [{"data-collection": "public.a", "filter": "id > 2"}]}`)
	r.untilNoticed(noticeCompleted, 1)
	w.signal("2", signalExecute, `{"data-collections": ["public.a"], "type": "blocking", "additional-conditions": [{"data-collection": "public.a", "filter": "1/0 = id"}]}`)
	r.untilNoticed(noticeAborted, 1)
	r.ordersDone(w.position())
	w.wantNoticed([]string{
		"Initial SKIPPED",
		"Initial STARTED",
		"Initial DATA_COLLECTIONS_RESOLVED" + ofAB,
		"Initial IN_PROGRESS current_collection_in_progress=public.a" + ofAB,
		"Initial TABLE_SCAN_COMPLETED" + ofAB + " scanned_collection=public.a status=SUCCEEDED total_rows_scanned=3",
		"Initial IN_PROGRESS current_collection_in_progress=public.b" + ofAB,
		"Initial TABLE_SCAN_COMPLETED" + ofAB + " scanned_collection=public.b status=SUCCEEDED total_rows_scanned=0",
		"Initial COMPLETED",
		"Initial STARTED",
		"Initial ABORTED",
	})
}

// TestNotificationsOverCrashes stops behind every few records, of which the next run knows no
// more than the place of the last: each notification on the end of something is there once.
func TestNotificationsOverCrashes(t *testing.T) {
	t.Parallel()
	w := noticesWorld(t, abTables, map[string]string{"snapshot.mode": "initial", "incremental.snapshot.chunk.size": "2"})
	runs := 0
	untilDone := func(done func() bool) {
		t.Helper()
		w.eventually("it is done in steps of a few records", func() bool {
			runs++
			r := w.start()
			defer r.stop()
			// Each start sends two records before any that takes the place further.
			for ahead := 2 + runs%5; ahead > 0 && !done(); {
				b := r.poll(100*time.Millisecond, 1000)
				n := min(len(b.Records), ahead)
				r.commit(b, n)
				ahead -= n
			}
			return done()
		})
	}
	count := func(part string) int {
		n := 0
		for _, l := range w.noticed() {
			if strings.Contains(l, part) {
				n++
			}
		}
		return n
	}
	untilDone(func() bool { return count("Initial COMPLETED") > 0 })
	w.signal("1", signalExecute, `{"data-collections": ["public.a", "public.b"]}`)
	untilDone(func() bool { return count("chunk_index=1 ") > 0 })
	w.exec("DELETE FROM a WHERE id = 1") // how many there were at the beginning is kept
	untilDone(func() bool { return count("Incremental COMPLETED") > 0 })
	for _, part := range []string{
		"Initial COMPLETED", "Initial TABLE_SCAN_COMPLETED" + " data_collections=public.a", "scanned_collection=public.c status=SUCCEEDED",
		"Incremental STARTED", "last_processed_key=2", "last_processed_key=4", "last_processed_key=5", "Incremental COMPLETED",
		"chunk_index=1 ", "chunk_index=2 ", "chunk_index=3 ", "last_processed_key=5 maximum_key=5 total_chunks=3 total_rows=5",
		"Incremental TABLE_SCAN_COMPLETED 1" + ofAB, "status=EMPTY",
	} {
		if n := count(part); n != 1 {
			t.Errorf("%d notifications have %q after %d runs, want 1, of\n%s", n, part, runs, strings.Join(w.noticed(), "\n"))
		}
	}
	if runs < 8 {
		t.Errorf("only %d runs", runs)
	}
}

// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

const noticesTopic = "notes"

// noticesWorld writes notifications to a topic.
func noticesWorld(t *testing.T, ddl string, props map[string]string) *world {
	t.Helper()
	all := map[string]string{notificationChannels: "sink", notificationTopic: noticesTopic, "snapshot.mode": "no_data", "signal.data.collection": "public.signals"}
	for k, v := range props {
		all[k] = v
	}
	return newWorld(t, signalDDL+";"+ddl, all)
}

// noticed are the notifications that have been written in short: type, identifier if a signal
// gave it, and data in the order of their names.
func (w *world) noticed() []string {
	var out []string
	for i := range w.written {
		if w.written[i].Topic == noticesTopic {
			out = append(out, noticeLine(&w.written[i]))
		}
	}
	return out
}

func noticeLine(r *connect.Record) string {
	get := func(name string) string {
		v, _ := r.Value.Get(name)
		return v.Str()
	}
	line := strings.TrimSuffix(get("aggregate_type"), " Snapshot") + " " + get("type")
	if id := get("id"); len(id) < 36 {
		line += " " + id
	}
	data, _ := r.Value.Get("additional_data")
	var parts []string
	for _, e := range data.Map() {
		if name := e.Key.Str(); name != dataConnector {
			parts = append(parts, name+"="+e.Value.Str())
		} else if e.Value.Str() != "srv" {
			parts = append(parts, "WRONG CONNECTOR "+e.Value.Str())
		}
	}
	slices.Sort(parts)
	return strings.Join(append([]string{line}, parts...), " ")
}

func (w *world) wantNoticed(want []string) {
	w.t.Helper()
	if got := w.noticed(); !slices.Equal(got, want) {
		w.t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// untilNoticed polls until a notification of a type has been written that often.
func (r *taskRun) untilNoticed(kind string, n int) {
	r.w.t.Helper()
	r.w.eventually(fmt.Sprintf("there are %d notifications %s", n, kind), func() bool {
		b := r.poll(50*time.Millisecond, 1000)
		r.commit(b, len(b.Records))
		count := 0
		for _, l := range r.w.noticed() {
			if strings.HasSuffix(strings.Split(l+" ", " ")[0]+" "+strings.Split(l+" ", " ")[1], " "+kind) {
				count++
			}
		}
		return count >= n
	})
}

const abTables = `CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 5); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int); INSERT INTO c VALUES (1)`

func TestNotificationsOfAnInitialSnapshot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		ddl   string
		props map[string]string
		want  []string
	}{
		{"tables with and without rows", abTables, nil, []string{
			"Initial STARTED",
			"Initial DATA_COLLECTIONS_RESOLVED data_collections=public.a,public.b,public.c",
			"Initial IN_PROGRESS current_collection_in_progress=public.a data_collections=public.a,public.b,public.c",
			"Initial TABLE_SCAN_COMPLETED data_collections=public.a,public.b,public.c scanned_collection=public.a status=SUCCEEDED total_rows_scanned=5",
			"Initial IN_PROGRESS current_collection_in_progress=public.b data_collections=public.a,public.b,public.c",
			"Initial TABLE_SCAN_COMPLETED data_collections=public.a,public.b,public.c scanned_collection=public.b status=SUCCEEDED total_rows_scanned=0",
			"Initial IN_PROGRESS current_collection_in_progress=public.c data_collections=public.a,public.b,public.c",
			"Initial TABLE_SCAN_COMPLETED data_collections=public.a,public.b,public.c scanned_collection=public.c status=SUCCEEDED total_rows_scanned=1",
			"Initial COMPLETED",
		}},
		{"no rows at all", "CREATE TABLE a (id int PRIMARY KEY)", nil, []string{
			"Initial STARTED",
			"Initial DATA_COLLECTIONS_RESOLVED data_collections=public.a",
			"Initial IN_PROGRESS current_collection_in_progress=public.a data_collections=public.a",
			"Initial TABLE_SCAN_COMPLETED data_collections=public.a scanned_collection=public.a status=SUCCEEDED total_rows_scanned=0",
			"Initial COMPLETED",
		}},
		{"no tables", "SELECT 1", map[string]string{"publication.autocreate.mode": "no_tables"}, []string{"Initial STARTED", "Initial COMPLETED"}},
		{"parts", "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 5)", map[string]string{"snapshot.max.threads": "2"}, []string{
			"Initial STARTED",
			"Initial DATA_COLLECTIONS_RESOLVED data_collections=public.a",
			"Initial IN_PROGRESS current_collection_in_progress=public.a data_collections=public.a",
			"Initial TABLE_CHUNK_IN_PROGRESS chunk_index=0 current_collection_in_progress=public.a total_chunks=1 total_rows_scanned=0",
			"Initial TABLE_CHUNK_COMPLETED chunk_index=0 data_collections=public.a scanned_collection=public.a status=SUCCEEDED total_chunks=1",
			"Initial TABLE_SCAN_COMPLETED data_collections=public.a scanned_collection=public.a status=SUCCEEDED total_rows_scanned=5",
			"Initial COMPLETED",
		}},
		{"no snapshot", abTables, map[string]string{"snapshot.mode": "no_data"}, []string{"Initial SKIPPED"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			props := map[string]string{"snapshot.mode": "initial"}
			for k, v := range c.props {
				props[k] = v
			}
			w := noticesWorld(t, c.ddl, props)
			r := w.start()
			r.untilNoticed(strings.Fields(c.want[len(c.want)-1])[1], 1)
			r.stop()
			w.wantNoticed(c.want)
			r = w.start()
			defer r.stop()
			r.untilNoticed(noticeSkipped, strings.Count(strings.Join(c.want, ""), noticeSkipped)+1)
			w.wantNoticed(append(c.want, "Initial SKIPPED"))
		})
	}
}

// TestNotificationsAreRecordsOfDebezium looks at all of a record.
func TestNotificationsAreRecordsOfDebezium(t *testing.T) {
	t.Parallel()
	w := noticesWorld(t, "CREATE TABLE a (id int PRIMARY KEY)", map[string]string{"snapshot.mode": "initial"})
	r := &taskRun{w: w, task: &task{}}
	r.begin(t)
	defer r.stop()
	n := 0
	r.task.emitter.uuid = func() string { n++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	r.task.emitter.now = func() time.Time { return time.UnixMilli(1695817046353) }
	r.untilNoticed(noticeCompleted, 1)
	got := &w.written[2]
	if s := jsonText(got.Key); s != `{"id":"00000000-0000-4000-8000-000000000003"}` {
		t.Errorf("key %s", s)
	}
	const want = `{"id":"00000000-0000-4000-8000-000000000003","type":"IN_PROGRESS","aggregate_type":"Initial Snapshot",` +
		`"additional_data":{"current_collection_in_progress":"public.a","connector_name":"srv","data_collections":"public.a"},"timestamp":1695817046353}`
	if s := jsonText(got.Value); s != want {
		t.Errorf("value\n%s, want\n%s", s, want)
	}
	if got.KeySchema.Name() != "io.debezium.connector.common.NotificationKey" || got.ValueSchema.Name() != "io.debezium.connector.common.Notification" {
		t.Errorf("schemas %s and %s", got.KeySchema.Name(), got.ValueSchema.Name())
	}
	if len(got.Headers) != 0 {
		t.Errorf("%d headers", len(got.Headers))
	}
}

func TestNotificationsInTheLog(t *testing.T) {
	t.Parallel()
	w := noticesWorld(t, "CREATE TABLE a (id int PRIMARY KEY)", map[string]string{"snapshot.mode": "initial", notificationChannels: "LOG"})
	out := w.logged()
	r := w.start()
	w.eventually("the snapshot is over", func() bool {
		b := r.poll(50*time.Millisecond, 1000)
		r.commit(b, len(b.Records))
		return r.task.snapshot == nil && r.task.emitter.place.owed == nil && len(b.Progress) > 0
	})
	r.stop()
	if len(w.written) > 0 {
		t.Errorf("%d records", len(w.written))
	}
	var got []string
	for line := range strings.Lines(out.text()) {
		if strings.Contains(line, "msg=notification ") && strings.Contains(line, "level=INFO") {
			_, kind, _ := strings.Cut(line, "aggregate_type=\"Initial Snapshot\" type=")
			got = append(got, strings.Fields(kind)[0])
		}
	}
	if want := []string{noticeStarted, noticeResolved, noticeInProgress, noticeTableCompleted, noticeCompleted}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v, of\n%s", got, want, out.text())
	}
	if p, err := parseOffset(w.stored); err != nil || p.owed != nil || p.snapshot != nil && !p.snapshot.completed {
		t.Errorf("stored is %s, %v", jsonText(w.stored), err)
	}
}

// TestNotificationsOfABrokenSnapshot has a table that cannot be read: the end of the try is
// told before the task fails.
func TestNotificationsOfABrokenSnapshot(t *testing.T) {
	t.Parallel()
	w := noticesWorld(t, abTables, map[string]string{"snapshot.mode": "initial", "snapshot.select.statement.overrides": "public.a", "snapshot.select.statement.overrides.public.a": "SELECT 1 / (id - id) AS id FROM a"})
	r := w.start()
	defer r.stop()
	var failure error
	w.eventually("the task fails", func() bool {
		b := &connect.Batch{MaxRecords: 100, MaxBytes: 1 << 20}
		if failure = r.task.Poll(r.ctx, b); failure == nil {
			r.commit(b, len(b.Records))
		}
		return failure != nil
	})
	if !strings.Contains(failure.Error(), "division by zero") {
		t.Error(failure)
	}
	got := w.noticed()
	if len(got) == 0 || got[0] != "Initial STARTED" || got[len(got)-1] != "Initial ABORTED" || slices.Contains(got, "Initial COMPLETED") {
		t.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
}

// TestNotificationOfAStop has only the log to tell: no batch follows.
func TestNotificationOfAStop(t *testing.T) {
	t.Parallel()
	w := noticesWorld(t, abTables, map[string]string{"snapshot.mode": "initial", notificationChannels: "log,sink"})
	out := w.logged()
	w.start().stop()
	if lines := out.text(); strings.Count(lines, "type=ABORTED") != 1 || !strings.Contains(lines, "connector_name:srv") {
		t.Error(lines)
	}
}

// TestNotificationsOfManyTables has more tables than a batch has room for.
func TestNotificationsOfManyTables(t *testing.T) {
	t.Parallel()
	w := noticesWorld(t, "DO $$ BEGIN FOR i IN 10..49 LOOP EXECUTE format('CREATE TABLE t%s (id int)', i); END LOOP; END $$; INSERT INTO t15 VALUES (1), (2); INSERT INTO t48 VALUES (1)", map[string]string{"snapshot.mode": "initial"})
	r := w.start()
	defer r.stop()
	w.eventually("the snapshot is over", func() bool {
		b := r.poll(50*time.Millisecond, 10)
		if len(b.Records) > 10+2*toldMost {
			t.Fatalf("a batch has %d records", len(b.Records))
		}
		r.commit(b, len(b.Records))
		return slices.Contains(w.noticed(), "Initial COMPLETED")
	})
	var scanned []string
	for _, l := range w.noticed() {
		_, table, ok := strings.Cut(l, "scanned_collection=public.")
		if ok {
			scanned = append(scanned, table)
		}
	}
	if len(scanned) != 40 || !slices.IsSorted(scanned) || !strings.HasSuffix(scanned[5], "=2") || !strings.HasSuffix(scanned[38], "=1") || !strings.HasSuffix(scanned[39], "=0") {
		t.Errorf("got:\n%s", strings.Join(scanned, "\n"))
	}
	if n := len(w.ofTopic("srv.public.t15")) + len(w.ofTopic("srv.public.t48")); n != 3 {
		t.Errorf("%d rows", n)
	}
	if rows := r.task.figures.rows.Load(); rows != 3 {
		t.Errorf("%d rows are counted", rows)
	}
}

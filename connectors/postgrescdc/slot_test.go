// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

const oneTable = "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'one')"

// withMember returns an offset with one member set.
func withMember(v connect.Value, name string, to connect.Value) connect.Value {
	var out []connect.MapEntry
	for _, e := range connect.Clone(v).Map() {
		if e.Key.Str() != name {
			out = append(out, e)
		}
	}
	return connect.Map(append(out, connect.MapEntry{Key: connect.String(name), Value: to}))
}

func TestPlaceThatIsGone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spoil func(w *world)
		want  string
	}{
		{"the slot was dropped", func(w *world) {
			w.exec("SELECT pg_drop_replication_slot('" + w.props["slot.name"] + "')")
		}, "does not exist any more"},
		{"the slot was moved", func(w *world) {
			w.exec("INSERT INTO a VALUES (10, 'unseen')")
			w.exec("SELECT pg_replication_slot_advance('" + w.props["slot.name"] + "', pg_current_wal_lsn())")
		}, "was moved or created anew"},
		{"the slot was created anew", func(w *world) {
			w.exec("SELECT pg_drop_replication_slot('" + w.props["slot.name"] + "')")
			w.exec("INSERT INTO a VALUES (10, 'unseen')")
			w.exec("SELECT pg_create_logical_replication_slot('" + w.props["slot.name"] + "', 'pgoutput')")
		}, "was moved or created anew"},
		{"another server", func(w *world) {
			w.stored = withMember(w.stored, memberSystem, connect.String("123"))
		}, "system identifier 123"},
		{"a server that was restored", func(w *world) {
			w.stored = withMember(w.stored, memberEnd, connect.Int64(1<<60))
		}, "lies behind the end of the server's log"},
		{"an older timeline", func(w *world) {
			w.stored = withMember(w.stored, memberTimeline, connect.Int64(7))
		}, "older timeline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := leftWorld(t)
			c.spoil(w)
			r, err := w.tryStart()
			r.stop()
			if err == nil || !strings.Contains(err.Error(), c.want) || !isGap(err) {
				t.Fatalf("the start ends with %v, want %q", err, c.want)
			}
			w.props["slot.lost.policy"] = policyResnapshot
			w.written = nil
			r = w.start()
			defer r.stop()
			snapshotted(r)
			w.exec("UPDATE a SET v = 'end' WHERE id = 2")
			n := len(w.written)
			r.until(n + 1)
			w.checkState("a")
		})
	}
}

func TestSlotOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, nil)
	w.exec("SELECT pg_create_logical_replication_slot('" + w.props["slot.name"] + "', 'test_decoding')")
	r, err := w.tryStart()
	r.stop()
	if err == nil || !strings.Contains(err.Error(), "is a logical slot of plugin test_decoding: a logical one of pgoutput is needed") {
		t.Fatalf("the start ends with %v", err)
	}
	other := w.srv.Database(t)
	w.props["slot.name"] = pgtest.Name(t, "s")
	w.srv.MustExec(t, other, "SELECT pg_create_logical_replication_slot('"+w.props["slot.name"]+"', 'pgoutput')")
	r, err = w.tryStart()
	r.stop()
	if err == nil || !strings.Contains(err.Error(), "belongs to the database ") {
		t.Fatalf("the start ends with %v", err)
	}
}

func TestBranchPoint(t *testing.T) {
	t.Parallel()
	history := "1\t0/3000000\tno recovery target specified\n2\t0/5000028\tbefore something\n"
	for timeline, want := range map[int64]string{1: "0/3000000", 2: "0/5000028", 3: ""} {
		at, ok := branchPoint(history, timeline)
		if ok != (want != "") || ok && at.String() != want {
			t.Errorf("timeline %d was left at %s, %t; want %s", timeline, at, ok, want)
		}
	}
}

// TestFromDebezium goes on from offsets as Debezium stores them: in the middle of a
// transaction, and in the middle of rows that share one place in the log.
func TestFromDebezium(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "CREATE TABLE a (id int PRIMARY KEY, v text)", map[string]string{"snapshot.mode": "no_data"})
	r := w.start()
	w.exec("INSERT INTO a VALUES (0, 'before')")
	w.exec("BEGIN; INSERT INTO a VALUES (1, 'x'); INSERT INTO a VALUES (2, 'x'); INSERT INTO a VALUES (3, 'x'); COMMIT")
	w.exec("INSERT INTO a SELECT i, 'y' FROM generate_series(4, 6) i")
	w.exec("INSERT INTO a VALUES (7, 'end')")
	var offsets []connect.Value
	for len(offsets) < 8 {
		b := r.poll(patience, 100)
		for i := range b.Records {
			offsets = append(offsets, debeziumOffset(&b.Records[i]))
		}
	}
	r.stop()
	for i, offset := range offsets {
		w.stored, w.written = offset, nil
		if i == len(offsets)-1 {
			w.exec("INSERT INTO a VALUES (8, 'more')")
		}
		r := w.start()
		b := r.records()
		after, _ := b.Records[0].Value.Get("after")
		if id, _ := after.Get("id"); id.Int() != int64(i+1) {
			t.Errorf("behind row %d comes row %d", i, id.Int())
		}
		r.stop()
	}
}

// debeziumOffset is what Debezium 3.7 stores behind a record.
func debeziumOffset(r *connect.Record) connect.Value {
	source, _ := r.Value.Get("source")
	at, _ := source.Get("lsn")
	tx, _ := source.Get("txId")
	micros, _ := source.Get("ts_us")
	sequence, _ := source.Get("sequence")
	m := []connect.MapEntry{
		{Key: connect.String(memberLSNProc), Value: at}, {Key: connect.String(memberMessageType), Value: connect.String("INSERT")},
		{Key: connect.String(memberLSN), Value: at}, {Key: connect.String(memberTxID), Value: tx}, {Key: connect.String(memberMicros), Value: micros},
		{Key: connect.String(memberLSNEvents), Value: connect.Int64(r.Pos[0] >> posEventsShift & posEventsMask)},
	}
	if commit := strings.Split(sequence.Str(), `"`); len(commit) > 3 {
		m = append(m, connect.MapEntry{Key: connect.String(memberLSNCommit), Value: connect.Int64(integer(commit[1]))})
	}
	return connect.Clone(connect.Map(m))
}

func integer(s string) int64 { return row{[]byte(s)}.number(0) }

// TestLostSlot lets the server throw away what the slot needs.
func TestLostSlot(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{Settings: map[string]string{"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"}}, nil)
	r := w.start()
	snapshotted(r)
	r.stop()
	w.eventually("the slot is lost", func() bool {
		w.exec("CREATE TABLE IF NOT EXISTS other (a int); INSERT INTO other VALUES (1)")
		w.exec("SELECT pg_switch_wal()")
		w.exec("CHECKPOINT")
		return w.scalar("SELECT wal_status FROM pg_replication_slots") == "lost"
	})
	r, err := w.tryStart()
	r.stop()
	if err == nil || !isGap(err) || !strings.Contains(err.Error(), "is lost (lost") {
		t.Fatalf("the start ends with %v", err)
	}
	w.props["slot.lost.policy"] = policyResnapshot
	w.written = nil
	r = w.start()
	defer r.stop()
	snapshotted(r)
	w.exec("INSERT INTO a VALUES (2, 'two')")
	r.until(2)
	w.checkState("a")
}

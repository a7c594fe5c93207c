// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// altering are the sessions that alter a table while a slot is created, in the order that
// makes a server miss the first change and see the second.
type altering struct {
	w *world
	// oldest runs when the creation begins, middle from then on, and last from when the
	// server has begun to follow transactions.
	oldest, middle, last *sqlSession
}

const alteredTable = `CREATE TABLE t (id int PRIMARY KEY, c1 int, c2 text);
CREATE PUBLICATION dbz_publication FOR ALL TABLES`

// alteringWorld has a server of its own, as the transactions of all databases count.
func alteringWorld(t *testing.T) *altering {
	t.Helper()
	w := ownWorld(t, alteredTable, pgtest.Options{}, map[string]string{"publication.autocreate.mode": "disabled", "snapshot.mode": "no_data"})
	a := &altering{w: w, oldest: w.session(), middle: w.session(), last: w.session()}
	a.oldest.do("BEGIN; SELECT txid_current()")
	return a
}

// waitsFor waits until the creation of a slot waits for the transaction of a session.
func (a *altering) waitsFor(s *sqlSession) {
	a.w.t.Helper()
	rows, err := s.conn.PgConn().Exec(context.Background(), "SELECT txid_current()").ReadAll()
	if err != nil {
		a.w.t.Fatal(err)
	}
	a.w.eventually("the creation of the slot waits for a transaction", func() bool {
		return a.w.scalar(`SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE a.backend_type = 'walsender' AND NOT l.granted AND l.transactionid::text = '`+string(rows[0].Rows[0][0])+`')`) == "t"
	})
}

// changeOfBoth are the change of a table that a server can miss, and one that it sees, which
// together hide a column.
var changeOfBoth = [2]string{"ALTER TABLE t ALTER c1 SET STATISTICS 7", "ALTER TABLE t ALTER c1 SET STATISTICS 9; "}

// alter alters the table while create creates a slot, and returns what it returns. The row 1
// comes of a transaction that begins before the slot is there, with the second change.
func (a *altering) alter(changes [2]string, create func() error) error {
	a.w.t.Helper()
	done := make(chan error, 1)
	go func() { done <- create() }()
	a.waitsFor(a.oldest)
	a.middle.do("BEGIN; SELECT txid_current()")
	a.w.exec(changes[0])
	a.oldest.do("COMMIT")
	a.waitsFor(a.middle)
	a.last.do("BEGIN; " + changes[1] + "INSERT INTO t VALUES (1, 10, 'one')")
	a.middle.do("COMMIT")
	a.last.do("COMMIT")
	err := <-done
	a.w.exec("INSERT INTO t VALUES (2, 20, 'two')")
	return err
}

// TestTableAlteredWhileTheSlotIsMade: a slot that may describe tables wrongly is not used.
func TestTableAlteredWhileTheSlotIsMade(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"no_data", "initial"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			a := alteringWorld(t)
			w := a.w
			w.props["snapshot.mode"] = mode
			log := w.logged()
			var r *taskRun
			err := a.alter(changeOfBoth, func() (err error) {
				r, err = w.tryStart()
				return err
			})
			defer r.stop()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.text(), "tables were altered while the replication slot was created; another is made in its place") || !strings.Contains(log.text(), "altered=public.t") {
				t.Errorf("the log does not tell that the slot was made again:\n%s", log.text())
			}
			for last := ""; !strings.Contains(last, `"id":2`); {
				b := r.poll(patience, 100)
				for i := range b.Records {
					last = line(&b.Records[i])
					if !strings.Contains(last, `"c2":"one"`) && !strings.Contains(last, `"c2":"two"`) {
						t.Errorf("a column is missing: %s", last)
					}
				}
				r.commit(b, len(b.Records))
			}
		})
	}
}

// TestTableDescribedWrongly: a slot that somebody has made while a table was altered
// describes it wrongly on servers that miss the change, or makes them fail. Then no row
// comes that lacks a column, and the task says why. Whether rows that are older than the
// task had a column that was added lately, nobody knows.
func TestTableDescribedWrongly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		changes [2]string
		column  string
		from    int // the row
	}{
		{"an old column is missing", changeOfBoth, "c2", 1},
		{"the newest column is missing", [2]string{"ALTER TABLE t ADD COLUMN c3 text DEFAULT 'three'", ""}, "c3", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			describedWrongly(t, c.changes, c.column, c.from)
		})
	}
}

// describedWrongly wants the column in all rows from a number on, or an error.
func describedWrongly(t *testing.T, changes [2]string, column string, from int) {
	t.Helper()
	a := alteringWorld(t)
	w := a.w
	conn, err := pgconn.Connect(t.Context(), w.srv.URL(w.db)+"&replication=database")
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(conn)
	if err := a.alter(changes, func() error {
		return run(t.Context(), conn, "CREATE_REPLICATION_SLOT "+w.props["slot.name"]+" LOGICAL pgoutput EXPORT_SNAPSHOT")
	}); err != nil {
		t.Fatal(err)
	}
	r := w.start()
	defer r.stop()
	w.exec("INSERT INTO t VALUES (3, 30, 'three')")
	lines, err := r.toRow(3)
	for _, l := range lines {
		var id int
		if _, err := fmt.Sscanf(l, `srv.public.t {"id":%d}`, &id); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		if id >= from && !strings.Contains(l, `"`+column+`":`) {
			t.Errorf("a column is missing: %s", l)
		}
	}
	var wrong *misdescribed
	switch advice := misreadAdvice(w.props["slot.name"]); {
	case err == nil: // the server has followed the change
	case code(err) == "XX000" && strings.Contains(err.Error(), advice):
	case !errors.As(err, &wrong):
		t.Errorf("the task ends with %v, behind %d rows", err, len(lines))
	case !strings.Contains(err.Error(), "public.t") || !strings.Contains(err.Error(), w.props["slot.name"]):
		t.Errorf("the error does not name table and slot: %v", err)
	}
}

// toRow polls up to the row with this number, or an error.
func (r *taskRun) toRow(id int) (lines []string, err error) {
	r.w.t.Helper()
	w := r.w
	w.eventually("the row comes, or an error", func() bool {
		ctx, cancel := context.WithTimeout(r.ctx, patience)
		defer cancel()
		b := &connect.Batch{MaxRecords: 100, MaxBytes: 1 << 20}
		err = r.task.Poll(ctx, b)
		for i := range b.Records {
			lines = append(lines, line(&b.Records[i]))
		}
		return err != nil || len(lines) > 0 && strings.Contains(lines[len(lines)-1], fmt.Sprintf(`"id":%d,`, id))
	})
	return lines, err
}

// TestOldColumnsMustBeDescribed: a column that is older than every transaction of the slot
// is in each description of its table, if the publication has all columns.
func TestOldColumnsMustBeDescribed(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, `CREATE TABLE t (id int PRIMARY KEY, v text, twice int GENERATED ALWAYS AS (id * 2) STORED, gone int, later int);
CREATE TABLE part (id int PRIMARY KEY, v text); CREATE TABLE young (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY, v text);
ALTER TABLE t DROP COLUMN gone; CREATE PUBLICATION p FOR TABLE t`, pgtest.Options{}, map[string]string{"publication.name": "p"})
	list, unpublished := " (id)", ""
	if w.refusesColumnLists("part", "id") {
		list, unpublished = "", `the column "v" of type 25`
	}
	w.exec("ALTER PUBLICATION p ADD TABLE part" + list)
	w.exec("SELECT pg_create_logical_replication_slot('" + w.props["slot.name"] + "', 'pgoutput')")
	w.exec("ALTER TABLE t ALTER later SET STATISTICS 5; ALTER TABLE t ADD COLUMN newer int; ALTER PUBLICATION p ADD TABLE young")
	id, v, later, newer, newest := relationColumn{name: "id", typ: 23, typmod: -1}, relationColumn{name: "v", typ: 25, typmod: -1}, relationColumn{name: "later", typ: 23, typmod: -1}, relationColumn{name: "newer", typ: 23, typmod: -1}, relationColumn{name: "newest", typ: 23, typmod: -1}
	conn := w.session().conn
	now, err := settledNow(t.Context(), conn.PgConn())
	if err != nil {
		t.Fatal(err)
	}
	var end lsn
	if err := end.Scan(w.scalar("SELECT pg_current_wal_insert_lsn()")); err != nil || now.at == 0 || now.at > end {
		t.Fatalf("the log ends at %s, and then at %s", now.at, end)
	}
	now.at = 100
	w.exec("ALTER TABLE t ADD COLUMN newest int")
	for _, c := range []struct {
		name, table string
		columns     []relationColumn
		commit      lsn // of the transaction that is described; what is in the catalog is older than 100
		want        string
	}{
		{"all columns", "t", []relationColumn{id, v, later, newer}, 0, ""},
		{"as it was", "t", []relationColumn{id, v, later}, 0, ""},
		{"without a column that was altered since", "t", []relationColumn{id, v}, 0, ""},
		{"as it was, before the task began", "t", []relationColumn{id, v, later}, 99, ""},
		{"as it was, in a younger transaction", "t", []relationColumn{id, v, later}, 100, `the column "newer" of type 23`},
		{"as it is, in a younger transaction", "t", []relationColumn{id, v, later, newer, newest}, 100, ""},
		{"without a column whose transaction may be younger", "t", []relationColumn{id, v, later, newer}, 100, ""},
		{"without an old column", "t", []relationColumn{id, later, newer}, 0, `the column "v" of type 25`},
		{"with an old column of another type", "t", []relationColumn{id, {name: "v", typ: 1043, typmod: -1}, later}, 0, `the column "v" of type 25`},
		{"without a column that is not published", "part", []relationColumn{id}, 0, unpublished},
		{"of a table that was published since", "young", []relationColumn{id}, 0, ""},
		{"of a table that is not published", "other", []relationColumn{id}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			oid, err := strconv.ParseUint(w.scalar("SELECT '"+c.table+"'::regclass::oid"), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			rs := relations{planner: &planner{s: w.settings()}, settled: now}
			err = rs.believe(t.Context(), conn, &relation{id: uint32(oid), name: tableName{"public", c.table}, columns: c.columns}, c.commit)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("the answer is %v, want %q", err, c.want)
			}
		})
	}
}

func TestImpossibleDescriptions(t *testing.T) {
	t.Parallel()
	id := relationColumn{name: "id", typ: 23}
	for _, c := range []struct {
		name    string
		columns []relationColumn
		want    string
	}{
		{"no columns", nil, ""},
		{"two columns", []relationColumn{id, {name: "v", typ: 25}}, ""},
		{"a column without a name", []relationColumn{id, {typ: 25}}, "column 2 has no name"},
		{"nothing of a column", []relationColumn{{}, id}, "column 1 has no name"},
		{"a column without a type", []relationColumn{id, {name: "v"}}, `column "v" has the type 0`},
		{"a column twice", []relationColumn{id, {name: "v", typ: 25}, id}, `there are two columns "id"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := relation{columns: c.columns}
			if got := r.impossible(); got != c.want {
				t.Errorf("it is found that %q, want %q", got, c.want)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strings"
	"testing"
)

// TestATableIsHeldBeforeItIsRead: what happens to tables between the making of a
// snapshot and their turn to be read.
func TestATableIsHeldBeforeItIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `CREATE TABLE kept (id int PRIMARY KEY); CREATE TABLE grown (id int PRIMARY KEY);
		CREATE TABLE rewritten (id int PRIMARY KEY); CREATE TABLE emptied (id int PRIMARY KEY); CREATE TABLE gone (id int PRIMARY KEY);
		CREATE TABLE parts (id int PRIMARY KEY, v int) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10);`,
		map[string]string{"publish.via.partition.root": "true"})
	s := w.settings()
	session, err := s.openSQL(t.Context(), roleSnapshot)
	if err != nil {
		t.Fatal(err)
	}
	conn := session.PgConn()
	defer hangUp(conn)
	tables, err := s.capturedTables(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SELECT count(*) FROM pg_class"} {
		if err := run(t.Context(), conn, sql); err != nil {
			t.Fatal(err)
		}
	}
	w.exec(`ALTER TABLE grown ADD COLUMN n int DEFAULT 7`)
	w.exec(`ALTER TABLE rewritten ALTER COLUMN id TYPE bigint`)
	w.exec(`TRUNCATE emptied`)
	w.exec(`DROP TABLE gone`)
	w.exec(`ALTER TABLE parts ALTER COLUMN v TYPE bigint`)
	r := &snapshotReader{s: s, log: testLog()}
	seen := 0
	for _, table := range tables {
		gone, err := r.hold(t.Context(), conn, table)
		seen++
		switch name := table.name.table; name {
		case "kept", "grown":
			if gone || err != nil {
				t.Errorf("%s: gone %t, %v", name, gone, err)
			}
		case "gone":
			if !gone || err != nil {
				t.Errorf("%s: gone %t, %v", name, gone, err)
			}
		default:
			if err == nil || !strings.Contains(err.Error(), "rewritten or truncated") {
				t.Errorf("%s: gone %t, %v", name, gone, err)
			}
		}
	}
	if seen < 6 {
		t.Errorf("%d tables were tried", seen)
	}
}

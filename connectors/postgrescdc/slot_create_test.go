// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const otherTables = `; CREATE TABLE hidden (id int, v text); CREATE TABLE root (id int, v text) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF root DEFAULT;
CREATE PUBLICATION dbz_publication FOR TABLE a; CREATE PUBLICATION other FOR TABLE hidden`

// alterEndlessly runs statements of $n, which grows, one after another until rest.
func (w *world) alterEndlessly(sql string) (rest func()) {
	s := w.session()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			s.do(strings.ReplaceAll(sql, "$n", strconv.Itoa(n)))
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// TestSlotIsMadeWhenTablesRest: a slot beside whose creation captured tables are altered
// is not used, however long that goes on. Other tables do not count.
func TestSlotIsMadeWhenTablesRest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, sql string
		waits     bool
	}{
		{"of columns", "BEGIN; ALTER TABLE a ADD COLUMN w int; ALTER TABLE a RENAME v TO x; COMMIT; BEGIN; ALTER TABLE a DROP COLUMN w; ALTER TABLE a RENAME x TO v; COMMIT", true},
		{"of the publication", "ALTER PUBLICATION dbz_publication SET TABLE a; ALTER PUBLICATION dbz_publication SET TABLE a, part", true},
		{"of a partition", "ALTER TABLE part ALTER v SET STATISTICS 7; ALTER TABLE part ALTER v SET STATISTICS 8", true},
		{"of another table", "ALTER TABLE hidden ALTER v SET DEFAULT '$n'", false},
		{"of another publication", "ALTER PUBLICATION other SET TABLE a; ALTER PUBLICATION other SET TABLE hidden", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oneTable+otherTables, map[string]string{"snapshot.mode": "no_data", "table.include.list": "public.a", "publication.autocreate.mode": "disabled"})
			log := w.logged()
			rest := w.alterEndlessly(c.sql)
			started := make(chan error, 1)
			r := &taskRun{w: w, task: &task{}}
			go func() { started <- r.tryBegin() }()
			if c.waits {
				w.eventually("the slot is made for the third time", func() bool { return strings.Contains(log.text(), "tries=2") })
				rest()
			}
			if err := <-started; err != nil {
				t.Error(err)
			}
			if !c.waits {
				rest()
			}
			defer r.stop()
			w.exec("INSERT INTO a VALUES (2, 'two')")
			r.until(1)
			if got := line(&w.written[0]); !strings.Contains(got, `"v":"two"`) {
				t.Errorf("a column is missing: %s", got)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"
	"testing"
)

// TestUnloggedTablesAreRead: rows of unlogged tables come with the snapshot, their changes
// do not, and they are in no publication.
func TestUnloggedTablesAreRead(t *testing.T) {
	t.Parallel()
	for _, create := range []string{"", "; CREATE PUBLICATION dbz_publication FOR TABLE a"} {
		t.Run("publication"+create, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oneTable+"; CREATE UNLOGGED TABLE u (id int PRIMARY KEY, v text); INSERT INTO u VALUES (1, 'u')"+create,
				map[string]string{"replica.identity.autoset.values": "public.*:FULL"})
			log := w.logged()
			r := w.start()
			snapshotted(r)
			w.exec("INSERT INTO u VALUES (2, 'u'); INSERT INTO a VALUES (2, 'two')")
			r.incrementalDone(w.position())
			r.stop()
			want := []string{
				`srv.public.a {"id":1} r null {"id":1,"v":"one"} first`,
				`srv.public.u {"id":1} r null {"id":1,"v":"u"} last`,
				`srv.public.a {"id":2} c null {"id":2,"v":"two"} false`,
			}
			if got := w.lines(); !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if started := log.text(); !strings.Contains(started, "tables are unlogged: public.u") {
				t.Errorf("the log says nothing of the unlogged table: %s", started)
			}
			if got := w.scalar("SELECT string_agg(tablename, ',') FROM pg_publication_tables WHERE pubname = 'dbz_publication'"); got != "a" {
				t.Errorf("the publication has %s", got)
			}
			if got := w.scalar("SELECT relreplident FROM pg_class WHERE oid = 'u'::regclass"); got != "d" {
				t.Errorf("the identity of the unlogged table was set to %s", got)
			}
		})
	}
}

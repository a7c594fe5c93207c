// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"
	"testing"
)

// TestGeneratedColumns: reading a table has its generated columns, and the stream does not,
// but for those of version 18 on that are stored, where the publication has them.
func TestGeneratedColumns(t *testing.T) {
	t.Parallel()
	for _, published := range []bool{false, true} {
		w := newWorld(t, "CREATE TABLE g (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED)", map[string]string{
			"publication.autocreate.mode": "disabled", "tombstones.on.delete": "false"})
		major := w.srv.Major(t)
		generated := "public.g.twice"
		if major >= 18 {
			w.exec("ALTER TABLE g ADD COLUMN thrice int GENERATED ALWAYS AS (n * 3) VIRTUAL")
			generated += ", public.g.thrice"
		}
		with := ""
		if published {
			with = " WITH (publish_generated_columns = stored)"
		}
		err := w.srv.Exec(t.Context(), w.db, "CREATE PUBLICATION dbz_publication FOR TABLE g"+with)
		if published && major < 18 {
			if err == nil || !strings.Contains(err.Error(), "unrecognized publication parameter") {
				t.Errorf("a publication of generated columns ends with %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		w.exec("INSERT INTO g (id, n) VALUES (1, 1)")
		log := w.logged()
		r := w.start()
		snapshotted(r)
		w.exec("INSERT INTO g (id, n) VALUES (2, 2); UPDATE g SET n = 3 WHERE id = 1")
		r.until(3)
		r.stop()
		want := []string{
			`srv.public.g {"id":1} r null {"id":1,"n":1,"twice":2} last`,
			`srv.public.g {"id":2} c null {"id":2,"n":2} false`,
			`srv.public.g {"id":1} u null {"id":1,"n":3} false`,
		}
		if major >= 18 {
			want[0] = `srv.public.g {"id":1} r null {"id":1,"n":1,"twice":2,"thrice":3} last`
		}
		if published {
			want[1] = `srv.public.g {"id":2} c null {"id":2,"n":2,"twice":4} false`
			want[2] = `srv.public.g {"id":1} u null {"id":1,"n":3,"twice":6} false`
			generated = "public.g.thrice"
		}
		if got := w.lines(); !slices.Equal(got, want) {
			t.Errorf("published %t: got\n%s\nwant\n%s", published, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if tells := "the stream does not have the generated columns " + generated; !strings.Contains(log.text(), tells) {
			t.Errorf("published %t: the log lacks %q:\n%s", published, tells, log.text())
		}
	}
}

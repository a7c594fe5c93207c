// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"
	"testing"
)

// TestConfigurationBasedKeepsItsPlace: with data and stream the tables are read if there
// is no offset; with one, what was changed while the task was stopped comes as changes.
func TestConfigurationBasedKeepsItsPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, map[string]string{
		"snapshot.mode": snapshotConfigured, "snapshot.mode.configuration.based.snapshot.data": "true", "snapshot.mode.configuration.based.start.stream": "true",
	})
	r := w.start()
	snapshotted(r)
	r.stop()
	w.exec("DELETE FROM a; INSERT INTO a VALUES (2, 'two')")
	r = w.start()
	defer r.stop()
	r.incrementalDone(w.position())
	want := []string{
		`srv.public.a {"id":1} r null {"id":1,"v":"one"} last`,
		`srv.public.a {"id":1} d {"id":1,"v":null} null false`,
		`srv.public.a {"id":1} tombstone`,
		`srv.public.a {"id":2} c null {"id":2,"v":"two"} false`,
	}
	if got := w.lines(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

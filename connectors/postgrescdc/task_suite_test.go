// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(pgtest.Runner{M: m}, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

func jsonText(v connect.Value) string { return connecttest.Text(v) }

func cloneRecord(r *connect.Record) connect.Record { return connecttest.CloneRecord(r) }

// TestSourceSuite runs the acceptance suite over rows that come by the stream. Slot and
// publication are there before, so that no row is missed between two tasks.
func TestSourceSuite(t *testing.T) {
	pgtest.Shared(t) // so that the suite does not take the server for a leak
	connecttest.Source(t, func(t *testing.T) connecttest.SourceDriver {
		w := newWorld(t, "CREATE TABLE numbers (n int PRIMARY KEY, s text)", map[string]string{
			"snapshot.mode": "no_data", "publication.autocreate.mode": "disabled",
		})
		w.exec("CREATE PUBLICATION dbz_publication FOR ALL TABLES")
		w.exec("SELECT pg_create_logical_replication_slot('" + w.props["slot.name"] + "', 'pgoutput')")
		next := 0
		return connecttest.SourceDriver{
			Plugin: Plugin(), Config: w.props,
			Write: func(n int) {
				w.exec(fmt.Sprintf("INSERT INTO numbers SELECT i, 's' || i FROM generate_series(%d, %d) i", next, next+n-1))
				next += n
			},
			Check: func(t testing.TB, i int, r *connect.Record) {
				t.Helper()
				want := fmt.Sprintf(`srv.public.numbers {"n":%d} c null {"n":%d,"s":"s%d"} false`, i, i, i)
				if got := line(r); got != want {
					t.Fatalf("record %d is %s, want %s", i, got, want)
				}
			},
		}
	})
}

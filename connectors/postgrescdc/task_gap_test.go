// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
)

// dropSlot drops the slot of the world while the task reads it.
func (w *world) dropSlot() {
	w.t.Helper()
	name := "'" + w.props["slot.name"] + "'"
	w.eventually("the slot is dropped", func() bool {
		w.srv.MustQuery(w.t, w.db, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = "+name+" AND active")
		return w.scalar("SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE NOT active AND slot_name = "+name) == "1"
	})
}

// TestGapWhileStreaming: under the policies that read the tables again, a slot that is lost
// under way leads to that at once. The task does not fail.
func TestGapWhileStreaming(t *testing.T) {
	t.Parallel()
	for _, props := range []map[string]string{
		{"slot.lost.policy": policyResnapshot},
		{"slot.lost.policy": policyResnapshot, "snapshot.mode": "no_data"},
		{"snapshot.mode": snapshotWhenNeeded},
	} {
		t.Run(props["slot.lost.policy"]+props["snapshot.mode"], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oneTable, props)
			r := w.start()
			defer r.stop()
			n := 1
			if props["snapshot.mode"] != "no_data" {
				snapshotted(r)
				n = 2
			}
			w.exec("INSERT INTO a VALUES (2, 'two')")
			r.until(n)
			for round := range 2 {
				w.exec("BEGIN; INSERT INTO a VALUES (" + []string{"10", "20"}[round] + ", 'seen or not'); COMMIT")
				w.dropSlot()
				w.exec("DELETE FROM a WHERE id = 2")
				n = len(w.written)
				w.eventually("the tables are read again", func() bool {
					b := r.poll(50*time.Millisecond, 100)
					r.commit(b, len(b.Records))
					rows := 0
					for i := n; i < len(w.written); i++ {
						if strings.Contains(line(&w.written[i]), " r ") {
							rows++
						}
					}
					return rows == 2+round
				})
				w.exec("INSERT INTO a VALUES (2, 'again')")
				n = len(w.written)
				r.until(n + 1)
				if got := line(&w.written[n]); got != `srv.public.a {"id":2} c null {"id":2,"v":"again"} false` {
					t.Errorf("behind the rows comes %s", got)
				}
			}
		})
	}
}

// TestGapUnderOtherPolicies: the task fails, as ever.
func TestGapUnderOtherPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oneTable, nil)
	r := w.start()
	defer r.stop()
	snapshotted(r)
	w.dropSlot()
	var err error
	w.eventually("the task fails", func() bool {
		err = r.task.Poll(r.ctx, &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20})
		return err != nil
	})
	if !isGap(err) {
		t.Errorf("Poll ends with %v", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"errors"
	"fmt"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// TestTakeOverInSnapshot kills Debezium while it reads the table. Its offset says that
// the snapshot is not complete: connectd reads the table from the beginning, and goes on
// at the point where Debezium had begun: a row that Debezium had written, and that was
// deleted before connectd has read the table, gets its delete.
func TestTakeOverInSnapshot(t *testing.T) {
	w := startWorker(t)
	_, ours := w.beside(t)
	const rows = 60_000
	// Small batches leave offsets in the middle of the table.
	r := newRelay(t, map[string]string{"max.batch.size": "256", "max.queue.size": "512", "snapshot.fetch.size": "500"}, &w.side, &ours)
	play(t, r.srv.URL(r.db), fmt.Sprintf("INSERT INTO ledger SELECT i, i FROM generate_series(%d, %d) i", old+1, rows))
	w.resume(t, r.name)
	harness.Eventually(t, "Debezium has begun to read, and has stored where it began", func() error {
		if n := r.tape.read(t); n < 500 {
			return fmt.Errorf("there are %d", n)
		}
		if len(w.stored(t, r.name)) == 0 {
			return errors.New("there is no offset")
		}
		return nil
	})
	w.kill(t)
	ours.waitIdle(t, r.srv, r.db)
	was := r.tape.rest(t)
	if was >= rows {
		t.Fatal("Debezium had read the whole table before it died")
	}
	play(t, r.srv.URL(r.db), fmt.Sprintf("UPDATE ledger SET seq = %d WHERE id = 7; DELETE FROM ledger WHERE id = 8; INSERT INTO ledger VALUES (%d, %d)", rows+1, rows+2, rows+2))
	ours.resume(t, r.name)
	harness.Eventually(t, "connectd has written everything", func() error {
		if trace := ours.failed(t, r.name); trace != "" {
			t.Fatal(trace)
		}
		return whole(r.tape.events[was:r.tape.read(t)], rows)
	})
	ours.stop(t, r.name)
	t.Logf("Debezium had written %d of %d rows, connectd has written %d records", was, rows, r.tape.rest(t)-was)
}

// whole tells what is missing: of each row of the table its snapshot, or the change
// that has made it what it is, and the delete of the row that is gone.
func whole(events []event, rows int) error {
	seen := make(map[string]bool, len(events))
	for _, e := range events {
		seen[e.change] = true
	}
	for n := 1; n <= rows; n++ {
		if n != 7 && n != 8 && !seen[fmt.Sprint("r ", n)] {
			return fmt.Errorf("row %d of %d is not there, in %d records", n, rows, len(events))
		}
	}
	if !seen["d 8"] {
		return fmt.Errorf("the delete of row 8 is not there, in %d records", len(events))
	}
	for _, n := range []int{rows + 1, rows + 2} {
		if !seen[fmt.Sprint("r ", n)] && !seen[fmt.Sprint("u ", n)] && !seen[fmt.Sprint("c ", n)] {
			return fmt.Errorf("change %d is not there", n)
		}
	}
	return nil
}

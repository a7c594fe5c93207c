// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// leftWorld is one with a committed offset, and nobody who reads the slot.
func leftWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, oneTable, nil)
	r := w.start()
	snapshotted(r)
	w.exec("INSERT INTO a VALUES (2, 'two')")
	r.until(2)
	r.stop()
	return w
}

// storedWorld is a leftWorld with the place that is stored.
func storedWorld(t *testing.T) (*world, place) {
	t.Helper()
	w := leftWorld(t)
	at, err := parseOffset(w.stored)
	if err != nil {
		t.Fatal(err)
	}
	return w, at
}

// TestSlotMovedBeforeTheStreamBegins: the slot is where it should be when it is looked at,
// and beyond when the connection gets it. What lies between would be passed over silently.
func TestSlotMovedBeforeTheStreamBegins(t *testing.T) {
	t.Parallel()
	w, at := storedWorld(t)
	taken := &task{s: w.settings(), log: testLog()}
	st := &stream{s: taken.s, log: taken.log, queue: newQueue(1 << 20), figures: &figures{}, held: taken.checkHeld, next: at.end}
	st.due = time.Now() // as in a session behind the first
	st.acknowledge(at.end)
	st.check = func(ctx context.Context, conn *pgconn.PgConn) error {
		err := taken.s.fits(ctx, conn, &at)
		w.exec("INSERT INTO a VALUES (3, 'unseen')")
		w.exec("SELECT pg_replication_slot_advance('" + taken.s.Slot.Name + "', pg_current_wal_lsn())")
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	st.run(ctx)
	if err := st.queue.failure(); !isGap(err) {
		t.Errorf("the stream ends with %v, want a gap", err)
	}
	if moved := w.scalar("SELECT confirmed_flush_lsn > '" + at.end.String() + "' FROM pg_replication_slots WHERE slot_name = '" + taken.s.Slot.Name + "'"); moved != "t" {
		t.Error("the slot was moved back, so that the next start finds nothing wrong with it")
	}
}

// TestSlotThatIsBeingMade stands beyond every stored offset when it is there: until then it
// fits none.
func TestSlotThatIsBeingMade(t *testing.T) {
	t.Parallel()
	w, at := storedWorld(t)
	s := w.settings()
	w.exec("SELECT pg_drop_replication_slot('" + s.Slot.Name + "')")
	conn, err := s.openSQL(t.Context(), roleCatalog)
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(conn.PgConn())
	if err := run(t.Context(), conn.PgConn(), "BEGIN; SELECT txid_current()"); err != nil {
		t.Fatal(err)
	}
	made := make(chan error, 1)
	go func() {
		repl, err := s.dialReplication(t.Context())
		if err == nil {
			_, err = s.createSlot(t.Context(), repl, testLog(), s.Slot.Name, false)
			hangUp(repl)
		}
		made <- err
	}()
	look, err := s.dialReplication(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp(look)
	w.eventually("the slot is being made", func() bool {
		slot, err := findSlot(t.Context(), look, s.Slot.Name)
		return err == nil && slot != nil && slot.beingMade()
	})
	var busy *busyError
	if err := s.fits(t.Context(), look, &at); !errors.As(err, &busy) || !passes(err) {
		t.Errorf("while it is being made: %v", err)
	}
	if err := run(t.Context(), conn.PgConn(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	if err := s.fits(t.Context(), look, &at); !isGap(err) {
		t.Errorf("when it is there: %v, want a gap", err)
	}
}

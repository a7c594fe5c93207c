// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

// relay is one connector that two workers of the same cluster have, of which one at a
// time runs it: with one slot, one set of topics and one stored offset.
type relay struct {
	srv      *pgtest.Server
	db, name string
	tape     *tape
	load     *workload
	// copies says that the load is COPY alone.
	copies bool
	shifts []shift
}

// shift is what one side has done between two changes of hands.
type shift struct {
	by string
	// until is the number of records in the topic at its end.
	until int
	// killed says that the side had no time to store its last offset; offset is the
	// one that it has left.
	killed bool
	offset map[string]any
}

// newRelay defines the connector on all sides, stopped.
func newRelay(t *testing.T, config map[string]string, sides ...*side) *relay {
	t.Helper()
	r := &relay{srv: pgtest.Shared(t)}
	r.db = r.srv.Database(t)
	r.name = strings.ReplaceAll(pgtest.Name(t, "t"), "_", "-")
	r.tape = newTape(t, sides[0].kafka, r.name+".public.ledger")
	slot := pgtest.Name(t, "relay")
	play(t, r.srv.URL(r.db), "CREATE TABLE zz_marker (id int PRIMARY KEY); CREATE PUBLICATION judged FOR ALL TABLES;"+ledger)
	t.Cleanup(func() { dropSlots(t, r.srv.URL(r.db), slot) })
	c := scenario{config: map[string]string{
		"table.include.list": "public.ledger", "tombstones.on.delete": "false",
		"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false",
	}}.settings(r.srv, r.db, r.name, slot)
	for k, v := range config {
		c[k] = v
	}
	for _, s := range sides {
		s.slot = slot
		s.createStopped(t, r.name, c)
	}
	return r
}

func (s *side) createStopped(t *testing.T, name string, config map[string]string) {
	t.Helper()
	harness.Eventually(t, s.name+" takes the connector", func() error {
		code, answer := s.call(t, "POST", "/connectors", map[string]any{"name": name, "config": config, "initial_state": "STOPPED"})
		if code != http.StatusCreated {
			return fmt.Errorf("%d %s", code, answer)
		}
		return nil
	})
	// The worker ends with the test; only a connector that still runs holds its slot.
	t.Cleanup(func() {
		if t.Failed() {
			s.call(t, "DELETE", "/connectors/"+name, nil)
		}
	})
}

// run lets a side work until it has written more records under load.
func (r *relay) run(t *testing.T, s *side, more int) {
	t.Helper()
	before := r.written()
	s.resume(t, r.name)
	if r.load == nil {
		s.waitSlot(t, r.srv, r.db, r.name)
		r.load = startWorkload(t, r.srv, r.db, r.copies)
	}
	harness.Eventually(t, fmt.Sprintf("%s writes %d records", s.name, more), func() error {
		if trace := s.failed(t, r.name); trace != "" {
			t.Fatalf("%s failed: %s", s.name, trace)
		}
		n := r.tape.read(t)
		if r.load.seen.Store(int64(n)); n < before+more {
			return fmt.Errorf("there are %d, %d more than at the beginning", n, n-before)
		}
		return nil
	})
}

func (r *relay) written() int {
	if len(r.shifts) == 0 {
		return 0
	}
	return r.shifts[len(r.shifts)-1].until
}

// stop ends the shift of a side in order.
func (r *relay) stop(t *testing.T, s *side) {
	t.Helper()
	s.stop(t, r.name)
	s.waitIdle(t, r.srv, r.db)
	r.shifts = append(r.shifts, shift{by: s.name, until: r.tape.rest(t), offset: s.offset(t, r.name)})
}

// offset is the stored offset as a side tells it.
func (s side) offset(t *testing.T, name string) map[string]any {
	t.Helper()
	offsets := s.stored(t, name)
	if len(offsets) != 1 {
		t.Fatalf("%s: offsets: %v", s.name, offsets)
	}
	return offsets[0]
}

// stored are all offsets that a side has of a connector.
func (s side) stored(t *testing.T, name string) []map[string]any {
	t.Helper()
	var answer struct {
		Offsets []struct{ Offset map[string]any }
	}
	code, text := s.call(t, "GET", "/connectors/"+name+"/offsets", nil)
	if err := json.Unmarshal(text, &answer); err != nil || code != http.StatusOK {
		t.Fatalf("%s: offsets: %d %s", s.name, code, text)
	}
	var out []map[string]any
	for _, o := range answer.Offsets {
		out = append(out, o.Offset)
	}
	return out
}

// finish ends the load, and then the last side when it has written everything.
func (r *relay) finish(t *testing.T, s *side) {
	t.Helper()
	r.load.end(t)
	last := r.load.changes[len(r.load.changes)-1]
	s.resume(t, r.name)
	harness.Eventually(t, s.name+" has written the last change", func() error {
		if trace := s.failed(t, r.name); trace != "" {
			t.Fatalf("%s failed: %s", s.name, trace)
		}
		n := r.tape.read(t)
		if n == 0 || r.tape.events[n-1].change != last {
			return fmt.Errorf("%s is not the last of %d", last, n)
		}
		return nil
	})
	r.stop(t, s)
}

// handover is where one side went on behind another, or behind itself.
type handover struct {
	from, to shift
	// there is how many changes were in the topic, begun is where the side began, and
	// inside says that this is in the middle of a transaction.
	there, begun int
	inside       bool
}

// check holds what has come out against the workload: each shift writes changes one
// after the other, and begins where the one before has ended, or earlier.
func (r *relay) check(t *testing.T) []handover {
	t.Helper()
	position := make(map[string]int, len(r.load.changes))
	for i, c := range r.load.changes {
		position[c] = i
	}
	var out []handover
	there, from := 0, 0
	for k, s := range r.shifts {
		part := r.tape.events[from:s.until]
		if from = s.until; len(part) == 0 {
			continue
		}
		first, known := position[part[0].change]
		if !known || first > there {
			t.Fatalf("shift %d, %s: it begins with %s, which is change %d (known: %v), but only %d are there", k, s.by, part[0].change, first, known, there)
		}
		if k > 0 {
			h := handover{r.shifts[k-1], s, there, first, !r.load.begins[first]}
			r.checkOffset(t, h, position)
			out = append(out, h)
		}
		for i, e := range part {
			if want := r.load.changes[first+i]; e.change != want {
				t.Fatalf("shift %d, %s: record %d of %d is %s, want %s", k, s.by, i, len(part), e.change, want)
			}
		}
		there = max(there, first+len(part))
	}
	if there != len(r.load.changes) {
		t.Fatalf("%d changes have come out, want %d", there, len(r.load.changes))
	}
	return out
}

// checkOffset demands that a side begins exactly behind the offset that it has found:
// the change at lsn, counted lsn_events_processed times. What is behind that and was
// written already, nobody can know; an orderly stop leaves nothing of the kind.
func (r *relay) checkOffset(t *testing.T, h handover, position map[string]int) {
	t.Helper()
	o := h.from.offset
	t.Logf("%s to %s: %d changes are there, it begins at %d, in a transaction: %v, offset %v", h.from.by, h.to.by, h.there, h.begun, h.inside, o)
	want := h.there
	if kind, ok := o["messageType"].(string); ok && kind != "COMMIT" {
		lsn, _ := o["lsn"].(float64)
		count, _ := o["lsn_events_processed"].(float64)
		i := slices.IndexFunc(r.tape.events, func(e event) bool { return e.lsn == int64(lsn) })
		if i < 0 {
			t.Fatalf("no record has the LSN of the offset %v", o)
		}
		first := position[r.tape.events[i].change]
		// A stop of Debezium's that takes too long leaves an older offset.
		if want = first + int(count); want != h.there && h.from.by == "connectd" {
			t.Errorf("%s has stopped at %d with an offset that says %d", h.from.by, h.there, want)
		}
		// Debezium 3.7 counts rows where it stores the offset, and rows and the begin of
		// the transaction, which has the LSN of the first row, where it reads it.
		if h.to.by == "Debezium" && count > 1 && r.load.begins[first] {
			want--
		}
	} else if h.from.killed {
		return
	} else if ordinal, _ := o["connectd_ordinal"].(float64); ordinal > 0 && h.to.by == "Debezium" {
		// What cannot be told to Debezium is told as the commit before.
		for want > 0 && !r.load.begins[want] {
			want--
		}
	}
	if h.begun != want {
		t.Errorf("it must begin at %d", want)
	}
}

// stoppedInside reports whether connectd was stopped in the middle of a transaction,
// which is a matter of luck: it is behind for moments only.
func (r *relay) stoppedInside() bool {
	return slices.ContainsFunc(r.shifts, func(s shift) bool { return s.offset["connectd_commit"] != nil })
}

// handed reports whether one side took over from another in the middle of a transaction.
func handed(all []handover, from, to string) bool {
	return slices.ContainsFunc(all, func(h handover) bool { return h.inside && h.from.by == from && h.to.by == to })
}

// TestTakeOver hands a connector to and fro under load, with orderly stops, until each
// side has taken over in the middle of a transaction.
func TestTakeOver(t *testing.T) {
	w := startWorker(t)
	_, ours := w.beside(t)
	for name, c := range map[string]struct {
		order  []*side
		config map[string]string
		copies bool
	}{
		"Debezium begins":           {order: []*side{&w.side, &ours}},
		"connectd begins":           {order: []*side{&ours, &w.side}},
		"all rows share LSNs":       {order: []*side{&w.side, &ours}, copies: true},
		"with transaction metadata": {order: []*side{&w.side, &ours}, config: map[string]string{"provide.transaction.metadata": "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRelay(t, c.config, c.order...)
			r.copies = c.copies
			for i := 0; i < 8 || i < 40 && !r.stoppedInside(); i++ {
				s := c.order[i%2]
				r.run(t, s, 3000)
				r.stop(t, s)
			}
			r.finish(t, c.order[0])
			all := r.check(t)
			if !handed(all, ours.name, w.name) || !handed(all, w.name, ours.name) {
				t.Error("no side was stopped in the middle of a transaction; run it again")
			}
		})
	}
}

// TestTakeOverFromTheDead kills the side that runs the connector. What Debezium has
// written behind its last offset comes once more, and nothing else; connectd, which
// writes records and offset as one, repeats nothing.
func TestTakeOverFromTheDead(t *testing.T) {
	w := startWorker(t)
	d, ours := w.beside(t)
	r := newRelay(t, nil, &w.side, &ours)
	died := func(by string) {
		ours.waitIdle(t, r.srv, r.db)
		r.shifts = append(r.shifts, shift{by: by, until: r.tape.rest(t), killed: true, offset: ours.offset(t, r.name)})
	}
	r.run(t, &w.side, 3000)
	w.kill(t)
	died(w.name)

	r.run(t, &ours, 3000)
	d.Kill()
	d.Start()
	ours.rest = d.REST
	r.run(t, &ours, 3000)
	r.stop(t, &ours)

	// The connector was running when the worker died, so it runs again.
	w.script(t, "start")
	r.run(t, &w.side, 3000)
	w.kill(t)
	died(w.name)
	r.finish(t, &ours)
	for _, h := range r.check(t) {
		if h.from.by == ours.name && h.begun != h.there {
			t.Errorf("connectd has left %d changes that are repeated", h.there-h.begun)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package pgoutput_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"go.uber.org/goleak"

	"github.com/connectd/connectd/connectors/postgrescdc/pgoutput"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Runner{M: m}) }

// patience bounds what a test waits for the server.
const patience = 30 * time.Second

// event is a message with what has to be kept of it.
type event struct {
	kind  pgoutput.Kind
	start pgoutput.LSN
	xid   uint32 // of a change in a stream block
	text  string // the row, name or prefix
	d     pgoutput.Decoder
}

// stream is a replication connection that is read by the test.
type stream struct {
	t        *testing.T
	conn     *pgconn.PgConn
	d        pgoutput.Decoder
	inStream bool
	keep     pgoutput.Frame // the last keepalive
}

// world is a database with a slot and a publication for all tables.
type world struct {
	t         *testing.T
	srv       *pgtest.Server
	db        string
	slot, pub string
}

// newWorld runs ddl, then makes the slot: what ddl does is not in the stream.
func newWorld(t *testing.T, slotOptions, ddl string) *world {
	t.Helper()
	srv := pgtest.Shared(t)
	w := &world{t: t, srv: srv, db: srv.Database(t), slot: pgtest.Name(t, "slot"), pub: pgtest.Name(t, "pub")}
	srv.MustExec(t, w.db, ddl)
	srv.MustExec(t, w.db, "CREATE PUBLICATION "+w.pub+" FOR ALL TABLES")
	conn := w.connect("&replication=database")
	sql := "CREATE_REPLICATION_SLOT " + w.slot + " LOGICAL pgoutput " + slotOptions
	if _, err := conn.Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) exec(sql string) {
	w.t.Helper()
	w.srv.MustExec(w.t, w.db, sql)
}

// connect opens a session that ends with the test.
func (w *world) connect(parameters string) *pgconn.PgConn {
	w.t.Helper()
	conn, err := pgconn.Connect(w.t.Context(), w.srv.URL(w.db)+parameters)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // a connection that streams cannot say goodbye in time
	})
	return conn
}

// open starts to stream at the position that the server has, with the lowest memory
// limit that there is: transactions of more than 64 kB are streamed or spilled.
func (w *world) open(options ...string) *stream {
	w.t.Helper()
	conn := w.connect("&replication=database&options=-c%20logical_decoding_work_mem%3D64kB")
	args := append([]string{"publication_names '" + w.pub + "'"}, options...)
	if err := pglogrepl.StartReplication(w.t.Context(), conn, w.slot, 0, pglogrepl.StartReplicationOptions{PluginArgs: args}); err != nil {
		w.t.Fatal(err)
	}
	return &stream{t: w.t, conn: conn}
}

// since reports whether the server is of this major version or newer. An older one must
// refuse these options.
func (w *world) since(major int, options ...string) bool {
	w.t.Helper()
	if w.srv.Major(w.t) >= major {
		return true
	}
	conn := w.connect("&replication=database")
	args := append([]string{"publication_names '" + w.pub + "'"}, options...)
	if err := pglogrepl.StartReplication(w.t.Context(), conn, w.slot, 0, pglogrepl.StartReplicationOptions{PluginArgs: args}); err == nil {
		w.t.Errorf("a server before version %d takes the options %v", major, options)
	}
	return false
}

// end breaks the connection off, as a crash does, and waits until the slot is free.
func (s *stream) end(w *world) {
	s.t.Helper()
	if err := s.conn.Conn().Close(); err != nil {
		s.t.Fatal(err)
	}
	w.await("the slot is free", func() bool {
		return w.srv.MustQuery(s.t, w.db, "SELECT active FROM pg_replication_slots WHERE slot_name = '"+w.slot+"'")[0][0] == "f"
	})
}

func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}

// until returns the messages up to and including the n-th of a kind.
func (s *stream) until(kind pgoutput.Kind, n int) []event {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var events []event
	for n > 0 {
		e, ok := s.next(ctx)
		if !ok {
			continue
		}
		if last := len(events) - 1; e.kind == pgoutput.KindCommit && last >= 0 && events[last].kind == pgoutput.KindBegin {
			events = events[:last] // before version 15 empty transactions are sent
			continue
		}
		events = append(events, e)
		if e.kind == kind {
			n--
		}
	}
	return events
}

// next reads a frame and reports whether it is a message.
func (s *stream) next(ctx context.Context) (event, bool) {
	s.t.Helper()
	received, err := s.conn.ReceiveMessage(ctx)
	if err != nil {
		s.t.Fatalf("receive: %v", err)
	}
	data, ok := received.(*pgproto3.CopyData)
	if !ok {
		s.t.Fatalf("the server sent %T %+v", received, received)
	}
	var f pgoutput.Frame
	if err := f.Decode(data.Data); err != nil {
		s.t.Fatal(err)
	}
	if f.Kind == pgoutput.Keepalive {
		s.keep = f
		return event{}, false
	}
	kind, err := s.d.Decode(f.Data, s.inStream)
	if err != nil {
		s.t.Fatal(err)
	}
	switch kind {
	case pgoutput.KindStreamStart:
		s.inStream = true
	case pgoutput.KindStreamStop:
		s.inStream = false
	}
	e := event{kind: kind, start: f.Start, xid: s.d.XID, text: describe(kind, &s.d), d: s.d}
	return e, true
}

// describe renders what a test compares, while the buffer is valid.
func describe(kind pgoutput.Kind, d *pgoutput.Decoder) string {
	switch kind {
	case pgoutput.KindInsert, pgoutput.KindUpdate, pgoutput.KindDelete:
		text := row(d.Change.New)
		if d.Change.OldKind != 0 {
			text = string(d.Change.OldKind) + row(d.Change.Old) + text
		}
		return text
	case pgoutput.KindRelation:
		names := make([]string, len(d.Relation.Columns))
		for i, c := range d.Relation.Columns {
			names[i] = c.Name
			if c.Key {
				names[i] += "*"
			}
		}
		return fmt.Sprintf("%s.%s %c %s", d.Relation.Namespace, d.Relation.Name, d.Relation.ReplicaIdentity, strings.Join(names, ","))
	case pgoutput.KindMessage:
		return fmt.Sprintf("%s=%s transactional=%v", d.Message.Prefix, d.Message.Content, d.Message.Transactional)
	case pgoutput.KindOrigin:
		return d.Origin.Name + "@" + d.Origin.CommitLSN.String()
	case pgoutput.KindType:
		return d.Type.Namespace + "." + d.Type.Name
	case pgoutput.KindTruncate:
		return fmt.Sprintf("%d tables cascade=%v restart=%v", len(d.Truncate.RelationIDs), d.Truncate.Cascade, d.Truncate.RestartIdentity)
	}
	return ""
}

func row(columns []pgoutput.Column) string {
	var b strings.Builder
	for _, c := range columns {
		switch c.Kind {
		case pgoutput.ColumnNull:
			b.WriteString("(null)")
		case pgoutput.ColumnUnchanged:
			b.WriteString("(unchanged)")
		case pgoutput.ColumnBinary:
			fmt.Fprintf(&b, "(%x)", c.Data)
		default:
			fmt.Fprintf(&b, "(%s)", c.Data)
		}
	}
	return b.String()
}

// lines are the events as one line each.
func lines(events []event) []string {
	var out []string
	for _, e := range events {
		out = append(out, strings.TrimSpace(e.kind.String()+" "+e.text))
	}
	return out
}

func expect(t *testing.T, events []event, want ...string) {
	t.Helper()
	if got := lines(events); !slices.Equal(got, want) {
		t.Fatalf("the stream is\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// of are the events of a kind.
func of(events []event, kind pgoutput.Kind) []event {
	var out []event
	for _, e := range events {
		if e.kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// withoutRepeats leaves out descriptions that say what an earlier one said. The
// server sends those after invalidations; when, differs by version.
func withoutRepeats(events []event) []event {
	relations := map[uint32]*pgoutput.Relation{}
	types := map[uint32]pgoutput.Type{}
	var out []event
	for _, e := range events {
		switch e.kind {
		case pgoutput.KindRelation:
			r := e.d.Relation
			if r.Equal(relations[r.ID]) {
				continue
			}
			relations[r.ID] = r
		case pgoutput.KindType:
			if types[e.d.Type.OID] == e.d.Type {
				continue
			}
			types[e.d.Type.OID] = e.d.Type
		}
		out = append(out, e)
	}
	return out
}

// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// starting is what a start knows, which a look from outside does not.
type starting struct {
	// again says that there is an offset to go on from: what has changed since the first
	// start is no reason not to.
	again bool
	// makesSlot says that a slot that does not exist is made.
	makesSlot bool
	// reads are the tables that are read now.
	reads []capturedTable
}

// startError says why a task does not start.
type startError struct {
	findings []finding
}

func (e *startError) Error() string {
	var b strings.Builder
	b.WriteString("check server")
	for i, f := range e.findings {
		b.WriteString(map[bool]string{true: ": ", false: "; and "}[i == 0] + f.What + ": " + f.Why)
		if f.SQL != "" {
			b.WriteString("\n    " + strings.ReplaceAll(f.SQL, "\n", "\n    ") + "\n")
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// passes reports whether all that was found may pass by itself.
func (e *startError) passes() bool {
	return !slices.ContainsFunc(e.findings, func(f finding) bool { return !f.Passes })
}

// preflight looks at what would make the task fail later, or lose data, before anything
// is made on the server. It logs what the user should know.
func (t *task) preflight(ctx context.Context, conn *pgx.Conn, tables []capturedTable, stored *place) error {
	p, err := look(ctx, conn, t.s)
	if err != nil {
		return wrap("check server", err)
	}
	p.start = &starting{again: stored != nil, makesSlot: stored == nil || t.wantsData(true), reads: t.readsAtOnce(tables, stored)}
	p.check()
	var fatal []finding
	for _, f := range p.findings {
		if f.Fatal {
			fatal = append(fatal, f)
		}
	}
	if len(fatal) > 0 {
		return &startError{findings: fatal}
	}
	tellFindings(t.log, p.findings)
	if most := p.server.ConnLimit; most >= 0 && most < p.connectionsOf(true) && !p.server.Superuser {
		t.unwatched = true
		t.log.Warn("the replication slot is not looked at while the connector runs: the user may not have enough connections", "connections", most)
	}
	return nil
}

func tellFindings(log *slog.Logger, findings []finding) {
	for _, f := range findings {
		attrs := []any{"why", f.Why}
		if f.SQL != "" {
			attrs = append(attrs, "sql", f.SQL)
		}
		log.Warn(f.What, attrs...)
	}
}

// readsAtOnce are the tables that a start reads, as far as that is known before the slot
// has been asked.
func (t *task) readsAtOnce(tables []capturedTable, stored *place) []capturedTable {
	switch {
	case stored == nil && t.wantsData(false):
		return t.toRead(tables, nil)
	case stored == nil:
		return nil
	case stored.snapshot != nil && !stored.snapshot.completed && t.s.Snapshot.Mode != snapshotNoData:
		return t.toRead(tables, stored.snapshot)
	case t.s.Snapshot.Mode == snapshotAlways:
		return t.toRead(tables, nil)
	}
	return nil
}

// readsTables reports whether tables may be read, as the settings go, or at this start.
func (p *flight) readsTables() bool {
	if p.start != nil {
		return len(p.start.reads) > 0
	}
	return p.snapshots()
}

// isRead reports whether the snapshot reads a table by itself.
func (p *flight) isRead(t *tableFacts) bool {
	if _, custom := p.s.statement(t.Schema, t.Name); custom {
		return false
	}
	return p.start == nil || slices.ContainsFunc(p.start.reads, func(c capturedTable) bool { return c.id == t.OID })
}

// again reports whether a task goes on with what worked before.
func (p *flight) again() bool { return p.start != nil && p.start.again }

// sameServer compares the server that answers to SQL with the one that replicates. Where
// the user may not ask for the identifier, nothing is known.
func sameServer(ctx context.Context, conn, repl *pgconn.PgConn) (*finding, error) {
	here, err := scalar(ctx, conn, "SELECT system_identifier FROM pg_catalog.pg_control_system()")
	var denied *pgconn.PgError
	if errors.As(err, &denied) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap("look at the server", err)
	}
	there, err := identify(ctx, repl)
	if err != nil || there.system == here {
		return nil, err
	}
	return &finding{
		What: "connections for SQL and for replication reach different servers",
		Why:  "their system identifiers are " + here + " and " + there.system + "; let database.hostname and database.port name one server", Fatal: true,
	}, nil
}

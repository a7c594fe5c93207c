// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// finding is something about a server, or about how the settings and the server fit,
// that would keep the connector from working, or that its user should know.
type finding struct {
	What string // what was found, with the names of the things concerned
	Why  string // what follows from it
	// SQL mends it, as statements that end with a semicolon; empty where SQL cannot.
	SQL string
	// Fatal says that the connector cannot start, or would lose data in silence.
	Fatal bool
	// Passes says that it may be gone at the next try.
	Passes bool
}

// preflight looks at everything that is known to go wrong later, and changes nothing.
// conn is a connection for SQL as the connector's own user. The order is that in which
// things are best mended: the server, the slot, the privileges, the publication, tables,
// columns. An error means that the server could not be asked.
func preflight(ctx context.Context, conn *pgx.Conn, s *settings) ([]finding, error) {
	p, err := look(ctx, conn, s)
	if err != nil {
		return nil, err
	}
	p.check()
	if p.server.Version < oldestServer {
		return p.findings, nil
	}
	if err := p.checkReplication(ctx, conn); err != nil {
		return nil, wrap("look at replication", err)
	}
	return p.findings, nil
}

// check finds what is wrong with what was looked at.
func (p *flight) check() {
	p.checkServer()
	if p.server.Version < oldestServer {
		return
	}
	p.checkSlot()
	p.checkBlockers()
	p.checkPrivileges()
	p.checkCaptured()
	p.checkPublication()
	p.checkPublishedParts()
	p.checkIdentities()
	p.checkKeys()
	p.checkNames()
	p.checkColumns()
}

// flight is one look at a server.
type flight struct {
	s           *settings
	server      serverFacts
	slot        *slotState // nil if there is none
	publication *publicationFacts
	blockers    []blocker
	tables      []*tableFacts // all that filters could mean, by name
	findings    []finding
	// start is nil if it is not a start that looks.
	start *starting
}

func (p *flight) fatal(what, why, sql string) {
	p.findings = append(p.findings, finding{What: what, Why: why, SQL: sql, Fatal: true})
}

// passing is fatal for now.
func (p *flight) passing(what, why, sql string) {
	p.findings = append(p.findings, finding{What: what, Why: why, SQL: sql, Fatal: true, Passes: true})
}

func (p *flight) warn(what, why, sql string) {
	p.findings = append(p.findings, finding{What: what, Why: why, SQL: sql})
}

// captured calls fn for each captured table.
func (p *flight) captured(fn func(t *tableFacts)) {
	for _, t := range p.tables {
		if t.Captured {
			fn(t)
		}
	}
}

// snapshots reports whether the settings can lead to reading whole tables.
func (p *flight) snapshots() bool {
	switch p.s.Snapshot.Mode {
	case "no_data":
		return p.s.Slot.LostPolicy == "resnapshot"
	case "configuration_based":
		return p.s.Snapshot.Data || p.s.Snapshot.DataOnLost
	}
	return true
}

// listed names the first few of many, for a sentence.
func listed(names []string) string {
	const most = 10
	text := ""
	for i, n := range names {
		if i == most {
			return text + fmt.Sprintf(" and %d more", len(names)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return text
}

// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// oldestServer is the first version with the output plugin pgoutput.
const oldestServer = 100000

const needsRestart = " It takes effect with a restart of the server."

func (p *flight) checkServer() {
	f := &p.server
	if f.Version < oldestServer {
		p.fatal("the server is version "+f.Release, "logical replication with pgoutput begins with version 10", "")
		return
	}
	if f.WALLevel != "logical" {
		why := "the server writes too little to its log to decode changes from it." + needsRestart
		if f.Managed {
			why += " On Amazon RDS set rds.logical_replication=1 in the parameter group instead."
		}
		p.fatal("wal_level is "+f.WALLevel, why, "ALTER SYSTEM SET wal_level = logical;")
	}
	if f.Standby && f.Version < 160000 {
		p.fatal("the server is a standby of version "+f.Release, "standbys decode changes from version 16 on; connect to the primary", "")
	}
	if f.Standby && f.Version >= 160000 && p.publication == nil {
		p.fatal("the server is a standby, and the publication "+p.s.Publication.Name+" does not exist", "a publication can only be made on the primary, where the SQL has to run", p.createPublicationSQL())
	}
	if f.Standby && !f.Feedback {
		p.warn("the server is a standby with hot_standby_feedback off", "the primary may clean up rows of its catalogs that decoding needs, and the slot is then lost",
			"ALTER SYSTEM SET hot_standby_feedback = on;\nSELECT pg_reload_conf();")
	}
	if need := p.connections(); f.ConnLimit >= 0 && f.ConnLimit < need && !f.Superuser {
		p.fatal(fmt.Sprintf("the user %s may have %d connections", f.User, f.ConnLimit), fmt.Sprintf("the connector needs %d: for the stream, for the catalog, for a look at the slot now and then, and snapshot.max.threads to read tables", need),
			fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT %d;", quoteIdent(f.User), need))
	}
	if status := p.s.Slot.StatusInterval.Milliseconds(); f.Timeout > 0 && status >= f.Timeout {
		p.warn(fmt.Sprintf("wal_sender_timeout is %v, and status.update.interval.ms %v", time.Duration(f.Timeout)*time.Millisecond, p.s.Slot.StatusInterval),
			"the server may drop a connection that it has not heard of for so long", "ALTER ROLE "+quoteIdent(f.User)+" SET wal_sender_timeout = '"+fmt.Sprint(max(60000, 3*status))+"ms';")
	}
}

// connections is how many are open at the same time.
func (p *flight) connections() int {
	return p.connectionsOf(p.start == nil || p.readsTables())
}

func (p *flight) connectionsOf(reads bool) int {
	if !reads {
		return 2
	}
	return 3 + p.s.Snapshot.Threads
}

// checkReplication opens a connection for replication, if it should work by what is known.
func (p *flight) checkReplication(ctx context.Context, conn *pgx.Conn) error {
	f := &p.server
	if !f.Replication || f.Senders >= f.MaxSenders || f.ConnLimit == 1 {
		return nil
	}
	repl, err := p.s.dialReplication(ctx)
	if err != nil {
		p.fatal("a connection for replication cannot be opened", connectText(p.s, err)+". Connections for SQL work: a pooler in between may not know replication, or pg_hba.conf may not allow it", "")
		return nil
	}
	defer hangUp(repl)
	other, err := sameServer(ctx, conn.PgConn(), repl)
	if other != nil {
		p.findings = append(p.findings, *other)
	}
	return err
}

// checkSlot looks at the slot if there is one, and at the room for it if there is none.
func (p *flight) checkSlot() {
	name := p.s.Slot.Name
	drop := "SELECT pg_drop_replication_slot(" + quoteLiteral(name) + ");"
	switch {
	case p.slot == nil && p.start != nil && !p.start.makesSlot:
	case p.slot == nil:
		p.checkRoom()
	case p.slot.Type != "logical" || p.slot.Plugin != "pgoutput":
		p.fatal(fmt.Sprintf("the replication slot %s is a %s slot%s", name, p.slot.Type, strings.TrimRight(" of plugin "+p.slot.Plugin, " ")),
			"a logical one of pgoutput is needed. Dropping it takes away what its reader has not read: consider another slot.name", drop)
	case p.slot.Database != p.s.Server.Database:
		p.fatal(fmt.Sprintf("the replication slot %s belongs to the database %s", name, p.slot.Database),
			"a slot can only be read in its database. Dropping it takes away what its reader has not read: consider another slot.name", drop)
	case p.start != nil && (p.slot.lost() || p.slot.Active):
		// What follows from it depends on the offset; the stream waits for a slot in use.
	case p.slot.lost():
		p.findings = append(p.findings, finding{
			What: fmt.Sprintf("the replication slot %s is lost (%s)", name, p.slot.state()),
			Why:  p.slot.reason() + ". The tables have to be read again: drop the slot and delete the connector's offsets, or set slot.lost.policy=resnapshot",
			SQL:  drop, Fatal: p.s.Slot.LostPolicy == "fail",
		})
	case p.slot.Status == "unreserved":
		p.warn("the replication slot "+name+" will be lost at the next checkpoint", "it needs more of the server's log than max_slot_wal_keep_size allows: start the connector, or allow more", keepAllSQL)
	case p.slot.Active:
		p.warn(fmt.Sprintf("the replication slot %s is in use by process %d", name, p.slot.PID),
			"a slot has one reader. This is as it should be while the connector runs; two connectors need two slots", fmt.Sprintf("SELECT pg_terminate_backend(%d);", p.slot.PID))
	}
	p.checkFailover()
}

// checkFailover looks at what becomes of the slot when the server, or the connector, is away.
func (p *flight) checkFailover() {
	f := &p.server
	switch {
	case !p.s.Slot.Failover:
	case f.Version < 10000*failoverSince:
		p.warn("slot.failover is set, and the server is version "+f.Release, "slots survive a failover from version 17 on; the setting has no effect", "")
	case f.Standby:
		p.warn("slot.failover is set, and the server is a standby", "only slots of the primary survive a failover; the setting has no effect", "")
	case f.StandbyWait == "":
		p.warn("slot.failover is set, and synchronized_standby_slots is empty", "the connector may read changes that no standby has yet; after a failover they are in Kafka and not in the database. Name the physical slots of the standbys there", "")
	}
	if f.IdleLimit > 0 && !f.Standby {
		p.warn(fmt.Sprintf("idle_replication_slot_timeout is %v", time.Duration(f.IdleLimit)*time.Second), "the replication slot is lost if the connector stands still for longer",
			"ALTER SYSTEM SET idle_replication_slot_timeout = 0;\nSELECT pg_reload_conf();")
	}
}

func (p *flight) checkRoom() {
	f := &p.server
	if f.Slots >= f.MaxSlots {
		p.passing(fmt.Sprintf("all %d replication slots are taken", f.MaxSlots),
			"the slot "+p.s.Slot.Name+" cannot be made. Drop one that nobody needs, or allow more."+needsRestart, fmt.Sprintf("ALTER SYSTEM SET max_replication_slots = %d;", f.Slots+4))
	}
	if f.Senders >= f.MaxSenders {
		p.passing(fmt.Sprintf("all %d connections for replication are taken", f.MaxSenders),
			"the connector needs one."+needsRestart, fmt.Sprintf("ALTER SYSTEM SET max_wal_senders = %d;", f.Senders+4))
	}
}

// checkBlockers names what the creation of a slot would wait for.
func (p *flight) checkBlockers() {
	if p.slot != nil {
		return
	}
	for _, b := range p.blockers {
		p.warn("a transaction has been open for long: "+b.What, "the creation of the replication slot waits until all transactions that are running have ended", b.SQL)
	}
}

func (p *flight) checkPrivileges() {
	f := &p.server
	user := quoteIdent(f.User)
	if !f.Replication {
		p.fatal("the user "+f.User+" may not replicate", "the stream needs the attribute REPLICATION", p.replicationSQL(user))
	}
	if !p.readsTables() {
		return
	}
	var schemas, tables, grants []string
	var hidden []string
	p.captured(func(t *tableFacts) {
		if !p.isRead(t) {
			return
		}
		if !t.MayUse && !slices.Contains(schemas, t.Schema) {
			schemas = append(schemas, t.Schema)
			grants = append(grants, "GRANT USAGE ON SCHEMA "+quoteIdent(t.Schema)+" TO "+user+";")
		}
		if !t.MayRead && slices.ContainsFunc(t.Columns, func(c columnFacts) bool { return !c.Readable && p.s.filter.column(t.Schema, t.Name, c.Name) }) {
			tables = append(tables, t.name().String())
			grants = append(grants, "GRANT SELECT ON "+t.name().sql()+" TO "+user+";")
		}
		if t.Hidden {
			hidden = append(hidden, t.hidden())
		}
	})
	if len(schemas)+len(tables) > 0 {
		p.fatal("the user "+f.User+" may not read "+listed(append(schemas, tables...)), "the snapshot reads the captured tables", strings.Join(grants, "\n"))
	}
	if len(hidden) > 0 && !f.BypassRLS {
		p.fatal("row security hides rows of "+listed(hidden)+" from the user "+f.User, "the snapshot would lack them in silence, while the stream has all changes", bypassSQL(user))
	}
}

func (p *flight) replicationSQL(user string) string {
	if p.server.Managed {
		return "GRANT rds_replication TO " + user + ";"
	}
	return "ALTER ROLE " + user + " REPLICATION;"
}

// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connectors/postgrescdc/pattern"
)

// checkCaptured looks at whether the filters mean what they seem to mean.
func (p *flight) checkCaptured() {
	var all, unlogged, mend []string
	p.captured(func(t *tableFacts) {
		all = append(all, t.name().String())
		if t.Persistence == "u" {
			unlogged = append(unlogged, t.name().String())
			mend = append(mend, "ALTER TABLE "+t.name().sql()+" SET LOGGED;")
		}
	})
	if len(all) == 0 {
		p.warn("no table is captured", "the filters let no table of the database "+p.s.Server.Database+" through, or there is none", "")
	}
	if len(unlogged) > 0 {
		p.warn("tables are unlogged: "+listed(unlogged), "their changes are not in the server's log, and never come: their rows are read in snapshots alone", strings.Join(mend, "\n"))
	}
	if most := p.s.Runtime.MaxTables; p.start == nil && most > 0 && len(all) > most { // a start counts by itself
		p.findings = append(p.findings, finding{
			What: fmt.Sprintf("%d tables are captured, and guardrail.collections.max is %d", len(all), most), Why: "narrow the filters, or raise the limit",
			Fatal: p.s.Runtime.TooManyTables == "fail",
		})
	}
	if p.s.Topics.HeartbeatSQL != "" && p.s.Topics.HeartbeatInterval <= 0 {
		p.warn("heartbeat.action.query is not run", "heartbeat.interval.ms says that there are no heartbeats", "")
	}
	p.checkSignals()
	for _, re := range p.s.filter.tableIn {
		matches := func(t *tableFacts) bool { return re.MatchString(t.name().String()) }
		if !slices.ContainsFunc(p.tables, matches) {
			p.warn("table.include.list has an expression that matches no table: "+pattern.Written(re), "a slip of the pen captures nothing; a table that is to come later is captured when it comes", "")
		}
	}
}

func (p *flight) checkPublication() {
	name, pub, mode := p.s.Publication.Name, p.publication, p.s.Publication.Autocreate
	switch {
	case p.server.Standby:
		return
	case pub == nil && mode == "disabled":
		p.fatal("the publication "+name+" does not exist", "publication.autocreate.mode is disabled, so that it must", p.createPublicationSQL())
	case pub == nil && mode == "all_tables" && !p.server.Superuser:
		p.fatal("the publication "+name+" does not exist, and the user "+p.server.User+" may not make it", "a publication for all tables needs a superuser, who has to run the SQL", p.createPublicationSQL())
	case pub == nil:
		p.checkMayCreate()
	default:
		p.checkContents(pub, mode)
	}
}

func (p *flight) checkMayCreate() {
	user := quoteIdent(p.server.User)
	if !p.server.MayCreate {
		p.fatal("the user "+p.server.User+" may not make a publication", "publication.autocreate.mode is "+p.s.Publication.Autocreate+", and the publication "+p.s.Publication.Name+" does not exist",
			"GRANT CREATE ON DATABASE "+quoteIdent(p.s.Server.Database)+" TO "+user+";")
	}
	if p.s.Publication.Autocreate != "filtered" {
		return
	}
	if foreign := p.foreign(func(t *tableFacts) bool { return t.Captured && t.Persistence == "p" }); len(foreign) > 0 {
		p.fatal("the user "+p.server.User+" does not own "+listed(foreign), "only its owner can put a table into a publication; a superuser has to run the SQL", p.createPublicationSQL())
	}
}

// foreign names the tables that the user does not own.
func (p *flight) foreign(which func(*tableFacts) bool) []string {
	var out []string
	for _, t := range p.tables {
		if which(t) && !t.Owned {
			out = append(out, t.name().String())
		}
	}
	return out
}

// checkContents compares a publication with what is captured.
func (p *flight) checkContents(pub *publicationFacts, mode string) {
	name := quoteIdent(p.s.Publication.Name)
	var missing, sql []string
	p.captured(func(t *tableFacts) {
		if !pub.AllTables && !t.Published && !p.underRoot(t, pub) && !p.overLeaves(t, pub) && t.Persistence == "p" {
			missing = append(missing, t.name().String())
			sql = append(sql, t.name().sql())
		}
	})
	add := "ALTER PUBLICATION " + name + " ADD TABLE " + strings.Join(sql, ", ") + ";"
	lacks := func(t *tableFacts) bool { return t.Captured && slices.Contains(missing, t.name().String()) }
	foreign := p.foreign(lacks)
	switch {
	case len(missing) == 0 || mode == "no_tables":
	case mode == "filtered" && pub.Owned && len(foreign) == 0:
		// The connector adds them at its start.
	case mode == "filtered":
		p.findings = append(p.findings, finding{
			What: "the publication " + p.s.Publication.Name + " lacks " + listed(missing),
			Why:  "the user " + p.server.User + " owns not all of them, so that the connector cannot add them; a superuser has to run the SQL",
			SQL:  add, Fatal: !p.again(),
		})
	default:
		p.warn("the publication "+p.s.Publication.Name+" lacks captured tables: "+listed(missing), "their changes never come; publication.autocreate.mode is "+mode, add)
	}
}

// underRoot reports whether a partition comes in under the root that is published.
func (p *flight) underRoot(t *tableFacts, pub *publicationFacts) bool {
	return t.Root != 0 && slices.ContainsFunc(p.tables, func(r *tableFacts) bool { return r.OID == t.Root && r.Published }) || t.Leaf && pub.ViaRoot
}

// overLeaves reports whether t is a root whose changes come under its partitions' names:
// the root itself is then not listed as published.
func (p *flight) overLeaves(t *tableFacts, pub *publicationFacts) bool {
	return t.Kind == "p" && !pub.ViaRoot && slices.ContainsFunc(p.tables, func(l *tableFacts) bool { return l.Root == t.OID && l.Published })
}

// operations pairs operations with how publications call them.
var operations = []struct {
	op   byte
	verb string
	in   func(*publicationFacts) bool
}{
	{'c', "insert", func(p *publicationFacts) bool { return p.Insert }},
	{'u', "update", func(p *publicationFacts) bool { return p.Update }},
	{'d', "delete", func(p *publicationFacts) bool { return p.Delete }},
	{'t', "truncate", func(p *publicationFacts) bool { return p.Truncate }},
}

// checkPublishedParts looks at operations and partitions.
func (p *flight) checkPublishedParts() {
	pub, name := p.publication, quoteIdent(p.s.Publication.Name)
	if pub == nil {
		return
	}
	var wanted, missing []string
	for _, o := range operations {
		if skips := p.s.filter.skips(o.op); !skips || o.in(pub) {
			wanted = append(wanted, o.verb)
			if !o.in(pub) {
				missing = append(missing, o.verb)
			}
		}
	}
	if len(missing) > 0 {
		p.warn("the publication "+p.s.Publication.Name+" leaves out "+strings.Join(missing, ", "), "skipped.operations does not, but they never come",
			"ALTER PUBLICATION "+name+" SET (publish = '"+strings.Join(wanted, ", ")+"');")
	}
	var roots []string
	p.captured(func(t *tableFacts) {
		leaves := func(l *tableFacts) bool { return l.Root == t.OID && l.Kind == "r" && !l.Captured }
		if t.Kind == "p" && slices.ContainsFunc(p.tables, leaves) {
			roots = append(roots, t.name().String())
		}
	})
	if len(roots) > 0 && !pub.ViaRoot && p.server.Version >= 130000 {
		p.warn("partitions of captured tables are not captured: "+listed(roots), "the publication "+p.s.Publication.Name+" names changes after the partition, and the filters do not match all partitions",
			"ALTER PUBLICATION "+name+" SET (publish_via_partition_root = true);")
	}
}

// createPublicationSQL is what the connector would run itself.
func (p *flight) createPublicationSQL() string {
	sql := "CREATE PUBLICATION " + quoteIdent(p.s.Publication.Name)
	switch p.s.Publication.Autocreate {
	case "all_tables":
		sql += " FOR ALL TABLES"
	case "filtered", "disabled":
		var tables []string
		p.captured(func(t *tableFacts) {
			if t.Persistence == "p" {
				tables = append(tables, t.name().sql())
			}
		})
		if len(tables) > 0 {
			sql += " FOR TABLE " + strings.Join(tables, ", ")
		}
	}
	return sql + p.s.publicationOptions(p.server.Version/10000) + ";"
}

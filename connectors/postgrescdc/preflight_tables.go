// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"

	"github.com/connectd/connectd/connectors/postgrescdc/pattern"
)

// identity is the replica identity that a table has once the connector has set what
// replica.identity.autoset.values asks for, and the columns of it; for FULL all.
func (t *tableFacts) identity() (kind string, columns []string) {
	switch {
	case t.wanted.Identity == "FULL" || t.wanted.Identity == "" && t.Identity == "f":
		return "FULL", t.columnNames()
	case t.wanted.Identity == "DEFAULT" || t.wanted.Identity == "" && t.Identity == "d":
		return "DEFAULT", t.Primary
	case t.wanted.Identity == "INDEX":
		return "INDEX", t.CandidateColumns
	case t.wanted.Identity == "" && t.Identity == "i":
		return "INDEX", t.IdentityIndex
	}
	return "NOTHING", nil
}

// willBePublished reports whether the table is in the publication once the connector
// has started.
func (p *flight) willBePublished(t *tableFacts) bool {
	switch {
	case t.Persistence != "p":
		return false
	case t.Published || p.publication != nil && p.publication.AllTables:
		return true
	case p.s.Publication.Autocreate == "filtered", p.publication == nil && p.s.Publication.Autocreate == "disabled":
		return t.Captured // by the connector, or by the SQL of checkPublication
	}
	return p.publication == nil && p.s.Publication.Autocreate == "all_tables"
}

// publishes reports whether old rows are needed: whether updates or deletes are published.
func (p *flight) publishesChanges() bool {
	if p.publication != nil {
		return p.publication.Update || p.publication.Delete
	}
	return !p.s.filter.skips('u') || !p.s.filter.skips('d')
}

// checkIdentities finds the tables whose updates and deletes fail in the application
// as soon as they are published, and those whose old rows lack what settings need.
func (p *flight) checkIdentities() {
	if !p.publishesChanges() {
		return
	}
	var names, mend []string
	for _, t := range p.tables {
		kind, columns := t.identity()
		if t.Kind != "r" || !p.willBePublished(t) || kind == "FULL" || len(columns) > 0 {
			continue
		}
		names = append(names, t.name().String())
		mend = append(mend, identitySQL(t))
	}
	if len(names) > 0 {
		p.warn("tables have no replica identity: "+listed(names),
			"while they are published, every UPDATE and DELETE of them fails in the application: cannot update table because it does not have a replica identity and publishes updates", strings.Join(mend, "\n"))
	}
	for _, t := range p.tables {
		p.checkColumnList(t)
		p.checkRowFilter(t)
	}
	p.checkFull()
}

func identitySQL(t *tableFacts) string {
	switch {
	case len(t.Primary) > 0:
		return "ALTER TABLE " + t.name().sql() + " REPLICA IDENTITY DEFAULT;"
	case t.Candidate != "":
		return "ALTER TABLE " + t.name().sql() + " REPLICA IDENTITY USING INDEX " + quoteIdent(t.Candidate) + ";"
	}
	return "ALTER TABLE " + t.name().sql() + " REPLICA IDENTITY FULL;"
}

// checkColumnList finds column lists that do not cover the replica identity.
func (p *flight) checkColumnList(t *tableFacts) {
	if t.ColumnList == nil || !t.Captured {
		return
	}
	kind, columns := t.identity()
	lacks := slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return slices.Contains(t.ColumnList, c) })
	if kind != "FULL" && len(lacks) == 0 {
		return
	}
	what := "the column list of " + t.name().String() + " in the publication " + p.s.Publication.Name
	why := "every UPDATE and DELETE of the table fails in the application: column list used by the publication does not cover the replica identity"
	publication := "ALTER PUBLICATION " + quoteIdent(p.s.Publication.Name)
	if kind != "FULL" {
		list := append(slices.Clone(t.ColumnList), lacks...)
		for i := range list {
			list[i] = quoteIdent(list[i])
		}
		p.warn(what+" lacks columns of the replica identity: "+listed(lacks), why, publication+" DROP TABLE "+t.name().sql()+";\n"+
			publication+" ADD TABLE "+t.name().sql()+" ("+strings.Join(list, ", ")+");")
		return
	}
	covered := len(t.Primary) > 0 && !slices.ContainsFunc(t.Primary, func(c string) bool { return !slices.Contains(t.ColumnList, c) })
	if covered && t.wanted.Identity == "" {
		p.warn(what+" stands beside REPLICA IDENTITY FULL", why, "ALTER TABLE "+t.name().sql()+" REPLICA IDENTITY DEFAULT;")
		return
	}
	p.warn(what+" stands beside REPLICA IDENTITY FULL", why, publication+" DROP TABLE "+t.name().sql()+";\n"+publication+" ADD TABLE "+t.name().sql()+";")
}

// checkRowFilter finds row filters that need other columns than those of the identity.
func (p *flight) checkRowFilter(t *tableFacts) {
	kind, columns := t.identity()
	if kind == "FULL" || !t.Captured {
		return
	}
	lacks := slices.DeleteFunc(slices.Clone(t.FilterColumns), func(c string) bool { return slices.Contains(columns, c) })
	if len(lacks) == 0 {
		return
	}
	p.warn("the row filter of "+t.name().String()+" in the publication "+p.s.Publication.Name+" needs columns that are not part of the replica identity: "+listed(lacks),
		"every UPDATE and DELETE of the table fails in the application: column used in the publication WHERE expression is not part of the replica identity",
		"ALTER TABLE "+t.name().sql()+" REPLICA IDENTITY FULL;")
}

// checkFull names tables for which something needs the whole old row.
func (p *flight) checkFull() {
	var unchanged, keys, large []*tableFacts
	p.captured(func(t *tableFacts) {
		kind, columns := t.identity()
		if kind == "FULL" || t.Kind != "r" || len(columns) == 0 {
			return
		}
		if p.s.Format.SkipUnchangedUpdate {
			unchanged = append(unchanged, t)
		}
		chosen := p.s.filter.keyColumns(t.Schema, t.Name, t.columnNames())
		if slices.ContainsFunc(chosen, func(c string) bool { return !slices.Contains(columns, c) }) {
			keys = append(keys, t)
		}
		if t.Toasted {
			large = append(large, t)
		}
	})
	p.wantFull(unchanged, "skip.messages.without.change has no effect on ", "whether something has changed can only be seen with the whole old row")
	p.wantFull(keys, "message.key.columns names columns that are not part of the replica identity of ", "deletes, and updates of the key, do not have their old values")
	p.wantFull(large, "tables have large values: ", "an update that does not touch such a value has unavailable.value.placeholder in its place, since the server's log does not have it. The whole old row has it, at the price of a larger log")
}

// wantFull warns of tables that REPLICA IDENTITY FULL would help.
func (p *flight) wantFull(tables []*tableFacts, what, why string) {
	if len(tables) == 0 {
		return
	}
	names, mend := make([]string, len(tables)), make([]string, len(tables))
	for i, t := range tables {
		names[i], mend[i] = t.name().String(), "ALTER TABLE "+t.name().sql()+" REPLICA IDENTITY FULL;"
	}
	p.warn(what+listed(names), why, strings.Join(mend, "\n"))
}

// checkKeys names tables whose records have no key.
func (p *flight) checkKeys() {
	var names, mend []string
	p.captured(func(t *tableFacts) {
		chosen := p.s.filter.keyColumns(t.Schema, t.Name, t.columnNames())
		if len(t.Primary) > 0 || len(chosen) > 0 || t.Candidate != "" || p.s.filter.signals(t.Schema, t.Name) || t.Leaf {
			return
		}
		names = append(names, t.name().String())
		if id := slices.Index(t.columnNames(), "id"); id >= 0 {
			mend = append(mend, "ALTER TABLE "+t.name().sql()+" ADD PRIMARY KEY (id);")
		}
	})
	if len(names) > 0 {
		p.warn("tables have no key: "+listed(names), "their records are spread over partitions without order, and compaction cannot work; add a primary key, or name columns in message.key.columns", strings.Join(mend, "\n"))
	}
	p.checkKeySetting()
}

// checkKeySetting finds rules of message.key.columns that name nothing.
func (p *flight) checkKeySetting() {
	for _, rule := range p.s.filter.keys {
		found := false
		p.captured(func(t *tableFacts) {
			found = found || slices.ContainsFunc(t.columnNames(), func(c string) bool { return rule.MatchString(t.name().String() + "." + c) })
		})
		if !found {
			p.warn("message.key.columns names a column that no captured table has: "+pattern.Written(rule), "the rule has no effect", "")
		}
	}
}

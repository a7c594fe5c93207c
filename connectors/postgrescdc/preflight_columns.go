// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"slices"
	"strings"
)

// checkNames finds names that become the same on their way.
func (p *flight) checkNames() {
	byTopic, byCase := map[string][]string{}, map[string][]string{}
	p.captured(func(t *tableFacts) {
		topic := p.s.topicOf(t.name())
		byTopic[topic] = append(byTopic[topic], t.name().String())
		folded := strings.ToLower(t.name().String())
		byCase[folded] = append(byCase[folded], t.name().String())
		p.checkFieldNames(t)
	})
	for _, topic := range sortedKeys(byTopic) {
		if names := byTopic[topic]; len(names) > 1 {
			p.clash("tables share the topic "+topic+": "+listed(names), "their records cannot be told apart by topic and schema; leave one out, or route it by a transform", "")
		}
	}
	for _, folded := range sortedKeys(byCase) {
		if names := byCase[folded]; len(names) > 1 {
			p.warn("tables differ only in case: "+listed(names), "filters do not regard case: they mean all of them or none", "")
		}
	}
}

func (p *flight) checkFieldNames(t *tableFacts) {
	fields := map[string][]string{}
	for _, c := range t.Columns {
		if p.s.filter.column(t.Schema, t.Name, c.Name) {
			field := p.s.Format.FieldNames.fieldName(c.Name)
			fields[field] = append(fields[field], c.Name)
		}
	}
	for _, field := range sortedKeys(fields) {
		if names := fields[field]; len(names) > 1 {
			p.clash("columns of "+t.name().String()+" share the field "+field+": "+listed(names),
				"a record has a field once; use field.name.adjustment.mode=avro_unicode, or leave one out by column.exclude.list", "")
		}
	}
}

// clash is fatal, unless records have been written with it already.
func (p *flight) clash(what, why, sql string) {
	p.findings = append(p.findings, finding{What: what, Why: why, SQL: sql, Fatal: !p.again()})
}

// checkColumns finds masks that do not do what they seem to do.
func (p *flight) checkColumns() {
	for i := range p.s.columns.masks {
		p.checkMask(&p.s.columns.masks[i])
	}
	p.checkGenerated()
}

// checkGenerated finds columns that reading a table has and the stream has not.
func (p *flight) checkGenerated() {
	var missing []string
	sql := ""
	p.captured(func(t *tableFacts) {
		for _, c := range t.Columns {
			if c.Generated == "" || !p.s.filter.column(t.Schema, t.Name, c.Name) || p.publishes(t, c) {
				continue
			}
			missing = append(missing, t.name().String()+"."+c.Name)
			if c.Generated == "s" && p.server.Version >= 180000 {
				sql = "ALTER PUBLICATION " + quoteIdent(p.s.Publication.Name) + " SET (publish_generated_columns = stored);"
			}
		}
	})
	if len(missing) > 0 {
		p.warn("the stream does not have the generated columns "+listed(missing),
			"records of rows that are read have them, and records of changes do not. From version 18 on a publication can have those that are stored; others can be left out by column.exclude.list", sql)
	}
}

// publishes reports whether the publication has a generated column.
func (p *flight) publishes(t *tableFacts, c columnFacts) bool {
	if c.Generated != "s" {
		return false
	}
	return slices.Contains(t.ColumnList, c.Name) || p.publication != nil && p.publication.Generated && len(t.ColumnList) == 0
}

func (p *flight) checkMask(rule *columnRule) {
	matches := 0
	var keys, types []string
	p.captured(func(t *tableFacts) {
		key := p.s.filter.keyColumns(t.Schema, t.Name, t.columnNames())
		if len(key) == 0 {
			key = t.Primary
		}
		for _, c := range t.Columns {
			name := t.name().String() + "." + c.Name
			if !rule.columns.Match(name) {
				continue
			}
			matches++
			if slices.Contains(key, c.Name) {
				keys = append(keys, name)
			}
			if rule.length < 0 && !maskable(c.Type) && p.s.filter.column(t.Schema, t.Name, c.Name) {
				types = append(types, fmt.Sprintf("%s (%s)", name, c.Type))
			}
		}
	})
	setting := hideSalt(rule.key)
	if matches == 0 {
		p.warn(setting+" matches no column of a captured table", "nothing is hidden by it", "")
	}
	if len(keys) > 0 {
		p.warn(setting+" matches columns of keys: "+listed(keys), "values of record keys are never changed: what is hidden in the value is readable in the key", "")
	}
	if len(types) > 0 {
		p.warn(setting+" matches columns of types that cannot be masked: "+listed(types), "their values go out as they are; leave them out by column.exclude.list", "")
	}
}

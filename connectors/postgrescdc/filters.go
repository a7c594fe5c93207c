// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pattern"
)

// filter says what is captured. It is immutable and safe for concurrent use. Its
// answers are meant for the plan of a table, not for each row: they run regular
// expressions.
type filter struct {
	schemaIn, schemaOut   pattern.List
	tableIn, tableOut     pattern.List
	columnIn, columnOut   pattern.List
	messageIn, messageOut pattern.List
	snapshotIn            pattern.List
	signalTable           string
	skipped               [256]bool
	keys                  []*regexp.Regexp // for schema.table.column, in the order of the key
}

// newFilter reads the lists of a configuration. Lists that contradict each other are
// reported by parseSettings.
func newFilter(c connect.Config) (*filter, connect.ConfigErrors) {
	f := &filter{signalTable: strings.ToLower(listText(c, "signal.data.collection"))}
	var errs connect.ConfigErrors
	for _, l := range []struct {
		key string
		to  *pattern.List
	}{
		{"schema.include.list", &f.schemaIn}, {"schema.exclude.list", &f.schemaOut},
		{"table.include.list", &f.tableIn}, {"table.exclude.list", &f.tableOut},
		{"column.include.list", &f.columnIn}, {"column.exclude.list", &f.columnOut},
		{"message.prefix.include.list", &f.messageIn}, {"message.prefix.exclude.list", &f.messageOut},
		{"snapshot.include.collection.list", &f.snapshotIn},
	} {
		patterns, err := pattern.ParseList(listText(c, l.key))
		if err != nil {
			errs = append(errs, *invalid(l.key, listText(c, l.key), err.Error(), ""))
		}
		*l.to = patterns
	}
	errs = append(errs, f.parseSkipped(c)...)
	if err := f.parseKeys(c.String("message.key.columns")); err != nil {
		errs = append(errs, *invalid("message.key.columns", c.String("message.key.columns"), err.Error(), "write schema.table:column,column;schema.other:column"))
	}
	return f, errs
}

// listText is a list as the user wrote it: the general decoding of lists knows no
// escaped commas.
func listText(c connect.Config, key string) string { return strings.TrimSpace(c.Raw()[key]) }

func (f *filter) parseSkipped(c connect.Config) connect.ConfigErrors {
	const key = "skipped.operations"
	list := c.List(key)
	for _, op := range list {
		op = strings.ToLower(op)
		switch {
		case op == "none" && len(list) == 1:
		case op == "none":
			return connect.ConfigErrors{*invalid(key, strings.Join(list, ","), "none stands alone", "")}
		case slices.Contains([]string{"c", "u", "d", "t"}, op):
			f.skipped[op[0]] = true
		default:
			return connect.ConfigErrors{*invalid(key, strings.Join(list, ","), "each element must be one of c, u, d, t, none", "c is insert, u update, d delete, t truncate")}
		}
	}
	return nil
}

// parseKeys reads table:column,column;table:column, where both are regular expressions.
func (f *filter) parseKeys(list string) error {
	for _, part := range strings.Split(list, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		table, columns, ok := strings.Cut(part, ":")
		if !ok || table == "" || columns == "" || strings.Contains(columns, ":") {
			return fmt.Errorf("'%s' is not of the form table:column,column", part)
		}
		for _, column := range strings.Split(columns, ",") {
			column = strings.TrimSpace(column)
			if column == "" {
				return fmt.Errorf("'%s' names an empty column", part)
			}
			re, err := pattern.Compile(table + "." + column)
			if err != nil {
				return err
			}
			f.keys = append(f.keys, re)
		}
	}
	return nil
}

// table reports whether rows of the table are captured. System schemas never are; the
// table of signals always is.
func (f *filter) table(schema, table string) bool {
	if systemSchema(schema) || strings.EqualFold(table, "spatial_ref_sys") {
		return false
	}
	name := schema + "." + table
	if f.signals(schema, table) {
		return true
	}
	return allowed(f.schemaIn, f.schemaOut, schema) && allowed(f.tableIn, f.tableOut, name)
}

// signals reports whether the table is the one of signals.
func (f *filter) signals(schema, table string) bool {
	return f.signalTable != "" && strings.EqualFold(f.signalTable, schema+"."+table)
}

// column reports whether a column is part of the value. Key columns are part of the key
// in any case.
func (f *filter) column(schema, table, column string) bool {
	return allowed(f.columnIn, f.columnOut, schema+"."+table+"."+column)
}

// message reports whether logical messages with this prefix are captured.
func (f *filter) message(prefix string) bool {
	return allowed(f.messageIn, f.messageOut, prefix)
}

// skips reports whether an operation (c, u, d or t) is left out of the stream. Snapshot
// rows and messages never are.
func (f *filter) skips(op byte) bool { return f.skipped[op] }

// snapshot reports whether a snapshot reads the table, which must be captured.
func (f *filter) snapshot(schema, table string) bool {
	return f.table(schema, table) && (len(f.snapshotIn) == 0 || f.snapshotIn.Match(schema+"."+table))
}

// keyColumns chooses the key from columns, the names of the table's columns in the
// order of the table, by message.key.columns; nil means that the primary key counts.
// The order is that of the setting. A column that two rules name comes once.
func (f *filter) keyColumns(schema, table string, columns []string) []string {
	var out []string
	for _, re := range f.keys {
		for _, c := range columns {
			if re.MatchString(schema+"."+table+"."+c) && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// allowed applies the two lists of a pair, of which at most one is set.
func allowed(include, exclude pattern.List, name string) bool {
	if len(include) > 0 {
		return include.Match(name)
	}
	return !exclude.Match(name)
}

// systemSchema reports whether a schema belongs to the server.
func systemSchema(schema string) bool {
	switch schema {
	case "pg_catalog", "information_schema", "pg_toast":
		return true
	}
	return strings.HasPrefix(schema, "pg_temp_") || strings.HasPrefix(schema, "pg_toast_temp_")
}

// statement returns the SELECT of settings for a table, and whether there is one.
func (s *settings) statement(schema, table string) (string, bool) {
	q, ok := s.Snapshot.Statements[strings.ToLower(schema+"."+table)]
	return q, ok
}

// identityRule sets the replica identity of the tables that match.
type identityRule struct {
	table    *regexp.Regexp
	Identity string // DEFAULT, FULL, NOTHING, INDEX
	Index    string // of INDEX
}

var identityForm = regexp.MustCompile(`(?i)^([^\s:]+):(DEFAULT|FULL|NOTHING|INDEX\s+("[^"]+"|\w+))$`)

func parseIdentities(list string) ([]identityRule, error) {
	var out []identityRule
	for _, part := range strings.Split(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		m := identityForm.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("'%s' is not of the form table:DEFAULT, FULL, NOTHING or INDEX name", part)
		}
		re, err := pattern.Compile(m[1])
		if err != nil {
			return nil, err
		}
		kind, _, _ := strings.Cut(strings.ToUpper(m[2]), " ")
		out = append(out, identityRule{table: re, Identity: kind, Index: strings.Trim(m[3], `"`)})
	}
	return out, nil
}

// identity returns the replica identity that the settings ask for, nil for none. Two
// rules for one table are an error.
func (p *publicationSettings) identity(schema, table string) (*identityRule, error) {
	var found *identityRule
	for i := range p.Identities {
		if !p.Identities[i].table.MatchString(schema + "." + table) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("replica.identity.autoset.values: more than one rule matches the table %s.%s", schema, table)
		}
		found = &p.Identities[i]
	}
	return found, nil
}

// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/types"
)

// relation is a table as the stream, or the catalog for a snapshot, describes it.
type relation struct {
	id   uint32
	name tableName
	// identity is the replica identity: d, n, f or i.
	identity byte
	columns  []relationColumn
}

// text lists the columns for people.
func (r *relation) text() string {
	parts := make([]string, len(r.columns))
	for i, c := range r.columns {
		parts[i] = fmt.Sprintf("%q of type %d", c.name, c.typ)
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

type relationColumn struct {
	name   string
	typ    uint32
	typmod int32
	// identity says that the column is part of the replica identity; with f all are.
	identity bool
}

func (r *relation) equal(o *relation) bool {
	return r.id == o.id && r.name == o.name && r.identity == o.identity && slices.Equal(r.columns, o.columns)
}

// tablePlan says how the rows of one table become records. It is immutable; a change of
// the table makes another.
type tablePlan struct {
	relation relation
	// described are the columns as they were planned: with what the catalog knows of
	// them besides what the stream says.
	described []types.Column

	captured bool
	// early says that the description is of a transaction from before the task began, and
	// that none since has confirmed it.
	early bool
	// signals says that the table is the one of signals: its rows are also obeyed.
	signals bool
	name    string
	topic   string
	// schema and table are what source says.
	schema, table connect.Value
	columns       []columnPlan
	fields        int
	row           *connect.Schema
	keySchema     *connect.Schema
	envelope      *connect.Schema
	// key holds the places of the key columns in the order of the key.
	key []int
	// keyIsIdentity says that old tuples have all key columns, so that a change of the
	// key can be seen.
	keyIsIdentity bool
	// chunkKey holds the places of the primary key in its order, nil if there is none or
	// if the catalog and the stream do not agree on it.
	chunkKey []int
	// form is a number for the form of the table, and primary its primary key, or the
	// unique index in its place, as the topic of schema changes tells them.
	form    uint64
	primary []string
	// reselectKey holds the places of the columns by which rows are found whose values are
	// asked for; nil if none are.
	reselectKey []int
}

// columnPlan is one column, in the order of the stream.
type columnPlan struct {
	plan *types.ColumnPlan
	// field is the place in the row, and key the one in the key; -1 for none.
	field, key int
	// null is what stands in the row for null: null, or the default or the zero of a
	// column that forbids it, since old tuples have nulls where the server says nothing.
	null connect.Value
	mask func(a *connect.Arena, v connect.Value) connect.Value
	// reselect says that values which the stream did not send are asked for.
	reselect bool
	// labels are those of an enum, which can grow without notice.
	labels []string
}

// planner makes plans of tables.
type planner struct {
	s       *settings
	schemas *schemas
	types   *types.Catalog
	modes   types.Modes
}

// plan decides how the rows of a table look. known is what the catalog says now, which
// may be newer than the relation: only what is said of a column with the same name and
// type is taken over.
func (p *planner) plan(r relation, known *catalogTable) (*tablePlan, error) {
	t := &tablePlan{
		relation: r, schema: connect.String(r.name.schema), table: connect.String(r.name.table),
		captured: p.s.filter.table(r.name.schema, r.name.table), signals: p.s.filter.signals(r.name.schema, r.name.table),
	}
	if !t.captured {
		return t, nil
	}
	t.chunkKey = known.chunkKey(&r)
	keys, chosen := p.keyOf(&r, known)
	t.described = make([]types.Column, len(r.columns))
	for i, c := range r.columns {
		t.described[i] = known.describe(c)
		if !chosen && slices.Contains(keys, c.name) && (r.identity == 'd' && c.identity || known.primary) {
			t.described[i].NotNull = true
		}
	}
	if t.primary = keys; chosen {
		t.primary = nil
	}
	if chosen && t.chunkKey != nil {
		t.primary = known.key
	}
	t.form = formOf(t, t.primary)
	return t, p.build(t, keys)
}

// loosen makes a plan in which a column allows null: the catalog said otherwise, but a
// null has come.
func (p *planner) loosen(t *tablePlan, column int) (*tablePlan, error) {
	next := &tablePlan{
		relation: t.relation, schema: t.schema, table: t.table, captured: true, signals: t.signals, chunkKey: t.chunkKey, described: slices.Clone(t.described),
		form: t.form, primary: t.primary,
	}
	next.described[column].NotNull = false
	keys := make([]string, len(t.key))
	for i, k := range t.key {
		keys[i] = t.described[k].Name
	}
	return next, p.build(next, keys)
}

// fitting returns a plan that allows the nulls of a tuple; the plan is returned as it is
// if there is an error.
func (p *planner) fitting(t *tablePlan, tuple []tupleColumn) (*tablePlan, error) {
	for i := range min(len(tuple), len(t.columns)) {
		if tuple[i].Kind != columnNull || t.columns[i].field < 0 || !t.columns[i].forbidsNull() {
			continue
		}
		next, err := p.loosen(t, i)
		if err != nil {
			return t, err
		}
		t = next
	}
	return t, nil
}

// forbidsNull reports whether a null of the column has no place in the row.
func (c *columnPlan) forbidsNull() bool { return c.plan.Schema != nil && !c.plan.Schema.Optional() }

// build fills in everything that follows from the described columns.
func (p *planner) build(t *tablePlan, keys []string) error {
	name := t.relation.name
	t.name, t.topic = name.String(), p.s.topicOf(name)
	base := p.s.Format.SchemaNames.schemaName(t.topic)
	row := connect.NewStruct(base + ".Value").Optional()
	taken := map[string]string{}
	t.columns = make([]columnPlan, len(t.described))
	for i := range t.described {
		if err := p.column(t, i, row, taken); err != nil {
			return fmt.Errorf("plan table %s: %w", name, err)
		}
	}
	var err error
	if t.row, err = row.Build(); err != nil {
		return fmt.Errorf("plan table %s: %w", name, err)
	}
	if err := p.keySchema(t, base+".Key", keys); err != nil {
		return fmt.Errorf("plan table %s: %w", name, err)
	}
	t.envelope = p.schemas.envelope(base+".Envelope", t.row)
	p.reselects(t)
	return nil
}

// column plans one column and adds it to the row, unless it is left out.
func (p *planner) column(t *tablePlan, i int, row *connect.Builder, taken map[string]string) error {
	d := &t.described[i]
	name, typeName := t.relation.name, p.typeName(d.Type)
	length := typeLength(d.TypMod)
	mask, propagate := p.s.columns.forColumn(name.schema, name.table, d.Name, typeName, length)
	d.SourceType = propagate
	plan, err := types.Plan(*d, p.types, p.modes)
	if err != nil {
		return err
	}
	c := columnPlan{plan: plan, field: -1, key: -1, mask: mask}
	if !plan.Dropped && p.s.filter.column(name.schema, name.table, d.Name) {
		field := p.s.Format.FieldNames.fieldName(d.Name)
		if other, twice := taken[field]; twice {
			return fmt.Errorf("columns %q and %q both become the field %q; set field.name.adjustment.mode=avro_unicode or exclude one of them", other, d.Name, field)
		}
		taken[field] = d.Name
		c.field = t.fields
		t.fields++
		row.Field(field, p.fieldSchema(name, d.Name, typeName, length, plan.Schema))
	}
	if !plan.Dropped {
		c.null = plan.Absent()
	}
	if et := p.types.Type(d.Type); et != nil && et.Kind == 'e' {
		c.labels = et.Labels
	}
	t.columns[i] = c
	return nil
}

// fieldSchema adds what a masked or truncated column says of itself.
func (p *planner) fieldSchema(t tableName, column, typeName string, length int, s *connect.Schema) *connect.Schema {
	name, value, ok := p.s.columns.parameter(t.schema, t.table, column, typeName, length)
	if !ok {
		return s
	}
	return connect.Like(s, false).Param(name, value).MustBuild()
}

func (p *planner) typeName(oid uint32) string {
	if t := p.types.Type(oid); t != nil {
		return t.Name
	}
	return ""
}

// typeLength is the declared length of character types; -1 for none.
func typeLength(typmod int32) int {
	if typmod < 4 {
		return -1
	}
	return int(typmod - 4)
}

// keySchema makes the key of the columns of these names; a table may have none.
func (p *planner) keySchema(t *tablePlan, name string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	b := connect.NewStruct(name)
	t.keyIsIdentity = true
	for _, k := range keys {
		i := slices.IndexFunc(t.described, func(c types.Column) bool { return c.Name == k })
		if i < 0 || t.columns[i].plan.Dropped {
			continue
		}
		t.columns[i].key = len(t.key)
		t.key = append(t.key, i)
		t.keyIsIdentity = t.keyIsIdentity && t.relation.columns[i].identity
		schema, err := p.keyField(t, i)
		if err != nil {
			return err
		}
		b.Field(p.s.Format.FieldNames.fieldName(k), schema)
	}
	if len(t.key) == 0 {
		return nil
	}
	var err error
	t.keySchema, err = b.Build()
	return err
}

// keyField is the schema of a column in the key: it never tells the type at the source.
func (p *planner) keyField(t *tablePlan, i int) (*connect.Schema, error) {
	d := t.described[i]
	if !d.SourceType {
		return t.columns[i].plan.Schema, nil
	}
	d.SourceType = false
	plan, err := types.Plan(d, p.types, p.modes)
	if err != nil {
		return nil, err
	}
	return plan.Schema, nil
}

// keyOf chooses the key columns: message.key.columns, else the primary key in its own
// order, else a unique index. A key that the catalog knows and the stream contradicts is
// of another time: then the columns that the stream marks are the key.
func (p *planner) keyOf(r *relation, known *catalogTable) (keys []string, chosen bool) {
	names := make([]string, len(r.columns))
	var marked []string
	for i, c := range r.columns {
		names[i] = c.name
		if c.identity && r.identity != 'f' {
			marked = append(marked, c.name)
		}
	}
	if chosen := p.s.filter.keyColumns(r.name.schema, r.name.table, names); len(chosen) > 0 {
		return chosen, true
	}
	there := func(k string) bool { return slices.Contains(names, k) }
	usable := len(known.key) > 0 && !slices.ContainsFunc(known.key, func(k string) bool { return !there(k) })
	if r.identity == 'd' && len(marked) > 0 && !(usable && sameNames(known.key, marked)) {
		return marked, false
	}
	if usable {
		return known.key, false
	}
	return marked, false
}

// sameNames compares sets.
func sameNames(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// topicOf is the topic of a table's rows; characters that topics do not allow become _.
func (s *settings) topicOf(n tableName) string {
	d := s.Topics.Delimiter
	return legalTopic(s.Topics.Prefix + d + n.schema + d + n.table)
}

func legalTopic(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, name)
}

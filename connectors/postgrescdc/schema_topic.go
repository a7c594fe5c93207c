// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
)

// schemaChangesTopic is the key of the topic's name.
const schemaChangesTopic = "connectd.schema.changes.topic"

// tableForms are the forms of tables that the topic of schema changes has been told, by
// the table's name. They are part of the place and not changed after they were made.
type tableForms struct {
	told map[string]uint64
	// order is the order in which they were told.
	order []string
}

// formsMost is how many forms are kept. Of the tables that were told before, the form is
// told once more.
const formsMost = 500

// with returns the forms with one more.
func (f *tableForms) with(table string, form uint64) *tableForms {
	next := &tableForms{told: map[string]uint64{table: form}, order: []string{table}}
	if f == nil {
		return next
	}
	for name, old := range f.told {
		if name != table {
			next.told[name] = old
		}
	}
	next.order = append(slices.DeleteFunc(slices.Clone(f.order), func(n string) bool { return n == table }), table)
	for len(next.order) > formsMost {
		delete(next.told, next.order[0])
		next.order = next.order[1:]
	}
	return next
}

func (f *tableForms) of(table string) (uint64, bool) {
	if f == nil {
		return 0, false
	}
	form, ok := f.told[table]
	return form, ok
}

// text writes the forms as they are stored: in hexadecimal, each followed by its table
// and the end of the line, in the order in which they were told.
func (f *tableForms) text() string {
	var b strings.Builder
	for _, name := range f.order {
		fmt.Fprintf(&b, "%016x%s\n", f.told[name], name)
	}
	return b.String()
}

const formDigits = 16

func parseForms(text string) (*tableForms, error) {
	f := &tableForms{told: map[string]uint64{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) < formDigits {
			return nil, fmt.Errorf("%q is too short", line)
		}
		form, err := strconv.ParseUint(line[:formDigits], 16, 64)
		if err != nil {
			return nil, err
		}
		name := line[formDigits:]
		if _, twice := f.told[name]; !twice {
			f.order = append(f.order, name)
		}
		f.told[name] = form
	}
	return f, nil
}

func (p *place) readForms(o *offsetMembers) {
	if v, there := o.v.Get(memberForms); !there || v.IsNull() {
		return
	}
	var err error
	if p.forms, err = parseForms(o.text(memberForms)); err != nil && o.err == nil {
		o.err = fmt.Errorf("read stored offset: member %q must be lines of forms and tables: %w", memberForms, err)
	}
}

// formOf is a number for the form of a table: its name, columns, key and replica
// identity, and what the catalog says of nulls and defaults.
func formOf(t *tablePlan, keys []string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %d %q\n", t.relation.name.String(), t.relation.identity, keys)
	for i, c := range t.relation.columns {
		d := &t.described[i]
		fmt.Fprintf(h, "%q %d %d %t %t %q %t %t\n", c.name, c.typ, c.typmod, c.identity, d.NotNull, d.Default, d.Generated, d.Identity)
	}
	return max(h.Sum64(), 1)
}

// tell writes the form of a table before the first change that has it. It takes one part
// of each change, written or not: what is a part must not depend on what was told. A
// table whose name has the end of a line is not told: it cannot be kept.
func (e *emitter) tell(t *tablePlan) {
	tx := &e.tx
	if e.s.Topics.SchemaChanges == "" {
		return
	}
	told, known := e.place.forms.of(t.name)
	if tx.ordinal <= tx.done || known && told == t.form || strings.Contains(t.name, "\n") {
		tx.part++
		return
	}
	r := e.record(metadataSize+tellSize*len(t.described), false)
	if r != &e.scratch {
		e.schemaChange(r, t, known)
	}
	e.place.forms = e.place.forms.with(t.name, t.form)
	tx.stretch = -1 // places behind it have other forms
}

// tellSize is what a column counts.
const tellSize = 64

// schemaChange fills in a record of Debezium's shape, for which its connector for
// PostgreSQL has no topic.
func (e *emitter) schemaChange(r *connect.Record, t *tablePlan, known bool) {
	a, s := &e.b.Arena, e.schemas.changes
	columns := make([]connect.Value, len(t.described))
	for i := range t.described {
		columns[i] = e.columnChange(t, i)
	}
	keys := make([]connect.Value, len(t.primary))
	for i, k := range t.primary {
		keys[i] = connect.String(k)
	}
	table := structOf(a, s.table, connect.Null(), connect.Array(keys), connect.Array(columns), connect.Null())
	kind := "CREATE"
	if known {
		kind = "ALTER"
	}
	change := structOf(a, s.change, connect.String(kind), connect.String(t.relation.name.sql()), table)
	o := e.origin()
	db := connect.String(e.s.Server.Database)
	r.Topic, r.Headers = e.s.Topics.SchemaChanges, e.headers
	r.KeySchema, r.Key = s.key, structOf(a, s.key, db)
	r.ValueSchema, r.Value = s.value, structOf(a, s.value, e.sourceBlock(a, &o, t.schema, t.table), connect.Int64(e.now().UnixMilli()),
		db, t.schema, connect.Null(), connect.Array([]connect.Value{change}))
}

func structOf(a *connect.Arena, s *connect.Schema, values ...connect.Value) connect.Value {
	st := a.Struct(s)
	copy(st.Values, values)
	return connect.StructValue(st)
}

func (e *emitter) columnChange(t *tablePlan, i int) connect.Value {
	d, typ := &t.described[i], e.relations.planner.typeName(t.described[i].Type)
	length, scale := connect.Null(), connect.Null()
	switch {
	case d.TypMod >= 4 && typ == "numeric":
		m := d.TypMod - 4
		length, scale = connect.Int32(m>>16&0xffff), connect.Int32((m&0x7ff^1024)-1024)
	case d.TypMod >= 4 && (typ == "varchar" || typ == "bpchar"):
		length = connect.Int32(int32(typeLength(d.TypMod)))
	}
	def, labels := connect.Null(), connect.Null()
	if d.Default != "" {
		def = connect.String(d.Default)
	}
	if names := t.columns[i].labels; names != nil {
		list := make([]connect.Value, len(names))
		for n, l := range names {
			list[n] = connect.String(l)
		}
		labels = connect.Array(list)
	}
	auto := d.Identity || strings.HasPrefix(d.Default, "nextval(")
	return structOf(&e.b.Arena, e.schemas.changes.column, connect.String(d.Name), connect.Int32(jdbcType(typ)), connect.Int32(int32(d.Type)),
		connect.String(typ), connect.String(typ), connect.Null(), length, scale, connect.Int32(int32(i+1)), connect.Bool(!d.NotNull),
		connect.Bool(auto), connect.Bool(d.Generated), connect.Null(), def, labels)
}

// jdbcType is the number of a type in java.sql.Types, 1111 for those that it has no
// number for.
func jdbcType(name string) int32 {
	if strings.HasPrefix(name, "_") {
		return 2003
	}
	if n, ok := jdbcTypes[name]; ok {
		return n
	}
	return 1111
}

var jdbcTypes = map[string]int32{
	"int2": 5, "int4": 4, "int8": -5, "oid": -5, "float4": 7, "float8": 8, "numeric": 2, "money": 8, "bool": -7, "bit": -7, "bytea": -2,
	"text": 12, "varchar": 12, "name": 12, "bpchar": 1, "char": 1, "date": 91, "time": 92, "timetz": 92, "timestamp": 93, "timestamptz": 93, "xml": 2009,
}

// changeSchemas are those of the topic of schema changes.
type changeSchemas struct{ key, value, change, table, column *connect.Schema }

func newChangeSchemas(source *connect.Schema) *changeSchemas {
	const common = "io.debezium.connector.schema."
	texts := connect.NewArray(connect.StringSchema).Optional().MustBuild()
	optionalBool := connect.NewSchema(connect.TypeBoolean).Optional().MustBuild()
	s := &changeSchemas{}
	s.column = connect.NewStruct(common+"Column").Version(1).
		Field("name", connect.StringSchema).Field("jdbcType", connect.Int32Schema).Field("nativeType", connect.OptionalInt32Schema).
		Field("typeName", connect.StringSchema).Field("typeExpression", connect.OptionalStringSchema).Field("charsetName", connect.OptionalStringSchema).
		Field("length", connect.OptionalInt32Schema).Field("scale", connect.OptionalInt32Schema).Field("position", connect.Int32Schema).
		Field("optional", optionalBool).Field("autoIncremented", optionalBool).Field("generated", optionalBool).
		Field("comment", connect.OptionalStringSchema).Field("defaultValueExpression", connect.OptionalStringSchema).Field("enumValues", texts).MustBuild()
	s.table = connect.NewStruct(common+"Table").Version(1).Optional().
		Field("defaultCharsetName", connect.OptionalStringSchema).Field("primaryKeyColumnNames", texts).
		Field("columns", connect.NewArray(s.column).MustBuild()).Field("comment", connect.OptionalStringSchema).MustBuild()
	s.change = connect.NewStruct(common+"Change").Version(1).
		Field("type", connect.StringSchema).Field("id", connect.StringSchema).Field("table", s.table).MustBuild()
	s.key = connect.NewStruct("io.debezium.connector.postgresql.SchemaChangeKey").Version(1).Field("databaseName", connect.StringSchema).MustBuild()
	s.value = connect.NewStruct("io.debezium.connector.postgresql.SchemaChangeValue").Version(1).
		Field("source", source).Field("ts_ms", connect.Int64Schema).Field("databaseName", connect.OptionalStringSchema).
		Field("schemaName", connect.OptionalStringSchema).Field("ddl", connect.OptionalStringSchema).
		Field("tableChanges", connect.NewArray(s.change).MustBuild()).MustBuild()
	return s
}

// refit makes a place fit to whether forms are told: a place in the middle of a change
// counts the part that each change has for its table's form only while they are. The
// first change of a transaction has one for the record of its begin before that.
func (p *place) refit(told, transactions bool) {
	counted, before := p.forms != nil, int64(0)
	if transactions && p.ordinal == 0 {
		before = 1
	}
	switch {
	case told && !counted:
		p.forms = &tableForms{told: map[string]uint64{}}
		if p.part > before {
			p.part++
		}
	case !told && counted:
		p.forms = nil
		if p.part > before {
			p.part--
		}
	}
}

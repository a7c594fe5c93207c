// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

var (
	rowSchema = connect.NewStruct("srv.public.users.Value").Optional().
			Field("id", connect.Int64Schema).Field("name", connect.StringSchema).
			Field("note", connect.OptionalStringSchema).
			Field("n", connect.NewSchema(connect.TypeInt32).Optional().Default(connect.Int32(7)).MustBuild()).MustBuild()
	sourceSchema = connect.NewStruct("io.debezium.connector.postgresql.Source").
			Field("ts_ms", connect.Int64Schema).Field("db", connect.StringSchema).Field("table", connect.StringSchema).
			Field("snapshot", connect.NewSchema(connect.TypeString).Optional().Default(connect.String("false")).MustBuild()).MustBuild()
	transactionSchema = connect.NewStruct("event.block").Optional().
				Field("id", connect.StringSchema).Field("total_order", connect.Int64Schema).Field("data_collection_order", connect.Int64Schema).MustBuild()
	envelopeSchema = connect.NewStruct("srv.public.users.Envelope").
			Field("before", rowSchema).Field("after", rowSchema).Field("source", sourceSchema).Field("transaction", transactionSchema).
			Field("op", connect.StringSchema).Field("ts_ms", connect.OptionalInt64Schema).MustBuild()
	userKeySchema = connect.NewStruct("srv.public.users.Key").Field("id", connect.Int64Schema).Field("note", connect.OptionalStringSchema).MustBuild()
)

func structOfValues(s *connect.Schema, v ...connect.Value) connect.Value {
	return connect.StructValue(&connect.Struct{Schema: s, Values: v})
}

func userRow(id int64, name string) connect.Value {
	return structOfValues(rowSchema, connect.Int64(id), connect.String(name), connect.String("x"), connect.Null())
}

// change makes a change event of the table users.
func change(op string, before, after connect.Value) connect.Record {
	source := structOfValues(sourceSchema, connect.Int64(5), connect.String("shop"), connect.String("users"), connect.Null())
	key := structOfValues(userKeySchema, connect.Int64(1), connect.String("k"))
	return connect.Record{
		Topic: "srv.public.users", Partition: connect.NoPartition, Timestamp: 1000, KeySchema: userKeySchema, Key: key, ValueSchema: envelopeSchema,
		Value: structOfValues(envelopeSchema, before, after, source, connect.Null(), connect.String(op), connect.Int64(6)),
	}
}

func tombstone() connect.Record {
	r := change("d", connect.Null(), connect.Null())
	r.Value, r.ValueSchema = connect.Null(), nil
	return r
}

// full writes a record with its headers and with the schema of its value.
func full(r *connect.Record) string {
	text := line(r) + " " + r.ValueSchema.String()
	for _, h := range r.Headers {
		text += " " + h.Key + "=" + connecttest.Text(h.Value)
	}
	return text
}

func applyFull(step *connecttest.Step, r connect.Record) string {
	out, err := step.Apply(r)
	if err != nil {
		return "error: " + err.Error()
	}
	var lines []string
	for i := range out {
		if err := connect.Check(out[i].ValueSchema, out[i].Value); err != nil {
			return "wrong: " + err.Error()
		}
		lines = append(lines, full(&out[i]))
	}
	return strings.Join(lines, "; ")
}

func TestUnwrapDeletes(t *testing.T) {
	const key = `srv.public.users {"id":1,"note":"k"} `
	cases := []struct{ mode, deleted, tombstone, updated string }{
		{"drop", ``, ``, key + `{"id":1,"name":"a","note":"x","n":null} STRUCT srv.public.users.Value`},
		{"tombstone", key + `null STRUCT srv.public.users.Value __op="d"`, ``, ""},
		{"delete-to-tombstone", key + `null no schema __op="d"`, ``, ""},
		{"rewrite", key + `{"id":1,"name":"a","note":"x","n":7,"__deleted":"true"} STRUCT srv.public.users.Value __op="d"`, ``,
			key + `{"id":1,"name":"a","note":"x","n":7,"__deleted":"false"} STRUCT srv.public.users.Value __op="u"`},
		{"REWRITE-with-tombstone", key + `{"id":1,"name":"a","note":"x","n":7,"__deleted":"true"} STRUCT srv.public.users.Value __op="d"`,
			key + `null no schema __op="d"`, ""},
	}
	for _, c := range cases {
		t.Run(c.mode, func(t *testing.T) {
			p := props{"delete.tombstone.handling.mode": c.mode, "add.headers": "op,table"}
			if c.mode == "drop" {
				delete(p, "add.headers")
			}
			step := connecttest.NewStep(mustBuild(t, "ExtractNewRecordState", p))
			table := ` __table="users"`
			want := c.deleted
			if want != "" {
				want += table
			}
			if got := applyFull(step, change("d", userRow(1, "a"), connect.Null())); got != want {
				t.Errorf("delete: got %s, want %s", got, want)
			}
			if got := applyFull(step, tombstone()); got != c.tombstone {
				t.Errorf("tombstone: got %s, want %s", got, c.tombstone)
			}
			want = c.updated
			if want == "" {
				return
			}
			if c.mode != "drop" {
				want += table
			}
			if got := applyFull(step, change("u", connect.Null(), userRow(1, "a"))); got != want {
				t.Errorf("update: got %s, want %s", got, want)
			}
		})
	}
}

func TestUnwrapFields(t *testing.T) {
	const row = `srv.public.users {"id":1,"note":"k"} {"id":1,"name":"a","note":"x","n":null`
	cases := []struct {
		name string
		p    props
		want string
	}{
		{"where they are", props{"add.fields": "op, ts_ms, source.ts_ms, table, db:where"}, row + `,"__op":"u","__ts_ms":6,"__source_ts_ms":5,"__table":"users","__where":"shop"} STRUCT srv.public.users.Value`},
		{"prefix", props{"add.fields": "op", "add.fields.prefix": "x.", "add.headers": "source.db,op:o", "add.headers.prefix": ""},
			row + `,"x.op":"u"} STRUCT srv.public.users.Value source_db="shop" o="u"`},
		{"null within null", props{"add.fields": "id,transaction.total_order"}, row + `,"__id":null,"__transaction_total_order":null} STRUCT srv.public.users.Value`},
		{"defaults are not filled in", props{"add.fields": "snapshot"}, row + `,"__snapshot":null} STRUCT srv.public.users.Value`},
		{"what is not there is left out", props{"add.fields": "lsn,op", "add.headers": "lsn"}, row + `,"__op":"u"} STRUCT srv.public.users.Value`},
		{"of the event itself, if source has none", props{"add.fields": "source.op"}, row + `,"__source_op":"u"} STRUCT srv.public.users.Value`},
		{"twice", props{"add.fields": "op,op"}, `error: extract new record state: build schema: field "__op" is there twice`},
		{"null stays null when rewritten", props{"delete.tombstone.handling.mode": "rewrite", "replace.null.with.default": "false"}, row + `,"__deleted":"false"} STRUCT srv.public.users.Value`},
		{"route", props{"route.by.field": "name"}, strings.Replace(row, "srv.public.users", "a", 1) + `} STRUCT srv.public.users.Value`},
		{"route by no text", props{"route.by.field": "id"}, `error: route by field: field id is not a string, but int64`},
		{"route by nothing", props{"route.by.field": "nam"}, `error: route by field: nam is not a valid field name`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "io.debezium.transforms.ExtractNewRecordState", c.p))
			for range 2 {
				if got := applyFull(step, change("u", connect.Null(), userRow(1, "a"))); got != c.want {
					t.Fatalf("got  %s\nwant %s", got, c.want)
				}
			}
		})
	}
}

func TestUnwrapRoutesDeletes(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "ExtractNewRecordState", props{"route.by.field": "name"}))
	for name, want := range map[string]string{"gone": "gone", " ": "srv.public.users"} {
		out, err := step.Apply(change("d", userRow(1, name), connect.Null()))
		if err != nil || len(out) != 1 || out[0].Topic != want {
			t.Errorf("%q: %v, %v", name, out, err)
		}
	}
}

func TestUnwrapPasses(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "ExtractNewRecordState", props{"add.headers": "op", "add.fields": "op"}))
	message := connect.NewStruct("io.debezium.connector.postgresql.MessageValue").Field("op", connect.StringSchema).MustBuild()
	r := change("m", connect.Null(), connect.Null())
	r.Value, r.ValueSchema = structOfValues(message, connect.String("m")), message
	if got := applyFull(step, r); got != `srv.public.users {"id":1,"note":"k"} {"op":"m"} STRUCT io.debezium.connector.postgresql.MessageValue` {
		t.Error(got)
	}
	if got := applyFull(step, rec(t, `1`, `{"before":null,"after":{"id":1}}`)); got != `in 1 {"before":null,"after":{"id":1}} no schema` {
		t.Error(got)
	}
	if got := applyFull(step, change("t", connect.Null(), connect.Null())); got != "" {
		t.Errorf("a truncation became %s", got)
	}
}

func TestUnwrapDropsFields(t *testing.T) {
	list := func(names ...string) connect.Value {
		var v []connect.Value
		for _, n := range names {
			v = append(v, connect.String(n))
		}
		return connect.Array(v)
	}
	const key = `srv.public.users {"id":1,"note":"k"} `
	cases := []struct {
		name   string
		p      props
		header connect.Value
		want   string
	}{
		{"optional ones", props{}, list("name", "note"), key + `{"id":1,"name":"a","n":7}`},
		{"all", props{"drop.fields.keep.schema.compatible": "false"}, list("name", "note"), key + `{"id":1,"n":7}`},
		{"of the key", props{"drop.fields.from.key": "true"}, list("note"), `srv.public.users {"id":1} {"id":1,"name":"a","n":7}`},
		{"none", props{}, list("name"), key + `{"id":1,"name":"a","note":"x","n":null}`},
		{"empty", props{}, list(), key + `{"id":1,"name":"a","note":"x","n":null}`},
		{"null", props{}, connect.Null(), key + `{"id":1,"name":"a","note":"x","n":null}`},
		{"added ones too", props{"add.fields": "op"}, list("__op", "n"), key + `{"id":1,"name":"a","note":"x"}`},
		{"no list", props{}, connect.String("note"), `error: drop fields: header drop is not a list of names, but string`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.p["drop.fields.header.name"] = "drop"
			step := connecttest.NewStep(mustBuild(t, "ExtractNewRecordState", c.p))
			for range 2 {
				r := change("u", connect.Null(), userRow(1, "a"))
				r.Headers = []connect.Header{{Key: "other", Value: connect.Bool(true)}, {Key: "drop", Value: c.header}}
				if got := apply(step, r); got != c.want {
					t.Fatalf("got  %s\nwant %s", got, c.want)
				}
			}
		})
	}
	step := connecttest.NewStep(mustBuild(t, "ExtractNewRecordState", props{
		"delete.tombstone.handling.mode": "rewrite", "add.fields": "op", "drop.fields.header.name": "drop", "drop.fields.keep.schema.compatible": "false"}))
	r := change("d", userRow(1, "a"), connect.Null())
	r.Headers = []connect.Header{{Key: "drop", Value: list("__op", "note", "__deleted")}}
	if got, want := apply(step, r), key+`{"id":1,"name":"a","n":7,"__op":"d"}`; got != want {
		t.Errorf("of a delete, added fields stay: got %s, want %s", got, want)
	}
}

func TestUnwrapMistakes(t *testing.T) {
	for want, p := range map[string]props{
		"must be one of: drop, tombstone, rewrite":       {"delete.tombstone.handling.mode": "none"},
		"did you mean rewrite?":                          {"delete.tombstone.handling.mode": "rewrit"},
		`unexpected field name: "op:a:b"`:                {"add.fields": "op:a:b"},
		`unexpected field name: "op:"`:                   {"add.headers": "op:"},
		"use delete.tombstone.handling.mode: drop":       {"drop.tombstones": "false"},
		"for configuration delete.handling.mode":         {"delete.handling.mode": "rewrite"},
		"for configuration drop.fields.from.key":         {"drop.fields.from.key": "maybe"},
		"for configuration replace.null.with.default":    {"replace.null.with.default": "1x"},
		"for configuration drop.fields.keep.schema.comp": {"drop.fields.keep.schema.compatible": "x"},
	} {
		if got := mistakes("ExtractNewRecordState", p); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
}

func TestUnwrapSuite(t *testing.T) {
	connecttest.Transform(t, connecttest.TransformCase{
		New: func() connect.Transform {
			return mustBuild(t, "ExtractNewRecordState", props{"delete.tombstone.handling.mode": "rewrite", "add.fields": "op", "add.headers": "op", "route.by.field": "name"})
		},
		Input: []connect.Record{
			change("c", connect.Null(), userRow(1, "a")), change("u", userRow(1, "a"), userRow(1, "b")), tombstone(),
			change("d", userRow(1, "b"), connect.Null()), change("c", connect.Null(), userRow(1, "")),
		},
	})
}

func BenchmarkUnwrap(b *testing.B) {
	for name, p := range map[string]props{
		"plain":   {},
		"rewrite": {"delete.tombstone.handling.mode": "rewrite", "add.fields": "op,table,source.ts_ms", "add.headers": "db,op"},
	} {
		b.Run(name, func(b *testing.B) {
			tr := mustBuild(b, "ExtractNewRecordState", p)
			in := change("u", userRow(1, "a"), userRow(1, "b"))
			var arena connect.Arena
			c, n := &connect.Context{Arena: &arena}, 0
			emit := func(*connect.Record) { n++ }
			var r connect.Record
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%1000 == 0 {
					arena.Reset()
				}
				r = in
				if err := tr.Apply(c, &r, emit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

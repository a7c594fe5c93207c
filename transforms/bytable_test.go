// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func shardChange(shard string) connect.Record {
	r := change("u", userRow(1, "a"), userRow(1, "b"))
	r.Topic = "srv.public.users_" + shard
	return r
}

func TestByTable(t *testing.T) {
	base := props{"topic.regex": `(.*)users_(.*)`, "topic.replacement": `$1users_all`}
	cases := []struct {
		name string
		p    props
		want string
	}{
		{"the key tells the topic", props{}, `srv.public.users_all {"id":1,"note":"k","__dbz__physicalTableIdentifier":"srv.public.users_7"}`},
		{"another name", props{"key.field.name": "shard"}, `srv.public.users_all {"id":1,"note":"k","shard":"srv.public.users_7"}`},
		{"a part of the topic", props{"key.field.regex": `.*_(.*)`, "key.field.replacement": `shard $1`}, `srv.public.users_all {"id":1,"note":"k","__dbz__physicalTableIdentifier":"shard 7"}`},
		{"no part of the topic", props{"key.field.regex": `x(.*)`, "key.field.replacement": `$1`}, `srv.public.users_all {"id":1,"note":"k","__dbz__physicalTableIdentifier":"srv.public.users_7"}`},
		{"not in the key", props{"key.enforce.uniqueness": "false"}, `srv.public.users_all {"id":1,"note":"k"}`},
		{"no match", props{"topic.regex": "x(.*)"}, `srv.public.users_7 {"id":1,"note":"k"}`},
		{"no topic left", props{"topic.regex": "(x*)srv.*", "topic.replacement": "$1"}, `srv.public.users_7 {"id":1,"note":"k"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := props{}
			for _, from := range []props{base, c.p} {
				for k, v := range from {
					p[k] = v
				}
			}
			step := connecttest.NewStep(mustBuild(t, "ByLogicalTableRouter", p))
			for range 2 {
				in := shardChange("7")
				out, err := step.Apply(in)
				if err != nil || len(out) != 1 {
					t.Fatal(err)
				}
				if got := out[0].Topic + " " + connecttest.Text(out[0].Key); got != c.want {
					t.Fatalf("got  %s\nwant %s", got, c.want)
				}
				if got, want := connecttest.Text(out[0].Value), connecttest.Text(in.Value); got != want {
					t.Fatalf("value %s, want %s", got, want)
				}
			}
		})
	}
}

func TestByTableSchemas(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "io.debezium.transforms.ByLogicalTableRouter", props{
		"topic.regex": `(.*)-(.*)`, "topic.replacement": `1$1-é`, "schema.name.adjustment.mode": "avro"}))
	var first connect.Record
	for i := range 3 {
		in := shardChange("x")
		in.Topic = fmt.Sprintf("t-%d", i)
		in.KeySchema = connect.Like(userKeySchema, false).Name(fmt.Sprintf("t%d.Key", i)).MustBuild()
		in.Key = structOfValues(in.KeySchema, connect.Int64(1), connect.String("k"))
		out, err := step.Apply(in)
		if err != nil || len(out) != 1 {
			t.Fatal(err)
		}
		r := out[0]
		if i == 0 {
			first = r
		}
		if r.KeySchema != first.KeySchema || r.ValueSchema != first.ValueSchema {
			t.Error("tables of one form have several schemas")
		}
		if r.Key.Struct().Schema != r.KeySchema || r.Value.Struct().Schema != r.ValueSchema {
			t.Error("values and schemas differ")
		}
		if err := connect.Check(r.ValueSchema, r.Value); err != nil {
			t.Error(err)
		}
	}
	for got, want := range map[string]string{
		first.KeySchema.Name(): "_1t__.Key", first.ValueSchema.Name(): "_1t__.Envelope",
		first.ValueSchema.Field("after").Schema.Name():               "_1t__.Value",
		first.Value.Struct().Values[0].Struct().Schema.Name():        "_1t__.Value",
		fmt.Sprint(first.ValueSchema.Field("after").Schema.Fields()): fmt.Sprint(rowSchema.Fields()),
		nameAdjustment("avro_unicode").schemaName("1_é.k"):           "_u0031_u005f_u00e9.k",
		nameAdjustment("none").schemaName("1é"):                      "1é",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if !first.ValueSchema.Field("after").Schema.Optional() || first.KeySchema.Optional() {
		t.Error("optional is not kept")
	}
}

func TestByTableOtherRecords(t *testing.T) {
	step := connecttest.NewStep(mustBuild(t, "ToLogicalTopicRouter", props{"topic.regex": `(.*)users(.*)`, "topic.replacement": `$1all`}))
	r := tombstone()
	if got := apply(step, r); got != `srv.public.all {"id":1,"note":"k","__dbz__sourceIdentifier":"srv.public.users"} null` {
		t.Error(got)
	}
	r.Key, r.KeySchema = connect.Null(), userKeySchema
	out, err := step.Apply(r)
	if err != nil || len(out) != 1 || out[0].KeySchema != nil || out[0].Topic != "srv.public.all" {
		t.Errorf("%v, %v", out, err)
	}
	r.Key, r.KeySchema = connect.String("x"), connect.StringSchema
	if got := apply(step, r); got != `error: only Struct objects supported for [route by table], found: string` {
		t.Error(got)
	}
}

func TestByTableMistakes(t *testing.T) {
	for want, p := range map[string]props{
		`Missing required configuration "topic.regex"`:                         {"topic.replacement": "x"},
		`key.field.replacement must be non-empty if key.field.regex is set`:    {"topic.regex": "x", "topic.replacement": "x", "key.field.regex": "y"},
		`the regex has no group 1`:                                             {"topic.regex": "x", "topic.replacement": "$1"},
		`for configuration key.field.replacement: the regex has no group 2`:    {"topic.regex": "x", "topic.replacement": "x", "key.field.regex": "y", "key.field.replacement": "$2"},
		`String must be one of: none, avro, avro_unicode`:                      {"topic.regex": "x", "topic.replacement": "x", "schema.name.adjustment.mode": "json"},
		`for configuration logical.table.cache.size: Value must be at least 1`: {"topic.regex": "x", "topic.replacement": "x", "logical.table.cache.size": "0"},
	} {
		if got := mistakes("ByLogicalTableRouter", p); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
}

func TestByTableSuite(t *testing.T) {
	connecttest.Transform(t, connecttest.TransformCase{
		New: func() connect.Transform {
			return mustBuild(t, "ByLogicalTableRouter", props{"topic.regex": `(.*)users_(.*)`, "topic.replacement": `$1users`})
		},
		Input: []connect.Record{shardChange("1"), shardChange("2"), shardChange("1"), tombstone()},
	})
}

func BenchmarkByTable(b *testing.B) {
	tr := mustBuild(b, "ByLogicalTableRouter", props{"topic.regex": `(.*)users_(.*)`, "topic.replacement": `$1users`})
	in := []connect.Record{shardChange("1"), shardChange("2")}
	var arena connect.Arena
	var r connect.Record
	c, n := &connect.Context{Arena: &arena}, 0
	emit := func(*connect.Record) { n++ }
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			arena.Reset()
		}
		r = in[i&1]
		if err := tr.Apply(c, &r, emit); err != nil {
			b.Fatal(err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func TestMap(t *testing.T) {
	cases := []struct {
		name string
		p    props
		want string
	}{
		{"value", props{"value": `{"z": n, "a": n + 1}`}, `in "k" {"z":5,"a":6}`},
		{"key", props{"key": `value.id`}, `in "x" {"id":"x","n":5}`},
		{"both see the old record", props{"value": `key`, "key": `value`}, `in {"id":"x","n":5} "k"`},
		{"null value", props{"value": `nil`}, `in "k" null`},
		{"merge", props{"value": `merge(value, {"n": string(n)})`}, `in "k" {"id":"x","n":"5"}`},
		{"error", props{"value": `id + n`}, `error: map value: expression "id + n", column 4: string + int64: string() makes a text of a value (field id)`},
		{"error of the key", props{"key": `id - n`}, `error: map key: expression "id - n", column 4: string - int64 is not defined (field id)`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "Map", c.p))
			if got := apply(step, rec(t, `"k"`, `{"id":"x","n":5}`)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestMapSchemas(t *testing.T) {
	inner := connect.NewStruct("Inner").Field("n", connect.Int32Schema).MustBuild()
	outer := connect.NewStruct("Outer").Field("inner", inner).Field("id", connect.StringSchema).MustBuild()
	r := rec(t, `"k"`, `null`)
	in := connect.StructValue(&connect.Struct{Schema: inner, Values: []connect.Value{connect.Int32(7)}})
	r.Value = connect.StructValue(&connect.Struct{Schema: outer, Values: []connect.Value{in, connect.String("x")}})
	r.ValueSchema, r.KeySchema = outer, connect.StringSchema

	run := func(p props) connect.Record {
		t.Helper()
		out, err := connecttest.NewStep(mustBuild(t, "Map", p)).Apply(r)
		if err != nil || len(out) != 1 {
			t.Fatal(err)
		}
		return out[0]
	}
	if got := run(props{"value": "inner", "key": "id"}); got.ValueSchema != inner || got.KeySchema != nil || got.Partition != connect.NoPartition {
		t.Errorf("schemas %s and %s, partition %d", got.ValueSchema, got.KeySchema, got.Partition)
	}
	if got := run(props{"value": "value", "key": "key"}); got.ValueSchema != outer || got.KeySchema != connect.StringSchema || got.Partition != 1 {
		t.Errorf("schemas %s and %s, partition %d", got.ValueSchema, got.KeySchema, got.Partition)
	}
	got := run(props{"value": `{"list": [inner], "id": id}`})
	if text := connecttest.Text(got.Value); text != `{"list":[{"n":7}],"id":"x"}` || got.ValueSchema != nil || holdsStruct(got.Value) {
		t.Errorf("%s with schema %s", text, got.ValueSchema)
	}
}

func TestMapMistakes(t *testing.T) {
	for want, p := range map[string]props{
		`One of the configurations "value" and "key" is needed`: {},
		`for configuration value: column 3: `:                   {"value": "1 +"},
		`did you mean upper()?`:                                 {"key": "uper(id)"},
	} {
		if got := mistakes("Map", p); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/connect/convert"
)

func recordOf(fields string) string { return `{"type":"record","name":"R","fields":[` + fields + `]}` }

// resolutions are pairs of schemas, a datum of the writer's as JSON (as defaults are
// written), and what the reader sees of it, or the error.
var resolutions = []struct{ name, writer, reader, datum, want string }{
	{"int as long", `"int"`, `"long"`, `-5`, `-5`},
	{"int as float", `"int"`, `"float"`, `7`, `7.0`},
	{"int as double", `"int"`, `"double"`, `7`, `7.0`},
	{"long as float", `"long"`, `"float"`, `7`, `7.0`},
	{"long as double", `"long"`, `"double"`, `7`, `7.0`},
	{"float as double", `"float"`, `"double"`, `1.5`, `1.5`},
	{"string as bytes", recordOf(`{"name":"a","type":"string"}`), recordOf(`{"name":"a","type":"bytes"}`), `{"a":"xy"}`, `{"a":"eHk="}`},
	{"bytes as string", recordOf(`{"name":"a","type":"bytes"}`), recordOf(`{"name":"a","type":"string"}`), `{"a":"xy"}`, `{"a":"xy"}`},
	{"long as int", `"long"`, `"int"`, `1`, `!resolve schemas: long cannot be read as int`},
	{"double as float", `"double"`, `"float"`, `1`, `!double cannot be read as float`},
	{"boolean as int", recordOf(`{"name":"a","type":"boolean"}`), recordOf(`{"name":"a","type":"int"}`), `{"a":true}`, `!resolve schemas: at .a: boolean cannot be read as int`},
	{"promotion in an array", `{"type":"array","items":"int"}`, `{"type":"array","items":"double"}`, `[1,2]`, `[1.0,2.0]`},
	{"promotion in a map", `{"type":"map","values":"int"}`, `{"type":"map","values":"long"}`, `{"k":2}`, `{"k":2}`},
	{"mismatch in a map", `{"type":"map","values":"string"}`, `{"type":"map","values":"long"}`, `{"k":"2"}`, `!at {}: string cannot be read as long`},

	{"field with a default", recordOf(`{"name":"a","type":"int"}`), recordOf(`{"name":"b","type":"string","default":"x"},{"name":"a","type":"int"}`), `{"a":1}`, `{"b":"x","a":1}`},
	{"field without a default", recordOf(`{"name":"a","type":"int"}`), recordOf(`{"name":"b","type":"string"}`), `{"a":1}`, `!at .b: the writer's record R has no such field, and the reader has no default for it`},
	{"fields in another order", recordOf(`{"name":"a","type":"int"},{"name":"b","type":"string"}`), recordOf(`{"name":"b","type":"string"},{"name":"a","type":"int"}`), `{"a":1,"b":"x"}`, `{"b":"x","a":1}`},
	{"removed fields of all types", recordOf(`{"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"s","type":"string"},{"name":"y","type":"bytes"},` +
		`{"name":"x","type":{"type":"fixed","name":"X","size":3}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},{"name":"a","type":{"type":"array","items":{"type":"array","items":"string"}}},{"name":"m","type":{"type":"map","values":"X"}},` +
		`{"name":"u","type":["null","E"]},{"name":"r","type":{"type":"record","name":"In","fields":[{"name":"q","type":"int"}]}},{"name":"keep","type":"int"}`),
		recordOf(`{"name":"keep","type":"int"}`),
		`{"n":null,"b":true,"i":1,"l":300,"f":1,"d":2,"s":"text","y":"bb","x":"123","e":"B","a":[["p","q"],[]],"m":{"k":"abc"},"u":"A","r":{"q":5},"keep":42}`, `{"keep":42}`},
	{"alias of a field", recordOf(`{"name":"old","type":"int"}`), recordOf(`{"name":"new","type":"long","aliases":["older","old"]}`), `{"old":3}`, `{"new":3}`},
	{"a name goes before an alias", recordOf(`{"name":"old","type":"int"},{"name":"new","type":"int"}`), recordOf(`{"name":"new","type":"int","aliases":["old"]}`), `{"old":3,"new":4}`, `{"new":4}`},
	{"nested", recordOf(`{"name":"in","type":{"type":"record","name":"In","fields":[{"name":"a","type":"int"},{"name":"gone","type":"string"}]}}`),
		recordOf(`{"name":"in","type":{"type":"record","name":"In","fields":[{"name":"z","type":{"type":"array","items":"int"},"default":[1,2]},{"name":"a","type":"long"}]}}`),
		`{"in":{"a":1,"gone":"x"}}`, `{"in":{"z":[1,2],"a":1}}`},
	{"path of a nested mistake", recordOf(`{"name":"in","type":{"type":"array","items":{"type":"record","name":"In","fields":[{"name":"a","type":"int"}]}}}`),
		recordOf(`{"name":"in","type":{"type":"array","items":{"type":"record","name":"In","fields":[{"name":"a","type":"string"}]}}}`), `{"in":[]}`, `!at .in[].a: int cannot be read as string`},
	{"records of other names", recordOf(`{"name":"a","type":"int"}`), `{"type":"record","name":"Other","fields":[{"name":"a","type":"int"}]}`, `{"a":1}`, `{"a":1}`},

	{"defaults of all types", recordOf(``), recordOf(`{"name":"n","type":["null","int"],"default":null},{"name":"o","type":["int","null"],"default":3},{"name":"b","type":"boolean","default":true},{"name":"f","type":"float","default":1.5},` +
		`{"name":"y","type":"bytes","default":"\u00ff"},{"name":"x","type":{"type":"fixed","name":"X","size":2},"default":"ab"},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]},"default":"B"},{"name":"m","type":{"type":"map","values":"int"},"default":{"k":1}},` +
		`{"name":"r","type":{"type":"record","name":"In","fields":[{"name":"p","type":"int","default":9},{"name":"q","type":["null","string"],"default":null}]},"default":{}},{"name":"day","type":{"type":"int","logicalType":"date"},"default":1}`),
		`{}`, `{"n":null,"o":3,"b":true,"f":1.5,"y":"/w==","x":"YWI=","e":"B","m":{"k":1},"r":{"p":9,"q":null},"day":1}`},
	{"default of a later branch", recordOf(``), recordOf(`{"name":"u","type":["null","string"],"default":"x"}`), `{}`, `{"u":"x"}`},

	{"into a union", `"int"`, `["null","int"]`, `1`, `1`},
	{"into a union, promoted", `"int"`, `["null","double"]`, `1`, `1.0`},
	{"into a union, exact before promoted", recordOf(`{"name":"a","type":"int"}`), recordOf(`{"name":"a","type":["double","int","string"]}`), `{"a":1}`, `{"a":{"double":null,"int":1,"string":null}}`},
	{"into a union that has no place", `"string"`, `["null","int"]`, `"x"`, `!has no branch for string`},
	{"out of a union", `["null","int"]`, `"int"`, `1`, `1`},
	{"out of a union, null", `["null","int"]`, `"int"`, `null`, `!the writer's union holds null: resolve schemas: null cannot be read as int`},
	{"out of a union, promoted", `["int","string","double"]`, `"double"`, `1`, `1.0`},
	{"out of a union, other branch", `["int","string"]`, `"int"`, `"x"`, `!the writer's union holds string`},
	{"out of a union, no branch", `["string","boolean"]`, `"int"`, `"x"`, `!resolve schemas: string cannot be read as int`},
	{"union to union", `["string","null","int"]`, `["int","null","string"]`, `5`, `{"int":5,"string":null}`},
	{"union to union, null", recordOf(`{"name":"a","type":["string","null","int"]}`), recordOf(`{"name":"a","type":["int","null","string"]}`), `{"a":null}`, `{"a":null}`},
	{"union to smaller union", `["null","int","string"]`, `["null","int"]`, `5`, `5`},
	{"union to smaller union, what is missing", `["null","int","string"]`, `["null","int"]`, `"x"`, `!the writer's union holds string: resolve schemas: the reader's union ["null","int"] has no branch for string`},
	{"records in a union by name", `[{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]},{"type":"record","name":"B","fields":[{"name":"x","type":"int"},{"name":"y","type":"int"}]}]`,
		`[{"type":"record","name":"B","fields":[{"name":"x","type":"int"}]},{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}]`,
		`{"x":1}`, `{"B":null,"A":{"x":1}}`},
	{"record in a union by alias", `{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}`,
		`["null",{"type":"record","name":"B","fields":[]},{"type":"record","name":"C","aliases":["A"],"fields":[{"name":"x","type":"int"}]}]`, `{"x":1}`, `{"B":null,"C":{"x":1}}`},
	{"record in a union by structure", `{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]}`,
		`["null",{"type":"record","name":"B","fields":[{"name":"y","type":"int"}]},{"type":"record","name":"C","fields":[{"name":"x","type":"long"}]}]`, `{"x":1}`, `{"B":null,"C":{"x":1}}`},

	{"enum with more symbols", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["B","C","A"]}`, `"B"`, `"B"`},
	{"enum with a default", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["A","Z"],"default":"Z"}`, `"B"`, `"Z"`},
	{"enum without the symbol", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["A"]}`, `"B"`, `!the reader's enum has no symbol B and no default`},
	{"enum of another name", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"F","symbols":["A"]}`, `"A"`, `!enum E cannot be read as enum F`},
	{"enum by alias", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"F","aliases":["E"],"symbols":["A"]}`, `"A"`, `"A"`},
	{"fixed of another size", `{"type":"fixed","name":"F","size":2}`, `{"type":"fixed","name":"F","size":3}`, `"ab"`, `!fixed F of 2 bytes cannot be read as fixed F of 3`},
	{"decimal of another scale", recordOf(`{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}}`), recordOf(`{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":1}}`), `{"a":""}`, `!a decimal of scale 2 cannot be read as one of scale 1`},
	{"another unit", `{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"long","logicalType":"timestamp-micros"}`, `1`, `!logical type timestamp-millis cannot be read as timestamp-micros`},
	{"plain as logical", `"long"`, `{"type":"long","logicalType":"timestamp-millis"}`, `1`, `1`},
	{"int as timestamp", `"int"`, `{"type":"long","logicalType":"timestamp-millis"}`, `1`, `1`},
	{"map of numbers", `{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":"string"}]}}`, `{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":"string"}]}}`, `[{"key":1,"value":"a"},{"key":2,"value":"b"}]`, `[[1,"a"],[2,"b"]]`},
	{"map of numbers, value first", `{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":"string"}]}}`, `{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"value","type":"string"},{"name":"key","type":"int"}]}}`, `[{"key":1,"value":"a"}]`, `[[1,"a"]]`},
	{"array as map", `{"type":"array","items":"int"}`, `{"type":"map","values":"int"}`, `[]`, `!array cannot be read as map`},
}

func TestResolution(t *testing.T) {
	for _, c := range resolutions {
		t.Run(c.name, func(t *testing.T) {
			w, r := parse(t, c.writer), parseLax(t, c.reader)
			data, err := appendDefault(nil, w, schemaJSON(t, c.datum))
			if err != nil {
				t.Fatal(err)
			}
			_, v, err := read(w, r, data)
			if rule, ok := strings.CutPrefix(c.want, "!"); ok {
				if err == nil || !strings.Contains(err.Error(), rule) {
					t.Errorf("got %v, want %s", err, rule)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := string(convert.AppendJSON(nil, v)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// FuzzResolve reads any bytes of one schema as another: it must end in a value that can
// be written under the reader's schema, or in an error.
func FuzzResolve(f *testing.F) {
	for _, c := range resolutions {
		f.Add(c.writer, c.reader, []byte{2, 2, 'x', 2, 0, 0, 0, 0, 0, 0, 0, 0})
	}
	for _, c := range hostile {
		f.Add(around(c.text), none, c.data)
	}
	f.Fuzz(func(t *testing.T, writer, reader string, data []byte) {
		w, err := schema.Parse(writer)
		if err != nil {
			return
		}
		r, err := schema.Parse(reader)
		if err != nil {
			return
		}
		to, v, err := read(w, r, data)
		if err != nil || to == nil {
			return
		}
		if err := connect.Check(to, v); err != nil {
			t.Fatalf("the value does not fit its schema: %v", err)
		}
		writeAgain(t, DefaultDataOptions(), r, to, v)
	})
}

func parseLax(t *testing.T, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Options{LaxDefaults: true}.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func schemaJSON(t *testing.T, text string) *schema.JSON {
	t.Helper()
	v, err := schema.ParseJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A branch that fails must leave nothing behind that a later one is compiled of.
func TestFailedBranchLeavesNothingBehind(t *testing.T) {
	tree := `{"type":"record","name":"Tree","fields":[{"name":"kids","type":{"type":"array","items":"Tree"}},{"name":"v","type":"%"}]}`
	w := parse(t, `["null",`+strings.Replace(tree, "%", "string", 1)+`,"int"]`)
	r := parse(t, `["null",`+strings.Replace(tree, "%", "int", 1)+`,"int"]`)
	p, err := compileDecoder(DefaultDataOptions(), w, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range p.root.(*unionStep).branches {
		if _, failed := s.(refusal); failed != (i == 1) {
			t.Errorf("branch %d is %T", i, s)
		}
	}
}

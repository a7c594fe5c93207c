// SPDX-License-Identifier: Apache-2.0

package avro_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/avro"
)

func TestParseNamesPlaceAndRule(t *testing.T) {
	for _, c := range []struct{ name, text, path, rule string }{
		{"not JSON", `{"type"`, "", "parse JSON: unexpected EOF"},
		{"not UTF-8", "\"\xff\"", "", "parse JSON: not UTF-8"},
		{"comment without end", `"int" /* x`, "", "parse JSON: more text behind the value, at byte 6"},
		{"unknown name", `{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":"Nope"}]}`, "/fields/0/type", `undefined name "n.Nope"`},
		{"symbol", `{"type":"enum","name":"E","symbols":["A","b-c"]}`, "/symbols/1", `illegal character '-' in name "b-c": a name begins with a letter or _ and goes on with letters, digits and _`},
		{"not ASCII", `{"type":"record","name":"Ré","fields":[]}`, "/name", `illegal character 'é' in name "Ré": a name begins with a letter or _ and goes on with letters, digits and _`},
		{"alias", `{"type":"record","name":"R","aliases":["a.b","c..d"],"fields":[]}`, "/aliases/1", "empty name"},
		{"branch twice", `["null",{"type":"map","values":["int","int"]}]`, "/1/values/1", `"int" is twice in the union`},
		{"default", `{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}`, "/fields/0/default", `invalid default for field a: "x" not a int`},
		{"default inside", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"map","values":"int"},"default":{"k":true}}]}`, "/fields/0/default", "invalid default for field a: k: true not a int"},
		{"default of a record", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"S","fields":[{"name":"b","type":"int"}]},"default":{}}]}`, "/fields/0/default", "invalid default for field a: b: missing, and the field has no default"},
		{"default without end", `{"type":"record","name":"R","fields":[{"name":"a","type":"R","default":{}}]}`, "/fields/0/default", "invalid default for field a: {} for record R, which is still being defined"},
		{"too deep", strings.Repeat(`{"type":"array","items":`, 150) + `"int"` + strings.Repeat("}", 150), "", ""},
		{"deeper", strings.Repeat(`[`, 250) + strings.Repeat("]", 250), "", "parse JSON: nested deeper than 200"},
		{"object as type", `{"type":{"type":"int"}}`, "/type", `the type of a schema is a name, not {"type":"int"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := avro.Parse(c.text)
			var pe *avro.ParseError
			if c.rule == "" && err == nil {
				return
			}
			if !errors.As(err, &pe) {
				t.Fatalf("error %v, want a *ParseError", err)
			}
			if d := cmp.Diff(avro.ParseError{Path: c.path, Rule: c.rule}, *pe); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLaxDefaultsAreKept(t *testing.T) {
	const text = `{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}`
	if _, err := avro.Parse(text); err == nil {
		t.Error("Parse takes a default that does not fit")
	}
	s, err := avro.Options{LaxDefaults: true}.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.String(); got != text {
		t.Errorf("got %s, want %s", got, text)
	}
}

func TestNormalize(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"primitive", `{"type":"string"}`, `"string"`},
		{"attributes sorted", `{"type":"int","z":{"b":1,"a":[{"d":1,"c":2}]},"a":1}`, `{"type":"int","a":1,"z":{"a":[{"c":2,"d":1}],"b":1}}`},
		{"logical type first", `{"type":"long","a":1,"logicalType":"timestamp-millis"}`, `{"type":"long","logicalType":"timestamp-millis","a":1}`},
		{"unknown logical type sorted", `{"type":"long","a":1,"logicalType":"nope"}`, `{"type":"long","a":1,"logicalType":"nope"}`},
		{"decimal", `{"type":"bytes","a":1,"scale":2,"precision":9,"logicalType":"decimal"}`, `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2,"a":1}`},
		{"decimal scale 0", `{"type":"bytes","scale":0,"b":1,"precision":9,"logicalType":"decimal"}`, `{"type":"bytes","logicalType":"decimal","precision":9,"b":1,"scale":0}`},
		{"docs and aliases", `{"type":"record","name":"R","doc":"","aliases":["z","a","z"],"fields":[{"name":"f","aliases":["y","x"],"doc":"","type":"int","order":"ascending"}]}`,
			`{"type":"record","name":"R","fields":[{"name":"f","type":"int","doc":"","aliases":["x","y"]}],"aliases":["a","z"]}`},
		{"defaults", `{"type":"record","name":"R","fields":[{"name":"d","type":"double","default":100},{"name":"u","type":["float","null"],"default":1},{"name":"m","type":{"type":"map","values":"double"},"default":{"b":1,"a":2}},{"name":"f","type":"float","default":0.1}]}`,
			`{"type":"record","name":"R","fields":[{"name":"d","type":"double","default":100.0},{"name":"u","type":["float","null"],"default":1.0},{"name":"m","type":{"type":"map","values":"double"},"default":{"a":2.0,"b":1.0}},{"name":"f","type":"float","default":0.1}]}`},
		{"record default", `{"type":"record","name":"R","fields":[{"name":"r","type":{"type":"record","name":"S","fields":[{"name":"x","type":"double"},{"name":"a","type":{"type":"array","items":"double"}}]},"default":{"x":1,"a":[2]}}]}`,
			`{"type":"record","name":"R","fields":[{"name":"r","type":{"type":"record","name":"S","fields":[{"name":"x","type":"double"},{"name":"a","type":{"type":"array","items":"double"}}]},"default":{"a":[2.0],"x":1.0}}]}`},
		{"recursive", `{"type":"record","name":"R","fields":[{"name":"n","type":["null","R"],"b":1,"a":2}]}`, `{"type":"record","name":"R","fields":[{"name":"n","type":["null","R"],"a":2,"b":1}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := avro.Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			before := s.String()
			if got := avro.Normalize(s).String(); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			if s.String() != before {
				t.Errorf("the schema was changed to %s", s)
			}
		})
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		want       bool
	}{
		{"order of attributes", `{"type":"record","name":"a.R","x":1,"y":2,"fields":[]}`, `{"y":2,"x":1,"fields":[],"namespace":"a","name":"R","type":"record"}`, true},
		{"forms of a number", `{"type":"int","x":1.0}`, `{"type":"int","x":1.00}`, true},
		{"default order", `{"type":"record","name":"R","fields":[{"name":"f","type":"int","order":"ascending"}]}`, `{"type":"record","name":"R","fields":[{"name":"f","type":"int"}]}`, true},
		{"recursive", `{"type":"record","name":"R","fields":[{"name":"f","type":["null","R"]}]}`, `{"type":"record","name":"R","fields":[{"name":"f","type":["null","R"]}]}`, true},
		{"attribute", `{"type":"int","x":1}`, `{"type":"int","x":2}`, false},
		{"attribute missing", `{"type":"int","x":1}`, `{"type":"int","y":1}`, false},
		{"doc", `{"type":"record","name":"R","doc":"","fields":[]}`, `{"type":"record","name":"R","fields":[]}`, false},
		{"order of branches", `["null","int"]`, `["int","null"]`, false},
		{"element", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, false},
		{"default", `{"type":"record","name":"R","fields":[{"name":"f","type":"int","default":1}]}`, `{"type":"record","name":"R","fields":[{"name":"f","type":"int"}]}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := avro.Parse(c.a)
			if err != nil {
				t.Fatal(err)
			}
			b, err := avro.Parse(c.b)
			if err != nil {
				t.Fatal(err)
			}
			if got := avro.Equal(a, b); got != c.want {
				t.Errorf("Equal = %v, want %v", got, c.want)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		i    avro.Incompatibility
		want string
	}{
		{avro.Incompatibility{Type: avro.ReaderFieldMissingDefaultValue, Path: "/fields/1", Detail: "x"},
			"{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'x' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'x'}"},
		{avro.Incompatibility{Type: avro.TypeMismatch, Path: "/", Detail: "reader type: INT not compatible with writer type: STRING"},
			"{errorType:'TYPE_MISMATCH', description:'The type (path '/') of a field in the new schema does not match with the old schema', additionalInfo:'reader type: INT not compatible with writer type: STRING'}"},
		{avro.Incompatibility{Type: avro.NameMismatch, Path: "/name", Detail: "expected: R"},
			"{errorType:'NAME_MISMATCH', description:'The name of the schema has changed (path '/name')', additionalInfo:'expected: R'}"},
		{avro.Incompatibility{Type: avro.MissingEnumSymbols, Path: "/symbols", Detail: "[B]"},
			"{errorType:'MISSING_ENUM_SYMBOLS', description:'The new schema is missing enum symbols '[B]' at path '/symbols' in the old schema', additionalInfo:'[B]'}"},
		{avro.Incompatibility{Type: avro.MissingUnionBranch, Path: "/1", Detail: "reader union lacking writer type: INT"},
			"{errorType:'MISSING_UNION_BRANCH', description:'The new schema is missing a type inside a union field at path '/1' in the old schema', additionalInfo:'reader union lacking writer type: INT'}"},
		{avro.Incompatibility{Type: avro.FixedSizeMismatch, Path: "/size", Detail: "expected: 4, found: 3"},
			"{errorType:'FIXED_SIZE_MISMATCH', description:'The size of FIXED type field at path '/size' in the new schema does not match with the old schema', additionalInfo:'expected: 4, found: 3'}"},
	} {
		if got := c.i.Describe("new", "old"); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}

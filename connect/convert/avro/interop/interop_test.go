// SPDX-License-Identifier: Apache-2.0

// Package interop compares the Avro converter with fastavro and with the serializer of
// confluent-kafka, which are run by Python.
package interop

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/connect/convert/avro"
)

// oneSchema is a registry that holds one schema, as id 1 and as the latest version of
// every subject.
type oneSchema string

func (s oneSchema) Register(context.Context, string, string, []schema.Reference, bool) (int, error) {
	return 0, errors.New("nothing is registered here")
}

func (s oneSchema) Lookup(context.Context, string, string, []schema.Reference, bool) (int, int, error) {
	return 1, 1, nil
}

func (s oneSchema) ByID(context.Context, int) (string, []schema.Reference, error) {
	return string(s), nil, nil
}

func (s oneSchema) Version(context.Context, string, int) (int, int, string, []schema.Reference, error) {
	return 1, 1, string(s), nil, nil
}

func converter(t testing.TB, text string, props map[string]string) connect.Converter {
	t.Helper()
	p := avro.Plugin(avro.PluginOptions{DefaultURL: "none", Open: func(map[string]string) (avro.Registry, error) { return oneSchema(text), nil }})
	all := map[string]string{"auto.register.schemas": "false", "enhanced.avro.schema.support": "true", "use.schema.id": "1"}
	for k, v := range props {
		all[k] = v
	}
	c, errs := p.Config.Parse(all)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	made, err := p.New(connect.ConverterContext{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func options() avro.DataOptions {
	o := avro.DefaultDataOptions()
	o.Enhanced = true
	return o
}

func rec(name, fields string) string {
	return fmt.Sprintf(`{"type":"record","name":%q,"fields":[%s]}`, name, fields)
}

// pairs are schemas and, where there is one, another version that reads them.
var pairs = []struct{ name, writer, reader string }{
	{"scalars", rec("S", `{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string"}`),
		rec("S", `{"name":"s","type":"string"},{"name":"i","type":"double"},{"name":"f","type":"double"},{"name":"l","type":"float"},{"name":"new","type":["null","string"],"default":null}`)},
	{"logical types", rec("L", `{"name":"day","type":{"type":"int","logicalType":"date"}},{"name":"tm","type":{"type":"int","logicalType":"time-millis"}},{"name":"tu","type":{"type":"long","logicalType":"time-micros"}},`+
		`{"name":"ms","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"us","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"lm","type":{"type":"long","logicalType":"local-timestamp-millis"}},`+
		`{"name":"lu","type":{"type":"long","logicalType":"local-timestamp-micros"}},{"name":"id","type":{"type":"string","logicalType":"uuid"}}`), ""},
	{"nanoseconds", rec("N", `{"name":"ns","type":{"type":"long","logicalType":"timestamp-nanos"}}`), ""},
	{"decimals", rec("D", `{"name":"b","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}},{"name":"f","type":{"type":"fixed","name":"F","size":9,"logicalType":"decimal","precision":18,"scale":2}},{"name":"o","type":["null",{"type":"bytes","logicalType":"decimal","precision":18,"scale":0}]}`), ""},
	{"nested", rec("Outer", `{"name":"in","type":`+rec("In", `{"name":"a","type":"int"},{"name":"gone","type":{"type":"array","items":"string"}},{"name":"b","type":"string"}`)+`},{"name":"again","type":["null","In"]},{"name":"list","type":{"type":"array","items":"In"}}`),
		rec("Outer", `{"name":"list","type":{"type":"array","items":`+rec("In", `{"name":"b","type":"string"},{"name":"z","type":"int","default":7},{"name":"a","type":"long"}`)+`}},{"name":"again","type":["null","In"]},{"name":"in","type":"In"}`)},
	{"collections", rec("C", `{"name":"a","type":{"type":"array","items":{"type":"array","items":["null","long"]}}},{"name":"m","type":{"type":"map","values":{"type":"map","values":"double"}}}`),
		rec("C", `{"name":"m","type":{"type":"map","values":{"type":"map","values":"double"}}},{"name":"a","type":{"type":"array","items":{"type":"array","items":["null","double"]}}}`)},
	{"enums and fixed", rec("E", `{"name":"e","type":{"type":"enum","name":"Color","symbols":["RED","GREEN","BLUE"]}},{"name":"o","type":["null","Color"]},{"name":"x","type":{"type":"fixed","name":"Hash","size":16}},{"name":"xs","type":{"type":"array","items":"Hash"}}`),
		rec("E", `{"name":"x","type":{"type":"fixed","name":"Hash","size":16}},{"name":"e","type":{"type":"enum","name":"Color","symbols":["BLACK","BLUE","GREEN"],"default":"BLACK"}},{"name":"o","type":["null","Color"]}`)},
	{"unions", rec("U", `{"name":"u","type":["null","int","string",`+rec("A", `{"name":"x","type":"int"}`)+`,`+rec("B", `{"name":"y","type":"string"}`)+`]},{"name":"v","type":["string","null"]},{"name":"w","type":{"type":"array","items":["int","string"]}}`), ""},
	{"removed", rec("R", `{"name":"a","type":["null","string"]},{"name":"m","type":{"type":"map","values":"bytes"}},{"name":"u","type":["null","int","double"]},{"name":"keep","type":"long"},{"name":"old","type":"string"}`),
		rec("R", `{"name":"keep","type":"long"},{"name":"new","aliases":["old"],"type":"string"}`)},
	{"defaults", rec("V", `{"name":"id","type":"long"}`),
		rec("V", `{"name":"s","type":"string","default":"x"},{"name":"id","type":"long"},{"name":"a","type":{"type":"array","items":"int"},"default":[1,2]},{"name":"d","type":"double","default":1.5},{"name":"r","type":`+rec("In", `{"name":"q","type":"int"}`)+`,"default":{"q":3}},{"name":"n","type":["null","int"],"default":null}`)},
}

// drawn draws a value of s; the same seed draws the same value.
func drawn(r *rand.Rand, s *connect.Schema) connect.Value {
	if s.Optional() && r.IntN(3) == 0 {
		return connect.Null()
	}
	switch s.Type() {
	case connect.TypeArray:
		list := make([]connect.Value, r.IntN(4))
		for i := range list {
			list[i] = drawn(r, s.Elem())
		}
		return connect.Array(list)
	case connect.TypeMap: // in Python the order of the entries is kept as well
		entries := make([]connect.MapEntry, r.IntN(3))
		for i := range entries {
			entries[i] = connect.MapEntry{Key: connect.String(fmt.Sprintf("k%d", i)), Value: drawn(r, s.Elem())}
		}
		return connect.Map(entries)
	case connect.TypeStruct:
		st := &connect.Struct{Schema: s, Values: make([]connect.Value, len(s.Fields()))}
		if s.Name() == "io.confluent.connect.avro.Union" {
			i := r.IntN(len(st.Values))
			for st.Values[i].IsNull() {
				st.Values[i] = drawn(r, s.Fields()[i].Schema)
			}
			return connect.StructValue(st)
		}
		for i := range st.Values {
			st.Values[i] = drawn(r, s.Fields()[i].Schema)
		}
		return connect.StructValue(st)
	}
	return drawnScalar(r, s)
}

func drawnScalar(r *rand.Rand, s *connect.Schema) connect.Value {
	n := r.Int64N(2_000_000_001) - 1_000_000_000
	switch connect.KindOf(s) {
	case connect.KindBool:
		return connect.Bool(n > 0)
	case connect.KindInt32:
		return connect.Int32(int32(n))
	case connect.KindDate:
		return connect.Date(int32(n / 20_000))
	case connect.KindTime:
		return connect.Time(int32(n+1_000_000_000) % 86_400_000)
	case connect.KindTimestamp:
		return connect.Timestamp(n * 1000)
	case connect.KindFloat32:
		return connect.Float32(float32(n) / 7)
	case connect.KindFloat64:
		return connect.Float64(float64(n) / 7)
	case connect.KindDecimal:
		scale := map[string]int32{"0": 0, "2": 2, "4": 4}
		text, _ := s.Param(connect.DecimalScale)
		return connect.DecimalValue(&connect.Decimal{Unscaled: big.NewInt(n >> r.IntN(32)), Scale: scale[text]})
	case connect.KindBytes:
		size := r.IntN(20)
		if text, ok := s.Param("connect.fixed.size"); ok && text == "16" {
			size = 16
		}
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return connect.Bytes(b)
	case connect.KindString:
		return drawnString(r, s)
	}
	switch logical, _ := s.Param("avro.logicalType"); {
	case logical == "time-micros":
		return connect.Int64((n + 1_000_000_000) * 40)
	case strings.Contains(logical, "timestamp"):
		return connect.Int64(n * 1000) // Python's years end at 9999
	}
	return connect.Int64(n << r.IntN(20))
}

func drawnString(r *rand.Rand, s *connect.Schema) connect.Value {
	if logical, _ := s.Param("avro.logicalType"); logical == "uuid" {
		return connect.String(fmt.Sprintf("%08x-0000-4000-8000-%012x", r.Uint32(), r.Uint32()))
	}
	var symbols []string
	for _, p := range s.Params() {
		if symbol, ok := strings.CutPrefix(p.Key, "io.confluent.connect.avro.Enum."); ok {
			symbols = append(symbols, symbol)
		}
	}
	if len(symbols) > 0 {
		return connect.String(symbols[r.IntN(len(symbols))])
	}
	return connect.String(strings.Repeat("ä€x", r.IntN(40)))
}

// message is what the converter writes for a value under a registered schema.
func message(t testing.TB, text string, seed uint64) (connect.Value, []byte) {
	t.Helper()
	a, err := schema.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := options().ToConnect(a, 1)
	if err != nil {
		t.Fatal(err)
	}
	v := drawn(rand.New(rand.NewPCG(seed, 7)), s)
	out, _, err := converter(t, text, nil).FromConnect(nil, "t", s, v)
	if err != nil {
		t.Fatal(err)
	}
	return v, out
}

const seeds = 12

func TestBytesAreThoseOfPython(t *testing.T) {
	var cases []request
	var messages [][]byte
	var values []connect.Value
	for _, p := range pairs {
		for seed := range uint64(seeds) {
			v, m := message(t, p.writer, seed)
			values, messages = append(values, v), append(messages, m)
			cases = append(cases, request{Schema: p.writer, Reader: p.reader, Data: hex.EncodeToString(m[5:])})
		}
	}
	for i, r := range ask(t, cases) {
		name := fmt.Sprintf("%s, seed %d", pairs[i/seeds].name, i%seeds)
		switch own := hex.EncodeToString(messages[i]); {
		case r.Error != "":
			t.Errorf("%s: Python: %s, for %s", name, r.Error, own)
			continue
		case r.Library != own[10:]:
			t.Errorf("%s: wrote %s, fastavro %s", name, own[10:], r.Library)
		case r.Message != own:
			t.Errorf("%s: wrote %s, AvroSerializer %s", name, own, r.Message)
		}
		theirs, err := hex.DecodeString(r.Message)
		if err != nil {
			t.Fatal(err)
		}
		_, v, err := converter(t, pairs[i/seeds].writer, nil).ToConnect(new(connect.Arena), "t", theirs)
		if err != nil || !connect.Equal(v, values[i]) {
			t.Errorf("%s: AvroSerializer's message reads as another value, %v", name, err)
		}
		if reader := pairs[i/seeds].reader; reader != "" {
			compareResolved(t, name, pairs[i/seeds].writer, reader, messages[i], r.Resolved)
		}
	}
}

// compareResolved reads a message as the reader's schema and writes what is seen under
// it: that must be what fastavro makes of the same.
func compareResolved(t *testing.T, name, writer, reader string, m []byte, want string) {
	t.Helper()
	s, v, err := converter(t, writer, map[string]string{"reader.schema": reader}).ToConnect(new(connect.Arena), "t", m)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	out, _, err := converter(t, reader, nil).FromConnect(nil, "t", s, v)
	if got := hex.EncodeToString(out); err != nil || got[10:] != want {
		t.Errorf("%s: resolved to %s, fastavro %s, %v", name, got, want, err)
	}
}

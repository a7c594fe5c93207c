// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"testing"

	"github.com/connectd/connectd/connect"
)

var order = []byte(`{"user_id":"a","type":"order","order_id":1}`)

func BenchmarkDecode(b *testing.B) {
	var a connect.Arena
	var d Decoder
	b.ReportAllocs()
	b.SetBytes(int64(len(order)))
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			a.Reset()
		}
		if _, err := d.Decode(&a, order); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSONAndAppendJSON(b *testing.B) {
	var a connect.Arena
	var dst []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			a.Reset()
		}
		v, err := ParseJSON(&a, order)
		if err != nil {
			b.Fatal(err)
		}
		dst = AppendJSON(dst[:0], v)
	}
}

// change is a row as change data capture writes it, with six columns.
func change() (*connect.Schema, connect.Value) {
	text, number := connect.OptionalStringSchema, connect.OptionalInt64Schema
	row := connect.NewStruct("t.public.narrow.Value").Optional().Field("id", number).Field("customer", text).Field("quantity", number).
		Field("price", text).Field("paid", connect.OptionalBooleanSchema).Field("at", text).MustBuild()
	source := connect.NewStruct("source").Field("version", text).Field("connector", text).Field("name", text).Field("ts_ms", number).
		Field("snapshot", text).Field("db", text).Field("sequence", text).Field("ts_us", number).Field("ts_ns", number).Field("schema", text).
		Field("table", text).Field("txId", number).Field("lsn", number).Field("xmin", number).Field("origin", text).Field("origin_lsn", number).MustBuild()
	s := connect.NewStruct("t.public.narrow.Envelope").Field("before", row).Field("after", row).Field("source", source).Field("transaction", text).
		Field("op", text).Field("ts_ms", number).Field("ts_us", number).Field("ts_ns", number).MustBuild()
	str, num := connect.String, connect.Int64
	var a connect.Arena
	after, from, st := a.Struct(row), a.Struct(source), a.Struct(s)
	copy(after.Values, []connect.Value{num(123456), str("customer 123456"), num(56), str("1234.56"), connect.Bool(true), str("2026-01-02T03:04:05.000000Z")})
	copy(from.Values, []connect.Value{
		str("3.7.0.Final"), str("postgresql"), str("t"), num(1767323045000), str("false"), str("postgres"), str(`["23456789","23456999"]`),
		num(1767323045000000), num(1767323045000000000), str("public"), str("narrow"), num(774), num(23456999),
	})
	copy(st.Values, []connect.Value{
		connect.Null(), connect.StructValue(after), connect.StructValue(from), connect.Null(), str("c"), num(1767323045123), num(1767323045123456), num(1767323045123456789),
	})
	return s, connect.StructValue(st)
}

func BenchmarkChangeAsJSON(b *testing.B) {
	c, errs := jsonKeys.Parse(map[string]string{schemasEnable: "false"})
	if errs != nil {
		b.Fatal(errs)
	}
	j, err := NewJSON(c)
	if err != nil {
		b.Fatal(err)
	}
	s, v := change()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		if dst, _, err = j.FromConnect(dst[:0], "t", s, v); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(dst)))
}

// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"

	"github.com/connectd/connectd/connect"
)

func TestPluginsAreFoundByEveryName(t *testing.T) {
	plugins := connect.Plugins{Converters: Plugins()}
	names := []string{
		"org.apache.kafka.connect.json.JsonConverter", "JsonConverter", "Json", "json",
		"org.apache.kafka.connect.storage.StringConverter", "StringConverter", "String", "string",
		"org.apache.kafka.connect.converters.ByteArrayConverter", "ByteArray", "bytes",
		"org.apache.kafka.connect.converters.ShortConverter", "Integer", "LongConverter", "Float", "Double", "Boolean",
		"org.apache.kafka.connect.storage.SimpleHeaderConverter", "SimpleHeaderConverter", "simple",
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			p := plugins.Converter(name)
			if p == nil {
				t.Fatal("not found")
			}
			if p.Version == "" || p.Doc == "" {
				t.Errorf("version %q, doc %q", p.Version, p.Doc)
			}
			c, errs := p.Config.Parse(nil)
			if errs != nil {
				t.Fatal(errs)
			}
			if h, err := p.NewHeader(connect.ConverterContext{Config: c}); err != nil || h == nil {
				t.Errorf("header converter: %v", err)
			}
			if p.New == nil {
				return
			}
			converter, err := p.New(connect.ConverterContext{Config: c})
			if err != nil {
				t.Fatal(err)
			}
			_, v, err := converter.ToConnect(new(connect.Arena), "t", nil)
			if err != nil || !v.IsNull() {
				t.Errorf("nil bytes: %s, %v", v.Kind(), err)
			}
			if _, null, err := converter.FromConnect(nil, "t", nil, v); err != nil || !null {
				t.Errorf("null: %t, %v", null, err)
			}
		})
	}
}

func TestHeaderConverterOfAPlainConverter(t *testing.T) {
	h := asHeader{&integerNumber}
	out, null, err := h.FromConnectHeader(nil, "t", "h", nil, connect.Int32(258))
	if err != nil || null || hex.EncodeToString(out) != "00000102" {
		t.Fatalf("got %x, %v", out, err)
	}
	if _, v, err := h.ToConnectHeader(nil, "t", "h", out); err != nil || v.Int() != 258 {
		t.Errorf("got %d, %v", v.Int(), err)
	}
}

func TestNumbers(t *testing.T) {
	cases := []struct {
		n     *Number
		value connect.Value
		want  string
	}{
		{&shortNumber, connect.Int16(-2), "fffe"},
		{&integerNumber, connect.Int32(math.MinInt32), "80000000"},
		{&longNumber, connect.Int64(1), "0000000000000001"},
		{&floatNumber, connect.Float32(1.5), "3fc00000"},
		{&doubleNumber, connect.Float64(-1.5), "bff8000000000000"},
		{&booleanNumber, connect.Bool(true), "01"},
		{&booleanNumber, connect.Bool(false), "00"},
	}
	for _, c := range cases {
		t.Run(c.n.name+" "+c.want, func(t *testing.T) {
			out, null, err := c.n.FromConnect([]byte{9}, "t", nil, c.value)
			if err != nil || null || hex.EncodeToString(out) != "09"+c.want {
				t.Fatalf("got %x, %v", out, err)
			}
			_, v, err := c.n.ToConnect(nil, "t", out[1:])
			if err != nil || !connect.Equal(v, c.value) {
				t.Errorf("read again: %v", err)
			}
			if _, _, err := c.n.ToConnect(nil, "t", out); err == nil {
				t.Error("bytes of another size are accepted")
			}
			if _, _, err := c.n.FromConnect(nil, "t", nil, connect.String("x")); err == nil {
				t.Error("a string is accepted")
			}
		})
	}
	if _, _, err := booleanNumber.ToConnect(nil, "t", []byte{2}); err == nil {
		t.Error("a boolean of 2 is accepted")
	}
	if _, _, err := booleanNumber.FromConnect(nil, "t", connect.Int8Schema, connect.Bool(true)); err == nil {
		t.Error("a boolean under another schema is accepted")
	}
}

func TestByteArray(t *testing.T) {
	var c ByteArray
	out, null, err := c.FromConnect([]byte("a"), "t", connect.BytesSchema, connect.Bytes([]byte("b")))
	if string(out) != "ab" || null || err != nil {
		t.Errorf("got %s, %v", out, err)
	}
	if _, _, err := c.FromConnect(nil, "t", connect.StringSchema, connect.String("x")); err == nil || err.Error() != "Invalid schema type for ByteArrayConverter: STRING" {
		t.Errorf("got %v", err)
	}
	if _, _, err := c.FromConnect(nil, "t", nil, connect.String("x")); err == nil || err.Error() != "ByteArrayConverter is not compatible with objects of type class java.lang.String" {
		t.Errorf("got %v", err)
	}
	if _, v, _ := c.ToConnect(nil, "t", []byte{}); v.IsNull() || v.Len() != 0 {
		t.Error("empty bytes became null")
	}
}

func TestStringCharsets(t *testing.T) {
	cases := []struct {
		encoding, text, hex, again string
	}{
		{"UTF-8", "é€😀", "c3a9e282acf09f9880", "é€😀"},
		{"utf8", "a", "61", "a"},
		{"ISO-8859-1", "é€", "e93f", "é?"},
		{"latin1", "ÿ", "ff", "ÿ"},
		{"US-ASCII", "aé", "613f", "a?"},
		{"UTF-16", "a😀", "feff0061d83dde00", "a😀"},
		{"UTF-16BE", "é", "00e9", "é"},
		{"UTF-16LE", "é😀", "e9003dd800de", "é😀"},
	}
	for _, c := range cases {
		t.Run(c.encoding, func(t *testing.T) {
			config, errs := textKeys.Parse(map[string]string{encodingKey: c.encoding})
			if errs != nil {
				t.Fatal(errs)
			}
			s := NewString(config)
			out, _, err := s.FromConnect(nil, "t", nil, connect.String(c.text))
			if err != nil || hex.EncodeToString(out) != c.hex {
				t.Fatalf("got %x, %v", out, err)
			}
			schema, v, err := s.ToConnect(new(connect.Arena), "t", out)
			if err != nil || v.Str() != c.again || schema != connect.OptionalStringSchema {
				t.Errorf("read again %q, %v", v.Str(), err)
			}
		})
	}
	if _, errs := textKeys.Parse(map[string]string{encodingKey: "UTF-9"}); len(errs) != 1 || errs[0].Hint != "did you mean UTF-8?" {
		t.Errorf("got %v", errs)
	}
}

func TestStringReplacesWhatIsNotText(t *testing.T) {
	cases := []struct {
		name    string
		charset *charset
		in      []byte
		want    string
	}{
		{"UTF-8", nil, []byte("a\xffb"), "a\ufffdb"},
		{"ASCII", charsetOf("ASCII"), []byte("a\x80"), "a\ufffd"},
		{"half a pair", charsetOf("UTF-16BE"), []byte{0xd8, 0x3d, 0, 'x'}, "\ufffdx"},
		{"pair cut off", charsetOf("UTF-16BE"), []byte{0xd8, 0x3d}, "\ufffd"},
		{"odd bytes", charsetOf("UTF-16LE"), []byte{'a', 0, 'b'}, "a\ufffd"},
		{"little endian by its mark", charsetOf("UTF-16"), []byte{0xff, 0xfe, 'a', 0}, "a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, v, err := (&String{c.charset}).ToConnect(new(connect.Arena), "t", c.in)
			if err != nil || v.Str() != c.want {
				t.Errorf("got %q, %v", v.Str(), err)
			}
		})
	}
	data := []byte("plain")
	if _, v, _ := (&String{}).ToConnect(nil, "t", data); &v.Bytes()[0] != &data[0] {
		t.Error("plain text was copied")
	}
}

func TestAppendText(t *testing.T) {
	st := connect.NewStruct("s").Field("a", connect.Int8Schema).Field("b", connect.OptionalStringSchema).Field("c", connect.BytesSchema).MustBuild()
	cases := []struct {
		value connect.Value
		want  string
	}{
		{connect.Null(), "null"},
		{connect.Bool(true), "true"},
		{connect.Int16(-5), "-5"},
		{connect.Float32(1), "1.0"},
		{connect.Float64(1e21), "1.0E21"},
		{connect.Bytes([]byte("raw\xff")), "raw\xff"},
		{connect.Array([]connect.Value{connect.Int8(1), connect.Null(), connect.Bytes([]byte{1})}), "[1, null, AQ==]"},
		{connect.Map([]connect.MapEntry{{Key: connect.String("k"), Value: connect.Int8(1)}, {Key: connect.String("l"), Value: connect.Map(nil)}}), "{k=1, l={}}"},
		{connect.StructValue(&connect.Struct{Schema: st, Values: []connect.Value{connect.Int8(1), connect.Null(), connect.Bytes([]byte{1})}}), "Struct{a=1,c=AQ==}"},
		{connect.Date(0), "Thu Jan 01 00:00:00 UTC 1970"},
		{connect.Timestamp(1700000000000), "Tue Nov 14 22:13:20 UTC 2023"},
		{decimal(t, "1e5"), "1E+5"},
	}
	for _, c := range cases {
		t.Run(c.want, func(t *testing.T) {
			if got := AppendText(nil, c.value); string(got) != c.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestFloatsAsJavaPrintsThem(t *testing.T) {
	doubles := map[float64]string{
		0: "0.0", math.Copysign(0, -1): "-0.0", 1: "1.0", 100: "100.0", 1e7: "1.0E7", 9999999: "9999999.0", 12345678.9: "1.23456789E7",
		1e-3: "0.001", 1e-4: "1.0E-4", 0.00123: "0.00123", math.SmallestNonzeroFloat64: "4.9E-324", math.MaxFloat64: "1.7976931348623157E308",
		2e23: "2.0E23", 1e21: "1.0E21", -123456.789: "-123456.789", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity", 1.5e-10: "1.5E-10",
	}
	for f, want := range doubles {
		if got := string(AppendDouble(nil, f)); got != want {
			t.Errorf("double: got %s, want %s", got, want)
		}
	}
	floats := map[float32]string{
		1: "1.0", 1e7: "1.0E7", math.SmallestNonzeroFloat32: "1.4E-45", math.MaxFloat32: "3.4028235E38", 3.4: "3.4", 16777216: "1.6777216E7", 0.1: "0.1",
	}
	for f, want := range floats {
		if got := string(AppendFloat(nil, f)); got != want {
			t.Errorf("float: got %s, want %s", got, want)
		}
	}
	if got := string(AppendDouble(nil, math.NaN())); got != "NaN" {
		t.Errorf("got %s", got)
	}
}

func TestDecimalsAsJavaPrintsThem(t *testing.T) {
	cases := map[string]string{
		"0": "0", "0.00": "0.00", "-1.50": "-1.50", "123": "123", "1e3": "1E+3", "-12e3": "-1.2E+4", "0.000001": "0.000001",
		"0.0000001": "1E-7", "12e-9": "1.2E-8", "0e-7": "0E-7", "0e5": "0E+5", "-0.5": "-0.5", "10e-1": "1.0",
	}
	for in, want := range cases {
		if got := string(AppendDecimal(nil, decimal(t, in).Decimal())); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestLRUDropsWhatWasNotUsed(t *testing.T) {
	l := newLRU[string, int](2)
	l.put("a", 1)
	l.put("b", 2)
	l.get("a")
	l.put("c", 3)
	if _, ok := l.get("b"); ok {
		t.Error("the entry used least is still there")
	}
	if v, ok := l.get("a"); !ok || v != 1 {
		t.Error("an entry in use was dropped")
	}
	none := newLRU[string, int](0)
	none.put("a", 1)
	if _, ok := none.get("a"); ok {
		t.Error("a cache of size 0 keeps entries")
	}
}

func TestHeaderThatNestsTooDeeplyStaysBytes(t *testing.T) {
	data := bytes.Repeat([]byte("["), 100_000)
	s, v, err := SimpleHeader{}.ToConnectHeader(new(connect.Arena), "t", "h", data)
	if err != nil || s != connect.BytesSchema || !bytes.Equal(v.Bytes(), data) {
		t.Errorf("got %s, %v", s, err)
	}
}

func TestHeaderOfAStruct(t *testing.T) {
	s := connect.NewStruct("s").
		Field("a", connect.NewSchema(connect.TypeInt8).Optional().Default(connect.Int8(4)).MustBuild()).
		Field("q\"", connect.BytesSchema).MustBuild()
	v := connect.StructValue(&connect.Struct{Schema: s, Values: []connect.Value{connect.Null(), connect.Bytes([]byte{1})}})
	out, null, err := SimpleHeader{}.FromConnectHeader(nil, "t", "h", s, v)
	if err != nil || null || string(out) != `{"a":4,"q\"":"AQ=="}` {
		t.Errorf("got %s, %v", out, err)
	}
	if out, _, _ := (SimpleHeader{}).FromConnectHeader(nil, "t", "h", nil, connect.Bytes([]byte{1, 2})); string(out) != "AQI=" {
		t.Errorf("bytes: got %s", out)
	}
}

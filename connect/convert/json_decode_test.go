// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/connectd/connectd/connect"
)

func parse(t testing.TB, text string) connect.Value {
	t.Helper()
	v, err := ParseJSON(new(connect.Arena), []byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func decimal(t testing.TB, text string) connect.Value {
	t.Helper()
	d, err := connect.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return connect.DecimalValue(d)
}

func TestParseJSONScalars(t *testing.T) {
	cases := []struct {
		in   string
		want connect.Value
	}{
		{`null`, connect.Null()},
		{``, connect.Null()},
		{" \t\r\n", connect.Null()},
		{`true`, connect.Bool(true)},
		{` false `, connect.Bool(false)},
		{`0`, connect.Int64(0)},
		{`-0`, connect.Int64(0)},
		{`007`, connect.Int64(7)},
		{`-12`, connect.Int64(-12)},
		{`999999999999999999`, connect.Int64(999999999999999999)},
		{`9223372036854775807`, connect.Int64(math.MaxInt64)},
		{`-9223372036854775808`, connect.Int64(math.MinInt64)},
		{`000000000000000000000001`, connect.Int64(1)},
		{`9223372036854775808`, decimal(t, "9223372036854775808")},
		{`-9223372036854775809`, decimal(t, "-9223372036854775809")},
		{`18446744073709551617`, decimal(t, "18446744073709551617")},
		{`1.5`, connect.Float64(1.5)},
		{`-0.0`, connect.Float64(0)},
		{`1e3`, connect.Float64(1000)},
		{`1E+3`, connect.Float64(1000)},
		{`25e-1`, connect.Float64(2.5)},
		{`1e400`, decimal(t, "1e400")},
		{`1e-400`, connect.Float64(0)},
		{`"plain"`, connect.String("plain")},
		{`""`, connect.String("")},
		{`"exactly8"`, connect.String("exactly8")},
		{`"a longer text of plain letters"`, connect.String("a longer text of plain letters")},
		{`"q\"b\\s\/n\n\b\f\r\t"`, connect.String("q\"b\\s/n\n\b\f\r\t")},
		{`"\u0041\u00e9\u20AC"`, connect.String("Aé€")},
		{`"\ud83d\ude00"`, connect.String("😀")},
		{`"é€😀"`, connect.String("é€😀")},
		{"\"\u007f\"", connect.String("\u007f")},
		{"\ufeff5", connect.Int64(5)},
	}
	for _, c := range cases {
		t.Run(c.in, func(t *testing.T) {
			if got := parse(t, c.in); !connect.Equal(got, c.want) {
				t.Errorf("got %s %s, want %s", got.Kind(), AppendJSON(nil, got), AppendJSON(nil, c.want))
			}
		})
	}
}

func TestParseJSONKeepsOrderAndLastOfTwins(t *testing.T) {
	many := "{"
	for i := range 100 {
		many += fmt.Sprintf(`"k%d":%d,`, i%40, i)
	}
	many = strings.TrimSuffix(many, ",") + "}"
	manyWant := "{"
	for i := range 40 {
		last := i + 40
		if i < 20 {
			last = i + 80
		}
		manyWant += fmt.Sprintf(`"k%d":%d,`, i, last)
	}
	manyWant = strings.TrimSuffix(manyWant, ",") + "}"
	cases := map[string][2]string{
		"order":        {`{ "z" : 1 , "a" : [ ] , "m" : { } }`, `{"z":1,"a":[],"m":{}}`},
		"twins":        {`{"a":1,"b":2,"a":3,"c":4,"b":5}`, `{"a":3,"b":5,"c":4}`},
		"three":        {`{"a":1,"a":2,"a":3}`, `{"a":3}`},
		"escaped twin": {`{"a":1,"\u0061":2}`, `{"a":2}`},
		"many":         {many, manyWant},
		"nested":       {`{"a":{"b":1,"b":[1,{"c":1,"c":2}]}}`, `{"a":{"b":[1,{"c":2}]}}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := AppendJSON(nil, parse(t, c[0])); string(got) != c[1] {
				t.Errorf("got %s, want %s", got, c[1])
			}
		})
	}
}

func TestParseJSONNamesTheWrongByte(t *testing.T) {
	cases := []struct {
		in     string
		offset int
		reason string
	}{
		{`FAIL HERE`, 0, "unexpected 'F', expected a value"},
		{`{"a":1} x`, 8, "unexpected 'x' after the document"},
		{`{"a":1`, 6, "unexpected end, expected ',' or '}' after an object's member"},
		{`{"a" 1}`, 5, "unexpected '1', expected ':' after a key"},
		{`{a:1}`, 1, "unexpected 'a', expected a key in double quotes"},
		{`{"a":1,}`, 7, "unexpected '}', expected a key in double quotes"},
		{`{"a":}`, 5, "unexpected '}', expected a value"},
		{`[1,]`, 3, "unexpected ']', expected a value"},
		{`[1 2]`, 3, "unexpected '2', expected ',' or ']' after an array's element"},
		{`[`, 1, "unexpected end, expected a value"},
		{`"abc`, 4, "unexpected end in a string"},
		{`"abc\`, 5, "unexpected end in a string"},
		{`"ab\xc"`, 3, "unrecognized escape 'x'"},
		{`"\u12g4"`, 1, `expected four hex digits after \u`},
		{`"\ud800"`, 1, "half of a surrogate pair is not a character"},
		{`"x\ude00\ud83d"`, 2, "half of a surrogate pair is not a character"},
		{`"\ud83dA"`, 1, "half of a surrogate pair is not a character"},
		{"\"a\tb\"", 2, `control character '\t' in a string must be escaped`},
		{"\"longer text \x00\"", 13, `control character '\x00' in a string must be escaped`},
		{"\"ab\xff\"", 3, "byte 0xff in a string is not UTF-8"},
		{"\"é\xe2\x82\"", 3, "byte 0xe2 in a string is not UTF-8"},
		{"\"\xed\xa0\x80\"", 1, "byte 0xed in a string is not UTF-8"},
		{"\xff", 0, "unexpected byte 0xff, expected a value"},
		{`NaN`, 0, "unexpected 'N', expected a value"},
		{`-Infinity`, 1, "unexpected 'I', expected a digit"},
		{`nul`, 0, "unrecognized word, expected null"},
		{`truex`, 0, "unrecognized word, expected true"},
		{`+1`, 0, "unexpected '+', expected a value"},
		{`.5`, 0, "unexpected '.', expected a value"},
		{`1.`, 2, "unexpected end, expected a digit after the decimal point"},
		{`1.e1`, 2, "unexpected 'e', expected a digit after the decimal point"},
		{`1e`, 2, "unexpected end, expected a digit of the exponent"},
		{`-`, 1, "unexpected end, expected a digit"},
		{`0x10`, 1, "unexpected 'x', expected the end of the number"},
		{`1_000`, 1, "unexpected '_', expected the end of the number"},
		{strings.Repeat("9", 1001), 0, "a number has more than 1000 characters"},
		{"0." + strings.Repeat("9", 1001), 0, "a number has more than 1000 characters"},
		{`1e999999`, 0, `parse decimal "1e999999": bad exponent`},
		{strings.Repeat("[", 1001), 1000, "nesting is deeper than 1000 levels"},
	}
	for _, c := range cases {
		t.Run(c.in[:min(len(c.in), 20)], func(t *testing.T) {
			_, err := ParseJSON(new(connect.Arena), []byte(c.in))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("got %v", err)
			}
			if syntax.Offset != c.offset || syntax.Reason != c.reason {
				t.Errorf("got %v, want byte %d: %s", syntax, c.offset, c.reason)
			}
		})
	}
}

func TestParseJSONAcceptsTheDeepestNesting(t *testing.T) {
	text := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	if got := AppendJSON(nil, parse(t, text)); string(got) != text {
		t.Error("the deepest nesting changed")
	}
}

func TestStringsWithoutEscapesAliasTheInput(t *testing.T) {
	data := []byte(`{"key":"value","e":"a\nb"}`)
	v, err := ParseJSON(new(connect.Arena), data)
	if err != nil {
		t.Fatal(err)
	}
	within := func(b []byte) bool {
		at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		from := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
		return at >= from && at < from+uintptr(len(data))
	}
	m := v.Map()
	if !within(m[0].Key.Bytes()) || !within(m[0].Value.Bytes()) {
		t.Error("a plain string was copied")
	}
	if within(m[1].Value.Bytes()) {
		t.Error("a string with an escape aliases the input")
	}
}

func TestDecoderIsUsableAfterAnError(t *testing.T) {
	var d Decoder
	var a connect.Arena
	if _, err := d.Decode(&a, []byte(`{"a":[1,{"b":`)); err == nil {
		t.Fatal("no error")
	}
	v, err := d.Decode(&a, []byte(`{"c":[2]}`))
	if err != nil || string(AppendJSON(nil, v)) != `{"c":[2]}` {
		t.Errorf("got %s, %v", AppendJSON(nil, v), err)
	}
}

func TestDecodingAndEncodingAllocateNothing(t *testing.T) {
	var d Decoder
	var a connect.Arena
	doc := []byte(`{"user_id":"a","type":"order","n":[1,2.5,true,null,"x\n"],"o":{"k":"é"}}`)
	var dst []byte
	round := func() {
		a.Reset()
		v, err := d.Decode(&a, doc)
		if err != nil {
			t.Fatal(err)
		}
		dst = AppendJSON(dst[:0], v)
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations a document", n)
	}
}

func TestSchemaRoundTripAllocatesNothing(t *testing.T) {
	j := newJSON(t, nil)
	doc := []byte(`{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"field":"s"},{"type":"double","optional":true,"field":"d"}],"optional":false},"payload":{"id":1,"s":"x","d":1.25}}`)
	var a connect.Arena
	var dst []byte
	round := func() {
		a.Reset()
		s, v, err := j.ToConnect(&a, "t", doc)
		if err != nil {
			t.Fatal(err)
		}
		if dst, _, err = j.FromConnect(dst[:0], "t", s, v); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations a message", n)
	}
	if string(dst) != string(doc) {
		t.Errorf("got %s", dst)
	}
}

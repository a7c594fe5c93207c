// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// longs makes data of numbers.
func longs(numbers ...int64) []byte {
	var b []byte
	for _, n := range numbers {
		b = appendLong(b, n)
	}
	return b
}

// around makes a schema text whose field is what is attacked.
func around(text string) string {
	return `{"type":"record","name":"R","fields":[{"name":"x","type":` + text + `}]}`
}

const (
	nothing = `{"type":"record","name":"Nothing","fields":[]}`
	none    = `{"type":"record","name":"R","fields":[]}`
)

// hostile are messages whose announcements are larger than what they hold. The first
// groups are what the open advisories of the Avro library are about.
var hostile = []struct {
	name, text string
	data       []byte
	want       string
}{
	// GO-2026-5046: CPU time that grows with what is announced.
	{"5046: nulls without end", `{"type":"array","items":"null"}`, longs(1 << 50), "elements without bytes"},
	{"5046: empty records", `{"type":"array","items":` + nothing + `}`, longs(1 << 40), "elements without bytes"},
	{"5046: empty fixed", `{"type":"array","items":{"type":"fixed","name":"F","size":0}}`, longs(math.MaxInt64), "elements without bytes"},
	{"5046: nulls with a size", `{"type":"array","items":"null"}`, longs(-1<<40, 0), "elements without bytes"},
	{"5046: block after block", `{"type":"array","items":"null"}`, bytes.Repeat(longs(60000), 1000), "elements without bytes"},
	{"5046: array in array", `{"type":"array","items":{"type":"array","items":"null"}}`, append(longs(1000), bytes.Repeat(longs(60000, 0), 1000)...), "elements without bytes"},
	// GO-2026-5047: lengths and counts that overflow.
	{"5047: smallest count", `{"type":"array","items":"long"}`, longs(math.MinInt64, 1), "2^63 elements"},
	{"5047: smallest count of a map", `{"type":"map","values":"long"}`, longs(math.MinInt64, 1), "2^63 elements"},
	{"5047: smallest length", `"string"`, longs(math.MinInt64), "left"},
	{"5047: largest length", `"string"`, longs(math.MaxInt64), "left"},
	{"5047: length in 32 bits", `"string"`, longs(1 << 32), "left"},
	{"5047: negative length", `"string"`, longs(-1), "left"},
	{"5047: largest bytes", around(`"bytes"`), longs(math.MaxInt64), "left"},
	{"5047: key", `{"type":"map","values":"null"}`, longs(1, math.MaxInt64), "left"},
	{"5047: size of a block", `{"type":"array","items":"long"}`, longs(-1, math.MaxInt64, 1), "left"},
	{"5047: negative size of a block", `{"type":"array","items":"long"}`, longs(-1, math.MinInt64, 1), "left"},
	{"5047: number of 11 bytes", `"long"`, bytes.Repeat([]byte{0xff}, 11), "longer than 64 bits"},
	{"5047: int of 64 bits", `"int"`, longs(1 << 32), "range of an int"},
	{"5047: branch", `["null","long"]`, longs(math.MinInt64), "branch"},
	{"5047: branch of three", `["null","long","string"]`, longs(1 << 32), "branch"},
	{"5047: symbol", `{"type":"enum","name":"E","symbols":["A"]}`, longs(1 << 32), "symbol"},
	// GO-2026-5048: memory that is taken for what is announced.
	{"5048: map", `{"type":"map","values":"null"}`, longs(1<<40, 0), "does not fit"},
	{"5048: map of records", `{"type":"map","values":` + nothing + `}`, longs(1<<31, 0), "does not fit"},
	{"5048: array of longs", `{"type":"array","items":"long"}`, longs(1<<40, 1), "does not fit"},
	{"5048: array of doubles", `{"type":"array","items":"double"}`, append(longs(2), make([]byte, 15)...), "does not fit"},
	{"5048: entries", `{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":"null"}]}}`, longs(1 << 40), "does not fit"},
	{"5048: block larger than its size", `{"type":"array","items":"long"}`, append(longs(-100, 2), make([]byte, 100)...), "does not fit"},
	{"fixed", around(`{"type":"fixed","name":"F","size":16000000}`), make([]byte, 10), "ends inside"},
	{"boolean", `"boolean"`, []byte{2}, "0 or 1"},
	{"double", `"double"`, make([]byte, 7), "ends inside"},
	{"decimal", `{"type":"bytes","logicalType":"decimal","precision":4}`, make([]byte, maxDecimal+1), "a decimal of"},
}

func TestHostileMessagesEndInErrors(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			a := parse(t, c.text)
			err := within(t, func() error { _, err := readLimited(t, a, a, c.data, Limits{}); return err })
			var body *bodyError
			if !errors.As(err, &body) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// readLimited decodes within limits; what has no Connect form is read without schema.
func readLimited(t testing.TB, w, r *schema.Schema, data []byte, limits Limits) (connect.Value, error) {
	t.Helper()
	o := DefaultDataOptions()
	to, err := o.ToConnect(r, 0)
	if err != nil {
		to = nil
	}
	plan, err := compileDecoder(o, w, r, to)
	if err != nil {
		t.Fatal(err)
	}
	limits = limits.withDefaults()
	var c cursor
	c.reset(new(connect.Arena), data, &limits)
	var v connect.Value
	err = plan.root.decode(&c, &v)
	return v, err
}

// within runs f and fails if it takes more than a few megabytes or a second.
func within(t *testing.T, f func() error) error {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := f()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("took %d bytes", n)
	}
	if took > time.Second {
		t.Errorf("took %v", took)
	}
	return err
}

func TestHostileMessagesEndInErrorsWhereTheyAreSkipped(t *testing.T) {
	for _, c := range hostile {
		if strings.Contains(c.name, "boolean") || strings.Contains(c.name, "symbol") || strings.Contains(c.name, "decimal") ||
			strings.Contains(c.name, "int of") || strings.HasPrefix(c.text, `{"type":"record"`) {
			continue // not looked into, or a record already
		}
		t.Run(c.name, func(t *testing.T) {
			w, r := parse(t, around(c.text)), parse(t, none)
			err := within(t, func() error { _, _, err := read(w, r, c.data); return err })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	big := append(longs(100_000), make([]byte, 100_001)...)
	wide := `{"type":"record","name":"R","fields":[` + strings.TrimSuffix(strings.Repeat(`{"name":"f#","type":"int","default":1},`, 50), ",") + `]}`
	for i := 0; strings.Contains(wide, "#"); i++ {
		wide = strings.Replace(wide, "#", string(rune('a'+i/26))+string(rune('a'+i%26)), 1)
	}
	cases := []struct {
		name, writer, reader string
		data                 []byte
		limits               Limits
		want                 string // "" for no error
	}{
		{"memory of an array", `{"type":"array","items":"boolean"}`, "", big, Limits{Bytes: 1 << 20}, "more memory"},
		{"memory of an array, enough", `{"type":"array","items":"boolean"}`, "", big, Limits{Bytes: 3 << 20}, ""},
		{"memory of entries", `{"type":"map","values":"null"}`, "", big, Limits{Bytes: 1 << 20}, "more memory"},
		{"memory of defaults", `{"type":"array","items":` + none + `}`, `{"type":"array","items":` + wide + `}`, longs(60000, 0), Limits{Bytes: 1 << 20}, "more memory"},
		{"empty elements", `{"type":"array","items":` + nothing + `}`, "", longs(10, 1, 0), Limits{Empty: 10}, "more than the 0 elements"},
		{"empty elements, enough", `{"type":"array","items":` + nothing + `}`, "", longs(10, 1, 0), Limits{Empty: 11}, ""},
		{"depth", `{"type":"array","items":{"type":"array","items":{"type":"array","items":"int"}}}`, "", longs(1, 1, 1, 1, 0, 0, 0), Limits{Depth: 2}, "nested too deep"},
		{"depth, enough", `{"type":"array","items":{"type":"array","items":{"type":"array","items":"int"}}}`, "", longs(1, 1, 1, 1, 0, 0, 0), Limits{Depth: 3}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := parse(t, c.writer)
			r := w
			if c.reader != "" {
				r = parse(t, c.reader)
			}
			_, err := readLimited(t, w, r, c.data, c.limits)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// FuzzDecode reads any bytes under any schema: it must end in a value that can be
// written again and reads the same, or in an error, without much more memory than the
// limits allow.
func FuzzDecode(f *testing.F) {
	for _, c := range hostile {
		f.Add(c.text, c.data)
	}
	f.Add(recorded, []byte{2, 2, 'a', 2, 2, 2, 4, 0})
	f.Add(`{"type":"record","name":"N","fields":[{"name":"v","type":"int"},{"name":"n","type":["null","N"]}]}`, []byte{2, 2, 4, 0})
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		start := time.Now()
		defer func() {
			if took := time.Since(start); took > 5*time.Second {
				t.Fatalf("took %v", took)
			}
		}()
		a, err := schema.Parse(text)
		if err != nil {
			return
		}
		o := DefaultDataOptions()
		to, err := o.ToConnect(a, 0)
		if err != nil {
			to = nil
		}
		plan, err := compileDecoder(o, a, a, to)
		if err != nil {
			return
		}
		limits := Limits{Bytes: 1 << 20}.withDefaults()
		var c cursor
		c.reset(new(connect.Arena), data, &limits)
		var v connect.Value
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err = plan.root.decode(&c, &v)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
			t.Fatalf("took %d bytes", n)
		}
		if err == nil && to != nil {
			writeAgain(t, o, a, to, v)
		}
	})
}

func writeAgain(t *testing.T, o DataOptions, a *schema.Schema, to *connect.Schema, v connect.Value) {
	step, err := compileEncoder(o, to, a)
	if err != nil {
		return
	}
	first, err := step.encode(nil, v)
	if err != nil {
		return // a default that the schema asks for, a union that was null
	}
	_, again, err := read(a, a, first)
	if err != nil {
		t.Fatalf("cannot read %x, which was written: %v", first, err)
	}
	second, err := step.encode(nil, again)
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("wrote %x, then %x, %v", first, second, err)
	}
}

const recorded = `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"string"}},{"name":"m","type":{"type":"map","values":["null","double"]}},{"name":"u","type":["int","string","null"]}]}`

func TestNumbersOfAnyLength(t *testing.T) {
	for _, n := range []int64{0, -1, 1, 63, -64, 64, 1 << 31, -1 << 31, math.MaxInt64, math.MinInt64} {
		want := binary.AppendVarint(nil, n)
		if got := appendLong(nil, n); !bytes.Equal(got, want) {
			t.Errorf("%d: wrote %x, want %x", n, got, want)
		}
		c := cursor{data: want}
		if got, err := c.long(); got != n || err != nil || c.left() != 0 {
			t.Errorf("%x: read %d, %v", want, got, err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/hamba/avro/v2"
)

// order is a record as change events have them: 12 fields, one of them nested, one a
// list.
func order(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "order.avsc"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// benchBatch is how many records share an arena.
const benchBatch = 1000

func orderPlans(tb testing.TB) (encoder, *decodePlan, connect.Value, []byte) {
	tb.Helper()
	a := parse(tb, order(tb))
	o := DefaultDataOptions()
	s, err := o.ToConnect(a, 1)
	if err != nil {
		tb.Fatal(err)
	}
	step, err := compileEncoder(o, s, a)
	if err != nil {
		tb.Fatal(err)
	}
	plan, err := compileDecoder(o, a, a, s)
	if err != nil {
		tb.Fatal(err)
	}
	item := s.Field("items").Schema.Elem()
	items := make([]connect.Value, 3)
	for i := range items {
		items[i] = strct(item, connect.String("sku-000"+string(rune('1'+i))), connect.Int32(int32(i+1)), connect.Float64(9.99))
	}
	v := strct(s, connect.Int64(123456789), connect.Int64(4711), connect.String("shipped"), connect.String("leave at the door"),
		connect.Float64(59.97), connect.Bool(true), connect.Timestamp(1_700_000_000_000), connect.Date(19675), connect.Null(), connect.String("EUR"),
		strct(s.Field("address").Schema, connect.String("Main Street 1"), connect.Int32(89073), connect.String("Ulm")), connect.Array(items))
	data, err := step.encode(nil, v)
	if err != nil {
		tb.Fatal(err)
	}
	return step, plan, v, data
}

func BenchmarkEncode(b *testing.B) {
	step, _, v, data := orderPlans(b)
	a := avro.MustParse(order(b))
	var generic any
	if err := avro.Unmarshal(a, data, &generic); err != nil {
		b.Fatal(err)
	}
	b.Run("plan", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst, _ = step.encode(dst[:0], v)
		}
	})
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := avro.Marshal(a, generic); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	_, plan, _, data := orderPlans(b)
	b.Run("plan", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		limits := Limits{}.withDefaults()
		arena := new(connect.Arena)
		var c cursor
		var v connect.Value
		for i := 0; b.Loop(); i++ {
			if i%benchBatch == 0 {
				arena.Reset()
			}
			c.reset(arena, data, &limits)
			if err := plan.root.decode(&c, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	a := avro.MustParse(order(b))
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var generic any
			if err := avro.Unmarshal(a, data, &generic); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkConverter is a message with its header, by way of the caches.
func BenchmarkConverter(b *testing.B) {
	_, plan, v, _ := orderPlans(b)
	conv := mustConverter(b, newMemoryRegistry(), nil)
	message, _, err := conv.FromConnect(nil, "orders", plan.schema, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst, _, _ = conv.FromConnect(dst[:0], "orders", plan.schema, v)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		arena := new(connect.Arena)
		for i := 0; b.Loop(); i++ {
			if i%benchBatch == 0 {
				arena.Reset()
			}
			if _, _, err := conv.ToConnect(arena, "orders", message); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPrimitives is why the steps append and read by themselves: the same longs and
// strings through the library's Writer and Reader, without any plan.
func BenchmarkPrimitives(b *testing.B) {
	const text = "leave at the door"
	var data []byte
	for i := range int64(10) {
		data = appendText(appendLong(data, 1<<(6*i)), text)
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst = dst[:0]
			for i := range int64(10) {
				dst = appendText(appendLong(dst, 1<<(6*i)), text)
			}
		}
	})
	b.Run("library's Writer", func(b *testing.B) {
		b.ReportAllocs()
		w := avro.NewWriter(nil, 512)
		var dst []byte
		for b.Loop() {
			w.Reset(nil)
			for i := range int64(10) {
				w.WriteLong(1 << (6 * i))
				w.WriteString(text)
			}
			dst = append(dst[:0], w.Buffer()...)
		}
	})
	b.Run("cursor", func(b *testing.B) {
		b.ReportAllocs()
		limits := Limits{}.withDefaults()
		var c cursor
		for b.Loop() {
			c.reset(nil, data, &limits)
			for range 10 {
				_, _ = c.long()
				_, _ = c.bytes("a string")
			}
		}
	})
	b.Run("library's Reader", func(b *testing.B) {
		b.ReportAllocs()
		r := avro.NewReader(strings.NewReader(""), 0)
		for b.Loop() {
			r.Reset(data)
			for range 10 {
				_ = r.ReadLong()
				_ = r.ReadString()
			}
		}
	})
}

// TestRecordsAllocateNothing holds the promise of the package.
func TestRecordsAllocateNothing(t *testing.T) {
	_, plan, v, _ := orderPlans(t)
	conv := mustConverter(t, newMemoryRegistry(), nil)
	message, _, err := conv.FromConnect(nil, "orders", plan.schema, v)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, 0, 1024)
	arena := new(connect.Arena)
	got := testing.AllocsPerRun(100, func() {
		arena.Reset()
		for range 10 {
			dst, _, _ = conv.FromConnect(dst[:0], "orders", plan.schema, v)
			if _, _, err = conv.ToConnect(arena, "orders", message); err != nil {
				t.Fatal(err)
			}
		}
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"
	"unsafe"
)

// everyKind has one value of each kind, and none that equals another.
func everyKind() []Value {
	s := NewStruct("s").Field("a", Int8Schema).MustBuild()
	return []Value{
		Null(), Bool(true), Bool(false), Int8(-1), Int16(-1), Int32(-1), Int64(-1), Int64(math.MinInt64), Float32(1.5), Float64(1.5), Float64(math.NaN()),
		String("x"), String(""), Bytes([]byte("x")), Bytes(nil), Array(nil), Array([]Value{Int8(1)}), Map(nil), Map([]MapEntry{{String("k"), Null()}}),
		StructValue(&Struct{Schema: s, Values: []Value{Int8(1)}}), StructValue(&Struct{Schema: s, Values: []Value{Int8(2)}}),
		DecimalValue(&Decimal{Unscaled: big.NewInt(10), Scale: 1}), DecimalValue(&Decimal{Unscaled: big.NewInt(1)}), Date(5), Time(5), Timestamp(5),
	}
}

func TestValueIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Value{}); n != 24 {
		t.Errorf("a value has %d bytes", n)
	}
}

func TestEqualAndClone(t *testing.T) {
	all, again := everyKind(), everyKind()
	for i := range all {
		for j := range again {
			if got := Equal(all[i], again[j]); got != (i == j) {
				t.Errorf("%s %d equals %s %d: %t", all[i].Kind(), i, again[j].Kind(), j, got)
			}
		}
		if c := Clone(all[i]); !Equal(c, all[i]) || c.Kind() != all[i].Kind() {
			t.Errorf("the clone of a %s is another value", all[i].Kind())
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	text := []byte("text")
	list := []Value{StringOf(text)}
	entries := []MapEntry{{StringOf(text), Array(list)}}
	c := Clone(Map(entries))
	text[0] = 'X'
	list[0] = Null()
	entries[0] = MapEntry{}
	want := Map([]MapEntry{{String("text"), Array([]Value{String("text")})}})
	if !Equal(c, want) {
		t.Error("the clone changed with its original")
	}
}

func TestAccessorsOfOtherKindsAreZero(t *testing.T) {
	for _, v := range everyKind() {
		k := v.Kind()
		if v.Bool() && k != KindBool || v.Str() != "" && k != KindString || v.Float() != 0 && k != KindFloat32 && k != KindFloat64 && v.Float() == v.Float() {
			t.Errorf("a %s reads as a boolean, string or float", k)
		}
		if v.IsNull() != (k == KindNull) || v.IsInt() != (k >= KindInt8 && k <= KindInt64) {
			t.Errorf("%s: null %t, int %t", k, v.IsNull(), v.IsInt())
		}
		if (v.Array() != nil) && k != KindArray || (v.Map() != nil) && k != KindMap || (v.Struct() != nil) != (k == KindStruct) ||
			(v.Decimal() != nil) != (k == KindDecimal) || (v.Bytes() != nil) != (k == KindBytes || k == KindString) {
			t.Errorf("a %s reads as a composite of another kind", k)
		}
		if v.Float32() != 0 && k != KindFloat32 {
			t.Errorf("a %s reads as a float32", k)
		}
	}
	if StructValue(nil).Kind() != KindNull || DecimalValue(nil).Kind() != KindNull {
		t.Error("nil composites are not null")
	}
}

func TestGoTime(t *testing.T) {
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		v    Value
		want time.Time
	}{
		"date":      {Date(int32(day.Unix() / 86400)), day},
		"before":    {Date(-1), time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC)},
		"time":      {Time(1500), time.UnixMilli(1500).UTC()},
		"timestamp": {Timestamp(-1), time.UnixMilli(-1).UTC()},
		"other":     {Int64(5), time.Time{}},
	}
	for name, c := range cases {
		if got := c.v.GoTime(); !got.Equal(c.want) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestGet(t *testing.T) {
	s := NewStruct("s").Field("a", Int8Schema).MustBuild()
	st := StructValue(&Struct{Schema: s, Values: []Value{Int8(1)}})
	m := Map([]MapEntry{{Int8(1), Null()}, {String("a"), Int8(1)}})
	for _, v := range []Value{st, m} {
		if got, ok := v.Get("a"); !ok || got.Int() != 1 {
			t.Errorf("%s has no a", v.Kind())
		}
		if _, ok := v.Get("b"); ok {
			t.Errorf("%s has b", v.Kind())
		}
	}
	if _, ok := String("a").Get("a"); ok {
		t.Error("a string has members")
	}
}

func TestKindsHaveNames(t *testing.T) {
	seen := make(map[string]bool)
	for k := KindNull; k <= KindTimestamp; k++ {
		if seen[k.String()] {
			t.Errorf("%s is there twice", k)
		}
		seen[k.String()] = true
	}
	if got := fmt.Sprint(Kind(99)); got != "kind(99)" {
		t.Errorf("got %s", got)
	}
}

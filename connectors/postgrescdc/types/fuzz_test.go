// SPDX-License-Identifier: Apache-2.0

package types

import (
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

// allPlans are plans of every type and its array, in modes that together reach every decoder.
func allPlans(tb testing.TB) []*ColumnPlan {
	tb.Helper()
	cat := testCatalog()
	oids := make([]uint32, 0, cat.Len())
	for oid := range cat.types {
		oids = append(oids, oid)
	}
	slices.Sort(oids)
	var plans []*ColumnPlan
	for _, m := range []Modes{
		{UnknownTypes: true},
		{Decimal: "string", Time: "structured", Hstore: "map", Binary: "base64", NestedArrays: true, CompositeStructs: true},
		{Decimal: "double", Time: "isostring", Interval: "string", Binary: "hex"},
		{Time: "nanoseconds", Binary: "base64-url-safe"}, {Time: "connect"},
	} {
		for _, oid := range oids {
			for _, mod := range []int32{noMod, 1, decimalMod(10, 2)} {
				p, err := Plan(Column{Name: "c", Type: oid, TypMod: mod, Dimensions: 2}, cat, m)
				if err != nil {
					tb.Fatal(err)
				}
				if !p.Dropped {
					plans = append(plans, p)
				}
			}
		}
	}
	return plans
}

// FuzzDecode gives any bytes to every decoder: nothing may panic, and what comes out must fit the
// schema, unless the decoder says why not.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "t", "-12", "1.50", "NaN", "-Infinity", "infinity", `\xdead`, `a\\b\001`, "101", "2024-02-29", "0044-03-15 12:00:00.5+05:30 BC", "24:00:00-12",
		"1 year -2 mons +3 days -04:05:06.7", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", `{1,NULL,"a\"b"}`, "{{1,2},{3,4}}", "[2:3]={1,2}", `"a"=>"b\"", "c"=>NULL`,
		"(1,2)", "<(1,2),3>", "[(0,0),(1,1)]", "{1,2,3}", "0101000020E6100000000000000000F03F0000000000000040", "[1,2.5]", "{1:1.5}/3", `("a""b",1,,)`, "-$1,234.56",
		"\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x17\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x05",
		"\x00\x02\x00\x00\x40\x00\x00\x02\x00\x0c\x0d\x48", "\x00\x00\x00\x09\xff\x80", "\x7f\xff\xff\xff\xff\xff\xff\xff",
		"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03", "\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xfe",
	} {
		f.Add([]byte(seed))
	}
	plans := allPlans(f)
	var a connect.Arena
	f.Fuzz(func(t *testing.T, data []byte) {
		a.Reset()
		before := slices.Clone(data)
		for _, p := range plans {
			for form, decode := range map[string]func(*connect.Arena, []byte) (connect.Value, error){"text": p.Text, "binary": p.Binary} {
				v, err := decode(&a, data)
				if err != nil {
					continue
				}
				if err := connect.Check(p.Schema, v); err != nil {
					t.Fatalf("%s of %s: %v", form, p.typeName, err)
				}
			}
		}
		if !slices.Equal(before, data) {
			t.Fatal("the input was changed")
		}
	})
}

// FuzzDefault gives any expression to every plan.
func FuzzDefault(f *testing.F) {
	for _, seed := range []string{"", "'a'::text", "((", "E'\\", "B'1", "nextval('a')", "(-1)::numeric(4,2)", "'{}'::integer[]", "::", "f(", "1))"} {
		f.Add(seed)
	}
	plans := allPlans(f)
	f.Fuzz(func(t *testing.T, expr string) {
		for _, p := range plans {
			v, ok := p.Default(expr)
			if err := connect.Check(p.Schema, v); ok && err != nil {
				t.Fatalf("default %q of %s: %v", expr, p.typeName, err)
			}
		}
	})
}

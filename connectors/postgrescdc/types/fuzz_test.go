// SPDX-License-Identifier: Apache-2.0

package types

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
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

// families are the types whose decoders have the same kind of input; their arrays belong to
// containers.
var families = map[string][]uint32{
	"numbers": {oidBool, oidInt2, oidInt4, oidInt8, oidOID, oidFloat4, oidFloat8, oidNumeric, oidMoney, oidTestDomain, oidTestDomainOfDomain},
	"times":   {oidDate, oidTime, oidTimetz, oidTimestamp, oidTimestamptz, oidInterval},
	"texts":   {oidText, oidBpchar, oidName, oidChar, oidBytea, oidBit, oidVarbit, oidUUID, oidJSON, oidJSONB, oidXML, oidTsvector, oidInet, oidTestEnum, oidTestUnknown, oidTestLtree, oidTestMultirange},
	"shapes":  {oidPoint, oidLine, oidLseg, oidBox, oidPath, oidPolygon, oidCircle, oidTestGeometry, oidTestGeography, oidTestVector, oidTestHalfvec, oidTestSparsevec},
}

// familyPlans are the plans of a family; of all types that are in none for "containers".
func familyPlans(tb testing.TB, family string) []*ColumnPlan {
	of := map[string]string{}
	cat := testCatalog()
	for name, oids := range families {
		for _, oid := range oids {
			of[cat.Type(oid).Name] = name
		}
	}
	var plans []*ColumnPlan
	for _, p := range allPlans(tb) {
		if in, ok := of[p.typeName]; in == family || !ok && family == "containers" {
			plans = append(plans, p)
		}
	}
	if len(plans) < 20 {
		tb.Fatalf("%d plans of %s", len(plans), family)
	}
	return plans
}

// fuzzDecoders gives any bytes to the decoders of a family: nothing may panic, what comes out
// must fit the schema, unless the decoder says why not, and memory must be in
// proportion to the input.
func fuzzDecoders(f *testing.F, family string) {
	for _, seed := range append(slices.Clone(seeds[family]), "", "NULL", "infinity", "\x00\x00\x00\x01", "-\xff") {
		f.Add([]byte(seed))
	}
	plans := familyPlans(f, family)
	var a connect.Arena
	f.Fuzz(func(t *testing.T, data []byte) {
		before := slices.Clone(data)
		text := memoryOf(func() { decodeAll(t, &a, plans, data, (*ColumnPlan).Text) })
		if limit := uint64(len(plans)*(1<<16+2000*len(data)) + 8<<20); text > limit {
			t.Fatalf("%d bytes of memory for %d bytes of text, more than %d", text, len(data), limit)
		}
		// One numeric in ten bytes of the binary form can have 150000 digits, and an array many.
		binary := memoryOf(func() { decodeAll(t, &a, plans, data, (*ColumnPlan).Binary) })
		if limit := uint64(len(plans) * (1<<21 + 2000*len(data))); binary > limit && family != "containers" {
			t.Fatalf("%d bytes of memory for %d bytes of the binary form, more than %d", binary, len(data), limit)
		}
		if !slices.Equal(before, data) {
			t.Fatal("the input was changed")
		}
	})
}

// memoryOf is what a function allocates.
func memoryOf(f func()) uint64 {
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	f()
	runtime.ReadMemStats(&end)
	return end.TotalAlloc - start.TotalAlloc
}

func decodeAll(t *testing.T, a *connect.Arena, plans []*ColumnPlan, data []byte, decode func(*ColumnPlan, *connect.Arena, []byte) (connect.Value, error)) {
	t.Helper()
	for _, p := range plans {
		a.Reset()
		v, err := decode(p, a, data)
		if err != nil {
			continue
		}
		if err := connect.Check(p.Schema, v); err != nil {
			t.Fatalf("value of %s: %v", p.typeName, err)
		}
	}
}

// seeds are values of each family, in text and in the binary form: one at least for each plan,
// as TestSeedsReachEveryDecoder checks.
var seeds = map[string][]string{
	"numbers": {
		"t", "-12", "1.50", "NaN", "-Infinity", "1e-45", "-$1,234.56", "($0.01)", "92233720368547758.07", "-0",
		"\x00\x02\x00\x00\x40\x00\x00\x02\x00\x0c\x0d\x48", "\x00\x00\x7f\xff\x00\x00\x3f\xff", "\x00\x01\x80\x00\x00\x00\x3f\xff\x27\x0f", "\x7f\xff\xff\xff\xff\xff\xff\xff",
	},
	"times": {
		"2024-02-29", "12:34:56.789012", "12:34:56+02", "2024-02-29 12:34:56.789", "2024-02-29 12:34:56.789+02", "0044-03-15 12:00:00.5+05:30 BC", "24:00:00-12", "5874897-12-31", "294276-12-31 23:59:59.999999+00", "1 year -2 mons +3 days -04:05:06.7",
		"-178000000 years -2147483648 days", "\x00\x00\x22\x74", "\x00\x00\x00\x00\x00\x00\x00\x01", "\x7f\xff\xff\xff\xff\xff\xff\xff", "\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xfe", "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03",
	},
	"texts": {
		`\xdead`, `a\\b\001`, "101", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "1", "\x01{}", "\x00\x00\x00\x01\x80", "\x00\x00\x00\x09\xff\x80", "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11", "é🎉\xf0",
	},
	"shapes": {
		"(1,2)", "<(1,2),3>", "[(0,0),(1,1)]", "((0,0),(1,1),(2,0))", "{1,2,3}", "(1,1),(0,0)", "0101000020E6100000000000000000F03F0000000000000040", "[1,2.5]", "{1:1.5}/3",
		"\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x01\x7f\xff\xff\xff",
	},
	"containers": {
		`(5)`, `{}`, `{1,NULL,"a\"b"}`, "{{1,2},{3,4}}", "[2:3]={1,2}", `"a"=>"b\"", "c"=>NULL`, `("a""b",1,,)`, `("a ""b\\""",1,"'x'","(5)","{a,""b,c""}")`, "{(1,1),(0,0);(2,2),(1,1)}", "{[1,3),[5,8)}",
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x17", "\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x17\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x05",
		"\x00\x00\x00\x02\x00\x00\x00\x01a\x00\x00\x00\x01b\x00\x00\x00\x01c\xff\xff\xff\xff", "\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x17\x7f\xff\xff\xff\x00\x00\x00\x01",
	},
}

func FuzzNumbers(f *testing.F) { fuzzDecoders(f, "numbers") }

func FuzzTimes(f *testing.F) { fuzzDecoders(f, "times") }

func FuzzTexts(f *testing.F) { fuzzDecoders(f, "texts") }

func FuzzShapes(f *testing.F) { fuzzDecoders(f, "shapes") }

func FuzzContainers(f *testing.F) { fuzzDecoders(f, "containers") }

// TestLargeValues: memory is in proportion to the input for values that have many parts.
func TestLargeValues(t *testing.T) {
	const parts = 2000
	fields := make([]Field, parts)
	for i := range fields {
		fields[i] = Field{Name: "f" + strconv.Itoa(i), OID: oidText, TypMod: -1}
	}
	wide := Type{OID: 1, Namespace: "public", Name: "wide", Kind: 'c', Fields: fields}
	cat := NewCatalog([]Type{wide, *testCatalog().Type(oidNumeric), *testCatalog().Type(oidText), *testCatalog().Type(oidInt4), *testCatalog().Type(oidTestHstore),
		*testCatalog().Type(oidText + oidTestArrays), *testCatalog().Type(oidInt4 + oidTestArrays)})
	quoted := `"` + strings.Repeat("x", 200) + `\\"`
	list := strings.Repeat(quoted+",", parts-1) + quoted
	for _, c := range []struct {
		name string
		oid  uint32
		text string
	}{
		{"composite", 1, "(" + list + ")"},
		{"array", oidText + oidTestArrays, "{" + list + "}"},
		{"nested array", oidInt4 + oidTestArrays, "{" + strings.Repeat("{{1,2},{3,4}},", parts) + "{{1,2},{3,4}}}"},
		{"longest number", oidNumeric, strings.Repeat("9", 131072) + "." + strings.Repeat("8", 16383)},
		{"open braces", oidInt4 + oidTestArrays, strings.Repeat("{", 100000)},
		{"hstore", oidTestHstore, strings.Repeat(quoted+"=>"+quoted+", ", parts) + `"a"=>NULL`},
	} {
		for _, m := range []Modes{{CompositeStructs: true}, {CompositeStructs: true, NestedArrays: true, Hstore: "map"}} {
			p, err := Plan(Column{Name: "c", Type: c.oid, TypMod: -1, Dimensions: 3}, cat, m)
			if err != nil {
				t.Fatal(err)
			}
			took := memoryOf(func() { _, err = p.Text(new(connect.Arena), []byte(c.text)) })
			if took > uint64(20*len(c.text)+1<<20) {
				t.Errorf("%s: %d bytes of memory for %d bytes of input (%v)", c.name, took, len(c.text), err)
			}
		}
	}
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

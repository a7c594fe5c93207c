// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/connectd/connectd/connect"
)

// commonValues are the types of usual tables, with the text that a server sends.
var commonValues = []struct {
	name  string
	oid   uint32
	mod   int32
	modes Modes
	text  string
}{
	{"bool", oidBool, noMod, Modes{}, "t"},
	{"int4", oidInt4, noMod, Modes{}, "1234567"},
	{"int8", oidInt8, noMod, Modes{}, "1234567890123456"},
	{"float8", oidFloat8, noMod, Modes{}, "12345.6789"},
	{"text", oidText, noMod, Modes{}, "a line of text as it is usual"},
	{"numeric(10,2)", oidNumeric, decimalMod(10, 2), Modes{}, "12345678.90"},
	{"numeric(38,10)", oidNumeric, decimalMod(38, 10), Modes{}, "1234567890123456789012345678.1234567890"},
	{"numeric", oidNumeric, noMod, Modes{}, "12345678.90"},
	{"numeric as text", oidNumeric, decimalMod(10, 2), Modes{Decimal: "string"}, "12345678.90"},
	{"date", oidDate, noMod, Modes{}, "2024-02-29"},
	{"time", oidTime, noMod, Modes{}, "12:34:56.789012"},
	{"timestamp", oidTimestamp, noMod, Modes{}, "2024-02-29 12:34:56.789012"},
	{"timestamptz", oidTimestamptz, noMod, Modes{}, "2024-02-29 12:34:56.789012+00"},
	{"uuid", oidUUID, noMod, Modes{}, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	{"jsonb", oidJSONB, noMod, Modes{}, `{"a": 1, "b": [1, 2, 3], "c": "some text"}`},
	{"bytea", oidBytea, noMod, Modes{}, `\xdeadbeefdeadbeefdeadbeefdeadbeef`},
	{"interval", oidInterval, noMod, Modes{}, "1 day 02:03:04.5"},
	{"enum", oidTestEnum, noMod, Modes{}, "ok"},
	{"int4[]", oidInt4 + oidTestArrays, noMod, Modes{}, "{1,2,3,4,5,6,7,8,9,10}"},
	{"text[]", oidText + oidTestArrays, noMod, Modes{}, `{one,two,"thr\"ee",NULL}`},
}

// perBatch is how many values share an arena, as in a batch of the road.
const perBatch = 1000

func BenchmarkText(b *testing.B) {
	for _, c := range commonValues {
		b.Run(c.name, func(b *testing.B) {
			p := mustPlan(b, Column{Type: c.oid, TypMod: c.mod}, c.modes)
			decodeMany(b, p.Text, []byte(c.text))
		})
	}
}

func BenchmarkBinary(b *testing.B) {
	int8Value := binary.BigEndian.AppendUint64(nil, 1234567890123456)
	for _, c := range []struct {
		name string
		oid  uint32
		mod  int32
		data []byte
	}{
		{"int8", oidInt8, noMod, int8Value},
		{"float8", oidFloat8, noMod, binary.BigEndian.AppendUint64(nil, math.Float64bits(12345.6789))},
		{"timestamp", oidTimestamp, noMod, int8Value},
		{"timestamptz", oidTimestamptz, noMod, int8Value},
		{"numeric(10,2)", oidNumeric, decimalMod(10, 2), []byte{0, 3, 0, 1, 0, 0, 0, 2, 4, 210, 22, 46, 35, 40}},
		{"uuid", oidUUID, noMod, []byte("0123456789abcdef")},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := mustPlan(b, Column{Type: c.oid, TypMod: c.mod}, Modes{})
			decodeMany(b, p.Binary, c.data)
		})
	}
}

func decodeMany(b *testing.B, decode func(*connect.Arena, []byte) (connect.Value, error), data []byte) {
	b.ReportAllocs()
	var a connect.Arena
	for i := 0; b.Loop(); i++ {
		if i%perBatch == 0 {
			a.Reset()
		}
		if _, err := decode(&a, data); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations bounds what the common types allocate besides the arena: nothing, and a
// sixty-fourth of a chunk for decimals.
func TestAllocations(t *testing.T) {
	for _, c := range commonValues {
		p := mustPlan(t, Column{Type: c.oid, TypMod: c.mod}, c.modes)
		var a connect.Arena
		data := []byte(c.text)
		got := testing.AllocsPerRun(10, func() {
			a.Reset()
			for range perBatch {
				if _, err := p.Text(&a, data); err != nil {
					t.Fatal(err)
				}
			}
		})
		if most := float64(perBatch/chunkSize + 1); got > most {
			t.Errorf("%s: %v allocations for %d values, want %v at most", c.name, got, perBatch, most)
		}
	}
}

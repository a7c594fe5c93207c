// SPDX-License-Identifier: Apache-2.0

package pgoutput

import (
	"strings"
	"testing"

	"github.com/jackc/pglogrepl"
)

// benchRows are the rows of the measurements: two and seven columns, an update with
// a full old row.
func benchRows() map[string]wire {
	wide := func(w wire) wire {
		return w.i16(7).val('t', "1234567").val('t', "2024-05-06 07:08:09.123456+00").val('t', "12345.67").
			val('t', strings.Repeat("x", 400)).i8('n').val('t', "t").val('t', "7c9e6679-7425-40de-944b-e07fc1f90ae7")
	}
	return map[string]wire{
		"insert_2":      msg('I').i32(16385).i8('N').i16(2).val('t', "1234567").val('t', "hello, world!"),
		"insert_7":      wide(msg('I').i32(16385).i8('N')),
		"update_full_7": wide(wide(msg('U').i32(16385).i8('O')).i8('N')),
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, row := range benchRows() {
		b.Run(name, func(b *testing.B) {
			frame := append(msg('w').i64(1, 2, 3), row...)
			var f Frame
			var d Decoder
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Decode(frame); err != nil {
					b.Fatal(err)
				}
				if _, err := d.Decode(f.Data, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPglogrepl is the same with the decoder of pglogrepl.
func BenchmarkPglogrepl(b *testing.B) {
	for name, row := range benchRows() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(row) + xLogDataHeader))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pglogrepl.ParseV2(row, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestRowsDoNotAllocate is the promise of the package.
func TestRowsDoNotAllocate(t *testing.T) {
	var d Decoder
	for name, row := range benchRows() {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := d.Decode(row, false); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for _, data := range []wire{
		msg('B').i64(1, 2).i32(3),
		msg('C').i8(0).i64(1, 2, 3),
		msg('O').i64(1).str("origin"),
		msg('M').i8(1).i64(1).str("prefix").i32(1).i8(1),
		msg('T').i32(2).i8(0).i32(1, 2),
	} {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := d.Decode(data, false); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", Kind(data[0]), n)
		}
	}
}

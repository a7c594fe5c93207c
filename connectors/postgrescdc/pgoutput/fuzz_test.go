// SPDX-License-Identifier: Apache-2.0

package pgoutput

import (
	"errors"
	"testing"
	"unsafe"
)

// FuzzDecode checks that no input makes the decoder panic, read or point outside of
// its input, or allocate out of proportion.
func FuzzDecode(f *testing.F) {
	for _, tt := range goodMessages {
		f.Add([]byte(tt.data), tt.stream)
	}
	f.Add([]byte(msg('I').i32(1).i8('N').i16(32767).i8('n')), false)
	f.Add([]byte(msg('I').i32(1).i8('N').i16(1).i8('t').i32(-1)), false)
	f.Add([]byte(msg('T').i32(0x40000000).i8(0)), false)
	f.Fuzz(func(t *testing.T, data []byte, stream bool) {
		data = data[:len(data):len(data)]
		var d Decoder
		kind, err := d.Decode(data, stream)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > len(data)) {
			t.Fatalf("error %v for %d bytes", err, len(data))
		}
		if len(data) > 0 && kind != Kind(data[0]) {
			t.Fatalf("kind %s of %q", kind, data[0])
		}
		checkBounds(t, &d, data)
	})
}

// FuzzFrame checks frames and, if there is one, the message within.
func FuzzFrame(f *testing.F) {
	f.Add([]byte(msg('w').i64(1, 2, 3).i8('E')))
	f.Add([]byte(msg('k').i64(1, 2).i8(1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var frame Frame
		var e *Error
		if err := frame.Decode(data); err != nil && !errors.As(err, &e) {
			t.Fatalf("error %v", err)
		}
		within(t, data, frame.Data)
	})
}

func checkBounds(t *testing.T, d *Decoder, data []byte) {
	t.Helper()
	for _, c := range append(d.Change.Old[:len(d.Change.Old):len(d.Change.Old)], d.Change.New...) {
		within(t, data, c.Data)
		if (c.Kind == ColumnNull || c.Kind == ColumnUnchanged) && c.Data != nil {
			t.Fatalf("column of kind %q has data", c.Kind)
		}
	}
	within(t, data, d.Message.Content)
	if cap(d.old)+cap(d.new) > 4*len(data)+8 {
		t.Fatalf("%d columns for %d bytes", cap(d.old)+cap(d.new), len(data))
	}
	if cap(d.Truncate.RelationIDs) > len(data)+8 {
		t.Fatalf("%d relations for %d bytes", cap(d.Truncate.RelationIDs), len(data))
	}
	if d.Relation != nil && cap(d.Relation.Columns) > len(data) {
		t.Fatalf("%d columns of a relation for %d bytes", cap(d.Relation.Columns), len(data))
	}
}

// within fails unless part aliases data.
func within(t *testing.T, data, part []byte) {
	t.Helper()
	if len(part) == 0 {
		return
	}
	first, start := uintptr(unsafe.Pointer(unsafe.SliceData(part))), uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	if first < start || first+uintptr(len(part)) > start+uintptr(len(data)) {
		t.Fatalf("%d bytes outside of the input", len(part))
	}
}

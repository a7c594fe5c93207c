// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"testing"

	"pgregory.net/rapid"
)

// TestArenaHandsOutSeparateZeroMemory takes runs of any size, fills them, and
// checks after each that no other one has changed.
func TestArenaHandsOutSeparateZeroMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Arena
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			var runs [][]byte
			for i, n := range rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 50), rapid.IntRange(3000, 400_000)), 0, 30).Draw(t, "sizes") {
				b := a.Bytes(n)
				if len(b) != n || cap(b) != n {
					t.Fatalf("asked for %d bytes, got %d of %d", n, len(b), cap(b))
				}
				for _, c := range b {
					if c != 0 {
						t.Fatalf("run %d is not zero", i)
					}
				}
				for j := range b {
					b[j] = byte(i + 1)
				}
				runs = append(runs, b)
			}
			for i, b := range runs {
				for _, c := range b {
					if c != byte(i+1) {
						t.Fatalf("run %d was overwritten", i)
					}
				}
			}
			a.Reset()
		}
	})
}

func TestArenaOfEveryKind(t *testing.T) {
	s := NewStruct("s").Field("a", Int8Schema).Field("b", Int8Schema).MustBuild()
	var a Arena
	for range 3 {
		st := a.Struct(s)
		if st.Schema != s || len(st.Values) != 2 || !st.Values[0].IsNull() || !st.Values[1].IsNull() {
			t.Fatalf("got %+v", st)
		}
		st.Values[0] = Int8(1)
		for _, v := range a.Values(100) {
			if !v.IsNull() {
				t.Fatal("a value is not null")
			}
		}
		entries, headers := a.Entries(100), a.Headers(100)
		for i := range entries {
			if !entries[i].Key.IsNull() || headers[i].Key != "" || headers[i].Schema != nil {
				t.Fatal("memory was not cleared")
			}
			entries[i].Key, headers[i].Key, headers[i].Schema = String("x"), "x", s
		}
		source := []byte("text")
		copied, text := a.Copy(source), a.CopyString(source)
		source[0] = 'X'
		if string(copied) != "text" || text.Str() != "text" {
			t.Fatal("a copy aliases its source")
		}
		a.Reset()
	}
}

func TestArenaKeepsBoundedMemory(t *testing.T) {
	var a Arena
	for range 100 {
		a.Bytes(1 << 20)
	}
	a.Reset()
	kept := 0
	for _, c := range a.bytes.chunks {
		kept += len(c)
	}
	if kept > slabKeep {
		t.Errorf("%d bytes are kept", kept)
	}
	if n := testing.AllocsPerRun(50, func() {
		for range 100 {
			a.Bytes(1000)
			a.Values(100)
			a.Entries(10)
		}
		a.Reset()
	}); n > 1 {
		t.Errorf("%v allocations a batch", n)
	}
}

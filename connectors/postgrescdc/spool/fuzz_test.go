// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzRead reads what may be in a file. What can be read must be what writing it gives.
func FuzzRead(f *testing.F) {
	whole := func(fs ...Frame) []byte {
		var b []byte
		for _, fr := range fs {
			h := header(&fr)
			b = append(append(b, h[:]...), fr.Data...)
		}
		return b
	}
	good := whole(Frame{Sub: 7, LSN: 1 << 40, Data: []byte("abc")}, Frame{}, Frame{Sub: 1, Data: make([]byte, 300)})
	f.Add(good, int64(len(good)))
	f.Add(good, int64(len(good)-1))
	f.Add(good[:30], int64(len(good)))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, int64(1<<62))
	f.Add(bytes.Repeat([]byte{0xff}, 64), int64(1<<62))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		size = min(max(size, 0), 1<<20)
		r := &reader{in: bufio.NewReaderSize(bytes.NewReader(data), 64), size: size}
		var again []byte
		for fr := (Frame{}); ; {
			err := r.next(&fr)
			if err == io.EOF {
				if int64(len(again)) != size {
					t.Fatalf("the end comes after %d of %d bytes", len(again), size)
				}
				break
			}
			var corrupt *CorruptError
			if errors.As(err, &corrupt) {
				if corrupt.Offset != int64(len(again)) {
					t.Fatalf("%v after %d bytes", err, len(again))
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, whole(fr)...)
		}
		if !bytes.HasPrefix(data, again) {
			t.Fatal("frames are read that were not written")
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// FuzzWire gives the reader of the connection any bytes, in parts: it hands out the rows of
// the stream as they were sent, as far as the library takes what stands between them.
func FuzzWire(f *testing.F) {
	f.Add(slices.Concat(wireMessage('d', []byte("one")), wireMessage('S', []byte("name\x00value\x00")), wireMessage('d', []byte("two")), wireMessage('c', nil)), byte(7))
	f.Add(slices.Concat(wireMessage('d', nil), wireMessage('d', bytes.Repeat([]byte("x"), readBuffer+10)), wireMessage('d', []byte("end"))), byte(0))
	f.Add([]byte{'d', 0x3f, 0xff, 0xff, 0xff, 'w'}, byte(2))
	f.Add([]byte{'E', 0, 0, 0, 3}, byte(1))
	f.Fuzz(func(t *testing.T, sent []byte, size byte) {
		in := &trickle{}
		for part := range slices.Chunk(sent, int(size)*int(size)+max(1, len(sent)/100)) {
			in.parts = append(in.parts, part)
		}
		rest := sent
		w := newWire(in)
		library := pgproto3.NewFrontend(w, io.Discard)
		for {
			got, err := w.copyData()
			if err == nil && got == nil {
				got, err = received(library)
			}
			if isTimeout(err) {
				continue
			}
			if err != nil {
				return
			}
			if got == nil {
				continue
			}
			var want []byte
			if want, rest = nextRow(rest); !bytes.Equal(got, want) {
				t.Fatalf("a row of %d bytes is read, want one of %d", len(got), len(want))
			}
		}
	})
}

// received is the next row by way of the library, nil for another message.
func received(library *pgproto3.Frontend) ([]byte, error) {
	msg, err := library.Receive()
	if row, ok := msg.(*pgproto3.CopyData); ok && err == nil {
		return append([]byte{}, row.Data...), nil
	}
	return nil, err
}

// nextRow is the content of the first CopyData message, and what is behind it.
func nextRow(sent []byte) (row, rest []byte) {
	for len(sent) >= messageHead {
		end := 1 + int(binary.BigEndian.Uint32(sent[1:]))
		if end > len(sent) || end < messageHead {
			break
		}
		if sent[0] == kindOfCopyData {
			return sent[messageHead:end], sent[end:]
		}
		sent = sent[end:]
	}
	return nil, nil
}

// wholeTransaction is what may come of a transaction in progress: descriptions that the
// server takes for known, and one transaction or none, with all changes inside.
var wholeTransaction = regexp.MustCompile(`^[RY]*(BO?[RYIUDTM]*C)?$`)

// FuzzStreamed gives messages of transactions in progress in any order, each behind its
// length in a byte. Nothing may panic, and what a commit hands on is a whole transaction.
func FuzzStreamed(f *testing.F) {
	w := newSpoolWire(f, 16)
	f.Add(behindLengths(f, message{'S', []any{uint32(1), 1}}, describing(1, "a"), inserting(1, "x"), inserting(2, "y"), message{'E', nil},
		message{'A', []any{uint32(1), uint32(2)}}, message{'c', []any{uint32(1), 0, uint64(8), uint64(9), uint64(1)}}))
	f.Add(behindLengths(f, message{'S', []any{uint32(1), 1}}, message{'O', []any{uint64(3), "origin\x00"}}, message{'Y', []any{uint32(1), uint32(9), "s\x00t\x00"}},
		message{'T', []any{uint32(1), uint32(1), 0, uint32(7)}}, message{'M', []any{uint32(1), 1, uint64(8), "p\x00", uint32(1), "x"}}, message{'E', nil},
		message{'R', describing(0, "b").fields[1:]}, message{'S', []any{uint32(1), 0}}, describing(1, "a"), message{'E', nil},
		message{'c', []any{uint32(1), 0, uint64(8), uint64(9), uint64(1)}}))
	f.Add(behindLengths(f, message{'S', []any{uint32(1), 1}}, inserting(1, "x"), message{'E', nil}, message{'A', []any{uint32(1), uint32(1)}}, message{'S', []any{uint32(1), 0}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 8<<10 {
			return // what is handed on has to fit into one chunk
		}
		*w.c = chunk{}
		if err := w.st.inProgress.forget(16); err != nil {
			t.Fatal(err)
		}
		known := true
		for len(data) > 1 {
			end := 1 + min(max(int(data[0]), 1), len(data)-1)
			m := slices.Clone(data[1:end])
			data = data[end:]
			kind, within, before := m[0], w.st.inProgress.block != 0, len(w.c.items)
			known = known && (!within || strings.IndexByte("IUDTRYMOE", kind) >= 0)
			w.at++
			if err := w.st.data(context.Background(), w.c, w.at, m); err != nil {
				return // the connection ends
			}
			if kinds := kindsOf(w.c, before); known && kind == 'c' && !wholeTransaction.MatchString(kinds) {
				t.Fatalf("a commit hands on %q", kinds)
			}
		}
	})
}

// kindsOf are the kinds of the messages of a chunk from a place on.
func kindsOf(c *chunk, from int) string {
	var kinds []byte
	for i := range c.items[from:] {
		kinds = append(kinds, c.bytes(&c.items[from+i])[0])
	}
	return string(kinds)
}

func behindLengths(f *testing.F, messages ...message) []byte {
	f.Helper()
	var out []byte
	for _, m := range messages {
		b := (&spoolWire{t: f}).encode(m.kind, m.fields...)
		out = append(append(out, byte(len(b))), b...)
	}
	return out
}

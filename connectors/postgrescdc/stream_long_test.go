// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// sofar gives what it has, and then a timeout for each read.
type sofar struct{ rest []byte }

func (u *sofar) Read(p []byte) (int, error) {
	if len(u.rest) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

// TestAnnouncedLengthCostsNothing: memory grows with what comes.
func TestAnnouncedLengthCostsNothing(t *testing.T) {
	t.Parallel()
	in := &sofar{}
	w := newWire(in)
	in.rest = binary.BigEndian.AppendUint32([]byte{'d'}, messageLength+longMost)
	came := 0
	for _, n := range []int{0, 1, readBuffer, 1 << 20, 3 << 20} {
		in.rest = append(in.rest, make([]byte, n)...)
		came += n
		if b, err := w.copyData(); b != nil || !isTimeout(err) {
			t.Fatalf("%d bytes come with %v", len(b), err)
		}
		if got, most := cap(w.long.data), max(longFirst, 2*came); len(w.long.data) != came && came > 0 || got > most {
			t.Errorf("of %d bytes %d are there, in memory for %d", came, len(w.long.data), got)
		}
	}
	if w.drained() {
		t.Error("the connection is drained in the middle of a message")
	}
}

// TestLongMessage: a message that is larger than the buffer comes whole, is handed on
// without a copy, and can be given up half-way.
func TestLongMessage(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
	sent := append(wireMessage('d', content), wireMessage('d', []byte("next"))...)
	t.Run("whole", func(t *testing.T) {
		in := &sofar{rest: sent[:1_000_000]}
		w := newWire(in)
		if b, err := w.copyData(); b != nil || !isTimeout(err) {
			t.Fatalf("a third is %d bytes, %v", len(b), err)
		}
		in.rest = sent[1_000_000:]
		b, err := w.copyData()
		if err != nil || !bytes.Equal(b, content) || cap(b) != len(content) {
			t.Fatalf("the message has %d bytes of %d, in memory for %d, %v", len(b), len(content), cap(b), err)
		}
		if next, err := w.copyData(); err != nil || string(next) != "next" || !bytes.Equal(b, content) {
			t.Errorf("behind it comes %q, %v", next, err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		in := &sofar{rest: sent[:1_000_000]}
		w := newWire(in)
		if _, err := w.copyData(); !isTimeout(err) {
			t.Fatal(err)
		}
		f := pgproto3.NewFrontend(w, io.Discard)
		if _, err := f.Receive(); !isTimeout(err) {
			t.Fatal(err)
		}
		in.rest = sent[1_000_000:]
		msg, err := f.Receive()
		if m, ok := msg.(*pgproto3.CopyData); err != nil || !ok || string(m.Data) != "next" {
			t.Errorf("behind the rest comes %v, %v", msg, err)
		}
	})
	t.Run("handed on", func(t *testing.T) {
		st := &stream{queue: newQueue(1 << 30)}
		c := st.queue.fresh()
		for _, m := range []string{"a", "b"} {
			if err := st.add(t.Context(), c, 1, []byte(m)); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.add(t.Context(), c, 7, content); err != nil {
			t.Fatal(err)
		}
		before, err := st.queue.tryTake()
		if err != nil || len(before.items) != 2 || string(before.data) != "ab" {
			t.Fatalf("before it stands %v, %v", before, err)
		}
		if len(c.items) != 1 || &c.bytes(&c.items[0])[0] != &content[0] || c.items[0].at != 7 || len(c.bytes(&c.items[0])) != len(content) {
			t.Error("the message was copied")
		}
	})
}

// TestPlausible: what is not of the stream is not allocated on the word of its head.
func TestPlausible(t *testing.T) {
	t.Parallel()
	w := newWire(strings.NewReader("E\x3f\xff\xff\xf0rest"))
	if _, err := pgproto3.NewFrontend(w, io.Discard).Receive(); err == nil || !strings.Contains(err.Error(), "announces 1073741808 bytes") || errors.Is(err, io.EOF) {
		t.Errorf("Receive returns %v", err)
	}
}

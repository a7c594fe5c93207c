// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
)

// trickle gives the parts one read each, and a timeout between two.
type trickle struct {
	parts [][]byte
	due   bool
}

func (t *trickle) Read(p []byte) (int, error) {
	if len(t.parts) == 0 {
		return 0, io.EOF
	}
	if t.due = !t.due; t.due {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, t.parts[0])
	if t.parts[0] = t.parts[0][n:]; len(t.parts[0]) == 0 {
		t.parts = t.parts[1:]
	}
	return n, nil
}

func wireMessage(kind byte, content []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(messageLength+len(content)))
	return append(b, content...)
}

// TestWire reads what a server may send, cut at every place, as run does: rows without the
// library, all else with it.
func TestWire(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("x"), readBuffer+10)
	var sent []byte
	for _, m := range [][]byte{
		wireMessage('d', []byte("one")), wireMessage('d', []byte("two")), wireMessage('S', []byte("name\x00value\x00")),
		wireMessage('d', large), wireMessage('d', []byte("three")), wireMessage('c', nil), wireMessage('d', nil), wireMessage('C', []byte("COPY 0\x00")),
	} {
		sent = append(sent, m...)
	}
	want := []string{"one", "two", "ParameterStatus", fmt.Sprint(len(large)), "three", "CopyDone", "", "CommandComplete"}
	for _, size := range []int{1, 2, 5, 7, 11, 4096, len(sent)} {
		in := &trickle{}
		for rest := sent; len(rest) > 0; {
			n := min(size, len(rest))
			if len(rest) > 300 && len(rest) < len(sent)-100 {
				n = 8192 // not byte by byte through the large one
			}
			in.parts = append(in.parts, rest[:min(n, len(rest))])
			rest = rest[min(n, len(rest)):]
		}
		if diff := cmp.Diff(want, readWire(t, in)); diff != "" {
			t.Errorf("parts of %d bytes (-want +got):\n%s", size, diff)
		}
	}
}

func readWire(t *testing.T, in io.Reader) (got []string) {
	t.Helper()
	w := newWire(in)
	f := pgproto3.NewFrontend(w, io.Discard)
	for {
		b, err := w.copyData()
		if len(b) > readBuffer {
			got = append(got, fmt.Sprint(len(b)))
			continue
		}
		if b != nil {
			got = append(got, string(b))
			continue
		}
		if isTimeout(err) {
			continue
		}
		msg, err := f.Receive()
		switch m := msg.(type) {
		case *pgproto3.CopyData:
			got = append(got, "")
			if len(m.Data) > 0 {
				got[len(got)-1] = fmt.Sprint(len(m.Data))
			}
		case *pgproto3.ParameterStatus:
			got = append(got, "ParameterStatus")
		case *pgproto3.CopyDone:
			got = append(got, "CopyDone")
		case *pgproto3.CommandComplete:
			got = append(got, "CommandComplete")
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if !w.drained() {
				t.Error("something is left")
			}
			return got
		}
		if err != nil && !isTimeout(err) {
			t.Fatal(err)
		}
	}
}

func TestPaceLingersOnlyWhileMuchComes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		messages     int
		read         int
		span         time.Duration
		fast, pauses bool
	}{
		{"many small messages", 1000, 1000, paceSpan, true, true},
		{"few messages", 10, 1000, paceSpan, false, false},
		{"many in a long time", 1000, 1000, time.Second, false, false},
		{"much data", 1000, lingerSize, paceSpan, true, false},
	} {
		now := time.Now()
		p := pace{since: now.Add(-c.span), messages: c.messages, read: c.read}
		if got := p.lingers(now); p.fast != c.fast || got != c.pauses || p.read != 0 {
			t.Errorf("%s: fast %v, lingers %v, want %v, %v", c.name, p.fast, got, c.fast, c.pauses)
		}
	}
}

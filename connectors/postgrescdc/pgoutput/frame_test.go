// SPDX-License-Identifier: Apache-2.0

package pgoutput

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pglogrepl"
)

func TestFrame(t *testing.T) {
	tests := []struct {
		name string
		data wire
		want Frame
	}{
		{"data", msg('w').i64(1, 2, 3).i8('E'), Frame{Kind: XLogData, Start: 1, End: 2, Time: 3, Data: []byte("E")}},
		{"no data", msg('w').i64(0, -1, -3), Frame{Kind: XLogData, End: 0xffff_ffff_ffff_ffff, Time: -3}},
		{"keepalive", msg('k').i64(7, 8).i8(0), Frame{Kind: Keepalive, End: 7, Time: 8}},
		{"keepalive that wants a reply", msg('k').i64(7, 8).i8(1), Frame{Kind: Keepalive, End: 7, Time: 8, ReplyRequested: true}},
	}
	f := Frame{Kind: 'x', Start: 9, ReplyRequested: true, Data: []byte("x")}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := f.Decode(tt.data); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, f, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFrameErrors(t *testing.T) {
	for _, whole := range []wire{msg('w').i64(1, 2, 3), msg('k').i64(1, 2).i8(0)} {
		for n := range len(whole) {
			var f Frame
			if err := f.Decode(whole[:n:n]); err == nil {
				t.Errorf("%d bytes of %q are a frame", n, whole[0])
			}
		}
	}
	tests := []struct {
		data wire
		want string
	}{
		{wire{}, "decode frame: at offset 0: is empty"},
		{msg('z'), `decode frame: at offset 0: has unknown kind "z"`},
		{msg('B'), `has unknown kind "B"`},
		{msg('w').i64(1), "decode XLogData: at offset 9: ends within header"},
		{msg('k').i64(1), "decode Primary keepalive: at offset 9: ends within body"},
		{msg('k').i64(1, 2).i8(0, 0), "decode Primary keepalive: at offset 18: has 1 bytes after its end"},
	}
	for _, tt := range tests {
		var f Frame
		if err := f.Decode(tt.data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %s", err, tt.want)
		}
	}
}

func TestTimestamp(t *testing.T) {
	at := time.Date(2024, 2, 29, 12, 0, 0, 123_456_789, time.FixedZone("x", 3600))
	ts := TimestampOf(at)
	if want := at.Truncate(time.Microsecond); !ts.Time().Equal(want) || ts.Time().Location() != time.UTC {
		t.Errorf("time %s, want %s in UTC", ts.Time(), want)
	}
	if got := Timestamp(0).Time(); !got.Equal(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the zero is %s", got)
	}
	if ts.UnixMicro() != at.UnixMicro() {
		t.Errorf("%d microseconds, want %d", ts.UnixMicro(), at.UnixMicro())
	}
}

func TestAppendStatus(t *testing.T) {
	at := time.UnixMicro(epochMicros + 4)
	got := AppendStatus([]byte("x"), 1, 0, 3, at, true)
	if diff := cmp.Diff([]byte(msg('x').i8('r').i64(1, 0, 3, 4).i8(1)), got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if got = AppendStatus(got[:0], 1, 2, 3, at, false); got[len(got)-1] != 0 {
		t.Error("a status without request asks for a reply")
	}
	if n := testing.AllocsPerRun(100, func() { got = AppendStatus(got[:0], 1, 2, 3, at, false) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestAgainstPglogrepl compares with the decoder of another project.
func TestAgainstPglogrepl(t *testing.T) {
	for _, tt := range goodMessages {
		want, err := pglogrepl.ParseV2(tt.data, tt.stream)
		if err != nil {
			continue // it knows versions 1 and 2
		}
		var d Decoder
		if _, err := d.Decode(tt.data, tt.stream); err != nil {
			t.Fatal(err)
		}
		insert, ok := want.(*pglogrepl.InsertMessageV2)
		if !ok {
			continue
		}
		if insert.Xid != d.XID || insert.RelationID != d.Change.RelationID {
			t.Errorf("%s: transaction %d and relation %d, want %d and %d", tt.name, d.XID, d.Change.RelationID, insert.Xid, insert.RelationID)
		}
		for i, c := range insert.Tuple.Columns {
			if c.DataType != d.Change.New[i].Kind || string(c.Data) != string(d.Change.New[i].Data) {
				t.Errorf("%s: column %d is %+v, want %+v", tt.name, i, d.Change.New[i], c)
			}
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package pgoutput

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func text(s string) Column    { return Column{Kind: ColumnText, Data: []byte(s)} }
func binary8(s string) Column { return Column{Kind: ColumnBinary, Data: []byte(s)} }

var (
	null      = Column{Kind: ColumnNull}
	unchanged = Column{Kind: ColumnUnchanged}
)

// goodMessages are one of each shape. want is the Decoder after the message.
var goodMessages = []struct {
	name   string
	data   wire
	stream bool
	kind   Kind
	want   Decoder
}{
	{"begin", msg('B').i64(0x1_0000_0001, 5).i32(-1), false, KindBegin,
		Decoder{Begin: Begin{FinalLSN: 0x1_0000_0001, Time: 5, XID: 0xffffffff}}},
	{"commit", msg('C').i8(0).i64(1, 2, -3), false, KindCommit,
		Decoder{Commit: Commit{CommitLSN: 1, EndLSN: 2, Time: -3}}},
	{"origin", msg('O').i64(7).str("node_a"), false, KindOrigin,
		Decoder{Origin: Origin{CommitLSN: 7, Name: "node_a"}}},
	{"relation", msg('R').i32(16385).str("shop").str("Orders").i8('d').i16(2).col(1, "id", 23, -1).col(0, "n", 1700, 655366), false, KindRelation,
		Decoder{Relation: &Relation{ID: 16385, Namespace: "shop", Name: "Orders", ReplicaIdentity: 'd', Columns: []RelationColumn{
			{Key: true, Name: "id", TypeOID: 23, TypeModifier: -1}, {Name: "n", TypeOID: 1700, TypeModifier: 655366}}}}},
	{"relation of pg_catalog without columns", msg('R').i32(1).str("").str("t").i8('f').i16(0), false, KindRelation,
		Decoder{Relation: &Relation{ID: 1, Namespace: "pg_catalog", Name: "t", ReplicaIdentity: 'f'}}},
	{"relation in stream", msg('R').i32(900, 1).str("s").str("t").i8('n').i16(0), true, KindRelation,
		Decoder{XID: 900, Relation: &Relation{ID: 1, Namespace: "s", Name: "t", ReplicaIdentity: 'n'}}},
	{"type", msg('Y').i32(16400).str("shop").str("mood"), false, KindType,
		Decoder{Type: Type{OID: 16400, Namespace: "shop", Name: "mood"}}},
	{"type in stream", msg('Y').i32(900, 16400).str("").str("mood"), true, KindType,
		Decoder{XID: 900, Type: Type{OID: 16400, Namespace: "pg_catalog", Name: "mood"}}},
	{"insert", msg('I').i32(16385).i8('N').i16(4).val('t', "1").i8('n').val('t', "").val('b', "\x00\x01"), false, KindInsert,
		Decoder{Change: Change{RelationID: 16385, New: []Column{text("1"), null, text(""), binary8("\x00\x01")}}}},
	{"insert of no columns", msg('I').i32(1).i8('N').i16(0), false, KindInsert,
		Decoder{Change: Change{RelationID: 1}}},
	{"insert in stream", msg('I').i32(900, 16385).i8('N').i16(1).val('t', "1"), true, KindInsert,
		Decoder{XID: 900, Change: Change{RelationID: 16385, New: []Column{text("1")}}}},
	{"update without old tuple", msg('U').i32(3).i8('N').i16(2).val('t', "1").i8('u'), false, KindUpdate,
		Decoder{Change: Change{RelationID: 3, New: []Column{text("1"), unchanged}}}},
	{"update of the key", msg('U').i32(3).i8('K').i16(2).val('t', "0").i8('n').i8('N').i16(2).val('t', "1").i8('u'), false, KindUpdate,
		Decoder{Change: Change{RelationID: 3, OldKind: 'K', Old: []Column{text("0"), null}, New: []Column{text("1"), unchanged}}}},
	{"update with full identity", msg('U').i32(900, 3).i8('O').i16(1).val('b', "old").i8('N').i16(1).i8('u'), true, KindUpdate,
		Decoder{XID: 900, Change: Change{RelationID: 3, OldKind: 'O', Old: []Column{binary8("old")}, New: []Column{unchanged}}}},
	{"delete by key", msg('D').i32(3).i8('K').i16(2).val('t', "9").i8('n'), false, KindDelete,
		Decoder{Change: Change{RelationID: 3, OldKind: 'K', Old: []Column{text("9"), null}}}},
	{"delete of a full row in stream", msg('D').i32(900, 3).i8('O').i16(1).val('t', "9"), true, KindDelete,
		Decoder{XID: 900, Change: Change{RelationID: 3, OldKind: 'O', Old: []Column{text("9")}}}},
	{"truncate", msg('T').i32(2).i8(3).i32(10, 11), false, KindTruncate,
		Decoder{Truncate: Truncate{Cascade: true, RestartIdentity: true, RelationIDs: []uint32{10, 11}}}},
	{"truncate in stream", msg('T').i32(900, 1).i8(2).i32(10), true, KindTruncate,
		Decoder{XID: 900, Truncate: Truncate{RestartIdentity: true, RelationIDs: []uint32{10}}}},
	{"message", msg('M').i8(0).i64(8).str("app").i32(3).i8('a', 0, 'c'), false, KindMessage,
		Decoder{Message: Message{LSN: 8, Prefix: "app", Content: []byte("a\x00c")}}},
	{"transactional message in stream", msg('M').i32(900).i8(1).i64(8).str("").i32(0), true, KindMessage,
		Decoder{XID: 900, Message: Message{Transactional: true, LSN: 8}}},
	{"stream start", msg('S').i32(900).i8(1), false, KindStreamStart,
		Decoder{StreamStart: StreamStart{XID: 900, First: true}}},
	{"stream goes on", msg('S').i32(900).i8(0), false, KindStreamStart,
		Decoder{StreamStart: StreamStart{XID: 900}}},
	{"stream stop", msg('E'), true, KindStreamStop, Decoder{}},
	{"stream commit", msg('c').i32(900).i8(0).i64(1, 2, 3), false, KindStreamCommit,
		Decoder{Commit: Commit{CommitLSN: 1, EndLSN: 2, Time: 3, XID: 900}}},
	{"stream abort", msg('A').i32(900, 901), false, KindStreamAbort,
		Decoder{StreamAbort: StreamAbort{XID: 900, SubXID: 901}}},
	{"stream abort of version 4", msg('A').i32(900, 900).i64(77, 78), false, KindStreamAbort,
		Decoder{StreamAbort: StreamAbort{XID: 900, SubXID: 900, Detailed: true, LSN: 77, Time: 78}}},
	{"begin prepare", msg('b').i64(1, 2, 3).i32(900).str("gid"), false, KindBeginPrepare,
		Decoder{Prepare: Prepare{PrepareLSN: 1, EndLSN: 2, Time: 3, XID: 900, GID: "gid"}}},
	{"prepare", msg('P').i8(0).i64(1, 2, 3).i32(900).str("gid"), false, KindPrepare,
		Decoder{Prepare: Prepare{PrepareLSN: 1, EndLSN: 2, Time: 3, XID: 900, GID: "gid"}}},
	{"stream prepare", msg('p').i8(0).i64(1, 2, 3).i32(900).str("gid"), false, KindStreamPrepare,
		Decoder{Prepare: Prepare{PrepareLSN: 1, EndLSN: 2, Time: 3, XID: 900, GID: "gid"}}},
	{"commit prepared", msg('K').i8(0).i64(1, 2, 3).i32(900).str("gid"), false, KindCommitPrepared,
		Decoder{CommitPrepared: CommitPrepared{CommitLSN: 1, EndLSN: 2, Time: 3, XID: 900, GID: "gid"}}},
	{"rollback prepared", msg('r').i8(0).i64(1, 2, 3, 4).i32(900).str("gid"), false, KindRollbackPrepared,
		Decoder{RollbackPrepared: RollbackPrepared{PrepareEndLSN: 1, EndLSN: 2, PrepareTime: 3, Time: 4, XID: 900, GID: "gid"}}},
}

var decoderOptions = cmp.Options{cmpopts.IgnoreUnexported(Decoder{}), cmpopts.EquateEmpty()}

func TestDecode(t *testing.T) {
	for _, tt := range goodMessages {
		t.Run(tt.name, func(t *testing.T) {
			var d Decoder
			kind, err := d.Decode(tt.data, tt.stream)
			if err != nil {
				t.Fatal(err)
			}
			if kind != tt.kind {
				t.Errorf("kind %s, want %s", kind, tt.kind)
			}
			if diff := cmp.Diff(tt.want, d, decoderOptions); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecodeReuses decodes all messages with one Decoder: nothing of a message may
// show in the next.
func TestDecodeReuses(t *testing.T) {
	var d Decoder
	for range 2 {
		for _, tt := range goodMessages {
			if _, err := d.Decode(tt.data, tt.stream); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			got := Decoder{XID: d.XID}
			switch tt.kind {
			case KindInsert, KindUpdate, KindDelete:
				got.Change = d.Change
			case KindTruncate:
				got.Truncate = d.Truncate
			case KindMessage:
				got.Message = d.Message
			case KindStreamAbort:
				got.StreamAbort = d.StreamAbort
			case KindCommit, KindStreamCommit:
				got.Commit = d.Commit
			default:
				continue
			}
			if diff := cmp.Diff(tt.want, got, decoderOptions); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	}
}

// TestEveryTruncationIsAnError cuts each message at each byte, and adds one.
func TestEveryTruncationIsAnError(t *testing.T) {
	for _, tt := range goodMessages {
		for n := range len(tt.data) {
			// A full slice expression, so that reading on is seen as a panic.
			checkRefused(t, tt.name, tt.data[:n:n], tt.stream, tt.kind == KindStreamAbort && n == 9)
		}
		checkRefused(t, tt.name+" and a byte", append(tt.data[:len(tt.data):len(tt.data)], 0), tt.stream, false)
	}
}

// checkRefused wants an Error; a Stream Abort of version 4 may be cut to one of
// version 2.
func checkRefused(t *testing.T, name string, data []byte, stream, whole bool) {
	t.Helper()
	var d Decoder
	_, err := d.Decode(data, stream)
	var e *Error
	if whole {
		if err != nil {
			t.Errorf("%s, %d bytes: %v", name, len(data), err)
		}
		return
	}
	if !errors.As(err, &e) {
		t.Errorf("%s, %d bytes: error %v, want an *Error", name, len(data), err)
		return
	}
	if e.Offset < 0 || e.Offset > len(data) {
		t.Errorf("%s, %d bytes: offset %d is outside: %v", name, len(data), e.Offset, err)
	}
}

func TestDecodeErrors(t *testing.T) {
	insert := func() wire { return msg('I').i32(1).i8('N') }
	tests := []struct {
		name string
		data wire
		want string
	}{
		{"empty", wire{}, "decode message: at offset 0: is empty"},
		{"unknown kind", msg('Z'), `decode message: at offset 0: has unknown kind "Z"`},
		{"unprintable kind", msg(0xff), `has unknown kind "\xff"`},
		{"column count is negative", insert().i16(-1), "decode Insert message: at offset 6: announces -1 columns, 0 bytes follow"},
		{"column count is more than can follow", insert().i16(32767).i8('n', 'n'), "at offset 6: announces 32767 columns, 2 bytes follow"},
		{"column length is negative", insert().i16(1).i8('t').i32(-5), "decode Insert message: at offset 9: column length -5 is negative"},
		{"column length is more than follows", insert().i16(1).i8('b').i32(3).i8(1, 2), "at offset 9: column length 3 is more than the 2 bytes that follow"},
		{"largest column length", insert().i16(1).i8('t').i32(0x7fffffff), "column length 2147483647 is more than the 0 bytes"},
		{"column kind", insert().i16(1).i8('x'), `at offset 8: has unknown column kind "x"`},
		{"column without length", insert().i16(1).i8('t', 0, 0), "at offset 9: ends within column length"},
		{"fewer columns than announced", insert().i16(2).val('t', "ab"), "at offset 15: ends within column kind"},
		{"insert with an old tuple", msg('I').i32(1).i8('K').i16(0), `at offset 5: has tuple kind "K", want "N"`},
		{"update that ends after the old tuple", msg('U').i32(1).i8('K').i16(0), "decode Update message: at offset 8: ends within tuple kind"},
		{"update with two old tuples", msg('U').i32(1).i8('K').i16(0).i8('O').i16(0), `at offset 8: has tuple kind "O", want "N"`},
		{"update with unknown tuple", msg('U').i32(1).i8('X').i16(0), `at offset 5: has tuple kind "X", want "K", "O" or "N"`},
		{"delete with a new tuple", msg('D').i32(1).i8('N').i16(0), `decode Delete message: at offset 5: has tuple kind "N", want "K" or "O"`},
		{"delete with two tuples", msg('D').i32(1).i8('K').i16(0).i8('N').i16(0), "at offset 8: has 3 bytes after its end"},
		{"relation name is not terminated", append(msg('R').i32(1).str("s"), "name"...), "decode Relation message: at offset 7: name has no terminating zero byte"},
		{"relation column count is negative", msg('R').i32(1).str("").str("").i8('d').i16(-2), "announces -2 columns"},
		{"relation column count is too large", msg('R').i32(1).str("").str("").i8('d').i16(2).col(0, "a", 1, 1), "announces 2 columns, 11 bytes follow"},
		{"truncate of a negative count", msg('T').i32(-1).i8(0), "decode Truncate message: at offset 1: announces -1 relations, 1 bytes follow"},
		{"truncate of too many", msg('T').i32(0x7fffffff).i8(0).i32(1), "announces 2147483647 relations, 5 bytes follow"},
		{"content of negative length", msg('M').i8(0).i64(1).str("p").i32(-1), "decode Message message: at offset 12: length -1 is negative"},
		{"content is too long", msg('M').i8(0).i64(1).str("p").i32(2).i8(1), "length 2 is more than the 1 bytes that follow"},
		{"bytes after the end", msg('E').i8(0, 0), "decode Stream Stop message: at offset 1: has 2 bytes after its end"},
		{"gid is not terminated", append(msg('b').i64(1, 2, 3).i32(4), "gid"...), "decode Begin Prepare message: at offset 29: gid has no terminating"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var d Decoder
			_, err := d.Decode(tt.data, false)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v\nwant  %s", err, tt.want)
			}
		})
	}
}

// TestColumnsCannotGrowIntoEachOther: columns alias the input, so an append to one
// must not overwrite the next.
func TestColumnsCannotGrowIntoEachOther(t *testing.T) {
	data := msg('I').i32(1).i8('N').i16(2).val('t', "ab").val('t', "cd")
	var d Decoder
	if _, err := d.Decode(data, false); err != nil {
		t.Fatal(err)
	}
	_ = append(d.Change.New[0].Data, "XXXXXXXX"...)
	if got := string(d.Change.New[1].Data); got != "cd" {
		t.Errorf("the second column is %q", got)
	}
	data[len(data)-1] = 'D'
	if got := string(d.Change.New[1].Data); got != "cD" {
		t.Errorf("the column is %q, a copy of the input", got)
	}
}

func TestRelationsAreKept(t *testing.T) {
	var d Decoder
	decode := func(name string) *Relation {
		if _, err := d.Decode(msg('R').i32(1).str("s").str(name).i8('d').i16(1).col(1, "id", 23, -1), false); err != nil {
			t.Fatal(err)
		}
		return d.Relation
	}
	a, again, b := decode("a"), decode("a"), decode("b")
	if a == again || !a.Equal(again) || a.Name != "a" {
		t.Errorf("relation %+v and its repetition %+v", a, again)
	}
	if a.Equal(b) || a.Equal(nil) || (*Relation)(nil).Equal(a) || !(*Relation)(nil).Equal(nil) {
		t.Error("relations that differ are equal")
	}
	again.Columns[0].TypeModifier = 4
	if a.Equal(again) {
		t.Error("relations with other columns are equal")
	}
}

func TestKindNames(t *testing.T) {
	for _, tt := range goodMessages {
		if name := tt.kind.String(); strings.HasPrefix(name, `"`) {
			t.Errorf("kind %s has no name", name)
		}
	}
}

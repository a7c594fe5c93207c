// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

var allCodecs = []codec{codecNone, codecGzip, codecSnappy, codecLZ4, codecZstd}

func writerOf(c codec) *batchWriter { return &batchWriter{fold: compressor{codec: c}} }

// readBatch decodes a batch with another library, after checks of what it does not check.
func readBatch(t interface{ Fatalf(string, ...any) }, p []byte) (kmsg.RecordBatch, []Record) {
	var b kmsg.RecordBatch
	if err := b.ReadFrom(p); err != nil {
		t.Fatalf("read the head: %v", err)
	}
	if int(b.Length)+12 != len(p) {
		t.Fatalf("the head says %d bytes of %d", b.Length+12, len(p))
	}
	if sum := crc32.Checksum(p[21:], crc32.MakeTable(crc32.Castagnoli)); uint32(b.CRC) != sum {
		t.Fatalf("checksum %08x, want %08x", uint32(b.CRC), sum)
	}
	raw, err := kgo.DefaultDecompressor().Decompress(b.Records, kgo.CompressionCodecType(b.Attributes&7))
	if err != nil {
		t.Fatalf("unfold: %v", err)
	}
	rs := make([]Record, b.NumRecords)
	for i := range rs {
		size, n := binary.Varint(raw)
		if n <= 0 || size < 0 || size > int64(len(raw)-n) {
			t.Fatalf("record %d has length %d of %d", i, size, len(raw))
		}
		var r kmsg.Record
		if err := r.ReadFrom(raw[:n+int(size)]); err != nil {
			t.Fatalf("read record %d: %v", i, err)
		}
		if int(r.OffsetDelta) != i || r.Attributes != 0 {
			t.Fatalf("record %d has offset delta %d, attributes %d", i, r.OffsetDelta, r.Attributes)
		}
		rs[i] = Record{Key: r.Key, Value: r.Value, Timestamp: b.FirstTimestamp + r.TimestampDelta64}
		for _, h := range r.Headers {
			rs[i].Headers = append(rs[i].Headers, Header{Key: h.Key, Value: h.Value})
		}
		raw = raw[n+int(size):]
	}
	if len(raw) > 0 {
		t.Fatalf("%d bytes behind the last record", len(raw))
	}
	return b, rs
}

// strange are records with everything that is easily written wrong.
func strange() []Record {
	shared := []Header{{Key: "", Value: []byte("of an empty key")}, {Key: "null", Value: nil}, {Key: "empty", Value: []byte{}}}
	return []Record{
		{Key: []byte("k"), Value: []byte("v"), Timestamp: 1_700_000_000_000},
		{Key: nil, Value: []byte("null key"), Timestamp: 1_700_000_000_005, Headers: shared},
		{Key: []byte("null value"), Value: nil, Timestamp: 1_699_999_999_000, Headers: shared},
		{Key: []byte{}, Value: []byte{}, Timestamp: 0, Headers: shared[:1]},
		{Key: []byte("again"), Value: []byte(strings.Repeat("long ", 40_000)), Timestamp: 1_700_000_000_001, Headers: []Header{{Key: strings.Repeat("h", 300), Value: []byte("x")}}},
	}
}

// The bytes were taken apart by hand, against the format of KIP-98.
func TestBatchBytes(t *testing.T) {
	rs := []Record{
		{Key: []byte("k"), Value: []byte("vw"), Timestamp: 1_700_000_000_000, Headers: []Header{{Key: "", Value: []byte("e")}, {Key: "h", Value: nil}}},
		{Key: nil, Value: nil, Timestamp: 1_699_999_999_990},
	}
	want := strings.Join([]string{
		"0000000000000000",                             // base offset
		"00000048",                                     // length
		"ffffffff" + "02" + "8af8223a",                 // leader epoch, magic, checksum
		"0010" + "00000001",                            // transactional; last offset delta
		"0000018bcfe56800" + "0000018bcfe56800",        // first and max timestamp
		"0000000000001234" + "0007" + "00000009",       // producer id, epoch, sequence
		"00000002",                                     // records
		"1e" + "00" + "00" + "00" + "026b" + "047677",  // length 15, attributes, deltas, key, value
		"04" + "00" + "0265" + "0268" + "01",           // two headers: empty key, null value
		"0c" + "00" + "13" + "02" + "01" + "01" + "00", // length 6, -10 ms, +1, null key and value
	}, "")
	got, err := writerOf(codecNone).appendBatch(nil, batchOrigin{id: 0x1234, epoch: 7, sequence: 9, transactional: true}, rs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, hex.EncodeToString(got)); diff != "" {
		t.Errorf("batch (-want +got):\n%s", diff)
	}
}

func TestBatchesReadBack(t *testing.T) {
	for _, c := range allCodecs {
		t.Run(codecNames[c], func(t *testing.T) {
			w := writerOf(c)
			for round := range 3 { // what is used again must not show
				want := strange()[round:]
				before := []byte("before")
				p, err := w.appendBatch(before, batchOrigin{id: -1, epoch: -1, sequence: -1}, want)
				if err != nil {
					t.Fatal(err)
				}
				b, got := readBatch(t, p[len(before):])
				same(t, "kgo", got, want)
				if b.MaxTimestamp < 1_700_000_000_001 || b.ProducerID != -1 || b.FirstSequence != -1 || b.Attributes != int16(c) {
					t.Errorf("round %d: head %+v", round, b)
				}
			}
		})
	}
}

func TestBatchesReadBackForAnyRecords(t *testing.T) {
	writers := map[codec]*batchWriter{}
	for _, c := range allCodecs {
		writers[c] = writerOf(c)
	}
	bytes := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 200))
	header := rapid.Custom(func(t *rapid.T) Header {
		return Header{Key: rapid.StringN(0, 20, -1).Draw(t, "key"), Value: bytes.Draw(t, "value")}
	})
	rapid.Check(t, func(t *rapid.T) {
		sets := rapid.SliceOfN(rapid.SliceOfN(header, 1, 3), 1, 3).Draw(t, "sets of headers")
		record := rapid.Custom(func(t *rapid.T) Record {
			r := Record{Key: bytes.Draw(t, "key"), Value: bytes.Draw(t, "value"), Timestamp: rapid.Int64Range(0, math.MaxInt64).Draw(t, "timestamp")}
			if i := rapid.IntRange(-1, len(sets)-1).Draw(t, "headers"); i >= 0 {
				r.Headers = sets[i]
			}
			return r
		})
		want := rapid.SliceOfN(record, 1, 150).Draw(t, "records")
		o := batchOrigin{
			id: rapid.Int64Min(-1).Draw(t, "id"), epoch: rapid.Int16Min(-1).Draw(t, "epoch"),
			sequence: rapid.Int32Min(-1).Draw(t, "sequence"), transactional: rapid.Bool().Draw(t, "transactional"),
		}
		c := rapid.SampledFrom(allCodecs).Draw(t, "codec")
		p, err := writers[c].appendBatch(nil, o, want)
		if err != nil {
			t.Fatal(err)
		}
		b, got := readBatch(t, p)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("records (-want +got):\n%s", diff)
		}
		most := int64(0)
		for _, r := range want {
			most = max(most, r.Timestamp)
		}
		head := batchOrigin{b.ProducerID, b.ProducerEpoch, b.FirstSequence, b.Attributes&0x10 != 0}
		if head != o || b.MaxTimestamp != most || b.FirstTimestamp != want[0].Timestamp || int(b.LastOffsetDelta) != len(want)-1 || b.Magic != 2 {
			t.Fatalf("head %+v of %+v", b, o)
		}
	})
}

func TestVarintLengths(t *testing.T) {
	for _, v := range []int64{0, -1, 1, 63, 64, -64, -65, 8191, 8192, -8192, -8193, math.MaxInt32, math.MinInt64, math.MaxInt64} {
		want := binary.AppendVarint(nil, v)
		if got := appendVarint(nil, v); string(got) != string(want) || varintLen(v) != len(want) {
			t.Errorf("%d: % x of length %d, want % x", v, got, varintLen(v), want)
		}
	}
}

func TestSharedHeadersAreNotTakenForOthers(t *testing.T) {
	all := []Header{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("2")}}
	want := []Record{{Headers: all[:1]}, {Headers: all[:2]}, {Headers: all[1:]}, {}, {Headers: all[1:]}, {Headers: all[:1]}}
	w := writerOf(codecNone)
	p, err := w.appendBatch(nil, batchOrigin{}, want)
	if err != nil {
		t.Fatal(err)
	}
	if _, got := readBatch(t, p); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
	all[0].Key = "changed between batches"
	if p, err = w.appendBatch(nil, batchOrigin{}, want); err != nil {
		t.Fatal(err)
	}
	if _, got := readBatch(t, p); !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
}

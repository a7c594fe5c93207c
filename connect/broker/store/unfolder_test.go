// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// unfoldAll reads pieces until the end.
func unfoldAll(u *unfolder, codec int, src []byte, limit int) (size int, err error) {
	u.open(codec, src, limit)
	defer u.close()
	for {
		p := u.next(nil, 1)
		if size += len(p); len(p) == 0 {
			return size, u.err
		}
	}
}

func TestUnfoldingIsBounded(t *testing.T) {
	const limit = 1 << 20
	var u unfolder
	for codec := codecGzip; codec <= codecZstd; codec++ {
		for size, want := range map[int]error{0: nil, 1: nil, limit: nil, limit + 1: errTooLarge} {
			small, err := deflate(codec, nil, make([]byte, size))
			must(t, err)
			if got, err := unfoldAll(&u, codec, small, limit); err != want || err == nil && got != size {
				t.Errorf("codec %d: %d bytes unfold to %d of %d, %v", codec, len(small), got, size, err)
			}
			if torn := small[:len(small)/2]; len(torn) > 0 {
				if got, err := unfoldAll(&u, codec, torn, limit); err == nil {
					t.Errorf("codec %d: half of it unfolds to %d bytes", codec, got)
				}
			}
		}
	}
}

// TestUnfoldingTakesLittleMemory unfolds 32 MiB out of some KiB.
func TestUnfoldingTakesLittleMemory(t *testing.T) {
	for _, codec := range []int{codecGzip, codecSnappy, codecLZ4, codecZstd} {
		src := bomb(t, codec, 32<<20)
		var u unfolder
		for _, most := range []uint64{16 << 20, 5 << 20} { // the second time only LZ4 may need another block
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			size, err := unfoldAll(&u, codec, src, maxInflated)
			runtime.ReadMemStats(&after)
			if must(t, err); size != 32<<20 {
				t.Errorf("codec %d: %d bytes", codec, size)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > most {
				t.Errorf("codec %d: %d bytes unfold with %d bytes allocated", codec, len(src), took)
			}
		}
	}
}

// bomb compresses zeros, those of snappy as the Java clients do.
func bomb(t *testing.T, codec, size int) []byte {
	t.Helper()
	if codec != codecSnappy {
		p, err := deflate(codec, nil, make([]byte, size))
		must(t, err)
		return p
	}
	out := append(bytes.Clone(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1)
	for range size >> 15 {
		block := s2.EncodeSnappy(nil, make([]byte, 1<<15))
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(block))), block...)
	}
	return out
}

func TestSnappyBlocksClaimNoMore(t *testing.T) {
	var u unfolder
	claim := append(binary.AppendUvarint(nil, 200<<20), 0, 'x')
	if _, err := unfoldAll(&u, codecSnappy, claim, maxInflated); err != errBadSnappy {
		t.Errorf("unfold: %v", err)
	}
	if _, err := inflate(codecSnappy, claim, maxInflated); err != errBadSnappy {
		t.Errorf("inflate: %v", err)
	}
	long := append(append(bytes.Clone(xerialMagic), make([]byte, 8)...), 0xff, 0xff, 0xff, 0xff, 1)
	if _, err := unfoldAll(&u, codecSnappy, long, maxInflated); err != errBadSnappy {
		t.Errorf("a block longer than the input: %v", err)
	}
}

// TestTooLargeBatchesAreDivided has the code upon which clients of Java divide a batch.
func TestTooLargeBatchesAreDivided(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, map[string]string{"cleanup.policy": "compact"})[0]
	const size = maxInflated
	record := binary.AppendVarint(nil, size+11)
	record = append(record, 0, 0, 0, 2, 'k')
	record = binary.AppendVarint(record, size)
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	must(t, err)
	_, err = w.Write(record)
	must(t, err)
	_, err = io.CopyN(w, zeros{}, size+1)
	must(t, err)
	must(t, w.Close())
	p := append(rawBatch(codecNone, 1, nil), out.Bytes()...)
	p[22] = codecZstd
	binary.BigEndian.PutUint32(p[8:], uint32(len(p)-batchLengthEnd))
	sealBatch(p)
	_, err = l.Append(p)
	wantCode(t, err, CodeMessageTooLarge)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestTornRecordsAreCorrupt changes the checksum behind the records.
func TestTornRecordsAreCorrupt(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, map[string]string{"cleanup.policy": "compact"})[0]
	for _, codec := range []int{codecGzip, codecLZ4, codecZstd} {
		p := raw(codec, upToHeaders+"\x00", upToHeaders+"\x00")
		p[len(p)-5]++
		sealBatch(p)
		_, err := l.Append(p)
		wantCode(t, err, CodeCorruptMessage)
	}
}

// FuzzWalker compares the walk over records that lie in memory, with and without the
// short way for ordinary ones, with that over pieces of compressed ones, and with the
// reading of the cleaner.
func FuzzWalker(f *testing.F) {
	for _, p := range [][]byte{plain(kv("a", "b"), rec{"a", nil}), raw(codecNone, keyless, upToHeaders+"\x02\x02h\x02v"), plain(kv("k", string(make([]byte, 9000))))} {
		f.Add(p[batchHeaderSize:], byte(parseBatch(p).count))
	}
	f.Fuzz(func(t *testing.T, records []byte, count byte) {
		if count == 0 || len(records) > 1<<16 {
			return
		}
		b := batch{count: int32(count), lastDelta: int32(count) - 1}
		short := walker{p: records}
		found, fault := short.walk(b)
		long := walker{p: records}
		without, ok := 0, true
		for i := range b.count {
			hasKey, text := long.record(i)
			if ok = text == ""; !ok {
				break
			}
			if !hasKey {
				without++
			}
		}
		ok = ok && long.at == len(records)
		if ok != (fault == nil) || ok && without != found.total {
			t.Fatalf("the long way finds %t and %d records without key, the short way %v and %d", ok, without, fault, found.total)
		}
		folded, err := deflate(codecSnappy, nil, records)
		must(t, err)
		u := unfolder{buf: make([]byte, 16)}
		u.open(codecSnappy, folded, 1<<17)
		pieces, err := (&walker{more: &u}).walk(b)
		if (err == nil) != ok || ok && pieces.total != without {
			t.Fatalf("in pieces: %v and %d records without key, want %t and %d", err, pieces.total, ok, without)
		}
		if !ok {
			return
		}
		offset := int64(0)
		err = eachRecord(b, append(make([]byte, batchHeaderSize), records...), func(r record) bool {
			if r.offset != offset {
				t.Fatalf("record %d has offset %d", offset, r.offset)
			}
			offset++
			return true
		})
		if err != nil || offset != int64(count) {
			t.Fatalf("the cleaner reads %d of %d records: %v", offset, count, err)
		}
	})
}

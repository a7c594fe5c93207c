// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// raw makes a batch of records that are given as bytes behind their length.
func raw(codec int, records ...string) []byte {
	var body []byte
	for _, r := range records {
		body = append(binary.AppendVarint(body, int64(len(r))), r...)
	}
	spec := batchSpec{producer: Producer{-1, -1}, seq: -1, recs: make([]rec, len(records))}
	b, err := deflate(codec, spec.bytes()[:batchHeaderSize], body)
	if err != nil {
		panic(err)
	}
	b[22] = byte(codec)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-batchLengthEnd))
	sealBatch(b)
	return b
}

// A record is attributes, deltas of timestamp and offset, key "k" and null value, and
// what the cases have behind them.
const upToHeaders = "\x00\x00\x00\x02k\x01"

func TestRecordsAreChecked(t *testing.T) {
	o := quiet(t.TempDir())
	o.CheckRecords = true
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	for _, tt := range []struct {
		name, record, fault string // the fault is "" where there is none
	}{
		{"no headers", upToHeaders + "\x00", ""},
		{"empty header key, null header value", upToHeaders + "\x04\x00\x01\x00\x02v", ""},
		{"null header key", upToHeaders + "\x02\x01\x02v", "the key of a header is null"},
		{"second header key is null", upToHeaders + "\x04\x02h\x02v\x01\x02v", "the key of a header is null"},
		{"negative number of headers", upToHeaders + "\x01", "number of headers"},
		{"more headers than bytes", upToHeaders + "\x7e\x00\x00", "number of headers"},
		{"no number of headers", upToHeaders, "number of headers"},
		{"bytes behind no headers", upToHeaders + "\x00\x00", "bytes follow"},
		{"bytes behind headers", upToHeaders + "\x02\x00\x00\x00", "bytes follow"},
		{"header key beyond the record", upToHeaders + "\x02\x20h\x00", "key of a header reaches"},
		{"header value beyond the record", upToHeaders + "\x02\x02h\x20v", "value of a header reaches"},
		{"header without value", upToHeaders + "\x02\x02h", "value of a header reaches"},
		{"value beyond the record", "\x00\x00\x00\x02k\x20v\x00", "key or value"},
		{"key beyond the record", "\x00\x00\x00\x20k\x00", "key or value"},
		{"attributes alone", "\x00", "deltas"},
		{"nothing", "", "length"},
		{"a varint that does not end", "\x00\x80", "deltas"},
	} {
		for _, codec := range []int{codecNone, codecLZ4, codecZstd} {
			t.Run(fmt.Sprint(tt.name, " in codec ", codec), func(t *testing.T) {
				for _, batch := range [][]byte{raw(codec, tt.record), raw(codec, upToHeaders+"\x00", tt.record)} {
					_, err := l.Append(batch)
					if tt.fault == "" {
						must(t, err)
						continue
					}
					if wantCode(t, err, CodeInvalidRecord); !strings.Contains(err.Error(), tt.fault) {
						t.Errorf("error %v", err)
					}
				}
			})
		}
	}
	missing := raw(codecNone, upToHeaders+"\x00", upToHeaders+"\x00")
	missing[26], missing[60] = 0, 1 // one record, it says
	sealBatch(missing)
	_, err := l.Append(missing)
	wantCode(t, err, CodeInvalidRecord)
	torn := raw(codecZstd, upToHeaders+"\x00")
	torn[batchHeaderSize]++
	sealBatch(torn)
	_, err = l.Append(torn)
	wantCode(t, err, CodeCorruptMessage)
}

func TestFirstRecordIsCheckedAlways(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, nil)[0]
	good, bad := upToHeaders+"\x00", upToHeaders+"\x02\x01\x02v"
	_, err := l.Append(raw(codecNone, bad, good))
	wantCode(t, err, CodeInvalidRecord)
	for _, batch := range [][]byte{raw(codecNone, good, bad), raw(codecGzip, bad)} {
		_, err := l.Append(batch)
		must(t, err)
	}
}

// BenchmarkCheckRecords walks batches of 5000 records, and reads them for the checksum,
// which there is anyhow; one op is a record.
func BenchmarkCheckRecords(b *testing.B) {
	for _, size := range []int{100, 700} {
		rs := make([]rec, 5000)
		for i := range rs {
			rs[i] = kv("key", string(make([]byte, size)))
		}
		p := plain(rs...)
		head := parseBatch(p)
		for name, pass := range map[string]func() error{
			"walk":     func() error { return checkRecords(head, p, true) },
			"checksum": func() error { batchCRC(p); return nil },
		} {
			b.Run(fmt.Sprintf("%s/value=%d", name, size), func(b *testing.B) {
				for done := 0; done < b.N; done += len(rs) {
					if err := pass(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

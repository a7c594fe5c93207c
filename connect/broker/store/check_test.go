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
	for i, r := range records {
		r = numbered(byte(i), r)
		body = append(binary.AppendVarint(body, int64(len(r))), r...)
	}
	return rawBatch(codec, len(records), body)
}

// rawBatch makes a batch of count records, which it compresses.
func rawBatch(codec, count int, records []byte) []byte {
	spec := batchSpec{producer: Producer{-1, -1}, seq: -1, recs: make([]rec, count)}
	b, err := deflate(codec, spec.bytes()[:batchHeaderSize], records)
	if err != nil {
		panic(err)
	}
	b[22] = byte(codec)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-batchLengthEnd))
	sealBatch(b)
	return b
}

// A record is attributes, deltas of timestamp and offset (for which # stands), key "k" and
// null value, and what the cases have behind them.
const upToHeaders = "\x00\x00#\x02k\x01"

// numbered puts the delta of the offset i into a record.
func numbered(i byte, record string) string {
	return strings.Replace(record, "#", string(rune(2*i)), 1)
}

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
		{"value beyond the record", "\x00\x00#\x02k\x20v\x00", "key or value"},
		{"key beyond the record", "\x00\x00#\x20k\x00", "key or value"},
		{"attributes alone", "\x00", "deltas"},
		{"nothing", "", "length"},
		{"a varint that does not end", "\x00\x80", "deltas"},
		{"offset delta too large", "\x00\x00\x04\x02k\x01\x00", "offset delta is"},
		{"offset delta below zero", "\x00\x00\x01\x02k\x01\x00", "offset delta is"},
		{"offset delta of more than 32 bits", "\x00\x00\x80\x80\x80\x80\x80\x01\x02k\x01\x00", "deltas"},
		{"key length in more bytes than Kafka reads", "\x00\x00#\x82\x80\x80\x80\x80\x00k\x01\x00", "key or value"},
		{"key length in three bytes", "\x00\x00#\x82\x80\x00k\x01\x00", ""},
		{"time of ten bytes", "\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01#\x02k\x01\x00", ""},
		{"time of eleven bytes", "\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00#\x02k\x01\x00", "deltas"},
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

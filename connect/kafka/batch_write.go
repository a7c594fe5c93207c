// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"slices"
)

// The head of a record batch, magic 2, is big-endian:
//
//	 0 base offset        8
//	 8 length             4   of what follows
//	12 leader epoch       4
//	16 magic              1
//	17 crc                4   CRC-32C from attributes to the end
//	21 attributes         2
//	23 last offset delta  4
//	27 first timestamp    8
//	35 max timestamp      8
//	43 producer id        8
//	51 producer epoch     2
//	53 base sequence      4
//	57 record count       4
//	61 records
const (
	batchHead          = 61
	batchLengthEnd     = 12
	batchCRCEnd        = 21
	batchTransactional = 0x10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batchOrigin is what a batch says of its producer.
type batchOrigin struct {
	id            int64
	epoch         int16
	sequence      int32
	transactional bool
}

// batchWriter writes record batches into memory that is used again.
type batchWriter struct {
	fold compressor
	raw  []byte // the records of a batch before compression

	// shared are the headers that were written last, and encoded what they became:
	// the records of one source usually have the same ones.
	shared  []Header
	encoded []byte
}

// appendBatch appends rs, of which there is at least one, as one record batch.
func (w *batchWriter) appendBatch(dst []byte, o batchOrigin, rs []Record) ([]byte, error) {
	w.shared = nil
	defer func() { w.shared = nil }() // the memory of records must not be kept
	start := len(dst)
	dst = slices.Grow(dst, batchHead)[:start+batchHead]
	var most int64
	if w.fold.codec == codecNone {
		dst, most = w.appendRecords(dst, rs)
	} else {
		var err error
		w.raw, most = w.appendRecords(w.raw[:0], rs)
		if dst, err = w.fold.append(dst, w.raw); err != nil {
			return nil, err
		}
	}
	b, be := dst[start:], binary.BigEndian
	attributes := uint16(w.fold.codec)
	if o.transactional {
		attributes |= batchTransactional
	}
	be.PutUint64(b, 0)
	be.PutUint32(b[8:], uint32(len(b)-batchLengthEnd))
	be.PutUint32(b[12:], 0xffffffff) // -1: no leader epoch
	b[16] = 2
	be.PutUint16(b[21:], attributes)
	be.PutUint32(b[23:], uint32(len(rs)-1))
	be.PutUint64(b[27:], uint64(rs[0].Timestamp))
	be.PutUint64(b[35:], uint64(most))
	be.PutUint64(b[43:], uint64(o.id))
	be.PutUint16(b[51:], uint16(o.epoch))
	be.PutUint32(b[53:], uint32(o.sequence))
	be.PutUint32(b[57:], uint32(len(rs)))
	be.PutUint32(b[17:], crc32.Checksum(b[batchCRCEnd:], castagnoli))
	return dst, nil
}

// noHeaders is how a record says that it has none.
var noHeaders = []byte{0}

// appendRecords appends the records as they stand in a batch, and returns the greatest
// timestamp too.
func (w *batchWriter) appendRecords(dst []byte, rs []Record) (_ []byte, most int64) {
	first := rs[0].Timestamp
	most = first
	for i := range rs {
		r := &rs[i]
		most = max(most, r.Timestamp)
		headers := noHeaders
		if len(r.Headers) > 0 {
			headers = w.headers(r.Headers)
		}
		delta := r.Timestamp - first
		size := 1 + varintLen(delta) + varintLen(int64(i)) + bytesLen(r.Key) + bytesLen(r.Value) + len(headers)
		dst = slices.Grow(dst, binary.MaxVarintLen64+size)
		dst = appendVarint(dst, int64(size))
		dst = append(dst, 0) // attributes: none are defined
		dst = appendVarint(dst, delta)
		dst = appendVarint(dst, int64(i))
		dst = appendBytes(dst, r.Key)
		dst = appendBytes(dst, r.Value)
		dst = append(dst, headers...)
	}
	return dst, most
}

// headers returns the encoded headers with their count; they are valid until the next call.
func (w *batchWriter) headers(hs []Header) []byte {
	if len(hs) == len(w.shared) && &hs[0] == &w.shared[0] {
		return w.encoded
	}
	out := appendVarint(w.encoded[:0], int64(len(hs)))
	for i := range hs {
		out = appendVarint(out, int64(len(hs[i].Key))) // an empty key has length 0: brokers refuse null
		out = append(out, hs[i].Key...)
		out = appendBytes(out, hs[i].Value)
	}
	w.shared, w.encoded = hs, out
	return out
}

// appendBytes appends b with its length; nil is null, of length -1.
func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1)
	}
	return append(appendVarint(dst, int64(len(b))), b...)
}

// bytesLen is how many bytes appendBytes appends.
func bytesLen(b []byte) int {
	if b == nil {
		return 1
	}
	return varintLen(int64(len(b))) + len(b)
}

// appendVarint is binary.AppendVarint, with a short way for one and two bytes.
func appendVarint(dst []byte, v int64) []byte {
	u := uint64(v<<1) ^ uint64(v>>63)
	switch {
	case u < 1<<7:
		return append(dst, byte(u))
	case u < 1<<14:
		return append(dst, byte(u)|0x80, byte(u>>7))
	}
	return binary.AppendUvarint(dst, u)
}

// varintLen is how many bytes appendVarint appends.
func varintLen(v int64) int {
	u := uint64(v<<1) ^ uint64(v>>63)
	return (bits.Len64(u|1) + 6) / 7
}

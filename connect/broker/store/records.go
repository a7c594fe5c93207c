// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"errors"
	"math"
)

var errBadRecord = errors.New("malformed record")

// record is one record of a batch. Its bytes alias the batch, or what it was
// inflated to.
type record struct {
	raw       []byte // with its length
	offset    int64
	timestamp int64
	key       []byte // nil: no key
	tombstone bool   // the value is null
}

// eachRecord calls fn for each record of the batch in p, in order, until fn
// returns false.
func eachRecord(b batch, p []byte, fn func(record) bool) error {
	rest, err := inflate(int(b.attributes&attrCodec), p[batchHeaderSize:], maxInflated)
	if err != nil {
		return err
	}
	for range b.count {
		r, n, err := parseRecord(b, rest)
		if err != nil {
			return err
		}
		if !fn(r) {
			return nil
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return errBadRecord
	}
	return nil
}

// parseRecord reads the record at the start of p and returns its length.
func parseRecord(b batch, p []byte) (record, int, error) {
	size, n := binary.Varint(p)
	if n <= 0 || size < 1 || size > int64(len(p)-n) {
		return record{}, 0, errBadRecord
	}
	total := n + int(size)
	r := record{raw: p[:total]}
	d := varints{p: p[n+1 : total]} // behind the attributes
	r.timestamp = b.firstTs + d.next()
	delta := d.next()
	r.key, _ = d.bytes()
	var isNull bool
	_, isNull = d.bytes()
	r.tombstone = isNull
	if d.bad || delta < 0 || delta > int64(b.lastDelta) {
		return record{}, 0, errBadRecord
	}
	r.offset = b.base + delta
	return r, total, nil
}

// varints reads zigzag varints and the byte strings they announce.
type varints struct {
	p   []byte
	bad bool
}

func (d *varints) next() int64 {
	v, n := binary.Varint(d.p)
	if n <= 0 {
		d.bad, d.p = true, nil
		return 0
	}
	d.p = d.p[n:]
	return v
}

// bytes returns a byte string; a negative length is null.
func (d *varints) bytes() ([]byte, bool) {
	n := d.next()
	if d.bad || n < 0 {
		return nil, true
	}
	if n > int64(len(d.p)) {
		d.bad = true
		return nil, true
	}
	v := d.p[:n:n]
	d.p = d.p[n:]
	return v, false
}

// filterBatch returns the batch in p without the records for which keep is
// false: p itself if none is dropped, nil if all are. What remains keeps its
// offsets, sequence numbers and compression, as after Kafka's cleaner.
func filterBatch(b batch, p []byte, keep func(record) bool) (out []byte, removed int, err error) {
	var kept []byte
	count, maxTs := 0, int64(math.MinInt64)
	err = eachRecord(b, p, func(r record) bool {
		if !keep(r) {
			removed++
			return true
		}
		count++
		kept = append(kept, r.raw...)
		maxTs = max(maxTs, r.timestamp)
		return true
	})
	switch {
	case err != nil:
		return nil, 0, err
	case removed == 0:
		return p, 0, nil
	case count == 0:
		return nil, removed, nil
	}
	out = append(make([]byte, 0, len(p)), p[:batchHeaderSize]...)
	out, err = deflate(int(b.attributes&attrCodec), out, kept)
	if err != nil {
		return nil, 0, err
	}
	be := binary.BigEndian
	be.PutUint32(out[8:], uint32(len(out)-batchLengthEnd))
	be.PutUint64(out[35:], uint64(maxTs))
	be.PutUint32(out[57:], uint32(count))
	sealBatch(out)
	return out, removed, nil
}

// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// maxFaults bounds the records without key that an error names one by one.
const maxFaults = 1024

// checkRecords verifies the records of a batch before it is appended, as Kafka 4.x does
// (LogValidator, DefaultRecord.readFrom), so that what is appended can be read. Offset
// deltas that do not count from 0 are refused; Kafka appends them, or writes the batch anew.
//
// Of topics that are compacted, and with Options.CheckRecords of all, it is each record
// of the batch, unfolded piece by piece where it is compressed. Of others it is the first
// of an uncompressed batch, since records of a batch are alike; docs/performance.md has
// what a look at all would cost.
func (l *Log) checkRecords(b batch, p []byte) error {
	codec, records := int(b.attributes&attrCodec), p[batchHeaderSize:]
	compact := l.topic.policy.Load().compact
	w := walker{p: records}
	switch {
	case compact || l.s.o.CheckRecords:
	case codec != codecNone:
		return nil
	default:
		if _, fault := w.record(0); fault != "" {
			return invalidRecord(b, 0, fault)
		}
		return nil
	}
	if codec != codecNone {
		u := &l.s.unfolder
		u.mu.Lock()
		defer u.mu.Unlock()
		u.open(codec, records, maxInflated)
		defer u.close()
		w = walker{more: u}
	}
	keyless, err := w.walk(b)
	if err == nil && compact && keyless.total > 0 {
		err = l.keylessError(keyless)
	}
	return err
}

func invalidRecord(b batch, i int32, fault string) error {
	return errorf(CodeInvalidRecord, "record %d of %d: %s", i, b.count, fault)
}

// keylessRecords are the records of a batch that have no key.
type keylessRecords struct {
	total   int
	indexes []int32 // the first of them
}

// keylessError has Kafka's words.
func (l *Log) keylessError(k keylessRecords) error {
	e := &Error{Code: CodeInvalidRecord, Records: make([]RecordError, len(k.indexes))}
	text := fmt.Sprintf("Compacted topic cannot accept message without key in topic partition %s-%d", l.topic.name, l.part)
	var first []string
	for i, index := range k.indexes {
		e.Records[i] = RecordError{Index: index, Text: text}
		if i < 3 {
			first = append(first, fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", index, text))
		}
	}
	e.Err = errors.New(fmt.Sprint("One or more records have been rejected due to ", k.total,
		" record errors in total, and only showing the first three errors at most: [", strings.Join(first, ", "), "]"))
	return e
}

// walker reads records one after the other, and keeps nothing of them. They lie in p,
// or more gives them piece by piece.
type walker struct {
	p    []byte
	at   int       // place in p
	past int64     // bytes read before p
	more *unfolder // nil: p is all there is
}

func (w *walker) walk(b batch) (keyless keylessRecords, err error) {
	for i := range b.count {
		n, hasKey := ordinary(w.p[w.at:], i)
		if w.at += n; n > 0 && hasKey {
			continue
		}
		var fault string
		if n == 0 {
			hasKey, fault = w.record(i)
		}
		if err := w.unfoldError(); err != nil {
			return keyless, err
		}
		if fault != "" {
			return keyless, invalidRecord(b, i, fault)
		}
		if hasKey {
			continue
		}
		if keyless.total++; keyless.total <= maxFaults {
			keyless.indexes = append(keyless.indexes, i)
		}
	}
	rest := w.fill(1)
	if err := w.unfoldError(); err != nil {
		return keyless, err
	}
	if rest {
		return keyless, errorf(CodeInvalidRecord, "bytes follow on the %d records of a batch", b.count)
	}
	return keyless, nil
}

// ordinary returns the length of a record at the start of p that is right and has no
// headers and no lengths over 8191, as most: 0 for all others.
func ordinary(p []byte, i int32) (n int, hasKey bool) {
	size, at := short(p, 0)
	end := at + size
	if size < 6 || end > len(p) {
		return 0, false
	}
	p = p[:end]
	at++                                                // attributes
	for last := min(at+4, end-2); p[at] >= 0x80; at++ { // delta of the timestamp
		if at == last {
			return 0, false
		}
	}
	delta, at := short(p, at+1)
	if delta != int(i) {
		return 0, false
	}
	key, at := short(p, at)
	value, at := short(p, at+max(key, 0))
	if at += max(value, 0); min(key, value) < -1 || at != end-1 || p[at] != 0 {
		return 0, false
	}
	return end, key >= 0
}

// short reads a number of one or two bytes at p[at]; it is less than -8192 if there is none.
func short(p []byte, at int) (v, next int) {
	if at+1 >= len(p) {
		return math.MinInt32, at
	}
	u := uint(p[at])
	if at++; u >= 0x80 {
		if p[at] >= 0x80 {
			return math.MinInt32, at
		}
		u = u&0x7f | uint(p[at])<<7
		at++
	}
	return int(u>>1) ^ -int(u&1), at
}

// record reads the record number i of a batch, and says what is wrong with it, "" for
// nothing.
func (w *walker) record(i int32) (hasKey bool, fault string) {
	size, ok := w.varint()
	if !ok || size < 1 || w.more == nil && size > int64(len(w.p)-w.at) {
		return false, "its length is invalid"
	}
	end := w.past + int64(w.at) + size
	if !w.skip(1) || !w.varlong() { // attributes and delta of timestamp
		return false, "its deltas are malformed"
	}
	delta, ok := w.varint()
	if !ok {
		return false, "its deltas are malformed"
	}
	if delta != int64(i) {
		return false, fmt.Sprintf("its offset delta is %d", delta)
	}
	key, ok := w.bytes(end)
	if !ok {
		return false, "key or value reach beyond it"
	}
	if _, ok = w.bytes(end); !ok {
		return false, "key or value reach beyond it"
	}
	count, ok := w.varint()
	if !ok || count < 0 || count > w.left(end) {
		return false, "its number of headers is invalid"
	}
	if count > 0 {
		if fault = w.headers(count, end); fault != "" {
			return false, fault
		}
	}
	if w.left(end) > 0 {
		return false, "bytes follow on its headers"
	}
	return key >= 0, ""
}

func (w *walker) headers(count, end int64) (fault string) {
	for range count {
		size, ok := w.bytes(end)
		switch {
		case !ok:
			return "the key of a header reaches beyond it"
		case size < 0:
			return "the key of a header is null"
		}
		if _, ok = w.bytes(end); !ok {
			return "the value of a header reaches beyond it"
		}
	}
	return ""
}

// left is the number of bytes up to end.
func (w *walker) left(end int64) int64 { return end - w.past - int64(w.at) }

// bytes passes a byte string that is to lie before end, and returns its length, which
// is negative for null.
func (w *walker) bytes(end int64) (size int64, ok bool) {
	size, ok = w.varint()
	if !ok || max(size, 0) > w.left(end) {
		return 0, false
	}
	return size, size <= 0 || w.skip(size)
}

// varint reads a number of 32 bits, in as many bytes as Kafka reads at most.
func (w *walker) varint() (int64, bool) {
	if w.at < len(w.p) {
		if b := w.p[w.at]; b < 0x80 {
			w.at++
			return int64(b>>1) ^ -int64(b&1), true
		}
	}
	return w.longer()
}

func (w *walker) longer() (int64, bool) {
	w.fill(binary.MaxVarintLen64)
	v, n := binary.Varint(w.p[w.at:])
	if n <= 0 || n > binary.MaxVarintLen32 || v != int64(int32(v)) {
		return 0, false
	}
	w.at += n
	return v, true
}

// varlong passes a number of 64 bits.
func (w *walker) varlong() bool {
	w.fill(binary.MaxVarintLen64)
	_, n := binary.Varint(w.p[w.at:])
	w.at += max(n, 0)
	return n > 0
}

// skip passes n bytes; false if there are fewer.
func (w *walker) skip(n int64) bool {
	for n > int64(len(w.p)-w.at) {
		n -= int64(len(w.p) - w.at)
		w.at = len(w.p)
		if !w.fill(1) {
			return false
		}
	}
	w.at += int(n)
	return true
}

// fill gets more if there are fewer than n bytes to read; false if there are fewer still.
func (w *walker) fill(n int) bool {
	if len(w.p)-w.at >= n {
		return true
	}
	if w.more == nil {
		return false
	}
	w.past += int64(w.at)
	w.p, w.at = w.more.next(w.p[w.at:], n), 0
	return len(w.p) >= n
}

// unfoldError tells why compressed records cannot be read. Producers of Java divide a
// batch that is too large.
func (w *walker) unfoldError() error {
	switch {
	case w.more == nil || w.more.err == nil:
		return nil
	case w.more.err == errTooLarge:
		return errorf(CodeMessageTooLarge, "record batch unfolds to more than %d bytes", maxInflated)
	}
	return errorf(CodeCorruptMessage, "record batch does not unfold: %w", w.more.err)
}

// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// The header of a record batch, magic 2, is big-endian:
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
	batchHeaderSize = 61
	batchLengthEnd  = 12
	batchCRCEnd     = 21

	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
)

// batch is the header of a record batch.
type batch struct {
	base       int64
	size       int // whole batch in bytes
	attributes int16
	lastDelta  int32
	firstTs    int64
	maxTs      int64
	producer   Producer
	sequence   int32
	count      int32
}

func (b batch) last() int64         { return b.base + int64(b.lastDelta) }
func (b batch) transactional() bool { return b.attributes&attrTransactional != 0 }
func (b batch) control() bool       { return b.attributes&attrControl != 0 }

// lastSequence is the sequence number of the last record; they wrap to 0.
func (b batch) lastSequence() int32 {
	return int32((int64(b.sequence) + int64(b.lastDelta)) & math.MaxInt32)
}

// batchSize reads the size of the batch at the start of p; 0 if p is too short
// to hold it.
func batchSize(p []byte) int {
	if len(p) < batchHeaderSize {
		return 0
	}
	n := int64(int32(binary.BigEndian.Uint32(p[8:]))) + batchLengthEnd
	if n < batchHeaderSize || n > int64(len(p)) {
		return 0
	}
	return int(n)
}

// parseBatch reads the header of the batch at the start of p, which must hold
// the header at least.
func parseBatch(p []byte) batch {
	be := binary.BigEndian
	_ = p[batchHeaderSize-1]
	return batch{
		base:       int64(be.Uint64(p)),
		size:       int(int32(be.Uint32(p[8:]))) + batchLengthEnd,
		attributes: int16(be.Uint16(p[21:])),
		lastDelta:  int32(be.Uint32(p[23:])),
		firstTs:    int64(be.Uint64(p[27:])),
		maxTs:      int64(be.Uint64(p[35:])),
		producer:   Producer{int64(be.Uint64(p[43:])), int16(be.Uint16(p[51:]))},
		sequence:   int32(be.Uint32(p[53:])),
		count:      int32(be.Uint32(p[57:])),
	}
}

// validBatch reports whether p is exactly one batch with a right checksum.
func validBatch(p []byte) bool {
	return batchSize(p) == len(p) && p[16] == 2 && batchCRC(p) == binary.BigEndian.Uint32(p[17:])
}

func batchCRC(p []byte) uint32 { return crc32.Checksum(p[batchCRCEnd:], castagnoli) }

// sealBatch writes the checksum of the batch in p.
func sealBatch(p []byte) { binary.BigEndian.PutUint32(p[17:], batchCRC(p)) }

// setBase sets what the broker owns in a batch: base offset and leader epoch.
func setBase(p []byte, base int64) {
	binary.BigEndian.PutUint64(p, uint64(base))
	binary.BigEndian.PutUint32(p[12:], 0)
}

// checkBatch verifies a batch that a producer sent.
func checkBatch(p []byte) (batch, error) {
	if len(p) < batchHeaderSize {
		return batch{}, errorf(CodeCorruptMessage, "record batch of %d bytes is shorter than its header", len(p))
	}
	if p[16] != 2 {
		return batch{}, errorf(CodeUnsupportedForFormat, "record batch has magic %d: only 2 is supported", p[16])
	}
	b := parseBatch(p)
	switch {
	case b.size != len(p):
		return b, errorf(CodeInvalidRecord, "record batch says %d bytes and has %d: exactly one batch is expected", b.size, len(p))
	case batchCRC(p) != binary.BigEndian.Uint32(p[17:]):
		return b, errorf(CodeCorruptMessage, "record batch has a wrong checksum")
	case b.count <= 0 || b.lastDelta != b.count-1:
		return b, errorf(CodeInvalidRecord, "record batch of %d records has last offset delta %d", b.count, b.lastDelta)
	case b.control():
		return b, errorf(CodeInvalidRecord, "clients must not write control batches")
	case b.attributes&attrCodec > 4:
		return b, errorf(CodeCorruptMessage, "record batch has unknown compression %d", b.attributes&attrCodec)
	case b.attributes&attrLogAppendTime != 0:
		return b, errorf(CodeInvalidRecord, "record batch claims log append time")
	case b.producer.ID >= 0 && (b.producer.Epoch < 0 || b.sequence < 0):
		return b, errorf(CodeInvalidRecord, "record batch of producer %d has epoch %d and sequence %d", b.producer.ID, b.producer.Epoch, b.sequence)
	case b.producer.ID < 0 && b.transactional():
		return b, errorf(CodeInvalidRecord, "transactional record batch without producer id")
	}
	return b, nil
}

// markerSize is the size of a control batch with one end-of-transaction record.
const markerSize = batchHeaderSize + 17

// appendMarker appends the control batch that ends a transaction, byte for byte
// as Kafka writes it.
func appendMarker(dst []byte, base, timestamp int64, p Producer, commit bool) []byte {
	be := binary.BigEndian
	n := len(dst)
	dst = be.AppendUint64(dst, uint64(base))
	dst = be.AppendUint32(dst, markerSize-batchLengthEnd)
	dst = be.AppendUint32(dst, 0) // leader epoch
	dst = append(dst, 2, 0, 0, 0, 0)
	dst = be.AppendUint16(dst, attrTransactional|attrControl)
	dst = be.AppendUint32(dst, 0) // last offset delta
	dst = be.AppendUint64(dst, uint64(timestamp))
	dst = be.AppendUint64(dst, uint64(timestamp))
	dst = be.AppendUint64(dst, uint64(p.ID))
	dst = be.AppendUint16(dst, uint16(p.Epoch))
	dst = be.AppendUint32(dst, math.MaxUint32) // base sequence -1
	dst = be.AppendUint32(dst, 1)
	kind := byte(0)
	if commit {
		kind = 1
	}
	// Record of 16 bytes: attributes, timestamp and offset delta, key {version
	// 0, kind}, value {version 0, coordinator epoch 0}, no headers.
	dst = append(dst, 16<<1, 0, 0, 0, 4<<1, 0, 0, 0, kind, 6<<1, 0, 0, 0, 0, 0, 0, 0)
	sealBatch(dst[n:])
	return dst
}

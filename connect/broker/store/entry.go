// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// An entry of the log is a header of 20 bytes and a body:
//
//	magic    3 bytes  "cdL"
//	type     1 byte
//	length   uint32   of the body
//	crc      uint32   CRC-32C of position, type, length, durable and body
//	durable  uint64   position up to which the log was on stable storage
//	                  when the entry was written
//
// The position in the checksum makes an entry valid only where it was written,
// so that log bytes inside a record can never be taken for entries. The durable
// position tells an unfinished tail from damage: bytes that some later entry
// calls durable were once whole.
//
// Of an append entry the checksum covers only the partition and the batch up to
// its own checksum field, which covers the rest: bytes are summed once.
const (
	headerSize    = 20
	formatVersion = 1
	// maxEntryBytes bounds the length that is believed: the largest batch and
	// the largest snapshot lie far below.
	maxEntryBytes = 1 << 30
)

var entryMagic = []byte("cdL")

type entryType uint8

const (
	entrySnapshot entryType = 1 + iota
	entryAppend
	entryEnd
	entryProducer
	entryProducerIDs
	entryOffsets
	entryTopic
	entryTopicDeleted
	entryLogStart
	entryRewrite
	entryCleaned
	entryDrop
	entryFence
	entryClosed
	entryTypes // one past the last
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendPrefix is the part of an append entry's body that its checksum covers:
// the log id and the batch up to its own checksum field inclusive.
const appendPrefix = 4 + batchCRCEnd

// summed returns the part of body that the entry's checksum covers.
func summed(t entryType, body []byte) []byte {
	if t == entryAppend && len(body) > appendPrefix {
		return body[:appendPrefix]
	}
	return body
}

func entryCRC(pos int64, header, covered []byte) uint32 {
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(pos))
	crc := crc32.Update(0, castagnoli, seed[:])
	crc = crc32.Update(crc, castagnoli, header[3:8])
	crc = crc32.Update(crc, castagnoli, header[12:20])
	return crc32.Update(crc, castagnoli, covered)
}

// putHeader fills header for an entry at pos whose body has length bytes, of
// which covered are in the checksum.
func putHeader(header []byte, t entryType, pos, durable int64, length int, covered []byte) {
	copy(header, entryMagic)
	header[3] = byte(t)
	binary.LittleEndian.PutUint32(header[4:], uint32(length))
	binary.LittleEndian.PutUint64(header[12:], uint64(durable))
	binary.LittleEndian.PutUint32(header[8:], entryCRC(pos, header, covered))
}

// entry is a decoded header with its body, which aliases the buffer it was
// parsed from.
type entry struct {
	typ     entryType
	pos     int64
	durable int64
	body    []byte
}

func (e entry) end() int64 { return e.pos + headerSize + int64(len(e.body)) }

// frame reads the header at the start of b without verifying the checksum.
func frame(b []byte, pos int64) (entry, bool) {
	if len(b) < headerSize || !bytes.Equal(b[:3], entryMagic) {
		return entry{}, false
	}
	t, n := entryType(b[3]), binary.LittleEndian.Uint32(b[4:])
	if t < entrySnapshot || t >= entryTypes || n > maxEntryBytes || int(n) > len(b)-headerSize {
		return entry{}, false
	}
	durable := int64(binary.LittleEndian.Uint64(b[12:]))
	return entry{typ: t, pos: pos, durable: durable, body: b[headerSize : headerSize+int(n)]}, true
}

// parseEntry reads the entry at the start of b, which lies at pos, and verifies
// it wholly.
func parseEntry(b []byte, pos int64) (entry, bool) {
	e, ok := frame(b, pos)
	if !ok || entryCRC(pos, b, summed(e.typ, e.body)) != binary.LittleEndian.Uint32(b[8:]) {
		return entry{}, false
	}
	if e.typ != entryAppend {
		return e, true
	}
	if len(e.body) <= appendPrefix || !validBatch(e.body[4:]) {
		return entry{}, false
	}
	return e, true
}

// laterEntry searches b, which lies at pos, for valid entries and returns the
// greatest position that one of them calls durable; ok is false if there is no
// entry.
func laterEntry(b []byte, pos int64) (durable int64, ok bool) {
	for i := 0; ; {
		n := bytes.Index(b[i:], entryMagic)
		if n < 0 {
			return durable, ok
		}
		i += n
		e, valid := parseEntry(b[i:], pos+int64(i))
		if !valid {
			i++
			continue
		}
		ok, durable = true, max(durable, e.durable)
		i += headerSize + len(e.body)
	}
}

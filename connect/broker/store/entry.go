// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

// An entry of the log is a header of 24 bytes and a body:
//
//	magic     3 bytes  "cdL"
//	type      1 byte
//	length    uint32   of the body
//	crc       uint32   CRC-32C of the other header fields and the body
//	position  uint64   where the entry lies in the log
//	unsynced  uint32   how much of the log before it was not known to be on
//	                   stable storage when it was written; all ones: 4 GiB or more
//
// The position makes an entry valid only where it was written, so that log bytes
// inside a record are never taken for entries. What was synced tells an
// unfinished tail from damage: bytes that some later entry calls durable were
// once whole.
//
// Of an append entry the checksum covers only the partition and the batch up to
// its own checksum field, which covers the rest: bytes are summed once.
const (
	headerSize    = 24
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

func entryCRC(header, covered []byte) uint32 {
	crc := crc32.Update(0, castagnoli, header[3:8])
	crc = crc32.Update(crc, castagnoli, header[12:headerSize])
	return crc32.Update(crc, castagnoli, covered)
}

// putHeader fills header for an entry at pos whose body has length bytes, of
// which covered are in the checksum.
func putHeader(header []byte, t entryType, pos, durable int64, length int, covered []byte) {
	copy(header, entryMagic)
	header[3] = byte(t)
	binary.LittleEndian.PutUint32(header[4:], uint32(length))
	binary.LittleEndian.PutUint64(header[12:], uint64(pos))
	binary.LittleEndian.PutUint32(header[20:], uint32(min(pos-durable, math.MaxUint32)))
	binary.LittleEndian.PutUint32(header[8:], entryCRC(header, covered))
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
func frame(b []byte) (entry, bool) {
	le := binary.LittleEndian
	if len(b) < headerSize || !bytes.Equal(b[:3], entryMagic) {
		return entry{}, false
	}
	t, n := entryType(b[3]), le.Uint32(b[4:])
	if t < entrySnapshot || t >= entryTypes || n > maxEntryBytes || int(n) > len(b)-headerSize {
		return entry{}, false
	}
	e := entry{typ: t, pos: int64(le.Uint64(b[12:])), body: b[headerSize : headerSize+int(n)]}
	if unsynced := le.Uint32(b[20:]); unsynced < math.MaxUint32 {
		e.durable = e.pos - int64(unsynced)
	}
	return e, true
}

// parseEntry reads the entry at the start of b, which lies at pos, and verifies
// it wholly.
func parseEntry(b []byte, pos int64) (entry, bool) {
	e, ok := parseAnywhere(b)
	return e, ok && e.pos == pos
}

// parseAnywhere verifies all of an entry but that it is in its place.
func parseAnywhere(b []byte) (entry, bool) {
	e, ok := frame(b)
	if !ok || entryCRC(b, summed(e.typ, e.body)) != binary.LittleEndian.Uint32(b[8:]) {
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

// judgeTail decides what the bytes in b are, which lie at pos, begin at the file
// offset at, and do not begin with a valid entry: nil if they are writes that
// were not finished, or the reason why they must be damage.
//
// Entries behind the bad one prove damage if one says that the log was on stable
// storage beyond pos; entries that lie elsewhere than they say count too, as
// none can say so of the future. Otherwise all of it was written since the last
// sync, and a power failure may have lost some of its sectors and kept later
// ones: they read as zeros. A bad entry with valid ones behind it and all
// sectors present is damage.
func judgeTail(b []byte, pos, at int64) error {
	next := -1
	for i := 0; ; {
		n := bytes.Index(b[i:], entryMagic)
		if n < 0 {
			break
		}
		i += n
		e, ok := parseAnywhere(b[i:])
		if !ok {
			i++
			continue
		}
		if e.durable > pos {
			return errWasDurable
		}
		if next < 0 && e.pos == pos+int64(i) {
			next = i
		}
		i += headerSize + len(e.body)
	}
	if next >= 0 && !sectorLost(b[:next], at) {
		return errUnreadable
	}
	return nil
}

var (
	errWasDurable = errors.New("an entry that was on stable storage is not readable")
	errUnreadable = errors.New("an entry with others behind it is not readable")
)

// sectorLost reports whether one of the sectors that end in b, which begins at
// the file offset at, is all zeros.
func sectorLost(b []byte, at int64) bool {
	const sector = 512
	for len(b) > 0 {
		n := int(sector - at%sector)
		if n > len(b) {
			return false
		}
		if bytes.Count(b[:n], []byte{0}) == n {
			return true
		}
		b, at = b[n:], at+int64(n)
	}
	return false
}

// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"
	"hash/maphash"
)

// hasher hashes keys, the same in all layers, so that a read hashes once.
type hasher struct {
	seed maphash.Seed
	mask uint64 // all ones; tests make keys collide
}

func newHasher() hasher { return hasher{seed: maphash.MakeSeed(), mask: ^uint64(0)} }

// hash hashes the key that is made of a tag and the rest.
func (h hasher) hash(tag byte, rest []byte) uint64 {
	return (maphash.Bytes(h.seed, rest) + uint64(tag)*0x9e3779b97f4a7c15) & h.mask
}

// The block of a key: the ref of its value, its length, its bytes. The block of a
// value: its length, its bytes.
const (
	keyHead   = 12
	valueHead = 4
)

// entries maps keys to values. Keys with a tag that scans are kept in order, too.
type entries struct {
	index  index
	mem    blocks
	scans  bool // keep values in order; timers always are
	sorted order
}

// keyAt returns the key of a key block.
func (e *entries) keyAt(k ref) []byte {
	b := e.mem.at(k)
	n := binary.LittleEndian.Uint32(b[8:])
	return b[keyHead : keyHead+n : keyHead+n]
}

// value returns the ref of a key's value.
func (e *entries) value(k ref) ref { return ref(binary.LittleEndian.Uint64(e.mem.at(k))) }

func (e *entries) setValue(k, v ref) { binary.LittleEndian.PutUint64(e.mem.at(k), uint64(v)) }

// valueAt returns the bytes of a value block.
func (e *entries) valueAt(v ref) []byte {
	b := e.mem.at(v)
	n := binary.LittleEndian.Uint32(b)
	return b[valueHead : valueHead+n : valueHead+n]
}

// valueLen returns the length of a value; 0 for a ref that is no place.
func (e *entries) valueLen(v ref) int {
	if v <= tombstone {
		return 0
	}
	return int(binary.LittleEndian.Uint32(e.mem.at(v)))
}

func (e *entries) newValue(value []byte) ref {
	v := e.mem.alloc(valueHead + len(value))
	b := e.mem.at(v)
	binary.LittleEndian.PutUint32(b, uint32(len(value)))
	copy(b[valueHead:], value)
	return v
}

func (e *entries) freeValue(v ref) {
	if v > tombstone {
		e.mem.release(v, valueHead+e.valueLen(v))
	}
}

// find returns the block of a key, or none.
func (e *entries) find(h uint64, tag byte, rest []byte) ref {
	slots, bits := e.index.slots, h>>refBits
	for i := e.index.home(bits); i < len(slots); i++ {
		s := slots[i]
		if s == 0 || s>>refBits > bits {
			return none
		}
		if s>>refBits != bits {
			continue
		}
		b := e.keyAt(ref(s & refMask))
		if b[0] == tag && string(b[1:]) == string(rest) {
			return ref(s & refMask)
		}
	}
	return none
}

// insert adds a key that is not there, without a value.
func (e *entries) insert(h uint64, tag byte, rest []byte) ref {
	k := e.mem.alloc(keyHead + 1 + len(rest))
	b := e.mem.at(k)
	binary.LittleEndian.PutUint64(b, uint64(none))
	binary.LittleEndian.PutUint32(b[8:], uint32(1+len(rest)))
	b[keyHead] = tag
	copy(b[keyHead+1:], rest)
	e.index.insert(h, k)
	if e.inOrder(tag) {
		e.sorted.insert(k, e.keyAt)
	}
	return k
}

// remove takes out a key that is there, with its value.
func (e *entries) remove(h uint64, k ref) {
	key := e.keyAt(k)
	if e.inOrder(key[0]) {
		e.sorted.remove(key, e.keyAt)
	}
	e.index.remove(h, k)
	e.freeValue(e.value(k))
	e.mem.release(k, keyHead+len(key))
}

func (e *entries) inOrder(tag byte) bool { return tag == tagTimer || e.scans && tag == tagValue }

// reset takes out all keys.
func (e *entries) reset() {
	e.index.reset()
	e.mem.reset()
	e.sorted.reset()
}

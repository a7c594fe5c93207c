// SPDX-License-Identifier: Apache-2.0

package state

import "slices"

const (
	refBits   = 37
	refMask   = 1<<refBits - 1
	hashBits  = 64 - refBits
	firstSize = 8
)

// index finds keys by hash: a table with linear probing, whose slots are in the order
// of the hashes, with gaps. A slot holds the upper bits of a hash and a ref, so that a
// key is only looked at if it is likely to be the right one, the table grows without
// looking at keys at all, and a walk can stop and go on although the table has changed.
// The zero value is empty.
type index struct {
	slots []uint64 // 0 is a gap
	shift uint     // from the bits of a hash to its home
	count int
}

func (x *index) home(bits uint64) int { return int(bits >> x.shift) }

// insert adds a key with this hash.
func (x *index) insert(h uint64, k ref) {
	if x.count*3 >= x.homes()*2 && x.homes() < 1<<hashBits {
		x.grow()
	}
	bits := h >> refBits
	i := x.home(bits)
	for i < len(x.slots) && x.slots[i] != 0 && x.slots[i]>>refBits <= bits {
		i++
	}
	gap := i
	for gap < len(x.slots) && x.slots[gap] != 0 {
		gap++
	}
	if gap == len(x.slots) {
		x.slots = append(x.slots, 0) // the homes at the end may need more room
	}
	copy(x.slots[i+1:gap+1], x.slots[i:gap])
	x.slots[i] = bits<<refBits | uint64(k)
	x.count++
}

func (x *index) homes() int {
	if len(x.slots) == 0 {
		return 0
	}
	return 1 << (hashBits - x.shift)
}

// grow doubles the number of homes.
func (x *index) grow() {
	old := x.slots
	if len(old) == 0 {
		x.slots, x.shift = make([]uint64, firstSize), hashBits-3
		return
	}
	x.shift--
	n := x.homes()
	x.slots = make([]uint64, n, n+n/64+8)
	next := 0
	for _, s := range old {
		if s == 0 {
			continue
		}
		next = max(next, x.home(s>>refBits))
		if next == len(x.slots) {
			x.slots = append(x.slots, 0)
		}
		x.slots[next] = s
		next++
	}
}

// remove takes out a key that is there.
func (x *index) remove(h uint64, k ref) {
	bits := h >> refBits
	i := x.home(bits) + slices.Index(x.slots[x.home(bits):], bits<<refBits|uint64(k))
	// What stands behind its home moves up, so that no gap hides it.
	end := i + 1
	for end < len(x.slots) && x.slots[end] != 0 && x.home(x.slots[end]>>refBits) < end {
		end++
	}
	copy(x.slots[i:], x.slots[i+1:end])
	x.slots[end-1] = 0
	x.count--
}

// walk calls fn with the refs in the order of their hashes, from the bits of a hash on.
// Once fn has returned false, it goes on to the end of those with the same bits, and
// returns the bits to go on from; done is true at the end.
func (x *index) walk(from uint64, fn func(ref) bool) (next uint64, done bool) {
	if len(x.slots) == 0 {
		return 0, true
	}
	more, last := true, from
	for i := x.home(from); i < len(x.slots); i++ {
		s := x.slots[i]
		if s == 0 || s>>refBits < from {
			continue
		}
		if !more && s>>refBits != last {
			return s >> refBits, false
		}
		last = s >> refBits
		more = fn(ref(s&refMask)) && more
	}
	return 0, true
}

// reset takes out all keys.
func (x *index) reset() {
	if x.count*16 < len(x.slots) {
		*x = index{} // clearing costs what the table once held
		return
	}
	clear(x.slots)
	x.count = 0
}

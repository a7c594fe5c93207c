// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"slices"
	"sort"
)

// leafSize is the largest number of keys in a leaf. Moving half of one within a
// leaf costs less than a level of a deeper tree.
const leafSize = 512

// order keeps the refs of keys in the byte order of the keys: a tree of two levels,
// whose root is a slice. The zero value is empty.
type order struct {
	leaves [][]ref // none is empty
}

// find returns the place of the first key at or after the given one.
func (o *order) find(key []byte, keyAt func(ref) []byte) (leaf, pos int) {
	// The last leaf that begins at or before the key holds the place, or ends before it.
	leaf = sort.Search(len(o.leaves), func(i int) bool {
		return bytes.Compare(keyAt(o.leaves[i][0]), key) > 0
	}) - 1
	if leaf < 0 {
		return 0, 0
	}
	l := o.leaves[leaf]
	pos = sort.Search(len(l), func(i int) bool { return bytes.Compare(keyAt(l[i]), key) >= 0 })
	if pos == len(l) && leaf+1 < len(o.leaves) {
		return leaf + 1, 0
	}
	return leaf, pos
}

// insert adds the ref of a key that is not there yet.
func (o *order) insert(r ref, keyAt func(ref) []byte) {
	if len(o.leaves) == 0 {
		o.leaves = append(o.leaves, []ref{r})
		return
	}
	leaf, pos := o.find(keyAt(r), keyAt)
	if pos == 0 && leaf > 0 {
		leaf-- // between two leaves: at the end of the first
		pos = len(o.leaves[leaf])
	}
	l := o.leaves[leaf]
	if len(l) < leafSize {
		o.leaves[leaf] = slices.Insert(l, pos, r)
		return
	}
	if pos == leafSize && leaf == len(o.leaves)-1 {
		o.leaves = append(o.leaves, []ref{r}) // rising keys fill their leaves
		return
	}
	right := slices.Clone(l[leafSize/2:])
	o.leaves[leaf] = l[:leafSize/2]
	o.leaves = slices.Insert(o.leaves, leaf+1, right)
	if pos > leafSize/2 {
		o.leaves[leaf+1] = slices.Insert(right, pos-leafSize/2, r)
		return
	}
	o.leaves[leaf] = slices.Insert(o.leaves[leaf], pos, r)
}

// remove takes out the ref of a key that is there.
func (o *order) remove(key []byte, keyAt func(ref) []byte) {
	leaf, pos := o.find(key, keyAt)
	o.leaves[leaf] = slices.Delete(o.leaves[leaf], pos, pos+1)
	if len(o.leaves[leaf]) == 0 {
		o.leaves = slices.Delete(o.leaves, leaf, leaf+1)
	}
}

// get returns the ref at a place; false behind the last one.
func (o *order) get(leaf, pos int) (ref, bool) {
	if leaf >= len(o.leaves) || pos >= len(o.leaves[leaf]) {
		return none, false
	}
	return o.leaves[leaf][pos], true
}

// next returns the place after a place.
func (o *order) next(leaf, pos int) (int, int) {
	if pos+1 < len(o.leaves[leaf]) {
		return leaf, pos + 1
	}
	return leaf + 1, 0
}

func (o *order) reset() {
	clear(o.leaves)
	o.leaves = o.leaves[:0]
}

// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"hash/maphash"

	"github.com/connectd/connectd/connect"
)

// manyMembers is from how many members on an object's keys are compared by a
// hash table, so that a hostile object does not cost the square of its size.
const manyMembers = 24

var keySeed = maphash.MakeSeed()

// dedup moves the last value of a repeated key to the place of the first, and
// drops the rest. It works in place.
func (d *Decoder) dedup(members []connect.MapEntry) []connect.MapEntry {
	if len(members) >= manyMembers {
		return d.dedupMany(members)
	}
	for i := 1; i < len(members); i++ {
		if j := indexOf(members[:i], members[i].Key.Str()); j >= 0 {
			members[j].Value = members[i].Value
			members = append(members[:i], members[i+1:]...)
			i--
		}
	}
	return members
}

func indexOf(members []connect.MapEntry, key string) int {
	for j := range members {
		if k := members[j].Key; k.Len() == len(key) && k.Str() == key {
			return j
		}
	}
	return -1
}

// dedupMany does the same by open addressing; index holds places plus one.
func (d *Decoder) dedupMany(members []connect.MapEntry) []connect.MapEntry {
	size := 64
	for size < 2*len(members) {
		size *= 2
	}
	if cap(d.index) < size {
		d.index = make([]int32, size)
	}
	table := d.index[:size]
	clear(table)
	kept := members[:0]
	for _, m := range members {
		slot := int(maphash.String(keySeed, m.Key.Str())) & (size - 1)
		for table[slot] != 0 && kept[table[slot]-1].Key.Str() != m.Key.Str() {
			slot = (slot + 1) & (size - 1)
		}
		if at := table[slot]; at != 0 {
			kept[at-1].Value = m.Value
			continue
		}
		kept = append(kept, m)
		table[slot] = int32(len(kept))
	}
	return kept
}

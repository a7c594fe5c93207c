// SPDX-License-Identifier: Apache-2.0

package javamap

import "slices"

// DefaultBuckets is the size of the table of a map that was made without one.
const DefaultBuckets = 16

// Sort sorts entries, whose keys differ, in the order in which Java 8 and later iterate
// over a HashMap into which they were put in the order given: by bucket, and within one by
// insertion. The table has so many buckets at first, a power of two, and doubles whenever
// more than three quarters as many entries are in it.
func Sort[E any](entries []E, buckets int, key func(E) string) {
	for len(entries)*4 > buckets*3 {
		buckets *= 2
	}
	bucket := func(e E) int { return int(hash(key(e))) & (buckets - 1) }
	slices.SortStableFunc(entries, func(a, b E) int { return bucket(a) - bucket(b) })
}

// hash is String.hashCode, which is over UTF-16, spread as HashMap does.
func hash(s string) uint32 {
	var h uint32
	for _, r := range s {
		if r > 0xffff {
			r -= 0x10000
			h = 31*h + uint32(0xd800+r>>10)
			r = 0xdc00 + r&0x3ff
		}
		h = 31*h + uint32(r)
	}
	return h ^ h>>16
}

// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"slices"
	"unicode/utf16"

	"github.com/connectd/connectd/connect"
)

// javaOrder sorts members in the order in which java.util.HashMap iterates over
// string keys that were put in this order: by bucket, and within one by insertion.
// The original writes offset keys in this order, and looks them up by their bytes.
func javaOrder(entries []connect.MapEntry) []connect.MapEntry {
	buckets := uint32(16)
	for len(entries)*4 > int(buckets)*3 {
		buckets *= 2
	}
	out := slices.Clone(entries)
	slices.SortStableFunc(out, func(a, b connect.MapEntry) int {
		return int(javaHash(a.Key.Str())&(buckets-1)) - int(javaHash(b.Key.Str())&(buckets-1))
	})
	return out
}

// javaHash is String.hashCode, spread as HashMap does.
func javaHash(s string) uint32 {
	var h uint32
	for _, u := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(u)
	}
	return h ^ h>>16
}

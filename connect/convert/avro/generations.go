// SPDX-License-Identifier: Apache-2.0

package avro

// generations keeps at least the entries that were used last, and at most twice as
// many as its size: when the young ones are that many, they become the old ones, and
// what is still old then is forgotten.
type generations[K comparable, V any] struct {
	size       int
	young, old map[K]V
}

func newGenerations[K comparable, V any](size int) *generations[K, V] {
	return &generations[K, V]{size: max(size, 1), young: map[K]V{}}
}

func (g *generations[K, V]) get(key K) (V, bool) {
	if v, ok := g.young[key]; ok {
		return v, true
	}
	v, ok := g.old[key]
	if ok {
		g.put(key, v)
	}
	return v, ok
}

func (g *generations[K, V]) put(key K, v V) {
	if _, known := g.young[key]; !known && len(g.young) >= g.size {
		g.old, g.young = g.young, make(map[K]V, g.size)
	}
	g.young[key] = v
}

// SPDX-License-Identifier: Apache-2.0

package convert

import "container/list"

// lru keeps the entries that were used last, most at a time.
type lru[K comparable, V any] struct {
	most  int
	order *list.List // of *lruEntry, the last used in front
	byKey map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](most int) *lru[K, V] {
	return &lru[K, V]{most: most, order: list.New(), byKey: make(map[K]*list.Element)}
}

func (l *lru[K, V]) get(key K) (V, bool) {
	e, ok := l.byKey[key]
	if !ok {
		var none V
		return none, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruEntry[K, V]).value, true
}

func (l *lru[K, V]) put(key K, value V) {
	if l.most <= 0 {
		return
	}
	if l.order.Len() >= l.most {
		oldest := l.order.Back()
		delete(l.byKey, oldest.Value.(*lruEntry[K, V]).key)
		l.order.Remove(oldest)
	}
	l.byKey[key] = l.order.PushFront(&lruEntry[K, V]{key, value})
}

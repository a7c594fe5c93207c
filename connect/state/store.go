// SPDX-License-Identifier: Apache-2.0

package state

// position says which part of the changelog a store holds.
type position struct {
	head
	owner uint64 // the incarnation that the owner names; 0 if its record has not been met
	last  int64  // the offset of the last record; -1 before the first
	at    int64  // when it was reached, by the clock of the machine, in milliseconds
}

// store is the committed state of one table. What it returns may alias it, and is
// valid until the next apply. get and cursor are for the road's goroutine, or for
// others while they hold the tables' lock for reading; a store that is shared takes
// apply beside them.
type store interface {
	// get returns the value of a key. A store that has to copy it takes room from scratch.
	get(h uint64, tag byte, rest []byte, scratch *blocks) (value []byte, found bool, err error)
	cursor() (storeCursor, error)
	// apply takes over the changes of an overlay and the position after them, both or
	// neither as far as a later start can see.
	apply(o *overlay, p position) error
	position() position
	// shared says that apply may run on any goroutine.
	shared() bool
	// close releases the store, which keeps what has been applied if it can.
	close() error
}

// memoryStore keeps a table in memory.
type memoryStore struct {
	hasher
	data    entries
	pos     position
	size    int64  // bytes of keys and values
	changed int64  // bytes that were applied since the last snapshot began
	begun   int64  // when the last snapshot began, in milliseconds
	written uint64 // commits that the last snapshot holds
}

func newMemoryStore(h hasher, scans bool) *memoryStore {
	return &memoryStore{hasher: h, data: entries{scans: scans}, pos: position{head: newHead, last: -1}}
}

func (s *memoryStore) get(h uint64, tag byte, rest []byte, _ *blocks) ([]byte, bool, error) {
	k := s.data.find(h, tag, rest)
	if k == none {
		return nil, false, nil
	}
	return s.data.valueAt(s.data.value(k)), true, nil
}

func (s *memoryStore) cursor() (storeCursor, error) { return &entriesCursor{e: &s.data}, nil }

func (s *memoryStore) position() position { return s.pos }

func (s *memoryStore) shared() bool { return false }

func (s *memoryStore) close() error { return nil }

func (s *memoryStore) apply(o *overlay, p position) error {
	s.changed += o.size
	s.pos = p
	return o.each(func(key, value []byte) error {
		switch {
		case key[0] <= tagHead: // the position holds them
		case value == nil:
			s.remove(key)
		default:
			s.put(key, value)
		}
		return nil
	})
}

func (s *memoryStore) put(key, value []byte) {
	h := s.hash(key[0], key[1:])
	k := s.data.find(h, key[0], key[1:])
	if k == none {
		k = s.data.insert(h, key[0], key[1:])
		s.size += int64(len(key))
	}
	old := s.data.value(k)
	s.size += int64(len(value) - s.data.valueLen(old))
	s.data.freeValue(old)
	s.data.setValue(k, s.data.newValue(value))
}

func (s *memoryStore) remove(key []byte) {
	h := s.hash(key[0], key[1:])
	if k := s.data.find(h, key[0], key[1:]); k != none {
		s.size -= int64(len(key) + s.data.valueLen(s.data.value(k)))
		s.data.remove(h, k)
	}
}

// SPDX-License-Identifier: Apache-2.0

package state

import "bytes"

// cursor walks the ordered keys of one layer.
type cursor interface {
	// seek goes to the first key at or after the given one.
	seek(key []byte)
	next()
	// key returns the key, nil at the end.
	key() []byte
	// value returns the value of the key, nil if the layer deletes it.
	value() []byte
}

// storeCursor is a cursor that holds something of its store.
type storeCursor interface {
	cursor
	// close releases the cursor and returns what went wrong on the way.
	close() error
}

// entriesCursor walks entries in memory, which do not change meanwhile.
type entriesCursor struct {
	e         *entries
	leaf, pos int
	at        ref
}

func (c *entriesCursor) seek(key []byte) {
	c.leaf, c.pos = c.e.sorted.find(key, c.e.keyAt)
	c.settle()
}

func (c *entriesCursor) next() {
	c.leaf, c.pos = c.e.sorted.next(c.leaf, c.pos)
	c.settle()
}

// settle skips keys that were written and rolled back.
func (c *entriesCursor) settle() {
	for {
		k, ok := c.e.sorted.get(c.leaf, c.pos)
		if !ok {
			c.at = none
			return
		}
		if c.e.value(k) != none {
			c.at = k
			return
		}
		c.leaf, c.pos = c.e.sorted.next(c.leaf, c.pos)
	}
}

func (c *entriesCursor) key() []byte {
	if c.at == none {
		return nil
	}
	return c.e.keyAt(c.at)
}

func (c *entriesCursor) value() []byte {
	v := c.e.value(c.at)
	if v == tombstone {
		return nil
	}
	return c.e.valueAt(v)
}

func (c *entriesCursor) close() error { return nil }

// merged walks the layers of a table as one: what an upper layer says about a key
// hides what a lower one says.
type merged struct {
	layers []cursor // from the top
	top    cursor   // the layer that holds the current key
}

func (m *merged) seek(key []byte) {
	for _, c := range m.layers {
		c.seek(key)
	}
	m.settle()
}

func (m *merged) next() {
	m.pass()
	m.settle()
}

// settle finds the smallest key that is not deleted.
func (m *merged) settle() {
	for {
		m.top = nil
		for _, c := range m.layers {
			k := c.key()
			if k != nil && (m.top == nil || bytes.Compare(k, m.top.key()) < 0) {
				m.top = c
			}
		}
		if m.top == nil || m.top.value() != nil {
			return
		}
		m.pass()
	}
}

// pass moves all layers beyond the current key.
func (m *merged) pass() {
	key := m.top.key()
	for _, c := range m.layers {
		if c != m.top && bytes.Equal(c.key(), key) {
			c.next()
		}
	}
	m.top.next()
}

func (m *merged) key() []byte {
	if m.top == nil {
		return nil
	}
	return m.top.key()
}

func (m *merged) value() []byte { return m.top.value() }

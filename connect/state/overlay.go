// SPDX-License-Identifier: Apache-2.0

package state

// overlay holds what one unit changes in one table. A key without a value (none) was
// written and rolled back: it is not changed.
type overlay struct {
	entries
	keys    []ref // in the order of their first write
	changed int   // keys with a value or a tombstone
	size    int64 // bytes of changed keys and their values
}

func newOverlay(scans bool) *overlay { return &overlay{entries: entries{scans: scans}} }

// write sets the value of a key and returns the key and the value before.
func (o *overlay) write(h uint64, tag byte, rest []byte, v ref) (k, old ref) {
	k = o.find(h, tag, rest)
	if k == none {
		k = o.insert(h, tag, rest)
		o.keys = append(o.keys, k)
	}
	old = o.value(k)
	o.replace(k, old, v)
	return k, old
}

// replace sets the value of a key whose value is old.
func (o *overlay) replace(k, old, v ref) {
	o.size += int64(o.valueLen(v) - o.valueLen(old))
	if old == none && v != none {
		o.changed++
		o.size += int64(len(o.keyAt(k)))
	}
	if old != none && v == none {
		o.changed--
		o.size -= int64(len(o.keyAt(k)))
	}
	o.setValue(k, v)
}

// get returns the value of a key; found is false if the overlay says nothing about
// it, and a deleted key is found with a nil value.
func (o *overlay) get(h uint64, tag byte, rest []byte) (value []byte, found bool) {
	if o.changed == 0 {
		return nil, false
	}
	k := o.find(h, tag, rest)
	if k == none {
		return nil, false
	}
	switch v := o.value(k); v {
	case none:
		return nil, false
	case tombstone:
		return nil, true
	default:
		return o.valueAt(v), true
	}
}

// each calls fn with each changed key and its value, nil if deleted, until fn
// returns an error.
func (o *overlay) each(fn func(key, value []byte) error) error {
	for _, k := range o.keys {
		v := o.value(k)
		if v == none {
			continue
		}
		var value []byte
		if v != tombstone {
			value = o.valueAt(v)
		}
		if err := fn(o.keyAt(k), value); err != nil {
			return err
		}
	}
	return nil
}

func (o *overlay) reset() {
	if cap(o.keys) > 8*len(o.keys)+64 {
		o.keys = nil
	}
	o.entries.reset()
	o.keys = o.keys[:0]
	o.changed, o.size = 0, 0
}

// SPDX-License-Identifier: Apache-2.0

package avro

import "github.com/connectd/connectd/connect"

// arrayStep reads an array. least is the number of bytes of its smallest element.
type arrayStep struct {
	elem  decoder
	least int
}

func (s *arrayStep) decode(c *cursor, out *connect.Value) error {
	if err := c.enter(); err != nil {
		return err
	}
	var list []connect.Value
	used := 0
	for {
		n, _, err := c.block(s.least)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if list, err = c.growValues(list, used, n); err != nil {
			return err
		}
		for range n {
			if err := s.elem.decode(c, &list[used]); err != nil {
				return inElement(err, used)
			}
			used++
		}
	}
	c.leave()
	*out = connect.Array(list[:used:used])
	return nil
}

// room says how long a list becomes that takes n further elements, 0 if it is long enough,
// and charges for it: blocks of one array after the other take memory in proportion to the
// whole.
func (c *cursor) room(length, used, n, each int) (int, error) {
	if used+n <= length {
		return 0, nil
	}
	size := used + n
	if used > 0 {
		size = max(size, 2*used)
	}
	return size, c.charge(size, each)
}

// growValues makes room for n further values.
func (c *cursor) growValues(list []connect.Value, used, n int) ([]connect.Value, error) {
	size, err := c.room(len(list), used, n, valueSize)
	if size == 0 || err != nil {
		return list, err
	}
	grown := c.arena.Values(size)
	copy(grown, list[:used])
	return grown, nil
}

func (c *cursor) growEntries(list []connect.MapEntry, used, n int) ([]connect.MapEntry, error) {
	size, err := c.room(len(list), used, n, entrySize)
	if size == 0 || err != nil {
		return list, err
	}
	grown := c.arena.Entries(size)
	copy(grown, list[:used])
	return grown, nil
}

// mapStep reads an Avro map.
type mapStep struct {
	elem  decoder
	least int
}

func (s *mapStep) decode(c *cursor, out *connect.Value) error {
	if err := c.enter(); err != nil {
		return err
	}
	var list []connect.MapEntry
	used := 0
	for {
		n, _, err := c.block(s.least)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if list, err = c.growEntries(list, used, n); err != nil {
			return err
		}
		for range n {
			key, err := c.bytes("a map key")
			if err != nil {
				return inElement(err, used)
			}
			list[used].Key = connect.StringOf(key)
			if err := s.elem.decode(c, &list[used].Value); err != nil {
				return inElement(err, used)
			}
			used++
		}
	}
	c.leave()
	*out = connect.Map(list[:used:used])
	return nil
}

// entriesStep reads a map whose keys are no strings: an array of records of a key and
// a value.
type entriesStep struct {
	fieldsStep
	key, value int // slots
	least      int
}

func (s *entriesStep) decode(c *cursor, out *connect.Value) error {
	if err := c.enter(); err != nil {
		return err
	}
	var list []connect.MapEntry
	slots := c.arena.Values(s.slots)
	used := 0
	for {
		n, _, err := c.block(s.least)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if list, err = c.growEntries(list, used, n); err != nil {
			return err
		}
		for range n {
			if err := s.read(c, slots); err != nil {
				return inElement(err, used)
			}
			list[used] = connect.MapEntry{Key: slots[s.key], Value: slots[s.value]}
			used++
		}
	}
	c.leave()
	*out = connect.Map(list[:used:used])
	return nil
}

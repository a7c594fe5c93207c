// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"unsafe"

	"github.com/connectd/connectd/connect"
)

// What the parts of values take, for the memory limit.
const (
	valueSize  = int(unsafe.Sizeof(connect.Value{}))
	entrySize  = int(unsafe.Sizeof(connect.MapEntry{}))
	structSize = int(unsafe.Sizeof(connect.Struct{}))
)

// fieldStep reads one field of the writer's record into a slot, or skips it.
type fieldStep struct {
	decode decoder // nil to skip
	skip   skipper
	slot   int
	name   string
}

// defaultStep fills a slot that the writer does not know. The value is shared by all
// records and lives as long as the plan.
type defaultStep struct {
	slot  int
	value connect.Value
}

// fieldsStep reads a record of the writer into the slots of the reader.
type fieldsStep struct {
	fields   []fieldStep
	defaults []defaultStep
	slots    int
}

func (s *fieldsStep) read(c *cursor, slots []connect.Value) error {
	for i := range s.fields {
		f := &s.fields[i]
		var err error
		if f.decode != nil {
			err = f.decode.decode(c, &slots[f.slot])
		} else {
			err = f.skip.skip(c)
		}
		if err != nil {
			return inField(err, f.name)
		}
	}
	for i := range s.defaults {
		slots[s.defaults[i].slot] = s.defaults[i].value
	}
	return nil
}

// values reads the record into slots that have been charged for.
func (s *fieldsStep) values(c *cursor) ([]connect.Value, error) {
	if err := c.enter(); err != nil {
		return nil, err
	}
	slots := c.arena.Values(s.slots)
	if err := s.read(c, slots); err != nil {
		return nil, err
	}
	c.leave()
	return slots, nil
}

// structStep makes structs of records.
type structStep struct {
	fieldsStep
	schema *connect.Schema
}

func (s *structStep) decode(c *cursor, out *connect.Value) error {
	if err := c.charge(structSize+s.slots*valueSize, 1); err != nil {
		return err
	}
	if err := c.enter(); err != nil {
		return err
	}
	st := c.arena.Struct(s.schema)
	if err := s.read(c, st.Values); err != nil {
		return err
	}
	c.leave()
	*out = connect.StructValue(st)
	return nil
}

// objectStep makes maps with string keys of records, where there is no schema.
type objectStep struct {
	fieldsStep
	names []connect.Value
}

func (s *objectStep) decode(c *cursor, out *connect.Value) error {
	if err := c.charge(valueSize+entrySize, s.slots+1); err != nil {
		return err
	}
	slots, err := s.values(c)
	if err != nil {
		return err
	}
	entries := c.arena.Entries(s.slots)
	for i := range entries {
		entries[i] = connect.MapEntry{Key: s.names[i], Value: slots[i]}
	}
	*out = connect.Map(entries)
	return nil
}

// anythingStep takes the first member that is not null out of the record that stands
// for a value without a schema.
type anythingStep struct{ fieldsStep }

func (s *anythingStep) decode(c *cursor, out *connect.Value) error {
	if err := c.charge(valueSize, s.slots); err != nil {
		return err
	}
	slots, err := s.values(c)
	if err != nil {
		return err
	}
	*out = connect.Null()
	for i := range slots {
		if !slots[i].IsNull() {
			*out = slots[i]
			return nil
		}
	}
	return nil
}

// memberStep puts the value of a branch into its field of the struct that stands for
// a union.
type memberStep struct {
	schema *connect.Schema
	slot   int
	inner  decoder
}

func (s *memberStep) decode(c *cursor, out *connect.Value) error {
	if err := c.charge(structSize+len(s.schema.Fields())*valueSize, 1); err != nil {
		return err
	}
	st := c.arena.Struct(s.schema)
	if err := s.inner.decode(c, &st.Values[s.slot]); err != nil {
		return err
	}
	*out = connect.StructValue(st)
	return nil
}

// branch reads the number of a branch of a union that has this many.
func (c *cursor) branch(of int) (int64, error) {
	n, err := c.long()
	if err == nil && (n < 0 || n >= int64(of)) {
		err = c.fail("branch %d of a union with %d", n, of)
	}
	return n, err
}

// unionStep reads the number of a branch of the writer's union.
type unionStep struct{ branches []decoder }

func (s *unionStep) decode(c *cursor, out *connect.Value) error {
	n, err := c.branch(len(s.branches))
	if err != nil {
		return err
	}
	if err := c.enter(); err != nil {
		return err
	}
	if err := s.branches[n].decode(c, out); err != nil {
		return err
	}
	c.leave()
	return nil
}

// nullableStep is a unionStep of null and one other branch.
type nullableStep struct {
	some  decoder
	which byte // the byte that announces some
}

func (s *nullableStep) decode(c *cursor, out *connect.Value) error {
	if c.pos >= len(c.data) {
		return c.short("a union")
	}
	switch c.data[c.pos] {
	case s.which:
		c.pos++
		return s.some.decode(c, out)
	case s.which ^ 2:
		c.pos++
		*out = connect.Null()
		return nil
	}
	n, err := c.long()
	if err == nil {
		err = c.fail("branch %d of a union with 2", n)
	}
	return err
}

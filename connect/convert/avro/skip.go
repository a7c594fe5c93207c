// SPDX-License-Identifier: Apache-2.0

package avro

import schema "github.com/connectd/connectd/connect/avro"

// skipper passes over one datum that the reader does not want. It checks what it
// passes as a decoder does, but for the content of scalars.
type skipper interface{ skip(c *cursor) error }

type skipNumber struct{}

func (skipNumber) skip(c *cursor) error {
	_, err := c.long()
	return err
}

type skipText struct{}

func (skipText) skip(c *cursor) error {
	_, err := c.bytes("bytes")
	return err
}

// skipFixed passes over data of one size; null is of size 0.
type skipFixed struct{ size int }

func (s skipFixed) skip(c *cursor) error {
	_, err := c.fixed(s.size, "a field that is not read")
	return err
}

type skipRecord struct{ fields []skipper }

func (s *skipRecord) skip(c *cursor) error {
	if err := c.enter(); err != nil {
		return err
	}
	for _, f := range s.fields {
		if err := f.skip(c); err != nil {
			return err
		}
	}
	c.leave()
	return nil
}

type skipUnion struct{ branches []skipper }

func (s *skipUnion) skip(c *cursor) error {
	n, err := c.branch(len(s.branches))
	if err != nil {
		return err
	}
	if err := c.enter(); err != nil {
		return err
	}
	if err := s.branches[n].skip(c); err != nil {
		return err
	}
	c.leave()
	return nil
}

// skipBlocks passes over an array or a map; blocks whose writer said their size are
// not looked into.
type skipBlocks struct {
	key, elem skipper // key is nil for arrays
	least     int
}

func (s *skipBlocks) skip(c *cursor) error {
	if err := c.enter(); err != nil {
		return err
	}
	for {
		n, size, err := c.block(s.least)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if size >= 0 {
			c.pos += size
			continue
		}
		if err := s.elements(c, n); err != nil {
			return err
		}
	}
	c.leave()
	return nil
}

func (s *skipBlocks) elements(c *cursor, n int) error {
	for i := range n {
		if s.key != nil {
			if err := s.key.skip(c); err != nil {
				return inElement(err, i)
			}
		}
		if err := s.elem.skip(c); err != nil {
			return inElement(err, i)
		}
	}
	return nil
}

// skipper returns the step that passes over data of w.
func (p *planner) skipper(w *schema.Schema) skipper {
	switch w.Type {
	case schema.Null:
		return skipFixed{0}
	case schema.Boolean:
		return skipFixed{1}
	case schema.Int, schema.Long, schema.Enum:
		return skipNumber{}
	case schema.Float:
		return skipFixed{4}
	case schema.Double:
		return skipFixed{8}
	case schema.Fixed:
		return skipFixed{w.Size}
	case schema.Array:
		return &skipBlocks{elem: p.skipper(w.Elem), least: p.least(w.Elem)}
	case schema.Map:
		return &skipBlocks{key: skipText{}, elem: p.skipper(w.Elem), least: 1 + p.least(w.Elem)}
	case schema.Union:
		s := &skipUnion{}
		for _, b := range w.Union {
			s.branches = append(s.branches, p.skipper(b))
		}
		return s
	case schema.Record:
		return p.skipRecord(w)
	}
	return skipText{}
}

func (p *planner) skipRecord(w *schema.Schema) skipper {
	if s, ok := p.skips[w]; ok {
		return s
	}
	s := &skipRecord{}
	p.skips[w] = s
	for i := range w.Fields {
		s.fields = append(s.fields, p.skipper(w.Fields[i].Schema))
	}
	return s
}

// least is the number of bytes of the smallest datum of w. It counts a record that
// contains itself as empty where it does so.
func (p *planner) least(w *schema.Schema) int {
	const enough = 1 << 20 // further bytes make no difference to any check
	switch w.Type {
	case schema.Null:
		return 0
	case schema.Float:
		return 4
	case schema.Double:
		return 8
	case schema.Fixed:
		return min(w.Size, enough)
	case schema.Union:
		most := enough
		for _, b := range w.Union {
			most = min(most, 1+p.least(b))
		}
		return most
	case schema.Record:
		if n, ok := p.leasts[w]; ok {
			return n
		}
		p.leasts[w] = 0
		n := 0
		for i := range w.Fields {
			n = min(n+p.least(w.Fields[i].Schema), enough)
		}
		p.leasts[w] = n
		return n
	}
	return 1
}

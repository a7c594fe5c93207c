// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

type readKey struct {
	topic string
	id    uint32
}

// reading is how messages of one id of one topic are read.
type reading struct {
	key   readKey
	plan  *decodePlan
	until time.Time
	err   error
}

// ToConnect reads a message; nil is null. Strings and bytes of the value alias data,
// everything else the arena, but for decimals. A message that is damaged or beyond the
// limits is a data error.
func (c *Converter) ToConnect(a *connect.Arena, topic string, data []byte) (*connect.Schema, connect.Value, error) {
	if data == nil {
		return nil, connect.Null(), nil
	}
	if len(data) == 0 || data[0] != magic {
		return nil, connect.Null(), readError(topic, javaErrorf("Unknown magic byte!"))
	}
	if len(data) < headerSize {
		return nil, connect.Null(), readError(topic, fmt.Errorf("a message of %d bytes has no schema id", len(data)))
	}
	key := readKey{topic, binary.BigEndian.Uint32(data[1:])}
	r := c.reading
	if r == nil || key != c.lastFrom || !r.until.IsZero() {
		var err error
		if r, err = c.findReading(key); err != nil {
			return nil, connect.Null(), readError(topic, err)
		}
	}
	if r.err != nil {
		return nil, connect.Null(), readError(topic, r.err)
	}
	c.cursor.reset(a, data[headerSize:], &c.limits)
	err := r.plan.root.decode(&c.cursor, &c.out)
	v := c.out
	c.out = connect.Null()
	if err == nil && c.failOnTrailing && c.cursor.left() > 0 {
		err = c.cursor.fail("Trailing data found after deserializing Avro message")
	}
	if err != nil {
		return nil, connect.Null(), readError(topic, javaErrorf("Error deserializing Avro message for id %d: %w", key.id, err))
	}
	return r.plan.schema, v, nil
}

func readError(topic string, err error) error {
	return &connect.DataError{Field: fieldOf(err), Err: javaErrorf("Failed to deserialize data for topic %s to Avro: %w", topic, err)}
}

func (c *Converter) findReading(key readKey) (*reading, error) {
	r, ok := c.reads.get(key)
	if !ok || c.expired(r.until) {
		key.topic = strings.Clone(key.topic) // it may live in the batch
		r = &reading{key: key}
		r.err = c.ask(func(ctx context.Context) error { return c.plan(ctx, r, key) })
		if connect.IsRetriable(r.err) {
			return nil, r.err
		}
		r.until = c.validity(r.err, c.readsLatest())
		c.reads.put(key, r)
	}
	c.lastFrom, c.reading = r.key, r
	return r, nil
}

// plan asks the registry for the schemas of a message and compiles how it is read.
func (c *Converter) plan(ctx context.Context, r *reading, key readKey) error {
	text, refs, err := c.registry.ByID(ctx, int(key.id))
	if err != nil {
		return javaErrorf("Error retrieving Avro %s schema for id %d: %w", c.what(), key.id, err)
	}
	w, err := parseRegistered(ctx, c.registry, text, refs)
	if err != nil {
		return fmt.Errorf("schema of id %d: %w", key.id, err)
	}
	subject, err := c.subject(key.topic, w)
	if err != nil {
		return err
	}
	reader, number, err := c.reader.fetch(ctx, c.registry, subject)
	if err != nil {
		return err
	}
	if reader == nil {
		reader = w
		if _, number, err = c.registry.Lookup(ctx, subject, text, refs, false); err != nil {
			if connect.IsRetriable(err) {
				return javaErrorf("Error retrieving Avro %s schema version for id %d: %w", c.what(), key.id, err)
			}
			number = 0 // a topic of another name: the schema has no version here
		}
	}
	to, err := c.toConnect(reader, number)
	if err != nil {
		return err
	}
	r.plan, err = compileDecoder(c.data, w, reader, to)
	return err
}

func (c *Converter) what() string {
	if c.key {
		return "key"
	}
	return "value"
}

// toConnect is the Connect schema of what is read. A schema that contains itself has
// none: its values come without.
func (c *Converter) toConnect(a *schema.Schema, number int) (*connect.Schema, error) {
	to, err := c.data.ToConnect(a, number)
	if err != nil && containsItself(a, map[*schema.Schema]bool{}) {
		return nil, nil
	}
	return to, err
}

// containsItself reports whether a record contains itself; open are the records around.
func containsItself(s *schema.Schema, open map[*schema.Schema]bool) bool {
	if s == nil {
		return false
	}
	if open[s] {
		return true
	}
	open[s] = true
	defer delete(open, s)
	if containsItself(s.Elem, open) {
		return true
	}
	for _, b := range s.Union {
		if containsItself(b, open) {
			return true
		}
	}
	for i := range s.Fields {
		if containsItself(s.Fields[i].Schema, open) {
			return true
		}
	}
	return false
}

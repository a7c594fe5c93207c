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

type writeKey struct {
	topic  string
	schema *connect.Schema
}

// writing is how values of one schema are written to one topic.
type writing struct {
	key    writeKey
	header [headerSize]byte
	plan   encoder
	until  time.Time
	err    error
}

type targetKey struct {
	subject string
	hash    uint64
}

// target is what the registry said about a schema.
type target struct {
	of    *connect.Schema
	avro  *schema.Schema
	id    int
	until time.Time
	err   error
}

// FromConnect appends a message. Null has no bytes, whatever its schema, unless the
// schema forbids it. A registry that is away is a connect.Retriable error; what it
// refuses is a data error that names subject, field and its message.
func (c *Converter) FromConnect(dst []byte, topic string, s *connect.Schema, v connect.Value) ([]byte, bool, error) {
	if v.IsNull() {
		if err := connect.Check(s, v); err != nil {
			return dst, false, writeError(topic, v, err)
		}
		return dst, true, nil
	}
	key := writeKey{topic, s}
	w := c.writing
	if w == nil || key != c.lastTo || !w.until.IsZero() {
		var err error
		if w, err = c.findWriting(key); err != nil {
			return dst, false, writeError(topic, v, err)
		}
	}
	if w.err != nil {
		return dst, false, writeError(topic, v, w.err)
	}
	out, err := w.plan.encode(append(dst, w.header[:]...), v)
	if err != nil {
		return dst, false, writeError(topic, v, err)
	}
	return out, false, nil
}

// writeError gives an error the words that users of the original search for.
func writeError(topic string, v connect.Value, err error) error {
	return &connect.DataError{Field: fieldOf(err), Err: javaErrorf("Failed to serialize Avro data from topic %s%s: %w", topic, tableOf(v), err)}
}

// findWriting takes the way to write from the cache or makes it; an error may pass and
// is not kept.
func (c *Converter) findWriting(key writeKey) (*writing, error) {
	w, ok := c.writes.get(key)
	if !ok || c.expired(w.until) {
		key.topic = strings.Clone(key.topic) // it may live in the batch
		made, err := c.makeWriting(key)
		if err != nil {
			return nil, err
		}
		w = made
		c.writes.put(key, w)
	}
	c.lastTo, c.writing = w.key, w
	return w, nil
}

func (c *Converter) makeWriting(key writeKey) (*writing, error) {
	t, err := c.findTarget(key)
	if err != nil {
		return nil, err
	}
	w := &writing{key: key, until: t.until, err: t.err}
	if t.err != nil {
		return w, nil
	}
	w.header[0] = magic
	binary.BigEndian.PutUint32(w.header[1:], uint32(t.id))
	if w.plan, w.err = compileEncoder(c.data, key.schema, t.avro); w.err != nil {
		w.until = c.validity(w.err, false)
		t.until = w.until // the latest version may be another one by then
	}
	return w, nil
}

// findTarget asks the registry once for a subject and schemas that are equal.
func (c *Converter) findTarget(key writeKey) (*target, error) {
	own, err := c.data.FromConnect(key.schema)
	if err != nil {
		return &target{err: err, until: c.validity(err, false)}, nil
	}
	subject, err := c.subject(key.topic, own)
	if err != nil {
		return &target{err: err, until: c.validity(err, false)}, nil
	}
	k := targetKey{subject: subject}
	if key.schema != nil {
		k.hash = key.schema.Hash()
	}
	if t, ok := c.targets.get(k); ok && t.of.Equal(key.schema) && !c.expired(t.until) {
		return t, nil
	}
	t := &target{of: key.schema, avro: own}
	t.err = c.ask(func(ctx context.Context) error { return c.aim(ctx, t, subject, own) })
	if connect.IsRetriable(t.err) {
		return nil, t.err
	}
	t.until = c.validity(t.err, c.useLatest && !c.autoRegister)
	c.targets.put(k, t)
	return t, nil
}

// aim finds the Avro schema under which values are written, and its id.
func (c *Converter) aim(ctx context.Context, t *target, subject string, own *schema.Schema) (err error) {
	switch {
	case c.autoRegister:
		if t.id, err = c.registry.Register(ctx, subject, own.String(), nil, c.normalize); err != nil {
			return c.refused(ctx, subject, own, err)
		}
		return nil
	case c.useID >= 0:
		if t.avro, err = fetchID(ctx, c.registry, c.useID); err != nil {
			return javaErrorf("Error retrieving schema ID %d: %w", c.useID, err)
		}
		t.id = c.useID
		return strictly(c.idStrict && t.of != nil, t.avro, own, fmt.Sprintf("schema ID %d", c.useID), keyIDStrict)
	case c.useLatest:
		if t.avro, t.id, _, err = FetchSchema(ctx, c.registry, subject, Latest); err != nil {
			return javaErrorf("Error retrieving latest version of Avro schema of subject %s: %w", subject, err)
		}
		return strictly(c.latestStrict && t.of != nil, t.avro, own, "the latest version of subject "+subject, keyLatestStrict)
	}
	if t.id, _, err = c.registry.Lookup(ctx, subject, own.String(), nil, c.normalize); err != nil {
		return javaErrorf("Error retrieving Avro schema of subject %s, and %s=false: %w", subject, keyAutoRegister, err)
	}
	return nil
}

// strictly checks that a schema can read what would be written under the own one. For
// values without a schema the plan has a better error.
func strictly(strict bool, a, own *schema.Schema, what, key string) error {
	if !strict {
		return nil
	}
	found, err := schema.CanRead(a, own)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%s cannot read the values' schema: %s. Set %s=false to disable this check", what, describe(found), key)
}

func describe(found []schema.Incompatibility) string {
	texts := make([]string, len(found))
	for i, f := range found {
		texts[i] = fmt.Sprintf("%s at %s: %s", f.Type, f.Path, f.Detail)
	}
	return strings.Join(texts, "; ")
}

// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"bytes"

	"github.com/connectd/connectd/connect"
)

// envelope is what the two members of {"schema":…,"payload":…} hold.
type envelope struct {
	// known is the schema if its text is that of the last one; else schema holds the
	// description, and schemaText its bytes.
	known       *connect.Schema
	schema      connect.Value
	schemaText  []byte
	payload     connect.Value
	payloadText []byte
	// complete says that both members are there, and no other.
	complete bool
}

// parseEnvelope reads a document. A schema whose text is that of the last one is
// stepped over without being read again: it is the larger part of most messages.
func (j *JSON) parseEnvelope(a *connect.Arena, data []byte) (envelope, error) {
	d := &j.decoder
	d.data, d.arena, d.pos, d.depth = data, a, 0, 0
	defer d.release()
	d.space()
	if d.pos >= len(data) {
		return envelope{}, nil
	}
	if data[d.pos] != '{' {
		_, err := d.value()
		return envelope{}, err
	}
	if err := d.enter(); err != nil {
		return envelope{}, err
	}
	if d.pos < len(data) && data[d.pos] == '}' {
		return envelope{}, nil
	}
	var e envelope
	var seen, extra int
	for {
		bit, err := j.envelopeMember(&e)
		if err != nil {
			return e, err
		}
		if seen |= bit; bit == 0 {
			extra++
		}
		d.space()
		if d.pos < len(data) && data[d.pos] == ',' {
			d.pos++
			d.space()
			continue
		}
		if d.pos < len(data) && data[d.pos] == '}' {
			e.complete = seen == 3 && extra == 0
			return e, nil
		}
		return e, d.unexpected("',' or '}' after an object's member")
	}
}

// envelopeMember reads one member: 1 for the schema, 2 for the payload, 0 for
// another one.
func (j *JSON) envelopeMember(e *envelope) (int, error) {
	d := &j.decoder
	if d.pos >= len(d.data) || d.data[d.pos] != '"' {
		return 0, d.unexpected("a key in double quotes")
	}
	d.pos++
	key, err := d.str()
	if err != nil {
		return 0, err
	}
	if d.space(); d.pos >= len(d.data) || d.data[d.pos] != ':' {
		return 0, d.unexpected("':' after a key")
	}
	d.pos++
	d.space()
	start := d.pos
	isSchema := string(key) == "schema"
	if isSchema && j.lastRead != nil && bytes.HasPrefix(d.data[start:], j.lastReadText) {
		d.pos += len(j.lastReadText)
		e.known = j.lastRead
		return 1, nil
	}
	v, err := d.value()
	if err != nil {
		return 0, err
	}
	switch {
	case isSchema:
		e.known, e.schema, e.schemaText = nil, v, d.data[start:d.pos]
		return 1, nil
	case string(key) == "payload":
		e.payload, e.payloadText = v, d.data[start:d.pos]
		return 2, nil
	}
	return 0, nil
}

// schemaOf returns the schema of an envelope, from the caches if it was met before.
func (j *JSON) schemaOf(e envelope) (*connect.Schema, error) {
	if e.known != nil {
		return e.known, nil
	}
	if e.schema.IsNull() {
		return nil, nil
	}
	s, ok := j.schemas.get(alias(e.schemaText))
	if !ok {
		var err error
		if s, err = j.read.schema(e.schema); err != nil {
			return nil, err
		}
		j.schemas.put(string(e.schemaText), s)
	}
	j.lastRead, j.lastReadText = s, bytes.Clone(e.schemaText)
	return s, nil
}

// parseSchema reads the text of a schema.
func (j *JSON) parseSchema(text []byte) (*connect.Schema, error) {
	var a connect.Arena
	v, err := j.decoder.Decode(&a, text)
	if err != nil {
		return nil, asReadError(err)
	}
	s, err := j.read.schema(v)
	return s, asDataError(err)
}
